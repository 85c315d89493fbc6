"""Area under the ROC curve and average precision: their values, and the same for many resamples at once.

Legend: N rows, K categories, B resamples, P distinct scores among a category's positive rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation._sklearn import sklearn_metrics
from drivetrain.evaluation.intervals import Floats, Statistic
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.targets import Array

Bools = NDArray[np.bool_]


def positives(predictions: Predictions) -> Bools:
    """(N, K) which categories are true of each row."""
    truth = predictions.known_truth()
    if predictions.target.kind == "category":
        return truth[:, None] == np.arange(predictions.target.n_outputs)
    return truth == 1


def judged(predictions: Predictions) -> list[int]:
    """Categories that some rows have and some have not: the others have no ranking to judge.

    The two categories of a binary target mirror each other, so only the second one is judged, as is usual.
    """
    positive_NK = positives(predictions)
    mixed = np.flatnonzero(positive_NK.any(axis=0) & ~positive_NK.all(axis=0)).tolist()
    binary = predictions.target.kind == "category" and predictions.target.n_outputs == 2
    return [k for k in mixed if not (binary and k == 0)]


def work(predictions: Predictions) -> int:
    """Cost of one resample: a sum over the rows of each category, and about five over its positive rows."""
    positive_NK = positives(predictions)
    return positive_NK.size + 5 * int(positive_NK.sum())


def roc_auc(predictions: Predictions) -> float:
    """Mean over `judged` categories of the area under the ROC curve (one against the rest); NaN without any."""
    return _macro(predictions, sklearn_metrics().roc_auc_score)


def average_precision(predictions: Predictions) -> float:
    """Mean over `judged` categories of the average precision (one against the rest); NaN without any."""
    return _macro(predictions, sklearn_metrics().average_precision_score)


def _macro(predictions: Predictions, function: Callable[[Bools, Floats], float]) -> float:
    positive_NK, output_NK = positives(predictions), predictions.output
    values = [float(function(positive_NK[:, k], output_NK[:, k])) for k in judged(predictions)]
    return float(np.mean(values)) if values else float("nan")


def resampled_roc_auc(predictions: Predictions) -> Statistic:
    """`roc_auc` of each resample, over the categories that are mixed within it."""

    def per_category(pos_PB: Floats, neg_below_PB: Floats, neg_tied_PB: Floats, n_neg_B: Floats) -> Floats:
        wins_B = (pos_PB * (neg_below_PB + 0.5 * neg_tied_PB)).sum(axis=0)
        return wins_B / (pos_PB.sum(axis=0) * n_neg_B)

    return _resampled(predictions, per_category)


def resampled_average_precision(predictions: Predictions) -> Statistic:
    """`average_precision` of each resample, over the categories that are mixed within it."""

    def per_category(pos_PB: Floats, neg_below_PB: Floats, neg_tied_PB: Floats, n_neg_B: Floats) -> Floats:
        true_PB = pos_PB[::-1].cumsum(axis=0)[::-1]  # positive rows at or above each score
        precision_PB = true_PB / (true_PB + n_neg_B - neg_below_PB)
        return np.where(pos_PB > 0, pos_PB * precision_PB, 0).sum(axis=0) / pos_PB.sum(axis=0)

    return _resampled(predictions, per_category)


def _resampled(predictions: Predictions, per_category: Callable[[Floats, Floats, Floats, Floats], Floats]) -> Statistic:
    positive_NK, output_NK = positives(predictions), predictions.output
    categories = judged(predictions)

    def statistic(counts_BN: Floats) -> Floats:
        counts_NB = np.ascontiguousarray(counts_BN.T)
        total_B, defined_B = np.zeros(len(counts_BN)), np.zeros(len(counts_BN))
        for k in categories:
            pos_PB, neg_QB = _binned(positive_NK[:, k], output_NK[:, k], counts_NB)
            upto_QB = neg_QB.cumsum(axis=0)
            n_neg_B = upto_QB[-1]
            with np.errstate(divide="ignore", invalid="ignore"):
                value_B = per_category(pos_PB, upto_QB[:-1:2], neg_QB[1::2], n_neg_B)
            mixed_B = (pos_PB.sum(axis=0) > 0) & (n_neg_B > 0)
            total_B += np.where(mixed_B, value_B, 0)
            defined_B += mixed_B
        with np.errstate(invalid="ignore"):
            return total_B / defined_B

    return statistic


def _binned(positive_N: Bools, score_N: Array, counts_NB: Floats) -> tuple[Floats, Floats]:
    """How many rows of each resample fall where, in the order of the scores.

    Returns:
        (P, B) positive rows at each distinct positive score, and (2P+1, B) negative rows: below the first such
        score, tied with it, between it and the next, tied with that, …, above the last.
    """
    from scipy.sparse import csr_array  # noqa: PLC0415 (slow to import)

    at_P = np.unique(score_N[positive_N])
    left_N, right_N = np.searchsorted(at_P, score_N, "left"), np.searchsorted(at_P, score_N, "right")

    def gather(bin_N: NDArray[np.int64], chosen_N: Bools, n_bins: int) -> Floats:
        rows = np.flatnonzero(chosen_N)
        return csr_array((np.ones(len(rows)), (bin_N[rows], rows)), shape=(n_bins, len(chosen_N))) @ counts_NB

    return gather(left_N, positive_N, len(at_P)), gather(left_N + right_N, ~positive_N, 2 * len(at_P) + 1)
