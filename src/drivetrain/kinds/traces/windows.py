"""A trace cut into windows: movements, from click to click or pause to pause; or equal numbers of points or seconds.

Legend: N points, K windows.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.traces.points import MARK, Floats, T, X, Y

By = Literal["movements", "events", "seconds"]
PAUSE_S = 0.5
"""A pause this long ends a movement."""
FEWEST = 4
"""Points of a movement; one of fewer goes with the next one."""
MOST_S = 4.0
"""A movement that takes longer is cut into pieces of this length."""
MOST_WINDOWS = 100_000
EDGES = (1.0, 99.0)
"""Percentiles between which the extent of a window is measured."""


def cut(points: Floats, by: By, size: float, hop: float) -> NDArray[np.int64]:
    """(K, 2) first point of each window, and the first one behind it; at least one.

    Args:
        points: (N, 5), see `drivetrain.kinds.traces.points`.
        by: What makes a window.
        size: Of a window, in points or seconds; nothing for movements.
        hop: From the beginning of one window to the next.

    Example:
        >>> points = np.array([[0.1 * i, i, 0, 1, float(i == 6)] for i in range(12)])
        >>> cut(points, "movements", 0, 0).tolist(), cut(points, "events", 8, 4).tolist()
        ([[0, 7], [6, 12]], [[0, 8], [4, 12]])
    """
    n = len(points)
    if by == "events":
        starts = np.arange(0, max(n - int(size), 0) + 1, max(int(hop), 1))[:MOST_WINDOWS]
        if starts[-1] + size < n:
            starts = np.append(starts, n - int(size))
        return np.stack([starts, np.minimum(starts + int(size), n)], axis=1)
    if by == "seconds":
        t, last = points[:, T], float(points[-1, T])
        begins = np.arange(0.0, min(max(last - size, 0.0), hop * MOST_WINDOWS) + 1e-9, hop)[:MOST_WINDOWS]
        if begins[-1] + size < last:
            begins = np.append(begins, last - size)
        first, behind = np.searchsorted(t, begins), np.searchsorted(t, begins + size, side="right")
        full = behind - first >= FEWEST
        return np.stack([first, behind], axis=1)[full] if full.any() else np.array([[0, n]])
    return _movements(points)


def _movements(points: Floats) -> NDArray[np.int64]:
    """From one click, first touch or pause to the next; the click that ends a movement is its last point."""
    n, t = len(points), points[:, T]
    marked = np.flatnonzero(points[:, MARK] > 0)
    paused = np.flatnonzero(np.diff(t) >= PAUSE_S) + 1
    ends = set(marked.tolist())
    begins = [0]
    for at in sorted({*marked.tolist(), *paused.tolist()}):
        if at - begins[-1] >= FEWEST and n - at >= FEWEST:
            begins.append(at)
    found: list[tuple[int, int]] = []
    for start, following in zip(begins, [*begins[1:], n], strict=True):
        clicked = (
            following in ends and following < n and points[following, MARK] < 2
        )  # a stroke does not reach the next
        stop = following + 1 if clicked else following
        pieces = int(np.clip(np.ceil((t[stop - 1] - t[start]) / MOST_S), 1, (stop - start) // FEWEST or 1))
        if pieces == 1 or stop - start < 2 * FEWEST:
            found.append((start, stop))
            continue
        cuts = np.searchsorted(t[start:stop], t[start] + MOST_S * np.arange(1, pieces)) + start
        edges = [start, *cuts.tolist(), stop]
        long = [(a, b) for a, b in pairwise(edges) if b - a >= FEWEST]
        found += long or [(start, stop)]
    return np.array(found[:MOST_WINDOWS], dtype=np.int64)


def usual_extent(points: Floats, windows: NDArray[np.int64]) -> float:
    """How far a window of this trace usually reaches: the upper quartile over windows of the larger side.

    A screen with twice the pixels, and a pointer that is set twice as fast, double it; so what is compared with it is
    the same on all of them. Positive also where hardly anything moves.

    Example:
        >>> points = np.array([[0.1 * i, 2.0 * i, i, 1, 0] for i in range(11)])
        >>> usual_extent(points, np.array([[0, 11]]))
        20.0
    """
    reach = [max(np.ptp(points[a:b, X]), np.ptp(points[a:b, Y])) for a, b in windows.tolist()]
    found = float(np.quantile(reach, 0.75))
    if found <= 0:
        found = float(max(np.ptp(points[:, X]), np.ptp(points[:, Y])))
    return max(found, 1e-9)
