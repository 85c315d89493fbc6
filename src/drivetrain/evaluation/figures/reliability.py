"""Whether probabilities mean what they say: confidence against the share of right rows."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from drivetrain.evaluation.calibration import CalibrationError, ReliabilityBin, calibration_error, reliability
from drivetrain.evaluation.figures._canvas import BLUE, DARK, GREY, Figure, label_axes, new_figure, tidy
from drivetrain.evaluation.predictions import Predictions


def reliability_diagram(predictions: Predictions, *, n_bins: int | None = None) -> Figure:
    """Confidence (across) against the share of right rows (up) with its interval, and how many rows are how sure.

    On the diagonal nine of ten answers given with 90 % are right; below it the model is too sure of itself. Several
    labels: probability of a label against how often it is true.

    Args:
        predictions: Labelled rows.
        n_bins: Bins of about equally many rows; None takes one for every 20 rows, 15 at most.

    Raises:
        SettingError: The target is a number.
        DataError: The rows are unlabelled.
    """
    bins = reliability(predictions, n_bins=n_bins)
    error = calibration_error(predictions, n_bins=n_bins)
    labels = predictions.target.kind == "categories"
    figure = new_figure(5.2, 5.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    _draw_bins(upper, bins, least=0.0 if labels else 1 / max(predictions.target.n_outputs, 2))
    label_axes(
        upper,
        "",
        "share of labels that are true" if labels else "share of rows that are right",
        f"{predictions.target.name}: {_summary(error)}",
    )
    sure = predictions.output.reshape(-1) if labels else predictions.confidence()
    lower.hist(sure, bins=np.linspace(0, 1, 41), color=BLUE)
    tidy(lower)
    label_axes(lower, "probability of the label" if labels else "confidence", "labels" if labels else "rows")
    return figure


def _draw_bins(axes: Axes, bins: tuple[ReliabilityBin, ...], least: float) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="as stated")
    sure = np.array([b.confidence for b in bins])
    right = np.array([b.right for b in bins])
    ends = np.array([[b.right - b.low, b.high - b.right] for b in bins]).T
    axes.errorbar(sure, right, yerr=np.maximum(ends, 0), color=BLUE, ecolor=DARK, marker="o", linewidth=1.2, capsize=2)
    first = min(float(least), float(sure.min())) - 0.02
    axes.set_xlim(max(-0.02, first), 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    tidy(axes)


def _summary(error: CalibrationError) -> str:
    return f"calibration error {100 * error.value:.1f} %" + ("" if error.low is None else f" {error.interval()}")
