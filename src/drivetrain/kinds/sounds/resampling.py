"""From one sample rate to another: a polyphase low-pass filter of windowed sincs, in blocks of fixed size.

What is read piece by piece is the same, bit for bit, as what is read at once: the same blocks are computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from drivetrain.kinds.sounds.mel import Samples

ZERO_CROSSINGS = 48
ROLLOFF = 0.94
"""Half of what passes there, as a share of the lower of the two highest frequencies."""
BETA = 9.0
"""Of the Kaiser window: what must not pass is 90 dB lower."""
BLOCK = 16_384
"""Samples made at a time, about."""
MOST_WEIGHTS = 4_000_000
"""Of a matrix that makes a block's part at once; unusual ratios are made by gathering."""


def resampled(blocks: Iterable[Samples], rate: int, to: int) -> Iterator[Samples]:
    """The same sound at another rate, in blocks; of N samples ceil(N · to / rate) are made.

    Args:
        blocks: One waveform after the other, of any lengths, (n,) float32.
        rate: Samples a second.
        to: Samples a second that are wanted.

    Example:
        >>> tone = np.sin(2 * np.pi * 100 * np.arange(8000) / 8000).astype(np.float32)
        >>> made = np.concatenate(list(resampled([tone[:3000], tone[3000:]], 8000, 16_000)))
        >>> right = np.sin(2 * np.pi * 100 * np.arange(16_000) / 16_000)
        >>> len(made), bool(np.abs(made - right)[500:-500].max() < 1e-4)
        (16000, True)
    """
    if rate == to:
        yield from blocks
        return
    common = math.gcd(rate, to)
    up, down = to // common, rate // common
    filtered = _Filter(up, down)
    held: Samples = np.zeros(filtered.before, np.float32)
    taken = made = 0
    for block in blocks:
        taken += len(block)
        held = np.concatenate([held, block])
        while len(held) >= filtered.needs:
            found = filtered(held[: filtered.needs])
            made += len(found)
            yield found
            held = held[filtered.step :]
    wanted = -(-taken * up // down)
    while made < wanted:
        short = max(filtered.needs - len(held), 0)
        found = filtered(np.concatenate([held, np.zeros(short, np.float32)])[: filtered.needs])[: wanted - made]
        made += len(found)
        yield found
        held = held[filtered.step :]


class _Filter:
    """Makes a block of samples from those that it needs around them."""

    def __init__(self, up: int, down: int) -> None:
        self.up, self.down = up, down
        self.reach = reach(up, down)
        """How many samples before and after count."""
        self.before = self.reach
        small = max(1, round(128 / up))
        rows = up * small
        self.per_row = small if rows * (down * small + 2 * self.reach + 1) <= MOST_WEIGHTS else 0
        """Periods that one matrix makes; 0: none is made."""
        periods = max(1, BLOCK // (up * max(self.per_row, 1))) * max(self.per_row, 1)
        if not self.per_row:
            periods = 1
        self.periods = periods
        self.step = down * periods
        self.needs = self.step + 2 * self.reach + 1

    def __call__(self, samples: Samples) -> Samples:
        if self.per_row:
            weights = _matrix(self.up, self.down, self.per_row)
            n_rows, stride = self.periods // self.per_row, samples.strides[0]
            rows = as_strided(
                np.ascontiguousarray(samples),
                (n_rows, weights.shape[0]),
                (self.down * self.per_row * stride, stride),
                writeable=False,
            )
            return (rows @ weights).reshape(-1)
        weights, base = _phases(self.up, self.down)
        parts: list[Samples] = []
        for start in range(0, self.up, 4096):
            here = slice(start, start + 4096)
            near = samples[base[here, None] + np.arange(weights.shape[1])]
            parts.append(np.einsum("nk,nk->n", near, weights[here]))
        return np.concatenate(parts)


def reach(up: int, down: int) -> int:
    """How many samples on each side count for one that is made."""
    return math.ceil(ZERO_CROSSINGS / _cutoff(up, down))


def _cutoff(up: int, down: int) -> float:
    return min(1.0, up / down) * ROLLOFF


@lru_cache(maxsize=16)
def _phases(up: int, down: int) -> tuple[Samples, NDArray[np.int64]]:
    """For each of `up` samples of a period the weights of those around it, and where the first of these lies."""
    n = np.arange(up, dtype=np.int64) * down
    base, part = n // up, (n % up) / up
    half, cutoff = reach(up, down), _cutoff(up, down)
    weights = np.empty((up, 2 * half + 1), np.float32)
    for start in range(0, up, 1024):
        distance = np.arange(-half, half + 1)[None, :] - part[start : start + 1024, None]
        window = np.i0(BETA * np.sqrt(np.clip(1 - np.square(distance / half), 0, None))) / np.i0(BETA)
        inside = np.abs(distance) <= half
        weights[start : start + 1024] = cutoff * np.sinc(cutoff * distance) * np.where(inside, window, 0)
    return weights, base


@lru_cache(maxsize=16)
def _matrix(up: int, down: int, periods: int) -> Samples:
    """The weights of some periods at once, (samples needed, samples made)."""
    weights, base = _phases(up, down)
    n_taps = weights.shape[1]
    made = np.zeros((down * periods + n_taps, up * periods), np.float32)
    for period in range(periods):
        first = period * down + base
        made[first[:, None] + np.arange(n_taps), period * up + np.arange(up)[:, None]] = weights
    return made
