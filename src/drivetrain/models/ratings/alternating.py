"""Factors of events: everything that did not happen counts a little, what happened counts more.

Source: Hu, Koren & Volinsky (2008), Collaborative Filtering for Implicit Feedback Datasets; the weight of a user's
regularisation by how many events there are as in Rendle et al. (2021), Revisiting the Performance of iALS.

Legend: N rows, U users and I items with code 0, K factors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.ratings.sparse import shape_of

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Factors = NDArray[np.float32]
NUMBERS_AT_ONCE = 1 << 24
"""Numbers of factors that are gathered at once: memory is bounded by it."""


def fit(
    seen: csr_matrix,
    *,
    factors: int,
    sweeps: int,
    alpha: float,
    strength: float,
    seed: int,
    over: Callable[[], bool] = lambda: False,
) -> tuple[Factors, Factors, int]:
    """Factors (U, K) of users and (I, K) of items, and how many sweeps it took.

    Args:
        seen: (U, I) how often each event happened, float32.
        factors: K.
        sweeps: At most.
        alpha: How much more an event counts than its absence.
        strength: Of the regularisation of each row, times how many events it has, plus the average.
        seed: Of the start.
        over: Whether time is over; asked after each sweep.
    """
    rng = np.random.default_rng(seed)
    turned = seen.T.tocsr()
    spread = 0.1 / np.sqrt(factors)
    users = np.zeros((shape_of(seen)[0], factors), np.float32)
    items = rng.normal(0, spread, (shape_of(seen)[1], factors)).astype(np.float32)
    done = 0
    for _ in range(sweeps):
        solve(seen, items, users, alpha=alpha, strength=strength)
        solve(turned, users, items, alpha=alpha, strength=strength)
        done += 1
        if over():
            break
    solve(seen, items, users, alpha=alpha, strength=strength)
    return users, items, done


def solve(seen: csr_matrix, other: Factors, own: Factors, *, alpha: float, strength: float) -> None:
    """Put the best factors of one side into `own`, given those of the other.

    Args:
        seen: (U, I) events of the side that is solved.
        other: (I, K) factors of the other side.
        own: (U, K) where the solution is written; a row without events is 0.
        alpha: As of `fit`.
        strength: As of `fit`.
    """
    n, k = own.shape
    everything = (other.T @ other).astype(np.float32)
    counts = np.diff(seen.indptr)
    average = float(counts.mean()) if n else 0.0
    by_size = np.argsort(counts, kind="stable")
    by_size = by_size[np.searchsorted(counts[by_size], 1) :]
    start = 0
    own[counts == 0] = 0
    eye = np.arange(k)
    while start < len(by_size):
        rows = by_size[start : start + _fit_in(counts[by_size[start:]], k)]
        start += len(rows)
        longest = int(counts[rows[-1]])
        columns, weights = padded(seen, rows, longest)
        vectors = other[columns] * (weights > 0)[:, :, None]
        scaled = vectors * (alpha * weights)[:, :, None]
        left = everything + np.matmul(scaled.transpose(0, 2, 1), vectors)
        left[:, eye, eye] += (strength * (counts[rows] + average))[:, None]
        right = (scaled + vectors).sum(axis=1)
        own[rows] = np.linalg.solve(left, right[:, :, None])[:, :, 0]


def padded(seen: csr_matrix, rows: NDArray[np.int64], longest: int) -> tuple[NDArray[np.int64], Factors]:
    """(R, longest) columns of these rows and their weights, 0 behind the end of those that have fewer."""
    starts, counts = seen.indptr[rows], np.diff(seen.indptr)[rows]
    places = starts[:, None] + np.arange(longest)
    there = np.arange(longest) < counts[:, None]
    places = np.where(there, places, 0)
    return seen.indices[places].astype(np.int64), np.where(there, seen.data[places], 0).astype(np.float32)


def _fit_in(counts: NDArray[np.int64], k: int) -> int:
    """How many rows, the shortest first, can be gathered together: padding at most doubles the work."""
    most = np.searchsorted(counts, 2 * counts[0] + 8, side="right")
    sizes = (np.arange(1, most + 1)) * (counts[:most] * k + k * k)
    return max(1, int(np.searchsorted(sizes, NUMBERS_AT_ONCE, side="right")))
