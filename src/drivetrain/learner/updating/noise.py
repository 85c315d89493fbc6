"""How many answers turn from right to wrong anyway, when a model is trained again with another seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation.calibration import apply, calibrate
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.targets import CategoryTarget

ESTIMATED = (
    "estimated, a ceiling: from the old model's calibrated probabilities, as if two trainings shared the task alone; "
    "noise=True (--noise) measures it by a second training"
)
MEASURED = "measured: the same update with another seed"


def estimated_noise(before: Predictions) -> float | None:
    """Share of rows that another training with another seed would turn to wrong, by what the old model says of them.

    Two trainings that differ in their seed alone disagree on as large a share of rows as either is wrong about, where
    together they are calibrated (Jiang et al. 2022, arXiv:2106.13799): each is right on a row as often as its
    calibrated probability p of the truth says. So p·(1 − p) of the rows are right first and wrong then, on average.
    Two updates share where they start from, too, so that they disagree less (docs/updating.md has figures).

    Example:
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> sure = Predictions(ids=("a", "b"), target=fruit, truth=[0, 1], output=[[1.0, 0.0], [0.0, 1.0]])
        >>> estimated_noise(sure) < 0.05
        True
    """
    if before.target.kind == "number" or not len(before):
        return None
    rows = apply(calibrate(before.judged), before.judged)
    truth = rows.known_truth()
    if isinstance(rows.target, CategoryTarget):
        right = rows.output[np.arange(len(rows)), truth.astype(np.int64)]
    else:
        right = np.where(truth > 0, rows.output, 1 - rows.output).prod(axis=1)
    return float((right * (1 - right)).mean())


def measured_noise(one: Predictions, other: Predictions) -> float | None:
    """Share of the rows of which the one training is right and the other wrong, in the mean of both directions."""
    if one.target.kind == "number" or not len(one):
        return None
    first, second = one.judged.hits(), other.judged.hits()
    turned: NDArray[np.bool_] = first ^ second
    return float(turned.mean()) / 2
