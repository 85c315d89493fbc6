"""The parts of the page, but the examples."""

from __future__ import annotations

from collections.abc import Sequence

from drivetrain.captions.result import CaptionReport
from drivetrain.captions.saying import percent, sentence, told, within
from drivetrain.evaluation.scores import Score
from drivetrain.pages import charts
from drivetrain.pages.charts import Bar
from drivetrain.pages.html import Cell, Child, Html, figure, scrolling, section, table, tag
from drivetrain.pages.words import shown

MOST_OBJECTS, MOST_WORDS = 200, 30


def first(report: CaptionReport) -> Html:
    """The answer, and the two halves of captions side by side."""
    scores = report.scores
    best, rest = scores["sounds_right_is_wrong"], scores["sounds_poor_is_wrong"]
    left: list[Child] = [tag("h2", "Sounds right, is wrong")]
    if best.value is not None:
        left += [
            tag("p", tag("strong", percent(best.value)), class_="big"),
            tag("p", f"of the half that sounds best{within(best)}", class_="under"),
        ]
    left.append(tag("p", sentence(report), class_="said" if best.value is None else None))
    if (words := told(report)) != "":
        left.append(tag("p", words))
    if report.note:
        left.append(tag("p", report.note, class_="note"))
    right: list[Child] = []
    if best.value is not None:
        bars = [_bar("the half that sounds best", best)]
        bars += [_bar("the rest", rest)] if rest.value is not None else []
        bars.append(_bar("all captions", scores["captions_wrong"]))
        drawn = charts.compared(bars, "wrong", "Captions that name something that is not there", percent=True)
        right.append(figure(drawn, f"Captions that name something that is not there. Sound: {_sound(report)}."))
    return tag("section", tag("div", left, class_="result"), tag("div", right), class_="top", id="answer")


def _sound(report: CaptionReport) -> str:
    decision = report.decisions.get("how captions sound")
    return "" if decision is None else str(decision)


def _bar(label: str, score: Score) -> Bar:
    return Bar(label, score.value or 0.0, score.low, score.high, " ".join(part for part in shown(score) if part))


def know(report: CaptionReport) -> Html | None:
    """What was left out or cannot be said."""
    notes = [tag("li", note) for note in report.notes]
    if not notes:
        return None
    return section("know", "Before you rely on it", None, tag("ul", notes, class_="findings"))


def _scores(rows: Sequence[Score], caption: str) -> Html:
    cells = [
        [score.label, Cell(shown(score)[0], score.value), shown(score)[1], f"{score.n:,}", score.note or ""]
        for score in rows
    ]
    head = ["", "value", "95 %" if not rows else f"{100 * rows[0].level:g} %", "counted", ""]
    return scrolling(caption, table(head, cells, caption=caption, numeric=[1, 2, 3]))


def objects(report: CaptionReport) -> Html | None:
    """Numbers over all objects, and a row for each."""
    scores = report.scores
    if scores["captions_wrong"].value is None:
        return None
    rows = [
        [
            one.name,
            Cell(f"{one.absent:,}", one.absent),
            Cell(f"{one.named:,}", one.named),
            Cell(f"{one.missed:,}", one.missed),
            Cell(f"{one.in_pictures:,}", one.in_pictures),
        ]
        for one in report.objects[:MOST_OBJECTS]
    ]
    head = ["object", "named, not there", "named", "there, not named", "there"]
    more = len(report.objects) - MOST_OBJECTS
    return section(
        "objects",
        "Named, and not there",
        "CHAIR (Rohrbach et al. 2018) over the objects that were given. An object counts once in a caption.",
        _scores([scores[name] for name in ("hallucinated", "captions_wrong", "missed")], "Objects in captions"),
        tag("h3", "Object by object"),
        scrolling(
            "captions by object",
            table(head, rows, caption="Captions by object", numeric=[1, 2, 3, 4], class_="sortable"),
            tall=len(rows) > 14,
        ),
        tag("p", f"{more:,} more objects are in the JSON.", class_="soft") if more > 0 else None,
    )


def likelihood(report: CaptionReport) -> Html | None:
    """Whether the model's own likelihood means what it says, and what abstaining would bring."""
    error = report.scores["calibration_error"]
    if error.value is None:
        return None
    rows = [
        [
            f"{100 * one.share:.0f} %",
            Cell(shown(one.wrong)[0], one.wrong.value),
            shown(one.wrong)[1],
            f"{one.wrong.n:,}",
            percent(one.least),
        ]
        for one in report.surest
    ]
    head = ["captions given", "wrong", "", "captions", "likelihood from"]
    return section(
        "likelihood",
        "How sure it says it is",
        "The mean probability of a caption's words, held against whether the caption is right: a likelihood is no "
        "probability of being right, and the chart shows how far the two are apart.",
        figure(charts.reliability(report.reliability, "reliability"), "Right: it names nothing that is not there."),
        _scores([error, report.scores["fluency_tells"]], "The model's likelihood"),
        tag("h3", "If only the surest captions were given"),
        scrolling("surest captions", table(head, rows, caption="Surest captions", numeric=[1, 2, 3, 4]))
        if rows
        else tag("p", "There are too few captions to say."),
    )


def agreement(report: CaptionReport) -> Html | None:
    """CIDEr-D and BLEU-4."""
    scores = [report.scores["cider_d"], report.scores["bleu_4"]]
    if all(score.value is None for score in scores):
        return None
    return section(
        "agreement",
        "Agreement with what people wrote",
        "As the published code computes them. They count words: a caption may score high and name what is not there.",
        _scores(scores, "Agreement with references"),
    )


def others(report: CaptionReport) -> Html | None:
    """Tests that need no references."""
    names = ("ranking", "consistency", "object_consistency", "absent_if_rare", "absent_if_common")
    scores = [report.scores[name] for name in names if name in report.scores]
    if all(score.value is None for score in scores):
        return None
    return section(
        "others",
        "Without references",
        "Two pictures and their captions: are they put together the right way round? And several captions of one "
        "picture: do they agree? What only few of them name is more often not there, where the model makes things up.",
        _scores(scores, "Tests without references"),
    )


def unknown(report: CaptionReport) -> Html | None:
    """Words that nobody looked at."""
    words = report.unknown_words[:MOST_WORDS]
    if not words:
        return None
    said = ", ".join(f"{word} {n:,}" for word, n in words)
    return section(
        "unknown",
        "Not looked at",
        "Words of the captions that belong to no object, with the number of captions. Some may name things that are "
        "not there: add those to objects= or synonyms=.",
        tag("p", said),
    )


def decisions(report: CaptionReport) -> Html | None:
    """What was decided, and why."""
    rows = [
        [name, str(decision.value if decision.value is not None else "–"), decision.reason]
        for name, decision in report.decisions.items()
    ]
    if not rows:
        return None
    made = table(["decision", "", "why"], rows, caption="Decisions", class_="decisions")
    return section("decisions", "What was decided", None, scrolling("decisions", made))
