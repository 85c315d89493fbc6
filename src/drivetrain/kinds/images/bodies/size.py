"""At which size pictures are shown to a body, where nobody says: by their own size, and the body's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from drivetrain.kinds.images.bodies.fit import header_sizes
from drivetrain.kinds.images.spec import Fit
from drivetrain.runtime.decisions import Decision

ENLARGED = 2
"""Small pictures are shown at so many times their side. A body finds things that are as large as those it was trained
on; but an enlarged picture holds nothing new, and what it costs grows with the square."""
STRIDE = 32
"""Convolutional bodies halve the side five times: multiples of this leave no odd maps."""
LEAST = 4 * STRIDE
"""Below, what such a body sees at last has fewer than 4 × 4 points."""


def choose_size(asked: int | None, paths: Sequence[Path], fit: Fit, *, trained_px: int, fixed: bool) -> Decision:
    """Side of the pictures in px: as asked; else what the weights were trained with, or less for small pictures.

    Args:
        asked: What the user chose.
        paths: Of the training pictures.
        fit: What becomes of pictures that are not square.
        trained_px: Side of the pictures that the weights were trained with; it is never exceeded without a word.
        fixed: Whether the body reads that size only.

    Example:
        >>> str(choose_size(96, [], "crop", trained_px=224, fixed=False))
        '96 (as asked)'
    """
    if asked is not None:
        return Decision(value=asked, reason="as asked")
    if fixed:
        return Decision(value=trained_px, reason="the only size that this body reads")
    side = _middle_side(paths, fit)
    if side is None:
        return Decision(value=trained_px, reason="what this body was made for")
    shown = max(LEAST, STRIDE * math.ceil(ENLARGED * side / STRIDE))
    if shown >= trained_px:
        return Decision(value=trained_px, reason=f"what this body was made for; the median picture has {side} px")
    more = (trained_px / shown) ** 2
    reason = (
        f"the median picture has {side} px, and this body sees little below {LEAST}"
        if shown == LEAST
        else f"twice the {side} px of the median picture"
    )
    reason += f"; {trained_px} px, its own size, take {more:.1f} times the work a picture: size={trained_px} chooses it"
    return Decision(value=shown, reason=reason)


def _middle_side(paths: Sequence[Path], fit: Fit) -> int | None:
    """Of the median picture, in px: the side that becomes the network's; None where no header tells."""
    sides = [min(size) if fit == "crop" else max(size) for size in header_sizes(paths)]
    return round(float(np.median(sides))) if sides else None
