"""Confident learning: which labels are probably wrong, judged by a model that has not seen them.

A row counts for category j where its probability of j is at least what rows labelled j have on average (their own
threshold: a model that is modest about j is not held against it). Counting labels against these gives the confident
joint, an estimate of how often each label stands in for each true category; rows beside its diagonal are suspects.

Source: Northcutt, Jiang & Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels (2021, JAIR 70),
eq. 1 to 3 and sec. 3.2; rules C (confident joint) and PBNR (prune by noise rate).

Legend: N rows, K categories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation.asking import asked_predictions
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.targets import Array
from drivetrain.settings import choice

Rule = Literal["confident joint", "noise rate"]
Floats = NDArray[np.float64]

FEWEST_ROWS = 2
"""A category with fewer rows has no threshold of its own: nothing is suspected for or against it."""


@dataclass(frozen=True)
class LabelErrors:
    """Suspected rows, the most suspect first, and what they were judged by.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> output = [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.1, 0.9], [0.9, 0.1]]
        >>> table = Predictions(ids=tuple("abcdef"), target=fruit, truth=[0, 0, 0, 1, 1, 1], output=output)
        >>> found = label_errors(table)
        >>> found.rows.tolist(), [fruit.vocab[k] for k in found.suggested]
        ([2, 5], ['pear', 'apple'])
    """

    rows: NDArray[np.int64]
    """Positions in the predictions."""
    suggested: NDArray[np.int64]
    """The category each of them probably belongs to."""
    margin: Floats
    """Probability of the suggested category minus that of the label, -1 … 1."""
    joint_KK: Floats
    """Estimated share of rows with each label (first axis) and true category (second axis); sums to 1."""
    rule: Rule

    @property
    def noise(self) -> float:
        """Estimated share of wrong labels among all rows."""
        return float(1 - np.trace(self.joint_KK))

    def __len__(self) -> int:
        return len(self.rows)


def label_errors(predictions: Predictions, *, rule: Rule = "noise rate") -> LabelErrors:
    """Rows whose label is probably wrong.

    Args:
        predictions: One category per row, with probabilities of a model that did *not* learn from these rows:
            validation rows, or rows held out fold by fold. A model says of rows it learnt from what their labels say.
        rule: "noise rate" suspects, for each pair of categories, as many rows as the estimated joint says, those with
            the largest margins; "confident joint" suspects the rows counted beside its diagonal, which are fewer and
            more often wrong (see benchmarks/results/label_errors.md).

    Raises:
        SettingError: The target is not one category per row, or the rule is unknown.
        DataError: The rows are unlabelled, or there are none.
    """
    predictions = asked_predictions(predictions)
    rule = choice("rule", rule, get_args(Rule))
    if predictions.target.kind != "category":
        raise SettingError(
            f"{predictions.target.name!r} is of the task {predictions.target.task!r}: confident learning needs one "
            "category per row. To fix: look at the rows with the highest losses instead."
        )
    labels_N, probs_NK = predictions.known_truth(), predictions.output.astype(np.float64)
    if not len(labels_N):
        raise DataError("there are no rows to judge. To fix: give at least one labelled row.")
    meant_N = confident_categories(labels_N, probs_NK)
    counts_KK = confident_joint(labels_N, meant_N, probs_NK.shape[1])
    joint_KK = estimated_joint(counts_KK, labels_N)
    if rule == "confident joint":
        rows = np.flatnonzero((meant_N >= 0) & (meant_N != labels_N))
        suggested = meant_N[rows]
    else:
        rows, suggested = _by_noise_rate(labels_N, probs_NK, joint_KK)
    margin = probs_NK[rows, suggested] - probs_NK[rows, labels_N[rows]]
    order = np.argsort(-margin, kind="stable")
    return LabelErrors(rows[order], suggested[order], margin[order], joint_KK, rule)


def thresholds(labels_N: Array, probs_NK: Floats) -> Floats:
    """(K,) mean probability of each category over the rows labelled with it; infinite with too few of these.

    Example:
        >>> thresholds(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6]])).tolist()
        [0.8, inf]
    """
    k = probs_NK.shape[1]
    rows_K = np.bincount(labels_N, minlength=k)
    sums_K = np.bincount(labels_N, weights=probs_NK[np.arange(len(labels_N)), labels_N], minlength=k)
    return np.where(rows_K >= FEWEST_ROWS, sums_K / np.maximum(rows_K, 1), np.inf)


def confident_categories(labels_N: Array, probs_NK: Floats) -> NDArray[np.int64]:
    """(N,) the most probable of the categories that reach their threshold; -1 where none, or the label lacks one."""
    least_K = thresholds(labels_N, probs_NK)
    reached_NK = probs_NK >= least_K
    best_N = np.where(reached_NK, probs_NK, -1.0).argmax(axis=1)
    judged_N = reached_NK.any(axis=1) & np.isfinite(least_K[labels_N])
    return np.where(judged_N, best_N, -1).astype(np.int64)


def confident_joint(labels_N: Array, meant_N: Array, k: int) -> NDArray[np.int64]:
    """(K, K) rows of each label (first axis) that count for each category (second axis).

    Example:
        >>> confident_joint(np.array([0, 0, 1, 1]), np.array([0, 1, 1, -1]), 2).tolist()
        [[1, 1], [0, 1]]
    """
    counted = meant_N >= 0
    return np.bincount(labels_N[counted] * k + meant_N[counted], minlength=k * k).reshape(k, k)


def estimated_joint(counts_KK: NDArray[np.int64], labels_N: Array) -> Floats:
    """(K, K) shares: the confident joint with each label's row scaled to as many rows as have it.

    A label none of whose rows counted for anything is taken to be right.

    Example:
        >>> estimated_joint(np.array([[1, 1], [0, 1]]), np.array([0, 0, 1, 1])).tolist()
        [[0.25, 0.25], [0.0, 0.5]]
    """
    k = len(counts_KK)
    rows_K = np.bincount(labels_N, minlength=k)
    sums_K = counts_KK.sum(axis=1)
    filled_KK = np.where((sums_K == 0)[:, None], np.eye(k), counts_KK)
    return filled_KK / filled_KK.sum(axis=1, keepdims=True) * rows_K[:, None] / len(labels_N)


def _by_noise_rate(labels_N: Array, probs_NK: Floats, joint_KK: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each pair (label i, category j) the n · Q_ij rows with the largest margins; a row keeps its best category."""
    best: dict[int, tuple[float, int]] = {}
    for i, j in np.argwhere(joint_KK * len(labels_N) >= 0.5):
        if i == j:
            continue
        rows = np.flatnonzero(labels_N == i)
        margin = probs_NK[rows, j] - probs_NK[rows, i]
        wanted = round(float(joint_KK[i, j]) * len(labels_N))
        for place in np.argsort(-margin, kind="stable")[:wanted]:
            row, off = int(rows[place]), float(margin[place])
            if off > best.get(row, (0.0, -1))[0]:
                best[row] = (off, int(j))
    rows = np.array(sorted(best), dtype=np.int64)
    return rows, np.array([best[row][1] for row in rows.tolist()], dtype=np.int64)
