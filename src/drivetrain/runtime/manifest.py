"""The artefact's manifest: everything needed to rebuild and judge a model, as validated plain data."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

from drivetrain.runtime.calibration import Calibration
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.lineage import Update
from drivetrain.runtime.spec import read_spec
from drivetrain.runtime.targets import Target
from drivetrain.runtime.trust.body_options import check_options
from drivetrain.runtime.trust.encoder_config import check_config
from drivetrain.runtime.watching.reference import Reference

FORMAT_VERSION = 2
SMALL_VERSION = 3
"""Of a small update, which lies beside the model that it came from and holds neither of these files itself."""
READABLE_VERSIONS = (1, 2, 3)
"""1 has no ONNX file: it is answered with torch."""

WEIGHTS = "model.safetensors"
MODEL = "model.onnx"

ExportPrecision = Literal["fp32", "int8", "bf16", "fp16"]
"""Of the weights in `model.onnx`: 8 bits for weights and activations, or 16 bits for weights alone."""


MOST_FILES, MOST_ENTRIES = 1000, 100_000
"""Of a manifest: files, and rows of a list."""
MOST_FEATURES = 2**18


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileRecord(_Record):
    """Size and content hash of one file of the artefact."""

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Architecture(_Record):
    """How to rebuild the network before its parameters are loaded; of what is no network, what it is called."""

    name: str = Field(pattern=r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?$", max_length=200)
    """Of timm, or one that the kind of input knows; never code."""
    options: dict[str, Any] = {}
    """Keyword arguments of that architecture: plain numbers, switches and names of layers, see `body_options`."""
    config: dict[str, Any] = {}
    """Of an encoder of Hugging Face: its configuration, plain values as well, see `encoder_config`."""
    pretrained_from: str | None
    """Where the body's first parameters came from, as text that is never opened; None: trained from scratch."""
    features: int = Field(ge=1, le=MOST_FEATURES)
    """Width of the body's pooled output, which the head reads."""
    dropout: float = Field(ge=0, lt=1)
    """Of the head."""

    @field_validator("options")
    @classmethod
    def _options_are_plain(cls, options: dict[str, Any]) -> dict[str, Any]:
        check_options(options)
        return options

    @field_validator("config")
    @classmethod
    def _config_is_plain(cls, config: dict[str, Any]) -> dict[str, Any]:
        check_config(config)
        return config

    @model_serializer(mode="wrap")
    def _without_what_is_not_there(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As it was before there was a `config`, of all that has none."""
        return {name: value for name, value in write(self).items() if name != "config" or value}

    @property
    def label(self) -> str:
        """What people call it: a body with a name of its own by that name, so that it is not taken for timm's.

        Example:
            >>> Architecture(name="resnet18", pretrained_from="embedded", features=240, dropout=0.2).label
            'embedded (resnet18)'
            >>> Architecture(name="resnet18", pretrained_from="local-dir:some/place/fruit", features=8, dropout=0).label
            'fruit (resnet18)'
            >>> Architecture(name="resnet18", pretrained_from="resnet18.a1_in1k", features=512, dropout=0.2).label
            'resnet18.a1_in1k'
        """
        name, body = (
            text.removeprefix("local-dir:").replace("\\", "/").rstrip("/").rpartition("/")[2]
            for text in (self.name, self.pretrained_from or self.name)
        )  # without folders: pages that are passed on name no place on a machine
        return body if body.partition(".")[0] == name.partition(".")[0] else f"{body} ({name})"


class ScoreRecord(_Record):
    """One metric with its 95 % interval; None where it is undefined on these rows."""

    value: float | None
    low: float | None
    high: float | None
    n: int = Field(ge=0)
    """Rows."""
    units: int | None = Field(default=None, ge=0)
    """How many of them are independent, where that is another number."""

    @model_serializer(mode="wrap")
    def _without_what_is_not_known(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As it was before there were `units`, where every row counts."""
        found = write(self)
        return {name: value for name, value in found.items() if name != "units" or value is not None}


class Expected(_Record):
    """What a score on the test rows should be, said before they were judged, from the validation rows."""

    metric: str
    value: float
    """Corrected for having chosen the model among `trials`."""
    low: float
    high: float
    """Where a score on `n_test` rows like the validation rows lies 95 times of 100."""
    raw: float
    """As measured on the validation rows, not corrected."""
    n: int = Field(ge=1)
    """Validation rows."""
    n_test: int = Field(ge=1)
    trials: int = Field(ge=1)
    """Models that were compared on these validation rows, this one included."""


class Opening(_Record):
    """One opening of the sealed test set."""

    when: str
    """UTC, ISO 8601."""
    parameters_sha256: str
    """Identifies the exact model that was judged."""
    scores: dict[str, ScoreRecord]
    seal: str | None = None
    """Which sealed set."""
    count: int = Field(default=1, ge=1)
    """How many times this set had been opened then, by all models, this time included."""
    expected: Expected | None = None
    held: bool | None = None
    """Whether the score lies between `expected.low` and `expected.high`."""
    gap: float | None = None
    """The score less `expected.value`."""
    simultaneous: dict[str, ScoreRecord] = {}
    """From the second opening on: intervals so wide that all the openings' hold together 95 times of 100."""
    entry: str | None = None
    """Hash of the log's line about it."""


class Seal(_Record):
    """The sealed test set that a model has not been trained on; `seal.json` beside the manifest is the whole of it."""

    id: str
    identity: str
    """Hash over the contents of the test rows."""
    n: int = Field(ge=1)
    """Distinct contents."""
    created: str
    """UTC, ISO 8601."""
    log: str | None = None
    """First line (hash) of the project's log: tells which log it was."""
    log_lines: int = 0
    log_head: str | None = None
    """Last line (hash) of that log when this was written: a log that does not hold it any more was tampered with."""


class PairedChange(_Record):
    """What lower precision changed on the validation rows, both models answering the same ones."""

    measure: str
    """What is averaged over the rows: higher is better."""
    fp32: float
    lower: float
    change: float
    """`lower` − `fp32`; `low` and `high` are its 95 % interval."""
    low: float
    high: float
    n: int = Field(ge=1)
    method: str


class Export(_Record):
    """How `model.onnx` was made, and how far it is from the network that was trained."""

    exporter: Literal["dynamo", "torchscript", "direct"]
    """Of torch.onnx; direct: the model, which is no network, wrote it itself."""
    opset: int
    precision: ExportPrecision
    n: int = Field(ge=1)
    """Rows on which the file, in fp32, was compared with the trained model in fp32."""
    n_held_out: int = Field(ge=0)
    """Of these, rows of the validation set; the rest are training rows."""
    max_abs_difference: float = Field(ge=0)
    """Of the raw outputs, in fp32, on those rows and on random noise."""
    agreement: float | None = Field(ge=0, le=1)
    """Share of those rows of which both say the same; None for numbers."""
    seconds: float = Field(ge=0)
    """The whole of it: conversion, comparison, lower precision."""
    change: PairedChange | None = None
    """What a precision below fp32 changed, where one was asked for, taken or not."""


class Manifest(_Record):
    """`manifest.json` of an artefact."""

    format: Literal["drivetrain artefact"] = "drivetrain artefact"
    format_version: int = FORMAT_VERSION
    created: str
    """UTC, ISO 8601."""
    versions: dict[str, str] = Field(max_length=200)
    """Of drivetrain and the libraries that trained the model."""
    input: Annotated[Any, PlainValidator(read_spec)]
    """An `InputSpec`, of a kind that `drivetrain.runtime.kinds` knows."""
    target: Target
    architecture: Architecture
    decisions: dict[str, Decision] = Field(default={}, max_length=1000)
    split_identity: str
    n: dict[str, Annotated[int, Field(ge=0)]] = Field(max_length=10)
    """Rows in `train`, `valid` and `test`."""
    parameters_sha256: str
    metrics: tuple[str, ...] = Field(default=(), max_length=100)
    """Names of the metrics chosen for training; functions of the user's are not kept."""
    validation: dict[str, ScoreRecord] = {}
    seal: Seal | None = None
    """None: there is no test set."""
    expected: Expected | None = None
    """What the first metric should say of the test set, see `Expected`."""
    test_openings: tuple[Opening, ...] = Field(default=(), max_length=MOST_ENTRIES)
    history: tuple[dict[str, float | int | str | None], ...] = Field(default=(), max_length=MOST_ENTRIES)
    """One row per epoch."""
    export: Export | None = None
    """None: there is no `model.onnx`; `decisions["export"]` says why."""
    calibration: Calibration | None = None
    """Turns raw outputs into the probabilities, sets and abstentions of answers. None: too few validation rows."""
    reference: Reference | None = None
    """What validation looked like, for watching a service."""
    lineage: tuple[Update, ...] = Field(default=(), max_length=1000)
    """The updates that led to this model, the oldest first; none: it was trained in one go."""
    files: dict[str, FileRecord] = Field(max_length=MOST_FILES)
