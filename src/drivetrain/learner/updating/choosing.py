"""Where between the old and the new weights the updated model is: drawn, and chosen by a rule that is stated.

The rows that choose also judge. Where a point before the end was chosen, what that makes of luck is corrected for.

Legend: P points, B resamples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation.comparing import compare
from drivetrain.evaluation.copies import without_copies
from drivetrain.evaluation.intervals import group_codes, resamples
from drivetrain.evaluation.metrics.metrics import Metric
from drivetrain.evaluation.predictions import Predictions
from drivetrain.progress import track
from drivetrain.runtime.decisions import Decision

GRID = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Points that are judged: 0 is the old body with a head that knows the new classes, 1 the end of the training."""
HALF_WAY = 0.5
"""Where nothing can be measured, as Wortsman et al. (2022) take it."""
RULE = "the best mean of the old and the new task's score on their validation rows"
LEVEL = 0.95
"""Of the intervals that standard errors are read from."""
REACH = 1.645
"""Standard errors by which a point has to be better than the end of the training (one-sided, 95 %): of several points
on a few hundred rows the best is best by luck. Where the best mean was taken, it gave away 3.7 points of the old task
and 6.1 of the new one; see docs/decisions/updating."""

RESAMPLES = 1000
"""Of the rows, for the correction."""


@dataclass(frozen=True)
class Point:
    """One point between old and new weights, by the first metric on the validation rows of each task."""

    alpha: float
    old: float | None
    """None: no old validation rows are at hand, or the metric is undefined on them."""
    new: float | None

    def as_json(self) -> dict[str, Any]:
        """As plain data."""
        return vars(self).copy()


@dataclass(frozen=True)
class Corrected:
    """The first metric of both tasks as other rows would find it, once a point is known among how many it was chosen.

    Rows are drawn with replacement and choose by the same rule; how much better what they choose looks on them than on
    all rows is the luck of a choice (the optimism of Efron 1983, "Estimating the error rate of a prediction rule").
    """

    metric: str
    old: float
    new: float
    old_luck: float
    """By how much the old task's value on the rows that chose is better than `old`."""
    new_luck: float
    points: int

    def as_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"the validation rows that chose this point judge it too: corrected for the choice among {self.points}, "
            f"old {self.old:.3g}, new {self.new:.3g}"
        )


Said = tuple[Predictions | None, Predictions | None]
"""Of the old and of the new validation rows."""
Judge = Callable[[float], Said]
"""α → what the network at that point says of the old and of the new validation rows."""


def draw(judge: Judge, metric: Metric, alphas: Sequence[float]) -> tuple[tuple[Point, ...], tuple[Said, ...]]:
    """Each point judged, and what was said at it."""
    points: list[Point] = []
    said: list[Said] = []
    with track("judging between old and new weights", len(alphas)) as advance:
        for alpha in alphas:
            said.append(judge(alpha))
            points.append(Point(alpha, *(_value(metric, one) for one in said[-1])))
            advance(1)
    return tuple(points), tuple(said)


def choose(points: Sequence[Point], metric: Metric, said: Sequence[Said] = ()) -> tuple[float, Decision]:
    """The end of the training, or the point whose mean is the best of those better than it by more than chance.

    Args:
        points: From old to new; the last is the end of the training.
        metric: Of both tasks.
        said: At each point, to tell what is chance, row by row; without it every difference counts.

    Example:
        >>> from drivetrain.evaluation.metrics.metrics import METRICS
        >>> curve = (Point(0.0, 0.9, 0.5), Point(0.5, 0.88, 0.8), Point(1.0, 0.7, 0.85))
        >>> choose(curve, METRICS["accuracy"])[0]
        0.5
    """
    known = [i for i, point in enumerate(points) if _mean(point, metric) is not None]
    if not known or known[-1] != len(points) - 1:
        alpha = points[-1].alpha
        return alpha, Decision(value=alpha, reason=f"{metric.label} is undefined on the validation rows")
    end = known[-1]
    gains = {i: (_mean(points[i], metric) or 0.0) - (_mean(points[end], metric) or 0.0) for i in known[:-1]}
    able = [i for i, gain in gains.items() if gain > 0 and gain > _needed(i, end, metric, said)]
    best = max(able or [end], key=lambda i: (_mean(points[i], metric) or 0.0, -points[i].alpha))
    taken, last = points[best], points[end]
    values = f"{metric.label} old {taken.old:.3g}, new {taken.new:.3g}"
    why = f"the end of the training: of {len(known)} points none is better by more than chance, by the validation rows "
    why += f"that judge it too; {values}"
    if best != end:
        why = f"{RULE}, among {len(known)}: {values}; the end of the training: old {last.old:.3g}, new {last.new:.3g}"
    return taken.alpha, Decision(value=taken.alpha, reason=why)


def _mean(point: Point, metric: Metric) -> float | None:
    """Of both tasks, higher being better."""
    if point.old is None or point.new is None:
        return None
    return (1.0 if metric.higher_is_better is not False else -1.0) * (point.old + point.new) / 2


def _needed(i: int, end: int, metric: Metric, said: Sequence[Said]) -> float:
    """By how much the mean of a point has to be better than the end's; without rows every difference counts."""
    if not said:
        return 0.0
    errors: list[float] = []
    for one, other in zip(said[i], said[end], strict=True):
        assert one is not None and other is not None
        found = compare(one, other, metric, level=LEVEL)
        if found.low is None or found.high is None:
            return math.inf  # so few rows that nothing can be told
        errors.append((found.high - found.low) / 2 / NormalDist().inv_cdf(0.5 + LEVEL / 2))
    return REACH * math.hypot(*errors) / 2


def correct(said: Sequence[Said], chosen: int, metric: Metric) -> Corrected | None:
    """What the chosen point is worth on other rows; None where that cannot be told.

    Args:
        said: At each point, the end of the training last.
        chosen: Which one was taken.
        metric: Of both tasks.
    """
    if any(one is None for pair in said for one in pair):
        return None
    needed_P1 = np.array([[_needed(i, len(said) - 1, metric, said)] for i in range(len(said) - 1)])
    sign = -1.0 if metric.higher_is_better is False else 1.0
    drawn = [_drawn([pair[task] for pair in said], metric, task) for task in (0, 1)]
    means_PB = sign * (drawn[0] + drawn[1]) / 2
    gains_PB = means_PB - means_PB[-1]
    gains_PB[:-1][~(gains_PB[:-1] > needed_P1)] = -np.inf
    taken_B = gains_PB.argmax(axis=0)
    values: list[float] = []
    luck: list[float] = []
    for task in (0, 1):
        own_P = np.array([_value(metric, pair[task]) for pair in said], dtype=np.float64)
        gained_B = sign * (drawn[task][taken_B, np.arange(len(taken_B))] - own_P[taken_B])
        luck.append(float(np.nanmean(gained_B)))
        values.append(float(own_P[chosen] - sign * luck[-1]))
    return (
        Corrected(metric.name, values[0], values[1], luck[0], luck[1], len(said)) if np.isfinite(values).all() else None
    )


def _drawn(tables: Sequence[Predictions | None], metric: Metric, seed: int) -> NDArray[np.float64]:
    """(P, B) the metric of each point on rows that are drawn with replacement."""
    once = without_copies([table.judged for table in tables if table is not None])
    statistics = [metric.statistic(table) for table in once]
    blocks = resamples(len(once[0]), RESAMPLES, seed, group_codes(once[0].groups))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.concatenate([np.stack([of(drawn_BN) for of in statistics]) for drawn_BN in blocks], axis=1)


def unmeasured(n_rehearsed: int) -> tuple[float, Decision]:
    """The point where one of the tasks cannot be judged: the end, or half way where no old row holds the training."""
    alpha = 1.0 if n_rehearsed else HALF_WAY
    held = "old rows were rehearsed" if n_rehearsed else "no old row was rehearsed, so that half of the way is taken"
    return alpha, Decision(value=alpha, reason=f"one of the tasks has no validation rows to choose by; {held}")


def _value(metric: Metric, said: Predictions | None) -> float | None:
    if said is None or not len(said):
        return None
    value = metric.value(said.judged)
    return value if math.isfinite(value) else None
