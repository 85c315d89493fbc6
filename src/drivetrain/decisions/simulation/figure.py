"""The picture of a curve: the objective against one lever, its band, its best value, today's."""

from __future__ import annotations

import numpy as np

from drivetrain.decisions.plan.parts import CurvePart
from drivetrain.pages.charts import HEIGHT, WIDTH
from drivetrain.pages.html import Html
from drivetrain.pages.svg import Plot, dot, drawing, line, path, plot, rectangle, spread, text
from drivetrain.text import in_digits, readable

PLACES = 40
"""Up to so many values, each has a dot."""


def curve_figure(part: CurvePart, name: str, *, y_name: str = "objective per row") -> Html:
    """A line with its band; of a choice a dot with its interval for each option.

    Args:
        part: The curve.
        name: Unique on the page.
        y_name: Of the axis.
    """
    title = f"Objective against {readable(part.lever)}"
    is_choice = any(isinstance(value, str | bool) for value in part.values)
    draw = _options if is_choice else _numbers
    return draw(part, name, title, y_name)


def said_of(part: CurvePart) -> str:
    """The curve in words.

    Example:
        >>> at = np.array([1.0, 3.0, 2.0])
        >>> said_of(CurvePart("price", (1.0, 2.0, 3.0), at, at, at, 2.0, True, 1.0, (2.0, 2.0)))
        'Best at price 2, inside the range tried: 3 per row. Today 1: 1 per row.'
    """
    lever, best = readable(part.lever), int(np.argmax(part.mean))
    number = not isinstance(part.best, str | bool)
    where = "" if not number else ", inside the range tried" if part.interior else ", at the border of the range tried"
    said = f"Best at {lever} {_value(part.best)}{where}: {in_digits(float(part.mean[best]))} per row."
    if part.flat is not None and part.flat[0] != part.flat[1]:
        said += f" Any from {_value(part.flat[0])} to {_value(part.flat[1])} is within 1 % of it."
    if number and not part.interior:
        said += " What lies beyond may be better, and was not tried."
    if part.today is not None:
        said += f" Today {_value(part.today)}{_today_worth(part)}."
    return said


def _today_worth(part: CurvePart) -> str:
    if isinstance(part.today, str | bool):
        place = part.values.index(part.today) if part.today in part.values else None
        return "" if place is None else f": {in_digits(float(part.mean[place]))} per row"
    values = np.array(part.values, dtype=np.float64)
    if not values[0] <= part.today <= values[-1]:
        return ", outside the range tried"
    return f": {in_digits(float(np.interp(part.today, values, part.mean)))} per row"


def _value(value: object) -> str:
    return (
        in_digits(float(value))
        if isinstance(value, int | float) and not isinstance(value, bool)
        else readable(str(value))
    )


def _numbers(part: CurvePart, name: str, title: str, y_name: str) -> Html:
    values = np.array(part.values, dtype=np.float64)
    ends = [values[0], values[-1]]
    if part.today is not None:
        ends.append(part.today)
    low, high = spread(float(part.low.min()), float(part.high.max()))
    field = plot(WIDTH, HEIGHT, x=(min(ends), max(ends)), y=(low, high), x_name=readable(part.lever), y_name=y_name)
    xs = [field.x.at(v) for v in values]
    upper, lower = ([field.y.at(v) for v in side] for side in (part.high.tolist(), part.low.tolist()))
    band = [*zip(xs, upper, strict=True), *zip(reversed(xs), reversed(lower), strict=True)]
    middle = list(zip(xs, [field.y.at(v) for v in part.mean.tolist()], strict=True))
    marks = [path(band, "accent range"), path(middle, "accent curve")]
    if part.flat is not None and part.flat[0] != part.flat[1]:
        left, right = (field.x.at(v) for v in part.flat)
        marks.append(rectangle(left, field.y.start_px - 4, max(right - left, 1), 4, "accent range", title="within 1 %"))
    best = int(np.argmax(part.mean))
    marks += _today_mark(part, field)
    x, y = middle[best]
    side = "end" if x > (field.x.start_px + field.x.end_px) / 2 else ""
    marks.append(dot(x, y, 6, "accent", said_of(part)))
    marks.append(
        text(
            x + (-9 if side else 9),
            max(y - 10, field.y.end_px + 10),
            f"best {_value(part.best)}",
            f"accent-text {side}".strip(),
        )
    )
    return drawing(name, WIDTH, HEIGHT, title, said_of(part), field.frame(), marks)


def _today_mark(part: CurvePart, field: Plot) -> list[Html]:
    if part.today is None:
        return []
    x = field.x.at(float(part.today))
    side = "end" if x > (field.x.start_px + field.x.end_px) / 2 else ""
    label = text(
        x + (-7 if side else 7), field.y.start_px - 10, f"today {_value(part.today)}", f"soft-text {side}".strip()
    )
    return [line(x, field.y.start_px, x, field.y.end_px, "ideal"), label]


def _options(part: CurvePart, name: str, title: str, y_name: str) -> Html:
    count = len(part.values)
    low, high = spread(float(part.low.min()), float(part.high.max()))
    step, first, left = 34.0, 30.0, 16.0
    field = plot(WIDTH, HEIGHT, x=(low, high), y=(0, 1), x_name=y_name, y_name="", right=24)
    bottom = first + step * count
    marks: list[Html] = [line(left, bottom, WIDTH - 24, bottom, "axis")]
    scale = field.x
    marks += [text(scale.at(v), bottom + 18, said, "tick mid") for v, said in field.x_ticks]
    marks.append(text((scale.start_px + scale.end_px) / 2, bottom + 38, y_name, "axis-name mid"))
    for i, value in enumerate(part.values):
        y, class_ = first + step * i, "accent" if value == part.best else "soft"
        notes = [word for word, on in (("best", value == part.best), ("today", value == part.today)) if on]
        label = _value(value) + (f" ({', '.join(notes)})" if notes else "")
        marks.append(text(left, y - 8, label, "label strong" if value == part.best else "label"))
        start, end = scale.at(float(part.low[i])), scale.at(float(part.high[i]))
        marks.append(line(scale.start_px, y, scale.end_px, y, "grid"))
        marks.append(rectangle(start, y - 3, max(end - start, 1), 6, f"{class_} range"))
        marks.append(
            dot(scale.at(float(part.mean[i])), y, 5, class_, f"{_value(value)}: {in_digits(float(part.mean[i]))}")
        )
    return drawing(name, WIDTH, bottom + 46, title, said_of(part), marks)
