"""The ways in which a picture can be turned without losing a pixel, and turned to its negative: sixteen in all.

A turn is a number: the sum of what is done, in the order below.
"""

from __future__ import annotations

from PIL import Image, ImageOps

AS_IT_IS = 0
TURNED = 4
"""Rows and columns change places; with one of the next two, a quarter turn."""
MIRRORED = 1
"""Left to right."""
UPSIDE_DOWN = 2
"""Top to bottom; with `MIRRORED`, half a turn."""
INVERTED = 8
"""Light becomes dark: a negative."""
TURNS = tuple(range(16))


def turn_picture(image: Image.Image, turn: int) -> Image.Image:
    """The picture in one of its turns.

    Example:
        >>> turn_picture(Image.new("RGB", (30, 20)), TURNED | MIRRORED).size
        (20, 30)
    """
    if turn & TURNED:
        image = image.transpose(Image.Transpose.TRANSPOSE)
    if turn & MIRRORED:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if turn & UPSIDE_DOWN:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return ImageOps.invert(image) if turn & INVERTED else image
