"""The figures of a plan's page.

Legend: V values of a lever, n rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.plan.parts import CurvePart, Sensitive
from drivetrain.decisions.plan.sources import Source
from drivetrain.decisions.plan.words import amount, share, value_said, with_interval
from drivetrain.decisions.simulation.curves import said_of
from drivetrain.decisions.worth import Worth
from drivetrain.pages.charts import HEIGHT, WIDTH, Bar, compared
from drivetrain.pages.html import Html
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
    tick_labels,
)
from drivetrain.pages.words import count_rows, shortened
from drivetrain.text import counted, does, readable

MOST_OPTIONS = 20
N_BINS, MOST_BINS = 24, 40
Array = NDArray[np.float64]


def curve(part: CurvePart, name: str, unit: str) -> Html:
    """The objective against one lever, the others as planned: its band, its best value, today's.

    Args:
        part: The curve.
        name: Unique on the page.
        unit: Of the objective, for the axis.
    """
    if _are_numbers(part.values):
        return _curve_of_numbers(part, name, unit)
    return _curve_of_options(part, name, unit)


def _curve_of_numbers(part: CurvePart, name: str, unit: str) -> Html:
    x = np.asarray(part.values, dtype=np.float64)
    low, high = spread(_floor(part.mean, part.low), float(part.high.max()))
    field = plot(
        WIDTH, HEIGHT, x=spread(float(x.min()), float(x.max()), margin=0.02), y=(low, high),
        x_name=shortened(readable(part.lever), 40), y_name=f"{shortened(unit, 30)} per row",
    )  # fmt: skip
    marks: list[Html] = []
    if part.flat is not None:
        left, right = (field.x.at(float(end)) for end in part.flat)
        marks.append(rectangle(left, field.y.start_px - 5, max(right - left, 2), 5, "accent range", title="within 1 %"))
    drawn = part.mean >= low
    high_px, low_px, mean_px = (
        _placed(field, x[drawn], np.maximum(each[drawn], low)) for each in (part.high, part.low, part.mean)
    )
    marks.append(path([*high_px, *reversed(low_px)], "accent range"))
    marks.append(path(mean_px, "accent curve"))
    marks += _today(part, x, field)
    at = float(part.best)
    best = float(np.interp(at, x, part.mean))
    marks.append(dot(field.x.at(at), field.y.at(best), 5.5, "accent", f"{value_said(at)}: {amount(best)}"))
    marks.append(_beside(field.x.at(at), field.y.at(best) - 10, f"best {value_said(at)}", "accent-text halo"))
    said = said_of(part)
    n_below = int((~drawn).sum())
    said += f" {counted(n_below, 'value')} below {amount(low)} {does(n_below, 'are')} not drawn." if n_below else ""
    return drawing(name, WIDTH, HEIGHT, f"The objective against {readable(part.lever)}", said, field.frame(), marks)


def _floor(mean: Array, low: Array) -> float:
    """Where the axis begins: a loss without bounds, of which there is no end, would leave nothing to see of the top."""
    top, middle = float(mean.max()), float(np.median(mean))
    width = float((mean - low)[mean >= middle].max())
    return max(float(low.min()), top - 4 * max(top - middle, width, 1e-12 * abs(top)))


def _placed(field: Plot, x: Array, y: Array) -> list[tuple[float, float]]:
    return [(field.x.at(float(a)), field.y.at(float(b))) for a, b in zip(x, y, strict=True)]


def _beside(x: float, y: float, said: str, class_: str) -> Html:
    """Words to the right of a place, or to its left where there is no room."""
    is_right = x > WIDTH * 0.62
    return text(x + (-10 if is_right else 10), y, said, f"{class_} end" if is_right else class_)


def _today(part: CurvePart, x: Array, field: Plot) -> list[Html]:
    """A line at today's value, where it lies among those drawn."""
    try:
        today = float(part.today)
    except (TypeError, ValueError):
        return []
    if not float(x.min()) <= today <= float(x.max()):
        return []
    at = field.x.at(today)
    return [
        line(at, field.y.start_px, at, field.y.end_px, "ideal"),
        dot(at, field.y.at(max(float(np.interp(today, x, part.mean)), field.y.low)), 4.5, "soft"),
        _beside(at, field.y.start_px - 10, f"today {value_said(today)}", "soft-text halo"),
    ]


def _curve_of_options(part: CurvePart, name: str, unit: str) -> Html:
    order = sorted(range(len(part.values)), key=lambda i: -float(part.mean[i]))[:MOST_OPTIONS]
    marks: list[tuple[str, Worth]] = []
    for i in order:
        label = value_said(part.values[i]) + (" (most frequent today)" if part.values[i] == part.today else "")
        marks.append((label, Worth(float(part.mean[i]), float(part.low[i]), float(part.high[i]))))
    return worths(marks, name, f"{unit} by {readable(part.lever)}")


def worths(rows: Sequence[tuple[str, Worth]], name: str, title: str) -> Html:
    """Values with their intervals below each other, the first one in colour; those that are not known are left out."""
    known = [(label, worth) for label, worth in rows if np.isfinite(worth.value)]
    bars = [Bar(shortened(label, 38), w.value, w.low, w.high, with_interval(w)) for label, w in known]
    return compared(bars or [Bar("nothing is known", 0.0, None, None, "")], name, title)


def _axis(scale: Scale, y: float) -> list[Html]:
    ticks = nice_ticks(scale.low, scale.high, 5)
    return [text(scale.at(value), y, label, "tick mid") for value, label in zip(ticks, tick_labels(ticks), strict=True)]


def moves(before: pd.Series | None, after: pd.Series, name: str, moved: Lever) -> Html:
    """How many rows have which value of a number, now and as proposed."""
    new = after.to_numpy(np.float64, na_value=np.nan)
    old = np.array([]) if before is None else before.to_numpy(np.float64, na_value=np.nan)
    every = np.concatenate([new, old])
    every = every[np.isfinite(every)]
    lever, edges = moved.name, _edges(every, moved.step)
    low, high = float(edges[0]), float(edges[-1])
    after_N, before_N = (np.histogram(each[np.isfinite(each)], edges)[0] for each in (new, old))
    top = 1.08 * max(int(after_N.max()), int(before_N.max()), 1)
    field = plot(
        WIDTH, HEIGHT * 0.8, x=(low, high), y=(0, top), x_name=shortened(readable(lever), 40), y_name="rows",
        y_whole=True,
    )  # fmt: skip
    bars = [
        rectangle(
            field.x.at(a) + 0.5, field.y.at(float(count)), field.x.at(b) - field.x.at(a) - 1,
            field.y.at(0) - field.y.at(float(count)), "accent bar", title=f"{amount(a)} to {amount(b)}: {count:,}",
        )
        for count, a, b in zip(after_N.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]  # fmt: skip
    steps: list[tuple[float, float]] = []
    for count, a, b in zip(before_N.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        steps += [(field.x.at(a), field.y.at(float(count))), (field.x.at(b), field.y.at(float(count)))]
    outline = path(steps, "now curve") if before is not None else None
    said = f"Proposed: {amount(float(np.nanmedian(new)))} in the middle" if len(new) else "No rows"
    if len(old):
        said += f"; now {amount(float(np.nanmedian(old)))}"
    title = f"{readable(lever)}, now and proposed"
    return drawing(name, WIDTH, HEIGHT * 0.8, title, f"{said}.", field.frame(), bars, outline)


def _edges(values: Array, step: float | None) -> Array:
    """Of bins: one for each step, or a few, where it has them."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if step is not None:
        width = step * max(1, round((high - low) / step / MOST_BINS))
        n = int((high - low) // width) + 1
        return low - step / 2 + width * np.arange(n + 1, dtype=np.float64)
    low, high = (low, high) if high > low else spread(low, high)
    return np.linspace(low, high, N_BINS + 1)


def gains(source: Source, name: str) -> Html:
    """What each group of rows adds to the gain."""
    groups = source.groups
    ends = [0.0, *(group.total for group in groups)]
    scale = Scale(*spread(min(ends), max(ends), margin=0.02), 16, WIDTH - 16)
    step, first = 44.0, 30.0
    bottom = first + step * (len(groups) - 1) + 16
    marks: list[Html] = [line(scale.at(0), 8, scale.at(0), bottom, "axis")]
    for i, group in enumerate(groups):
        y = first + step * i
        zero, end = scale.at(0), scale.at(group.total)
        marks.append(text(16, y - 9, shortened(group.name, 34), "label halo"))
        said = f"{amount(group.gain, sign=True)} × {count_rows(group.rows)}"
        marks.append(text(WIDTH - 16, y - 9, said, "number halo end"))
        class_ = "accent bar" if group.total >= 0 else "loss"
        marks.append(rectangle(min(zero, end), y - 2, abs(end - zero), 12, class_))
    marks += _axis(scale, bottom + 16)
    said = "; ".join(f"{group.name}: {amount(group.total, sign=True)}" for group in groups)
    return drawing(name, WIDTH, bottom + 28, f"Gain by {source.by}", f"{said}.", marks)


def support(shares: dict[str, float], name: str) -> Html:
    """One bar: inside, edge, outside."""
    words = {"inside": "accent", "edge": "edge", "outside": "outside"}
    left, width = 16.0, WIDTH - 32
    marks: list[Html] = []
    for word, class_ in words.items():
        part = shares.get(word, 0.0)
        marks.append(rectangle(left, 12, width * part, 22, class_, title=f"{word}: {share(part)}"))
        left += width * part
    for i, (word, class_) in enumerate(words.items()):
        x = 16 + i * 146.0
        marks.append(rectangle(x, 50, 11, 11, class_))
        marks.append(text(x + 17, 60, f"{word} {share(shares.get(word, 0.0))}", "label"))
    said = "; ".join(f"{word} {share(shares.get(word, 0.0))}" for word in words)
    return drawing(name, WIDTH, 72, "Seen in rows like these", f"{said}.", marks)


def tornado(parts: Sequence[Sensitive], promised: float, name: str) -> Html:
    """What the plan would be worth under other numbers: as it stands, and made anew."""
    ends = [promised, *(value for part in parts for value in (part.kept, part.promised))]
    scale = Scale(*spread(min(ends), max(ends)), 16, WIDTH - 16)
    step, first = 46.0, 34.0
    bottom = first + step * (len(parts) - 1) + 14
    marks: list[Html] = [line(scale.at(promised), 8, scale.at(promised), bottom, "ideal")]
    for i, part in enumerate(parts):
        y = first + step * i
        label = f"{readable(part.number)} {part.factor - 1:+.0%}".replace("-", "−").replace("%", " %")
        marks.append(text(16, y - 12, shortened(label, 40), "label halo"))
        marks.append(text(WIDTH - 16, y - 12, f"{share(part.changed)} of rows change", "number end halo"))
        start, end = sorted((scale.at(promised), scale.at(part.kept)))
        marks.append(rectangle(start, y - 3, max(end - start, 1), 6, "soft range"))
        marks.append(dot(scale.at(part.kept), y, 5, "soft", f"as it stands: {amount(part.kept)}"))
        marks.append(dot(scale.at(part.promised), y, 4, "accent", f"made anew: {amount(part.promised)}"))
    marks += _axis(scale, bottom + 16)
    said = "; ".join(f"{part.number} × {part.factor:g}: {amount(part.kept)}" for part in parts)
    return drawing(name, WIDTH, bottom + 28, "The plan under other numbers", f"{said}.", marks)


def _are_numbers(values: Sequence[Any]) -> bool:
    plain = [isinstance(one, int | float | np.number) and not isinstance(one, bool) for one in values]
    return len(values) > 1 and all(plain)
