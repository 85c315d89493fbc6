"""`RatingsNet`: embeddings of users and items and a hidden layer, trained by a Learner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.kinds.ratings.rankers import NetRanker
from drivetrain.learner.base import MetricLike
from drivetrain.learner.learner import Learner
from drivetrain.models.deadline import Budget
from drivetrain.models.ratings.base import RatingModel
from drivetrain.models.ratings.calibrating import IDENTITY
from drivetrain.runtime.times import seconds_of
from drivetrain.settings import whole

EPOCHS = 8
"""Where no time is named."""


class RatingsNet(RatingModel):
    """What a network with embeddings of users and items says, to compare others with.

    A Learner trains it; ratings are kept within the scale by a sigmoid. Somebody new gets what all get: embeddings of
    new users are not found without training.

    Args:
        data: Ratings, as `drivetrain.ratings` gave them.
        epochs: How often each row is read; None: 8, or as often as the budget allows.
        budget: The time it may take.
        metrics: What people read; None takes what suits the target.
        seed: Of all draws.

    Raises:
        ModelError: The rows are events.

    Example:
        ::

            RatingsNet(dt.ratings("ratings.csv", rating="stars", time="when")).validate()
    """

    label = "network"

    @named
    def __init__(
        self,
        data: Data,
        *,
        epochs: int | None = None,
        budget: Budget = None,
        metrics: Sequence[MetricLike] | MetricLike | None = None,
        seed: int = 0,
    ) -> None:
        from drivetrain.kinds.ratings.training import Body, Head, arrays_of  # noqa: PLC0415 - needs torch

        epochs = None if epochs is None else whole("epochs", epochs, least=1)
        seed = whole("seed", seed, least=0)
        super().__init__(data, metrics=metrics)
        learner = Learner(self.data, metrics=metrics, seed=seed, device="cpu")
        if budget is None or epochs is not None:
            learner.fine_tune(epochs or EPOCHS)
        else:
            learner.fine_tune(budget=max(1.0, seconds_of(budget)))
        self.learner = learner
        self.decisions |= learner.decisions
        learnt = arrays_of(cast(Body, learner.network.body), cast(Head, learner.network.head))
        self._ranker = NetRanker({**learnt, "line": IDENTITY}, self.seen)

    @property
    def ranker(self) -> NetRanker:
        """The network as arrays."""
        return self._ranker
