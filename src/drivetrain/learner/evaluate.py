"""A saved model judged on the rows that were held back from its training, or on new ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import torch

from drivetrain.calls import named
from drivetrain.errors import DataError, SettingError
from drivetrain.learner.saving.network_or_not import is_network
from drivetrain.learner.saving.onnx_model import answers_with, check_asked, engine_of
from drivetrain.learner.saving.torch_predictor import load_network, place_for
from drivetrain.runtime.artefact import MODEL, Artefact, open_artefact
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.kinds import face, has_face
from drivetrain.runtime.manifest import Manifest, Opening
from drivetrain.runtime.predictor import checked_outputs
from drivetrain.runtime.trust.quarantine import ensure_tried
from drivetrain.settings import choice, place
from drivetrain.text import printable
from drivetrain.training.place import Place, Precision

if TYPE_CHECKING:  # what only judging needs is loaded there: predicting shall start fast
    from drivetrain.data.examples import Examples
    from drivetrain.data.record import SavedData
    from drivetrain.data.reopen import Reopened
    from drivetrain.data.seals.seal import SealedSet
    from drivetrain.data.sources import Source
    from drivetrain.evaluation.metrics.metrics import Metric
    from drivetrain.evaluation.predictions import Predictions
    from drivetrain.evaluation.scores import Scores


@dataclass(frozen=True)
class Evaluation:
    """A saved model judged on rows that were found again.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> import drivetrain as dt
        >>> area = [20.5 + 7 * i % 90 for i in range(60)]
        >>> rows = {"area": area, "price": [3 * each for each in area]}
        >>> with TemporaryDirectory() as folder:
        ...     path = dt.Linear(dt.table(rows, target="price")).save(f"{folder}/homes.model")
        ...     found = dt.evaluate(path, "new", data={"area": [33.25, 44.75], "price": [99.75, 134.25]})
        >>> found.scores["rmse"].n, found.predictions.output.shape
        (2, (2, 1))
    """

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
        from drivetrain.evaluation.record.openings import describe  # noqa: PLC0415

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
        direct = not is_network(self.artefact.manifest)
        if export is None or not (self._with_onnx or direct):
            return self.place.precision
        return Decision(value=export.precision, reason=f"as {MODEL} answers")

    @property
    def _with_onnx(self) -> bool:
        manifest = self.artefact.manifest
        lower = manifest.export is not None and manifest.export.precision != "fp32"
        return self.as_it_answers and lower and MODEL in manifest.files

    def __call__(self) -> Predictions:
        from drivetrain.data.cache.store import Store  # noqa: PLC0415
        from drivetrain.training.evaluating import engine_outputs, raw_outputs  # noqa: PLC0415
        from drivetrain.training.judging import judge  # noqa: PLC0415

        manifest = self.artefact.manifest
        if not is_network(manifest):
            return answers_with(engine_of(self.artefact), manifest, self.examples)
        store = Store(self.examples.inputs, manifest.input, digests=self.examples.digests)
        if self._with_onnx:
            from drivetrain.runtime.onnx.engine import OnnxEngine  # noqa: PLC0415

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

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> import drivetrain as dt
        >>> area = [20.5 + 7 * i % 90 for i in range(60)]
        >>> rows = {"area": area, "price": [3 * each for each in area]}
        >>> with TemporaryDirectory() as folder:
        ...     path = dt.Linear(dt.table(rows, target="price")).save(f"{folder}/homes.model")
        ...     found = dt.evaluate(path, data=rows)
        >>> found.scores["rmse"].n, found.not_found
        (12, 0)
    """
    from drivetrain.data.record import saved_data  # noqa: PLC0415
    from drivetrain.data.seals.project import Project  # noqa: PLC0415 - these bring pandas and scikit-learn

    path, part = place("path", path), choice("part", part, ("valid", "test", "new"))
    Project.find(project)  # says so now if it cannot be one
    judged_in = (place_for(device, precision), precision == "auto")
    seal = None if seal is None else place("seal", seal)
    review = None if review is None else place("review", review)
    if part == "new" and data is None:
        raise SettingError("part='new' (--new) judges other data; expected data. To fix: pass them as data (--data).")
    artefact = open_artefact(path)
    manifest = artefact.manifest
    if not is_network(manifest):
        check_asked(artefact, str(device), str(precision).removeprefix("torch."))
    if seal is not None:
        if part != "test" or data is None:
            raise SettingError(
                f"seal={seal!r} names the test set that data holds; expected both. To fix: pass data, and part='test'."
            )
        return _evaluate_sealed(artefact, seal, data, metrics, judged_in=judged_in, project=project, review=review)
    if manifest.n.get(part, 0) == 0 and (part == "test" or data is None):
        raise DataError(f"{artefact.path} was trained without a {part} set: there is nothing to evaluate on.")
    return _evaluate_own(
        artefact, saved_data(artefact), part, data, metrics, judged_in=judged_in, project=project, review=review
    )


def _evaluate_own(
    artefact: Artefact,
    saved: SavedData,
    part: Literal["valid", "test", "new"],
    data: Source | None,
    metrics: Sequence[Any] | None,
    *,
    judged_in: tuple[Place, bool],
    project: str | os.PathLike[str] | None,
    review: str | os.PathLike[str] | None,
) -> Evaluation:
    """Judge a model on a part of its own split, or on rows that it does not hold."""
    from drivetrain.data.record import seal_of  # noqa: PLC0415 - these bring pandas and scikit-learn
    from drivetrain.data.reopen import NotThereError, reopen, warn_of_learnt  # noqa: PLC0415
    from drivetrain.data.seals.sealing import check_validation  # noqa: PLC0415
    from drivetrain.evaluation.scores import score  # noqa: PLC0415
    from drivetrain.learner.test_set import open_saved  # noqa: PLC0415

    manifest, measures = artefact.manifest, _measures(metrics, artefact.manifest)
    saved.tell_of_labels(review)
    source = saved.places() if data is None else data
    reopened = reopen(source, saved.spec, manifest.target, split=saved.split, review=review)
    new = part == "new" or not saved.split.find(part)
    try:
        found = reopened.new() if part == "new" or new else reopened.part(part)
    except NotThereError:
        if part == "test" or data is None:
            raise
        new, found = True, reopened.new()
    if part != "new" and not new:
        warn_of_learnt(found.examples.digests, saved.split, part)
    judging = _Judging(artefact, found.examples, *judged_in)
    if part != "test":
        check_validation(found.examples, project)
        predictions = judging()
        judged = score(predictions, measures, part="new" if new else "validation")
        scores = _beside(judged, predictions, measures, saved, (reopened, found.examples))
        scores = _with_more(scores, artefact, reopened, predictions, measures)
        return Evaluation(scores, predictions, found.n_missing, judging.precision)
    sealed = seal_of(artefact) or _sealed_now(found.examples, artefact)
    opened = open_saved(
        artefact, judging, measures, saved=saved, sealed=sealed, project=project, main=judging.place.main
    )
    scores = _beside(opened.scores, opened.predictions, measures, saved, (reopened, found.examples))
    scores = _with_more(scores, artefact, reopened, opened.predictions, measures)
    return Evaluation(scores, opened.predictions, found.n_missing, judging.precision, opened.opening)


def _measures(metrics: Any, manifest: Manifest) -> tuple[Metric, ...]:
    """What was asked for, or else what the training was judged by."""
    from drivetrain.evaluation.metrics.metrics import resolve_metrics  # noqa: PLC0415 - brings scikit-learn

    return resolve_metrics(manifest.metrics or None if metrics is None else metrics, manifest.target)


def _beside(
    scores: Scores,
    predictions: Predictions,
    metrics: Sequence[Metric],
    saved: SavedData,
    judged: tuple[Reopened, Examples],
) -> Scores:
    """The scores beside what is reached without the model: a constant answer, and of some kinds metadata alone.

    Args:
        scores: Of the model.
        predictions: Theirs.
        metrics: Theirs.
        saved: What the artefact holds of the data: the constant answer of the training set.
        judged: The source, and the rows of it that were judged.
    """
    from drivetrain.evaluation.baselines import constant_predictions  # noqa: PLC0415
    from drivetrain.evaluation.scores import beside  # noqa: PLC0415
    from drivetrain.learner.baselines import METADATA, metadata_beside  # noqa: PLC0415

    answer, (reopened, rows) = saved.record.constant_answer, judged
    found = {} if answer is None else constant_predictions(predictions, answer)
    if metadata_beside(rows.kind):
        from drivetrain.auditing.shortcut import metadata_answers  # noqa: PLC0415 - brings forests

        alone = metadata_answers(reopened.training(), rows, reopened.target)
        found |= {} if alone is None else {METADATA: alone}
    return beside(scores, metrics, found) if found else scores


def _with_more(
    scores: Scores, artefact: Artefact, reopened: Reopened, predictions: Predictions, metrics: Sequence[Metric]
) -> Scores:
    """The same with what a kind of input judges besides, such as the ranking of all items."""
    kind = artefact.manifest.input.kind
    if not has_face(kind, "judging"):
        return scores
    more = face(kind, "judging").of_saved(artefact, reopened.examples, predictions, metrics)
    return replace(scores, scores={**scores.scores, **more})


def _sealed_now(examples: Examples, artefact: Artefact) -> SealedSet:
    """A seal for the test rows of a model that was saved without one."""
    from drivetrain.data.seals.seal import SealedSet  # noqa: PLC0415

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
    from drivetrain.data.record import saved_data  # noqa: PLC0415 - these bring pandas and scikit-learn
    from drivetrain.data.reopen import reopen  # noqa: PLC0415
    from drivetrain.data.seals.seal import SealedSet  # noqa: PLC0415
    from drivetrain.learner.test_set import open_saved  # noqa: PLC0415

    sealed, manifest, saved = SealedSet.read(seal), artefact.manifest, saved_data(artefact)
    saved.tell_of_labels(review)
    reopened = reopen(data, saved.spec, manifest.target, known=sealed, review=review)
    found = reopened.sealed(sealed, saved.split, of=str(artefact.path), seal=str(seal))
    judging = _Judging(artefact, found.examples, *judged_in)
    measures = _measures(metrics, manifest)
    opened = open_saved(
        artefact, judging, measures, saved=saved, sealed=sealed, project=project, main=judging.place.main
    )
    return Evaluation(
        opened.scores, opened.predictions, found.n_missing, judging.precision, opened.opening, found.n_left_out
    )


Evaluation.__module__ = "drivetrain"  # where people find it, so that messages and help say so
