"""`Factors`: what each user likes and each item is like, as a few numbers each, of ratings or of events.

Legend: N rows, U users, I items, K factors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.kinds.ratings.features import features_of
from drivetrain.kinds.ratings.rankers import FactorRanker
from drivetrain.learner.base import MetricLike
from drivetrain.models.deadline import Budget, Deadline
from drivetrain.models.ratings import alternating, variational
from drivetrain.models.ratings.base import RatingModel
from drivetrain.models.ratings.calibrating import IDENTITY, popularity_hint, rating_line
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import flag, number, whole
from drivetrain.text import counted

FACTORS_OF_RATINGS, FACTORS_OF_EVENTS = 12, 64
SWEEPS_OF_RATINGS, SWEEPS_OF_EVENTS = 30, 12
ALPHA, STRENGTH = 5.0, 0.3
"""Of events: by NDCG@10 on MovieLens 100k the best of a few tried, and near the best on the Amazon access data."""


class Factors(RatingModel):
    """Biased factors of users and items.

    Of ratings: variational Bayes, kept within the scale; nothing to tune (see `variational`). Side tables of the data
    (`users=`, `items=`) say what to expect of who has no rows. Of events, or where `implicit` is asked for: alternating
    least squares over all pairs, those that did not happen too (see `alternating`): it ranks, and predicts no rating.

    Args:
        data: What `drivetrain.ratings` gave.
        factors: How many numbers tell what each is like; None: 12 of ratings, 64 of events.
        implicit: Learn who had what rather than how it was rated; None: of events alone.
        features: Whether side tables are used.
        sweeps: At most so many times all users and items are solved; None: 30 of ratings, 12 of events.
        budget: The time it may take.
        metrics: What people read; None takes what suits the target.
        seed: Of the start.

    Example:
        >>> import drivetrain as dt
        >>> films = {"user": list("abcdefghij") * 3, "item": ["Alien"] * 10 + ["Brazil"] * 10 + ["Casablanca"] * 10}
        >>> data = dt.ratings({**films, "stars": [5.0] * 10 + [3.0] * 10 + [1.0, 2.0] * 5}, rating="stars")
        >>> [found.item for found in dt.Factors(data).recommend("a", 1, exclude_seen=False)]
        ['Alien']
    """

    label = "factors"

    @named
    def __init__(
        self,
        data: Data,
        *,
        factors: int | None = None,
        implicit: bool | None = None,
        features: bool = True,
        sweeps: int | None = None,
        alpha: float = ALPHA,
        strength: float = STRENGTH,
        budget: Budget = None,
        metrics: Sequence[MetricLike] | MetricLike | None = None,
        seed: int = 0,
    ) -> None:
        deadline = Deadline.of(budget)
        factors = None if factors is None else whole("factors", factors, least=1, most=512)
        sweeps = None if sweeps is None else whole("sweeps", sweeps, least=1)
        self.alpha, self.strength = number("alpha", alpha, above=0), number("strength", strength, above=0)
        seed, features = whole("seed", seed, least=0), flag("features", features)
        super().__init__(data, metrics=metrics)
        self.implicit = self.is_events if implicit is None else flag("implicit", implicit) or self.is_events
        if self.implicit:
            self.label = "factors" if self.is_events else "factors of who rated what"
            self._fit_events(factors or FACTORS_OF_EVENTS, sweeps or SWEEPS_OF_EVENTS, deadline, seed)
        else:
            self._fit_ratings(factors or FACTORS_OF_RATINGS, sweeps or SWEEPS_OF_RATINGS, deadline, seed, features)

    # ── fitting ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _fit_ratings(self, factors: int, sweeps: int, deadline: Deadline, seed: int, features: bool) -> None:
        rows, spec = self.rows, self.spec
        of_users, of_items = (
            features_of(table, ids) if features else None
            for table, ids in ((self.users, spec.users), (self.items, spec.items))
        )
        before = [np.inf]

        def settled(state: variational.Fitted) -> bool:
            before.append(state.noise)
            return state.sweeps > 10 and abs(before[-2] - state.noise) < 1e-4 * state.noise

        found = variational.fit(
            rows.users,
            rows.items,
            rows.values,
            len(spec.users) + 1,
            len(spec.items) + 1,
            weights=rows.weights,
            factors=factors,
            sweeps=sweeps,
            seed=seed,
            user_features=None if of_users is None else of_users.matrix,
            item_features=None if of_items is None else of_items.matrix,
            over=lambda: deadline.over,
            each=settled,
        )
        prior = [found.noise, found.users.bias_spread, *found.users.spread.tolist()]
        learnt = {
            "mean": np.array([found.mean]),
            "user_bias": found.users.bias.astype(np.float32),
            "item_bias": found.items.bias.astype(np.float32),
            "user_factors": found.users.factors,
            "item_factors": found.items.factors,
            "line": IDENTITY,
            "prior": np.array(prior),
            "item_sure": np.diagonal(found.items.sure, axis1=1, axis2=2).astype(np.float32),
            "scale": np.array([spec.low, spec.high]),
        }
        self._ranker = FactorRanker(learnt, self.seen)
        sides = [
            f"{counted(len(made.names), 'feature')} of {name}"
            for name, made in (("users", of_users), ("items", of_items))
            if made
        ]
        reason = f"{counted(found.sweeps, 'sweep')} of variational Bayes; the noise is {found.noise**0.5:.3g}"
        self.decisions["factors"] = Decision(value=factors, reason="; ".join([reason, *sides]))

    def _fit_events(self, factors: int, sweeps: int, deadline: Deadline, seed: int) -> None:
        from scipy.sparse import csr_matrix  # noqa: PLC0415 - slow to import

        rows, spec = self.rows, self.spec
        shape = (len(spec.users) + 1, len(spec.items) + 1)
        weighed = rows.weights / np.average(rows.weights)
        events = csr_matrix((weighed.astype(np.float32), (rows.users, rows.items)), shape)
        found = alternating.fit(
            events,
            factors=factors,
            sweeps=sweeps,
            alpha=self.alpha,
            strength=self.strength,
            seed=seed,
            over=lambda: deadline.over,
        )
        user_factors, item_factors, done = found
        learnt = {
            "mean": np.zeros(1),
            "user_bias": np.zeros(shape[0], np.float32),
            "item_bias": np.concatenate([np.zeros(1, np.float32), popularity_hint(self.seen)]),
            "user_factors": user_factors,
            "item_factors": item_factors,
            "line": IDENTITY,
            "events": np.array([self.alpha, self.strength, len(rows) / shape[0]]),
        }
        said = FactorRanker(learnt, self.seen).pairs(rows.users, rows.items)
        learnt["line"] = rating_line(rows, said, events=self.is_events)
        self._ranker = FactorRanker(learnt, self.seen)
        reason = f"{counted(done, 'sweep')} of alternating least squares over all pairs"
        self.decisions["factors"] = Decision(value=factors, reason=reason)

    @property
    def ranker(self) -> FactorRanker:
        """Mean, biases and factors by code, and what makes a rating of a score."""
        return self._ranker


Factors.__module__ = "drivetrain"  # where people find it, so that messages and help say so
