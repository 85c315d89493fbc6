"""What the metrics of numbers compute. Legend: N rows, D numbers per row, B resamples; units are the user's."""

from __future__ import annotations

import numpy as np

from drivetrain.evaluation._sklearn import sklearn_metrics
from drivetrain.evaluation.intervals import Floats, Statistic
from drivetrain.evaluation.predictions import Predictions


def errors(predictions: Predictions) -> Floats:
    """(N, D) what was predicted minus what is true."""
    return predictions.output.astype(np.float64) - predictions.known_truth().astype(np.float64)


def rmse(predictions: Predictions) -> float:
    """Root of the mean squared error of each number, averaged over numbers."""
    return float(sklearn_metrics().root_mean_squared_error(*_both(predictions)))


def mae(predictions: Predictions) -> float:
    """Mean distance, over rows and numbers."""
    return float(sklearn_metrics().mean_absolute_error(*_both(predictions)))


def r2(predictions: Predictions) -> float:
    """Fraction of the variance of each number that is explained, averaged over numbers; NaN where one never varies."""
    truth_ND, output_ND = _both(predictions)
    if (truth_ND == truth_ND[0]).all(axis=0).any():
        return float("nan")
    return float(sklearn_metrics().r2_score(truth_ND, output_ND))


def resampled_rmse(predictions: Predictions) -> Statistic:
    """`rmse` of each resample."""
    squared_ND = errors(predictions) ** 2
    return lambda counts_BN: np.sqrt(counts_BN @ squared_ND / len(squared_ND)).mean(axis=1)


def resampled_r2(predictions: Predictions) -> Statistic:
    """`r2` of each resample; NaN where the truth of a number does not vary within it."""
    squared_ND = errors(predictions) ** 2
    truth_ND = predictions.known_truth().astype(np.float64)
    centred_ND = truth_ND - truth_ND.mean(axis=0)
    n = len(truth_ND)

    def statistic(counts_BN: Floats) -> Floats:
        residual_BD = counts_BN @ squared_ND
        total_BD = counts_BN @ centred_ND**2 - (counts_BN @ centred_ND) ** 2 / n
        # Rounding leaves a trace of variance where a resample has one value only.
        varies_BD = total_BD > 1e-12 * (counts_BN @ centred_ND**2)
        ratio_BD = np.divide(residual_BD, total_BD, out=np.full_like(total_BD, np.nan), where=varies_BD)
        return (1 - ratio_BD).mean(axis=1)

    return statistic


def _both(predictions: Predictions) -> tuple[Floats, Floats]:
    return predictions.known_truth().astype(np.float64), predictions.output.astype(np.float64)
