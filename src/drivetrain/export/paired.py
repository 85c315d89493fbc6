"""What lower precision changes: two models, the same validation rows, and an interval for the difference.

Legend: N rows, K outputs.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation.intervals import bootstrap_interval, mean_of
from drivetrain.runtime.manifest import PairedChange
from drivetrain.runtime.targets import Array, CategoriesTarget, CategoryTarget, NumberTarget, Target

LEVEL = 0.95

MEASURES = {
    "category": "accuracy",
    "categories": "share of labels right",
    "number": "minus the mean absolute error, in standard deviations of the training set",
}


def paired_change(
    target: Target, truth: Array, fp32_NK: NDArray[np.float32], lower_NK: NDArray[np.float32]
) -> PairedChange:
    """How much better (above 0) or worse the lower precision does on rows that both have answered.

    For one category per row the interval is that of Agresti & Min for matched pairs, which is honest where few rows
    or none have changed; otherwise a bootstrap of the rows.

    Args:
        target: What outputs mean.
        truth: As `target.encode` gives it.
        fp32_NK: Raw outputs in full precision.
        lower_NK: Raw outputs in lower precision.

    Source: Agresti & Min (2005), Simple improved confidence intervals for comparing matched proportions, sec. 3.

    Example:
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> sure = np.array([[9.0, 0.0]] * 100, np.float32)
        >>> same = paired_change(fruit, np.zeros(100, np.int64), sure, sure)
        >>> same.change, round(same.low, 3), round(same.high, 3)
        (0.0, -0.019, 0.019)
    """
    before, after = (_scores(target, truth, outputs) for outputs in (fp32_NK, lower_NK))
    difference = after - before
    low, high, method = _matched(difference) if isinstance(target, CategoryTarget) else _resampled(difference)
    return PairedChange(
        measure=MEASURES[target.kind],
        fp32=float(before.mean()),
        lower=float(after.mean()),
        change=float(difference.mean()),
        low=low,
        high=high,
        n=len(difference),
        method=method,
    )


def _scores(target: Target, truth: Array, outputs_NK: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N,) how well each row is answered, higher is better."""
    activated = target.activate(outputs_NK)
    if isinstance(target, NumberTarget):
        return -(np.abs(activated - truth) / np.asarray(target.std)).mean(axis=1)
    if isinstance(target, CategoriesTarget):
        return ((activated >= target.threshold) == (truth == 1)).mean(axis=1)
    return (activated.argmax(axis=1) == truth).astype(np.float64)


def _matched(difference: NDArray[np.float64]) -> tuple[float, float, str]:
    """Interval for the mean of differences that are −1, 0 or 1: half a row is added to each cell of the table."""
    n = len(difference)
    changed, net = float(np.abs(difference).sum()) + 1, float(difference.sum())
    centre = net / (n + 2)
    half = NormalDist().inv_cdf(0.5 + LEVEL / 2) * math.sqrt(changed - net**2 / (n + 2)) / (n + 2)
    return max(-1.0, centre - half), min(1.0, centre + half), "Agresti and Min, matched pairs"


def _resampled(difference: NDArray[np.float64]) -> tuple[float, float, str]:
    found = bootstrap_interval(mean_of(difference), len(difference), level=LEVEL)
    if found is None:
        return -math.inf, math.inf, "too few rows for an interval"
    return found.low, found.high, found.method
