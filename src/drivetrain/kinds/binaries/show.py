"""What a page shows of a file: the picture of its bytes, value in grey with entropy and class as colour."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from drivetrain.kinds.binaries.drawing import Bytes, Layout, whole_picture
from drivetrain.kinds.binaries.reading import read
from drivetrain.kinds.images.show import show as show_picture
from drivetrain.pages.html import Html
from drivetrain.runtime.spec import Arrays

SHOWN_PX = 128
"""Side of the drawing of a whole file."""


def show(loaded: Arrays, /, *, alt: str = "", side_px: int = SHOWN_PX, layout: Layout = "width") -> Html:
    """An ``img`` of a file's bytes, (n,) uint8, or of pictures that were drawn of it, (…, 3, H, W).

    Args:
        loaded: What the description of the kind loads, or a view.
        alt: What stands for it where it cannot be seen.
        side_px: Of its longest side, at most.
        layout: Of the bytes.
    """
    array = np.asarray(loaded[0])
    picture = array if array.ndim > 1 else whole_picture(array, layout, SHOWN_PX, SHOWN_PX)
    if picture.ndim == 4:  # several windows, side by side
        picture = cast("Bytes", np.concatenate(list(picture), axis=2))
    return show_picture((coloured(picture),), alt=alt, side_px=side_px)


def show_source(source: Any, /, *, alt: str = "", side_px: int = SHOWN_PX, layout: Layout = "width", **_: Any) -> Html:
    """The same of a file that no model has read yet; raises InputError."""
    return show((read(source),), alt=alt, side_px=side_px, layout=layout)


def coloured(picture_CHW: Bytes) -> Bytes:
    """(H, W, 3) with value, entropy and class as red, green and blue.

    Example:
        >>> coloured(np.zeros((3, 4, 5), np.uint8)).shape
        (4, 5, 3)
    """
    return np.ascontiguousarray(picture_CHW.transpose(1, 2, 0))
