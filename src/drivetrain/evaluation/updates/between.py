"""The old task against the new one, drawn for points between the old and the new weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivetrain.evaluation.metrics.metrics import metric_named
from drivetrain.pages.charts import HEIGHT, WIDTH, lines
from drivetrain.pages.html import Child, Html, details, figure, scrolling, table, tag
from drivetrain.pages.svg import dot, drawing, path, plot, spread, text
from drivetrain.pages.words import as_percent, with_minus
from drivetrain.runtime.lineage import CurvePoint, Update
from drivetrain.text import number_text

LABEL_PX, LINE_PX = 56, 15
"""Room of a label beside its point."""


def between(record: Update, name: str) -> list[Child]:
    """The curve of an update, what it says, and its numbers; empty where no points were judged.

    Args:
        record: The update.
        name: Unique on the page.
    """
    both = [point for point in record.curve if point.old is not None and point.new is not None]
    metric = _metric(record)
    drawn = _trade_off(both, record.alpha, metric, name) if len(both) > 1 else _by_alpha(record, metric, name)
    if drawn is None:
        return []
    return [
        tag("p", _says(record, both, metric), class_="say"),
        figure(drawn, "Each dot is the model at one point between the old weights (0) and the new ones (1). Further to "
               "the right it knows the new task better, further up the old one. The ringed point was taken."
               if len(both) > 1 else "0 is the old weights, 1 the new ones."),
        details("Numbers behind the chart", _numbers(record.curve, metric)),
    ]  # fmt: skip


def _metric(record: Update) -> str:
    found = record.old or record.new
    return "" if found is None else found.metric


def label_of(metric: str) -> str:
    """What people call a metric."""
    found = metric_named(metric)
    return metric if found is None else found.label


def value_text(metric: str, value: float | None) -> str:
    """A value of a metric, as pages show it.

    Example:
        >>> value_text("accuracy", 0.931), value_text("log_loss", 0.5), value_text("accuracy", None)
        ('93.1 %', '0.5', '–')
    """
    if value is None:
        return "–"
    return as_percent(value) if is_percent(metric) else with_minus(number_text(value))


def is_percent(metric: str) -> bool:
    """Whether values are shown times 100."""
    found = metric_named(metric)
    return found is not None and found.percent


def _says(record: Update, both: Sequence[CurvePoint], metric: str) -> str:
    decision = record.decisions.get("alpha")
    why = "" if decision is None else f": {decision.reason}"
    taken = f"The model stands at {number_text(record.alpha)} between old and new weights{why}."
    end = next((point for point in both if point.alpha == 1), None)
    if end is None or record.alpha == 1:
        return taken
    said = f"old {value_text(metric, end.old)}, new {value_text(metric, end.new)}"
    return f"{taken} At the end of the training it would have had {said}."


def _trade_off(points: Sequence[CurvePoint], alpha: float, metric: str, name: str) -> Html:
    percent, label = is_percent(metric), label_of(metric)
    xs, ys = [point.new or 0.0 for point in points], [point.old or 0.0 for point in points]
    field = plot(
        WIDTH, HEIGHT, x=_ends(xs, percent=percent), y=_ends(ys, percent=percent),
        x_name=f"{label}, new task", y_name=f"{label}, old task", x_percent=percent, y_percent=percent, right=LABEL_PX,
    )  # fmt: skip
    placed = [(field.x.at(x), field.y.at(y)) for x, y in zip(xs, ys, strict=True)]
    marks: list[Html] = [path(placed, "accent curve")]
    taken: list[tuple[float, float]] = []
    for point, (x, y) in zip(points, placed, strict=True):
        hint = f"{number_text(point.alpha)}: old {value_text(metric, point.old)}, new {value_text(metric, point.new)}"
        marks.append(dot(x, y, 4, "accent", hint))
        if point.alpha == alpha:
            marks.append(dot(x, y, 8, "accent ring"))
        at = y + 4
        while any(abs(x - other) < LABEL_PX and abs(at - beside) < LINE_PX for other, beside in taken):
            at += LINE_PX
        taken.append((x, at))
        class_ = "accent-text" if point.alpha == alpha else "tick"
        marks.append(text(x + 12, at, number_text(point.alpha), class_))
    words = "; ".join(
        f"at {number_text(point.alpha)} old {value_text(metric, point.old)}, new {value_text(metric, point.new)}"
        for point in points
    )
    return drawing(name, WIDTH, HEIGHT, "Old task against new task", f"{words}.", field.frame(), marks)


def _ends(values: Sequence[float], *, percent: bool) -> tuple[float, float]:
    """Of an axis: around the values, but no share below 0 or above 1."""
    low, high = spread(min(values), max(values), margin=0.12)
    return (max(low, 0.0), min(high, 1.0)) if percent else (low, high)


def _by_alpha(record: Update, metric: str, name: str) -> Html | None:
    """The one task that could be judged; None where neither could."""
    series: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for task in ("new", "old"):
        known = [(point.alpha, getattr(point, task)) for point in record.curve if getattr(point, task) is not None]
        if len(known) > 1:
            series[f"{task} task"] = (np.array([x for x, _ in known]), np.array([y for _, y in known]))
    if not series:
        return None
    return lines(
        series, name=name, title="Between old and new weights", x_name="from old (0) to new weights (1)",
        y_name=label_of(metric),
    )  # fmt: skip


def _numbers(curve: Sequence[CurvePoint], metric: str) -> Html:
    rows = [[number_text(point.alpha), value_text(metric, point.old), value_text(metric, point.new)] for point in curve]
    head = ["point", f"old task, {label_of(metric)}", f"new task, {label_of(metric)}"]
    made = table(head, rows, caption="Points between old and new weights", numeric=[0, 1, 2])
    return scrolling("points between old and new weights", made)
