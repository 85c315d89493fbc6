"""How a picture that is not square becomes the square that a network reads, chosen by what would be lost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.formats import FORMATS
from drivetrain.runtime.files.members import opened
from drivetrain.runtime.pictures.faults import UnreadableError, faults_explained, pillow_is_quiet

if TYPE_CHECKING:
    from drivetrain.kinds.images.spec import Fit

LEAST_KEPT = 0.5
"""Where the centre square of the median picture keeps less than this share of it, the whole picture is read."""
SAME_SHAPE = 1.25
"""Pictures whose width over height differs by at most this factor (10th to 90th percentile) have one shape."""
MANY_CUT = 0.05
"""From this share of pictures on, those that lose more than half are mentioned."""
MOST_HEADERS = 400
"""Files whose size is looked up: reading a header takes a tenth of a millisecond."""


def choose_fit(asked: Fit | None, paths: Sequence[Path]) -> Decision:
    """The centre square where it keeps most of the pictures, else all of them, squeezed or padded.

    Args:
        asked: What the user chose.
        paths: Of the training pictures.

    Example:
        >>> str(choose_fit("pad", []))
        'pad (as asked)'
    """
    if asked is not None:
        return Decision(value=asked, reason="as asked")
    shapes = np.array([width / height for width, height in header_sizes(paths)], dtype=np.float64)
    if not len(shapes):
        return Decision(value="crop", reason="the centre square, the default")
    kept = np.minimum(shapes, 1 / shapes)
    middle = float(np.median(kept))
    if middle >= LEAST_KEPT:
        cut = float((kept < LEAST_KEPT).mean())
        reason = f"the centre square keeps {middle:.0%} of the median picture"
        if cut >= MANY_CUT:
            reason += f"; {cut:.0%} of the pictures lose more than half: fit='pad' or 'squeeze' keeps all of them"
        return Decision(value="crop", reason=reason)
    low, high = np.quantile(shapes, [0.1, 0.9])
    lost = f"the centre square would lose {1 - middle:.0%} of the median picture"
    if high <= SAME_SHAPE * low:
        return Decision(value="squeeze", reason=f"{lost}, and all have about one shape; else pass fit='crop' or 'pad'")
    return Decision(value="pad", reason=f"{lost}, and their shapes differ; else pass fit='crop' or 'squeeze'")


def header_sizes(paths: Sequence[Path]) -> list[tuple[int, int]]:
    """Width and height in px of evenly chosen files, as far as their headers tell."""
    chosen = np.unique(np.linspace(0, len(paths) - 1, MOST_HEADERS).astype(int)).tolist() if paths else []
    return [size for row in chosen if (size := _size(paths[row])) is not None]


def _size(path: Path) -> tuple[int, int] | None:
    """Width and height by the file's header, upright; None where it is no such file (`.npy`) or damaged."""
    try:
        with (
            pillow_is_quiet(),
            faults_explained(),
            opened(path) as file,
            Image.open(file, formats=list(FORMATS)) as image,
        ):
            sideways = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            return (image.height, image.width) if sideways else (image.width, image.height)
    except UnreadableError:
        return None
