"""The artefact's manifest: everything needed to rebuild and judge a model, as validated plain data."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.inputs import Input
from drivetrain.runtime.targets import Target

FORMAT_VERSION = 1


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileRecord(_Record):
    """Size and content hash of one file of the artefact."""

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Architecture(_Record):
    """How to rebuild the network before its parameters are loaded."""

    name: str
    """A timm architecture, never code."""
    options: dict[str, Any] = {}
    """Keyword arguments of that architecture, plain JSON values."""
    pretrained_from: str | None
    """Where the body's first parameters came from; None: trained from scratch."""
    features: int = Field(ge=1)
    """Width of the body's pooled output, which the head reads."""
    dropout: float = Field(ge=0, lt=1)
    """Of the head."""


class ScoreRecord(_Record):
    """One metric with its 95 % interval; None where it is undefined on these rows."""

    value: float | None
    low: float | None
    high: float | None
    n: int = Field(ge=0)


class Opening(_Record):
    """One opening of the sealed test set."""

    when: str
    """UTC, ISO 8601."""
    parameters_sha256: str
    """Identifies the exact model that was judged."""
    scores: dict[str, ScoreRecord]


class Manifest(_Record):
    """`manifest.json` of an artefact."""

    format: Literal["drivetrain artefact"] = "drivetrain artefact"
    format_version: int = FORMAT_VERSION
    created: str
    """UTC, ISO 8601."""
    versions: dict[str, str]
    """Of drivetrain and the libraries that trained the model."""
    input: Input
    target: Target
    architecture: Architecture
    decisions: dict[str, Decision] = {}
    split_identity: str
    n: dict[str, int]
    """Rows in `train`, `valid` and `test`."""
    parameters_sha256: str
    metrics: tuple[str, ...] = ()
    """Names of the metrics chosen for training; functions of the user's are not kept."""
    validation: dict[str, ScoreRecord] = {}
    test_openings: tuple[Opening, ...] = ()
    history: tuple[dict[str, float | int | str | None], ...] = ()
    """One row per epoch."""
    files: dict[str, FileRecord]
