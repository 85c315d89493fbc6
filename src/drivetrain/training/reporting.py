"""The report of a Learner, or of a saved model: everything it knows of itself, gathered for the page."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from drivetrain.calls import named
from drivetrain.errors import DataError
from drivetrain.evaluation.metrics import Metric, metric_named
from drivetrain.evaluation.scores import Score
from drivetrain.runtime.artefact import CARD, MODEL, Artefact, open_artefact, write_durably
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Manifest, Opening
from drivetrain.runtime.places import PAGES, file_to_write
from drivetrain.runtime.quarantine import ensure_tried
from drivetrain.settings import flag, place, text
from drivetrain.text import readable
from drivetrain.training.identity import parameters_sha256, versions
from drivetrain.training.measuring import asked_audit

if TYPE_CHECKING:
    from drivetrain.data.data import Data
    from drivetrain.data.project import ProjectPlace
    from drivetrain.data.sources import Source
    from drivetrain.evaluation.auditing.audit import Audit
    from drivetrain.evaluation.predictions import Predictions
    from drivetrain.evaluation.report import ReportParts, Seal
    from drivetrain.runtime.targets import Array
    from drivetrain.training.learner import Learner
    from drivetrain.training.place import Precision

IDENTITY = 16
"""Characters of a hash that are shown: enough to compare two reports."""


class Reporting:
    """Writing what a Learner knows of itself."""

    @named
    def report(
        self,
        path: str | os.PathLike[str] = "report.html",
        *,
        audit: Audit | None = None,
        title: str | None = None,
        use: str = "",
        probe: bool = True,
    ) -> Path:
        """Write one self-contained page about the model, for who decides and for who checks.

        It shows the validation set: the headline with its interval beside simpler ways to answer, where the model
        goes wrong, whether its confidence can be trusted, how it was trained and why so, and whether the test set is
        still sealed. The page holds small copies of some validation pictures (about 1 MB in all), and loads nothing.

        Args:
            path: Where the page is written; a file that stands there is replaced.
            audit: What `drivetrain.audit` found in the data, to be shown as well.
            title: What the model is called; None takes the data's name.
            use: What the model is meant for, in your words.
            probe: Also show what a linear model on the pretrained body reaches, which takes one pass over the training
                pictures.

        Raises:
            DataError: There is no validation set.
            SettingError: A page cannot be written to `path`.

        Example:
            ::

                learn.report("report.html")
        """
        learner, path = cast("Learner", self), place("path", path)
        audit, probe = asked_audit(audit), flag("probe", probe)
        title, use = None if title is None else text("title", title), text("use", use, empty=True)
        file_to_write(path, "path", over=PAGES)
        parts = report_parts(learner, audit=audit, title=title, use=use, probe=probe)  # takes part in all processes
        return write_page(path, parts) if learner.place.main else Path(path)


def report_saved(
    model: str | os.PathLike[str],
    path: str | os.PathLike[str] = "report.html",
    *,
    data: Source | None = None,
    audit: Audit | bool | None = None,
    use: str = "",
    probe: bool = True,
    device: str = "auto",
    precision: Precision = "auto",
    project: ProjectPlace = None,
) -> Path:
    """The same page for a saved model; its validation rows are found again by content, and judged again.

    Args:
        model: The artefact.
        path: Where the page is written.
        data: Folder, table or DataFrame that holds the pictures now; None takes the place they were trained from.
        audit: What `drivetrain.audit` found in the data; True audits them now.
        use: What the model is meant for.
        probe: As of `Learner.report`.
        device: As of `Learner`.
        precision: As of `Learner`.
        project: The project folder, see `Learner.load`.

    Raises:
        ArtefactError: The artefact cannot be used.
        DataError: The rows are not there, or the model was trained without a validation set.
        SealError: The project has sealed some of the rows as test rows since.
        SettingError: A page cannot be written to `path`.
    """
    from drivetrain.data.reopen import warn_of_learnt  # noqa: PLC0415 - brings pandas
    from drivetrain.training.learner import Learner  # noqa: PLC0415 - it stands above this module

    path, probe, use = place("path", path), flag("probe", probe), text("use", use, empty=True)
    if not isinstance(audit, bool):
        audit = asked_audit(audit)
    file_to_write(path, "path", over=PAGES)
    artefact = open_artefact(model)
    learner = Learner.load(model, data=data, device=device, precision=precision, project=project)
    warn_of_learnt(learner.data.valid.digests, learner.data.split, "valid")
    if audit is True:
        from drivetrain.evaluation.auditing.audit import audit as look_at  # noqa: PLC0415 - brings scikit-learn

        audit = look_at(learner.data)
    title = readable(artefact.path.name)
    judged = _as_it_answers(artefact, learner) if precision == "auto" else None
    parts = report_parts(
        learner,
        audit=audit or None,
        title=title,
        use=use,
        probe=probe,
        manifest=artefact.manifest,
        judged=judged,
    )
    return write_page(path, parts)


def _as_it_answers(artefact: Artefact, learner: Learner) -> Predictions | None:
    """What a model in precision below fp32 says of its validation rows; None of one in fp32, as Learners are judged."""
    manifest, valid = artefact.manifest, learner.data.valid
    lower = manifest.export is not None and manifest.export.precision != "fp32" and MODEL in manifest.files
    if not lower or not len(valid):
        return None
    from drivetrain.training.exporting import answers_of  # noqa: PLC0415 - brings what a page needs in no other case

    ensure_tried(artefact, "onnxruntime")
    return answers_of(artefact.file(MODEL).read_bytes(), manifest.input, manifest.target, valid)


def write_page(path: str | os.PathLike[str], parts: ReportParts) -> Path:
    """Render, and write beside the place before replacing what stands there."""
    from drivetrain.evaluation.report import render  # noqa: PLC0415 - only where a page is made

    file = Path(path)
    try:
        write_durably(file, render(parts).encode())
    except OSError as error:
        raise DataError(f"{readable(file)} cannot be written: {error.strerror or error}.") from error
    return file


def card_of(
    learner: Learner,
    title: str,
    openings: Sequence[Opening],
    *,
    judged: Predictions | None = None,
    manifest: Manifest | None = None,
) -> str:
    """The model card, as Markdown, of a Learner that is about to be saved under that name; see `report_parts`."""
    from drivetrain.evaluation.report import model_card  # noqa: PLC0415

    title = readable(title)
    parts = report_parts(learner, title=title, metadata=False, openings=openings, judged=judged, manifest=manifest)
    return model_card(parts)


def report_parts(
    learner: Learner,
    *,
    audit: Audit | None = None,
    title: str | None = None,
    use: str = "",
    probe: bool = False,
    metadata: bool = True,
    manifest: Manifest | None = None,
    openings: Sequence[Opening] | None = None,
    judged: Predictions | None = None,
) -> ReportParts:
    """What the page and the model card are made of.

    Args:
        learner: Trained, with validation rows.
        audit: What `drivetrain.audit` found, or None.
        title: What the model is called.
        use: What it is meant for.
        probe: Fit a linear probe on the pretrained body as well.
        metadata: Fit a forest on metadata alone as well, which opens the file of each validation row.
        manifest: Of the artefact it was loaded from; its decisions are those of the training.
        openings: Of the test set; None takes those the Learner knows of.
        judged: What is said of the validation set by what answers; None: by the Learner itself.

    Raises:
        DataError: There is no validation set.
    """
    from drivetrain.evaluation.auditing.section import report_findings  # noqa: PLC0415 - brings scikit-learn
    from drivetrain.evaluation.report import ReportParts  # noqa: PLC0415

    data = learner.data
    predictions = learner.predictions() if judged is None else judged
    scores = learner.validate() if judged is None else learner.scores_of(judged)
    headline = learner.metrics[0] if learner.metrics else None
    rows = {"train": len(data.train), "valid": len(data.valid), "test": data.n_test}
    stored = rows if manifest is None else manifest.n
    return ReportParts(
        title=title or f"{learner.kind.architecture.label} on {source_name(data)}",
        predictions=predictions,
        scores=scores,
        baselines=_baselines(learner, headline, audit, probe=probe, metadata=metadata),
        decisions=_shown_decisions(learner.decisions if manifest is None else manifest.decisions),
        history=learner.history,
        verdict=learner.verdict().text if learner.history else None,
        pictures=lambda row: _picture(learner, row),
        audit=None if audit is None else report_findings(audit),
        seal=seal_status(
            stored.get("test", 0),
            learner.test_openings if openings is None else openings,
            learner.metrics,
            "" if data.seal is None else data.seal.id,
        ),
        n=stored,
        facts=_facts(learner, manifest),
        calibration=_calibration(predictions, manifest),
        warnings=_missing(rows, stored),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        use=use,
    )


def _baselines(
    learner: Learner, headline: Metric | None, audit: Audit | None, *, probe: bool, metadata: bool
) -> list[Score]:
    """The headline of a constant answer, of metadata alone, and of a probe."""
    from drivetrain.evaluation.baselines import baselines  # noqa: PLC0415 - brings scikit-learn

    if headline is None:
        return []
    data, predictions = learner.data, learner.predictions()
    others = learner.metadata_alone(audit) if metadata else {}
    notes = {"metadata alone": "a small forest on file size, dimensions, camera and mean colours"}
    if probe and learner.kind.architecture.pretrained_from is not None:
        from drivetrain.training.probing import probe_predictions  # noqa: PLC0415 - brings scikit-learn

        others["linear probe"], body = probe_predictions(data, learner.kind.architecture, learner.kind.reader.size_px)
        notes["linear probe"] = f"a linear model on features of {body}"
    found = baselines(predictions, data.target.encode(data.train.values), [headline], others=others)
    return [
        scores[headline.name].model_copy(update={"label": name, "note": notes.get(name)})
        for name, scores in found.items()
    ]


def _calibration(predictions: Predictions, manifest: Manifest | None) -> Any:
    from drivetrain.training.remembering import calibration_of  # noqa: PLC0415

    return calibration_of(predictions) if manifest is None else manifest.calibration


def _picture(learner: Learner, row: int) -> Array | None:
    working = learner.valid_store.get([row])[0]
    return None if working is None else learner.kind.reader.view(working)


def seal_status(n: int, openings: Sequence[Opening], metrics: Sequence[Metric], identity: str = "") -> Seal:
    """The sealed test set as report and card show it."""
    from drivetrain.evaluation.report import Look, Seal  # noqa: PLC0415

    return Seal(n, [Look(o.when, _headline_of(o, metrics), _expected(o), o.held) for o in openings], identity)


def card_after_opening(artefact: Artefact, openings: Sequence[Opening], metrics: Sequence[Metric]) -> bytes | None:
    """The card of a saved model with its openings brought up to date; None where it has no card."""
    from drivetrain.evaluation.report import with_openings  # noqa: PLC0415

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
    from drivetrain.training.probing import without_folders  # noqa: PLC0415 - brings more than a card needs

    arch = decisions.get("arch")
    if arch is None or not isinstance(arch.value, str):
        return decisions
    return {**decisions, "arch": Decision(value=without_folders(arch.value), reason=arch.reason)}


def _facts(learner: Learner, manifest: Manifest | None) -> Mapping[str, str]:
    data = learner.data
    parameters = parameters_sha256(learner.network) if manifest is None else manifest.parameters_sha256
    facts = {
        "source": source_name(data),
        "split": f"{data.split.method}, seed {data.split.seed}, identity {data.split.identity[:IDENTITY]}",
        "seal": "" if data.seal is None else data.seal.id,
        "architecture": learner.kind.architecture.label,
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
