"""Figures to look at: what was confused, what was missed worst, how training went.

Every function returns a `drivetrain.pages.chart.Chart`. It shows itself as the last line of a notebook cell; elsewhere,
``figure.save("name.svg")`` (or .png, .jpg, .pdf, .html). The charts are those of the report.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation.calibration import calibration_error, reliability
from drivetrain.evaluation.confusions import count_confusions, matrix_of_most_confused
from drivetrain.evaluation.metrics.regression import errors
from drivetrain.evaluation.predictions import Predictions
from drivetrain.pages import charts
from drivetrain.pages.chart import Chart, Panel, panels, picture_panel
from drivetrain.pages.html import Html
from drivetrain.pages.words import shortened, value_in_words
from drivetrain.settings import whole
from drivetrain.text import counted, does

ShowRow = Callable[[int], Html]
"""Position of a row in the predictions → what its kind of input shows of it, see `drivetrain.runtime.kinds`."""

SIDE_PX = 224.0
"""Of what is shown of a row."""


def confusion_matrix(predictions: Predictions, *, most: int = 20) -> Chart:
    """Counts of what was said (columns) for what is true (rows); the shade is the share of the row.

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
            f"{target.name!r} is of the task {target.task!r}: a confusion matrix needs one category per row. "
            "To fix: look at results(...) or top_losses(...)."
        )
    most = whole("most", most, least=2)
    counts_KK = count_confusions(predictions)
    counts, rows, columns = matrix_of_most_confused(counts_KK, [shortened(name) for name in target.vocab], most)
    title = f"{target.name}: {counted(len(predictions), 'row')}"
    if len(columns) > len(rows):
        title = f"{target.name}: the {len(rows)} most confused of {len(counts_KK)} categories"
    drawn = charts.matrix(counts, rows, columns, "matrix")
    return _titled(drawn, title, "the shade is the share of the true category's rows")


def reliability_diagram(predictions: Predictions, *, n_bins: int | None = None) -> Chart:
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
    sure = predictions.output.reshape(-1) if labels else predictions.confidence()
    how_many = charts.histogram(
        np.asarray(sure, dtype=np.float64),
        "how-sure",
        "How sure it is",
        f"{counted(len(sure), 'answer')}; half are more sure than {100 * float(np.median(sure)):.0f} %.",
        x=(0.0, 1.0),
        x_name="probability of the label" if labels else "confidence",
        n_bins=40,
        y_name="labels" if labels else "rows",
        percent=True,
        height=180,
    )
    said = f"calibration error {100 * error.value:.1f} %" + ("" if error.low is None else f" {error.interval()}")
    above = [(f"{predictions.target.name}: {said}", "title")]
    both = [Panel(charts.reliability(bins, "reliability"), above), Panel(how_many)]
    return Chart(panels(both, "Reliability", f"{said}.", most_columns=1))


def predicted_vs_actual(predictions: Predictions) -> Chart:
    """One panel per number: a point per row, and the line on which a perfect model's points lie.

    Raises:
        SettingError: The target is not a number.
        DataError: There are no rows, or they are unlabelled.
    """
    if predictions.target.kind != "number":
        raise SettingError(
            f"{predictions.target.name!r} is of the task {predictions.target.task!r}, expected a number. "
            "To fix: look at confusion_matrix(...) or results(...)."
        )
    truth_ND, output_ND = predictions.known_truth().astype(np.float64), predictions.output.astype(np.float64)
    if not len(predictions):
        raise DataError("there are no rows to draw. To fix: give at least one labelled row.")
    rmse_D = np.sqrt((errors(predictions) ** 2).mean(axis=0))
    drawn = [
        Panel(
            charts.scatter(truth_ND[:, d], output_ND[:, d], f"scatter-{d}", shortened(name, 24)),
            [(f"{shortened(name)}: RMSE {rmse_D[d]:.3g}, n = {len(predictions):,}", "title")],
        )
        for d, name in enumerate(predictions.target.names)
    ]
    words = f"{counted(len(predictions), 'row')}; points on the dashed line would be exact."
    return Chart(panels(drawn, "Predicted against true values", words, most_columns=3))


def losses(history: Sequence[Mapping[str, float | int | None]]) -> Chart:
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
            f"the history has "
            f"{counted(len(history), 'row')}{' that lack ' + ' and '.join(lacking) if lacking else ''}, expected "
            "a row per epoch with epoch and train_loss. To fix: train for at least one epoch first."
        )
    known = {"train_loss": "training"}
    if any(row.get("valid_loss") is not None for row in history):
        known["valid_loss"] = "validation"
    best = False if "valid_loss" in known else None
    drawn = charts.curve(history, known, name="losses", title="Loss by epoch", y_name="loss", best=best)
    if drawn is None:
        raise DataError("no loss of the history is a finite number. To fix: train with a lower learning rate.")
    lowest = [
        (float(value), i)
        for i, row in enumerate(history, 1)
        if (value := row.get("valid_loss")) is not None and math.isfinite(value)
    ]
    said = f"lowest validation loss (ringed): {min(lowest)[0]:.3g} in epoch {min(lowest)[1]}" if lowest else ""
    return _titled(drawn, "Loss by epoch", said)


def learning_rates(lrs: Sequence[float] | Mapping[str, Sequence[float]]) -> Chart:
    """The learning rate of each step; several parameter groups share a logarithmic axis.

    Args:
        lrs: One learning rate per step, or a list like that per name of a parameter group.

    Raises:
        DataError: There is no step.
    """
    groups = dict(lrs) if isinstance(lrs, Mapping) else {"": lrs}
    if not groups or not all(len(steps) for steps in groups.values()):
        raise DataError("there are no learning rates to draw. To fix: train for at least one step first.")
    rates = {name: np.asarray(steps, dtype=np.float64) for name, steps in groups.items()}
    peaks = [float(steps.max()) for steps in rates.values()]
    log = len(groups) > 1 and min(peaks) > 0
    drawn = charts.lines(
        {name: (np.arange(1.0, len(steps) + 1), steps) for name, steps in rates.items()},
        name="rates",
        title="Learning rate by step",
        x_name="step",
        y_name="learning rate",
        y_log=log,
        y=(min(peaks) / 100, max(peaks) * 1.5) if log else None,  # schedules end near 0, far below what matters
    )
    return Chart(drawn)


def lr_find(lrs: Sequence[float], losses: Sequence[float], suggestion: float | None = None) -> Chart:
    """Loss while the learning rate grows step by step, and the rate that was suggested.

    Args:
        lrs: Learning rate of each step, above 0.
        losses: Loss of each step; what is not finite is left out.
        suggestion: The rate to mark, or None.

    Raises:
        DataError: The lists differ in length, or fewer than two losses are finite.
    """
    if len(lrs) != len(losses):
        raise DataError(
            f"received {counted(len(lrs), 'learning rate')} and {counted(len(losses), 'loss', 'losses')}, expected as "
            "many."
        )
    x, y = np.asarray(lrs, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    finite = np.isfinite(y) & (x > 0)
    x, y = x[finite], y[finite]
    if len(x) < 2:
        raise DataError(
            f"{len(x)} of {counted(len(lrs), 'loss', 'losses')} {does(len(x), 'are')} finite, expected at least two. "
            "To fix: start lower."
        )
    # A diverging end would flatten the part that matters.
    bottom, top = float(y.min()), float(y[: max(2, int(y.argmin()) + 1)].max())
    room = (top - bottom) or 1.0
    ends = (bottom - 0.1 * room, min(float(y.max()), top + 0.5 * room) + 0.05 * room)
    mark = None
    if suggestion is not None:
        mark = (suggestion, float(np.interp(np.log(suggestion), np.log(x), y)), f"suggested: {suggestion:.2g}")
    drawn = charts.lines(
        {"": (x, y)}, name="rates", title="Loss by learning rate", x_name="learning rate", y_name="loss", x_log=True,
        y=ends, mark=mark,
    )  # fmt: skip
    return Chart(drawn)


def batch(shown: Sequence[Html], labels: Sequence[object]) -> Chart:
    """Rows as the model gets them, each under its label.

    Args:
        shown: What the kind of input shows of each row.
        labels: One text, tuple of texts or number(s) per row.

    Raises:
        DataError: There are no rows, or not as many labels.
    """
    if len(shown) != len(labels) or not len(shown):
        raise DataError(
            f"received {counted(len(shown), 'row')} and {counted(len(labels), 'label')}, expected as many, at least "
            "one."
        )
    drawn = [
        Panel(picture_panel(row, SIDE_PX), [(_words(label), "label")]) for row, label in zip(shown, labels, strict=True)
    ]
    return Chart(panels(drawn, "A batch", f"{counted(len(drawn), 'row')}, each under its label."))


def results(predictions: Predictions, show: ShowRow, *, n: int = 9, seed: int = 0) -> Chart:
    """Rows drawn at random, with what is true and what was said: green and ✓ where right, red and ✗ where wrong.

    A number is never simply right or wrong: its panel is neutral.

    Args:
        predictions: Rows of any kind of target, labelled or not.
        show: Position of a row in `predictions` → what is shown of it.
        n: How many rows, or all where there are fewer.
        seed: The same seed draws the same rows.
    """
    n, seed = whole("n", n, least=1), whole("seed", seed, least=0)
    if not len(predictions):
        raise SettingError("there are no rows to show; expected at least one. To fix: pass labelled rows.")
    rows = np.random.default_rng(seed).permutation(len(predictions))[:n]
    drawn = predictions.subset(rows)
    said = drawn.decoded()
    true = None if drawn.truth is None else drawn.decoded_truth()
    right = None if true is None or drawn.target.kind == "number" else drawn.hits()
    made: list[Panel] = []
    for i, row in enumerate(rows.tolist()):
        lines = [] if true is None else [f"actual: {_words(true[i])}"]
        sign = "" if right is None else " ✓" if right[i] else " ✗"
        lines.append(f"predicted: {_words(said[i])}{sign}")
        made.append(Panel(picture_panel(show(row), SIDE_PX), _coloured(lines, right, i)))
    return Chart(panels(made, "Answers", f"{len(rows)} of {counted(len(predictions), 'row')}."))


def top_losses(predictions: Predictions, show: ShowRow, *, n: int = 9) -> Chart:
    """The rows with the highest loss: wrong labels and odd inputs show up here first.

    Each panel says what was predicted and what is true, with their probabilities, and the loss.

    Args:
        predictions: Labelled rows with losses.
        show: Position of a row in `predictions` → what is shown of it.
        n: How many rows, or all where there are fewer.

    Raises:
        DataError: The rows are unlabelled or carry no losses.
    """
    rows = predictions.top_losses(n)
    worst = predictions.subset(rows)
    if not len(worst) or worst.loss is None:
        raise DataError("there are no rows to show. To fix: give at least one labelled row.")
    said, true = worst.decoded(), worst.decoded_truth()
    right = None if worst.target.kind == "number" else worst.hits()
    made: list[Panel] = []
    names = _from_one_folder(worst.names or ())
    for i in range(len(worst)):
        sure = ["", ""]
        if worst.target.kind == "category":
            sure = [f" ({share:.0%})" for share in (worst.output[i].max(), worst.output[i, worst.known_truth()[i]])]
        lines = [f"predicted: {_words(said[i])}{sure[0]}", f"actual: {_words(true[i])}{sure[1]}"]
        lines.append(f"loss {worst.loss[i]:.3g}")
        below = names[i] if names else ""
        made.append(Panel(picture_panel(show(int(rows[i])), SIDE_PX), _coloured(lines, right, i), below))
    return Chart(
        panels(made, "Highest losses", f"The {counted(len(worst), 'row')} that {does(len(worst), 'cost')} most.")
    )


def _from_one_folder(names: Sequence[str]) -> list[str]:
    """Files as they read from the folder that holds all of them; other names as they are.

    Example:
        >>> _from_one_folder(["/data/fruit/pear/1.png", "/data/fruit/apple/7.png"]), _from_one_folder(["row 3"])
        (['pear/1.png', 'apple/7.png'], ['row 3'])
    """
    if not names or not all(Path(name).is_absolute() for name in names):
        return list(names)
    try:
        folder = os.path.commonpath([Path(name).parent for name in names])
    except ValueError:  # on two drives
        return list(names)
    return [Path(name).relative_to(folder).as_posix() for name in names]


def _coloured(lines: Sequence[str], right: NDArray[np.bool_] | None, row: int) -> list[tuple[str, str]]:
    class_ = "label" if right is None else "good-text" if right[row] else "wrong-text"
    return [(line, class_) for line in lines]


def _titled(drawn: Html, title: str, said: str) -> Chart:
    above = [(title, "title"), *([(said, "small")] if said else [])]
    return Chart(panels([Panel(drawn, above)], title, str(Chart(drawn)).partition(": ")[2]))


def _words(value: Any) -> str:
    if isinstance(value, tuple | list):
        return value_in_words(tuple(cast("Sequence[str]", value)))
    return value_in_words((value,)) if isinstance(value, float) else str(value)
