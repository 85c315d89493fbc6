"""A saved model taken up again: to predict, or to be judged on the rows it was held from."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from drivetrain.calls import named
from drivetrain.errors import ArtefactError, DataError, SettingError
from drivetrain.runtime.artefact import DATA, WEIGHTS, Artefact, open_artefact
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.golden import read_golden
from drivetrain.runtime.manifest import Manifest, Opening
from drivetrain.runtime.predictor import Predictor
from drivetrain.runtime.targets import CategoryTarget
from drivetrain.settings import choice, place
from drivetrain.training.inference import TorchEngine, for_inference, lower_precision_holds
from drivetrain.training.kinds import rebuild_kind
from drivetrain.training.network import Network
from drivetrain.training.place import Place, Precision, find_place

if TYPE_CHECKING:  # what only judging needs is loaded there: predicting shall start fast
    from drivetrain.data.examples import Examples
    from drivetrain.data.seal import SealedSet
    from drivetrain.data.sources import Source
    from drivetrain.data.store import Store
    from drivetrain.evaluation.metrics import Metric
    from drivetrain.evaluation.predictions import Predictions
    from drivetrain.evaluation.scores import Scores

CHECKED_ROWS = 64
"""On which lower precision than the model was trained in is compared with fp32."""


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
    load_parameters(network, artefact)
    network.to(place.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return network.eval()


def load_parameters(network: Network, artefact: Artefact) -> None:
    """Give a network the parameters of an artefact; raises ArtefactError where they do not fit."""
    try:
        network.load_state_dict(load_file(artefact.file(WEIGHTS)))
    except (SafetensorError, RuntimeError) as error:
        first_line = str(error).splitlines()[0]
        raise ArtefactError(f"{artefact.path / WEIGHTS} does not fit the manifest: {first_line}") from error


def load_with_torch(artefact: Artefact, *, device: str, precision: Precision, top_k: int) -> Predictor:
    """A saved model that answers with torch; `drivetrain.load` calls this where there is no ONNX file to run.

    Args:
        artefact: Opened and verified.
        device: As of `Learner`.
        precision: ``auto`` takes what the hardware has natively, as `Learner` does, but nothing lower than the model
            was trained in: there are no pictures here to check it on.
        top_k: How many categories `Prediction.top` lists, at most.

    Raises:
        ArtefactError: The parameters do not fit the architecture that the manifest names.
    """
    manifest = artefact.manifest
    place = find_place(device, precision)
    if precision == "auto" and _is_lower(place, manifest):
        reason = f"as the model was trained; {place.precision.value} has not been checked for it"
        place = replace(place, precision=Decision(value="fp32", reason=reason))
    network, folding = for_inference(load_network(artefact, place), place, _noise(manifest))
    return Predictor(
        manifest.input,
        manifest.target,
        TorchEngine(network, place),
        top_k=top_k,
        decisions={"precision": place.precision, "folding": folding},
        manifest=manifest,
        calibration=manifest.calibration,
        golden=read_golden(artefact),
    )


def _noise(manifest: Manifest) -> NDArray[np.uint8]:
    """One input that looks like nothing, (1, S, S, C)."""
    size_px, channels = manifest.input.size_px, manifest.input.channels
    return np.random.default_rng(0).integers(0, 256, (1, size_px, size_px, channels), dtype=np.uint8)


def _is_lower(place: Place, manifest: Manifest) -> bool:
    """Whether `place` computes in lower precision than the model was trained in."""
    trained = manifest.decisions.get("precision")
    return place.dtype is not torch.float32 and trained is not None and trained.value == "fp32"


def _checked_precision(artefact: Artefact, store: Store, place: Place) -> Place:
    """Lower precision than the model was trained in, where it says the same of the first rows; else fp32."""
    from drivetrain.training.evaluating import raw_outputs  # noqa: PLC0415 - brings the data rooms

    manifest = artefact.manifest
    few = range(min(CHECKED_ROWS, len(store.paths)))
    exact_place = replace(place, precision=Decision(value="fp32", reason=""))
    exact, lower = (
        raw_outputs(load_network(artefact, there), manifest.input, store, there, rows=few)
        for there in (exact_place, place)
    )
    found = lower_precision_holds(exact, lower, compare_largest=isinstance(manifest.target, CategoryTarget))
    if found.value:
        return replace(place, precision=Decision(value=place.precision.value, reason=found.reason))
    said = f"as the model was trained; in {place.precision.value} {found.reason}"
    return replace(place, precision=Decision(value="fp32", reason=said))


@dataclass(frozen=True)
class Evaluation:
    """A saved model judged on rows that were found again."""

    scores: Scores
    predictions: Predictions
    not_found: int
    """Rows of the part, as the split knows them, that the data no longer hold."""
    precision: Decision
    """Of the arithmetic."""
    opening: Opening | None = None
    """The record of this opening, of a test set."""

    def __str__(self) -> str:
        from drivetrain.evaluation.openings import describe  # noqa: PLC0415

        return "\n".join([str(self.scores), *([] if self.opening is None else describe(self.opening, self.scores))])


@dataclass
class _Judging:
    """Says what a saved model makes of some rows, when it is called."""

    artefact: Artefact
    examples: Examples
    place: Place
    may_choose: bool
    """Whether the precision may be chosen by comparing two on the first rows."""

    def __call__(self) -> Predictions:
        from drivetrain.data.store import Store  # noqa: PLC0415
        from drivetrain.training.evaluating import raw_outputs  # noqa: PLC0415
        from drivetrain.training.judging import judge  # noqa: PLC0415

        manifest = self.artefact.manifest
        store = Store(self.examples.paths, manifest.input, digests=self.examples.digests)
        if self.may_choose and _is_lower(self.place, manifest):
            self.place = _checked_precision(self.artefact, store, self.place)
        outputs = raw_outputs(load_network(self.artefact, self.place), manifest.input, store, self.place)
        return judge(outputs, self.examples, manifest.target, None)


@named
def evaluate(
    path: str | os.PathLike[str],
    part: Literal["valid", "test"] = "valid",
    *,
    data: Source | None = None,
    metrics: Sequence[Any] | None = None,
    device: str | int | torch.device = "auto",
    precision: Precision | torch.dtype = "auto",
    seal: str | os.PathLike[str] | None = None,
    project: str | os.PathLike[str] | None = None,
) -> Evaluation:
    """Judge a saved model on its validation rows, or open its test set.

    The artefact holds no pictures: the rows are found again in `data` by their content, wherever they lie and
    whatever they are called. An opening of the test set is recorded, in the artefact and in the log of the project,
    with what was predicted of it; see `Learner.test`.

    Args:
        path: The artefact.
        part: ``valid`` or ``test``.
        data: Folder, table or DataFrame that holds the rows; None takes the place they were trained from.
        metrics: Names or functions; None takes those of the training.
        device: As of `Learner`.
        precision: As of `Learner`; where ``auto`` would be lower than the model was trained in, it is compared with
            fp32 on the first rows, and fp32 is taken if they differ.
        seal: The test set that `data` holds, where it is another one than the model's own: a seal that was handed to
            whoever trained the model, so that none of these pictures was trained on.
        project: The project folder; None takes the one at hand, see `images`.

    Raises:
        ArtefactError: The artefact cannot be used.
        DataError: None of the rows are there.
        SealError: The log of the project was tampered with, the test rows are not those that were sealed, or validation
            rows were sealed as test rows since.
    """
    from drivetrain.data.listing import SourceSpec  # noqa: PLC0415 - these bring pandas and scikit-learn
    from drivetrain.data.matching import images_for_evaluation  # noqa: PLC0415
    from drivetrain.data.project import Project  # noqa: PLC0415
    from drivetrain.data.sealing import check_validation  # noqa: PLC0415
    from drivetrain.data.split import Split  # noqa: PLC0415
    from drivetrain.evaluation.scores import score  # noqa: PLC0415
    from drivetrain.training.sealing import open_saved, seal_of  # noqa: PLC0415

    path, part = place("path", path), choice("part", part, ("valid", "test"))
    Project.find(project)  # says so now if it cannot be one
    computing = find_place(device, precision)
    seal = None if seal is None else place("seal", seal)
    artefact = open_artefact(path)
    manifest = artefact.manifest
    if seal is not None:
        if part != "test" or data is None:
            raise SettingError(
                f"seal={seal!r} names the test set that data holds; expected both. To fix: pass data, and part='test'."
            )
        return _evaluate_sealed(artefact, seal, data, metrics, at=computing, project=project)
    measures = _measures(metrics, manifest)
    if manifest.n.get(part, 0) == 0:
        raise DataError(f"{artefact.path} was trained without a {part} set: there is nothing to evaluate on.")
    reading = json.loads(artefact.file(DATA).read_text(encoding="utf-8"))
    found = images_for_evaluation(
        source_of(artefact, reading) if data is None else data,
        split=Split.model_validate(reading["split"]),
        part=part,
        target=manifest.target,
        spec=SourceSpec.model_validate(reading["spec"]),
        channels=manifest.input.channels,
    )
    judging = _Judging(artefact, found.examples, computing, precision == "auto")
    if part == "valid":
        check_validation(found.examples, project)
        predictions = judging()
        scores = _beside(score(predictions, measures, part="validation"), predictions, measures, reading)
        return Evaluation(scores, predictions, found.n_missing, judging.place.precision)
    sealed = seal_of(artefact) or _sealed_now(found.examples, artefact)
    opened = open_saved(artefact, judging, measures, sealed=sealed, project=project, main=judging.place.main)
    scores = _beside(opened.scores, opened.predictions, measures, reading)
    return Evaluation(scores, opened.predictions, found.n_missing, judging.place.precision, opened.opening)


def _measures(metrics: Any, manifest: Manifest) -> tuple[Metric, ...]:
    """What was asked for, or else what the training was judged by."""
    from drivetrain.evaluation.metrics import resolve_metrics  # noqa: PLC0415 - brings scikit-learn

    return resolve_metrics(manifest.metrics or None if metrics is None else metrics, manifest.target)


def _beside(scores: Scores, predictions: Predictions, metrics: Sequence[Metric], reading: dict[str, Any]) -> Scores:
    """The scores beside the constant answer of the training set, where the artefact holds it."""
    from drivetrain.evaluation.baselines import constant_predictions  # noqa: PLC0415
    from drivetrain.evaluation.scores import beside  # noqa: PLC0415

    answer = reading.get("constant_answer")
    return scores if answer is None else beside(scores, metrics, constant_predictions(predictions, answer))


def _sealed_now(examples: Examples, artefact: Artefact) -> SealedSet:
    """A seal for the test rows of a model that was saved without one."""
    from drivetrain.data.seal import SealedSet  # noqa: PLC0415

    return SealedSet.of(examples, source=artefact.path.name)


def _evaluate_sealed(
    artefact: Artefact,
    seal: str | os.PathLike[str],
    data: Source,
    metrics: Sequence[Any] | None,
    *,
    at: Place,
    project: str | os.PathLike[str] | None,
) -> Evaluation:
    """Judge a model on a test set that was never its own: whoever trained it had the seal alone."""
    from drivetrain.data.listing import SourceSpec  # noqa: PLC0415 - these bring pandas and scikit-learn
    from drivetrain.data.matching import images_for_evaluation  # noqa: PLC0415
    from drivetrain.data.seal import SealedSet  # noqa: PLC0415
    from drivetrain.training.sealing import open_saved  # noqa: PLC0415

    sealed, manifest = SealedSet.read(seal), artefact.manifest
    reading = json.loads(artefact.file(DATA).read_text(encoding="utf-8"))
    found = images_for_evaluation(
        data,
        part="all",
        target=manifest.target,
        spec=SourceSpec.model_validate(reading["spec"]),
        channels=manifest.input.channels,
    )
    rows = sealed.rows_of(found.examples.digests)
    if not rows:
        raise DataError(
            f"none of the {sealed.n} pictures of {seal} is in the data (compared by content). "
            "To fix: pass the data that the seal was made from."
        )
    examples = found.examples.subset(rows)
    judging = _Judging(artefact, examples, at, may_choose=False)
    measures = _measures(metrics, manifest)
    opened = open_saved(artefact, judging, measures, sealed=sealed, project=project, main=at.main)
    missing = sealed.n - len(set(examples.digests))
    return Evaluation(opened.scores, opened.predictions, missing, judging.place.precision, opened.opening)


def source_of(artefact: Artefact, reading: dict[str, Any]) -> str:
    """The place the model was trained from, where it is still there."""
    source = reading["source"]
    if source is None or not Path(source).exists():
        where = "a DataFrame" if source is None else f"{source}, which is not here"
        raise DataError(
            f"{artefact.path} was trained from {where}. To fix: pass data, the folder or table with the same pictures "
            "(names and places may have changed)."
        )
    return str(source)
