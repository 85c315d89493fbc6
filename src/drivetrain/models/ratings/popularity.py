"""Popularity: what most people had, of all time or lately.

Legend: N rows, U users, I items.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.errors import DataError
from drivetrain.kinds.ratings.rankers import SumRanker
from drivetrain.learner.base import MetricLike
from drivetrain.models.ratings.base import RatingModel
from drivetrain.models.ratings.calibrating import rating_line
from drivetrain.settings import flag

HALF_LIFE = 0.05
"""Of the weight of a row, as a share of the time that the training rows cover, where what is recent counts."""


class Popularity(RatingModel):
    """How many users had an item, the same for everybody.

    Args:
        data: What `drivetrain.ratings` gave.
        recent: Whether rows count less the older they are: half after a twentieth of the time that the rows cover.
        metrics: What people read; None takes what suits the target.

    Raises:
        DataError: `recent`, and the data have no time.

    Example:
        >>> import drivetrain as dt
        >>> films = ["Alien"] * 10 + ["Brazil"] * 6 + ["Casablanca"] * 2
        >>> data = dt.ratings({"user": list("abcdefghij" "abcdef" "ab"), "item": films})
        >>> [found.item for found in dt.Popularity(data).recommend("a", 1, exclude_seen=False)]
        ['Alien']
    """

    label = "popularity"

    @named
    def __init__(
        self, data: Data, *, recent: bool = False, metrics: Sequence[MetricLike] | MetricLike | None = None
    ) -> None:
        self.recent = flag("recent", recent)
        super().__init__(data, metrics=metrics)
        rows = self.rows
        counted = rows.weights if self.is_events else np.ones(len(rows))
        if self.recent:
            self.label = "popularity, recent"
            if rows.times is None:
                raise DataError(
                    "recent=True needs to know when each row happened, and the data have no time. To fix: make them "
                    "with dt.ratings(..., time=...), or leave recent out."
                )
            span = max(float(np.ptp(rows.times)), 1e-12)
            counted = counted * 0.5 ** ((rows.times.max() - rows.times) / (HALF_LIFE * span))
        counts = np.bincount(rows.items, counted, len(self.spec.items) + 1)
        counts[0] = 0.0
        of_items = np.log1p(counts)
        none = np.zeros(len(self.spec.users) + 1)
        line = rating_line(rows, of_items[rows.items], events=self.is_events)
        learnt = {"mean": np.zeros(1), "user_bias": none, "item_bias": of_items, "line": line}
        self._ranker = SumRanker(learnt, self.seen)

    @property
    def ranker(self) -> SumRanker:
        """The logarithm of how many had each item, by code; and what makes a rating of it."""
        return self._ranker


Popularity.__module__ = "drivetrain"  # where people find it, so that messages and help say so
