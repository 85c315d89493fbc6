"""How far a number measured on n rows may be from the number on all rows: `interval(metric, predictions)`.

Nothing outside calls the modules in here, and they are frozen: their constants were measured, and no more are tuned.
Which interval is taken for what, and why, is told in docs/intervals.md. What a metric says of itself for its interval
(`Ratios`, `Influence`, `OfMeans`, a `Statistic`) is handed on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivetrain.evaluation.intervals.bootstrap_t import LOG, LOG_OF_REST, MOST_COLUMNS, OfMeans, mean_interval, of_mean
from drivetrain.evaluation.intervals.core import (
    N_RESAMPLES,
    Codes,
    Floats,
    Interval,
    Statistic,
    bootstrap_interval,
    check_level,
    group_codes,
    mean_of,
    n_groups,
    of_groups,
    proportion_interval,
    resamples,
    student,
    wilson_ends,
    wilson_interval,
)
from drivetrain.evaluation.intervals.differences import paired_influences, tango_interval
from drivetrain.evaluation.intervals.score_interval import PRIOR_ROWS, Influence, Ratios, one_ratio, share

if TYPE_CHECKING:
    from drivetrain.evaluation.metrics.metrics import Metric
    from drivetrain.evaluation.predictions import Predictions

__all__ = [
    "LOG",
    "LOG_OF_REST",
    "MOST_COLUMNS",
    "N_RESAMPLES",
    "PRIOR_ROWS",
    "Codes",
    "Floats",
    "Influence",
    "Interval",
    "OfMeans",
    "Ratios",
    "Statistic",
    "bootstrap_interval",
    "check_level",
    "group_codes",
    "interval",
    "mean_interval",
    "mean_of",
    "n_groups",
    "of_groups",
    "of_mean",
    "one_ratio",
    "paired_influences",
    "proportion_interval",
    "resamples",
    "share",
    "student",
    "tango_interval",
    "wilson_ends",
    "wilson_interval",
]


def interval(metric: Metric, predictions: Predictions, *, level: float = 0.95, seed: int = 0) -> Interval | None:
    """The interval that suits a metric; rows of one group count together where the predictions have groups.

    None where there are too few rows (groups) for one; without width where no row shows how the value varies.

    Example:
        >>> from drivetrain.evaluation import Predictions
        >>> from drivetrain.evaluation.metrics.metrics import METRICS
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> said = Predictions(ids=("a", "b"), target=fruit, truth=[0, 0], output=[[0.9, 0.1], [0.4, 0.6]])
        >>> print(interval(METRICS["accuracy"], said))
        [0.09453, 0.9055] (95 %, Wilson)
    """
    if not metric.enough(predictions):
        return None
    groups = group_codes(predictions.groups)
    if metric.hits is not None and groups is None:
        hits_N = metric.hits(predictions)
        return proportion_interval(int(hits_N.sum()), len(hits_N), level=level)
    if metric.hits is not None or metric.influence is not None:
        return metric.shares(predictions).interval(level=level, groups=groups)
    n_resamples = metric.n_resamples(predictions)
    if metric.means is not None:
        means = metric.means(predictions)
        if means.columns_NJ.shape[1] <= MOST_COLUMNS:
            return means.interval(level=level, n_resamples=n_resamples, seed=seed, groups=groups)
    statistic = metric.statistic(predictions)
    return bootstrap_interval(
        statistic, len(predictions), level=level, n_resamples=n_resamples, seed=seed, groups=groups
    )
