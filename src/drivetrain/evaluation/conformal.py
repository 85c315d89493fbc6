"""Prediction sets and intervals that hold the truth as often as stated: split conformal prediction.

The only assumption is that new rows are drawn like the rows the quantile was taken from. With groups, that new rows
come in new groups drawn like these.

Legend: N rows, G groups, K categories, D numbers per row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import DataError
from drivetrain.evaluation.intervals import Codes, Floats, Interval, group_codes, one_ratio, wilson_interval
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.calibration import Calibration, Ranking, aps_scores
from drivetrain.runtime.targets import Array
from drivetrain.settings import refuse

_ROUNDING = 1e-9


def conformal_quantile(scores_N: Floats, coverage: float, groups: NDArray[Any] | None = None) -> float | None:
    """The score that a new row's score does not exceed with probability `coverage`.

    Without groups this is the ⌈(n + 1) × coverage⌉-th smallest score, which covers with at least `coverage` and at
    most `coverage` + 1 / (n + 1). With groups each group counts alike, whatever its size.

    Args:
        scores_N: (N,) how badly the truth of each row fits what was said of it.
        coverage: In (0, 1).
        groups: (N,) rows of one group belong together.

    Returns:
        None where there are too few rows (groups) to promise so much: fewer than coverage / (1 - coverage).

    Source: Vovk, Gammerman & Shafer, Algorithmic Learning in a Random World (2005); with groups Lee, Barber &
    Willett, Distribution-Free Inference with Hierarchical Data (2023), eq. 6. Checked against MAPIE.

    Example:
        >>> conformal_quantile(np.arange(1.0, 20.0), 0.9)
        18.0
        >>> conformal_quantile(np.arange(8.0), 0.9) is None
        True
    """
    check_coverage(coverage)
    if not len(scores_N):
        raise DataError("no rows were given: a quantile needs at least one.")
    codes = group_codes(groups)
    weight_N = np.ones(len(scores_N)) if codes is None else 1 / np.bincount(codes)[codes]
    units = float(weight_N.sum())
    order = np.argsort(scores_N, kind="stable")
    held = np.cumsum(weight_N[order])
    enough = np.flatnonzero(held >= coverage * (units + 1) - _ROUNDING)
    return float(scores_N[order[enough[0]]]) if len(enough) else None


def check_coverage(coverage: float) -> None:
    """Raise SettingError unless it can be promised."""
    if not 0 < coverage < 1:
        refuse("coverage", coverage, "a share above 0 and below 1", fix="To fix: coverage=0.9.")


def set_scores(probs_NK: Array, truth: Array, kind: str, ranking: Ranking = "lac") -> Floats:
    """(N,) score up to which a prediction set must reach to hold the truth of each row.

    lac: 1 minus the probability of the truth (Sadinle, Lei & Wasserman 2019). aps: sum of the probabilities down to
    it (Romano, Sesia & Candès 2020). Several labels: the worst score of the true ones, 0 where none is true.

    Example:
        >>> set_scores(np.array([[0.75, 0.25]]), np.array([1]), "category").tolist()
        [0.75]
    """
    probs_NK = probs_NK.astype(np.float64)
    if kind == "categories":
        return np.where(truth == 1, 1 - probs_NK, 0.0).max(axis=1)
    scores_NK = aps_scores(probs_NK) if ranking == "aps" else 1 - probs_NK
    return np.take_along_axis(scores_NK, truth[:, None], axis=1)[:, 0]


@dataclass(frozen=True)
class Coverage:
    """How often prediction sets hold the truth, and how large they are, on rows that were not calibrated on."""

    stated: float
    found: float
    interval: Interval | None
    mean_size: float
    """Categories in a set, or width of the interval of a number in your units (averaged over numbers)."""
    n: int

    def __str__(self) -> str:
        ends = "" if self.interval is None else f" [{100 * self.interval.low:.1f}, {100 * self.interval.high:.1f}]"
        return (
            f"stated coverage {100 * self.stated:g} %, found {100 * self.found:.1f} %{ends}, "
            f"mean size {self.mean_size:.3g}, n = {self.n:,}"
        )


def coverage_of(calibration: Calibration, predictions: Predictions) -> Coverage:
    """Check the promise of a calibration on other rows, such as those of the test set.

    Args:
        calibration: Fitted on validation rows.
        predictions: Of rows it was not fitted on, with probabilities already calibrated
            (`drivetrain.evaluation.calibration.apply`), labelled.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> said = Predictions(ids=("a", "b"), target=fruit, truth=[0, 0], output=[[0.9, 0.1], [0.3, 0.7]])
        >>> print(coverage_of(Calibration(temperature=1, coverage=0.9, quantile=0.6, abstain_below=0, n=50), said))
        stated coverage 90 %, found 50.0 % [9.5, 90.5], mean size 1, n = 2
    """
    predictions = predictions.judged
    truth, target = predictions.known_truth(), predictions.target
    if target.kind == "number":
        if calibration.half_widths is None:
            raise DataError("the calibration states no intervals: it was fitted on too few rows.")
        halves_D = np.asarray(calibration.half_widths)
        # the same whatever the unit, and however far from 0 the numbers lie
        rounding_ND = _ROUNDING * halves_D + 4 * np.spacing(abs(truth))
        held_ND = abs(predictions.output - truth) <= halves_D + rounding_ND
        size = float(2 * halves_D.mean())
    else:
        sets = [set(calibration.prediction_set(target, row)) for row in predictions.output]
        true = [{value} if isinstance(value, str) else set(value) for value in predictions.decoded_truth()]
        held_ND = np.array([[labels <= said] for labels, said in zip(true, sets, strict=True)])
        size = float(np.mean([len(said) for said in sets]))
    groups = group_codes(predictions.groups)
    interval = _interval(held_ND, groups)
    return Coverage(calibration.coverage, float(held_ND.mean()), interval, size, len(predictions))


def _interval(held_ND: NDArray[np.bool_], groups: Codes | None) -> Interval | None:
    n, d = held_ND.shape
    if d == 1 and groups is None:
        return wilson_interval(int(held_ND.sum()), n)
    return one_ratio(held_ND.sum(axis=1).astype(np.float64), np.full(n, float(d))).influence().interval(groups=groups)
