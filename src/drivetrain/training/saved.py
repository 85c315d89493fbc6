"""A saved model taken up again: to predict, or to be judged on the rows it was held from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from drivetrain.calls import named
from drivetrain.errors import ArtefactError, DataError, SealError, SettingError
from drivetrain.runtime.artefact import GET_AGAIN, MODEL, WEIGHTS, Artefact, open_artefact
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.golden import read_golden
from drivetrain.runtime.manifest import Manifest, Opening
from drivetrain.runtime.predictor import Predictor, checked_outputs
from drivetrain.runtime.quarantine import ensure_tried
from drivetrain.settings import choice, place
from drivetrain.text import printable
from drivetrain.training.inference import TorchEngine, for_inference
from drivetrain.training.kinds import rebuild_kind
from drivetrain.training.network import Network
from drivetrain.training.place import Place, Precision, find_place
from drivetrain.training.shapes import check_shapes

if TYPE_CHECKING:  # what only judging needs is loaded there: predicting shall start fast
    from drivetrain.data.examples import Examples
    from drivetrain.data.seal import SealedSet
    from drivetrain.data.sources import Source
    from drivetrain.data.split import Split
    from drivetrain.evaluation.metrics import Metric
    from drivetrain.evaluation.predictions import Predictions
    from drivetrain.evaluation.scores import Scores
    from drivetrain.training.reading import Reading


def load_network(artefact: Artefact, place: Place) -> Network:
    """The trained network of an artefact, on the device of `place`, in evaluation mode.

    Raises:
        ArtefactError: The parameters do not fit the architecture that the manifest names.
    """
    manifest = artefact.manifest
    check_shapes(artefact)
    ensure_tried(artefact, "torch")
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
    except (SafetensorError, RuntimeError, ValueError, OSError) as error:
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        raise ArtefactError(
            f"{artefact.path / WEIGHTS} does not fit the manifest: {first_line.rstrip('.')}. {GET_AGAIN}"
        ) from error


def load_with_torch(artefact: Artefact, *, device: str, precision: Precision, top_k: int) -> Predictor:
    """A saved model that answers with torch; `drivetrain.load` calls this where there is no ONNX file to run.

    Args:
        artefact: Opened and verified.
        device: As of `Learner`.
        precision: ``auto`` takes fp32, in which the model was judged; another one is faster on some hardware, and
            answers a little otherwise.
        top_k: How many categories `Prediction.top` lists, at most.

    Raises:
        ArtefactError: The parameters do not fit the architecture that the manifest names.
    """
    manifest = artefact.manifest
    place = _place_for(device, precision)
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


def _place_for(device: str | int | torch.device, precision: Precision | torch.dtype) -> Place:
    """Where a saved model answers: in fp32, as it was judged, unless another precision was asked for."""
    place = find_place(device, precision)
    return place.judging() if precision == "auto" else place


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
    left_out: int = 0
    """Rows of a sealed test set that were among the model's own training or validation rows, and are in no score."""

    def __str__(self) -> str:
        from drivetrain.evaluation.openings import describe  # noqa: PLC0415

        opened = [] if self.opening is None else describe(self.opening, self.scores)
        return printable("\n".join([str(self.scores), *opened]))


@dataclass
class _Judging:
    """Says what a saved model makes of some rows, when it is called."""

    artefact: Artefact
    examples: Examples
    place: Place
    as_it_answers: bool
    """With `model.onnx` itself where that is in lower precision: its answers are other ones than those of fp32."""

    @property
    def precision(self) -> Decision:
        """Of the arithmetic."""
        export = self.artefact.manifest.export
        if not self._with_onnx or export is None:
            return self.place.precision
        return Decision(value=export.precision, reason=f"as {MODEL} answers")

    @property
    def _with_onnx(self) -> bool:
        manifest = self.artefact.manifest
        lower = manifest.export is not None and manifest.export.precision != "fp32"
        return self.as_it_answers and lower and MODEL in manifest.files

    def __call__(self) -> Predictions:
        from drivetrain.data.store import Store  # noqa: PLC0415
        from drivetrain.training.evaluating import engine_outputs, raw_outputs  # noqa: PLC0415
        from drivetrain.training.judging import judge  # noqa: PLC0415

        manifest = self.artefact.manifest
        store = Store(self.examples.inputs, manifest.input, digests=self.examples.digests)
        if self._with_onnx:
            from drivetrain.runtime.onnx_engine import OnnxEngine  # noqa: PLC0415

            ensure_tried(self.artefact, "onnxruntime")
            outputs = engine_outputs(OnnxEngine(self.artefact.file(MODEL).read_bytes()), manifest.input, store)
        else:
            outputs = raw_outputs(load_network(self.artefact, self.place), manifest.input, store, self.place)
        checked_outputs(outputs, len(self.examples), manifest.target.n_outputs)
        return judge(outputs, self.examples, manifest.target, None)


@named
def evaluate(
    path: str | os.PathLike[str],
    part: Literal["valid", "test", "new"] = "valid",
    *,
    data: Source | None = None,
    metrics: Sequence[Any] | None = None,
    device: str | int | torch.device = "auto",
    precision: Precision | torch.dtype = "auto",
    seal: str | os.PathLike[str] | None = None,
    project: str | os.PathLike[str] | None = None,
    review: str | os.PathLike[str] | None = None,
) -> Evaluation:
    """Judge a saved model on its validation rows, or open its test set.

    The artefact holds no pictures: the rows are found again in `data` by their content, wherever they lie and
    whatever they are called. An opening of the test set is recorded, in the artefact and in the log of the project,
    with what was predicted of it; see `Learner.test`.

    ``new`` judges rows of other data that the model was not made with, such as pictures taken later. `data` then needs
    labels, named as the model names them. Where `data` holds none of the validation rows, it is taken for new.

    Args:
        path: The artefact.
        part: ``valid``, ``test`` or ``new``.
        data: Folder, table or DataFrame that holds the rows; None takes the place they were trained from, of a model
            that this user saved on this machine. What is true of a row is what these data say.
        metrics: Names or functions; None takes those of the training.
        device: As of `Learner`.
        precision: ``auto`` judges what `drivetrain.load` answers: in fp32, or with `model.onnx` where that holds
            another precision. Another one says what the model would be worth in it.
        seal: The test set that `data` holds, where it is another one than the model's own: a seal that was handed to
            whoever trained the model, so that none of these pictures was trained on.
        project: The project folder; None takes the one at hand, see `images`.
        review: File of decisions that `drivetrain review` wrote: rows to leave out, and labels that count instead of
            those of the data. How many are, is said in a warning.

    Raises:
        ArtefactError: The artefact cannot be used.
        DataError: None of the rows are there, or the data hold none that is new or of a class the model knows.
        SealError: The log of the project was tampered with, the test rows are not those that were sealed, or validation
            rows were sealed as test rows since.
    """
    from drivetrain.data.matching import (  # noqa: PLC0415 - these bring pandas and scikit-learn
        NotThereError,
        images_for_evaluation,
        warn_of_learnt,
    )
    from drivetrain.data.project import Project  # noqa: PLC0415
    from drivetrain.data.sealing import check_validation  # noqa: PLC0415
    from drivetrain.evaluation.scores import score  # noqa: PLC0415
    from drivetrain.training.reading import read_reading  # noqa: PLC0415
    from drivetrain.training.sealing import open_saved, seal_of  # noqa: PLC0415

    path, part = place("path", path), choice("part", part, ("valid", "test", "new"))
    Project.find(project)  # says so now if it cannot be one
    judged_in = (_place_for(device, precision), precision == "auto")
    seal = None if seal is None else place("seal", seal)
    review = None if review is None else place("review", review)
    if part == "new" and data is None:
        raise SettingError("part='new' (--new) judges other data; expected data. To fix: pass them as data (--data).")
    artefact = open_artefact(path)
    manifest = artefact.manifest
    if seal is not None:
        if part != "test" or data is None:
            raise SettingError(
                f"seal={seal!r} names the test set that data holds; expected both. To fix: pass data, and part='test'."
            )
        return _evaluate_sealed(artefact, seal, data, metrics, judged_in=judged_in, project=project, review=review)
    measures = _measures(metrics, manifest)
    if manifest.n.get(part, 0) == 0 and (part == "test" or data is None):
        raise DataError(f"{artefact.path} was trained without a {part} set: there is nothing to evaluate on.")
    reading = read_reading(artefact)
    reading.tell_of_labels(review)
    split, spec = reading.split, reading.spec
    source = reading.place() if data is None else data
    how: dict[str, Any] = {"split": split, "target": manifest.target}
    how["review"] = review
    new = part == "new" or not split.find(part)
    try:
        found = images_for_evaluation(source, part="new" if new else part, spec=spec, **how)
    except NotThereError:
        if part == "test" or data is None:
            raise
        new = True
        found = images_for_evaluation(data, part="new", spec=spec, **how)
    if part != "new" and not new:
        warn_of_learnt(found.examples.digests, split, part)
    judging = _Judging(artefact, found.examples, *judged_in)
    if part != "test":
        check_validation(found.examples, project)
        predictions = judging()
        judged = score(predictions, measures, part="new" if new else "validation")
        scores = _beside(judged, predictions, measures, reading)
        return Evaluation(scores, predictions, 0 if new else found.n_missing, judging.precision)
    sealed = seal_of(artefact) or _sealed_now(found.examples, artefact)
    opened = open_saved(artefact, judging, measures, sealed=sealed, project=project, main=judging.place.main)
    scores = _beside(opened.scores, opened.predictions, measures, reading)
    return Evaluation(scores, opened.predictions, found.n_missing, judging.precision, opened.opening)


def _measures(metrics: Any, manifest: Manifest) -> tuple[Metric, ...]:
    """What was asked for, or else what the training was judged by."""
    from drivetrain.evaluation.metrics import resolve_metrics  # noqa: PLC0415 - brings scikit-learn

    return resolve_metrics(manifest.metrics or None if metrics is None else metrics, manifest.target)


def _beside(scores: Scores, predictions: Predictions, metrics: Sequence[Metric], reading: Reading) -> Scores:
    """The scores beside the constant answer of the training set, where the artefact holds it."""
    from drivetrain.evaluation.baselines import constant_predictions  # noqa: PLC0415
    from drivetrain.evaluation.scores import beside  # noqa: PLC0415

    answer = reading.constant_answer
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
    judged_in: tuple[Place, bool],
    project: str | os.PathLike[str] | None,
    review: str | os.PathLike[str] | None,
) -> Evaluation:
    """Judge a model on a test set that was never its own: whoever trained it had the seal alone."""
    from drivetrain.data.matching import images_for_evaluation  # noqa: PLC0415 - these bring pandas and scikit-learn
    from drivetrain.data.seal import SealedSet  # noqa: PLC0415
    from drivetrain.training.reading import read_reading  # noqa: PLC0415
    from drivetrain.training.sealing import open_saved  # noqa: PLC0415

    sealed, manifest = SealedSet.read(seal), artefact.manifest
    reading = read_reading(artefact)
    reading.tell_of_labels(review)
    found = images_for_evaluation(
        data,
        part="all",
        target=manifest.target,
        spec=reading.spec,
        review=review,
    )
    rows = sealed.rows_of(found.examples.digests)
    if not rows:
        raise DataError(
            f"none of the {sealed.n} pictures of {seal} is in the data (compared by content). "
            "To fix: pass the data that the seal was made from."
        )
    missing = sealed.n - len({found.examples.digests[row] for row in rows})
    examples, left_out = _never_seen(found.examples.subset(rows), artefact, reading.split, sealed)
    judging = _Judging(artefact, examples, *judged_in)
    measures = _measures(metrics, manifest)
    opened = open_saved(artefact, judging, measures, sealed=sealed, project=project, main=judging.place.main)
    return Evaluation(opened.scores, opened.predictions, missing, judging.precision, opened.opening, left_out)


def _never_seen(examples: Examples, artefact: Artefact, split: Split, sealed: SealedSet) -> tuple[Examples, int]:
    """Those rows of a sealed test set that the model was neither trained on nor chosen by, and how many are left out.

    Raises:
        SealError: There are none.
    """
    from drivetrain.data.notices import warn  # noqa: PLC0415

    trained, validated = split.find("train"), split.find("valid")
    n_trained = sum(digest in trained for digest in examples.digests)
    kept = [row for row, digest in enumerate(examples.digests) if digest not in trained | validated]
    left_out = len(examples) - len(kept)
    if not left_out:
        return examples, 0
    what = (
        f"{left_out} of the {len(examples)} pictures of the test set {sealed.id} are among those that {artefact.path} "
        f"was trained ({n_trained}) or validated ({left_out - n_trained}) on"
    )
    if not kept:
        raise SealError(
            f"{what}: none is left to judge it by. To fix: judge a model that was trained with this seal "
            "(seal=, --seal), or seal pictures that nobody has trained on."
        )
    warn(f"{what}; they are left out, and the score is of the other {len(kept)}.")
    return examples.subset(kept), left_out
