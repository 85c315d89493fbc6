"""What the metrics of categories compute: values per row, and F1 and its like from counts.

Legend: N rows, K categories, B resamples.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation._ranking import positives
from drivetrain.evaluation._sklearn import sklearn_metrics
from drivetrain.evaluation.intervals import Floats, Statistic
from drivetrain.evaluation.predictions import Predictions

SMALLEST = float(np.finfo(np.float64).eps)
"""Probabilities are kept this far from 0 and 1 in a logarithm, as in scikit-learn."""


def top_k_hits(predictions: Predictions, k: int) -> NDArray[np.bool_]:
    """(N,) whether the true category is among the `k` most probable; of equal ones the first counts as higher."""
    truth, output = predictions.known_truth(), predictions.output
    of_truth = np.take_along_axis(output, truth[:, None], axis=1)
    earlier = np.arange(output.shape[1]) < truth[:, None]
    above = (output > of_truth) | ((output == of_truth) & earlier)
    return above.sum(axis=1) < k


def log_loss_rows(predictions: Predictions) -> Floats:
    """(N,) minus the log of the probability given to the truth; averaged over labels where there are several."""
    output = predictions.output.astype(np.float64)
    positive_NK = positives(predictions)
    if predictions.target.kind == "category":
        given = output[positive_NK] / output.sum(axis=1)
        return -np.log(np.clip(given, SMALLEST, 1 - SMALLEST))
    given_NK = np.where(positive_NK, output, 1 - output)
    return -np.log(np.clip(given_NK, SMALLEST, 1)).mean(axis=1)


def brier_rows(predictions: Predictions) -> Floats:
    """(N,) squared distance of the probabilities from the truth: summed over categories, averaged over labels."""
    squared_NK = (predictions.output.astype(np.float64) - positives(predictions)) ** 2
    return squared_NK.sum(axis=1) if predictions.target.kind == "category" else squared_NK.mean(axis=1)


def label_hits_rows(predictions: Predictions) -> Floats:
    """(N,) fraction of a row's labels that are right, said or not said."""
    return (predictions.chosen() == predictions.known_truth()).mean(axis=1)


def log_loss(predictions: Predictions) -> float:
    """Mean of `log_loss_rows`, from scikit-learn where it offers it."""
    if predictions.target.kind == "categories" or predictions.target.n_outputs == 1:
        return float(log_loss_rows(predictions).mean())
    output = predictions.output.astype(np.float64)
    output /= output.sum(axis=1, keepdims=True)
    labels = range(predictions.target.n_outputs)
    return float(sklearn_metrics().log_loss(predictions.known_truth(), output, labels=labels))


def f1_macro(predictions: Predictions) -> float:
    """Mean F1 over the categories that occur in the truth or in what was said; NaN where none does."""
    return _f1(predictions, "macro")


def f1_micro(predictions: Predictions) -> float:
    """F1 of all labels of all rows counted together; NaN where no label is true or said."""
    return _f1(predictions, "micro")


def _f1(predictions: Predictions, average: str) -> float:
    truth, chosen = predictions.known_truth(), predictions.chosen()
    if predictions.target.kind == "categories":
        occurs_K = truth.any(axis=0) | chosen.any(axis=0)
        if not occurs_K.any():
            return float("nan")
        truth, chosen = truth[:, occurs_K], chosen[:, occurs_K]
    return float(sklearn_metrics().f1_score(truth, chosen, average=average, zero_division=0))


def balanced_accuracy(predictions: Predictions) -> float:
    """Mean over the categories that occur in the truth of the fraction of their rows that are right."""
    truth, chosen = predictions.known_truth(), predictions.chosen()
    recall_score = sklearn_metrics().recall_score
    return float(recall_score(truth, chosen, labels=np.unique(truth), average="macro", zero_division=0))


def resampled_f1_macro(predictions: Predictions) -> Statistic:
    """`f1_macro` of each resample."""
    return _from_counts(predictions, lambda right, true, said: _mean_defined(2 * right, true + said))


def resampled_f1_micro(predictions: Predictions) -> Statistic:
    """`f1_micro` of each resample."""
    return _from_counts(
        predictions, lambda right, true, said: _mean_defined(2 * right.sum(0)[None], (true + said).sum(0)[None])
    )


def resampled_balanced_accuracy(predictions: Predictions) -> Statistic:
    """`balanced_accuracy` of each resample."""
    return _from_counts(predictions, lambda right, true, said: _mean_defined(right, true))


def _mean_defined(upper_KB: Floats, lower_KB: Floats) -> Floats:
    """(B,) mean over K of upper / lower where lower is above 0; NaN where it never is."""
    defined_KB = lower_KB > 0
    ratio_KB = np.divide(upper_KB, lower_KB, out=np.zeros_like(upper_KB), where=defined_KB)
    with np.errstate(invalid="ignore"):
        return ratio_KB.sum(axis=0) / defined_KB.sum(axis=0)


def _from_counts(predictions: Predictions, value: Callable[[Floats, Floats, Floats], Floats]) -> Statistic:
    """A statistic of three (K, B) tables per category: rows right, rows where it is true, rows where it is said."""
    from scipy.sparse import csr_array  # noqa: PLC0415 (slow to import)

    true_NK, chosen = positives(predictions), predictions.chosen()
    if predictions.target.kind == "category":
        said_NK = chosen[:, None] == np.arange(predictions.target.n_outputs)
    else:
        said_NK = chosen == 1
    tables = [csr_array(table.T.astype(np.float64)) for table in (true_NK & said_NK, true_NK, said_NK)]

    def statistic(counts_BN: Floats) -> Floats:
        counts_NB = np.ascontiguousarray(counts_BN.T)
        right_KB, true_KB, said_KB = (table @ counts_NB for table in tables)
        return value(right_KB, true_KB, said_KB)

    return statistic
