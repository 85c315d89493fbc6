"""A score for each period of time, and the area under it: whether a model holds while the world moves on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.errors import DataError
from drivetrain.evaluation.asking import asked_predictions
from drivetrain.evaluation.metrics.checks import as_array
from drivetrain.evaluation.metrics.metrics import Metric, resolve_metrics
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Score, score
from drivetrain.settings import whole
from drivetrain.text import printable


@dataclass(frozen=True)
class OverTime:
    """Scores by period, the earliest first.

    Prints as a line for each period, and the area under them.

    Example:
        >>> import drivetrain as dt
        >>> fruit = dt.CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> output = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]]
        >>> said = dt.Predictions(("a", "b", "c", "d"), fruit, [0, 1, 0, 1], output)
        >>> print(dt.score_over_time(said, [1, 1, 2, 2], metric="accuracy"))
        1 to 1: accuracy 100.0 % [34.2, 100.0], n = 2
        2 to 2: accuracy 50.0 % [9.5, 90.5], n = 2
        area under accuracy over time (AUT) 0.750
    """

    periods: tuple[tuple[float, float], ...]
    """First and last time of each, as given."""
    scores: tuple[Score, ...]
    area: float | None
    """Mean of the trapezoids between the periods (AUT), in the unit of the metric; None where a period has no score."""

    def __str__(self) -> str:
        lines = [f"{low:g} to {high:g}: {one}" for (low, high), one in zip(self.periods, self.scores, strict=True)]
        area = "–" if self.area is None else f"{self.area:.3f}"
        return printable("\n".join([*lines, f"area under {self.scores[0].label} over time (AUT) {area}"]))


@named
def score_over_time(
    predictions: Predictions, times: Any, *, periods: int = 4, metric: str | Metric | None = None
) -> OverTime:
    """A score for each of some periods that hold as many distinct times, and the area under them over time.

    Source: AUT of TESSERACT (Pendlebury et al. 2019, USENIX Security, eq. 4): the mean of the trapezoids between
    neighbouring periods, so that 1 is a perfect model for ever.

    Args:
        predictions: Of rows later than those that were trained on, with their truth.
        times: (N,) when each row came about: seconds, years, release numbers; such as `learn.data.valid.times`.
        periods: How many; fewer where there are fewer distinct times.
        metric: A name; None takes F1 of categories, else the target's first.

    Raises:
        DataError: The times do not fit the rows, or all rows are of one time.
        SettingError: There is no such metric.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("fig", "pear"))
        >>> said = Predictions(("a", "b", "c", "d"), fruit, [0, 1, 0, 1], [[1, 0], [0, 1], [1, 0], [1, 0]])
        >>> found = score_over_time(said, [1, 1, 2, 2], metric="accuracy")
        >>> [one.value for one in found.scores], found.area
        ([1.0, 0.5], 0.75)
    """
    predictions, periods = asked_predictions(predictions), whole("periods", periods, least=2)
    at = as_array(times, "times").astype(np.float64)
    if at.shape != (len(predictions.ids),) or not np.isfinite(at).all():
        raise DataError(
            f"times have shape {at.shape}; expected ({len(predictions.ids)},), a number for each row. To fix: make the "
            "data with time=, and pass learn.data.valid.times."
        )
    different = np.unique(at)
    if len(different) < 2:
        raise DataError("all rows are of one time; expected at least two. To fix: judge rows of a longer stretch.")
    usual = "f1" if predictions.target.kind != "number" and metric is None else metric
    chosen = resolve_metrics(None if usual is None else [usual], predictions.target)[0]
    parts = np.array_split(different, min(periods, len(different)))
    scores = [_score(predictions, (at >= part[0]) & (at <= part[-1]), chosen) for part in parts]
    spans = tuple((float(part[0]), float(part[-1])) for part in parts)
    return OverTime(spans, tuple(scores), area_under([one.value for one in scores]))


def area_under(values: Sequence[float | None]) -> float | None:
    """The mean of the trapezoids between neighbouring values.

    Example:
        >>> area_under([1.0, 0.5, 0.0]), area_under([1.0, None])
        (0.5, None)
    """
    known = [value for value in values if value is not None]
    if len(known) < len(values) or len(known) < 2:
        return None
    return float(np.mean([(a + b) / 2 for a, b in pairwise(known)]))


def _score(predictions: Predictions, those: NDArray[np.bool_], metric: Metric) -> Score:
    return score(predictions.subset(np.flatnonzero(those)), [metric], part="new")[metric.name]


for _public in (OverTime, score_over_time):
    _public.__module__ = "drivetrain"  # where people find them, so that messages and help say so
