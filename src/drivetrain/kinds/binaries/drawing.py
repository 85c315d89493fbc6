"""Bytes as a picture: how they are laid out, and what its three channels show. Nothing is run, and nothing unpacked.

Legend: n bytes, H rows and W columns of the picture.

========== ==================================================================================================
channel    from 0 to 255
========== ==================================================================================================
value      the byte itself
entropy    of the 256 bytes around, 0 to 8 bits: low in tables and text, high where it is packed or encrypted
class      0 for a zero byte, then control, printable, high (128 and above), and 255 for the byte 255
========== ==================================================================================================

The picture of pairs shows which byte follows which, one, two and four bytes later, as its three channels: it says
nothing of where in the file something stands, and so is what stays when code is moved from one version to the next.

Sources: widths by file size, Nataraj et al. 2011 (Malware images, VizSec), table 1; a Hilbert curve and classes of
bytes as in binvis (Cortesi 2011); pairs of bytes, Conti and Dean 2008 (Visual reverse engineering of binaries).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]
Layout = Literal["width", "hilbert"]

WIDTHS = ((10, 32), (30, 64), (60, 128), (100, 256), (200, 384), (500, 512), (1000, 768))
"""Files of less than so many kilobytes → bytes in a row of their picture; larger ones have `WIDEST`."""
WIDEST = 1024
KILOBYTE = 1024
BLOCK = 256
"""Bytes that share one value of entropy."""
LARGEST_ORDER = 10
"""Of a Hilbert curve: 1,024 × 1,024 cells hold a mebibyte, as much as is read of a file."""

LAGS = (1, 2, 4)
RAREST, MOST_USUAL = -18.0, -4.0
"""Logarithms (base 2) of the share of a pair that is drawn as 0, and as 255."""

_CLASS = np.zeros(256, np.uint8)
_CLASS[1:] = 64
_CLASS[[9, 10, 13, *range(32, 127)]] = 128
_CLASS[128:] = 192
_CLASS[255] = 255

_COUNTS = np.arange(BLOCK + 1, dtype=np.float64)
_C_LOG_C = _COUNTS * np.log2(np.maximum(_COUNTS, 1))


def width_of(n: int) -> int:
    """Bytes in a row of the picture of a file.

    Example:
        >>> [width_of(kilobytes * 1024) for kilobytes in (5, 20, 96, 5000)]
        [32, 64, 256, 1024]
    """
    return next((width for kilobytes, width in WIDTHS if n < kilobytes * KILOBYTE), WIDEST)


def entropy_of(content: Bytes) -> NDArray[np.float64]:
    """Bits of each block of 256 bytes, 0 to 8; of the last one as far as it goes.

    Example:
        >>> entropy_of(np.concatenate([np.zeros(256), np.arange(256), [7, 9]]).astype(np.uint8)).tolist()
        [0.0, 8.0, 1.0]
    """
    n = len(content)
    blocks = -(-n // BLOCK)
    slots = (np.arange(n) // BLOCK) * 256 + content
    counts = np.bincount(slots, minlength=blocks * 256).reshape(blocks, 256)
    lengths = np.full(blocks, BLOCK)
    lengths[-1] = n - (blocks - 1) * BLOCK
    return np.log2(lengths) - _C_LOG_C[counts].sum(axis=1) / lengths


def channels_of(content: Bytes) -> tuple[Bytes, Bytes, Bytes]:
    """Value, entropy and class of each byte, (n,) each."""
    entropy = np.clip(np.round(entropy_of(content) * (255 / 8)), 0, 255).astype(np.uint8)
    return content, np.repeat(entropy, BLOCK)[: len(content)], _CLASS[content]


def whole_picture(content: Bytes, layout: Layout, height: int, width: int) -> Bytes:
    """All bytes in one picture, (3, H, W): laid out by their number, then shrunk by the mean over areas.

    What is smaller than the picture is enlarged without smoothing; cells behind the end are 0.
    """
    lay_out = _in_rows if layout == "width" else _on_curve
    return np.stack([_resized(lay_out(channel), height, width) for channel in channels_of(content)])


def piece_picture(content: Bytes, layout: Layout, height: int, width: int) -> Bytes:
    """At most H · W bytes, one for each pixel, (3, H, W); what is missing at the end is 0."""
    if layout == "hilbert":
        return whole_picture(_filled(content, height * width), layout, height, width)
    return np.stack([_filled(channel, height * width).reshape(height, width) for channel in channels_of(content)])


def pairs_picture(content: Bytes, height: int, width: int) -> Bytes:
    """How often each byte is followed by each, (3, H, W): rows by the first byte, on a scale of logarithms.

    Example:
        >>> pairs_picture(np.array([0, 0, 0, 0, 0], np.uint8), 256, 256)[:, 0, :2].tolist()
        [[255, 0], [255, 0], [255, 0]]
    """
    return np.stack([_resized(_pairs(content, lag), height, width) for lag in LAGS])


def _pairs(content: Bytes, lag: int) -> Bytes:
    first, second = content[:-lag].astype(np.int64), content[lag:]
    counts = np.bincount(first * 256 + second, minlength=256 * 256).reshape(256, 256)
    share = np.log2(np.maximum(counts / max(1, len(first)), 2**RAREST))
    drawn = np.clip((share - RAREST) / (MOST_USUAL - RAREST), 0, 1) * 255
    return np.round(drawn).astype(np.uint8)


def _filled(channel: Bytes, n: int) -> Bytes:
    return np.concatenate([channel, np.zeros(n - len(channel), np.uint8)])


def _in_rows(channel: Bytes) -> Bytes:
    width = width_of(len(channel))
    rows = -(-len(channel) // width)
    return _filled(channel, rows * width).reshape(rows, width)


def _on_curve(channel: Bytes) -> Bytes:
    """The smallest square whose side is a power of two that holds them: appending moves nothing until it is full."""
    order = order_of(len(channel))
    cells = np.zeros(4**order, np.uint8)
    cells[curve(order)[: len(channel)]] = channel
    return cells.reshape(2**order, 2**order)


def order_of(n: int) -> int:
    """Of the smallest curve with n cells.

    Example:
        >>> order_of(1), order_of(1024), order_of(1025)
        (0, 5, 6)
    """
    return next(order for order in range(LARGEST_ORDER + 1) if 4**order >= n)


@lru_cache(maxsize=LARGEST_ORDER + 1)
def curve(order: int) -> NDArray[np.int64]:
    """Cell (row · side + column) of each step along a Hilbert curve, (4^order,): neighbours stay neighbours.

    Source: the usual iteration over the digits in base 4 (Warren, Hacker's Delight, chapter 16).

    Example:
        >>> curve(1).tolist()
        [0, 1, 3, 2]
    """
    rows, columns = np.zeros((2, 1), np.int64)
    for level in range(order):
        side = 2**level
        rows, columns = (
            np.concatenate([columns, rows, rows + side, 2 * side - 1 - columns]),
            np.concatenate([rows, columns + side, columns + side, side - 1 - rows]),
        )
    return rows * 2**order + columns


def _resized(cells: Bytes, height: int, width: int) -> Bytes:
    if cells.shape == (height, width):
        return cells
    return cast("Bytes", np.asarray(Image.fromarray(cells).resize((width, height), Image.Resampling.BOX)))
