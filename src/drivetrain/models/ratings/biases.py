"""Biases: some users rate high, some items are liked by all; what is left when nobody's taste is known.

Legend: N rows, U users, I items.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.kinds.ratings.rankers import Codes, Floats, SumRanker
from drivetrain.learner.base import MetricLike
from drivetrain.models.ratings.base import RatingModel
from drivetrain.models.ratings.calibrating import IDENTITY

SWEEPS = 15


class Biases(RatingModel):
    """Mean rating + how far the user rates above it + how far the item is rated above it.

    Each bias is drawn towards 0 by as much as its own spread says: the variances are estimated with the biases
    (empirical Bayes). Of events the user's bias says nothing, and an item's is how often it occurs.

    Args:
        data: What `drivetrain.ratings` gave.
        metrics: What people read; None takes what suits the target.

    Example:
        >>> import drivetrain as dt
        >>> films = {"user": list("abcdefghij") * 3, "item": ["Alien"] * 10 + ["Brazil"] * 10 + ["Casablanca"] * 10}
        >>> data = dt.ratings({**films, "stars": [5.0] * 10 + [3.0] * 10 + [1.0, 2.0] * 5}, rating="stars")
        >>> [found.item for found in dt.Biases(data).recommend("a", 1, exclude_seen=False)]
        ['Alien']
    """

    label = "biases"

    @named
    def __init__(self, data: Data, *, metrics: Sequence[MetricLike] | MetricLike | None = None) -> None:
        super().__init__(data, metrics=metrics)
        rows = self.rows
        n_users, n_items = len(self.spec.users) + 1, len(self.spec.items) + 1
        if self.is_events:
            share = np.bincount(rows.items, rows.weights, n_items)
            mean, of_users, of_items = 0.0, np.zeros(n_users), share / max(share.max(), 1.0)
        else:
            weights = rows.weights
            mean, of_users, of_items = fit_biases(
                rows.users, rows.items, rows.values, n_users, n_items, weights=weights
            )
        learnt = {"mean": np.array([mean]), "user_bias": of_users, "item_bias": of_items, "line": IDENTITY}
        self._ranker = SumRanker(learnt, self.seen)

    @property
    def ranker(self) -> SumRanker:
        """Mean, biases of users, of items by code; those of code 0 are 0."""
        return self._ranker


def fit_biases(
    users: Codes, items: Codes, values: Floats, n_users: int, n_items: int, *, weights: Floats, sweeps: int = SWEEPS
) -> tuple[float, Floats, Floats]:
    """Mean, (n_users,) and (n_items,) biases, each drawn to 0 by the ratio of the variances.

    Args:
        users: (N,) codes.
        items: (N,) codes.
        values: (N,) ratings.
        n_users: With code 0.
        n_items: With code 0.
        weights: (N,) how much each row counts.
        sweeps: Alternations.
    """
    mean = float(np.average(values, weights=weights))
    of_users, of_items = np.zeros(n_users), np.zeros(n_items)
    n_of_users, n_of_items = np.bincount(users, weights, n_users), np.bincount(items, weights, n_items)
    noise = spread_users = spread_items = max(float(np.average((values - mean) ** 2, weights=weights)), 1e-12)
    for _ in range(sweeps):
        left = weights * (values - mean - of_users[users])
        sure = 1 / (n_of_items / noise + 1 / spread_items)
        of_items = sure * np.bincount(items, left, n_items) / noise
        there = n_of_items > 0
        spread_items = max(float((of_items[there] ** 2 + sure[there]).mean()), 1e-12)
        left = weights * (values - mean - of_items[items])
        sure = 1 / (n_of_users / noise + 1 / spread_users)
        of_users = sure * np.bincount(users, left, n_users) / noise
        there = n_of_users > 0
        spread_users = max(float((of_users[there] ** 2 + sure[there]).mean()), 1e-12)
        error = (values - mean - of_users[users] - of_items[items]) ** 2
        noise = max(float(np.average(error, weights=weights)), 1e-12)
    return mean, of_users, of_items


Biases.__module__ = "drivetrain"  # where people find it, so that messages and help say so
