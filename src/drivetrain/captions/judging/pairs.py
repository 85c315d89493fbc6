"""The test that needs no references: of two pictures and their captions, are they put together the right way round?

A judge that can say how well a text fits a picture says it of both pictures with their own captions, and with the
captions exchanged. How usual a caption is, and how easily a picture is described, is in both sums and cancels: what is
left is whether the caption says what tells its picture from the other one. Guessing reaches one half.

Legend: N pictures, P pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation.intervals import Influence, Interval

Fit = Callable[[int, int], float]
"""Number of a picture, number of a caption → how well they fit; larger is better."""
Floats = NDArray[np.float64]


def partners(n: int, rivals: int, seed: int) -> list[tuple[int, int]]:
    """Pairs of pictures: each picture meets up to `rivals` others, no pair twice.

    Example:
        >>> pairs = partners(6, 2, seed=0)
        >>> len(pairs), all(a != b for a, b in pairs)
        (6, True)
    """
    random = np.random.default_rng(seed)
    order = random.permutation(n)
    rivals = min(rivals, n - 1)
    found = {
        (min(a, b), max(a, b))
        for step in range(1, rivals // 2 + 1)
        for a, b in zip(order.tolist(), np.roll(order, step).tolist(), strict=True)
        if a != b
    }
    if rivals % 2:  # one more each: the circle's opposite sides
        half = n // 2
        found |= {
            (min(a, b), max(a, b)) for a, b in zip(order[:half].tolist(), order[half : 2 * half].tolist(), strict=True)
        }
    return sorted(found)


def told_apart(fit: Fit, pairs: Sequence[tuple[int, int]]) -> Floats:
    """(P,) 1 where the right way round fits better, 0 where the wrong one does, ½ where neither."""
    own: dict[int, float] = {}

    def of(number: int) -> float:
        if number not in own:
            own[number] = fit(number, number)
        return own[number]

    found: list[float] = []
    for a, b in pairs:
        better = of(a) + of(b) - fit(a, b) - fit(b, a)
        found.append(0.5 if abs(better) < 1e-9 else float(better > 0))
    return np.array(found)


def share_interval(pairs: Sequence[tuple[int, int]], hits_P: Floats, n: int, level: float) -> Interval | None:
    """Interval of the share of pairs put together rightly, with pictures as the sample.

    A pair depends on two pictures, so what each picture does to the share is twice what its pairs are off (Hájek's
    projection; Lee, U-Statistics, 1990, sec. 1.6); without any spread, N pictures say as much as N/2 pairs that share
    none.

    Example:
        >>> pairs = [(0, 1), (2, 3), (4, 5), (6, 7)]
        >>> print(share_interval(pairs, np.ones(4), 8, 0.95))
        [0.510..., 1] (95 %, score interval)
    """
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    times = np.bincount(ends.ravel(), minlength=n)
    sums = np.bincount(ends.ravel(), weights=np.repeat(hits_P, 2), minlength=n)
    used = times > 0
    value = float(hits_P.mean())
    count = int(used.sum())
    off_N = 2 * (sums[used] - value * times[used]) / times.sum()  # (2/N)(mean of its pairs - value), by its share
    rarer = (sums[used] < times[used]) if value >= 0.5 else (sums[used] > 0)
    return Influence(value, off_N, lambda theta: 2 * theta * (1 - theta) / count, rarer).interval(level=level)
