"""The page of an update: what it gained, what it cost, and each answer that turned."""

from __future__ import annotations

from drivetrain.evaluation.calibration import FEWEST_ROWS, calibration_error, reliability
from drivetrain.evaluation.comparing import Comparison
from drivetrain.evaluation.open_set import OpenSet
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Score, Scores
from drivetrain.evaluation.updates.between import between
from drivetrain.evaluation.updates.classes import class_table, joined
from drivetrain.evaluation.updates.flips import flips_in_words, gallery
from drivetrain.evaluation.updates.lineage import CARRIED, OLD_ROWS, lineage_table, update_in_words
from drivetrain.evaluation.updates.parts import UpdateParts
from drivetrain.pages import charts
from drivetrain.pages.charts import Bar, compared
from drivetrain.pages.html import Child, Html, explained, figure, scrolling, section, table, tag
from drivetrain.pages.page import document, page_footer, page_header
from drivetrain.pages.words import as_percent, count_rows, shown, with_minus
from drivetrain.text import in_digits

FEWEST_FOR_BINS = 20
"""Rows; of fewer the reliability says too little to be drawn."""


def render(parts: UpdateParts) -> str:
    """The whole page as HTML; encode it as UTF-8. It loads nothing, and pictures are inside."""
    sections = [_tasks(parts), _between(parts), _flips(parts), _classes(parts), _confidence(parts), _made(parts)]
    facts = [f"from {parts.record.parent_name}" if parts.record.parent_name else "", parts.record.when[:10]]
    facts += [count_rows(parts.record.n_new).replace(" row", " new row")]
    return document(
        f"{parts.title}: update",
        page_header(f"Update of {parts.title}", " · ".join(fact for fact in facts if fact), skip="To the result"),
        tag("main", _top(parts), *sections, id="main"),
        page_footer(
            f"Made by drivetrain from {_judged_by(parts)}; the sealed test rows were not read. Intervals are 95 %.",
            parts.created,
        ),
    )


def _judged_by(parts: UpdateParts) -> str:
    """The rows that judge: exemplars were training rows of the old model."""
    if parts.record.old_rows == CARRIED:
        return "exemplars that the old model was trained on, and new rows that neither model was trained on"
    return "validation rows that neither model was trained on"


def _top(parts: UpdateParts) -> Html:
    """What a reader with one minute takes away: the old task before and after, and whether the gate speaks."""
    task = parts.old or parts.new
    content: list[Child] = []
    if task is None:
        content += [tag("h2", "Nothing was judged", id="result-title")]
    else:
        before, after = _headline(task.before), _headline(task.after)
        value, interval = shown(after)
        number, unit = (value[:-2], "\u2009%") if value.endswith(" %") else (value, "")
        was = " ".join(part for part in shown(before) if part)
        title = f"{after.label[:1].upper()}{after.label[1:]} on the {task.name} task, now"
        content += [
            tag("h2", explained(title), id="result-title"),
            tag("p", tag("strong", number, tag("span", unit)), class_="big"),
            tag("p", tag("span", f"{interval} · before {was} · n = {task.after.n:,}".strip(" ·"), class_="under-line"),
                class_="under"),
        ]  # fmt: skip
    if parts.old is not None and parts.old.comparison is not None:
        content.append(tag("p", _verdict(parts.old.comparison)))
    content.append(_gate(parts))
    beside = _beside(parts)
    return tag(
        "section", tag("div", content, class_="result"), beside, id="result", class_="top",
        aria_labelledby="result-title",
    )  # fmt: skip


def _headline(scores: Scores) -> Score:
    return next(iter(scores.values()))


def _gate(parts: UpdateParts) -> Html:
    if parts.record.held_back is None:
        return tag("p", "Nothing that was measured speaks against the updated model taking the old one's place.")
    fix = "It is written only where that is asked for (--accept-forgetting)."
    return tag("p", f"Held back: {parts.record.held_back}. {fix}", class_="warning")


def _verdict(found: Comparison) -> str:
    """The paired difference of the old task, after less before, in words."""
    words = {
        "a": "The old task got worse by more than chance explains",
        "b": "The old task got better by more than chance explains",
        "none": "No difference that matters was found on the old task",
        "unknown": "There are too few rows to say whether the old task got worse",
    }
    change = _difference(found)
    return f"{words[found.outcome]}: {change}." if change else f"{words[found.outcome]}."


def _difference(found: Comparison) -> str:
    """After less before, with its interval, row by row."""
    scale, unit = (100, " points") if found.percent else (1, "")
    change = f"{0 - scale * found.difference:+.3g}{unit}"  # 0 - 0 has no minus sign
    if found.low is None or found.high is None:
        return with_minus(change)
    return with_minus(f"{change} [{0 - scale * found.high:+.3g}, {0 - scale * found.low:+.3g}]")


def _beside(parts: UpdateParts) -> Html | None:
    bars: list[Bar] = []
    percent = True
    for task in parts.tasks:
        for when, score in (("after", _headline(task.after)), ("before", _headline(task.before))):
            if score.value is not None:
                said = " ".join(part for part in shown(score) if part)
                bars.append(Bar(f"{task.name} task, {when}", score.value, score.low, score.high, said))
                percent = percent and score.percent
    if not bars:
        return None
    drawn = compared(bars, "before-after", "Before and after the update", percent=percent)
    return tag("div", tag("h3", "Before and after"), figure(drawn), class_="beside")


def _tasks(parts: UpdateParts) -> Html | None:
    rows: list[list[Child]] = []
    for task in parts.tasks:
        for name, before in task.before.items():
            after = task.after[name]
            pair = [" ".join(part for part in shown(score) if part) for score in (before, after)]
            paired = task.comparison is not None and task.comparison.metric == name
            difference = _difference(task.comparison) if paired and task.comparison is not None else "–"
            rows.append([task.name, after.label, *pair, difference, after.counted()])
    if not rows:
        return None
    head = ["task", "measure", "before", "after", "after − before, row by row", "n"]
    made = scrolling(
        "old and new task", table(head, rows, caption="Old and new task", numeric=[2, 3, 4, 5], class_="tasks")
    )
    lead = (
        f"By {_judged_by(parts)}, the same ones before and after. Classes that the old model did not know count as "
        "wrong before."
    )
    return section("tasks", "Old and new task", lead, made)


def _between(parts: UpdateParts) -> Html | None:
    drawn = between(parts.record, "curve")
    lead = "A point between the old and the new weights often keeps most of the old task and most of the new one."
    return section("between", "Between old and new", lead, drawn) if drawn else None


def _flips(parts: UpdateParts) -> Html | None:
    if parts.old is None:
        return None
    found = gallery(parts.old, parts.show)
    flips = parts.record.flips
    if flips is None and not found:
        return None
    said = tag("p", flips_in_words(flips), class_="say") if flips is not None else None
    lead = "Who relied on an answer is hurt most where it was right and is wrong now, whatever the average says."
    return section("flips", "What worked and does not any more", lead, said, found)


def _classes(parts: UpdateParts) -> Html | None:
    new = frozenset(parts.record.new_classes)
    made: list[Child] = []
    for task in parts.tasks:
        found = class_table(task, new, f"Classes of the {task.name} task")
        made += [tag("h3", f"The {task.name} task"), found] if found is not None else []
    if parts.novelty is not None:
        made += [tag("h3", "Was it noticed that they are new?"), tag("p", _noticed(parts.novelty))]
    lead = (
        "How much of each class is recognised before and after, with 95 % intervals. Those that lost most come first."
    )
    return section("classes", "Class by class", lead, made) if made else None


def _noticed(found: OpenSet) -> str:
    """What the old model's own doubt would have found of the rows of new classes."""
    noticed, auc = (" ".join(filter(None, shown(score))) for score in (found.noticed, found.auc))
    return (
        f"By how sure it was, the old model sets apart {noticed} of the rows of new classes where it keeps answering "
        f"{as_percent(found.kept, 0)} of the old ones. It is less sure of a row of a new class than of one of an "
        f"old class with a chance of {auc} (AUC; 0.5: nothing tells them apart)."
    )


def _confidence(parts: UpdateParts) -> Html | None:
    """Whether old and new rows together can be believed: one calibration for both."""
    after, before = joined(parts.tasks, 1), joined(parts.tasks, 0)
    if after is None or after.target.kind == "number":
        return None
    pairs = [(f"{task.name} task", *task.said) for task in parts.tasks]
    pairs += [("both together", before, after)] if before is not None and len(parts.tasks) > 1 else []
    rows = [_error_row(*pair) for pair in pairs]
    head = ["rows", "before", "after", "n"]
    made: list[Child] = []
    if len(after) >= FEWEST_FOR_BINS:
        caption = "The updated model on the rows of all tasks. Bars are 95 % intervals."
        made.append(figure(charts.reliability(reliability(after), "reliability"), caption))
    made.append(tag("h3", explained("Calibration error (ECE, without the noise of its bins)")))
    made.append(scrolling("calibration", table(head, rows, caption="Calibration error", numeric=[1, 2, 3])))
    if min(len(said.judged) for _, _, said in pairs) < FEWEST_ROWS:
        made.append(tag("p", f"There is no interval of fewer than {FEWEST_ROWS} rows.", class_="soft"))
    lead = (
        "Old and new classes are answered by one model, so that one probability must mean the same for both. Below the "
        "dashed line the model is too sure of itself. A saved model divides its outputs by a temperature besides."
    )
    return section("confidence", "Can its confidence be trusted?", lead, made)


def _error_row(name: str, before: Predictions, after: Predictions) -> list[Child]:
    said: list[str] = []
    for one in (before, after):
        error = calibration_error(one)
        said.append(as_percent(error.debiased) + ("" if error.low is None else f" {error.interval()}"))
    return [name, *said, f"{len(after.judged):,}"]


def _made(parts: UpdateParts) -> Html:
    record = parts.record
    content: list[Child] = [tag("p", update_in_words(record))]
    if record.old_rows in OLD_ROWS:
        content.append(tag("p", f"{OLD_ROWS[record.old_rows].capitalize()}.", class_="soft"))
    if parts.decisions:
        rows = [[name, _decided(one.value), one.reason] for name, one in parts.decisions.items()]
        made = table(["what", "decided", "why"], rows, caption="Decisions", class_="decisions")
        content += [tag("h3", "What was decided, and why"), scrolling("decisions", made)]
    content += [tag("h3", explained("Lineage")), lineage_table(parts.lineage or [record])]
    return section("made", "How it was made", "The manifest of the model keeps this.", content)


def _decided(value: str | float | bool | None) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return with_minus(in_digits(value)) if isinstance(value, float) else str(value)
