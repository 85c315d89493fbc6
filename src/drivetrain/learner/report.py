"""The report of a model, or of a saved one: everything it knows of itself, gathered for the page."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from drivetrain.auditing.section import report_findings
from drivetrain.data.data import Data
from drivetrain.data.kind import source_kind
from drivetrain.errors import DataError
from drivetrain.evaluation.metrics.metrics import Metric, metric_named
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.report import Look, ReportParts, Seal, model_card, render, with_openings
from drivetrain.evaluation.scores import Score
from drivetrain.learner.saving.validation_record import calibration_of
from drivetrain.runtime.artefact import CARD, Artefact, write_durably
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.scanning import ANY
from drivetrain.runtime.kinds import face, has_face, kind_name
from drivetrain.runtime.manifest import Manifest, Opening
from drivetrain.text import one_of, readable
from drivetrain.training.identity import versions
from drivetrain.training.probing import without_folders

if TYPE_CHECKING:
    from drivetrain.auditing.audit import Audit
    from drivetrain.learner.base import ModelBase
    from drivetrain.pages.html import Html

USUAL = ".jpg"
"""Of several suffixes, the one that examples are given with."""
IDENTITY = 16
"""Characters of a hash that are shown: enough to compare two reports."""


def write_page(path: str | os.PathLike[str], parts: ReportParts) -> Path:
    """Render, and write beside the place before replacing what stands there."""
    file = Path(path)
    try:
        write_durably(file, render(parts).encode())
    except OSError as error:
        raise DataError(f"{readable(file)} cannot be written: {error.strerror or error}.") from error
    return file


def card_of(
    model: ModelBase,
    title: str,
    openings: Sequence[Opening],
    *,
    judged: Predictions | None = None,
    manifest: Manifest | None = None,
) -> str:
    """The model card, as Markdown, of a model that is about to be saved under that name; see `report_parts`."""
    title = readable(title)
    parts = report_parts(model, title=title, metadata=False, openings=openings, judged=judged, manifest=manifest)
    return model_card(parts)


def report_parts(
    model: ModelBase,
    *,
    audit: Audit | None = None,
    title: str | None = None,
    use: str = "",
    probe: bool = False,
    metadata: bool = True,
    manifest: Manifest | None = None,
    openings: Sequence[Opening] | None = None,
    judged: Predictions | None = None,
    understanding: bool = False,
) -> ReportParts:
    """What the page and the model card are made of.

    Args:
        model: Trained, with validation rows.
        audit: What `drivetrain.audit` found, or None.
        title: What the model is called.
        use: What it is meant for.
        probe: Fit a linear probe on the pretrained body as well.
        metadata: Fit a forest on metadata alone as well, which opens the file of each validation row.
        manifest: Of the artefact it was loaded from; its decisions are those of the training.
        openings: Of the test set; None takes those the model knows of.
        judged: What is said of the validation set by what answers; None: by the model itself.
        understanding: Also show what the model goes by, where its kind of input can tell; it answers thousands of rows.

    Raises:
        DataError: There is no validation set.
    """
    data = model.data
    predictions = model.predictions() if judged is None else judged
    scores = model.validate() if judged is None else model.scores_of(judged)
    rows = {"train": len(data.train), "valid": len(data.valid), "test": data.n_test}
    stored = rows if manifest is None else manifest.n
    return ReportParts(
        title=title or f"{model.label} on {source_name(data)}",
        predictions=predictions,
        scores=scores,
        baselines=model.headline_baselines(probe=probe, metadata=metadata, audit=audit),
        decisions=_shown_decisions(model.decisions if manifest is None else manifest.decisions),
        history=model.history,
        verdict=model.verdict().text if model.history else None,
        show=model.show_row,
        audit=None if audit is None else report_findings(audit),
        seal=seal_status(
            stored.get("test", 0),
            model.test_openings if openings is None else openings,
            model.metrics,
            "" if data.seal is None else data.seal.id,
        ),
        n=stored,
        facts=_facts(model, manifest),
        calibration=calibration_of(predictions) if manifest is None else manifest.calibration,
        warnings=_missing(rows, stored),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        use=use,
        lineage=model.lineage if manifest is None else manifest.lineage,
        noun=source_kind(data.kind).noun,
        example=_example(data.kind),
        sections=_understanding(model) if understanding else (),
    )


def _understanding(model: ModelBase) -> Sequence[tuple[str, Html]]:
    """What the model goes by, as its kind of input shows it."""
    kind = kind_name(model.data.kind)
    if not has_face(kind, "understanding"):
        return ()
    return face(kind, "understanding").model_sections(model)


def _example(kind: str) -> str:
    """Name of a file of that kind; empty where it has none."""
    source = source_kind(kind)
    suffixes = sorted(source.suffixes - {ANY})
    return f"{one_of(source.noun)}{USUAL if USUAL in suffixes else suffixes[0]}" if suffixes else ""


def seal_status(n: int, openings: Sequence[Opening], metrics: Sequence[Metric], identity: str = "") -> Seal:
    """The sealed test set as report and card show it."""
    return Seal(n, [Look(o.when, _headline_of(o, metrics), _expected(o), o.held) for o in openings], identity)


def card_after_opening(artefact: Artefact, openings: Sequence[Opening], metrics: Sequence[Metric]) -> bytes | None:
    """The card of a saved model with its openings brought up to date; None where it has no card."""
    if CARD not in artefact.manifest.files:
        return None
    seal = seal_status(artefact.manifest.n.get("test", 0), openings, metrics)
    return with_openings(artefact.file(CARD).read_text(encoding="utf-8", errors="replace"), seal).encode()


def _headline_of(opening: Opening, metrics: Sequence[Metric]) -> Score | None:
    """The first metric on record; from the second opening on with the interval that allows for all of them."""
    names = [metric.name for metric in metrics if metric.name in opening.scores] or list(opening.scores)
    if not names:
        return None
    metric, widened = metric_named(names[0]), opening.simultaneous.get(names[0])
    record = opening.scores[names[0]] if widened is None else widened
    return Score(
        name=names[0],
        label=names[0] if metric is None else metric.label,
        value=record.value,
        low=record.low,
        high=record.high,
        n=record.n,
        units=record.units,
        percent=metric is not None and metric.percent,
        note=None if widened is None else f"interval widened for {opening.count} openings",
    )


def _expected(opening: Opening) -> str:
    """What was said beforehand, and whether it held."""
    expected = opening.expected
    if expected is None:
        return ""
    metric = metric_named(expected.metric)
    said = Score(
        name=expected.metric,
        label=expected.metric,
        value=expected.value,
        low=expected.low,
        high=expected.high,
        n=expected.n_test,
        percent=metric is not None and metric.percent,
    ).shown()
    held = "" if opening.held is None else "; it held" if opening.held else "; it did not hold"
    return f"{' '.join(said).strip()}{held}"


def source_name(data: Data) -> str:
    """Where the rows came from, without the folders above it: pages that are passed on name no place on a machine."""
    return data.source if data.location is None else readable(Path(data.location).name)


def _shown_decisions(decisions: Mapping[str, Decision]) -> Mapping[str, Decision]:
    arch = decisions.get("arch")
    if arch is None or not isinstance(arch.value, str):
        return decisions
    return {**decisions, "arch": Decision(value=without_folders(arch.value), reason=arch.reason)}


def _facts(model: ModelBase, manifest: Manifest | None) -> Mapping[str, str]:
    data = model.data
    parameters = model.identity() if manifest is None else manifest.parameters_sha256
    facts = {
        "source": source_name(data),
        "split": f"{data.split.method}, seed {data.split.seed}, identity {data.split.identity[:IDENTITY]}",
        "seal": "" if data.seal is None else data.seal.id,
        "architecture": model.label,
        "parameters (SHA-256)": parameters[:IDENTITY],
        "versions": ", ".join(f"{name} {version}" for name, version in _versions(manifest).items()),
    }
    return {name: value for name, value in facts.items() if value}


def _versions(manifest: Manifest | None) -> Mapping[str, str]:
    if manifest is not None:
        return manifest.versions
    python = ".".join(map(str, sys.version_info[:3]))
    return {**versions(), "Python": python}


def _missing(rows: Mapping[str, int], stored: Mapping[str, int]) -> list[str]:
    gone = stored.get("valid", 0) - rows["valid"]
    if gone <= 0:
        return []
    return [f"{gone:,} of {stored['valid']:,} validation rows could not be found, and are not in these numbers."]
