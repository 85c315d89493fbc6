"""The figures about controls, shape, choices, power and beliefs."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from drivetrain.statistics.models import ModelSlope
from drivetrain.statistics.page.figures import HEIGHT, WIDTH, axis
from drivetrain.statistics.page.kit import (
    Html,
    Scale,
    dot,
    drawing,
    line,
    nice_ticks,
    path,
    plot,
    rectangle,
    shortened,
    spread,
    text,
    tick_labels,
)
from drivetrain.statistics.questions.beliefs import Beliefs
from drivetrain.statistics.questions.choices import Choices, Look
from drivetrain.statistics.questions.decompose import Decomposition
from drivetrain.statistics.questions.power import power_of
from drivetrain.statistics.questions.shape import Shape
from drivetrain.statistics.result import SlopeReport
from drivetrain.statistics.words import interval, p_text, percent, short
from drivetrain.text import counted, does

Array = NDArray[np.float64]

MOST_POINTS = 1200


def moves(decomposition: Decomposition, alone: float, full: float) -> Html:
    """From the slope alone to the slope with controls, a step for each control."""
    parts = sorted(decomposition.parts, key=lambda part: -abs(part.value))
    places = [alone]
    for part in parts:
        places.append(places[-1] - part.value)
    low, high = spread(min([0.0, full, *places]), max([0.0, full, *places]))
    scale = Scale(low, high, 16, WIDTH - 16)
    first, step = 34.0, 40.0
    bottom = first + step * (len(parts) + 1) + 14
    marks: list[Html] = [line(scale.at(0), 8, scale.at(0), bottom, "axis")]
    marks += [
        text(16, first - 10, "alone", "label halo"),
        text(WIDTH - 16, first - 10, short(alone, sign=True), "number end halo"),
    ]
    marks.append(dot(scale.at(alone), first, 5, "soft"))
    for i, part in enumerate(parts, start=1):
        y = first + step * i
        a, b = scale.at(places[i - 1]), scale.at(places[i])
        marks.append(rectangle(min(a, b), y - 4, max(abs(b - a), 1.5), 8, "accent bar"))
        marks.append(text(16, y - 10, shortened(part.control.replace(":", " "), 40), "label halo"))
        marks.append(text(WIDTH - 16, y - 10, short(-part.value, sign=True), "number end halo"))
        marks.append(line(b, y - step + 4 if i == 1 else y + 4, b, y + 4, "grid"))
    y = first + step * (len(parts) + 1)
    marks += [
        text(16, y - 10, "with all of them", "label strong halo"),
        text(WIDTH - 16, y - 10, short(full, sign=True), "number end halo"),
    ]
    marks.append(dot(scale.at(full), y, 5, "accent"))
    marks += axis(scale, bottom + 18, low, high)
    said = "; ".join(f"{part.control} moves it by {short(-part.value, sign=True)}" for part in parts)
    return drawing("moves", WIDTH, bottom + 26, "Which control moved the slope", said, marks)


def added_variable(report: SlopeReport) -> Html:
    """What is left of the outcome against what is left of the variable, once the controls are taken out of both."""
    x, y = report.own_part, report.left_part
    assert x is not None and y is not None
    keep = np.arange(len(x))
    if len(x) > MOST_POINTS:
        keep = np.sort(np.random.default_rng(report.seed).choice(len(x), MOST_POINTS, replace=False))
    field = plot(
        WIDTH, HEIGHT, x=spread(float(x.min()), float(x.max()), margin=0.03), y=spread(float(y.min()), float(y.max())),
        x_name=f"{report.rows.of.words}, what is left of it", y_name=f"{report.rows.outcome.words}, likewise",
    )  # fmt: skip
    named = {left.name for left in report.influence.rows[:5]}
    marks = [
        dot(
            field.x.at(float(x[i])), field.y.at(float(y[i])), 2.6, "accent point",
            report.rows.names[i] if report.rows.names and len(x) <= MOST_POINTS else None,
        )
        for i in keep.tolist()
    ]  # fmt: skip
    if report.rows.names:
        for i, name in enumerate(report.rows.names):
            if name in named:
                marks.append(dot(field.x.at(float(x[i])), field.y.at(float(y[i])), 5, "warn ring", name))
    ends = (float(x.min()), float(x.max()))
    marks.append(path([(field.x.at(v), field.y.at(report.estimate * v)) for v in ends], "accent curve"))
    said = f"The line has the slope {short(report.estimate)}; the five most influential rows are ringed."
    return drawing("added", WIDTH, HEIGHT, "Added-variable plot", said, field.frame(), marks)


def curve(shape: Shape, x_name: str, y_name: str) -> Html:
    """The spline with its band, and the line."""
    low, high = spread(float(min(shape.low.min(), shape.line.min())), float(max(shape.high.max(), shape.line.max())))
    field = plot(
        WIDTH,
        HEIGHT,
        x=(float(shape.x[0]), float(shape.x[-1])),
        y=(low, high),
        x_name=x_name,
        y_name=f"{y_name}, against its mean",
    )
    at = [field.x.at(v) for v in shape.x.tolist()]
    upper = [field.y.at(v) for v in shape.high.tolist()]
    lower = [field.y.at(v) for v in shape.low.tolist()]
    band = path([*zip(at, upper, strict=True), *zip(reversed(at), reversed(lower), strict=True)], "accent band")
    marks = [
        band,
        path(zip(at, (field.y.at(v) for v in shape.line.tolist()), strict=True), "soft curve"),
        path(zip(at, (field.y.at(v) for v in shape.curve.tolist()), strict=True), "accent curve"),
    ]
    said = f"Departure from the line: {p_text(shape.p)}."
    return drawing("curve", WIDTH, HEIGHT, "A curve beside the line", said, field.frame(), marks)


def specifications(choices: Choices, level: float) -> Html:
    """Every look's slope in order, with the choices behind it below."""
    looks = choices.looks
    left, right, top, height = 136.0, 700.0, 16.0, 210.0
    values = np.array([look.estimate.value for look in looks])
    ends = np.array([[look.estimate.low, look.estimate.high] for look in looks])
    widest = np.quantile(np.abs(ends - values[:, None]), 0.9)
    low, high = spread(float(min(values.min() - widest, 0)), float(max(values.max() + widest, 0)), margin=0.03)
    y = Scale(low, high, top + height, top)
    x = Scale(0, max(len(looks) - 1, 1), left + 6, right - 6)
    marks: list[Html] = [line(left, y.at(0), right, y.at(0), "axis")]
    radius = max(1.2, min(3.5, 210 / len(looks)))
    for i, look in enumerate(looks):
        one = look.estimate
        class_ = "accent" if one.p < 1 - level else "soft"
        at = x.at(i)
        ends_y = y.at(min(max(one.low, low), high)), y.at(min(max(one.high, low), high))
        marks.append(line(at, ends_y[0], at, ends_y[1], f"{class_} whisker"))
        hint = f"{' '.join(interval(one.value, one.low, one.high))}, {p_text(one.p)}"
        marks.append(dot(at, y.at(one.value), radius, class_, hint))
        if look.asked:
            marks.append(dot(at, y.at(one.value), radius + 4, "warn ring", "as asked"))
    ticks = nice_ticks(low, high, 5)
    marks += [
        text(left - 8, y.at(v) + 4, label, "tick end") for v, label in zip(ticks, tick_labels(ticks), strict=True)
    ]
    place = top + height + 22
    for title, has in _rows(looks):
        marks.append(text(left - 8, place + 4, shortened(title, 19), "tick end"))
        marks += [
            rectangle(x.at(i) - radius, place - 3, 2 * radius, 6, "accent bar" if on else "faint")
            for i, on in enumerate(has)
        ]
        place += 15
    said = (
        f"{counted(choices.n, 'look')}; slopes from {short(looks[0].estimate.value)} to "
        f"{short(looks[-1].estimate.value)}; {choices.n_significant} {does(choices.n_significant, 'exclude')} zero."
    )
    return drawing("specifications", right + 4, place, "The slope under other sensible choices", said, marks)


def _rows(looks: tuple[Look, ...]) -> list[tuple[str, list[bool]]]:
    """What was chosen in each look, a row for each choice that differs between them."""
    names = list(dict.fromkeys(name.partition(":")[2] or name for look in looks for name in look.controls))

    def plain(look: Look) -> set[str]:
        return {name.partition(":")[2] or name for name in look.controls}

    made: list[tuple[str, list[bool]]] = [(name, [name in plain(look) for look in looks]) for name in names[:14]]
    made.append(("logs swapped", [look.scale != "as asked" for look in looks]))
    made.append(("without influential", [look.rows != "all" for look in looks]))
    within = next((look.within for look in looks if look.within), "")
    made.append((f"within {within}", [bool(look.within) for look in looks]))
    made += [(f"errors: {kind}", [look.estimate.errors == kind for look in looks]) for kind in ("HC3", "CR2")]
    return [(title, has) for title, has in made if 0 < sum(has) < len(has)]


def dependence(model: ModelSlope, report: SlopeReport) -> Html:
    """The model's mean answer along the variable, and the regression's line."""
    x = model.grid
    known = [model.curve, *([model.low, model.high] if model.has_spread else [])]
    line_y = None
    if report.rows.family == "linear" and not report.rows.of.transform and not report.rows.outcome.transform:
        line_y = float(model.curve.mean()) + report.estimate * (x - x.mean())
        known.append(line_y)
    field = plot(
        WIDTH, HEIGHT, x=(float(x[0]), float(x[-1])), y=spread(float(np.min(known)), float(np.max(known))),
        x_name=report.rows.of.column, y_name="the model's answer",
    )  # fmt: skip
    at = [field.x.at(v) for v in x.tolist()]
    marks: list[Html] = []
    if model.has_spread:
        upper, lower = ([field.y.at(v) for v in ends.tolist()] for ends in (model.high, model.low))
        marks.append(
            path([*zip(at, upper, strict=True), *zip(reversed(at), reversed(lower), strict=True)], "accent band")
        )
    if line_y is not None:
        marks.append(path(zip(at, (field.y.at(v) for v in line_y.tolist()), strict=True), "soft curve"))
    marks.append(path(zip(at, (field.y.at(v) for v in model.curve.tolist()), strict=True), "accent curve"))
    said = f"From {short(float(model.curve[0]))} to {short(float(model.curve[-1]))}."
    return drawing("dependence", WIDTH, HEIGHT, "Partial dependence of the model", said, field.frame(), marks)


def power_curve(report: SlopeReport) -> Html:
    """How likely a slope of each size would have been found by data like these."""
    se, df, level = report.main.se, report.main.df, report.main.level
    marked = [report.smallest_detectable]
    if report.power.effect:
        marked.append(abs(report.power.effect))
    top = 1.15 * max(report.smallest_detectable * 1.3, min(max(marked), 4 * report.smallest_detectable))
    grid = np.linspace(0, top, 60)
    field = plot(WIDTH, 250, x=(0, top), y=(0, 1), x_name="true slope, its size", y_name="found in", y_percent=True)
    marks: list[Html] = [
        path([(field.x.at(float(v)), field.y.at(power_of(float(v), se, df, level))) for v in grid], "accent curve")
    ]
    at = field.x.at(report.smallest_detectable)
    marks += [
        line(at, field.y.start_px, at, field.y.at(0.8), "ideal"),
        line(field.x.start_px, field.y.at(0.8), at, field.y.at(0.8), "ideal"),
    ]
    if report.power.effect and abs(report.power.effect) <= top:
        x = field.x.at(abs(report.power.effect))
        marks.append(line(x, field.y.start_px, x, field.y.end_px, "claim"))
        anchor = "end" if x > WIDTH / 2 else ""
        said = "claimed" if report.claim is not None else "matters"
        marks.append(text(x + (-6 if anchor else 6), field.y.at(0.08), said, f"claim-text {anchor}"))
    said = f"A slope of {short(report.smallest_detectable)} is found four times in five."
    return drawing("power", WIDTH, 250, "What these data could have found", said, field.frame(), marks)


def beliefs(report: SlopeReport, found: Beliefs) -> Html:
    """Each belief before (dashed) and after (solid), under each other."""
    n = len(found.updated)
    reach = [report.low, report.high, 0.0]
    for each in found.updated:
        reach += [*each.after.interval(0.99)]
        if math.isfinite(each.before.sd):
            reach += [*each.before.interval(0.9)]
    low, high = spread(min(reach), max(reach), margin=0.03)
    scale = Scale(low, high, 16, WIDTH - 16)
    grid = np.linspace(low, high, 181)
    row = 96.0
    marks: list[Html] = []
    if report.margin is not None:
        a, b = max(scale.at(-report.margin), 16.0), min(scale.at(report.margin), WIDTH - 16)
        marks.append(rectangle(a, 6, b - a, row * n - 6, "zone"))
    marks.append(line(scale.at(0), 6, scale.at(0), row * n, "axis"))
    if report.claim is not None and low < report.claim.value < high:
        marks.append(line(scale.at(report.claim.value), 6, scale.at(report.claim.value), row * n, "claim"))
    for i, each in enumerate(found.updated):
        base = row * (i + 1) - 8
        peak = stats.norm.pdf(0, 0, each.after.sd)
        height = Scale(0, float(peak), base, base - row + 40)
        if math.isfinite(each.before.sd):
            before = stats.norm.pdf(grid, each.before.mean, each.before.sd)
            marks.append(
                path(
                    [(scale.at(float(v)), height.at(float(d))) for v, d in zip(grid, before, strict=True)], "soft curve"
                )
            )
        after = stats.norm.pdf(grid, each.after.mean, each.after.sd)
        marks.append(
            path([(scale.at(float(v)), height.at(float(d))) for v, d in zip(grid, after, strict=True)], "accent curve")
        )
        marks.append(line(16, base, WIDTH - 16, base, "grid"))
        marks.append(text(16, base - row + 28, shortened(each.who, 30), "label strong halo"))
        lo, hi = each.after.interval(0.95)
        marks.append(
            text(
                WIDTH - 16, base - row + 28, f"after: {' '.join(interval(each.after.mean, lo, hi))}", "number end halo"
            )
        )
    marks += axis(scale, row * n + 14, low, high)
    said = "; ".join(f"{each.who}: {percent(each.same_sign)} for that sign afterwards" for each in found.updated)
    return drawing("beliefs", WIDTH, row * n + 24, "Beliefs before and after", said, marks)
