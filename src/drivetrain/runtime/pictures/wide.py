"""Values wider than 8 bits: which of them a picture has, and how they become 0 to 255.

Without a range, 16 bits keep their upper byte. Data of 10, 12 or 14 bits in files of 16 would so become nearly black:
`drivetrain.images` looks at all files of a data set and decides on one range, which travels with the model.
Legend: H rows, W columns, C channels.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from drivetrain.runtime.pictures.faults import UnreadableError

ValueRange = tuple[int, int]
"""What becomes 0 and what becomes 255; values outside are cut off."""

MOST = 65_535
_OTHER = "B" if sys.byteorder == "little" else "L"
_SWAPPED = {
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGB;16N": f"RGB;16{_OTHER}",
    "RGBA;16B": "RGBA;16L",
    "RGBA;16L": "RGBA;16B",
    "RGBA;16N": f"RGBA;16{_OTHER}",
}
"""Pillow reads 16 bits per colour as their upper byte; told the other order of bytes, it gives the lower one."""


def to_bytes(array: NDArray[Any], value_range: ValueRange | None) -> NDArray[np.uint8]:
    """8-bit values as they are; wider integers by the range, or, where there is none, divided by 256.

    Raises:
        UnreadableError: There is no range, and values lie outside 0 to 65535.

    Example:
        >>> to_bytes(np.array([[0, 4095]], dtype=np.uint16), None), to_bytes(np.array([[0, 4095]]), (0, 4095))
        (array([[ 0, 15]], dtype=uint8), array([[  0, 255]], dtype=uint8))
    """
    if array.dtype == np.uint8:
        return array
    if array.size and not 0 <= int(array.min()) <= int(array.max()) <= MOST:
        raise UnreadableError(f"unknown range of values: {array.min()} to {array.max()}; expected 0 to 65535")
    if value_range is None:
        return np.right_shift(array, 8, out=np.empty(array.shape, np.uint8), casting="unsafe")
    low, high = value_range
    lifted = np.clip(np.arange(MOST + 1), low, high) - low
    table = np.rint(lifted * (255 / (high - low))).astype(np.uint8)  # no copy of the picture in floats
    return table[array]


def is_wide_colour(image: Image.Image) -> bool:
    """Whether an opened, not yet loaded picture has colours of 16 bits, of which Pillow would give the upper byte."""
    return _raw_mode(image) in _SWAPPED


def lower_bytes(image: Image.Image) -> Image.Image:
    """The same picture, opened anew and not yet loaded, made to give the lower bytes of its colours."""
    opened: Any = image

    def swapped(arguments: Any) -> Any:
        return _SWAPPED[arguments] if isinstance(arguments, str) else (_SWAPPED[arguments[0]], *arguments[1:])

    opened.tile = [tile._replace(args=swapped(tile.args)) for tile in opened.tile]
    return image


def joined_colours(upper: Image.Image, lower: Image.Image, value_range: ValueRange) -> Image.Image:
    """An 8-bit picture by the range; opacity keeps its upper byte."""
    high, low = np.asarray(upper), np.asarray(lower)
    wide = high.astype(np.uint16) << 8 | low
    pixels = to_bytes(wide, value_range)
    if upper.mode == "RGBA":
        pixels = np.dstack([pixels[:, :, :3], high[:, :, 3]])
    return Image.fromarray(pixels)


def values_of(image: Image.Image, *, wide_colour: bool) -> ValueRange | None:
    """Smallest and largest value of a loaded picture of more than 8 bits; None for others.

    Of 16-bit colours the upper bytes tell it to within 255.
    """
    if wide_colour:
        bands = np.asarray(image)[:, :, :3]
        return (int(bands.min()) << 8, (int(bands.max()) << 8) + 255)
    if not image.mode.startswith("I"):
        return None
    return values_in(np.asarray(image))


def values_in(array: NDArray[Any]) -> ValueRange | None:
    """Smallest and largest value of an array of wide integers."""
    return None if array.dtype.itemsize == 1 or not array.size else (int(array.min()), int(array.max()))


def _raw_mode(image: Image.Image) -> str:
    tiles: Any = getattr(image, "tile", None)
    if not tiles:
        return ""
    arguments = tiles[0][3]
    return str(arguments if isinstance(arguments, str) else arguments[0]) if arguments else ""
