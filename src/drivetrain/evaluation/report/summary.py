"""The top of a report: what a reader with one minute takes away."""

from __future__ import annotations

from drivetrain.evaluation.report.parts import ReportParts
from drivetrain.evaluation.report.tallies import Tally, said_and_held, tallies
from drivetrain.evaluation.scores import Score
from drivetrain.evaluation.updates.lineage import update_in_words
from drivetrain.pages.charts import Bar, compared
from drivetrain.pages.html import Child, Html, explained, figure, tag
from drivetrain.pages.words import as_percent, count_rows, quoted_list, shown, with_minus

HONEST = 0.02
"""Confidence this close to the truth, on average, is called right."""
FEWEST_ROWS = 5
"""A category with fewer rows is not called weak: its number says too little."""


def headline(parts: ReportParts) -> Html:
    """The number, how far it can be trusted, and what simpler ways to answer reach."""
    score = parts.headline
    if score is None:
        return tag("p", "No metric was asked for.")
    value, interval = shown(score)
    number, unit = (value[:-2], "\u2009%") if value.endswith(" %") else (value, "")
    return tag(
        "section",
        tag(
            "div",
            tag("h2", explained(f"{_capital(score.label)} on the {parts.scores.part} set"), id="result-title"),
            tag("p", tag("strong", number, tag("span", unit)), class_="big"),
            tag(
                "p",
                [tag("span", f"{100 * score.level:g} % interval {interval}", class_="number"), " · "]
                if interval
                else None,
                tag("span", f"n = {score.counted()}", class_="number"),
                class_="under",
            ),
            tag("p", in_words(score, parts.scores.part)),
            [tag("p", warning, class_="warning") for warning in parts.warnings],
            _others(parts),
            class_="result",
        ),
        _beside(parts, score),
        id="result",
        class_="top",
        aria_labelledby="result-title",
    )


def in_words(score: Score, part: str) -> str:
    """A score as a sentence.

    Example:
        >>> accuracy = Score(name="accuracy", label="accuracy", value=0.75, low=0.7, high=0.8, n=400, percent=True)
        >>> in_words(accuracy, "test")
        'Right on 300 of 400 rows it had not learnt from. On other rows like these, expect 70 to 80 of a hundred.'
    """
    rows = count_rows(score.n)
    if score.units is not None:
        rows += f" ({score.units:,} of them independent)"
    if score.value is None:
        return f"Undefined on these {rows}: {score.note}."
    if score.name != "accuracy" or score.low is None or score.high is None:
        note = f" {_capital(score.note)}." if score.note else ""
        return f"Measured on {rows} it had not learnt from.{note}"
    right = f"{round(score.value * score.n):,}" if score.units is None else score.shown()[0]
    said = (
        f"Right on {right} of {rows} it had not learnt from. On other rows like these, expect "
        f"{100 * score.low:.0f} to {100 * score.high:.0f} of a hundred."
    )
    if part == "validation":
        said += " These rows were looked at during training; only the sealed test set was not."
    return said


def confidence_in_words(parts: ReportParts) -> str:
    """How far stated probabilities agree with the truth on average; empty for numbers."""
    if parts.predictions.target.kind == "number":
        return ""
    confidence, held = said_and_held(parts.predictions)
    sure, right = float(confidence.mean()), float(held.mean())
    if parts.predictions.target.kind == "categories":
        return f"On average it gives a label {as_percent(sure, 0)}, and {as_percent(right, 0)} of the labels are true."
    said = f"It says it is {as_percent(sure, 0)} sure on average and is right {as_percent(right, 0)} of the time"
    off = sure - right
    if abs(off) <= HONEST:
        return f"{said}: its confidence is honest."
    return f"{said}: {'too sure of itself' if off > 0 else 'right more often than it says'}."


def weakest(found: list[Tally], most: int = 3) -> list[Tally]:
    """Categories that are recognised least, of those with rows enough to say so.

    Example:
        >>> [t.name for t in weakest([Tally("a", 9, 9, 9), Tally("b", 8, 3, 2), Tally("c", 1, 0, 0)])]
        ['b']
    """
    judged = [t for t in found if t.true >= FEWEST_ROWS and t.right < t.true]
    return sorted(judged, key=lambda t: (t.recall or 0.0, -t.true))[:most]


def know(parts: ReportParts) -> Html:
    """What else to know, a line each, with where to read more."""
    items: list[tuple[str, Child, str]] = []
    if parts.verdict:
        items.append(("Training", parts.verdict, "training"))
    sure = confidence_in_words(parts)
    if sure:
        items.append(("Confidence", sure, "confidence"))
    if parts.predictions.target.kind != "number":
        weak = weakest(tallies(parts.predictions))
        if weak:
            said = [f"{t.name} ({t.right} of {t.true})" for t in weak]
            items.append(("Weakest", f"Recognised least: {quoted_list(said)}.", "mistakes"))
    if parts.lineage:
        items.append(("Updates", update_in_words(parts.lineage[-1]), "updates"))
    if parts.seal is not None:
        items.append(("Test set", _seal_in_words(parts), "data"))
    if parts.audit is not None:
        serious = [f for f in parts.audit if f.level in ("stop", "warning")]
        said = f"{len(serious)} to look at: {serious[0].title}" if serious else "no leak or shortcut was found"
        items.append(("Audit of the data", f"{_capital(said)}.", "data"))
    if not items:
        return Html("")
    listed = [
        tag(
            "div",
            tag("dt", explained(name)),
            tag("dd", said, " ", tag("a", "More", href=f"#{where}", aria_label=f"More on: {name}")),
        )
        for name, said, where in items
    ]
    return tag(
        "section",
        tag("h2", "What else to know", id="know-title"),
        tag("dl", listed),
        class_="know",
        aria_labelledby="know-title",
    )


def _others(parts: ReportParts) -> Html | None:
    """The other scores, smaller."""
    others = list(parts.scores.values())[1:]
    if not others:
        return None
    made: list[Html] = []
    for score in others:
        value, interval = shown(score)
        made.append(
            tag(
                "div",
                tag("dt", explained(score.label)),
                tag("dd", tag("strong", value), " ", tag("span", interval, class_="soft number")),
            )
        )
    return tag("dl", made, class_="others")


def _beside(parts: ReportParts, score: Score) -> Html | None:
    known = [baseline for baseline in parts.baselines if baseline.value is not None]
    if not known or score.value is None:
        return None
    bars = [
        Bar(label, s.value, s.low, s.high, " ".join(shown(s)).strip())
        for label, s in (("this model", score), *((baseline.label, baseline) for baseline in known))
        if s.value is not None
    ]
    title = f"{_capital(score.label)} beside simpler ways to answer"
    drawn = compared(bars, "compared", title, percent=score.percent)
    notes = [tag("li", f"{_capital(b.label)}: {b.note}.") for b in known if b.note]
    return tag(
        "div",
        tag("h3", "Beside simpler ways to answer"),
        figure(drawn, "Lower is better." if score.higher_is_better is False else None),
        tag("ul", notes, class_="notes") if notes else None,
        class_="beside",
    )


def _seal_in_words(parts: ReportParts) -> str:
    seal = parts.seal
    assert seal is not None
    if not seal.n:
        return "There is none: nothing was set apart for the end."
    if not seal.looks:
        return f"{count_rows(seal.n)}, sealed, never opened."
    times = "once" if len(seal.looks) == 1 else f"{len(seal.looks)} times"
    last = seal.looks[-1]
    held = {True: "; as predicted from validation", False: "; validation had predicted something else", None: ""}
    said = f"; last: {with_minus(str(last.score))}{held[last.held]}" if last.score else ""
    return f"{count_rows(seal.n)}, opened {times}{said}."


def _capital(said: str) -> str:
    return said[:1].upper() + said[1:]
