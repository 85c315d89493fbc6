"""What the metrics of categories compute: values per row, and F1 and its like from counts.

Legend: N rows, K categories, E entries (a row's contribution to a category).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation.intervals import Floats, Ratios, one_ratio
from drivetrain.evaluation.metrics.ranking import positives
from drivetrain.evaluation.metrics.sklearn_names import sklearn_metrics
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


def log_loss_of_a_mistake(predictions: Predictions) -> float:
    """What the log loss of a row would be if the model were wrong about it, see `_of_a_mistake`."""
    return _of_a_mistake(predictions, lambda output_NK: -np.log(np.clip(output_NK, SMALLEST, 1 - SMALLEST)))


def brier_of_a_mistake(predictions: Predictions) -> float:
    """What the Brier score of a row would be if the model were wrong about it, see `_of_a_mistake`."""
    return _of_a_mistake(predictions, lambda output_NK: (output_NK**2).sum(axis=1, keepdims=True) - 2 * output_NK + 1)


def _of_a_mistake(predictions: Predictions, loss: Callable[[Floats], Floats]) -> float:
    """Mean loss over all rows and all categories but the one said, as probable as the model says they are.

    0 with several labels per row, and where the model leaves no room for a mistake.
    """
    if predictions.target.kind != "category":
        return 0.0
    output_NK = predictions.output.astype(np.float64)
    other_NK = output_NK.copy()
    np.put_along_axis(other_NK, predictions.chosen()[:, None], 0.0, axis=1)
    total = float(other_NK.sum())
    return float((other_NK * loss(output_NK)).sum()) / total if total > 0 else 0.0


def with_one_mistake(predictions: Predictions, rows: Callable[[Predictions], Floats]) -> float | None:
    """The mean of a loss with one row more, wrong as a typical one would be; None where some row is wrong already.

    Typical: the median over the rows, each as if its second most probable category were the true one.
    """
    if predictions.target.kind != "category" or predictions.target.n_outputs < 2 or not predictions.hits().all():
        return None
    output_NK = predictions.output.copy()
    np.put_along_axis(output_NK, predictions.chosen()[:, None], -1.0, axis=1)
    wrong = float(np.median(rows(replace(predictions, truth=output_NK.argmax(axis=1)))))
    right_N = rows(predictions)
    return (float(right_N.sum()) + wrong) / (len(right_N) + 1)


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
        if truth.shape[1] == 1:
            average = "binary"  # scikit-learn would count "not this label" as a second category
    return float(sklearn_metrics().f1_score(truth, chosen, average=average, zero_division=0))


def balanced_accuracy(predictions: Predictions) -> float:
    """Mean over the categories that occur in the truth of the fraction of their rows that are right."""
    truth, chosen = predictions.known_truth(), predictions.chosen()
    recall_score = sklearn_metrics().recall_score
    return float(recall_score(truth, chosen, labels=np.unique(truth), average="macro", zero_division=0))


def recalls(predictions: Predictions) -> Ratios:
    """`balanced_accuracy` as a mean of ratios: rows that are right among those of each category."""
    truth = predictions.known_truth()
    n = len(truth)
    right_N = (predictions.chosen() == truth).astype(np.float64)
    return Ratios(n, predictions.target.n_outputs, np.arange(n), truth, right_N, np.ones(n), 1.0)


def f1_ratios(predictions: Predictions) -> Ratios:
    """`f1_macro` as a mean of ratios: twice the rows that are right, over those where true and those where said."""
    true_NK = positives(predictions)
    single = predictions.target.kind == "category"
    said_NK = predictions.chosen()[:, None] == np.arange(true_NK.shape[1]) if single else predictions.chosen() == 1
    row_E, category_E = np.nonzero(true_NK | said_NK)
    true_E, said_E = true_NK[row_E, category_E], said_NK[row_E, category_E]
    right_E, either_E = (2.0 * (true_E & said_E), true_E.astype(np.float64) + said_E)
    # with one category per row a mistake counts twice: against the category missed and against the one said
    worth = 0.5 if single else 1.0
    return Ratios(len(true_NK), true_NK.shape[1], row_E, category_E, right_E, either_E, worth, random_base=True)


def f1_micro_ratio(predictions: Predictions) -> Ratios:
    """`f1_micro` as one ratio over all labels."""
    true_NK, said_NK = positives(predictions), predictions.chosen() == 1
    right_N, either_N = 2.0 * (true_NK & said_NK).sum(axis=1), (true_NK.sum(axis=1) + said_NK.sum(axis=1)) * 1.0
    return one_ratio(right_N, either_N, random_base=True)


def label_hits_ratio(predictions: Predictions) -> Ratios:
    """The share of labels that are right, as one ratio over all labels of all rows."""
    right_NK = predictions.chosen() == predictions.known_truth()
    return one_ratio(right_NK.sum(axis=1).astype(np.float64), np.full(len(right_NK), float(right_NK.shape[1])))
