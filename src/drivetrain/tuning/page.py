"""The page of a tuning: what the best is worth, how the choice flatters it, what mattered, and every trial."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from drivetrain.pages.charts import HEIGHT, WIDTH, Bar, compared, lines
from drivetrain.pages.html import Cell, Child, Html, figure, scrolling, section, table, tag
from drivetrain.pages.page import document, page_footer, page_header
from drivetrain.pages.svg import dot, drawing, plot, spread
from drivetrain.pages.words import with_minus
from drivetrain.text import counted, in_digits
from drivetrain.tuning.dimensions import Range
from drivetrain.tuning.space import Space

if TYPE_CHECKING:
    from drivetrain.tuning.book import Trial
    from drivetrain.tuning.result import Tuning

MOST_SLICES = 6
FIGURES = 3
"""Trials with numbers that a scatter needs at least."""


def render(found: Tuning) -> str:
    """The whole page as HTML; encode it as UTF-8. It loads nothing."""
    title = f"Tuning of {found.question.data.target.name}"
    said = f"{found.question.subject.name} · {counted(len(found.trials), 'trial')} · {found.question.data.source}"
    created = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    opened = "The test set was opened on the record" if found.tests else "The sealed test rows were not read"
    return document(
        title,
        page_header(title, said, skip="To the result"),
        tag("main", _top(found), _growth(found), _mattered(found), _trials(found), _made(found), id="main"),
        page_footer(f"Made by drivetrain from {_rows(found)}. {opened}. Intervals are 95 %.", created),
    )


def _rows(found: Tuning) -> str:
    return f"{len(found.question.data.valid):,} validation rows that no trial was trained on"


def _number(found: Tuning, value: float) -> str:
    return f"{100 * value:.1f} %" if found.metric.percent else with_minus(in_digits(value))


def _top(found: Tuning) -> Html:
    best, chosen = found.best_trial, found.selection
    value = best.value if chosen is None else chosen.corrected
    number, unit = _number(found, float(value or 0.0)), ""
    if number.endswith(" %"):
        number, unit = number[:-2], "\u2009%"
    under: list[str] = []
    if chosen is not None and chosen.low is not None and chosen.high is not None:
        under.append(f"[{_number(found, chosen.low)}, {_number(found, chosen.high)}]")
    if chosen is not None:
        under += [f"{_number(found, chosen.raw)} as measured", f"n = {chosen.n:,}"]
    corrected = "" if chosen is None else ", corrected for the choice"
    settings = [[name, _label(each)] for name, each in best.settings.items()]
    content: list[Child] = [
        tag(
            "h2", f"{found.metric.label[:1].upper()}{found.metric.label[1:]} of the best{corrected}", id="result-title"
        ),
        tag("p", tag("strong", number, tag("span", unit)), class_="big"),
        tag("p", tag("span", " · ".join(under), class_="under-line"), class_="under"),
        tag("p", _verdict(found)),
    ]
    beside = tag(
        "div", tag("h3", f"Its settings (trial {best.number})"),
        scrolling("settings", table(["setting", "value"], settings, caption="Settings of the best", numeric=[1])),
        class_="beside",
    )  # fmt: skip
    return tag(
        "section", tag("div", content, class_="result"), beside, id="result", class_="top",
        aria_labelledby="result-title",
    )  # fmt: skip


def _verdict(found: Tuning) -> str:
    chosen = found.selection
    if chosen is None:
        return "Too little is on record to say what the choice explains of it."
    if chosen.trials < 2:
        return "It was the only model: nothing was chosen."
    gap = abs(chosen.raw - chosen.corrected)
    off = f"{100 * gap:.1f} points" if found.metric.percent else in_digits(gap)
    missing = f" {counted(found.missing, 'trial')} elsewhere are not in this." if found.missing else ""
    if (chosen.raw - chosen.corrected) * (1 if found.metric.higher_is_better else -1) <= 0:
        return f"The choice among {chosen.trials} models explains none of it.{missing}"
    return f"The choice among {chosen.trials} models explains {off} of what was measured.{missing}"


def growth_drawn(found: Tuning) -> Html:
    """The best score as measured and as corrected, over the number of trials."""
    scale = 100 if found.metric.percent else 1
    x = np.array([point.trials for point in found.growth], float)
    raw, corrected = (
        scale * np.array([getattr(point, name) for point in found.growth]) for name in ("raw", "corrected")
    )
    series = {"as measured": (x, raw), "corrected": (x, corrected)}
    opened = [at for at, point in enumerate(found.growth) if point.number in found.tests]
    if opened:
        at = opened[-1]
        tested = found.tests[found.growth[at].number]
        series = {f"test set {_number(found, tested)}": (x[[at]], np.array([scale * tested])), **series}
    unit = ", %" if found.metric.percent else ""
    return lines(
        series,
        name="growth",
        title="The best of so many trials",
        x_name="trials",
        y_name=f"best {found.metric.label}{unit}",
    )


def _growth(found: Tuning) -> Html | None:
    if not found.growth:
        return None
    lead = (
        "The more trials, the better the best of them looks, even where none is better than another: the best is the "
        "luckiest, too. So the validation set is overfitted by choosing. The lower line takes the luck away: rows are "
        "drawn again, the best is chosen by some and judged by the others."
    )
    if not found.metric.higher_is_better:
        lead = lead.replace("The lower line", "The upper line")
    return section("growth", "What the choice does to the score", lead, figure(growth_drawn(found)))


def _mattered(found: Tuning) -> Html | None:
    slices = [drawn for name in _sliced(found) if (drawn := _slice(found, name)) is not None]
    content: list[Child] = []
    if len(found.importances) > 1:
        bars = [Bar(name, share, None, None, f"{100 * share:.0f} %") for name, share in found.importances.items()]
        caption = "Share of the differences between trials that each setting explains (fANOVA). Of few trials a hint."
        content.append(figure(compared(bars, "importances", "Which settings mattered", percent=True), caption))
    content += [figure(drawn) for drawn in slices]
    if not content:
        return None
    lead = "Each dot is a trial, the best one in colour. Where dots form no shape, the setting hardly matters here."
    return section("settings", "Which settings mattered", lead, content)


def _sliced(found: Tuning) -> list[str]:
    """Settings of numbers, the most important first."""
    if not isinstance(found.question.space, Space):
        return []
    ranged = [name for name, each in found.question.space.dimensions.items() if isinstance(each, Range)]
    return sorted(ranged, key=lambda name: -found.importances.get(name, 0.0))[:MOST_SLICES]


def _slice(found: Tuning, name: str) -> Html | None:
    """The score over one setting."""
    assert isinstance(found.question.space, Space)
    log = bool(getattr(found.question.space.dimensions[name], "log", False))
    scale = 100 if found.metric.percent else 1
    points: list[tuple[float, float, Trial]] = []
    for trial in found.trials:
        value: Any = trial.settings.get(name)
        if trial.state == "complete" and trial.value is not None and isinstance(value, int | float):
            points.append((float(value), scale * trial.value, trial))
    if len(points) < FIGURES or len({x for x, _, _ in points}) < 2:
        return None
    xs, ys = [x for x, _, _ in points], [y for _, y, _ in points]
    unit = ", %" if found.metric.percent else ""
    ends = (min(xs), max(xs)) if log else spread(min(xs), max(xs))
    field = plot(
        WIDTH, HEIGHT, x=ends, y=spread(min(ys), max(ys)), x_name=name, y_name=f"{found.metric.label}{unit}", x_log=log
    )
    best = found.best_trial.number
    marks = [
        dot(field.x.at(x), field.y.at(y), 6 if trial.number == best else 3.5,
            "accent" if trial.number == best else "soft", f"trial {trial.number}")
        for x, y, trial in sorted(points, key=lambda point: point[2].number == best)
    ]  # fmt: skip
    said = f"{len(points)} trials; the best at {name} {in_digits(float(found.best_trial.settings[name] or 0))}."  # type: ignore[arg-type]
    return drawing(f"slice-{_sliced(found).index(name)}", WIDTH, HEIGHT, f"{found.metric.label} over {name}",
                   with_minus(said), field.frame(), marks)  # fmt: skip


def _trials(found: Tuning) -> Html:
    names = list(dict.fromkeys(name for trial in found.trials for name in trial.settings))
    head = ["trial", found.metric.label, *names, "seconds", "state", "why"]
    sign = -1 if found.metric.higher_is_better else 1
    ordered = sorted(found.trials, key=lambda t: math.inf if t.value is None else sign * t.value)
    rows = [
        [
            Cell(str(trial.number), trial.number),
            Cell("–" if trial.value is None else _number(found, trial.value), trial.value),
            *(_label(trial.settings.get(name)) for name in names),
            Cell("–" if trial.seconds is None else f"{trial.seconds:,.1f}", trial.seconds),
            trial.state,
            trial.reason,
        ]
        for trial in ordered
    ]
    made = table(head, rows, caption="All trials", numeric=range(1, 3 + len(names)), class_="sortable")
    lead = "The best first. Each one that was judged is a run of the project as well: `drivetrain runs` lists them."
    return section("trials", "All trials", lead.replace("`", ""), scrolling("all trials", made, tall=True))


def _made(found: Tuning) -> Html:
    rows = [[name, str(one.value), one.reason] for name, one in found.decisions.items()]
    made = table(["what", "decided", "why"], rows, caption="Decisions", class_="decisions")
    return section(
        "made", "How it was searched", "The same command goes on with these trials.", scrolling("made", made)
    )


def _label(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    return with_minus(in_digits(value)) if isinstance(value, float) else str(value)
