"""A saved model taken up again: to predict, or to be judged on the rows it was held from."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from drivetrain.data.listing import SourceSpec
from drivetrain.data.matching import images_for_evaluation
from drivetrain.data.sources import Source
from drivetrain.data.split import Split
from drivetrain.data.store import Store
from drivetrain.errors import ArtefactError, DataError, SettingError
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.records import opening_of
from drivetrain.evaluation.scores import Scores, score
from drivetrain.runtime.artefact import DATA, WEIGHTS, Artefact, open_artefact, update_manifest
from drivetrain.runtime.predictor import Predictor
from drivetrain.training.evaluating import TorchEngine, raw_outputs
from drivetrain.training.judging import judge
from drivetrain.training.kinds import rebuild_kind
from drivetrain.training.network import Network
from drivetrain.training.place import Place, Precision, find_place


def load_network(artefact: Artefact, place: Place) -> Network:
    """The trained network of an artefact, on the device of `place`, in evaluation mode.

    Raises:
        ArtefactError: The parameters do not fit the architecture that the manifest names.
    """
    manifest = artefact.manifest
    with place.own_randomness():
        normalise, body = rebuild_kind(manifest.input, manifest.architecture)
        network = Network(
            normalise,
            body,
            features=manifest.architecture.features,
            n_outputs=manifest.target.n_outputs,
            dropout=manifest.architecture.dropout,
        )
    try:
        network.load_state_dict(load_file(artefact.file(WEIGHTS)))
    except (SafetensorError, RuntimeError) as error:
        first_line = str(error).splitlines()[0]
        raise ArtefactError(f"{artefact.path / WEIGHTS} does not fit the manifest: {first_line}") from error
    network.to(place.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return network.eval()


def load(
    path: str | os.PathLike[str], *, device: str = "auto", precision: Precision = "auto", top_k: int = 5
) -> Predictor:
    """A saved model, ready to predict; needs the artefact alone, no training data.

    (The torch-free engine will be chosen here once artefacts carry ONNX.)

    Raises:
        ArtefactError: The artefact is missing, altered or of an unknown format.
    """
    artefact = open_artefact(path)
    place = find_place(device, precision)
    engine = TorchEngine(load_network(artefact, place), place)
    return Predictor(artefact.manifest.input, artefact.manifest.target, engine, top_k=top_k)


@dataclass(frozen=True)
class Evaluation:
    """A saved model judged on rows that were found again."""

    scores: Scores
    predictions: Predictions
    not_found: int
    """Rows of the part, as the split knows them, that the data no longer hold."""


def evaluate(
    path: str | os.PathLike[str],
    part: Literal["valid", "test"] = "valid",
    *,
    data: Source | None = None,
    metrics: Sequence[Any] | None = None,
    device: str = "auto",
    precision: Precision = "auto",
) -> Evaluation:
    """Judge a saved model on its validation rows, or open its test set.

    The artefact holds no pictures: the rows are found again in `data` by their content, wherever they lie and
    whatever they are called. An opening of the test set is recorded in the artefact.

    Args:
        path: The artefact.
        part: ``valid`` or ``test``.
        data: Folder, table or DataFrame that holds the rows; None takes the place they were trained from.
        metrics: Names or functions; None takes those of the training.
        device: As of `Learner`.
        precision: As of `Learner`.

    Raises:
        ArtefactError: The artefact cannot be used.
        DataError: None of the rows are there.
    """
    if part not in ("valid", "test"):
        raise SettingError(f"part={part!r} is not known: expected 'valid' or 'test'.")
    artefact = open_artefact(path)
    manifest = artefact.manifest
    if manifest.n.get(part, 0) == 0:
        raise DataError(f"{artefact.path} was trained without a {part} set: there is nothing to evaluate on.")
    reading = json.loads(artefact.file(DATA).read_text(encoding="utf-8"))
    found = images_for_evaluation(
        _source_of(artefact, reading) if data is None else data,
        split=Split.model_validate(reading["split"]),
        part=part,
        target=manifest.target,
        spec=SourceSpec.model_validate(reading["spec"]),
        channels=manifest.input.channels,
    )
    place = find_place(device, precision)
    store = Store(found.examples.paths, manifest.input)
    outputs = raw_outputs(load_network(artefact, place), manifest.input, store, place)
    predictions = judge(outputs, found.examples, manifest.target, None)
    scores = score(predictions, metrics or manifest.metrics or None, part="test" if part == "test" else "validation")
    if part == "test" and place.main:
        opening = opening_of(scores, manifest.parameters_sha256)
        update_manifest(artefact, test_openings=(*manifest.test_openings, opening))
    return Evaluation(scores, predictions, found.n_missing)


def _source_of(artefact: Artefact, reading: dict[str, Any]) -> str:
    """The place the model was trained from, where it is still there."""
    source = reading["source"]
    if source is None or not Path(source).exists():
        where = "a DataFrame" if source is None else f"{source}, which is not here"
        raise DataError(
            f"{artefact.path} was trained from {where}. Mend it: pass data, the folder or table with the same pictures "
            "(names and places may have changed)."
        )
    return str(source)
