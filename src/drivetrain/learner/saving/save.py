"""From a model to an artefact on disk."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from drivetrain.data.cache.looks import keep_looks
from drivetrain.data.cache.store import Store
from drivetrain.data.record import DataRecord
from drivetrain.errors import ArtefactError, DrivetrainWarning, ExportError, MissingExtraError, PictureError
from drivetrain.evaluation.baselines import constant_answer
from drivetrain.evaluation.metrics.metrics import metric_named
from drivetrain.evaluation.record.records import score_records
from drivetrain.files import locked_place
from drivetrain.learner.report import card_of
from drivetrain.learner.saving.validation_record import calibration_of, reference_of
from drivetrain.learner.test_set import head_of_log
from drivetrain.learner.updating.exemplars import Exemplars, chosen_exemplars
from drivetrain.progress import say
from drivetrain.runtime.artefact import (
    CARD,
    DATA,
    EXEMPLARS,
    MODEL,
    SEAL,
    check_target_path,
    is_artefact,
    open_artefact,
    write_artefact,
)
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import FORMAT_VERSION, SMALL_VERSION, Architecture, Expected, FileRecord, Opening
from drivetrain.runtime.targets import check_names_of
from drivetrain.training.exporting import EXACT, ExportPlan, answers_of, export_trained
from drivetrain.training.identity import versions

if TYPE_CHECKING:
    from drivetrain.evaluation.predictions import Predictions
    from drivetrain.evaluation.scores import Scores
    from drivetrain.export.exporting import Exported
    from drivetrain.learner.base import ModelBase
    from drivetrain.learner.learner import Learner
    from drivetrain.runtime.additions.shrinking import Shrunk
    from drivetrain.runtime.calibration import Calibration
    from drivetrain.runtime.spec import InputSpec
    from drivetrain.runtime.watching.reference import Reference

    Shrink = Callable[[Mapping[str, bytes]], Shrunk]


@dataclass(frozen=True)
class Described:
    """What is saved, whatever made it."""

    spec: InputSpec
    architecture: Architecture
    exported: Exported | None
    """The model that runs without torch; None: torch is needed."""
    decision: Decision
    """Why its precision is what it is, or why there is none."""
    carried: Exemplars | None = None
    """Training rows that travel with it."""


@dataclass(frozen=True)
class Told:
    """What the saved model says of the validation rows; all None where there are none."""

    predictions: Predictions | None
    scores: Scores | None
    expected: Expected | None
    calibration: Calibration | None
    reference: Reference | None
    judged: Predictions | None = None
    """The predictions, where they are not the trained model's own: lower precision says something else."""


def save_learner(
    learner: Learner,
    path: str | os.PathLike[str],
    plan: ExportPlan,
    *,
    exemplars: int | None = None,
    shrink: Shrink | None = None,
) -> Path:
    """Write the artefact of a trained Learner; see `Learner.save`.

    Args:
        learner: Trained.
        path: The folder.
        plan: How it is exported.
        exemplars: Training rows of each class that travel with it.
        shrink: Makes it a small update of its parent; None writes it whole.
    """
    target = check_target_path(path)
    data = learner.data
    if len(data.valid):
        learner.validate()  # takes part in all processes
    learner.expected_test_score()
    learner.identity()
    with made_whole(learner):
        return target if not learner.place.main else _write_learner(learner, target, plan, exemplars, shrink)


def _write_learner(
    learner: Learner, target: Path, plan: ExportPlan, exemplars: int | None, shrink: Shrink | None
) -> Path:
    """In the first of several processes."""
    data = learner.data
    exported, decision = _exported(learner, plan)
    if exemplars is None:
        exemplars = 0 if learner.carried is None else learner.carried.per_class
    carried = chosen_exemplars(learner, exemplars)
    described = Described(learner.kind.spec, learner.kind.architecture, exported, decision, carried)
    answered = None
    if exported is not None and exported.record.precision != "fp32" and len(data.valid):
        answered = answers_of(exported.files[MODEL], learner.kind.spec, data.target, data.valid, learner.loss)
        _tell_of_lower(learner, learner.scores_of(answered), decision)
    told = as_it_says(learner, described, learner.valid_store, judged=answered)
    learner.saved_scores = told.scores
    return write_model(learner, target, described, told, shrink)


@contextmanager
def made_whole(learner: Learner) -> Generator[None]:
    """Inside this block the first of several processes has the network whole, and to itself, where it lies split."""
    whole = None if learner.split is None else learner.split.whole()
    if whole is None:
        yield
        return
    split, learner.network = learner.network, whole
    place, learner.place = learner.place, EXACT
    try:
        yield
    finally:
        learner.network, learner.place = split, place


def as_it_says(model: ModelBase, described: Described, store: Store, *, judged: Predictions | None = None) -> Told:
    """What goes into the artefact about the validation rows.

    Args:
        model: Trained.
        described: How it is saved.
        store: What was loaded of the validation rows.
        judged: What the saved model says of them, where that is not what the trained model says.
    """
    expected = model.expected_test_score(judged)
    if not len(model.data.valid):
        return Told(None, None, expected, None, None)
    predictions = model.predictions() if judged is None else judged
    scores = model.validate() if judged is None else model.scores_of(judged)
    calibration = calibration_of(predictions)
    reference = reference_of(predictions, store, calibration)
    return Told(predictions, scores, expected, calibration, reference, judged)


def write_model(model: ModelBase, target: Path, described: Described, told: Told, shrink: Shrink | None = None) -> Path:
    """Write the artefact of any model: its files, what they are, what the model was trained on and what it is worth."""
    data, seal, exported = model.data, model.data.seal, described.exported
    record = DataRecord.of(data, constant_answer(data.target, data.target.encode(data.train.values)))
    for rows in (data.train, data.valid):  # a report or a review will ask
        keep_looks(rows)
    manifest = {
        "format_version": FORMAT_VERSION if shrink is None else SMALL_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "input": described.spec,
        "target": data.target,
        "architecture": described.architecture,
        "decisions": {**model.decisions, "export": described.decision},
        "split_identity": data.split.identity,
        "n": {"train": len(data.train), "valid": len(data.valid), "test": data.n_test},
        "parameters_sha256": model.identity(),
        "metrics": tuple(metric.name for metric in model.metrics if metric_named(metric.name)),
        "validation": {} if told.scores is None else score_records(told.scores),
        "seal": None if seal is None else seal.brief(head_of_log(model.project)),
        "expected": told.expected,
        "history": model.history,
        "export": None if exported is None else exported.record,
        "calibration": told.calibration,
        "reference": told.reference,
        "lineage": model.lineage,
    }
    try:
        check_names_of(data.target)
    except ValueError as error:
        warnings.warn(f"others will not be able to load this model: {error}.", DrivetrainWarning, 3)
    contents = {**model.artefact_files(), **described.spec.files(), DATA: record.as_bytes()}
    if seal is not None:
        contents[SEAL] = seal.as_bytes()
    contents |= {} if exported is None else exported.files
    contents |= {} if described.carried is None else {EXEMPLARS: described.carried.as_bytes()}
    with locked_place(target):  # an opening that another process records meanwhile would be lost
        openings = [*_earlier_openings(target, model), *model.test_openings]
        if told.predictions is not None:
            contents[CARD] = card_of(model, target.name, openings, judged=told.judged).encode()
        made: Mapping[str, FileRecord] = {}
        if shrink is not None:
            contents, made = shrink(contents)
        return write_artefact(target, contents, {**manifest, "test_openings": openings}, made=made).path


def _exported(learner: Learner, plan: ExportPlan) -> tuple[Exported | None, Decision]:
    """The model that runs without torch; where there is none, training is not lost: the parameters are saved."""
    if plan.precision is None:
        return None, Decision(value=None, reason="not asked for")
    data = learner.data
    try:
        made = export_trained(learner.network, learner.kind.spec, data.target, data.valid, data.train, plan=plan)
    except (ExportError, PictureError, MissingExtraError) as error:
        warnings.warn(f"saved without model.onnx, so that torch is needed to load it: {error}", DrivetrainWarning, 4)
        return None, Decision(value=None, reason=str(error))
    if made.decision.value != plan.precision:
        warnings.warn(f"model.onnx is in {made.decision}", DrivetrainWarning, 4)
    return made, made.decision


def _tell_of_lower(learner: Learner, scores: Scores, decision: Decision) -> None:
    say(f"model.onnx answers in {decision.value}; the validation scores that are stored with it are its own:\n{scores}")
    if learner.test_openings:
        warnings.warn(
            f"the test set was opened with the model in fp32, and model.onnx answers in {decision.value}: the test "
            "scores on record are those of fp32. To judge what is shipped: drivetrain evaluate MODEL --test.",
            DrivetrainWarning,
            4,
        )


def _earlier_openings(target: Path, model: ModelBase) -> list[Opening]:
    """Openings of the same test set that the artefact about to be replaced has on record: they are not forgotten."""
    if not is_artefact(target):
        return []
    try:
        manifest = open_artefact(target).manifest
    except ArtefactError:  # damaged: there is nothing in it to rely on
        return []
    if manifest.split_identity != model.data.split.identity:
        return []
    return [opening for opening in manifest.test_openings if opening not in model.test_openings]
