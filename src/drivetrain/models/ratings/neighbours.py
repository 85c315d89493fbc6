"""`ItemNeighbours`: what somebody has had speaks for the items that the same people had.

Legend: U users, I items.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.kinds.ratings.rankers import ItemRanker
from drivetrain.kinds.ratings.sparse import shape_of
from drivetrain.learner.base import MetricLike
from drivetrain.models.ratings.base import RatingModel
from drivetrain.models.ratings.calibrating import line_of_items, popularity_hint
from drivetrain.notices import warn
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import number, whole

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

NEIGHBOURS, SHRINK = 100, 10.0
NUMBERS_AT_ONCE = 1 << 25
MOST_OF_A_USER = 5_000
"""Somebody with more items than these has them all in common, which says nothing of any, and takes very long."""


class ItemNeighbours(RatingModel):
    """Cosine of items by who had them, drawn to 0 where few had both; the nearest of each item count.

    Args:
        data: What `drivetrain.ratings` gave.
        neighbours: Of each item.
        shrink: As many users in common make half of a similarity.
        metrics: What people read; None takes what suits the target.
        seed: Of the users by which scores are made ratings.

    Example:
        >>> import drivetrain as dt
        >>> films = ["Alien"] * 9 + ["Aliens"] * 9 + ["Bambi"] * 9 + ["Dumbo"] * 9
        >>> data = dt.ratings({"user": list("abcdefghi" * 2 + "jklmnopqr" * 2), "item": films})
        >>> [found.item for found in dt.ItemNeighbours(data).recommend(n=1, favourites=["Alien"])]
        ['Aliens']
    """

    label = "item neighbours"

    @named
    def __init__(
        self,
        data: Data,
        *,
        neighbours: int = NEIGHBOURS,
        shrink: float = SHRINK,
        metrics: Sequence[MetricLike] | MetricLike | None = None,
        seed: int = 0,
    ) -> None:
        neighbours, shrink = whole("neighbours", neighbours, least=1), number("shrink", shrink, least=0)
        seed = whole("seed", seed, least=0)
        super().__init__(data, metrics=metrics)
        self._tell_of_left_out()
        weights = similarities(self.seen, neighbours=neighbours, shrink=shrink)
        arrays: dict[str, NDArray[Any]] = {
            "base": popularity_hint(self.seen),
            "starts": weights.indptr.astype(np.int64),
            "others": weights.indices.astype(np.int32),
            "values": weights.data.astype(np.float32),
        }
        line = line_of_items(self.rows, ItemRanker(arrays, self.seen), events=self.is_events, seed=seed)
        self._ranker = ItemRanker({**arrays, "line": line}, self.seen)

    def _tell_of_left_out(self) -> None:
        many = int((np.diff(self.seen.indptr) > MOST_OF_A_USER).sum())
        if many:
            said = f"{many} user{'s have' if many > 1 else ' has'} more than {MOST_OF_A_USER:,} items each"
            reason = f"{said}, and all of these in common: similarities are found without them"
            self.decisions["users left out"] = Decision(value=many, reason=reason)
            warn(f"{self.label}: {reason}. To fix: take their rows out, if they are programs")

    @property
    def ranker(self) -> ItemRanker:
        """The similarities of each item to its nearest."""
        return self._ranker


def similarities(seen: csr_matrix, *, neighbours: int, shrink: float) -> csr_matrix:
    """(I, I) from the row's item to the column's, of each column its nearest.

    Args:
        seen: (U, I) what each user has had.
        neighbours: At most so many of each item.
        shrink: Common users for half of a similarity.

    Example:
        >>> from scipy.sparse import csr_matrix
        >>> found = similarities(csr_matrix(np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1]])), neighbours=1, shrink=0)
        >>> found.toarray().tolist()
        [[0.0, 0.81..., 0.0], [0.81..., 0.0, 0.57...], [0.0, 0.0, 0.0]]
    """
    from scipy.sparse import csr_matrix, vstack  # noqa: PLC0415 - slow to import

    usual: Any = seen[np.flatnonzero(np.diff(seen.indptr) <= MOST_OF_A_USER)]
    ones = csr_matrix((np.ones(usual.nnz, np.float32), usual.indices, usual.indptr), usual.shape)
    by_item: Any = ones.T.tocsr()
    counts = np.diff(by_item.indptr).astype(np.float32)
    n = shape_of(seen)[1]
    step = max(1, NUMBERS_AT_ONCE // max(n, 1))
    parts: list[Any] = []
    for start in range(0, n, step):
        near: Any = (by_item[start : start + step] @ ones).tocsr()
        item = start + np.repeat(np.arange(near.shape[0]), np.diff(near.indptr))
        common = np.where(near.indices == item, 0, near.data)
        near.data = common / np.sqrt(counts[item] * counts[near.indices]) * (common / np.maximum(common + shrink, 1))
        for row in np.flatnonzero(np.diff(near.indptr) > neighbours).tolist():
            own = near.data[near.indptr[row] : near.indptr[row + 1]]
            own[own < np.partition(own, -neighbours)[-neighbours]] = 0
        near.eliminate_zeros()
        parts.append(near.astype(np.float32))
    found: Any = vstack(parts) if parts else csr_matrix((n, n), dtype=np.float32)
    return found.T.tocsr()


ItemNeighbours.__module__ = "drivetrain"  # where people find it, so that messages and help say so
