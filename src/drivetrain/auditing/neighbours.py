"""Rows whose features lie close together: candidates for copies that signatures miss, such as crops.

Legend: N rows, D features, F features kept, B rows of a block.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_FEATURES = 128
ROWS_TO_FIT = 8192
CLOSE = 0.45
"""Least cosine between whitened features of a candidate pair. With a MobileNet on pictures of 64 px, 19 of 20 crops to
85 % of each side were at .82 or above, to 70 % at .5; the nearest unrelated picture was at .38 in the middle."""
NEIGHBOURS = 3
"""Candidates per row: the nearest ones."""
BLOCK_NUMBERS = 16_000_000
"""Numbers in a block of cosines: 64 MB."""


def close_pairs(features: NDArray[np.floating], *, seed: int = 0) -> list[tuple[int, int, float]]:
    """Pairs (i, j, cosine), i < j, of rows that are among each other's nearest, closest first.

    Features are whitened on their first principal components, where unrelated pictures are about orthogonal. The
    cost grows with N²: 100,000 rows take about a minute of one core.

    Args:
        features: (N, D) finite numbers.
        seed: Of the rows that the components are fitted on.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(50, 8))
        >>> rows[7] = 2 * rows[3]
        >>> [(i, j) for i, j, _ in close_pairs(rows)][:1]
        [(3, 7)]
    """
    n = len(features)
    if n < 2:
        return []
    whitened = whiten(features, seed=seed)
    found: dict[tuple[int, int], float] = {}
    block = max(1, BLOCK_NUMBERS // max(1, n))
    for start in range(0, n, block):
        cosines = whitened[start : start + block] @ whitened.T
        own = np.arange(len(cosines))
        cosines[own, start + own] = -1
        most = min(NEIGHBOURS, n - 1)
        nearest = np.argpartition(-cosines, most - 1, axis=1)[:, :most]
        for i, others in enumerate(nearest):
            for j in others:
                cosine = float(cosines[i, j])
                if cosine >= CLOSE:
                    found[min(start + i, int(j)), max(start + i, int(j))] = cosine
    return sorted(((i, j, cosine) for (i, j), cosine in found.items()), key=lambda pair: -pair[2])


def whiten(features: NDArray[np.floating], *, seed: int = 0) -> NDArray[np.float32]:
    """(N, F) rows of length 1: centred, turned to their principal axes, the strong ones made about as weak as the mean.

    With equal weights for all, few rows would all be equally far apart.
    """
    n = len(features)
    chosen = np.random.default_rng(seed).permutation(n)[:ROWS_TO_FIT]
    sample = np.asarray(features[np.sort(chosen)], dtype=np.float64)
    mean = sample.mean(axis=0)
    centred = sample - mean
    values, axes = np.linalg.eigh(centred.T @ centred / len(sample))
    kept = np.argsort(-values)[:MOST_FEATURES]
    turn = (axes[:, kept] / np.sqrt(np.maximum(values[kept], 0) + values[kept].mean() + 1e-30)).astype(np.float32)
    whitened = (np.asarray(features, dtype=np.float32) - mean.astype(np.float32)) @ turn
    length = np.linalg.norm(whitened, axis=1, keepdims=True)
    return whitened / np.maximum(length, 1e-12)
