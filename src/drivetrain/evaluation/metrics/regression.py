"""What the metrics of numbers compute. Legend: N rows, D numbers per row, B resamples; units are the user's."""

from __future__ import annotations

import numpy as np

from drivetrain.errors import first_few
from drivetrain.evaluation.intervals import LOG, LOG_OF_REST, Floats, OfMeans, of_mean
from drivetrain.evaluation.metrics.sklearn_names import sklearn_metrics
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.targets import NumberTarget
from drivetrain.text import readable

_WIDENING = {"rmse": 4.0, "mae": 3.0, "r2": 10.0}
"""Towards large errors, by simulation: how far depends on how much a large error counts, and for R² on how uncertain
the variance of the truth is."""
_KURTOSIS = 9.0
"""Of errors with a heavy tail; 3 is that of normal errors, 6 of Laplace's."""


def errors(predictions: Predictions) -> Floats:
    """(N, D) what was predicted minus what is true."""
    return predictions.output.astype(np.float64) - predictions.known_truth().astype(np.float64)


def shares(predictions: Predictions) -> Floats:
    """(N,) what was said of each row where that is a share of other things that are worse: higher is better."""
    return np.clip(predictions.output.astype(np.float64).mean(axis=1), 0, 1)


def rmse(predictions: Predictions) -> float:
    """Root of the mean squared error of each number, averaged over numbers."""
    return float(sklearn_metrics().root_mean_squared_error(*_both(predictions)))


def mae(predictions: Predictions) -> float:
    """Mean distance, over rows and numbers."""
    return float(sklearn_metrics().mean_absolute_error(*_both(predictions)))


def of_each_rmse(predictions: Predictions) -> str | None:
    """What `rmse` is the mean of: numbers in several units have no mean that says much."""
    return _of_each(predictions, np.sqrt((errors(predictions) ** 2).mean(axis=0)))


def of_each_mae(predictions: Predictions) -> str | None:
    """What `mae` is the mean of."""
    return _of_each(predictions, abs(errors(predictions)).mean(axis=0))


def _of_each(predictions: Predictions, values_D: Floats) -> str | None:
    target = predictions.target
    if not isinstance(target, NumberTarget) or len(target.names) == 1:
        return None
    each = [f"{readable(name)} {value:.3g}" for name, value in zip(target.names, values_D, strict=True)]
    return f"the mean of {first_few(each)}"


def r2(predictions: Predictions) -> float:
    """Fraction of the variance of each number that is explained, averaged over numbers; NaN where one never varies."""
    truth_ND, output_ND = _both(predictions)
    if (truth_ND == truth_ND[0]).all(axis=0).any():
        return float("nan")
    return float(sklearn_metrics().r2_score(truth_ND, output_ND))


def rmse_means(predictions: Predictions) -> OfMeans:
    """`rmse` as a function of the mean squared error of each number."""
    squared_ND = errors(predictions) ** 2
    d = squared_ND.shape[1]
    return OfMeans(
        squared_ND,
        lambda means_BD: np.sqrt(means_BD).mean(axis=1),
        lambda means_BD: 0.5 / np.sqrt(means_BD) / d,
        scale=LOG,
        widening=_WIDENING["rmse"],
        tail=(_KURTOSIS - 1) / 4 / d,  # of log RMSE, by the delta method; of an average of d numbers
    )


def mae_means(predictions: Predictions) -> OfMeans:
    """`mae` as the mean of each row's distance."""
    return of_mean(abs(errors(predictions)).mean(axis=1), widening=_WIDENING["mae"])


def r2_means(predictions: Predictions) -> OfMeans:
    """`r2` as a function of three means of each number: squared error, truth, squared truth.

    Undefined where the truth of a number does not vary within a resample.
    """
    squared_ND = errors(predictions) ** 2
    truth_ND = predictions.known_truth().astype(np.float64)
    truth_ND = truth_ND - truth_ND.mean(axis=0)
    d = truth_ND.shape[1]

    def parts(means: Floats) -> tuple[Floats, Floats, Floats]:
        error_BD, mean_BD, square_BD = means[:, :d], means[:, d : 2 * d], means[:, 2 * d :]
        variance_BD = square_BD - mean_BD**2
        # rounding leaves a trace of variance where a resample has one value only
        return error_BD, mean_BD, np.where(variance_BD > 1e-12 * square_BD, variance_BD, np.nan)

    def value(means: Floats) -> Floats:
        error_BD, _, variance_BD = parts(means)
        return (1 - error_BD / variance_BD).mean(axis=1)

    def gradient(means: Floats) -> Floats:
        error_BD, mean_BD, variance_BD = parts(means)
        by_square = error_BD / variance_BD**2
        return np.column_stack([-1 / variance_BD, -2 * mean_BD * by_square, by_square]) / d

    columns = np.column_stack([squared_ND, truth_ND, truth_ND**2])
    return OfMeans(columns, value, gradient, LOG_OF_REST, most=1.0, widening=_WIDENING["r2"])


def _both(predictions: Predictions) -> tuple[Floats, Floats]:
    return predictions.known_truth().astype(np.float64), predictions.output.astype(np.float64)
