"""A model put on record as a run of the project, with what it says of each validation row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drivetrain.data.seals.project import Project
from drivetrain.data.seals.seal import identity_of
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.record.runs import RunLog
from drivetrain.learner.model import Model


def put_on_record(
    model: Model,
    predictions: Predictions,
    epochs: Sequence[Mapping[str, Any]],
    *,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Add a run to the project: what was just trained, or what was judged for the first time.

    Args:
        model: As it is now.
        predictions: What it says of the validation rows.
        epochs: Rows of the history that are this run's.
        settings: JSON values that say how it was trained.
    """
    data = model.data
    RunLog(Project.find(data.project)).add(
        predictions,
        model.metrics,
        arch=model.label,
        split=data.split.identity,
        seal=data.seal.id if data.seal else None,
        n_train=len(data.train),
        parameters_sha256=model.identity(),
        history=epochs,
        settings=settings or {},
        decisions=model.decisions,
    )


def is_on_record(model: Model, predictions: Predictions) -> bool:
    """Whether a run of this very model on these rows is on record."""
    trials = RunLog(Project.find(model.data.project)).on(identity_of(predictions.ids), predictions.target.name)
    return any(run.record.parameters_sha256 == model.identity() for run in trials.runs)
