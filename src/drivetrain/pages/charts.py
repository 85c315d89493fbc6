"""Charts of plain arrays, each one drawing: intervals, curves, reliability, confusions, numbers.

Legend: K categories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivetrain.pages.html import Html, tag
from drivetrain.pages.svg import (
    Plot,
    Scale,
    dot,
    drawing,
    line,
    nice_ticks,
    path,
    plot,
    rectangle,
    spread,
    text,
    tick_label,
    width_px,
)
from drivetrain.pages.words import as_percent, with_minus
from drivetrain.text import number_text

WIDTH, HEIGHT = 460.0, 300.0
"""Of most charts: narrow enough that a phone shrinks their writing only a little."""
TRUE_PX, SAYS_PX = 48.0, 120.0
"""Room for what the rows and the columns of a confusion matrix are, however short the names of the categories."""
SHADES = 8
MOST_EPOCH_TICKS = 10
MOST_POINTS = 1500
"""Of a scatter; more are thinned out evenly, which the page says."""

Row = Mapping[str, float | int | str | None]
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


class Bar(NamedTuple):
    """A number with its interval, for `compared`."""

    label: str
    value: float
    low: float | None
    high: float | None
    said: str
    """Value and interval in words."""


class Bin(NamedTuple):
    """Answers of about the same confidence: how sure the model was, how often it was right."""

    confidence: float
    right: float
    low: float
    high: float
    """Interval of `right`."""
    n: int


def strip(low: float | None, value: float | None, high: float | None, span: tuple[float, float], class_: str) -> Html:
    """An interval with its value in a cell of a table, on a scale shared by the column; decoration beside numbers."""
    scale = Scale(*span, 4, 80)
    marks: list[Html] = [line(4, 8, 80, 8, "grid")]
    if low is not None and high is not None:
        marks.append(rectangle(scale.at(low), 6, max(scale.at(high) - scale.at(low), 1), 4, f"{class_} range"))
    if value is not None:
        marks.append(dot(scale.at(value), 8, 3.5, class_))
    return tag("svg", marks, viewBox="0 0 84 16", width="84", height="16", aria_hidden="true", class_="strip")


def compared(rows: Sequence[Bar], name: str, title: str, *, percent: bool = False) -> Html:
    """Numbers of the same kind under each other on one axis, the first one in colour.

    Args:
        rows: The number that matters, then those it is compared with; at least one.
        name: Unique on the page.
        title: Of the drawing.
        percent: Ticks are shown times 100, from 0 to 100 %.
    """
    ends = [end for row in rows for end in (row.low, row.value, row.high) if end is not None]
    low, high = (0.0, 1.0) if percent else spread(min(ends), max(ends))
    first, step = 30.0, 50.0
    bottom = first + step * (len(rows) - 1) + 12
    scale = Scale(low, high, 16, WIDTH - 24)
    marks: list[Html] = [
        text(scale.at(value), bottom + 18, tick_label(value, percent=percent), "tick mid")
        for value in nice_ticks(low, high)
    ]
    for i, row in enumerate(rows):
        y, class_ = first + step * i, "accent" if i == 0 else "soft"
        marks.append(text(scale.start_px, y - 15, row.label, "label strong" if i == 0 else "label"))
        marks.append(text(scale.end_px, y - 15, row.said, "number end"))
        marks.append(line(scale.start_px, y, scale.end_px, y, "grid"))
        marks += [line(scale.at(v), y - 4, scale.at(v), y + 4, "grid") for v in nice_ticks(low, high)]
        if row.low is not None and row.high is not None:
            start, end = scale.at(row.low), scale.at(row.high)
            marks.append(rectangle(start, y - 3, max(end - start, 1), 6, f"{class_} range"))
        marks.append(dot(scale.at(row.value), y, 5.5, class_))
    words = "; ".join(f"{row.label} {row.said}".strip() for row in rows)
    return drawing(name, WIDTH, bottom + 26, title, words, marks)


def curve(
    history: Sequence[Row],
    lines: Mapping[str, str],
    *,
    name: str,
    title: str,
    y_name: str,
    percent: bool = False,
    best: bool | None = None,
) -> Html | None:
    """Columns of the history, epoch by epoch, each labelled at its end; None where no epoch has a value.

    Args:
        history: One row per epoch.
        lines: Column → what people call it; the last one is the one to look at.
        name: Unique on the page.
        title: Of the drawing.
        y_name: Of the axis.
        percent: Values are shown times 100.
        best: Mark the best value of the last line: the highest (True), the lowest (False), or none (None).
    """
    epochs = list(range(1, len(history) + 1))  # counted on where it was trained again from 1
    found: dict[str, list[tuple[float, float]]] = {}
    for column, label in lines.items():
        values = [(epoch, row.get(column)) for epoch, row in zip(epochs, history, strict=True)]
        points = [(float(epoch), float(v)) for epoch, v in values if isinstance(v, int | float) and np.isfinite(v)]
        if points:
            found[label] = points
    if not found:
        return None
    ys = [y for points in found.values() for _, y in points]
    low, high = spread(min(ys), max(ys))
    ticks = [float(t) for t in epochs] if len(epochs) <= MOST_EPOCH_TICKS else nice_ticks(1, epochs[-1], 6)
    field = plot(
        WIDTH,
        HEIGHT,
        x=(1, max(epochs[-1], 2)),
        y=(min(low, 0) if min(ys) >= 0 and min(ys) < 0.3 * max(ys) else low, min(high, 1.0) if percent else high),
        x_name="epoch",
        y_name=y_name,
        y_percent=percent,
        x_ticks=[t for t in ticks if t.is_integer()],
        right=20 + 8 * max(len(label) for label in found),
    )
    marks, said = _series(field, found, percent=percent, best=best)
    return drawing(name, WIDTH, HEIGHT, title, said, field.frame(), marks)


def _series(
    field: Plot,
    found: Mapping[str, Sequence[tuple[float, float]]],
    *,
    percent: bool,
    best: bool | None,
    dots: int = 30,
    x_name: str = "epoch",
) -> tuple[list[Html], str]:
    """Lines with their names, kept apart where they end close together, and what they say in words.

    Up to `dots` points are dots as well.
    """
    marks: list[Html] = []
    said: list[str] = []
    taken: list[float] = []
    for i, (label, points) in enumerate(reversed(list(found.items()))):  # the one to look at first: it keeps its place
        class_ = "accent" if i == 0 else "soft"
        placed = [(field.x.at(x), field.y.at(y)) for x, y in points]
        marks.append(path(placed, f"{class_} curve"))
        if len(placed) <= dots:
            marks += [
                dot(x, y, 2.6, class_, f"{x_name} {at:g}: {_short(v, percent)}")
                for (x, y), (at, v) in zip(placed, points, strict=True)
            ]
        y = placed[-1][1] + 4
        for other in taken:
            if abs(y - other) < 15:
                y = other + (15 if y >= other else -15)
        taken.append(y)
        marks.append(text(placed[-1][0] + 12, y, label, f"{class_}-text"))
        first, last = _short(points[0][1], percent), _short(points[-1][1], percent)
        said.insert(0, f"{label} from {first} to {last}".strip())
        if i == 0 and best is not None and len(points) > 1:
            pick = max if best else min
            at = pick(points, key=lambda point: point[1])
            marks.append(dot(field.x.at(at[0]), field.y.at(at[1]), 6.5, f"{class_} ring"))
            said.append(
                f"{'highest' if best else 'lowest'} {label} {_short(at[1], percent)} in epoch {at[0]:g} (ringed)"
            )
    return marks, "; ".join(said) + "."


def lines(
    series: Mapping[str, tuple[Floats, Floats]],
    *,
    name: str,
    title: str,
    x_name: str,
    y_name: str,
    x_log: bool = False,
    y_log: bool = False,
    y: tuple[float, float] | None = None,
    mark: tuple[float, float, str] | None = None,
) -> Html:
    """Lines through points, each labelled at its end; the last one in colour.

    Args:
        series: Label → (N,) x and (N,) y, at least one point each, all finite.
        name: Unique on the page.
        title: Of the drawing.
        x_name: Of the axis.
        y_name: Of the axis.
        x_log: Equal distances across for equal ratios; all x are above 0.
        y_log: The same for y; what lies below the axis is left out.
        y: Ends of the y axis, outside of which nothing is drawn; None takes them from the points.
        mark: x, y and a label of one point to be pointed out.
    """
    every_x, every_y = (np.concatenate([points[axis] for points in series.values()]) for axis in (0, 1))
    y_low, y_high = y or spread(float(every_y.min()), float(every_y.max()))
    x_low, x_high = float(every_x.min()), float(every_x.max())
    if x_low == x_high:
        x_low, x_high = (x_low / 2, x_high * 2) if x_log else spread(x_low, x_high)
    right = 24 + 8 * max(len(label) for label in series)
    field = plot(
        WIDTH, HEIGHT, x=(x_low, x_high), y=(y_low, y_high), x_name=x_name, y_name=y_name, x_log=x_log, y_log=y_log,
        right=right,
    )  # fmt: skip
    found: dict[str, list[tuple[float, float]]] = {}
    for label, (xs, ys) in series.items():
        inside = np.flatnonzero((ys >= y_low) & (ys <= y_high))
        inside = inside[np.unique(np.linspace(0, len(inside) - 1, MOST_POINTS).astype(int))] if len(inside) else inside
        if len(inside):
            found[label] = list(zip(xs[inside].tolist(), ys[inside].tolist(), strict=True))
    marks, said = _series(field, found, percent=False, best=None, dots=1, x_name=x_name)
    if mark is not None:
        at = field.x.at(mark[0])
        side = "end" if at > (field.x.start_px + field.x.end_px) / 2 else ""
        marks.append(line(at, field.y.start_px, at, field.y.end_px, "ideal"))
        marks.append(dot(at, field.y.at(min(max(mark[1], y_low), y_high)), 6, "accent"))
        marks.append(text(at + (-8 if side else 8), field.y.end_px + 12, mark[2], f"accent-text {side}".strip()))
        said = f"{said[:-1]}; {mark[2]}."
    return drawing(name, WIDTH, HEIGHT, title, said, field.frame(), marks)


def reliability(bins: Sequence[Bin], name: str) -> Html:
    """How often answers of each confidence are right, against the line where confidence is honest."""
    low = 0.0 if min(min(b.low, b.confidence) for b in bins) < 0.5 else 0.5
    field = plot(
        WIDTH,
        WIDTH * 0.82,
        x=(low, 1),
        y=(low, 1),
        x_name="how sure the model says it is",
        y_name="how often that is right",
        x_percent=True,
        y_percent=True,
    )
    marks: list[Html] = [line(field.x.at(low), field.y.at(low), field.x.at(1), field.y.at(1), "ideal")]
    for b in bins:
        x = field.x.at(b.confidence)
        hint = f"says {as_percent(b.confidence)}, right {as_percent(b.right)} of {b.n:,}"
        marks.append(line(x, field.y.at(b.low), x, field.y.at(b.high), "accent whisker"))
        marks.append(dot(x, field.y.at(b.right), 4.5, "accent", hint))
    said = "; ".join(f"says {as_percent(b.confidence, 0)}: right {as_percent(b.right, 0)} of {b.n:,}" for b in bins)
    return drawing(name, WIDTH, WIDTH * 0.82, "Confidence against being right", said + ".", field.frame(), marks)


def matrix(counts: Counts, rows: Sequence[str], columns: Sequence[str], name: str) -> Html:
    """Counts of what was said (columns) for what is true (rows); the shade is the share of the row."""
    n_rows, n_columns = counts.shape
    cell = 44.0 if n_rows <= 6 else 32.0 if n_rows <= 12 else 26.0
    longest = max(width_px(label) for label in [*rows, *columns])
    left = max(24 + longest, TRUE_PX)
    top = 40 + 0.74 * longest  # above the slanted names there is room for what they are
    width, height = left + cell * n_columns + 0.64 * longest + 8, top + cell * n_rows + 8
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    marks: list[Html] = [text(left, 14, "the model says →", "axis-name"), text(0, top - 10, "true ↓", "axis-name")]
    for j, label in enumerate(columns):
        x = left + cell * (j + 0.5)
        marks.append(text(x + 4, top - 6, label, "label", transform=f"rotate(-45 {x + 4:.1f} {top - 6:.1f})"))
    for i, label in enumerate(rows):
        y = top + cell * i
        marks.append(text(left - 8, y + cell / 2 + 4, label, "label end"))
        for j in range(n_columns):
            hint = f"{label} → {columns[j]}: {counts[i, j]:,}" if counts[i, j] else None
            marks.append(rectangle(left + cell * j, y, cell - 2, cell - 2, _shade(share[i, j], i == j), title=hint))
            if counts[i, j]:
                class_ = f"count mid t{_level(share[i, j])}"
                marks.append(text(left + cell * (j + 0.5) - 1, y + cell / 2 + 4, _count(int(counts[i, j])), class_))
    width = max(width, left + SAYS_PX)
    right = int(np.trace(counts[:, :n_rows]))
    said = f"{right:,} of {int(counts.sum()):,} rows lie on the diagonal, where answer and truth agree."
    return drawing(name, width, height, "Confusion matrix", said, marks)


def heat_map(counts_KK: Counts, name: str) -> Html:
    """The confusion matrix of many categories, without names: what stands out beside the diagonal."""
    k = len(counts_KK)
    left, top = 0.0, 24.0
    cell = WIDTH / k
    share_KK = counts_KK / np.maximum(counts_KK.sum(axis=1, keepdims=True), 1)
    level_KK = np.ceil(SHADES * share_KK).astype(int)
    marks: list[Html] = [
        rectangle(left, top, cell * k, cell * k, "field"),
        text(left, 16, "columns: said · rows: true", "axis-name"),
    ]
    for level in range(1, SHADES + 1):  # one path per shade keeps the page small
        places = np.argwhere(level_KK == level)
        if len(places):
            d = " ".join(
                f"M{left + cell * j:.2f} {top + cell * i:.2f}h{cell:.2f}v{cell:.2f}h-{cell:.2f}z" for i, j in places
            )
            marks.append(tag("path", d=d, class_=f"cell h{level}"))
    right = int(np.trace(counts_KK))
    said = f"{k} categories; {right:,} of {int(counts_KK.sum()):,} rows lie on the diagonal."
    return drawing(name, WIDTH, top + cell * k + 8, "Confusion matrix of all categories", said, marks)


def scatter(truth: Floats, said: Floats, name: str, what: str) -> Html:
    """Predicted against true values, around the line where they agree."""
    low, high = spread(float(min(truth.min(), said.min())), float(max(truth.max(), said.max())))
    field = plot(WIDTH, WIDTH * 0.82, x=(low, high), y=(low, high), x_name=f"true {what}", y_name=f"predicted {what}")
    rows = np.unique(np.linspace(0, len(truth) - 1, MOST_POINTS).astype(int))
    points = [dot(field.x.at(float(truth[i])), field.y.at(float(said[i])), 2.8, "accent point") for i in rows]
    ideal = line(field.x.at(low), field.y.at(low), field.x.at(high), field.y.at(high), "ideal")
    words = f"{len(truth):,} rows; true from {number_text(truth.min())} to {number_text(truth.max())}, "
    words = with_minus(f"{words}predicted from {number_text(said.min())} to {number_text(said.max())}.")
    title = f"Predicted against true {what}"
    return drawing(name, WIDTH, WIDTH * 0.82, title, words, field.frame(), ideal, points)


def residuals(errors: Floats, name: str, what: str) -> Html:
    """How far off the predictions are, and to which side."""
    low, high = spread(float(min(errors.min(), 0)), float(max(errors.max(), 0)))
    n_bins = min(30, max(5, round(len(errors) ** 0.5)))
    words = f"Half of the rows are off by less than {np.median(np.abs(errors)):.4g}; mean error {errors.mean():.4g}."
    return histogram(
        errors, name, f"Errors of {what}", with_minus(words), x=(low, high), x_name=f"predicted − true {what}",
        n_bins=n_bins,
    )  # fmt: skip


def histogram(
    values: Floats,
    name: str,
    title: str,
    said: str,
    *,
    x: tuple[float, float],
    x_name: str,
    n_bins: int,
    y_name: str = "rows",
    percent: bool = False,
    height: float = HEIGHT,
) -> Html:
    """How many of the values lie where; a line marks 0 where it is inside."""
    counts, edges = np.histogram(values, bins=n_bins, range=x)
    field = plot(
        WIDTH, height, x=x, y=(0, 1.08 * max(int(counts.max()), 1)), x_name=x_name, y_name=y_name, y_whole=True,
        x_percent=percent,
    )  # fmt: skip
    bars = [
        rectangle(
            field.x.at(a) + 0.5,
            field.y.at(float(n)),
            field.x.at(b) - field.x.at(a) - 1,
            field.y.at(0) - field.y.at(float(n)),
            "accent bar",
            title=with_minus(f"{number_text(a)} to {number_text(b)}: {n}"),
        )
        for n, a, b in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]
    zero = line(field.x.at(0), field.y.start_px, field.x.at(0), field.y.end_px, "axis") if x[0] < 0 < x[1] else None
    return drawing(name, WIDTH, height, title, said, field.frame(), bars, zero)


def _shade(share: float, right: bool) -> str:
    if share <= 0:
        return "cell h0"
    return f"cell h{_level(share)}" if right else f"cell wrong h{_level(share)}"


def _level(share: float) -> int:
    """Shade of a share above 0, 1 … `SHADES`."""
    return min(SHADES, int(np.ceil(SHADES * share)))


def _count(count: int) -> str:
    return f"{count:,}" if count < 10_000 else f"{count / 1000:.0f}k"


def _short(value: float, percent: bool) -> str:
    return as_percent(value) if percent else with_minus(f"{value:.3g}")
