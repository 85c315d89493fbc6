"""What a model of texts goes by, as sections of its report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from drivetrain.data.kind import source_kind
from drivetrain.evaluation.metrics.metrics import METRICS, Metric
from drivetrain.evaluation.predictions import Predictions
from drivetrain.kinds.texts.explaining import Answer, Weighed, explained, least_of, weighed
from drivetrain.kinds.texts.show import Marked, marked
from drivetrain.kinds.texts.understanding.asking import answer_of, shuffled_answers_of, spec_of, texts_of
from drivetrain.kinds.texts.understanding.checking import Checked, deletion_check, shuffled_check
from drivetrain.kinds.texts.understanding.mistakes import Mistake, mistakes
from drivetrain.kinds.texts.understanding.slices import Slice, slices
from drivetrain.kinds.texts.understanding.telling import Telling, chosen_texts, telling
from drivetrain.kinds.texts.word_places import places, words_of
from drivetrain.pages.charts import Bar, compared
from drivetrain.pages.html import Cell, Child, Html, details, escape, figure, scrolling, table, tag
from drivetrain.pages.words import as_percent, shortened, value_in_words, with_minus
from drivetrain.runtime.targets import NumberTarget, Target
from drivetrain.text import agreeing, in_digits, readable

CHECKED = 12
"""Texts that the explanation is tested on."""
MOST_LINES = 15
"""Of a table that is shown without scrolling."""
LETTERS = 600
"""Of a mistake that are shown."""
LENGTH = "length, in words"
SLICED = ("language", "script", "encoding")
"""Columns of the metadata, as far as they are there, that rows are divided by besides."""


def model_sections(model: Any) -> list[tuple[str, Html]]:
    """The sections of a report about any model of texts; none where there is nothing to ask it about."""
    spec = spec_of(model)
    if spec is None or not len(model.data.valid):
        return []
    rows, target = model.data.valid, model.data.target
    judged: Predictions = model.predict_rows(rows)
    texts, answer = texts_of(spec, rows), answer_of(model, spec)
    sections = [("What it goes by", _telling(answer, judged, texts))]
    found = mistakes(answer, judged, texts)
    tested = _tested(answer, judged, texts)
    checks = [shuffled_check(tested, shuffled_answers_of(model, spec)), deletion_check(answer, tested)]
    sections.append(("Its mistakes, and the words behind them", _mistakes(target, judged, found, checks)))
    known = source_kind(model.data.kind).metadata(rows)
    columns = {LENGTH: [len(places(text)) for text in texts], **{by: _named(known[by]) for by in SLICED if by in known}}
    metric = model.metrics[0] if getattr(model, "metrics", None) else METRICS["accuracy"]
    if by := slices(judged, columns, metric):
        sections.append(("On which texts it does well", _slices(by, metric)))
    return sections


def _named(values: Sequence[Any]) -> list[Any]:
    return ["not told" if value is None else value for value in values]


# ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _telling(answer: Answer, judged: Predictions, texts: Sequence[str]) -> Html:
    target = judged.target
    own = _one_each(texts)
    output_NK = judged.output[own].astype(np.float64)
    texts = [texts[at] for at in own]
    rows = chosen_texts(target, output_NK, np.array([len(words_of(text)) for text in texts], np.int64))
    found: list[tuple[str, list[Telling]]] = []
    for output, chosen in rows.items():
        for_it, against = telling(answer, texts, chosen, output)
        name = readable(target.output_names[output])
        if isinstance(target, NumberTarget):
            found += [(f"higher {name}", for_it), (f"lower {name}", against)]
        else:
            found.append((name, for_it))
    n = sum(len(set(chosen)) for chosen in rows.values())
    short = [[name, _in_a_line(best, target)] for name, best in found]
    long = [
        [name, one.word, Cell(_amount(one.change, target), one.change), _ends(one, target), f"{one.n:,}"]
        for name, best in found
        for one in best
    ]
    made = table(["said", escape(f"most telling words, {_unit(target)}")], short, caption="Telling words")
    each = table(["said", "word", escape(_unit(target)), "95 %", "texts"], long, caption="Each word", numeric=[2, 4])
    return tag(
        "div",
        tag("p", _lead(target, n)),
        scrolling("telling words", made, tall=len(short) > MOST_LINES),
        details("Each word with its interval", scrolling("each word", each, tall=len(long) > MOST_LINES)),
    )


def _one_each(texts: Sequence[str]) -> list[int]:
    """The first place of each different text: copies would count several times."""
    return list({text: at for at, text in reversed(list(enumerate(texts))) if text}.values())[::-1]


def _lead(target: Target, n: int) -> str:
    said = "It says what this model uses, not what causes what; words that always stand together share what they do."
    if isinstance(target, NumberTarget):
        return (
            "The words without which the answer moves most, in the mean over the texts that hold them: "
            f"{agreeing(n, 'validation texts', 'were')} asked about. {said}"
        )
    return (
        f"The words without which the answer falls most, in the mean over the texts that hold them: {n:,} validation "
        f"texts were asked about, of each category those that it is said of most surely. {said} The most telling of "
        "many words look a little stronger here than they are."
    )


def _in_a_line(found: Sequence[Telling], target: Target) -> Html | str:
    if not found:
        return "–"
    pieces: list[Child] = []
    for at, one in enumerate(found):
        pieces += [", " if at else None, tag("b", tag("bdi", one.word)), f" {_amount(one.change, target)}"]
    return tag("span", pieces)


def _unit(target: Target) -> str:
    return readable(target.names[0]) if isinstance(target, NumberTarget) else "percentage points"


def _amount(value: float, target: Target) -> str:
    said = in_digits(value, "+.3g") if isinstance(target, NumberTarget) else f"{100 * value:+.0f}"
    return with_minus(said)


def _ends(one: Telling, target: Target) -> str:
    if one.low is None or one.high is None:
        return "–"
    return f"[{_amount(one.low, target)}, {_amount(one.high, target)}]"


# ── mistakes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _tested(answer: Answer, judged: Predictions, texts: Sequence[str]) -> list[tuple[str, int, Weighed]]:
    """Some texts, spread evenly, and the words of each."""
    chosen: list[int] = np.unique(np.linspace(0, len(texts) - 1, min(CHECKED, len(texts))).round().astype(int)).tolist()
    found: list[tuple[str, int, Weighed]] = []
    for at in chosen:
        output = explained(judged.target, judged.output[at])
        found.append((texts[at], output, weighed(answer, texts[at], output=output)))
    return found


def _mistakes(target: Target, judged: Predictions, found: Sequence[Mistake], checks: Sequence[Checked | None]) -> Html:
    lead = (
        "Each word of a text was left out, wherever it stands, and the model asked again: what speaks for its answer "
        "is marked in green, what speaks against it is dotted."
    )
    cards = [tag("li", marked_text(one, target), _card(one, judged)) for one in found]
    told = [tag("li", _verdict(one)) for one in checks if one is not None]
    none = tag("p", "It made no mistake on the validation rows.") if not cards else None
    return tag(
        "div",
        tag("p", lead) if cards else none,
        tag("ul", cards, class_="gallery texts") if cards else None,
        [tag("h3", "Can these marks be believed?"), tag("ul", told, class_="findings")] if told else None,
    )


def _verdict(one: Checked) -> Html:
    look, word = ("fine", "passed") if one.passed else ("warning", "not passed")
    return tag("p", tag("span", word, class_=f"level {look}"), f" {one.name}: {one.said}.")


def marked_text(one: Mistake, target: Target) -> Html:
    """The text of a mistake with its words marked."""
    least = least_of(target, one.output)
    marks = [
        Marked(start, end, float(change), _amount(float(change), target))
        for word, change in zip(one.found.words, one.found.change(one.output), strict=True)
        if abs(change) >= least
        for start, end in word.places
    ]
    return marked(one.text, marks, most=LETTERS)


def _card(one: Mistake, judged: Predictions) -> Html:
    row = judged.subset([one.row])
    said, true = value_in_words(row.decoded()[0]), value_in_words(row.decoded_truth()[0])
    sure = of_truth = ""
    if row.target.kind == "category":
        sure = " " + as_percent(float(row.output[0].max()), 0)
        of_truth = " " + as_percent(float(row.output[0, int(row.known_truth()[0])]), 0)
    turned = None
    if one.turns is not None:
        word, other = one.turns
        turned = tag("span", "without ", tag("b", tag("bdi", word)), f": {shortened(other)}", class_="line")
    name = row.names[0] if row.names else row.ids[0]
    return tag(
        "p",
        tag("span", "said ", tag("b", said), tag("span", sure, class_="number"), class_="line"),
        tag("span", "labelled ", tag("b", true), tag("span", of_truth, class_="number"), class_="line"),
        turned,
        tag("span", shortened(name, 40), class_="name", title=name),
    )


# ── slices ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _slices(found: Sequence[Slice], metric: Metric) -> Html:
    drawn: list[Child] = []
    for at, by in enumerate(dict.fromkeys(one.by for one in found)):
        bars = [_bar(one) for one in found if one.by == by and one.score.value is not None]
        if bars:
            made = compared(bars, f"slice-{at}", f"{metric.label} by {by}", percent=metric.percent)
            drawn.append(figure(made, f"By {by}; in brackets, how many rows."))
    lead = (
        f"{metric.label} of the validation rows in parts, with 95 % intervals. Parts whose intervals overlap widely "
        "are not shown to differ; a part with few rows says little."
    )
    return tag("div", tag("p", lead), tag("div", drawn, class_="pair"))


def _bar(one: Slice) -> Bar:
    value, low, high = one.score.value, one.score.low, one.score.high
    assert value is not None
    return Bar(f"{shortened(one.name, 30)} ({one.score.n:,})", value, low, high, " ".join(one.score.shown()))
