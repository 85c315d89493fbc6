"""Which categories are taken for which, counted. Legend: N rows, K categories."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation.predictions import Predictions

Counts = NDArray[np.int64]


def count_confusions(predictions: Predictions) -> Counts:
    """(K, K) number of rows of each true category (first axis) and said category (second axis); copies count once."""
    predictions = predictions.judged
    k = predictions.target.n_outputs
    pairs = predictions.known_truth() * k + predictions.chosen()
    return np.bincount(pairs, minlength=k * k).reshape(k, k)


def most_confused(counts_KK: Counts, most: int) -> list[int]:
    """At most `most` categories: those of the biggest confusions, then the most frequent; in vocabulary order.

    Example:
        >>> most_confused(np.array([[9, 0, 0], [0, 5, 2], [0, 1, 3]]), 2)
        [1, 2]
    """
    k = len(counts_KK)
    if k <= most:
        return list(range(k))
    pairs_KK = np.triu(counts_KK + counts_KK.T, 1)
    chosen: dict[int, None] = {}
    for flat in np.argsort(-pairs_KK, axis=None, kind="stable"):
        i, j = divmod(int(flat), k)
        new = [c for c in (i, j) if c not in chosen]
        if pairs_KK[i, j] == 0 or len(chosen) == most:
            break
        if len(chosen) + len(new) <= most:
            chosen.update(dict.fromkeys(new))
    for c in np.argsort(-counts_KK.sum(axis=1), kind="stable").tolist():
        if len(chosen) < most:
            chosen[c] = None
    return sorted(chosen)


def matrix_of_most_confused(counts_KK: Counts, names: Sequence[str], most: int) -> tuple[Counts, list[str], list[str]]:
    """Counts, names of the rows and names of the columns of at most `most` categories.

    Where some are left out, a last column counts what was said outside, so that every row is complete.

    Example:
        >>> matrix_of_most_confused(np.array([[9, 1, 0], [0, 5, 2], [0, 1, 3]]), "abc", 2)[1:]
        (['b', 'c'], ['b', 'c', 'all others'])
    """
    shown = most_confused(counts_KK, most)
    inside, rows = counts_KK[np.ix_(shown, shown)], [names[k] for k in shown]
    if len(shown) == len(counts_KK):
        return inside, rows, rows
    outside = counts_KK[shown].sum(axis=1) - inside.sum(axis=1)
    return np.column_stack([inside, outside]), rows, [*rows, "all others"]


def top_confusions(counts_KK: Counts, most: int) -> list[tuple[int, int, int]]:
    """(true, said, rows) of the most frequent mistakes, most first.

    Example:
        >>> top_confusions(np.array([[9, 0, 1], [0, 5, 3], [0, 0, 3]]), 5)
        [(1, 2, 3), (0, 2, 1)]
    """
    wrong_KK = counts_KK - np.diag(np.diag(counts_KK))
    order = np.argsort(-wrong_KK, axis=None, kind="stable")[:most]
    pairs = [divmod(int(flat), len(counts_KK)) for flat in order]
    return [(i, j, int(wrong_KK[i, j])) for i, j in pairs if wrong_KK[i, j]]
