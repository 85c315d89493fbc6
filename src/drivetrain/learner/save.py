"""From a Learner to an artefact on disk."""

from __future__ import annotations

import os
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from drivetrain.data.cache.looks import keep_looks
from drivetrain.data.record import DataRecord
from drivetrain.errors import ArtefactError, DrivetrainWarning, ExportError, MissingExtraError, PictureError
from drivetrain.evaluation.baselines import constant_answer
from drivetrain.evaluation.metrics.metrics import metric_named
from drivetrain.evaluation.record.records import score_records
from drivetrain.files import locked_place
from drivetrain.learner.report import card_of
from drivetrain.learner.test_set import head_of_log
from drivetrain.learner.validation_record import calibration_of, reference_of
from drivetrain.progress import say
from drivetrain.runtime.artefact import (
    CARD,
    DATA,
    MODEL,
    SEAL,
    check_target_path,
    is_artefact,
    open_artefact,
    write_artefact,
)
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Opening
from drivetrain.runtime.targets import check_names_of
from drivetrain.training.exporting import ExportPlan, answers_of, export_trained
from drivetrain.training.identity import versions

if TYPE_CHECKING:
    from drivetrain.evaluation.scores import Scores
    from drivetrain.export.exporting import Exported
    from drivetrain.learner.learner import Learner


def save_learner(learner: Learner, path: str | os.PathLike[str], plan: ExportPlan) -> Path:
    """Write the artefact of a trained Learner; see `Learner.save`."""
    target = check_target_path(path)
    data = learner.data
    names = [metric.name for metric in learner.metrics]
    scores = learner.validate() if len(data.valid) else None  # takes part in all processes
    expected = learner.expected_test_score()
    if not learner.place.main:
        return target
    exported, decision = _exported(learner, plan)
    predictions = learner.predictions() if len(data.valid) else None
    answered = None
    if exported is not None and exported.record.precision != "fp32" and len(data.valid):
        answered = answers_of(exported.files[MODEL], learner.kind.spec, data.target, data.valid, learner.loss)
        predictions, scores, expected = answered, learner.scores_of(answered), learner.expected_test_score(answered)
        _tell_of_lower(learner, scores, decision)
    learner.saved_scores = scores
    calibration = None if predictions is None else calibration_of(predictions)
    seal = data.seal
    record = DataRecord.of(data, constant_answer(data.target, data.target.encode(data.train.values)))
    for rows in (data.train, data.valid):  # a report or a review will ask
        keep_looks(rows)
    manifest = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "input": learner.kind.spec,
        "target": data.target,
        "architecture": learner.kind.architecture,
        "decisions": {**learner.decisions, "export": decision},
        "split_identity": data.split.identity,
        "n": {"train": len(data.train), "valid": len(data.valid), "test": data.n_test},
        "parameters_sha256": learner.identity(),
        "metrics": tuple(name for name in names if metric_named(name)),
        "validation": {} if scores is None else score_records(scores),
        "seal": None if seal is None else seal.brief(head_of_log(learner.project)),
        "expected": expected,
        "history": learner.history,
        "export": None if exported is None else exported.record,
        "calibration": calibration,
        "reference": None if predictions is None else reference_of(predictions, learner.valid_store, calibration),
    }
    try:
        check_names_of(data.target)
    except ValueError as error:
        warnings.warn(f"others will not be able to load this model: {error}.", DrivetrainWarning, 3)
    contents = {**learner.artefact_files(), DATA: record.as_bytes()}
    if seal is not None:
        contents[SEAL] = seal.as_bytes()
    contents |= {} if exported is None else exported.files
    with locked_place(target):  # an opening that another process records meanwhile would be lost
        openings = [*_earlier_openings(target, learner), *learner.test_openings]
        if predictions is not None:
            contents[CARD] = card_of(learner, target.name, openings, judged=answered).encode()
        return write_artefact(target, contents, {**manifest, "test_openings": openings}).path


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


def _earlier_openings(target: Path, learner: Learner) -> list[Opening]:
    """Openings of the same test set that the artefact about to be replaced has on record: they are not forgotten."""
    if not is_artefact(target):
        return []
    try:
        manifest = open_artefact(target).manifest
    except ArtefactError:  # damaged: there is nothing in it to rely on
        return []
    if manifest.split_identity != learner.data.split.identity:
        return []
    return [opening for opening in manifest.test_openings if opening not in learner.test_openings]
