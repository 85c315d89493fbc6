"""How the model came about: training, decisions, data, and what identifies it."""

from __future__ import annotations

from collections.abc import Mapping

from drivetrain.evaluation.metrics.metrics import metric_named
from drivetrain.evaluation.report.parts import Finding, ReportParts, Seal
from drivetrain.pages.charts import curve
from drivetrain.pages.html import (
    Child,
    Html,
    breakable,
    details,
    explained,
    figure,
    scrolling,
    section,
    table,
    tag,
    with_code,
)
from drivetrain.pages.words import as_percent, count_rows, with_minus
from drivetrain.runtime.decisions import Decision
from drivetrain.text import in_digits

LEVELS = {"stop": "Problem", "warning": "Look at this", "note": "Note", "fine": "Fine"}
PART_NAMES = {"train": "training", "valid": "validation", "test": "test (sealed)"}
MOST_ROWS_OF_A_FINDING = 12
DECISION_NAMES = {
    "arch": "architecture",
    "lr": "learning rate",
    "batch_size": "batch size",
    "size": "size, px",
    "unfreeze": "share of the body trained",
    "head_epochs": "epochs of the head alone",
}

EPOCH_WORDS = {"train_loss": "training loss", "valid_loss": "validation loss"}


def training(parts: ReportParts) -> Html | None:
    """Curves, the verdict, and what was decided; None where neither is known."""
    if not parts.history and not parts.decisions:
        return None
    content: list[Child] = [tag("p", parts.verdict, class_="say")] if parts.verdict else []
    content.append(_curves(parts))
    if parts.history:
        content.append(details("Every epoch", _epochs(parts)))
    if parts.decisions:
        content += [tag("h3", "What was decided, and why"), decisions_table(parts.decisions)]
    lead = (
        "Judge training by the validation curve. The training loss is measured on varied inputs while the network "
        "is being changed, so that it may lie above or below: that alone says nothing."
        if parts.history
        else None
    )
    return section("training", "How it was trained", lead, content)


def _curves(parts: ReportParts) -> Html | None:
    losses = curve(
        parts.history,
        {"train_loss": "training", "valid_loss": "validation"},
        name="losses",
        title="Loss by epoch",
        y_name="loss",
        best=False,
    )
    drawn: list[Html] = [] if losses is None else [figure(losses)]
    score = parts.headline
    metric = None if score is None else metric_named(score.name)
    if score is not None:
        measured = curve(
            parts.history,
            {score.name: "validation"},
            name="metric",
            title=f"{score.label} by epoch",
            y_name=score.label,
            percent=score.percent,
            best=None if metric is None else metric.higher_is_better,
        )
        drawn += [] if measured is None else [figure(measured)]
    return tag("div", drawn, class_="pair") if drawn else None


def _epochs(parts: ReportParts) -> Html:
    columns = list(dict.fromkeys(key for row in parts.history for key in row))
    metrics = {column: found for column in columns if (found := parts.scores.get(column) or metric_named(column))}
    shares = {column for column, metric in metrics.items() if metric.percent}
    rows = [[_cell(row.get(column), percent=column in shares) for column in columns] for row in parts.history]
    names = [metrics[column].label if column in metrics else _epoch_word(column) for column in columns]
    numeric = [i for i, column in enumerate(columns) if column not in ("epoch", "phase")]
    return scrolling("every epoch", table(names, rows, caption="Every epoch", numeric=numeric))


def _epoch_word(column: str) -> str:
    return EPOCH_WORDS.get(column, DECISION_NAMES.get(column, column.replace("_", " ")))


def _cell(value: float | int | str | None, *, percent: bool) -> str:
    if percent and isinstance(value, float | int):
        return as_percent(value)
    return "–" if value is None else with_minus(in_digits(value)) if isinstance(value, float) else str(value)


def decisions_table(decisions: Mapping[str, Decision]) -> Html:
    """What was decided, and why."""
    rows = [
        [DECISION_NAMES.get(name, name.replace("_", " ")), _decided(decision.value), decision.reason]
        for name, decision in decisions.items()
    ]
    return scrolling("decisions", table(["what", "decided", "why"], rows, caption="Decisions", class_="decisions"))


def _decided(value: str | float | bool | None) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return with_minus(in_digits(value)) if isinstance(value, float) else str(value)


def data(parts: ReportParts) -> Html | None:
    """Rows, audit, seal and identities; None where nothing of it is known."""
    if not (parts.n or parts.audit is not None or parts.seal or parts.facts):
        return None
    content: list[Child] = []
    if parts.n:
        rows = [[PART_NAMES.get(part, part), f"{n:,}"] for part, n in parts.n.items()]
        content.append(table(["part", "rows"], rows, caption="Rows", numeric=[1], class_="small"))
    if parts.seal is not None and parts.seal.n:
        content += [tag("h3", explained("The sealed test set")), _seal(parts.seal)]
    if parts.audit is not None:
        content += [tag("h3", explained("Audit")), *_audit(parts)]
    if parts.facts:
        facts = [tag("div", tag("dt", name), tag("dd", value)) for name, value in parts.facts.items()]
        content += [tag("h3", "Identity"), tag("dl", facts, class_="facts")]
    lead = (
        "What it was trained and judged on, and what identifies both: two models with the same split can be compared."
    )
    return section("data", "The data", lead, content)


def _seal(seal: Seal) -> Html:
    if not seal.looks:
        said = f"{count_rows(seal.n)} were set apart when the split was made. They were never opened."
        return tag("p", said)
    rows = [
        [
            str(i),
            look.when[:16].replace("T", " "),
            "–" if look.score is None else with_minus(str(look.score)),
            with_minus(look.predicted) or "–",
        ]
        for i, look in enumerate(seal.looks, 1)
    ]
    made = scrolling(
        "openings",
        table(["opening", "when (UTC)", "result", "predicted beforehand"], rows, caption="Openings", class_="openings"),
    )
    if len(seal.looks) == 1:
        return made
    warning = "A test set that is looked at often, and chosen by, flatters: the first opening counts."
    return Html(made + tag("p", warning, class_="warning"))


def _audit(parts: ReportParts) -> list[Child]:
    if not parts.audit:
        return [tag("p", "The audit looked for copies, leaks between the parts and shortcuts. It found none.")]
    return [tag("ul", [_finding(found) for found in parts.audit], class_="findings")]


def _finding(found: Finding) -> Html:
    shown = [
        tag("li", row, tag("p", breakable(caption), class_="name"))
        for row, caption in list(found.rows)[:MOST_ROWS_OF_A_FINDING]
    ]
    return tag(
        "li",
        tag("p", tag("span", LEVELS[found.level], class_=f"level {found.level}"), " ", tag("b", found.title)),
        tag("p", found.text) if found.text else None,
        tag("p", "To fix: ", with_code(found.mend)) if found.mend else None,
        tag("ul", shown, class_="gallery small") if shown else None,
    )
