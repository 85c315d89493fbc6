"""The report of a saved model, and what to review in its data: its rows are found again by content."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from drivetrain.auditing.audit import audit as look_at
from drivetrain.data.reopen import warn_of_learnt
from drivetrain.evaluation.predictions import Predictions
from drivetrain.learner.baselines import asked_audit
from drivetrain.learner.learner import Learner
from drivetrain.learner.report import report_parts, write_page
from drivetrain.learner.review import ReviewRows, review_rows
from drivetrain.learner.saving.network_or_not import is_network
from drivetrain.learner.saving.onnx_model import SavedModel, check_asked
from drivetrain.runtime.artefact import MODEL, Artefact, open_artefact
from drivetrain.runtime.files.places import PAGES, file_to_write
from drivetrain.runtime.trust.quarantine import ensure_tried
from drivetrain.settings import flag, place, text
from drivetrain.text import readable
from drivetrain.training.exporting import answers_of

if TYPE_CHECKING:
    from drivetrain.auditing.audit import Audit
    from drivetrain.data.seals.project import ProjectPlace
    from drivetrain.data.sources import Source
    from drivetrain.learner.base import ModelBase
    from drivetrain.training.place import Precision


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
        probe: Also show what a linear model on the pretrained body reaches.
        device: "auto", "gpu", a torch device, its name, or the number of a GPU.
        precision: "auto" judges what `drivetrain.load` answers; or "fp32", "bf16", "fp16".
        project: The project folder, see `Learner.load`.

    Raises:
        ArtefactError: The artefact cannot be used.
        DataError: The rows are not there, or the model was trained without a validation set.
        SealError: The project has sealed some of the rows as test rows since.
        SettingError: A page cannot be written to `path`.
    """
    path, probe, use = place("path", path), flag("probe", probe), text("use", use, empty=True)
    if not isinstance(audit, bool):
        audit = asked_audit(audit)
    file_to_write(path, "path", over=PAGES)
    artefact = open_artefact(model)
    learner = taken_up(artefact, data, device, precision, project)
    warn_of_learnt(learner.data.valid.digests, learner.data.split, "valid")
    if audit is True:
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
        understanding=True,
    )
    return write_page(path, parts)


def taken_up(
    artefact: Artefact, data: Source | None, device: str, precision: Precision, project: ProjectPlace
) -> ModelBase:
    """A saved model with its rows: a Learner, or what is no network with its ONNX file."""
    if is_network(artefact.manifest):
        return Learner.load(artefact.path, data=data, device=device, precision=precision, project=project)
    check_asked(artefact, device, precision)
    return SavedModel(artefact, data=data, project=project)


def _as_it_answers(artefact: Artefact, learner: ModelBase) -> Predictions | None:
    """What a model in precision below fp32 says of its validation rows; None of one in fp32, as Learners are judged."""
    manifest, valid = artefact.manifest, learner.data.valid
    lower = manifest.export is not None and manifest.export.precision != "fp32" and MODEL in manifest.files
    if not lower or not len(valid):
        return None
    ensure_tried(artefact, "onnxruntime")
    return answers_of(artefact.file(MODEL).read_bytes(), manifest.input, manifest.target, valid)


def gather(
    model: str | os.PathLike[str],
    *,
    data: Source | None = None,
    out_of_fold: Predictions | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    project: ProjectPlace = None,
) -> ReviewRows:
    """Find what a person should look at in the data of a saved model.

    See `drivetrain.learner.review.review_rows`.

    Args:
        model: The artefact.
        data: Folder, table or DataFrame that holds the pictures now; None takes the place they were trained from.
        out_of_fold: Predictions for the training rows by models that have not learnt from them.
        device: "auto", "gpu", a torch device, its name, or the number of a GPU.
        precision: "auto", "fp32", "bf16" or "fp16".
        project: The project folder, see `Learner.load`.

    Raises:
        ArtefactError: The artefact cannot be used.
        DataError: The rows are not there.
        SealError: The project has sealed some of the rows as test rows since.
    """
    artefact = open_artefact(model)
    learner = taken_up(artefact, data, device, precision, project)
    return review_rows(learner, readable(artefact.path.name), out_of_fold=out_of_fold)
