"""Small charts drawn as SVG: crisp at any size, coloured by the page's style sheet, so that they follow its theme.

No colour stands here: elements carry classes (``accent``, ``soft``, ``grid``, …). Coordinates are px of the drawing's
own size; a page narrower than that shrinks the drawing, its writing included, so drawings are kept narrow.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from drivetrain.pages.html import Child, Html, tag
from drivetrain.text import in_digits


def nice_ticks(low: float, high: float, most: int = 5, *, whole: bool = False) -> list[float]:
    """Round numbers that cover [low, high], at most `most` of them inside it and at least two; whole ones for counts.

    Example:
        >>> nice_ticks(0.13, 0.97), nice_ticks(0, 7000, 4)
        ([0.2, 0.4, 0.6, 0.8], [0.0, 2000.0, 4000.0, 6000.0])
        >>> nice_ticks(0, 9, 4), nice_ticks(0, 9, 4, whole=True)
        ([0.0, 2.5, 5.0, 7.5], [0.0, 5.0])
    """
    if not high > low:
        return [low]
    raw = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    for factor in (1, 2, 2.5, 5, 10, 20, 25, 50):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most and (not whole or step.is_integer()):
            break
    ticks = [float(f"{i * step:.15g}") for i in range(first, last + 1)]
    return ticks if len(ticks) >= 2 else [low, high]


def power_ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Powers of ten inside [low, high], low > 0, at most `most`; between near ends their double and fivefold too.

    Example:
        >>> power_ticks(2e-5, 3.0, 4), power_ticks(1e-3, 6e-3)
        ([0.0001, 0.01, 1.0], [0.001, 0.002, 0.005])
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors in ((1,), (1, 2, 5)):
        found = [float(f"{f}e{power}") for power in range(first, last + 1) for f in factors]
        found = [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        if len(found) >= 2:
            return found[:: -(-len(found) // most)]
    return nice_ticks(low, high)


def tick_label(value: float, *, percent: bool = False) -> str:
    """A tick as people write it.

    Example:
        >>> tick_label(0.25, percent=True), tick_label(1500), tick_label(0.00002), tick_label(-0.5)
        ('25 %', '1,500', '2e-05', '−0.5')
    """
    if percent:
        return f"{100 * value:.4g} %".replace("-", "−")
    return _with_minus(in_digits(value))


def tick_labels(values: Sequence[float], *, percent: bool = False) -> list[str]:
    """The ticks of one axis, at least one, with as many digits as they need beside each other.

    Example:
        >>> tick_labels([1700000000.0, 1700000000.5]), tick_labels([0.0, 0.5])
        (['1,700,000,000', '1,700,000,000.5'], ['0', '0.5'])
        >>> tick_labels([1960.0, 1980.0, 2000.0]), tick_labels([0.0, 1000.0])
        (['1960', '1980', '2000'], ['0', '1,000'])
    """
    if not percent and all(1000 <= value < 10_000 and value == int(value) for value in values):
        return [f"{value:.0f}" for value in values]  # four digits need no comma, and years have none
    labels = [tick_label(value, percent=percent) for value in values]
    near = (max(values) - min(values)) / 200
    for digits in range(5, 18):
        said = (label.replace(",", "").replace("−", "-") for label in labels)
        if percent or all(abs(float(one) - value) <= near for one, value in zip(said, values, strict=True)):
            break
        labels = [_with_minus(f"{value:,.{digits}g}") for value in values]
    return labels


def _with_minus(said: str) -> str:
    return said.replace("-", "−", 1) if said.startswith("-") else said


@dataclass(frozen=True)
class Scale:
    """A map from values to px: linear, or with `log` equal distances for equal ratios (all values above 0).

    Example:
        >>> Scale(0, 10, 50, 150).at(5), Scale(0.01, 100, 50, 150, log=True).at(1)
        (100.0, 100.0)
    """

    low: float
    high: float
    start_px: float
    end_px: float
    log: bool = False

    def at(self, value: float) -> float:
        """Place of a value, to a tenth of a px; a scale without width puts all in its middle."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        share = (value - low) / (high - low) if high != low else 0.5
        return round(self.start_px + share * (self.end_px - self.start_px), 1)


@dataclass(frozen=True)
class Plot:
    """The field of a chart: two scales with their ticks and names, and what is drawn between them."""

    x: Scale
    y: Scale
    x_name: str
    y_name: str
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]

    def frame(self) -> Html:
        """Grid lines, tick labels and names of the axes."""
        left, right, bottom, top = self.x.start_px, self.x.end_px, self.y.start_px, self.y.end_px
        lines = [line(left, self.y.at(value), right, self.y.at(value), "grid") for value, _ in self.y_ticks]
        names = [text(left - 8, self.y.at(value) + 4, label, "tick end") for value, label in self.y_ticks]
        below = [text(self.x.at(value), bottom + 18, label, "tick mid") for value, label in self.x_ticks]
        return group(
            lines,
            line(left, bottom, right, bottom, "axis"),
            names,
            below,
            text((left + right) / 2, bottom + 38, self.x_name, "axis-name mid"),
            text(left - 8, top - 12, self.y_name, "axis-name"),
        )


def plot(
    width: float,
    height: float,
    *,
    x: tuple[float, float],
    y: tuple[float, float],
    x_name: str,
    y_name: str,
    x_percent: bool = False,
    y_percent: bool = False,
    y_whole: bool = False,
    x_ticks: Sequence[float] | None = None,
    right: float = 24,
    x_log: bool = False,
    y_log: bool = False,
) -> Plot:
    """A field of that size with round ticks; `right` px stay free for labels beside it."""
    y_values = power_ticks(*y) if y_log else nice_ticks(*y, whole=y_whole)
    labels = tick_labels(y_values, percent=y_percent)
    left = 16 + 7.4 * max(len(label) for label in labels)
    x_values = x_ticks if x_ticks is not None else power_ticks(*x) if x_log else nice_ticks(*x)
    return Plot(
        Scale(x[0], x[1], round(left, 1), width - right, x_log),
        Scale(y[0], y[1], height - 46, 32, y_log),
        x_name,
        y_name,
        list(zip(x_values, tick_labels(x_values, percent=x_percent), strict=True)),
        list(zip(y_values, labels, strict=True)),
    )


def drawing(name: str, width: float, height: float, title: str, description: str, *children: Child) -> Html:
    """A chart with a title and a description that stand for it where it cannot be seen.

    Args:
        name: Unique on the page.
        width: Of the drawing's own coordinates, px.
        height: Likewise.
        title: What it is.
        description: What it shows, in a sentence with the numbers that matter.
        children: What is drawn.
    """
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        tag("desc", description, id=f"{name}-desc"),
        *children,
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width:g}",
        height=f"{height:g}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )


def size_of(drawn: Html) -> tuple[float, float]:
    """Width and height of a drawing, px.

    Raises:
        ValueError: It is no ``<svg>`` with both.
    """
    sides = re.match(r'<svg\b[^>]*?\bwidth="([\d.]+)"[^>]*?\bheight="([\d.]+)"', drawn)
    if sides is None:
        raise ValueError("a drawing is an <svg> with width and height")
    return float(sides[1]), float(sides[2])


def placed(drawn: Html, x: float, y: float) -> Html:
    """A drawing as a part of another one, its upper left corner at (x, y)."""
    return Html(drawn.replace("<svg", f'<svg x="{_px(x)}" y="{_px(y)}"', 1))


def width_px(said: str, size_px: float = 12) -> float:
    """About as wide as text is when it is drawn; letters of Chinese, Japanese and Korean take a square each.

    Example:
        >>> round(width_px("pear"), 1), round(width_px("お茶"), 1)
        (28.8, 24.0)
    """
    return sum(size_px * (1.0 if unicodedata.east_asian_width(char) in "WF" else 0.6) for char in said)


def group(*children: Child, **attributes: str) -> Html:
    """Several elements as one."""
    return tag("g", *children, **attributes)


def text(x: float, y: float, said: object, class_: str = "", **more: object) -> Html:
    """Text on its base line; classes ``mid`` and ``end`` centre it or set it to the left of x."""
    return tag("text", said, x=_px(x), y=_px(y), class_=class_ or None, **more)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Html:
    """A straight line."""
    return tag("line", x1=_px(x1), y1=_px(y1), x2=_px(x2), y2=_px(y2), class_=class_)


def rectangle(x: float, y: float, width: float, height: float, class_: str, *, title: str | None = None) -> Html:
    """A rectangle; its title is shown while the pointer rests on it."""
    hint = None if title is None else tag("title", title)
    return tag("rect", hint, x=_px(x), y=_px(y), width=_px(max(width, 0)), height=_px(max(height, 0)), class_=class_)


def dot(x: float, y: float, radius: float, class_: str, title: str | None = None) -> Html:
    """A filled circle."""
    hint = None if title is None else tag("title", title)
    return tag("circle", hint, cx=_px(x), cy=_px(y), r=_px(radius), class_=class_)


def path(points: Iterable[tuple[float, float]], class_: str) -> Html:
    """Points joined by straight lines."""
    steps = " ".join(f"{'L' if i else 'M'}{_px(x)} {_px(y)}" for i, (x, y) in enumerate(points))
    return tag("path", d=steps, class_=class_)


def spread(low: float, high: float, *, margin: float = 0.06) -> tuple[float, float]:
    """A range with some air around it, also where there is only one value.

    Example:
        >>> spread(0, 10), spread(2, 2)
        ((-0.6, 10.6), (1.9, 2.1))
    """
    room = margin * (high - low) if high > low else 0.05 * abs(high) or 0.5
    return low - room, high + room


def _px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
