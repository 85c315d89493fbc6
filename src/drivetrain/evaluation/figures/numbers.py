"""Predicted numbers against the true ones."""

from __future__ import annotations

import numpy as np

from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation._regression import errors
from drivetrain.evaluation.figures._canvas import BLUE, DARK, Figure, label_axes, new_grid, short, tidy
from drivetrain.evaluation.predictions import Predictions


def predicted_vs_actual(predictions: Predictions) -> Figure:
    """One panel per number: a point per row, and the line on which a perfect model's points lie.

    Raises:
        SettingError: The target is not a number.
        DataError: There are no rows, or they are unlabelled.
    """
    if predictions.target.kind != "number":
        raise SettingError(
            f"{predictions.target.name!r} is of kind {predictions.target.kind!r}, expected a number. "
            "To fix: look at confusion_matrix(...) or results(...)."
        )
    truth_ND, output_ND = predictions.known_truth(), predictions.output
    if not len(predictions):
        raise DataError("there are no rows to draw. To fix: give at least one labelled row.")
    rmse_D = np.sqrt((errors(predictions) ** 2).mean(axis=0))
    figure, panels = new_grid(predictions.target.n_outputs, width=4.4, height=4.4, most_columns=3)
    alpha = float(np.clip(300 / len(predictions), 0.08, 0.7))
    for d, (axes, name) in enumerate(zip(panels, predictions.target.names, strict=True)):
        tidy(axes)
        both = np.concatenate([truth_ND[:, d], output_ND[:, d]])
        margin = 0.04 * (float(np.ptp(both)) or 1.0)
        limits = (float(both.min()) - margin, float(both.max()) + margin)
        axes.plot(limits, limits, color=DARK, linewidth=1, linestyle="--", label="perfect")
        axes.scatter(truth_ND[:, d], output_ND[:, d], s=18, color=BLUE, alpha=alpha, linewidths=0)
        axes.set(xlim=limits, ylim=limits, aspect="equal")
        axes.locator_params(nbins=6)
        axes.legend(frameon=False, fontsize=10, loc="upper left")
        label_axes(axes, "actual", "predicted", f"{short(name, 28)}: RMSE {rmse_D[d]:.3g}, n = {len(predictions):,}")
    return figure
