"""The models of ratings that `drivetrain.train` lets compete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from drivetrain.data.data import Data
from drivetrain.kinds.ratings.describing import described
from drivetrain.models.deadline import Budget
from drivetrain.models.ratings.base import RatingModel
from drivetrain.models.ratings.biases import Biases
from drivetrain.models.ratings.ease import MOST_ITEMS, Ease
from drivetrain.models.ratings.factors import Factors
from drivetrain.models.ratings.neighbours import ItemNeighbours
from drivetrain.models.ratings.net import RatingsNet
from drivetrain.models.ratings.popularity import Popularity
from drivetrain.runtime.times import seconds_of


class Entrant(NamedTuple):
    """One that may take part."""

    name: str
    fit: Callable[[Budget], RatingModel]
    """In a time."""
    least_s: float
    """Below which it is not begun: by what it took on 80,000 and on 20 million rows."""
    why_not: str = ""
    """Why it cannot take part."""


def entrants(data: Data, metrics: Any, seed: int) -> list[Entrant]:
    """All that suit the data, the quick ones first.

    Args:
        data: Ratings or events.
        metrics: What people read of rows.
        seed: Of all draws.
    """
    n, spec = len(data.train), described(data)
    items = len(spec.items)
    given: dict[str, Any] = {"metrics": metrics}
    found: list[Entrant] = [] if spec.is_events else [Entrant("biases", lambda _: Biases(data, **given), 0.0)]
    found.append(Entrant("popularity", lambda _: Popularity(data, **given), 0.0))
    if "time" in data.options:
        found.append(Entrant("popularity, recent", lambda _: Popularity(data, recent=True, **given), 0.0))
    if not spec.is_events:
        found.append(Entrant("factors", lambda left: Factors(data, budget=left, seed=seed, **given), 2e-6 * n))
    found.append(Entrant("item neighbours", lambda _: ItemNeighbours(data, seed=seed, **given), 4e-6 * n))
    name = "factors" if spec.is_events else "factors of who rated what"
    implicit = Entrant(name, lambda left: Factors(data, implicit=True, budget=left, seed=seed, **given), 5e-6 * n)
    inverse_s = (items / 8000) ** 3 * 20
    too_many = f"{items:,} items are more than {MOST_ITEMS:,}" if items > MOST_ITEMS else ""
    ease = Entrant("EASE", lambda _: Ease(data, seed=seed, **given), inverse_s + 3e-6 * n, too_many)
    found += [implicit, ease]
    if not spec.is_events:
        unweighted = "it counts all rows alike, and these have weights" if "weight" in data.options else ""
        found.append(Entrant("network", lambda left: _network(data, left, given, seed), 2 + 1e-4 * n, unweighted))
    return found


def _network(data: Data, left: Budget, given: dict[str, Any], seed: int) -> RatingsNet:
    """Within a time that suits about eight epochs: longer it learns rows by heart."""
    enough = 3 + 3e-4 * len(data.train)
    return RatingsNet(data, budget=None if left is None else min(seconds_of(left), enough), seed=seed, **given)
