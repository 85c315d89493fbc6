"""The pages of the studio, drawn from what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from drivetrain.cli.results import quoted
from drivetrain.cli.studio.finding import Found, FoundModel, FoundPage, Group, Service
from drivetrain.data.seals.seal import Known
from drivetrain.evaluation.metrics.metrics import metric_named
from drivetrain.evaluation.record.runs import Run
from drivetrain.evaluation.report.making import decisions_table
from drivetrain.evaluation.scores import Score
from drivetrain.evaluation.updates.between import is_percent, value_text
from drivetrain.evaluation.updates.lineage import update_in_words
from drivetrain.pages.charts import Bar, compared, curve
from drivetrain.pages.html import (
    Cell,
    Child,
    Html,
    breakable,
    details,
    escape,
    figure,
    scrolling,
    section,
    table,
    tag,
    with_code,
)
from drivetrain.pages.page import document, page_footer, page_header
from drivetrain.pages.words import as_percent, count_rows, shown
from drivetrain.runtime.manifest import Manifest, ScoreRecord
from drivetrain.text import counted, in_digits, readable

STYLE = """
.studio td { vertical-align: top; }
.studio td:not(.n) { min-width: 7rem; }
.studio tbody th { overflow-wrap: anywhere; max-width: 24rem; }
.commands { list-style: none; padding: 0; display: grid; gap: 0.5rem; }
.commands code, pre { display: block; background: var(--panel);
  border-radius: 6px; padding: 0.5rem 0.8rem; overflow: auto; }
.back { margin: 0 0 0.5rem; }
pre { max-height: 40rem; white-space: pre-wrap; }
"""
DIGITS = 8
"""Of a hash."""
AGAIN = "The page looks anew each time it is loaded."


def overview(found: Found) -> str:
    """Everything at a glance."""
    sections = [
        _data(found),
        _trials(found.groups),
        _models(found),
        _pages(found),
        _services(found.services),
    ]
    where = f"{readable(found.folder.absolute())} · project {readable(found.project.folder)}"
    problems = [tag("p", problem, class_="warning") for problem in found.problems]
    return document(
        f"{found.folder.absolute().name}: studio",
        page_header(f"Studio: {readable(found.folder.absolute().name)}", where, skip="To the data"),
        tag("main", problems, sections, id="main"),
        page_footer(f"Nothing is computed here: it ties together what other commands have made. {AGAIN}"),
        style=STYLE,
    )


def of_model(model: FoundModel, pages: Sequence[FoundPage]) -> str:
    """One model: what it is, how good, how it came about, and what can be done with it.

    Args:
        model: Which one.
        pages: Those that are titled after it.
    """
    name, manifest = model.folder.name, model.manifest
    back = tag("p", tag("a", "Back to the overview", href="/"), class_="back")
    if manifest is None:
        content: list[Child] = [tag("p", model.problem, class_="warning")]
        said = "cannot be read"
    else:
        said = f"{manifest.target.name} · {manifest.architecture.label} · {manifest.created[:10]}"
        content = [
            _good(manifest),
            _made(manifest),
            section("pages", "Its pages", None, _links(pages)) if pages else None,
            section("next", "What to do with it", "Commands to copy.", _commands(model)),
            _card(model.folder),
        ]
    return document(
        f"{name}: model",
        page_header(name, said, skip="To the result"),
        tag("main", back, content, id="main"),
        page_footer(AGAIN),
        style=STYLE,
    )


# ── the overview ────────────────────────────────────────────────────────────────────────────────────────────────────


def _data(found: Found) -> Html:
    """The splits that models and trials know of, and the sealed test sets."""
    splits: dict[str, tuple[str, ...]] = {}
    for group in found.groups:
        record = group.trials.runs[-1].record
        n = record.n
        splits[record.split] = (record.target, f"{n['train']:,}", f"{n['valid']:,}", "–", record.seal or "none")
    for model in reversed(found.models):
        if (manifest := model.manifest) is not None:
            n = {part: f"{rows:,}" for part, rows in manifest.n.items()}
            parts = [n.get(part, "–") for part in ("train", "valid", "test")]
            seal = manifest.seal.id if manifest.seal else "none"
            splits[manifest.split_identity] = (manifest.target.name, *parts, seal)
    rows = [[identity[:DIGITS], *said] for identity, said in splits.items()]
    head = ["split", "target", "training", "validation", "test (sealed)", "seal"]
    content: list[Child] = [_table("splits", head, rows, numeric=(2, 3, 4))] if rows else []
    if found.seals:
        content += [tag("h3", "Sealed test sets"), _seals(found.seals)]
    if not content:
        content.append(_nothing("No data on record yet.", "drivetrain train YOUR_FOLDER --out your.model"))
    lead = "Which rows train, which choose, and which judge. A test set is worth less each time it is opened."
    return section("data", "Data and splits", lead, content)


def _seals(seals: Sequence[Known]) -> Html:
    rows: list[list[Child]] = []
    for known in seals:
        sealed, times = known.sealed, len(known.openings)
        opened = "never" if not times else "once" if times == 1 else f"{times} times"
        state = "in use" if known.retired is None else f"given up on {known.retired.when[:10]}"
        rows.append([sealed.id, f"{sealed.n:,}", sealed.source, sealed.created[:10], Cell(opened, times), state])
    head = ["seal", "rows", "from", "since", "opened", "state"]
    return _table("sealed test sets", head, rows, numeric=(1,))


def _trials(groups: Sequence[Group]) -> Html:
    lead = (
        "Every training that was judged on validation rows. The best of many looks better than it is; the corrected "
        "number says what to expect on other rows."
    )
    if not groups:
        nothing = _nothing("No trainings on record yet.", "drivetrain train YOUR_FOLDER --out your.model")
        return section("trials", "Trainings", lead, nothing)
    return section("trials", "Trainings", lead, [_group(number, group) for number, group in enumerate(groups)])


def _group(number: int, group: Group) -> list[Child]:
    runs, worth = group.trials.runs, group.worth
    record = runs[-1].record
    title = f"{record.target}: {counted(len(runs), 'training')} on {count_rows(record.n['valid'])} of validation"
    content: list[Child] = [tag("h3", title)]
    if group.problem:
        content.append(tag("p", f"No corrected score: {group.problem}", class_="soft"))
    if worth is not None and worth.trials > 1:
        unit = as_percent if worth.percent else in_digits
        ends = "" if worth.low is None or worth.high is None else f" [{unit(worth.low)}, {unit(worth.high)}]"
        bars = [
            Bar("corrected for the choice", worth.corrected, worth.low, worth.high, f"{unit(worth.corrected)}{ends}"),
            Bar(f"best of {worth.trials}, as measured", worth.raw, None, None, unit(worth.raw)),
        ]
        drawn = compared(bars, f"worth-{number}", f"{worth.label} of the best training", percent=worth.percent)
        content.append(figure(drawn, f"{worth.label} of {group.best}, the best of {worth.trials} different models."))
    names = list(dict.fromkeys(name for run in runs for name in run.record.scores))
    rows = [_run(run, names, run.id == group.best) for run in reversed(runs)]
    heads = [_label(name) for name in names]
    head = ["training", "architecture", "epochs", "seconds", *heads]
    content.append(_table(title, head, rows, numeric=range(2, len(head))))
    return content


def _run(run: Run, names: Sequence[str], best: bool) -> list[Child]:
    record = run.record
    scores = [Cell(value_text(name, value := record.scores.get(name)), value) for name in names]
    called = tag("strong", run.id, " (best)") if best else run.id
    return [called, record.arch, str(record.epochs), Cell(f"{record.seconds:,.0f}", record.seconds), *scores]


def _models(found: Found) -> Html:
    lead = "Saved models in this folder and those below it, the newest first."
    if not found.models:
        return section("models", "Models", lead, _nothing("No saved models.", "drivetrain train … --out your.model"))
    rows: list[list[Child]] = []
    for model in found.models:
        link = tag("a", breakable(_below(model.folder, found.folder)), href=f"/model/{model.key}")
        manifest = model.manifest
        if manifest is None:
            rows.append([link, "cannot be read", "–", "–", "–", "–"])
            continue
        opened = manifest.test_openings
        rows.append(
            [
                link,
                manifest.target.name,
                manifest.architecture.label,
                _first(manifest.validation),
                _first(opened[-1].scores) if opened else "not opened" if manifest.seal else "none",
                manifest.created[:10],
            ]
        )
    return section(
        "models",
        "Models",
        lead,
        _table("models", ["model", "target", "architecture", "validation", "test", "made"], rows),
    )


def _pages(found: Found) -> Html:
    lead = "Reports, looks inside, audits, plans and other pages that drivetrain wrote here, the newest first."
    if not found.pages:
        nothing = _nothing("No pages yet.", "drivetrain report your.model --out report.html")
        return section("pages", "Pages", lead, nothing)
    head = ["page", "of", "file", "written"]
    rows = [
        [
            tag("a", page.title, href=f"/page/{page.key}", target="_blank"),
            page.said,
            breakable(_below(page.file, found.folder)),
            f"{page.changed:%Y-%m-%d %H:%M}",
        ]
        for page in found.pages
    ]
    return section("pages", "Pages", lead, _table("pages", head, rows))


def _services(services: Sequence[Service]) -> Html:
    lead = with_code("Services that were named with `--service`, asked now.")
    if not services:
        command = "drivetrain studio --service http://127.0.0.1:8000"
        return section("services", "Services", lead, _nothing("None was named.", command))
    rows: list[list[Child]] = []
    for service in services:
        link = tag("a", service.address, href=service.address, target="_blank", rel="noreferrer")
        if service.about is None:
            rows.append([link, f"does not answer: {service.problem}", "–"])
            continue
        shadow = service.about.get("shadow")
        beside = shadow.get("model", "–") if isinstance(shadow, Mapping) else "none"
        rows.append([link, service.about["model"], beside])
    return section("services", "Services", lead, _table("services", ["address", "model", "shadow"], rows))


# ── a model ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _good(manifest: Manifest) -> Html:
    openings = [(f"test, opened {each.when[:10]}", each.scores) for each in manifest.test_openings]
    columns = [("validation", manifest.validation), *openings]
    names = list(dict.fromkeys(name for _, scores in columns for name in scores))
    rows = [[_label(name), *(_score(name, scores.get(name)) for _, scores in columns)] for name in names]
    parts = {"train": "training", "valid": "validation", "test": "test"}
    n = ", ".join(f"{rows:,} {parts.get(part, part)}" for part, rows in manifest.n.items())
    lead = f"Rows: {n}. Intervals are 95 %."
    content = (
        _table("scores", ["metric", *(name for name, _ in columns)], rows) if rows else _nothing("Not judged.", "")
    )
    return section("result", "How good it is", lead, content)


def _made(manifest: Manifest) -> Html:
    content: list[Child] = []
    lines = {"train_loss": "training", "valid_loss": "validation"}
    losses = curve(manifest.history, lines, name="losses", title="Loss by epoch", y_name="loss", best=False)
    if losses is not None:
        content.append(figure(losses))
    content += [tag("p", update_in_words(update)) for update in manifest.lineage]
    if manifest.decisions:
        content.append(details("What was decided, and why", decisions_table(manifest.decisions)))
    return section("made", "How it came about", None, content or tag("p", "Nothing is known of it.", class_="soft"))


def _commands(model: FoundModel) -> Html:
    place = quoted(model.folder)
    asked = [
        (f"drivetrain report {place} --out report.html", "a page: how good it is, where it errs"),
        (f"drivetrain evaluate {place}", "its validation rows judged again"),
        (f"drivetrain predict {place} FILE", "an answer for a new input"),
        (f"drivetrain serve {place}", "a service, with a page to try it"),
        (f"drivetrain update {place} NEW_DATA --out new.model", "trained once more, without forgetting"),
    ]
    return tag(
        "ul",
        [tag("li", tag("code", command), tag("span", said, class_="soft")) for command, said in asked],
        class_="commands",
    )


def _card(folder: Path) -> Html | None:
    try:
        card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    written = Html("\n".join(escape(line) for line in card.splitlines()))
    return section("card", "Model card", "As it travels with the model.", details("Read it", tag("pre", written)))


def _links(pages: Sequence[FoundPage]) -> Html:
    return tag("ul", [tag("li", tag("a", page.title, href=f"/page/{page.key}", target="_blank")) for page in pages])


# ── small things ────────────────────────────────────────────────────────────────────────────────────────────────────


def _first(scores: Mapping[str, ScoreRecord]) -> Child:
    """The metric that matters most."""
    for name, record in scores.items():
        return Cell(f"{_label(name)} {_score(name, record)}", record.value)
    return "–"


def _score(name: str, record: ScoreRecord | None) -> str:
    if record is None:
        return "–"
    value, interval = shown(Score(name=name, label=_label(name), percent=is_percent(name), **record.model_dump()))
    return f"{value} {interval}".rstrip()


def _label(name: str) -> str:
    return metric.label if (metric := metric_named(name)) else name


def _table(
    caption: str, head: Sequence[Child], rows: Sequence[Sequence[Child]], numeric: Sequence[int] | range = ()
) -> Html:
    drawn = table(head, rows, caption=caption, numeric=numeric, class_="studio sortable" if len(rows) > 1 else "studio")
    return scrolling(caption, drawn, tall=len(rows) > 15)


def _nothing(said: str, command: str) -> Html:
    return tag("p", said, " " if command else None, tag("code", command) if command else None, class_="soft")


def _below(path: Path, top: Path) -> str:
    return readable(path.relative_to(top)) if path != top else readable(top.absolute().name)
