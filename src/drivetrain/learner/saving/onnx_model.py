"""A saved model that is no network, taken up again with its rows: judged, reported and reviewed as when it was made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from drivetrain.data.examples import Examples
from drivetrain.data.reopen import data_of
from drivetrain.data.seals.sealing import seal_data
from drivetrain.errors import SettingError
from drivetrain.evaluation.predictions import Predictions
from drivetrain.kinds.ratings.recommending.recommends import Recommends
from drivetrain.learner.base import ModelBase
from drivetrain.learner.saving.direct import Outputs, outputs_of
from drivetrain.learner.saving.network_or_not import label_of
from drivetrain.runtime.artefact import MODEL, WEIGHTS, Artefact, open_artefact
from drivetrain.runtime.kinds import face, has_face
from drivetrain.runtime.loading import companion_files, companion_of, further_files
from drivetrain.runtime.manifest import Manifest
from drivetrain.runtime.onnx.engine import OnnxEngine
from drivetrain.runtime.predictor import checked_outputs
from drivetrain.runtime.spec import Arrays, InputSpec
from drivetrain.runtime.trust.known_models import is_known
from drivetrain.runtime.trust.quarantine import ensure_tried

if TYPE_CHECKING:
    from drivetrain.data.seals.project import ProjectPlace
    from drivetrain.data.sources import Source
    from drivetrain.kinds.ratings.recommending.recommender import Recommender


def check_asked(artefact: Artefact, device: str, precision: str) -> None:
    """Raise SettingError where a model that is no network is to answer on another device, or in another precision."""
    for name, value, usual in (("device", device, ("auto", "cpu")), ("precision", precision, ("auto", "fp32"))):
        if value not in usual:
            raise SettingError(
                f"{name}={value!r} cannot be used: {artefact.path} holds {label_of(artefact.manifest)}, which run in "
                f"fp32 on the CPU alone; expected {' or '.join(map(repr, usual))}. To fix: leave it out."
            )


def engine_of(artefact: Artefact) -> OnnxEngine:
    """What runs `model.onnx`; one from elsewhere is tried first."""
    ensure_tried(artefact, "onnxruntime")
    file = artefact.file(MODEL)
    engine = OnnxEngine(file.read_bytes(), name=str(file), own=is_known(artefact.manifest, "saved"))
    engine.check_fits(artefact.manifest)
    return engine


class SavedModel(Recommends, ModelBase):
    """A saved model that answers with its ONNX file, and the rows that it was made with.

    Args:
        artefact: The artefact, or where it lies; any that holds `model.onnx`.
        data: Folder, table or DataFrame that holds the rows now; None takes the place they were trained from.
        project: The project folder, whose seals the rows are compared with; None takes the one at hand.

    Raises:
        ArtefactError: The artefact cannot be used, or holds no `model.onnx`.
        DataError: None of the training rows are there.
        SealError: The project has sealed some of them as test rows since.
    """

    def __init__(
        self,
        artefact: Artefact | str | os.PathLike[str],
        *,
        data: Source | None = None,
        project: ProjectPlace = None,
    ) -> None:
        self.artefact = artefact if isinstance(artefact, Artefact) else open_artefact(artefact)
        manifest = self.artefact.manifest
        self._engine = engine_of(self.artefact)
        rows = seal_data(data_of(self.artefact, data), project=project)
        self.label = label_of(manifest)
        super().__init__(rows, metrics=manifest.metrics or None)
        self.history = [dict(row) for row in manifest.history]
        self.decisions = dict(manifest.decisions)
        self.test_openings = list(manifest.test_openings)

    @property
    def spec(self) -> InputSpec:
        """How an input is read."""
        return self.artefact.manifest.input

    def predict_rows(self, rows: Examples, /) -> Predictions:
        """What `model.onnx` says of rows whose target is known."""
        return answers_with(self._engine, self.artefact.manifest, rows)

    def outputs(self, views: Arrays, /) -> Outputs:
        """(N, K) raw outputs."""
        return self._engine(*views)

    def as_onnx(self) -> bytes:
        """The file as it is."""
        return self.artefact.file(MODEL).read_bytes()

    def identity(self) -> str:
        """Of the model that was saved."""
        return self.artefact.manifest.parameters_sha256

    def artefact_files(self) -> Mapping[str, bytes]:
        """The parameters of a network, where it is one; and what its kind of input keeps beside it."""
        kind = self.artefact.manifest.input.kind
        kept = (WEIGHTS, *companion_files(kind), *further_files(kind))
        return {name: self.artefact.file(name).read_bytes() for name in kept if name in self.artefact.manifest.files}

    def _recommender(self) -> Recommender:
        """Of a model of ratings; raises SettingError for others."""
        return self._companion

    @cached_property
    def _companion(self) -> Any:
        read = companion_of(self.artefact)
        if read is None:
            raise SettingError(
                f"{self.artefact.path} cannot recommend; expected a model of ratings or events. To fix: train one, "
                "with drivetrain train --input ratings."
            )
        return read()

    def _put_on_record(self, predictions: Predictions) -> None:
        """Nothing: it was put on record when it was made."""


def answers_with(engine: OnnxEngine, manifest: Manifest, rows: Examples) -> Predictions:
    """What `model.onnx` says of rows whose target is known."""
    outputs = outputs_of(lambda views: engine(*views), manifest.input, rows)
    checked_outputs(outputs, len(rows), manifest.target.n_outputs)
    if has_face(manifest.input.kind, "judging"):  # the kind knows which rows belong together
        return face(manifest.input.kind, "judging").predictions_of(manifest.input, rows, manifest.target, outputs)
    return Predictions.of(rows, manifest.target, manifest.target.activate(outputs))
