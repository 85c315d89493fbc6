"""How training went: losses, learning rates, and the search for a learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from drivetrain.errors import DataError
from drivetrain.evaluation.figures._canvas import BLUE, DARK, ORANGE, SERIES, Figure, label_axes, new_figure, tidy


def losses(history: Sequence[Mapping[str, float | int | None]]) -> Figure:
    """Training and validation loss of each epoch, and where the validation loss is lowest.

    Args:
        history: One row per epoch with the keys ``epoch``, ``train_loss`` and, where known, ``valid_loss``; other
            keys are not drawn.

    Raises:
        DataError: There are no rows, or they lack ``epoch`` or ``train_loss``.
    """
    lacking = [key for key in ("epoch", "train_loss") if any(key not in row for row in history)]
    if not history or lacking:
        raise DataError(
            f"the history has {len(history)} rows{' that lack ' + ' and '.join(lacking) if lacking else ''}, expected "
            "a row per epoch with epoch and train_loss. To fix: train for at least one epoch first."
        )
    epochs = _column(history, "epoch")
    if (np.diff(epochs) <= 0).any():  # trained again from 1, as fine_tune does: count on
        epochs = np.arange(1, len(history) + 1)
    figure = new_figure(6.4, 4.0)
    axes = figure.add_subplot()
    tidy(axes)
    axes.plot(epochs, _column(history, "train_loss"), "o-", color=BLUE, markersize=4, label="training")
    valid = _column(history, "valid_loss")
    known = np.isfinite(valid)
    if known.any():  # joined also where not every epoch was validated
        axes.plot(epochs[known], valid[known], "s-", color=ORANGE, markersize=4, label="validation")
        lowest = int(np.nanargmin(valid))
        label = f"lowest: {valid[lowest]:.3g}, epoch {epochs[lowest]:g}"
        axes.plot([epochs[lowest]], [valid[lowest]], "o", color=ORANGE, markersize=11, fillstyle="none", label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    axes.legend(frameon=False, fontsize=10)
    label_axes(axes, "epoch", "loss")
    return figure


def learning_rates(lrs: Sequence[float] | Mapping[str, Sequence[float]]) -> Figure:
    """The learning rate of each step; several parameter groups share a logarithmic axis.

    Args:
        lrs: One learning rate per step, or a list like that per name of a parameter group.

    Raises:
        DataError: There is no step.
    """
    groups = dict(lrs) if isinstance(lrs, Mapping) else {"": lrs}
    if not groups or not all(len(steps) for steps in groups.values()):
        raise DataError("there are no learning rates to draw. To fix: train for at least one step first.")
    figure = new_figure(6.4, 3.6)
    axes = figure.add_subplot()
    tidy(axes)
    for i, (name, steps) in enumerate(groups.items()):
        style = "o" if len(steps) == 1 else "-"
        axes.plot(range(1, len(steps) + 1), steps, style, color=SERIES[i % len(SERIES)], label=name)
    if len(groups) > 1:
        axes.set_yscale("log")
        lowest_peak = min(max(steps) for steps in groups.values())
        if lowest_peak > 0:
            axes.set_ylim(bottom=lowest_peak / 100)  # schedules end near 0, far below what matters
        axes.legend(frameon=False, fontsize=10)
    else:
        axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    label_axes(axes, "step", "learning rate")
    return figure


def lr_find(lrs: Sequence[float], losses: Sequence[float], suggestion: float | None = None) -> Figure:
    """Loss while the learning rate grows step by step, and the rate that was suggested.

    Args:
        lrs: Learning rate of each step, above 0.
        losses: Loss of each step; what is not finite is left out.
        suggestion: The rate to mark, or None.

    Raises:
        DataError: The lists differ in length, or fewer than two losses are finite.
    """
    if len(lrs) != len(losses):
        raise DataError(f"received {len(lrs)} learning rates and {len(losses)} losses, expected as many.")
    x, y = np.asarray(lrs, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    finite = np.isfinite(y) & (x > 0)
    x, y = x[finite], y[finite]
    if len(x) < 2:
        raise DataError(f"{len(x)} of {len(lrs)} losses are finite, expected at least two. To fix: start lower.")
    figure = new_figure(6.4, 4.0)
    axes = figure.add_subplot()
    tidy(axes)
    axes.plot(x, y, color=BLUE)
    axes.set_xscale("log")
    # A diverging end would flatten the part that matters.
    bottom, top = float(y.min()), float(y[: max(2, int(y.argmin()) + 1)].max())
    room = (top - bottom) or 1.0
    axes.set_ylim(bottom - 0.1 * room, min(float(y.max()), top + 0.5 * room) + 0.05 * room)
    if suggestion is not None:
        axes.axvline(suggestion, color=DARK, linewidth=1, linestyle="--")
        height = float(np.interp(np.log(suggestion), np.log(x), y))
        label = f"suggested: {suggestion:.2g}"
        axes.plot([suggestion], [height], "o", color=ORANGE, markersize=8, label=label)
        axes.legend(frameon=False, fontsize=10)
    label_axes(axes, "learning rate", "loss")
    return figure


def _column(history: Sequence[Mapping[str, float | int | None]], key: str) -> NDArray[np.float64]:
    """The values of a key; NaN where a row has none."""
    values = (row.get(key) for row in history)
    return np.array([np.nan if value is None else float(value) for value in values])
