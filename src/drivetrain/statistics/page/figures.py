"""The figures about the estimate and about chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from drivetrain.statistics.fitting.covariance import Estimate
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
from drivetrain.statistics.questions.chance import Chance
from drivetrain.statistics.result import SlopeReport
from drivetrain.statistics.words import interval, percent, plain, short

Array = NDArray[np.float64]

WIDTH, HEIGHT = 460.0, 300.0
MOST_POINTS = 1200
"""Of a scatter; more are thinned out by chance."""


def axis(scale: Scale, y: float, low: float, high: float) -> list[Html]:
    """Ticks below a chart that has only a horizontal scale."""
    ticks = nice_ticks(low, high, 5)
    return [text(scale.at(value), y, label, "tick mid") for value, label in zip(ticks, tick_labels(ticks), strict=True)]


def answer(report: SlopeReport) -> Html:
    """The slope alone and with everything held fixed, against zero, the claim and what is too small to matter."""
    rows: list[tuple[str, Estimate]] = []
    alone = report.univariate
    pick = {"HC3": alone.robust, "CR1": alone.clustered, "CR2": alone.reduced}.get(report.main.errors, alone.classical)
    name = report.rows.of.words
    if report.multivariate is not None:
        rows.append((f"{shortened(name, 30)} alone", pick or alone.robust))
        rows.append(("with everything held fixed", report.main))
    else:
        rows.append((shortened(name, 30), report.main))
    ends = [0.0, *(v for _, e in rows for v in (e.low, e.high))]
    if report.claim is not None:
        ends.append(report.claim.value)
    if report.margin is not None and report.margin < 12 * max(abs(v) for v in ends if v):
        ends += [-report.margin, report.margin]
    low, high = spread(min(ends), max(ends))
    scale = Scale(low, high, 16, WIDTH - 16)
    first, step = 78.0, 68.0
    bottom = first + step * (len(rows) - 1) + 20
    claimed_left = report.claim is not None and scale.at(report.claim.value) < WIDTH / 2
    side, end = (WIDTH - 24, "end") if claimed_left else (24.0, "")  # the side where no line of a claim is
    marks: list[Html] = []
    if report.margin is not None:
        left, right = max(scale.at(-report.margin), 16.0), min(scale.at(report.margin), WIDTH - 16)
        marks.append(rectangle(left, 24, right - left, bottom - 24, "zone"))
        said = "smaller than claimed" if report.margin_is_claim else "too small to matter"
        marks.append(text((left + right) / 2, 16, said, "tick mid"))
    marks.append(line(scale.at(0), 24, scale.at(0), bottom, "axis"))
    for i, (label, one) in enumerate(rows):
        y, class_ = first + step * i, "accent" if i == len(rows) - 1 else "soft"
        value, around = interval(one.value, one.low, one.high)
        marks.append(text(side, y - 30, label, f"label {'strong ' if class_ == 'accent' else ''}halo {end}"))
        marks.append(text(side, y - 13, f"{value} {around}", f"number halo {end}"))
        from_px, to_px = scale.at(one.low), scale.at(one.high)
        marks.append(rectangle(from_px, y - 4, max(to_px - from_px, 1), 8, f"{class_} range"))
        marks.append(dot(scale.at(one.value), y, 5.5, class_))
    if report.claim is not None:
        x = scale.at(report.claim.value)
        marks.append(line(x, 24, x, bottom, "claim"))
        anchor = "mid" if 60 < x < WIDTH - 60 else "" if x <= 60 else "end"
        at = x if anchor == "mid" else 16 if x <= 60 else WIDTH - 16
        marks.append(text(at, bottom + 36, f"claimed: {plain(report.claim.value)}", f"claim-text {anchor}"))
    marks += axis(scale, bottom + 18, low, high)
    said = "; ".join(f"{label}: {' '.join(interval(one.value, one.low, one.high))}" for label, one in rows)
    return drawing("answer", WIDTH, bottom + 42, f"Slope of {name}", said, marks)


def scatter(report: SlopeReport) -> Html:
    """The outcome against the variable, with the slope alone and the slope with everything held fixed."""
    x, y = report.rows.x, report.rows.y
    keep = _some(len(x), report.seed)
    field = plot(
        WIDTH, HEIGHT + 20, x=spread(float(x.min()), float(x.max()), margin=0.03),
        y=spread(float(y.min()), float(y.max())), x_name=report.rows.of.words, y_name=report.rows.outcome.words,
    )  # fmt: skip
    marks = [dot(field.x.at(float(x[i])), field.y.at(float(y[i])), 2.6, "accent point") for i in keep]
    ends = np.array([x.min(), x.max()])
    slopes = [("alone", report.univariate.estimate, "soft curve")]
    if report.multivariate is not None:
        slopes.append(("held fixed", report.estimate, "accent curve"))
    else:
        slopes = [("", report.estimate, "accent curve")]
    if report.rows.family == "linear":
        weights = report.rows.weights
        mx, my = float(np.average(x, weights=weights)), float(np.average(y, weights=weights))
        marks += [
            path([(field.x.at(float(v)), field.y.at(my + slope * (float(v) - mx))) for v in ends], class_)
            for _, slope, class_ in slopes
        ]
    said = f"{len(x):,} rows; {report.rows.of.words} from {short(float(x.min()))} to {short(float(x.max()))}."
    return drawing(
        "scatter",
        WIDTH,
        HEIGHT + 20,
        f"{report.rows.outcome.words} against {report.rows.of.words}",
        said,
        field.frame(),
        marks,
    )


def _some(n: int, seed: int) -> list[int]:
    if n <= MOST_POINTS:
        return list(range(n))
    return np.sort(np.random.default_rng(seed).choice(n, MOST_POINTS, replace=False)).tolist()


def lineup(chance: Chance, x_name: str, y_name: str) -> Html:
    """Small scatters, the real one among those of chance."""
    columns, side, gap, top = 3, 142.0, 14.0, 22.0
    x = chance.panels_x
    ys = np.concatenate(chance.panels)
    low, high = np.quantile(ys, (0.005, 0.995)).tolist()
    xs = Scale(*spread(float(x.min()), float(x.max()), margin=0.04), 4, side - 4)
    marks: list[Html] = []
    for i, panel in enumerate(chance.panels):
        left, above = (i % columns) * (side + gap), top + (i // columns) * (side * 0.8 + gap + 18)
        height = side * 0.8
        scale = Scale(low, high, above + height - 4, above + 4)
        marks.append(rectangle(left, above, side, height, "field"))
        inside = (panel >= low) & (panel <= high)
        marks += [
            dot(left + xs.at(float(a)), scale.at(float(b)), 1.8, "accent point")
            for a, b in zip(x[inside].tolist(), panel[inside].tolist(), strict=True)
        ]
        middle, reach = float(x.mean()), (float(x.min()), float(x.max()))
        slope = chance.panel_slopes[i]
        marks.append(
            path(
                [(left + xs.at(v), min(max(scale.at(slope * (v - middle)), above), above + height)) for v in reach],
                "accent curve",
            )
        )
        marks.append(text(left + 2, above - 6, str(i + 1), "tick"))
    height = top + 2 * (side * 0.8 + gap + 18)
    said = f"Six scatters of {y_name} against {x_name}: five of chance, one real (number {chance.real + 1})."
    return drawing("lineup", columns * side + (columns - 1) * gap, height - 14, "Which one is real?", said, marks)


def null_slopes(chance: Chance) -> Html:
    """The slopes that chance gives, with the observed one among them."""
    low, high = np.quantile(chance.slopes, (0.001, 0.999)).tolist()
    low, high = spread(
        min(low, chance.observed, -abs(chance.observed)), max(high, chance.observed, abs(chance.observed)), margin=0.04
    )
    counts, edges = np.histogram(chance.slopes, bins=41, range=(low, high))
    field = plot(
        WIDTH,
        240,
        x=(low, high),
        y=(0, 1.08 * max(int(counts.max()), 1)),
        x_name="slope without any relationship",
        y_name="draws",
        y_whole=True,
    )
    far = abs(chance.observed) * (1 - 1e-12)
    marks = [
        rectangle(
            field.x.at(a) + 0.5, field.y.at(float(n)), max(field.x.at(b) - field.x.at(a) - 1, 0.5),
            field.y.at(0) - field.y.at(float(n)),
            "accent bar" if min(abs(a), abs(b)) >= far else "soft bar", title=f"{short(a)} to {short(b)}: {n}",
        )
        for n, a, b in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]  # fmt: skip
    x = field.x.at(chance.observed)
    marks.append(line(x, field.y.start_px, x, field.y.end_px, "claim"))
    anchor = "end" if x > WIDTH * 0.6 else ""
    marks.append(text(x + (-6 if anchor else 6), field.y.end_px + 4, "observed", f"claim-text {anchor}"))
    said = (
        f"{percent(chance.as_large, 1)} of {len(chance.slopes):,} draws lie at least as far from "
        "zero as the observed slope."
    )
    return drawing("null", WIDTH, 240, "Slopes by chance", said, field.frame(), marks)


def forest(
    rows: Sequence[tuple[str, Estimate]],
    name: str,
    title: str,
    lines: Sequence[tuple[float, str]] = (),
    *,
    strong: int = -1,
) -> Html:
    """Estimates under each other on one axis.

    Args:
        rows: Label and estimate.
        name: Unique on the page.
        title: Of the drawing.
        lines: Values that are marked across, and the class of their line.
        strong: Row that is drawn in colour; −1: the last.
    """
    ends = [0.0, *(v for _, e in rows for v in (e.low, e.high) if np.isfinite(v)), *(v for v, _ in lines)]
    low, high = spread(min(ends), max(ends))
    scale = Scale(low, high, 16, WIDTH - 16)
    first, step = 34.0, 42.0
    bottom = first + step * (len(rows) - 1) + 16
    marks: list[Html] = [line(scale.at(0), 8, scale.at(0), bottom, "axis")]
    marks += [line(scale.at(v), 8, scale.at(v), bottom, class_) for v, class_ in lines]
    for i, (label, one) in enumerate(rows):
        y, class_ = first + step * i, "accent" if i == strong % len(rows) else "soft"
        value, around = interval(one.value, one.low, one.high)
        marks.append(text(16, y - 10, shortened(label, 40), "label halo"))
        marks.append(text(WIDTH - 16, y - 10, f"{value} {around}", "number end halo"))
        start, end = scale.at(one.low), scale.at(one.high)
        marks.append(rectangle(start, y - 3, max(end - start, 1), 6, f"{class_} range"))
        marks.append(dot(scale.at(one.value), y, 4.5, class_))
    marks += axis(scale, bottom + 18, low, high)
    said = "; ".join(f"{label}: {' '.join(interval(one.value, one.low, one.high))}" for label, one in rows)
    return drawing(name, WIDTH, bottom + 26, title, said, marks)
