"""What is reached without the model: by a constant answer, by metadata alone, by a linear probe.

A score says little on its own: 90 % is poor where nine rows in ten are of one category. The constant answer is fitted
on the training set and costs nothing, so it stands beside every score.

Legend: N rows, K outputs of the target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from drivetrain.errors import DataError, first_few
from drivetrain.evaluation.intervals import Floats
from drivetrain.evaluation.metrics.metrics import Metric
from drivetrain.evaluation.metrics.own_metric import OwnFunction
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Part, Scores, score
from drivetrain.runtime.targets import Array, Target

CONSTANT_NAMES = {"category": "majority class", "categories": "label frequencies", "number": "mean"}
"""Kind of target → what the constant answer is called."""


def constant_answer(target: Target, training_truth: Array) -> Floats:
    """(K,) the best answer that looks at no input: how often each category is true, or the mean of each number.

    Its most probable category is the majority class.

    Args:
        target: What is predicted.
        training_truth: What is true of the training rows, as `target.encode` gives it.

    Raises:
        DataError: There are no training rows.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> constant_answer(CategoryTarget(name="fruit", vocab=("apple", "pear")), np.array([0, 1, 1, 1])).tolist()
        [0.25, 0.75]
    """
    if not len(training_truth):
        raise DataError("no training rows were given: the constant answer is fitted on at least one.")
    if target.kind == "category":
        counts_K = np.bincount(training_truth, minlength=target.n_outputs).astype(np.float64)
        return counts_K / counts_K.sum()
    return training_truth.astype(np.float64).mean(axis=0)


def constant_predictions(predictions: Predictions, answer_K: Sequence[float] | Floats) -> dict[str, Predictions]:
    """The same rows with the constant answer, under its name: what `score` takes as `baselines`.

    Example:
        >>> from drivetrain.evaluation import score
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> said = Predictions(ids=("a", "b"), target=fruit, truth=[0, 1], output=[[0.9, 0.1], [0.4, 0.6]])
        >>> print(score(said, ["accuracy"], baselines=constant_predictions(said, [0.25, 0.75])))
        accuracy 100.0 % [34.2, 100.0], n = 2
        without the model: majority class 50.0 %
    """
    target = predictions.target
    answer = np.asarray(answer_K, dtype=np.float64)
    if answer.shape != (target.n_outputs,):
        raise DataError(f"the constant answer has shape {answer.shape}, expected ({target.n_outputs},).")
    table = Predictions(
        ids=predictions.ids,
        target=target,
        truth=predictions.truth,
        output=np.tile(answer, (len(predictions), 1)),
        groups=predictions.groups,
        names=predictions.names,
    )
    return {CONSTANT_NAMES[target.kind]: table}


def baselines(
    predictions: Predictions,
    training_truth: Array,
    metrics: Sequence[str | Metric | OwnFunction] | None = None,
    *,
    others: Mapping[str, Predictions] | None = None,
    part: Part = "validation",
) -> dict[str, Scores]:
    """Scores with intervals of what is reached without the model, on the same rows.

    Args:
        predictions: Of the model; its rows and truth are used, its answers are not.
        training_truth: What is true of the training rows, as `target.encode` gives it.
        metrics: As of `score`.
        others: Name → predictions of the same rows and maybe more, such as "metadata alone" or "linear probe".
        part: Which part of the data the rows are.

    Returns:
        Name → scores, the constant answer first.

    Raises:
        DataError: Other predictions lack some of the rows.

    Example:
        >>> from drivetrain.runtime.targets import NumberTarget
        >>> age = NumberTarget(names=("age",), mean=(40.0,), std=(9.0,))
        >>> said = Predictions(ids=("a", "b"), target=age, truth=[[30.0], [50.0]], output=[[31.0], [48.0]])
        >>> baselines(said, np.array([[35.0], [45.0]]), ["mae"])["mean"]["mae"].value
        10.0
    """
    tables = constant_predictions(predictions, constant_answer(predictions.target, training_truth))
    tables |= {name: _same_rows(name, table, predictions) for name, table in (others or {}).items()}
    return {name: score(table, metrics, part=part) for name, table in tables.items()}


def _same_rows(name: str, table: Predictions, predictions: Predictions) -> Predictions:
    """The rows of `predictions` as another table judges them, which may hold more."""
    places = {digest: row for row, digest in enumerate(table.ids)}
    missing = [digest for digest in predictions.ids if digest not in places]
    if missing:
        raise DataError(
            f"the baseline {name!r} does not know {len(missing)} of the {len(predictions)} rows the model is judged "
            f"on, such as {first_few(missing, 2)}. To fix: predict the same rows with both."
        )
    found = table.subset([places[digest] for digest in predictions.ids])
    return replace(found, groups=predictions.groups, names=predictions.names)
