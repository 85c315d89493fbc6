"""Area under the ROC curve and average precision: their values, the same for many resamples, and each row's influence.

Legend: N rows, K categories, B resamples, P distinct scores among a category's positive rows (in the last part P
positive and Q negative rows).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation.intervals import PRIOR_ROWS, Floats, Influence, Statistic
from drivetrain.evaluation.metrics.sklearn_names import sklearn_metrics
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


def roc_auc_influence(predictions: Predictions) -> Influence:
    """What each row does to `roc_auc`: its placement among the rows of the other side, as in DeLong et al. (1988).

    The variance of simply behaved rows is half way between that of exponential scores (Hanley & McNeil 1982) and that
    of normal scores of equal spread, which near 1 is down to half of it: coverage by simulation is best there.
    """
    from scipy.special import ndtri, owens_t  # noqa: PLC0415 (slow to import)

    positive_NK, output_NK = positives(predictions), predictions.output
    placed = [(k, *_placements(positive_NK[:, k], output_NK[:, k])) for k in judged(predictions)]
    value = float(np.mean([pos_P.mean() for _, pos_P, _ in placed])) if placed else float("nan")
    moved_N, flawed_N = np.zeros(len(positive_NK)), np.zeros(len(positive_NK), bool)
    for k, pos_P, neg_Q in placed:
        is_positive = positive_NK[:, k]
        moved_N[is_positive] += _from_others(pos_P, value) / len(placed)
        moved_N[~is_positive] += _from_others(neg_Q, value) / len(placed)
        flawed_N[is_positive] |= pos_P < 1
        flawed_N[~is_positive] |= neg_Q < 1
    sizes = np.array([(len(pos_P), len(neg_Q)) for _, pos_P, neg_Q in placed], dtype=np.float64).reshape(-1, 2)

    def variance_at(theta: float) -> float:
        if not 0 < theta < 1:
            return 0.0
        others_K, pairs_K = sizes.sum(axis=1) - 2, sizes.prod(axis=1)
        # that two rows are above one, or one above two: of normal scores, and of exponential ones on either side
        normal = theta - 2 * float(owens_t(ndtri(theta), 1 / math.sqrt(3)))
        exponential = (theta / (2 - theta) + 2 * theta**2 / (1 + theta)) / 2
        one = (theta * (1 - theta) + others_K * ((normal + exponential) / 2 - theta**2)) / pairs_K
        return float(one.sum()) / len(sizes) ** 2

    return Influence(value, moved_N, variance_at, flawed_N, smooth=True)


def average_precision_influence(predictions: Predictions) -> Influence:
    """What each row does to `average_precision`: the derivative by the row's weight.

    The variance of simply behaved rows is that of a proportion of the positive rows (Boyd, Eng & Page, Area under the
    Precision-Recall Curve: Point Estimates and Confidence Intervals, 2013), and less near 1, as is found by simulation
    with normal scores: .7 of it at .95, .5 at .99, .3 at .999. Of an average over categories the rows' own variance is
    believed only where it is larger: the rarest categories make most of it, of a few rows each.
    """
    positive_NK, output_NK = positives(predictions), predictions.output
    categories = judged(predictions)
    parts = [_precisions(positive_NK[:, k], output_NK[:, k]) for k in categories]
    value = float(np.mean([own_P.mean() for own_P, _, _ in parts])) if parts else float("nan")
    moved_N, flawed_N = np.zeros(len(positive_NK)), np.zeros(len(positive_NK), bool)
    for k, (own_P, raised_P, lowered_Q) in zip(categories, parts, strict=True):
        is_positive = positive_NK[:, k]
        moved_N[is_positive] += (_from_others(own_P, value) + raised_P / len(own_P)) / len(categories)
        moved_N[~is_positive] -= lowered_Q / len(own_P) / len(categories)
        flawed_N[is_positive] |= own_P < 1
    rows = float(np.mean([1 / len(own_P) for own_P, _, _ in parts])) / len(parts) if parts else 0.0

    def variance_at(theta: float) -> float:
        return theta * (1 - theta) * rows * min(1.0, 1.3 * (1 - theta) ** 0.2)

    several = len(categories) > 1
    return Influence(value, moved_N, variance_at, flawed_N, smooth=True, at_least_simple=several)


def _from_others(own_P: Floats, value: float) -> Floats:
    """(P,) share in the mean of how far each is from the others, who are drawn towards `value` where they are few."""
    others_P = (own_P.sum() - own_P + PRIOR_ROWS * value) / (len(own_P) - 1 + PRIOR_ROWS)
    return (own_P - others_P) / len(own_P)


def _placements(positive_N: Bools, score_N: Array) -> tuple[Floats, Floats]:
    """(P,) share of negative rows below each positive row, and (Q,) of positive rows above each negative; ties half."""
    pos_P, neg_Q = score_N[positive_N], score_N[~positive_N]
    pos_sorted, neg_sorted = np.sort(pos_P), np.sort(neg_Q)
    below_P = np.searchsorted(neg_sorted, pos_P, "left") + np.searchsorted(neg_sorted, pos_P, "right")
    upto_Q = np.searchsorted(pos_sorted, neg_Q, "left") + np.searchsorted(pos_sorted, neg_Q, "right")
    return below_P / (2 * len(neg_Q)), 1 - upto_Q / (2 * len(pos_P))


def _precisions(positive_N: Bools, score_N: Array) -> tuple[Floats, Floats, Floats]:
    """Precision at each positive row, and what one more row at each score would do to the sum of all precisions.

    Returns:
        (P,) precisions; (P,) by how much one more positive row like this raises the sum; (Q,) by how much one more
        negative row like this lowers it.
    """
    pos_P, neg_Q = score_N[positive_N], score_N[~positive_N]
    at_P, n_at_P = np.unique(pos_P, return_counts=True)
    true_P = n_at_P[::-1].cumsum()[::-1].astype(np.float64)  # positive rows at or above each distinct score
    false_P = len(neg_Q) - np.searchsorted(np.sort(neg_Q), at_P, "left").astype(np.float64)
    said_P = true_P + false_P
    raised = np.concatenate([[0.0], np.cumsum(n_at_P * false_P / said_P**2)])
    lowered = np.concatenate([[0.0], np.cumsum(n_at_P * true_P / said_P**2)])
    own_P = (true_P / said_P)[np.searchsorted(at_P, pos_P)]
    return own_P, raised[np.searchsorted(at_P, pos_P, "right")], lowered[np.searchsorted(at_P, neg_Q, "right")]
