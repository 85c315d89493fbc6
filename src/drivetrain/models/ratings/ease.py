"""`Ease`: each item predicted from all others by one linear model, whose solution is known in closed form.

Legend: U users, I items.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.errors import DataError
from drivetrain.kinds.ratings.rankers import ItemRanker
from drivetrain.kinds.ratings.sparse import shape_of
from drivetrain.learner.base import MetricLike
from drivetrain.models.ratings.base import RatingModel
from drivetrain.models.ratings.calibrating import line_of_items, popularity_hint
from drivetrain.models.ratings.trying import best_strength
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import number, whole

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MOST_ITEMS = 25_000
"""The weights between all items are kept: twice so many take four times the memory, and eight times as long."""
STRENGTHS = (30.0, 100.0, 300.0, 1000.0, 3000.0)
MOST_TO_TRY = 4_000
"""Items up to which several strengths are tried."""
USUAL = 300.0


class Ease(RatingModel):
    """What somebody has had speaks for other items, by weights between all pairs of items.

    It learns who had what, not how it was rated; of ratings it ranks, and predicts a rating by a line only.

    Args:
        data: What `drivetrain.ratings` gave.
        strength: Of the regularisation; None tries some on a tenth of the training rows of some users, of up to 4,000
            items, and takes 300 of more.
        metrics: What people read; None takes what suits the target.
        seed: Of the rows that strengths are tried on.

    Raises:
        DataError: There are more than 25,000 items.

    Source: Steck (2019), Embarrassingly Shallow Autoencoders for Sparse Data.

    Example:
        >>> import drivetrain as dt
        >>> films = ["Alien"] * 9 + ["Aliens"] * 9 + ["Bambi"] * 9 + ["Dumbo"] * 9
        >>> data = dt.ratings({"user": list("abcdefghi" * 2 + "jklmnopqr" * 2), "item": films})
        >>> [found.item for found in dt.Ease(data).recommend(n=1, favourites=["Alien"])]
        ['Aliens']
    """

    label = "EASE"

    @named
    def __init__(
        self,
        data: Data,
        *,
        strength: float | None = None,
        metrics: Sequence[MetricLike] | MetricLike | None = None,
        seed: int = 0,
    ) -> None:
        strength = None if strength is None else number("strength", strength, above=0)
        seed = whole("seed", seed, least=0)
        super().__init__(data, metrics=metrics)
        n = len(self.spec.items)
        if n > MOST_ITEMS:
            raise DataError(
                f"there are {n:,} items, and EASE keeps a weight for each pair of them; expected at most "
                f"{MOST_ITEMS:,}. To fix: take dt.ItemNeighbours or dt.Factors, or leave out items that few have had."
            )
        reason = "as asked"
        if strength is None:
            strength, reason = self._chosen(seed)
        self.decisions["strength"] = Decision(value=strength, reason=reason)
        arrays = {"base": popularity_hint(self.seen), "weights": item_weights(self.seen, strength)}
        line = line_of_items(self.rows, ItemRanker(arrays, self.seen), events=self.is_events, seed=seed)
        self._ranker = ItemRanker({**arrays, "line": line}, self.seen)

    @property
    def ranker(self) -> ItemRanker:
        """The weights between items."""
        return self._ranker

    def _chosen(self, seed: int) -> tuple[float, str]:
        if len(self.spec.items) > MOST_TO_TRY:
            return USUAL, f"the usual one: of more than {MOST_TO_TRY:,} items others are not tried"
        return best_strength(self.seen, item_weights, STRENGTHS, usual=USUAL, seed=seed)


def item_weights(seen: csr_matrix, strength: float) -> NDArray[np.float32]:
    """(I, I) weights from the row's item to the column's, none to itself.

    Args:
        seen: (U, I) what each user has had.
        strength: Added to the diagonal of the Gram matrix.

    Example:
        >>> from scipy.sparse import csr_matrix
        >>> item_weights(csr_matrix(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]])), 1.0).tolist()
        [[0.0, 0.66..., 0.0], [0.66..., 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - slow to import

    ones = csr_matrix((np.ones(seen.nnz, np.float32), seen.indices, seen.indptr), seen.shape)
    gram: Any = np.asarray((ones.T @ ones).todense(), np.float32 if shape_of(seen)[1] > MOST_TO_TRY else np.float64)
    gram[np.diag_indices_from(gram)] += strength
    inverse = np.linalg.inv(gram)
    del gram
    weights = (-inverse / np.diagonal(inverse)[None, :]).astype(np.float32)
    np.fill_diagonal(weights, 0.0)
    return weights + 0.0  # no minus before zero


Ease.__module__ = "drivetrain"  # where people find it, so that messages and help say so
