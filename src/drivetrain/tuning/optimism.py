"""How much too good the best looks, after each number of trials: what the choice among them explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivetrain.errors import DrivetrainError
from drivetrain.evaluation.metrics.metrics import Metric
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.record.selection import Selection, correct_selection

POINTS = 14
"""Numbers of trials that the curve is computed at, more of them where trials are few."""
RESAMPLES = 300
"""At each point of the curve; the last point is the reported number itself."""


@dataclass(frozen=True)
class Judged:
    """What a trial said of the validation rows."""

    number: int
    said: Predictions
    may_win: bool
    """It was trained to its end: one that was stopped is no choice, but it was looked at."""


@dataclass(frozen=True)
class Point:
    """The best after so many trials."""

    trials: int
    number: int
    """The trial that was best."""
    raw: float
    corrected: float


def chosen_among(judged: Sequence[Judged], metric: Metric, *, n_resamples: int | None = None) -> Selection | None:
    """The best of these, corrected for the choice; None where that is undefined.

    Args:
        judged: Each model once.
        metric: Which says whether higher is better.
        n_resamples: None takes the usual number.
    """
    values = [metric.value(one.said.judged) for one in judged]
    able = [at for at, one in enumerate(judged) if one.may_win]
    if not able:
        return None
    sign = -1 if metric.higher_is_better else 1
    chosen = min(able, key=lambda at: (sign * values[at], at))
    more = {} if n_resamples is None else {"n_resamples": n_resamples}
    try:
        return correct_selection([one.said for one in judged], metric, chosen=chosen, **more)
    except DrivetrainError:
        return None


def grown(judged: Sequence[Judged], metric: Metric, last: Selection | None) -> list[Point]:
    """The best as measured and as corrected, after a few numbers of trials.

    Args:
        judged: In the order of trials, each model once.
        metric: That they are compared by.
        last: The correction among all.
    """
    n = len(judged)
    points: list[Point] = []
    for k in sorted({*np.unique(np.geomspace(1, max(n, 1), POINTS).round().astype(int)).tolist(), n}):
        found = last if k == n else chosen_among(judged[:k], metric, n_resamples=RESAMPLES)
        if found is not None:
            points.append(Point(k, judged[found.chosen].number, found.raw, found.corrected))
    return points
