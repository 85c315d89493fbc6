"""The best of many scores, exactly.

Legend: U users, I items, n wanted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Codes = NDArray[np.int64]
BLOCKS_EACH = 4
"""Blocks of items for each item that is wanted: the more, the fewer items are looked at twice."""
NOTHING = -1
"""Stands where a user has no further item that may be recommended."""


def top(scores_UI: Floats, n: int) -> tuple[Codes, Floats]:
    """(U, n) codes of the items with the largest scores, the best first, and these scores.

    Of equal scores the lower code comes first. An item with a score of -inf is none: where there are fewer than n
    others, codes end with -1, and scores with -inf.

    The n-th largest of the maxima of at least n blocks of items cannot lie above the n-th largest score, so only items
    that reach it are sorted: exact, and two passes over the scores.

    Args:
        scores_UI: One row for each user; no NaN.
        n: At least 1.

    Example:
        >>> codes, values = top(np.array([[1, 3, 3, -np.inf]], np.float32), 3)
        >>> codes.tolist(), values.tolist()
        ([[1, 2, 0]], [[3.0, 3.0, 1.0]])
        >>> top(np.array([[1, -np.inf]], np.float32), 2)[0].tolist()
        [[0, -1]]
    """
    users, items = scores_UI.shape
    codes: Codes = np.full((users, n), NOTHING, np.int64)
    values: Floats = np.full((users, n), -np.inf, np.float32)
    if not users or not items:
        return codes, values
    reach = np.maximum(_reached_by_n(scores_UI, min(n, items)), np.float32(np.finfo(np.float32).min))
    good = scores_UI >= reach[:, None]
    found = np.count_nonzero(good, axis=1)
    crowded = np.flatnonzero(found > 8 * n + 64)  # many equal scores: sorted one user at a time
    good[crowded] = False
    at = np.flatnonzero(good)
    row, item = np.divmod(at, items)
    value = scores_UI.reshape(-1)[at] if scores_UI.flags.c_contiguous else scores_UI[row, item]
    order = np.lexsort((item, -value, row))
    row, item, value = row[order], item[order], value[order]
    place = np.arange(len(row)) - np.searchsorted(row, row)
    kept = place < n
    codes[row[kept], place[kept]] = item[kept]
    values[row[kept], place[kept]] = value[kept]
    for user in crowded.tolist():
        best = _best_of_one(scores_UI[user], n)
        codes[user, : len(best)], values[user, : len(best)] = best, scores_UI[user, best]
    return codes, values


def _reached_by_n(scores_UI: Floats, n: int) -> Floats:
    """(U,) a score that at least n items of each user reach; -inf where fewer have one."""
    users, items = scores_UI.shape
    blocks = min(items, BLOCKS_EACH * n)
    width = -(-items // blocks)
    even = items // width
    maxima = [scores_UI[:, : even * width].reshape(users, even, width).max(axis=2)]
    if even * width < items:
        maxima.append(scores_UI[:, even * width :].max(axis=1, keepdims=True))
    each = np.concatenate(maxima, axis=1)
    if each.shape[1] < n:  # blocks are as wide as that: every item counts
        each = scores_UI
    place = each.shape[1] - n
    return np.partition(each, place, axis=1)[:, place]


def _best_of_one(scores_I: Floats, n: int) -> Codes:
    least = np.partition(scores_I, len(scores_I) - min(n, len(scores_I)))[len(scores_I) - min(n, len(scores_I))]
    if least == -np.inf:
        known = np.flatnonzero(scores_I > -np.inf)
        return known[np.argsort(-scores_I[known], kind="stable")][:n]
    above = np.flatnonzero(scores_I > least)
    above = above[np.argsort(-scores_I[above], kind="stable")]
    return np.concatenate([above, np.flatnonzero(scores_I == least)])[:n]


def scaled(scores_I: Floats) -> Floats:
    """(I,) scores between 0, the least, and 1, the largest of those that are finite; -inf stays.

    Example:
        >>> scaled(np.array([1, 3, 2, -np.inf], np.float32)).tolist()
        [0.0, 1.0, 0.5, -inf]
    """
    known = np.isfinite(scores_I)
    if not known.any():
        return scores_I.copy()
    low, high = scores_I[known].min(), scores_I[known].max()
    found = np.full(len(scores_I), -np.inf, np.float32)
    found[known] = (scores_I[known] - low) / (high - low) if high > low else np.float32(0.5)
    return found
