"""Where between the old and the new weights the updated model is: drawn, and chosen by a rule that is stated."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from drivetrain.evaluation.comparing import compare
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
    able = [i for i in known[:-1] if _is_better(points, i, end, metric, said)]
    best = max(able or [end], key=lambda i: (_mean(points[i], metric) or 0.0, -points[i].alpha))
    taken, last = points[best], points[end]
    values = f"{metric.label} old {taken.old:.3g}, new {taken.new:.3g}"
    why = f"the end of the training: of {len(known)} points none is better by more than chance; {values}"
    if best != end:
        why = f"{RULE}, among {len(known)}: {values}; the end of the training: old {last.old:.3g}, new {last.new:.3g}"
    return taken.alpha, Decision(value=taken.alpha, reason=why)


def _mean(point: Point, metric: Metric) -> float | None:
    """Of both tasks, higher being better."""
    if point.old is None or point.new is None:
        return None
    return (1.0 if metric.higher_is_better is not False else -1.0) * (point.old + point.new) / 2


def _is_better(points: Sequence[Point], i: int, end: int, metric: Metric, said: Sequence[Said]) -> bool:
    """Whether a point's mean is higher than the end's, and by more than chance where that can be told."""
    gain = (_mean(points[i], metric) or 0.0) - (_mean(points[end], metric) or 0.0)
    if not said or gain <= 0:
        return gain > 0
    errors: list[float] = []
    for one, other in zip(said[i], said[end], strict=True):
        assert one is not None and other is not None
        found = compare(one, other, metric, level=LEVEL)
        if found.low is None or found.high is None:
            return False  # so few rows that nothing can be told
        errors.append((found.high - found.low) / 2 / NormalDist().inv_cdf(0.5 + LEVEL / 2))
    return gain > REACH * math.hypot(*errors) / 2


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
