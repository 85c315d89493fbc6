"""Sparse matrices of who had what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def shape_of(matrix: csr_matrix) -> tuple[int, int]:
    """Rows and columns."""
    shape: Any = matrix.shape
    return int(shape[0]), int(shape[1])
