"""The figures about uplift."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from drivetrain.decisions.uplift.saying import amount
from drivetrain.pages.charts import Bar, compared
from drivetrain.pages.html import Html
from drivetrain.pages.svg import Plot, dot, drawing, line, path, plot, rectangle, spread, text, width_px
from drivetrain.pages.words import with_minus
from drivetrain.text import readable

if TYPE_CHECKING:
    from drivetrain.decisions.uplift.picking import Picked
    from drivetrain.decisions.uplift.result import Uplift

WIDTH, HEIGHT = 460.0, 320.0


def gains(found: Uplift) -> Html:
    """What treating the best share of rows adds: by uplift with its band, and by the baselines."""
    unit = 100 if found.trial.is_yes_no else 1
    shares, *ours = found.ours.curve()
    value, low, high = (unit * each for each in ours)
    others = {name: unit * found.baselines[name].curve()[1] for name in ("response model", "one column")}
    every = np.concatenate([low, high, value, *others.values()])
    bottom, top = spread(min(float(every.min()), 0.0), float(every.max()))
    outcome = _short(found.trial.outcome)
    y_name = f"{outcome} added, per 100 rows of all" if found.trial.is_yes_no else f"{outcome} added, per row of all"
    field = plot(
        WIDTH, HEIGHT, x=(0, 1), y=(bottom, top), x_name="share of rows treated, best first", y_name=y_name,
        x_percent=True,
    )  # fmt: skip
    at = [field.x.at(float(s)) for s in shares]
    ups, downs = [field.y.at(float(v)) for v in high], [field.y.at(float(v)) for v in low]
    band = path([*zip(at, ups, strict=True), *zip(reversed(at), reversed(downs), strict=True)], "accent range")
    whole = float(value[-1])
    marks = [
        band,
        line(field.x.at(0), field.y.at(0), field.x.at(1), field.y.at(whole), "axis"),
        path(zip(at, [field.y.at(float(v)) for v in others["response model"]], strict=True), "soft curve"),
        [dot(field.x.at(float(s)), field.y.at(float(v)), 2.2, "soft") for s, v in _every(shares, others["one column"])],
        path(zip(at, [field.y.at(float(v)) for v in value], strict=True), "accent curve"),
    ]
    said = "; ".join(
        f"{name}: {with_minus(f'{float(curve[30]):.3g}')} at 30 %"
        for name, curve in (("by uplift", value), *((f"by {n}", c) for n, c in others.items()))
    )
    title = f"What treating the best share of rows adds to {outcome}"
    return drawing(
        "gains",
        WIDTH,
        HEIGHT + 44,
        title,
        f"{said}; all rows {with_minus(f'{whole:.3g}')}.",
        field.frame(),
        marks,
        _legend(field),
    )


def _every(shares: np.ndarray, values: np.ndarray) -> list[tuple[float, float]]:
    return [(float(s), float(v)) for s, v in zip(shares[2::4], values[2::4], strict=True)]


def _legend(field: Plot) -> Html:
    """What the lines are, below the drawing in two rows."""
    marks: list[Html] = []
    for i, name in enumerate(("by uplift, with its interval", "by the response model", "by one column", "at random")):
        x, y = field.x.start_px + 222 * (i % 2), HEIGHT + 14 + 20 * (i // 2)
        if i == 0:
            marks += [rectangle(x, y - 8, 26, 9, "accent range"), line(x, y - 4, x + 26, y - 4, "accent whisker")]
        elif i == 1:
            marks.append(path([(x, y - 4), (x + 26, y - 4)], "soft curve"))
        elif i == 2:
            marks += [dot(x + step, y - 4, 2.2, "soft") for step in (3, 13, 23)]
        else:
            marks.append(line(x, y - 4, x + 26, y - 4, "axis"))
        marks.append(text(x + 34, y, name, "label"))
    return Html("".join(marks))


def tenths(found: Uplift) -> Html:
    """For each tenth of rows, best first: the effect predicted (ring) and measured (dot, with its interval)."""
    unit = 100 if found.trial.is_yes_no else 1
    table = found.tenths[["predicted", "measured", "low", "high"]] * unit
    finite = table.to_numpy()[np.isfinite(table.to_numpy())]
    low, high = spread(min(0.0, float(finite.min())), max(0.0, float(finite.max())))
    unit_name = "points" if found.trial.is_yes_no else _short(found.trial.outcome)
    field = plot(
        WIDTH, HEIGHT, x=(0.5, 10.5), y=(low, high), x_name="tenth of rows, by uplift predicted, best first",
        y_name=f"effect, {unit_name}", x_ticks=[float(i) for i in range(1, 11)],
    )  # fmt: skip
    average = found.effect.value * unit
    marks = [
        line(field.x.start_px, field.y.at(0), field.x.end_px, field.y.at(0), "axis"),
        line(field.x.start_px, field.y.at(average), field.x.end_px, field.y.at(average), "ideal"),
    ]
    rows: list[list[float]] = table.to_numpy(dtype=np.float64).tolist()
    for tenth, (predicted, measured, start, end) in zip(table.index.tolist(), rows, strict=True):
        x = field.x.at(float(tenth))
        if math.isfinite(start):
            marks.append(line(x, field.y.at(start), x, field.y.at(end), "accent whisker"))
        marks.append(dot(x, field.y.at(measured), 4.5, "accent", with_minus(f"measured {measured:.3g}")))
        marks.append(dot(x, field.y.at(predicted), 5.5, "soft ring", with_minus(f"predicted {predicted:.3g}")))
    first, last = table.iloc[0], table.iloc[-1]
    said = with_minus(
        f"Measured {first['measured']:.3g} in the first tenth and {last['measured']:.3g} in the last; "
        f"predicted {first['predicted']:.3g} and {last['predicted']:.3g}; {average:.3g} on average (dashed)."
    )
    return drawing("tenths", WIDTH, HEIGHT, "Effect predicted and measured, by tenths", said, field.frame(), marks)


def added(found: Uplift, picked: Picked) -> Html:
    """What the picks of each way add, uplift's first."""
    rows = [Bar(n, w.value, w.low, w.high, amount(w, is_yes_no=False)) for n, w in picked.added.items()]
    return compared(rows, "added", f"Added to {_short(found.trial.outcome)} for each {_short(picked.by)}")


def _short(name: str, most_px: float = 170) -> str:
    """A column's name, cut where it would not fit."""
    said = readable(name)
    while width_px(said) > most_px:
        said = f"{said[: len(said.removesuffix('…')) - 1]}…"
    return said
