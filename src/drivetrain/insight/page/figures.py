"""Charts of this page: one number for each layer, from the pixels to the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from drivetrain.pages.charts import HEIGHT, WIDTH
from drivetrain.pages.html import Html
from drivetrain.pages.svg import dot, drawing, line, path, plot, spread, text
from drivetrain.pages.words import as_percent, with_minus


class Step(NamedTuple):
    """A number of one layer, with its interval where there is one."""

    label: str
    """Of the layer, for who cannot see the drawing."""
    value: float
    low: float | None = None
    high: float | None = None


def steps(
    found: Sequence[Step],
    *,
    name: str,
    title: str,
    y_name: str,
    percent: bool = False,
    y: tuple[float, float] | None = None,
    mark: int | None = None,
) -> Html:
    """A number layer by layer, joined by a line, each with its interval.

    Args:
        found: At least one, from the pixels to the answer.
        name: Unique on the page.
        title: Of the drawing.
        y_name: Of the axis.
        percent: Values are shown times 100.
        y: Ends of the y axis; None takes them from the values.
        mark: Which one to point out.

    Example:
        >>> drawn = steps([Step("a", 0.5, 0.4, 0.6), Step("b", 0.9)], name="s", title="Probes", y_name="accuracy")
        >>> "a: 0.5 [0.4, 0.6]; b: 0.9" in drawn
        True
    """
    ends = [end for step in found for end in (step.low, step.value, step.high) if end is not None]
    low, high = y or spread(min(ends), max(ends))
    n = len(found)
    ticks = [float(i) for i in range(1, n + 1)] if n <= 16 else [1.0, *(float(i) for i in range(5, n + 1, 5))]
    field = plot(
        WIDTH, HEIGHT, x=(0.6, n + 0.4), y=(low, high), x_name="layer shown, from the pixels to the answer",
        y_name=y_name, y_percent=percent, x_ticks=ticks,
    )  # fmt: skip
    marks = [path([(field.x.at(i), field.y.at(step.value)) for i, step in enumerate(found, 1)], "soft curve")]
    for i, step in enumerate(found, 1):
        x, class_ = field.x.at(i), "accent"
        if step.low is not None and step.high is not None:
            marks.append(line(x, field.y.at(step.low), x, field.y.at(step.high), "whisker step"))
        marks.append(dot(x, field.y.at(step.value), 4.5, class_, f"{step.label}: {_said(step, percent)}"))
        if mark == i - 1:
            marks.append(dot(x, field.y.at(step.value), 8.5, "accent ring"))
            side = "end" if i > n / 2 else ""
            marks.append(
                text(x + (-12 if side else 12), field.y.at(step.value) - 10, f"layer {i}", f"accent-text {side}")
            )
    words = "; ".join(f"{step.label}: {_said(step, percent)}" for step in found)
    return drawing(name, WIDTH, HEIGHT, title, f"{words}.", field.frame(), marks)


def _said(step: Step, percent: bool) -> str:
    def written(value: float) -> str:
        return as_percent(value) if percent else with_minus(f"{value:.3g}")

    if step.low is None or step.high is None:
        return written(step.value)
    return f"{written(step.value)} [{written(step.low)}, {written(step.high)}]"
