"""Small pictures that travel inside the page."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from drivetrain.errors import DataError
from drivetrain.pages.html import Html, tag
from drivetrain.runtime.targets import Array

SIDE_PX = 192
"""Longest side: sharp on dense screens at the size it is shown."""
QUALITIES = (82, 60, 35)
MOST_BYTES = 24_000
"""Of one picture; one that needs more is stored coarser, and smaller in the end."""
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


def picture_tag(picture: Array, alt: str) -> Html:
    """An ``img`` element that holds the picture."""
    data = base64.b64encode(thumbnail(picture)).decode()
    height, width = np.asarray(picture).shape[:2]
    tiny = max(height, width) <= TINY_PX
    shrunk = max(height, width, SIDE_PX) / SIDE_PX
    return tag(
        "img",
        src=f"data:image/jpeg;base64,{data}",
        alt=alt,
        width=max(1, round(width / shrunk)),
        height=max(1, round(height / shrunk)),
        class_="tiny" if tiny else None,
        decoding="async",
    )


def _rgb_or_grey(picture: Array) -> Array:
    if picture.ndim not in (2, 3) or not picture.size or picture.dtype != np.uint8:
        raise DataError(
            f"an array of {picture.dtype} and shape {picture.shape} is no picture: (H, W, C) of uint8 is expected."
        )
    if picture.ndim == 2 or picture.shape[2] == 3:
        return np.ascontiguousarray(picture)
    if picture.shape[2] == 4:
        return np.ascontiguousarray(picture[:, :, :3])
    return picture.mean(axis=2).round().astype(np.uint8)
