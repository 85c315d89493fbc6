"""What a picture looks like, in 82 bytes: copies that were saved anew, resized, brightened or mirrored keep them.

The bytes: version 1 · number of clear waves (0–255) · 256 signs of waves, the slowest first (32 bytes) · mean colours
of a grid of 4 × 4 (48 bytes). A picture with a border of one colour has 82 bytes more: the same of what is inside it.
A wave is a coefficient of the discrete cosine transform of the picture at 32 × 32 grey pixels. Its sign survives what
keeps the shapes; mirroring turns the signs of the odd columns. Legend: H rows, W columns, C channels.

After Zauner (2010), "Implementation and benchmarking of perceptual image hash functions", chapter 3, and Facebook's PDQ
(2019), which takes 256 coefficients; here they are the slowest in any direction, compared with zero instead of their
median, so that the signature of a mirrored picture follows from that of the picture.
"""

from __future__ import annotations

from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

VERSION = 1
GRID_PX = 32
N_WAVES = 256
COLOUR_GRID = 4
CLEAR = 4.0
"""A wave of at least this size is no noise: saving as JPEG moves most waves by less (grey levels, orthonormal)."""
CLEAR_SHARE = 0.1
"""... and at least this share of the waves' root mean square: drawings and enlarged pictures have few such."""
ZERO = 1e-6
"""Waves that are zero but for rounding get one sign."""
LUMINANCE = np.array([0.299, 0.587, 0.114])

HEAD_BYTES = 2
WAVE_BYTES = N_WAVES // 8
COLOUR_BYTES = COLOUR_GRID * COLOUR_GRID * 3
Box = tuple[float, float, float, float]
"""Left, upper, right and lower edge in pixels."""

SIGNATURE_BYTES = HEAD_BYTES + WAVE_BYTES + COLOUR_BYTES

BORDER_LEVELS = 10
"""How far a line of a border may stray from its colour in the mean, in levels: JPEG makes it ripple."""
LEAST_MIXED = 0.2
"""A line that is so much nearer to the border's colour than the one behind it is partly border."""
MOST_BORDER = 0.25
"""Of each side; where more is of one colour, it is paper rather than a border."""


def _cosines() -> NDArray[np.float64]:
    """The orthonormal cosine transform (GRID_PX, GRID_PX): one wave per row."""
    wave, place = np.mgrid[:GRID_PX, :GRID_PX]
    cosines = np.cos(np.pi * wave * (2 * place + 1) / (2 * GRID_PX)) * np.sqrt(2 / GRID_PX)
    cosines[0] /= np.sqrt(2)
    return cosines


def _slowest() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the N_WAVES slowest waves but the constant one, slowest first."""
    row, column = np.divmod(np.arange(1, GRID_PX * GRID_PX), GRID_PX)
    order = np.argsort(row * row + column * column, kind="stable")[:N_WAVES]
    return row[order], column[order]


COSINES = _cosines()
WAVE_ROWS, WAVE_COLUMNS = _slowest()
MIRROR_BITS = np.packbits(WAVE_COLUMNS % 2 == 1)
"""(WAVE_BYTES,) what changes in the signs when the picture is mirrored left to right."""
FLIP_BITS = np.packbits(WAVE_ROWS % 2 == 1)
"""(WAVE_BYTES,) what changes when it is put upside down without turning it."""


def _across() -> NDArray[np.intp]:
    """For each wave, the place of the one that it becomes when rows and columns change places.

    Two waves are among the slowest, by a hair, that their counterparts are not among: they stay where they are, so a
    turned picture may differ from its signature in two signs.
    """
    places = {(row, column): i for i, (row, column) in enumerate(zip(WAVE_ROWS, WAVE_COLUMNS, strict=True))}
    pairs = zip(WAVE_ROWS, WAVE_COLUMNS, strict=True)
    return np.array([places.get((column, row), i) for i, (row, column) in enumerate(pairs)], dtype=np.intp)


ACROSS = _across()
"""(N_WAVES,) the waves of a picture whose rows and columns have changed places, see `_across`."""


def signature_of(picture_HWC: NDArray[np.uint8], *, box: Box | None = None) -> bytes:
    """What the picture looks like, in 82 bytes to be compared by `drivetrain.kinds.images.looks.signatures`.

    Args:
        picture_HWC: (H, W, C) of uint8, any size and number of channels; of four the last is opacity, laid on white.
        box: The part that is looked at; None: all of it.

    Example:
        >>> ramp = np.arange(64 * 64 * 3, dtype=np.uint32).reshape(64, 64, 3) // 49
        >>> len(signature_of(ramp.astype(np.uint8)))
        82
    """
    planes = _thumbnail(picture_HWC, box).astype(np.float64)
    waves = (COSINES @ (planes @ LUMINANCE) @ COSINES.T)[WAVE_ROWS, WAVE_COLUMNS]
    least = max(CLEAR, CLEAR_SHARE * float(np.sqrt(np.mean(waves * waves))))
    clear = min(255, int(np.count_nonzero(np.abs(waves) >= least)))
    side = GRID_PX // COLOUR_GRID
    colours = planes.reshape(COLOUR_GRID, side, COLOUR_GRID, side, 3).mean(axis=(1, 3))
    return bytes((VERSION, clear)) + np.packbits(waves > ZERO).tobytes() + colours.round().astype(np.uint8).tobytes()


def signatures_of(picture_HWC: NDArray[np.uint8]) -> bytes:
    """What the picture looks like; and, behind it, what it looks like without its border, where it has one.

    A border is what is of one colour along an edge: a copy may have got one, or lost it.

    Args:
        picture_HWC: As of `signature_of`.

    Example:
        >>> noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        >>> framed = np.pad(noise, ((3, 3), (3, 3), (0, 0)), constant_values=255)
        >>> len(signatures_of(framed)), signatures_of(framed)[82:] == signature_of(framed[3:-3, 3:-3])
        (164, True)
    """
    whole = signature_of(picture_HWC)
    inner = inside_border(picture_HWC)
    if inner is None:
        return whole
    left, top, right, bottom = inner
    x, y = floor(left), floor(top)
    part = picture_HWC[y : ceil(bottom), x : ceil(right)]  # resizing mixes in what lies beside its box
    return whole + signature_of(part, box=(left - x, top - y, right - x, bottom - y))


def inside_border(picture_HWC: NDArray[np.uint8]) -> Box | None:
    """Where the picture lies within lines of one colour along its edges; None where there are none.

    Example:
        >>> noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        >>> inside_border(np.pad(noise, ((3, 3), (0, 5), (0, 0)))), inside_border(noise)
        ((0.0, 3.0, 40.0, 43.0), None)
    """
    height, width = picture_HWC.shape[:2]
    top, bottom = _border(picture_HWC), _border(picture_HWC[::-1])
    left, right = _border(picture_HWC.swapaxes(0, 1)), _border(picture_HWC.swapaxes(0, 1)[::-1])
    if max(top, bottom) > MOST_BORDER * height or max(left, right) > MOST_BORDER * width:
        return None
    return (left, top, width - right, height - bottom) if any((left, top, right, bottom)) else None


def _border(picture_HWC: NDArray[np.uint8]) -> float:
    """How many lines at the top have the colour of the first one.

    Where a picture was made smaller with its border, the last of them may be a mixture: of it, the share that is border
    counts.
    """
    most = int(MOST_BORDER * len(picture_HWC)) + 2
    lines = picture_HWC[:most].astype(np.int16)
    far = np.abs(lines - np.median(lines[0], axis=0)).max(axis=2).mean(axis=1)
    away = far > BORDER_LEVELS
    if not away.any():
        return float(len(lines))
    n = int(away.argmax())
    share = 1 - far[n] / max(far[n + 1], 1) if 0 < n < len(far) - 1 else 0.0
    return n + share if share > LEAST_MIXED else float(n)


def _thumbnail(picture_HWC: NDArray[np.uint8], box: Box | None) -> NDArray[np.uint8]:
    """(GRID_PX, GRID_PX, 3); with channels that are no colours, their mean."""
    channels = picture_HWC.shape[2]
    if channels in (1, 3):
        shown: NDArray[Any] = picture_HWC[:, :, 0] if channels == 1 else picture_HWC
        thumbnail = Image.fromarray(np.ascontiguousarray(shown))
    elif channels == 4:
        image = Image.fromarray(np.ascontiguousarray(picture_HWC))
        thumbnail = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image).convert("RGB")
    else:
        thumbnail = Image.fromarray(picture_HWC.mean(axis=2).round().astype(np.uint8))
    pixels = np.asarray(thumbnail.resize((GRID_PX, GRID_PX), Image.Resampling.BILINEAR, box))
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)
