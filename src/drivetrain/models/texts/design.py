"""What a line reads of many texts at once: terms as a sparse block, word vectors as a dense one.

Legend: N rows, V terms, D numbers of a word vector, K′ outputs of the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats32 = NDArray[np.float32]


@dataclass(frozen=True)
class Weights:
    """Of a line."""

    terms: Floats32
    """(V, K′); V = 0 where no terms are read."""
    dense: Floats32
    """(D, K′) likewise."""
    start: Floats32
    """(K′,) what is added."""

    @property
    def flat(self) -> Floats32:
        """All of them, one after the other."""
        return np.concatenate([self.terms.ravel(), self.dense.ravel(), self.start])

    def like(self, flat: Floats32) -> Weights:
        """Weights of the same shapes; views of `flat`."""
        at, then = self.terms.size, self.terms.size + self.dense.size
        return Weights(flat[:at].reshape(self.terms.shape), flat[at:then].reshape(self.dense.shape), flat[then:])


@dataclass(frozen=True)
class Design:
    """Texts as a line reads them."""

    terms: Any
    """(N, V) sparse, float32."""
    dense: Floats32
    """(N, D)."""

    def __len__(self) -> int:
        return len(self.dense)

    def raw(self, weights: Weights) -> Floats32:
        """(N, K′)."""
        found = np.tile(weights.start, (len(self), 1))
        if self.terms.shape[1]:
            found += self.terms @ weights.terms
        if self.dense.shape[1]:
            found += self.dense @ weights.dense
        return found

    def some(self, rows: NDArray[np.int64]) -> Design:
        """Some of the rows."""
        return Design(self.terms[rows], self.dense[rows])


def terms_matrix(ids: list[NDArray[np.int64]], weights: list[Floats32], n_terms: int) -> Any:
    """(N, V) sparse: of each row the weights of its terms, whose ids count from 1; id 0 is none.

    Example:
        >>> terms_matrix([np.array([2, 0])], [np.array([0.5, 0.0], np.float32)], 3).toarray().tolist()
        [[0.0, 0.5, 0.0]]
    """
    sizes = np.array([len(row) for row in ids], np.int64)
    at = np.concatenate(ids) if ids else np.zeros(0, np.int64)
    values = np.concatenate(weights) if ids else np.zeros(0, np.float32)
    row = np.repeat(np.arange(len(ids)), sizes)
    known = (at > 0) & (at <= n_terms)
    found = sparse.coo_matrix((values[known], (row[known], at[known] - 1)), shape=(len(ids), n_terms), dtype=np.float32)
    return found.tocsr()


def no_terms(n: int) -> Any:
    """(N, 0) sparse."""
    return sparse.csr_matrix((n, 0), dtype=np.float32)


def vector_means(ids: list[NDArray[np.int64]], masks: list[NDArray[np.int64]], table: Floats32) -> Floats32:
    """(N, D) of each row the mean of the vectors of its pieces; 0 where it has none.

    Example:
        >>> vector_means([np.array([1, 0])], [np.array([1, 0])], np.array([[9.0], [2.0]], np.float32)).tolist()
        [[2.0]]
    """
    counted = [row.ravel()[mask.ravel() > 0] for row, mask in zip(ids, masks, strict=True)]
    sizes = np.array([len(row) for row in counted], np.int64)
    at = np.concatenate(counted) if counted else np.zeros(0, np.int64)
    ones = np.ones(len(at), np.float32)
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    bag = sparse.csr_matrix((ones, at, ends), shape=(len(ids), len(table)))
    total: Floats32 = bag @ table
    return total / np.maximum(sizes, 1)[:, None].astype(np.float32)
