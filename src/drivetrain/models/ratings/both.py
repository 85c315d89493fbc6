"""One model that predicts ratings as the best at that, and ranks items as the best at that: rarely the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from drivetrain.calls import named
from drivetrain.errors import SettingError
from drivetrain.kinds.ratings.rankers import Codes, Floats, Ranker
from drivetrain.learner.base import MetricLike
from drivetrain.models.ratings.base import RatingModel
from drivetrain.models.ratings.onnx_graph import as_onnx
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import instance


class Both(RatingModel):
    """Ratings of one model, ranking of another; fitted on the same rows.

    Args:
        rating: What predicts the ratings of pairs, and is saved as the graph.
        ranking: What ranks all items: `scores`, `fold_in`, recommendations.
        metrics: What people read; None takes those of `rating`.

    Raises:
        SettingError: They were fitted on different data, or on events, which have no rating.
    """

    @named
    def __init__(
        self,
        rating: RatingModel,
        ranking: RatingModel,
        *,
        metrics: Sequence[MetricLike] | MetricLike | None = None,
    ) -> None:
        what = "a model of ratings, such as dt.Factors(data)"
        rating, ranking = instance("rating", rating, RatingModel, what), instance("ranking", ranking, RatingModel, what)
        if rating.data is not ranking.data or rating.is_events:
            raise SettingError(
                f"{rating.label} and {ranking.label} were fitted on different data, or on events; expected two models "
                "of the same ratings. To fix: fit both on the same dt.ratings(..., rating=...)."
            )
        self.rating, self.ranked_by = rating, ranking
        self.label = f"{rating.label} rates, {ranking.label} ranks"
        super().__init__(rating.data, metrics=rating.metrics if metrics is None else metrics)
        self.decisions |= rating.decisions | ranking.decisions
        reason = f"ratings are those of {rating.label}, and items are ranked by {ranking.label}"
        self.decisions["two questions"] = Decision(value=self.label, reason=reason)

    @property
    def ranker(self) -> Ranker:
        """What ranks."""
        return self.ranked_by.ranker

    def rate(self, user_codes: Codes, item_codes: Codes, /) -> Floats:
        """(N,) the rating of each pair, by the model that rates."""
        return self.rating.rate(user_codes, item_codes)

    def as_onnx(self) -> bytes:
        """The graph of the model that rates."""
        return as_onnx(self.rating.ranker, self.spec, self._target)

    def identity(self) -> str:
        """SHA-256 of both."""
        return hashlib.sha256(f"{self.rating.identity()} {self.ranked_by.identity()}".encode()).hexdigest()
