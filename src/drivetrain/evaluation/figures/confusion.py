"""Which categories are taken for which. Legend: K categories, S of them shown."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from drivetrain.errors import SettingError
from drivetrain.evaluation.confusions import Counts, count_confusions, most_confused
from drivetrain.evaluation.figures._canvas import DARK, Figure, new_figure, short
from drivetrain.evaluation.predictions import Predictions
from drivetrain.settings import whole


def confusion_matrix(predictions: Predictions, *, most: int = 20) -> Figure:
    """Counts of what was said (columns) for what is true (rows); the shade is the fraction of the row.

    Args:
        predictions: Labelled rows with one category each.
        most: With more categories than this, those most confused with each other are shown, and a last column
            holds what was said outside them, so that every row is complete.

    Raises:
        SettingError: The target is not one category per row, or `most` is below 2.
        DataError: The rows are unlabelled.
    """
    target = predictions.target
    if target.kind != "category":
        raise SettingError(
            f"{target.name!r} is of kind {target.kind!r}: a confusion matrix needs one category per row. "
            "To fix: look at results(...) or top_losses(...)."
        )
    most = whole("most", most, least=2)
    counts_KK = count_confusions(predictions)
    shown = most_confused(counts_KK, most)
    table = counts_KK[np.ix_(shown, shown)]
    columns = [short(target.vocab[k]) for k in shown]
    rows = list(columns)
    title = f"{target.name}: {len(predictions):,} rows"
    if len(shown) < len(counts_KK):
        table = np.column_stack([table, counts_KK[shown].sum(axis=1) - table.sum(axis=1)])
        columns.append("all others")
        title = f"{target.name}: the {len(shown)} most confused of {len(counts_KK)} categories"
    return _draw(table, rows, columns, title)


def _draw(table: Counts, rows: list[str], columns: list[str], title: str) -> Figure:
    n_rows, n_columns = table.shape
    cell = 0.75 if n_rows <= 6 else 0.42 if n_rows <= 40 else 0.22  # inches
    longest = max(len(name) for name in [*rows, *columns])
    figure = new_figure(
        width=max(5.0, cell * n_columns + 0.08 * longest + 1.5), height=max(3.6, cell * n_rows + 0.055 * longest + 1.0)
    )
    axes = figure.add_subplot()
    fraction = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(fraction, cmap="Blues", vmin=0, vmax=1)
    size = 12 if n_rows <= 6 else 9 if n_rows <= 40 else 7
    widest = max(len(name) for name in columns)
    upright = widest <= 2 or (n_columns <= 6 and widest <= 9)
    axes.set_xticks(range(n_columns), columns, fontsize=size, parse_math=False)
    if not upright:
        for name in axes.get_xticklabels():
            name.set(rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(n_rows), rows, fontsize=size, parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _grid_lines(axes, n_rows, n_columns, others=n_columns > n_rows)
    if n_rows <= 40:
        _write_counts(axes, table, fraction, size)
    axes.set_xlabel("predicted", fontsize=11)
    axes.set_ylabel("actual", fontsize=11)
    axes.set_title(title, fontsize=12, parse_math=False)
    bar = figure.colorbar(image, ax=axes, shrink=0.5, ticks=[0, 0.5, 1], format="{x:.0%}")
    bar.set_label("share of the actual category", fontsize=9)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue] (typed as Any or Spine, by version)
    return figure


def _grid_lines(axes: Axes, n_rows: int, n_columns: int, *, others: bool) -> None:
    axes.set_xticks(np.arange(n_columns + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n_rows + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#E3E3E3", linewidth=0.8)
    axes.tick_params(which="minor", length=0)
    if others:
        axes.axvline(n_columns - 1.5, color=DARK, linewidth=1.2)


def _write_counts(axes: Axes, table: Counts, fraction: NDArray[np.float64], size: int) -> None:
    for i, j in zip(*np.nonzero(table), strict=True):
        count = int(table[i, j])
        text = f"{count:,}" if count < 10_000 else f"{count / 1000:.0f}k"
        axes.text(j, i, text, ha="center", va="center", fontsize=size, color="white" if fraction[i, j] > 0.5 else DARK)
