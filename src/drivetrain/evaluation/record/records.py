"""Scores as an artefact's manifest keeps them."""

from __future__ import annotations

from datetime import UTC, datetime

from drivetrain.evaluation.scores import Scores
from drivetrain.runtime.manifest import Opening, ScoreRecord


def score_records(scores: Scores) -> dict[str, ScoreRecord]:
    """Metric name → value, interval and n."""
    return {name: ScoreRecord.model_validate(found.as_json()) for name, found in scores.items()}


def opening_of(scores: Scores, parameters_sha256: str) -> Opening:
    """The record of one look at the test set."""
    return Opening(
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        parameters_sha256=parameters_sha256,
        scores=score_records(scores),
    )
