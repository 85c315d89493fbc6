"""Charts of plain numbers and arrays for who writes a notebook: points, lines, bars, pictures; each one a `Chart`.

    dt.plots.points(x, y, "Warmer cities", x_name="degrees", y_name="R")

They are drawn with the charts of the report, have their title above, and go into pages of both themes.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from drivetrain.errors import DataError
from drivetrain.pages import charts
from drivetrain.pages.chart import Chart, Panel, panels
from drivetrain.pages.html import Html, tag
from drivetrain.pages.svg import Child, dot, drawing, path, plot, spread, text
from drivetrain.pages.words import with_minus
from drivetrain.text import number_text

GROUP_CLASSES = ("accent", "soft", "wrong", "good")
"""Colours of groups of points, in the order of the groups."""
SMALL_PX = 48
"""Pictures below this side are shown with their pixels to be seen."""

Floats = NDArray[np.float64]
Points = tuple[ArrayLike, ArrayLike]


def points(
    x: ArrayLike,
    y: ArrayLike,
    title: str,
    *,
    x_name: str,
    y_name: str,
    groups: Sequence[object] | None = None,
    lines: Mapping[str, Points] | None = None,
) -> Chart:
    """A dot for each pair of numbers, and lines over them with their names.

    Args:
        x: (N,) finite numbers.
        y: (N,) the same.
        title: Above the drawing.
        x_name: Of the axis.
        y_name: Of the axis.
        groups: (N,) what each point belongs to; at most four different values, each with a colour.
        lines: Name → x and y of a line.

    Raises:
        DataError: There are no points, they are not pairs of finite numbers, or there are too many groups.

    Example:
        >>> print(points([1, 2], [3, 5], "Two points", x_name="a", y_name="b"))
        Two points: 2 points; a from 1 to 2, b from 3 to 5.
    """
    xs, ys = _pairs("points", (x, y))
    labels = [""] * len(xs) if groups is None else [str(group) for group in groups]
    names = list(dict.fromkeys(labels))
    if len(labels) != len(xs) or len(names) > len(GROUP_CLASSES):
        raise DataError(
            f"groups has {len(labels)} entries of {len(names)} kinds for {len(xs)} points, expected one for each point "
            f"and at most {len(GROUP_CLASSES)} kinds. To fix: give one group for each point, or fewer kinds."
        )
    drawn_lines = {name: _pairs(name, pair) for name, pair in (lines or {}).items()}
    every_x = np.concatenate([xs, *(pair[0] for pair in drawn_lines.values())])
    field = plot(
        charts.WIDTH,
        charts.HEIGHT,
        x=spread(float(every_x.min()), float(every_x.max())),
        y=spread(float(ys.min()), float(ys.max())),
        x_name=x_name,
        y_name=y_name,
    )
    low, high = field.y.low, field.y.high
    marks: list[Child] = [
        dot(field.x.at(float(xs[i])), field.y.at(float(ys[i])), 2.8, f"{GROUP_CLASSES[names.index(labels[i])]} point")
        for i in np.unique(np.linspace(0, len(xs) - 1, charts.MOST_POINTS).astype(int))
    ]
    said = f"{len(xs):,} points; {x_name} from {number_text(xs.min())} to {number_text(xs.max())}, "
    said += f"{y_name} from {number_text(ys.min())} to {number_text(ys.max())}."
    for i, (name, (line_x, line_y)) in enumerate(drawn_lines.items()):
        inside = (line_y >= low) & (line_y <= high)
        at = [(field.x.at(float(a)), field.y.at(float(b))) for a, b in zip(line_x[inside], line_y[inside], strict=True)]
        if at:
            class_ = GROUP_CLASSES[min(i, len(GROUP_CLASSES) - 1)]
            marks += [path(at, f"{class_} curve"), text(at[-1][0], at[-1][1] - 6, name, f"{class_}-text end")]
    keys = [
        (dot(field.x.start_px + 8, 44 + 16 * i, 4, GROUP_CLASSES[i]), text(field.x.start_px + 18, 48 + 16 * i, name))
        for i, name in enumerate(names)
        if groups is not None
    ]
    return _titled(drawing("points", charts.WIDTH, charts.HEIGHT, title, said, field.frame(), marks, keys), title, said)


def lines(
    series: Mapping[str, Points], title: str, *, x_name: str, y_name: str, x_log: bool = False, y_log: bool = False
) -> Chart:
    """Lines through points, each labelled at its end; the last one in colour.

    Args:
        series: Label → (N,) x and (N,) y.
        title: Above the drawing.
        x_name: Of the axis.
        y_name: Of the axis.
        x_log: Equal distances across for equal ratios; all x are above 0.
        y_log: The same for y.

    Raises:
        DataError: There is nothing to draw, or something that is not finite.

    Example:
        >>> lines({"rises": ([1, 2], [3, 5])}, "One line", x_name="a", y_name="b")
        Chart(One line: rises from 3 to 5.)
    """
    if not series:
        raise DataError("there is no line to draw, expected at least one. To fix: give series={name: (x, y)}.")
    found = {name: _pairs(name, pair) for name, pair in series.items()}
    drawn = charts.lines(
        found, name="lines", title=title, x_name=x_name, y_name=y_name, x_log=x_log, y_log=y_log
    )  # fmt: skip
    return _titled(drawn, title, str(Chart(drawn)).partition(": ")[2])


def bars(values: Mapping[str, Any], title: str, *, percent: bool = False) -> Chart:
    """Numbers of one kind under each other on one axis, with their intervals where they have any; the first in colour.

    Args:
        values: Name → a number, a triple of it with both ends of its interval, or what has `value`, `low` and `high`.
        title: Above the drawing.
        percent: Shares of one, shown from 0 to 100 %.

    Raises:
        DataError: There are no numbers.

    Example:
        >>> bars({"ours": 0.5, "theirs": 0.25}, "Right", percent=True)
        Chart(Right: ours: 50 %; theirs: 25 %.)
    """
    if not values:
        raise DataError("there is nothing to compare, expected at least one number. To fix: give {name: number}.")
    rows = [_bar(name, value, percent=percent) for name, value in values.items()]
    drawn = charts.compared(rows, "bars", title, percent=percent)
    return _titled(drawn, title, "; ".join(f"{row.label}: {row.said}" for row in rows) + ".")


def pictures(
    several: Sequence[ArrayLike],
    title: str,
    captions: Sequence[object] | None = None,
    *,
    side_px: float = 96,
    most_columns: int = 6,
) -> Chart:
    """Pictures in a grid, each with a line above it.

    Args:
        several: (height, width) or (height, width, 3) each. Bytes are shown as they are; other numbers from their
            smallest, black, to their largest, white.
        title: Above all.
        captions: A line for each picture.
        side_px: Of the longer side of each.
        most_columns: In a row.

    Raises:
        DataError: There are no pictures, or one is no array of that shape.

    Example:
        >>> pictures([[[0, 1], [1, 0]]], "A board", ["2 × 2"])
        Chart(A board: 2 × 2.)
    """
    arrays = [np.asarray(one) for one in several]
    said = [str(one) for one in captions] if captions is not None else [""] * len(arrays)
    if not arrays or len(said) != len(arrays):
        raise DataError(
            f"there are {len(arrays)} pictures and {len(said)} captions, expected at least one picture and a caption "
            "for each. To fix: give as many captions as pictures, or none."
        )
    shown = [
        Panel(_image(array, side_px), [(caption, "small")] if caption else ())
        for array, caption in zip(arrays, said, strict=True)
    ]
    words = ", ".join(filter(None, said)) or f"{len(arrays)} pictures"
    return _titled(panels(shown, title, words, most_columns=most_columns), title, f"{words}.")


def _pairs(name: str, pair: Points) -> tuple[Floats, Floats]:
    """X and y as they are drawn."""
    x, y = (np.asarray(side, dtype=np.float64).reshape(-1) for side in pair)
    if not len(x) or len(x) != len(y) or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DataError(
            f"{name} cannot be drawn: {len(x)} numbers across, {len(y)} up; expected finite numbers, as many of each, "
            "one at least. To fix: leave out what is missing or infinite."
        )
    return x, y


def _bar(name: str, value: Any, *, percent: bool) -> charts.Bar:
    if isinstance(value, Sequence):
        middle, low, high = (float(end) for end in cast("Sequence[float]", value))
    else:
        middle, low, high = (
            float(getattr(value, "value", value)),
            getattr(value, "low", None),
            getattr(value, "high", None),
        )

    def said(number: float) -> str:
        return with_minus(f"{100 * number:.0f}" if percent else f"{number:.3g}")

    unit = " %" if percent else ""
    between = "" if low is None or high is None else f" [{said(low)}, {said(high)}]"
    return charts.Bar(name, middle, low, high, f"{said(middle)}{unit}{between}")


def _image(given: NDArray[Any], side_px: float) -> Html:
    array: Any = given
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] != 3):
        raise DataError(
            f"a picture has the shape {array.shape}, expected (height, width) or (height, width, 3). "
            "To fix: give the axes in this order."
        )
    if array.dtype != np.uint8:
        low, high = float(array.min()), float(array.max())
        array = (
            np.uint8(np.round(255 * (array - low) / (high - low))) if high > low else np.zeros(array.shape, np.uint8)
        )
    kept = io.BytesIO()
    Image.fromarray(array).save(kept, "PNG")
    data = base64.b64encode(kept.getvalue()).decode()
    height, width = (side_px * side / max(array.shape[:2]) for side in array.shape[:2])
    size = {"width": f"{width:g}", "height": f"{height:g}"}
    class_ = "tiny" if max(array.shape[:2]) <= SMALL_PX else None
    shown = tag("image", href=f"data:image/png;base64,{data}", **size, preserveAspectRatio="none", class_=class_)
    return tag("svg", shown, **size, viewBox=f"0 0 {width:g} {height:g}")


def _titled(drawn: Html, title: str, said: str) -> Chart:
    return Chart(panels([Panel(drawn, [(title, "title")])], title, said, most_columns=1))
