"""A layer's weights and what an update adds to them, summed to the same bits on any machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


def added_up(base: Matrix, a: Matrix, b: Matrix) -> Matrix:
    """Base + b a, where the order of all sums is fixed: a library for matrices chooses its own by the processor.

    The product of two numbers of 24 bits is exact in 53, so that every step is one addition, rounded once, with or
    without fused operations.

    Args:
        base: (out, in).
        a: (rank, in).
        b: (out, rank).

    Example:
        >>> added_up(np.ones((1, 2), np.float32), np.float32([[1, 2]]), np.float32([[0.5]])).tolist()
        [[1.5, 2.0]]
    """
    total = base.astype(np.float64)
    for row, column in zip(a.astype(np.float64), b.T.astype(np.float64), strict=True):
        total += column[:, None] * row
    return total.astype(np.float32)
