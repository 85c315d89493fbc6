"""The model card, in Markdown: what who gets the model without its maker has to know (Mitchell et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from drivetrain.evaluation.calibration import calibration_error
from drivetrain.evaluation.report.parts import PICTURES, ReportParts, Seal
from drivetrain.evaluation.report.summary import confidence_in_words, in_words, weakest
from drivetrain.evaluation.report.tallies import tallies
from drivetrain.evaluation.scores import Score
from drivetrain.evaluation.updates.lineage import card_lines
from drivetrain.pages.html import plain
from drivetrain.pages.words import as_percent, count_bins, count_rows, quoted_list
from drivetrain.text import counted, does, one_of

MOST_CATEGORIES = 30
SEAL_TITLE = "The sealed test set"
SPECIAL = str.maketrans({char: f"\\{char}" for char in "\\`*_{}[]<>#|!~"})


def model_card(parts: ReportParts) -> str:
    """The card as Markdown; what is not known is said to be unknown rather than left out.

    Example:
        >>> from drivetrain.evaluation import Predictions, score
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> said = Predictions(ids=("a", "b"), target=fruit, truth=[0, 1], output=[[0.9, 0.1], [0.4, 0.6]])
        >>> print(model_card(ReportParts("fruit.model", said, score(said, ["accuracy"]))))
        # fruit.model
        ...
    """
    blocks: list[tuple[str, Iterable[str]]] = [
        ("Use", _use(parts)),
        ("Data", _data(parts)),
        ("How good it is", _results(parts)),
        (SEAL_TITLE, _seal(parts.seal)),
        ("Updates", _updates(parts)),
        ("Confidence", _confidence(parts)),
        ("Limits", _limits(parts)),
        ("How it was made", _decisions(parts)),
        ("How to run it", _run(parts)),
        ("Identity", [f"* {_text(name)}: {_text(value)}" for name, value in parts.facts.items()]),
    ]
    lines = [f"# {_text(parts.title)}", ""]
    for title, block in blocks:
        found = list(block)
        if found:
            lines += [f"## {title}", "", *found, ""]
    return "\n".join(lines).rstrip() + "\n"


def with_openings(card: str, seal: Seal) -> str:
    r"""The same card with its section on the test set written anew, after an opening.

    Example:
        >>> print(with_openings("# m\n\n## The sealed test set\n\nold\n\n## Limits\n", Seal(3)))
        # m
        <BLANKLINE>
        ## The sealed test set
        <BLANKLINE>
        3 rows were set apart before training and have never been opened.
        <BLANKLINE>
        ## Limits
        <BLANKLINE>
    """
    before, heading, rest = card.partition(f"\n## {SEAL_TITLE}\n")
    if not heading:
        return card
    _, next_heading, after = rest.partition("\n## ")
    section = "\n".join(["", *_seal(seal), ""])
    return f"{before}{heading}{section}{next_heading}{after}"


def _use(parts: ReportParts) -> list[str]:
    target = parts.predictions.target
    if target.kind == "number":
        what = f"Says {quoted_list([_text(name) for name in target.names])} of {_article(parts.noun)}, as a number."
    else:
        named = ", ".join(_text(name) for name in target.vocab[:MOST_CATEGORIES])
        more = f" and {len(target.vocab) - MOST_CATEGORIES} more" if len(target.vocab) > MOST_CATEGORIES else ""
        one = "one of" if target.kind == "category" else "any of"
        which = f"{one} {counted(len(target.vocab), 'category', 'categories')} of {_text(target.name)}: {named}{more}"
        what = f"Says of {_article(parts.noun)} {which}."
    meant = _text(parts.use) if parts.use else "Its maker has not said what it is meant for, nor for whom."
    outside = (
        f"It always answers with one of these, also for {parts.noun} that show none of them."
        if target.kind == "category"
        else ""
    )
    return [line for line in (what, "", meant, outside) if line or line == ""]


def _data(parts: ReportParts) -> list[str]:
    if not parts.n:
        return ["Not recorded."]
    n = parts.n
    lines = [
        f"{count_rows(n.get('train', 0))} for training, {n.get('valid', 0):,} for validation, "
        f"{n.get('test', 0):,} sealed for the test."
    ]
    if parts.audit is None:
        lines.append("No audit for leaks and shortcuts is on record.")
    elif not parts.audit:
        lines.append("An audit for leaks and shortcuts found none.")
    else:
        lines += ["", "The audit of the data found:", ""]
        lines += [f"* {_text(f.title)}{f' – {_text(f.text)}' if f.text else ''}" for f in parts.audit]
    return lines


def _results(parts: ReportParts) -> list[str]:
    lines = [*(f"**Note:** {_text(warning)}\n" for warning in parts.warnings)]
    if parts.headline is not None:
        lines += [in_words(parts.headline, parts.scores.part), ""]
    lines += _scores([(score.label, score) for score in parts.scores.values()], f"on the {parts.scores.part} set")
    if parts.baselines:
        lines += ["", "Simpler ways to answer, by the same measure:", ""]
        lines += _scores([(score.label, score) for score in parts.baselines], "baseline")
    if parts.verdict:
        lines += ["", _text(parts.verdict)]
    return lines


def _scores(rows: Sequence[tuple[str, Score]], head: str) -> list[str]:
    lines = [f"| {head} | value | interval | n |", "|---|---|---|---|"]
    for label, score in rows:
        value, interval = score.shown()
        shown = f"{100 * score.level:g} %: {interval}" if interval else "–"
        lines.append(f"| {_text(label)} | {value} | {shown} | {score.counted()} |")
    return lines


def _seal(seal: Seal | None) -> list[str]:
    if seal is None or not seal.n:
        return ["There is none: every number above comes from rows that were looked at while the model was made."]
    if not seal.looks:
        return [f"{count_rows(seal.n)} were set apart before training and have never been opened."]
    lines = [f"{count_rows(seal.n)} were set apart before training. Openings: {len(seal.looks)}.", ""]
    for i, look in enumerate(seal.looks, 1):
        said = "result not recorded" if look.score is None else str(look.score)
        lines.append(f"{i}. {look.when}: {said}{f'; predicted: {_text(look.predicted)}' if look.predicted else ''}")
    if len(seal.looks) > 1:
        lines += ["", "A test set that is looked at often, and chosen by, flatters: the first opening counts."]
    return lines


def _updates(parts: ReportParts) -> list[str]:
    """What each update changed; nothing of a model that was trained once."""
    head, *rows = card_lines(parts.lineage) or [[]]
    if not rows:
        return []
    times = "once" if len(rows) == 1 else f"{len(rows)} times"
    said = f"It was trained again from a saved model {times}. The same rows judged the old task before and after."
    cells = [head, ["---"] * len(head), *([_text(cell) for cell in row] for row in rows)]
    return [said, "", *(f"| {' | '.join(row)} |" for row in cells)]


def _confidence(parts: ReportParts) -> list[str]:
    said = confidence_in_words(parts)
    if not said:
        return []
    error = calibration_error(parts.predictions)
    measured = f"{as_percent(error.debiased)} {error.interval()}"
    lines = [f"{said} Calibration error (ECE, {count_bins(error.n_bins)}, without the noise): {measured}."]
    if parts.calibration is not None:
        temperature = parts.calibration.temperature
        lines.append(
            f"The saved model divides its outputs by a temperature of {temperature:.2f}, fitted on these rows."
        )
    return lines


def _limits(parts: ReportParts) -> list[str]:
    others = "cameras" if parts.noun == PICTURES else "devices"
    lines = [
        f"* These numbers hold for {parts.noun} like those of "
        f"{_text(parts.facts.get('source', 'the training data'))}. "
        f"Other {others}, places or times can be harder, and nothing here measures that."
    ]
    if parts.predictions.target.kind == "number":
        return lines
    found = tallies(parts.predictions)
    weak = weakest(found, most=5)
    if weak:
        said = [f"{_text(t.name)} ({t.right} of {t.true})" for t in weak]
        lines.append(f"* Recognised least: {quoted_list(said)}.")
    few = [t for t in found if t.true < 5]
    if few:
        lines.append(
            f"* {len(few)} of {len(found)} categories {does(len(few), 'have')} fewer than 5 rows here: how well they "
            "do is not known."
        )
    return lines


def _decisions(parts: ReportParts) -> list[str]:
    lines = [f"{counted(len(parts.history), 'epoch')}."] if parts.history else []
    rows = [f"| {_text(name)} | {_text(d.value)} | {_text(d.reason)} |" for name, d in parts.decisions.items()]
    return lines + (["", "| what | decided | why |", "|---|---|---|", *rows] if rows else [])


def _run(parts: ReportParts) -> list[str]:
    name = "".join(char for char in parts.title if char.isalnum() or char in "._- ") or "MODEL"
    given = f'"{parts.example}"' if parts.example else "ROW"
    command = f'Or `drivetrain predict "{name}" {parts.example}`. ' if parts.example else ""
    return [
        "```python",
        "import drivetrain as dt",
        "",
        f'print(dt.load("{name}").predict({given}))',
        "```",
        "",
        f"{command}Nothing in this folder is code.",
    ]


def _article(noun: str) -> str:
    one = one_of(noun)
    return f"a{'n' if one[:1] in 'aeiou' else ''} {one}"


def _text(said: object) -> str:
    """Text as it is, whatever Markdown might make of it."""
    return plain(said).translate(SPECIAL)
