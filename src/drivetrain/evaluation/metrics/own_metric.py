"""A metric that is a function of the user's: ``f(truth, output) -> float``."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from drivetrain.errors import SettingError
from drivetrain.evaluation.intervals import Floats, Statistic
from drivetrain.evaluation.predictions import Predictions

OwnFunction = Callable[[Any, Any], Any]
"""Gets the arrays `Predictions.truth` and `Predictions.output`, gives a number."""

OWN_RESAMPLES = 400
"""Each resample is one call of the function, so fewer are made than where a formula does them all at once."""


def own_value(name: str, function: OwnFunction, predictions: Predictions) -> float:
    """What the function says of all rows.

    Raises:
        SettingError: It fails, or gives something else than one number.
    """
    return _call(name, function, predictions.known_truth(), predictions.output)


def own_resampled(name: str, function: OwnFunction, predictions: Predictions) -> Statistic:
    """What the function says of each resample; NaN where it refuses one with a ValueError."""
    truth, output = predictions.known_truth(), predictions.output
    rows = np.arange(len(predictions))

    def once(counts_N: Floats) -> float:
        drawn = np.repeat(rows, counts_N.astype(np.int64))
        try:
            return _call(name, function, truth[drawn], output[drawn])
        except SettingError as err:
            if isinstance(err.__cause__, ValueError):
                return float("nan")
            raise

    def statistic(counts_BN: Floats) -> Floats:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the user has seen the function's warnings at its first call
            return np.array([once(counts_N) for counts_N in counts_BN])

    return statistic


def _call(name: str, function: OwnFunction, truth: Any, output: Any) -> float:
    try:
        value = np.asarray(function(truth, output), dtype=np.float64)
    except Exception as err:
        raise SettingError(
            f"the metric {name!r} failed on truth of shape {truth.shape} and output of shape {output.shape}: "
            f"{type(err).__name__}: {err}. To fix: {name} gets two arrays and has to give one number."
        ) from err
    if value.size != 1:
        raise SettingError(
            f"the metric {name!r} gave an array of shape {value.shape}, expected one number. To fix: average."
        )
    return value.item()
