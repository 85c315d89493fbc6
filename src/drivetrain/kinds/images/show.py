"""What a page shows of a picture: a small copy that travels inside it."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from drivetrain.errors import DataError
from drivetrain.pages.html import Html, tag
from drivetrain.runtime.pictures.read import PictureSource, read_picture
from drivetrain.runtime.pictures.wide import ValueRange
from drivetrain.runtime.spec import Arrays
from drivetrain.runtime.targets import Array

SIDE_PX = 192
"""Longest side: sharp on dense screens at the size it is shown."""
QUALITIES = (82, 60, 35)
MOST_BYTES = 24_000
"""Of one picture; one that needs more is stored coarser, and smaller in the end."""
MOST_CHANNELS = 16
"""An array with more of them has its channels first."""
TINY_PX = 64
"""Pictures up to this side are shown with visible pixels rather than blurred."""


def thumbnail(picture: Array, *, side_px: int = SIDE_PX, most_bytes: int = MOST_BYTES) -> bytes:
    r"""A JPEG of at most `most_bytes` of an (H, W) or (H, W, C) uint8 picture.

    Other numbers of channels than 3 are shown by their average (4: transparency is left out).

    Raises:
        DataError: The array is no picture.

    Example:
        >>> thumbnail(np.zeros((400, 300, 3), dtype=np.uint8))[:3]
        b'\xff\xd8\xff'
    """
    image = Image.fromarray(_rgb_or_grey(np.asarray(picture)))
    side = side_px
    while True:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        for quality in QUALITIES:
            file = io.BytesIO()
            image.save(file, format="JPEG", quality=quality, optimize=True)
            if file.tell() <= most_bytes:
                return file.getvalue()
        side //= 2


def show(loaded: Arrays, /, *, alt: str = "", side_px: int = SIDE_PX) -> Html:
    """An ``img`` element that holds the picture.

    Args:
        loaded: One array, (H, W) or (H, W, C), uint8.
        alt: What stands for it where it cannot be seen.
        side_px: Of its longest side, at most.

    Raises:
        DataError: The array is no picture.
    """
    picture = np.asarray(loaded[0])
    most_bytes = round(MOST_BYTES * max(1.0, side_px / SIDE_PX) ** 2)
    data = base64.b64encode(thumbnail(picture, side_px=side_px, most_bytes=most_bytes)).decode()
    height, width = picture.shape[:2]
    shrunk = max(height, width, side_px) / side_px
    return tag(
        "img",
        src=f"data:image/jpeg;base64,{data}",
        alt=alt,
        width=max(1, round(width / shrunk)),
        height=max(1, round(height / shrunk)),
        class_="tiny" if max(height, width) <= TINY_PX else None,
        decoding="async",
    )


def show_source(
    source: PictureSource, /, *, alt: str = "", side_px: int = SIDE_PX, value_range: ValueRange | None = None, **_: Any
) -> Html:
    """The same of a picture that no model has read yet.

    Args:
        source: A path, bytes or an array.
        alt: As for `show`.
        side_px: As for `show`.
        value_range: What becomes black and white of values with more than 8 bits.

    Raises:
        PictureError: It cannot be read.
    """
    return show((read_picture(source, shrink_to_px=side_px, value_range=value_range),), alt=alt, side_px=side_px)


def _rgb_or_grey(picture: Array) -> Array:
    flat = picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] <= MOST_CHANNELS)
    if not flat or not picture.size or picture.dtype != np.uint8:
        raise DataError(
            f"an array of {picture.dtype} and shape {picture.shape} is no picture: (H, W, C) of uint8 is expected. "
            "To fix: move the channels last."
        )
    if picture.ndim == 2 or picture.shape[2] == 3:
        return np.ascontiguousarray(picture)
    if picture.shape[2] == 4:
        return np.ascontiguousarray(picture[:, :, :3])
    return picture.mean(axis=2).round().astype(np.uint8)
