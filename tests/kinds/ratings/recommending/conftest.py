"""A small shop whose model is a matrix of scores that the tests know."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from drivetrain.kinds.ratings.recommending.catalogue import Catalogue, Seen, attribute
from drivetrain.kinds.ratings.recommending.recommender import Recommender
from drivetrain.kinds.ratings.recommending.scoring import left_out

TITLES = ["Mort", "Sourcery", "Jingo", "Dune", "Emma", "Ulysses"]
AUTHORS = ["Pratchett", "Pratchett", "Pratchett", "Herbert", "Austen", "Joyce"]


@dataclass(frozen=True)
class Table:
    """Scores of two users; somebody new gets the sum of the rows of what they have."""

    known: NDArray[np.float32]
    beside: NDArray[np.float32]
    folds_in: bool = True
    is_share: bool = False
    says: str = "score"
    reads_values: bool = True

    def scores(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.known[users]

    def fold_in(self, items: NDArray[np.int64], values: NDArray[np.float32]) -> NDArray[np.float32]:
        return (self.beside[items] * values[:, None]).sum(axis=0)

    def contributions(
        self, items: NDArray[np.int64], values: NDArray[np.float32], wanted: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        return left_out(self, items, values, wanted)


def books(*, rated: bool = True, folds_in: bool = True, is_share: bool = False) -> Recommender:
    """Ann has Mort (5) and Emma (2); Bob has Mort, Dune."""
    seen = Seen(np.array([0, 2, 4]), np.array([0, 4, 0, 3]), np.array([5, 2, 4, 4], np.float32))
    catalogue = Catalogue(
        items=("m", "s", "j", "d", "e", "u"),
        users=("ann", "7"),
        seen=seen,
        rated=rated,
        attributes={"title": attribute("title", TITLES), "author": attribute("author", AUTHORS)},
        title="title",
    )
    known = np.array([[9, 8, 7, 6, 5, 4], [1, 2, 3, 4, 5, 6]], np.float32) / (10 if is_share else 1)
    beside = np.eye(6, dtype=np.float32)
    beside[0, 1], beside[0, 2], beside[3, 5], beside[4, 1] = 1.0, 0.5, 1.0, -0.2
    vectors = np.array([[1, 0], [1, 0.1], [1, 0.2], [0.5, 0.5], [0, 1], [0, 0]], np.float32)
    return Recommender(catalogue, Table(known, beside, folds_in, is_share), vectors, (1.0, 5.0) if rated else None)


@pytest.fixture
def shop() -> Recommender:
    return books()
