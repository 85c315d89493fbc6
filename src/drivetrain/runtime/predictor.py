"""From a picture to an answer: the same steps wherever a trained model is used."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from drivetrain.calls import named
from drivetrain.errors import PictureError, SettingError
from drivetrain.runtime.calibration import Calibration
from drivetrain.runtime.cpus import usable_cpus
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.golden import Golden, SelfTest, compare
from drivetrain.runtime.inputs import Input, Pixels
from drivetrain.runtime.manifest import Manifest
from drivetrain.runtime.pictures import PICTURE_SUFFIXES, PictureSource
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget, Target
from drivetrain.settings import refuse, whole


class Engine(Protocol):
    """Runs the network: (N, H, W, C) uint8 → (N, n_outputs) float32 raw outputs."""

    def __call__(self, pictures: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Raw outputs, one row per picture, in the same order."""
        ...


@dataclass(frozen=True)
class Prediction:
    """The answer for one input; what does not apply to the kind of target is None or empty."""

    path: str | None = None
    """Of the input, where it came from a file."""
    label: str | None = None
    """The most probable category."""
    labels: tuple[str, ...] | None = None
    """For several categories: those at or above the threshold."""
    values: dict[str, float] | None = None
    """For numbers: column name → value in the user's units."""
    probability: float | None = None
    """Of `label`, calibrated on the validation rows where the model is (see `Predictor.calibration`)."""
    top: tuple[tuple[str, float], ...] = ()
    """The most probable categories, best first."""
    set: tuple[str, ...] = ()
    """Categories that may be true: of rows like the validation rows these sets hold the truth as often as
    `Calibration.coverage` says. Empty where the model is not calibrated, and for numbers."""
    abstained: bool = False
    """Not sure enough to be right as often as was asked for; the answer is still there to read."""
    intervals: dict[str, tuple[float, float]] | None = None
    """For numbers of a calibrated model: column name → low, high, which hold the truth as often as said above."""
    error: str | None = None
    """Why there is no answer."""

    @property
    def value(self) -> float | None:
        """The number, for models that predict a single one."""
        return next(iter(self.values.values())) if self.values and len(self.values) == 1 else None

    def as_json(self) -> dict[str, Any]:
        """Only the fields that apply, ready for `json.dumps`."""
        fields: dict[str, Any] = {"path": self.path}
        if self.error is not None:
            return {**fields, "error": self.error}
        if self.values is not None:
            intervals = {name: list(ends) for name, ends in (self.intervals or {}).items()}
            return {**fields, "values": self.values, "intervals": intervals}
        if self.labels is not None:
            fields["labels"] = list(self.labels)
        else:
            fields |= {"label": self.label, "probability": self.probability}
        top = [{"label": label, "probability": p} for label, p in self.top]
        return {**fields, "top": top, "set": list(self.set), "abstained": self.abstained}


class Predictor:
    """A trained model ready to answer; needs no training data and keeps no state between calls.

    May be called from several threads at once.

    Args:
        reader: How an input is read.
        target: What the answer means.
        engine: Runs the network.
        top_k: How many categories `Prediction.top` lists, at most.
        decisions: What was chosen for the engine, and why.
        manifest: Of the artefact the model came from, where it came from one.
        calibration: Turns raw outputs into probabilities, sets and abstentions; None takes the bare probabilities.
        golden: Examples that `self_test` answers.
    """

    @named
    def __init__(
        self,
        reader: Input,
        target: Target,
        engine: Engine,
        *,
        top_k: int = 5,
        decisions: Mapping[str, Decision] | None = None,
        manifest: Manifest | None = None,
        calibration: Calibration | None = None,
        golden: Golden | None = None,
    ) -> None:
        for name, value, has in (
            ("reader", reader, "read"),
            ("target", target, "activate"),
            ("engine", engine, "__call__"),
        ):
            if isinstance(value, type) or not hasattr(value, has):
                refuse(name, value, f"the {name} of a model", fix="To fix: dt.load(PATH) makes a Predictor.")
        self.reader = reader
        self.target = target
        self.engine = engine
        self.top_k = whole("top_k", top_k, least=1)
        self.decisions = dict(decisions or {})
        self.manifest = manifest
        self.calibration = calibration
        self.golden = golden

    @named
    def predict(self, source: PictureSource) -> Prediction:
        """Answer for one picture: a path, encoded bytes, a Pillow image or an (H, W, C) uint8 array.

        Raises:
            PictureError: It cannot be read.
        """
        return self.answers(self.run(self.read(source)[None]), [_path_of(source)])[0]

    @named
    def predict_many(
        self, sources: PictureSource | Iterable[PictureSource], *, batch_size: int = 32
    ) -> Iterator[Prediction]:
        """Answer for many pictures, in the order given, a batch at a time.

        Args:
            sources: A list, a generator or a folder (all pictures below it, sorted by path). A generator is
                consumed one batch ahead of the answers, never whole.
            batch_size: Pictures that go through the network together.

        Yields:
            One `Prediction` per input; one that cannot be read has `error` set, and the rest go on.

        Raises:
            SettingError: `batch_size` is below 1, or a folder holds no pictures.
        """
        return self._stream(_inputs(sources), whole("batch_size", batch_size, least=1))

    def read(self, source: PictureSource) -> Pixels:
        """A picture as the network reads it, (S, S, C); raises PictureError."""
        return self.reader.read(source)

    def run(self, pixels_NSSC: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Raw outputs (N, K) of pictures that were read."""
        return self.engine(pixels_NSSC)

    def answers(self, outputs_NK: NDArray[np.float32], paths: Sequence[str | None] | None = None) -> list[Prediction]:
        """What raw outputs mean, one `Prediction` per row; `paths` are copied into them."""
        activated = self.activated(outputs_NK)
        named = [None] * len(activated) if paths is None else paths
        return [self._answer(row, path) for row, path in zip(activated, named, strict=True)]

    def activated(self, outputs_NK: NDArray[np.float32]) -> NDArray[Any]:
        """Probabilities as this model says them, or values in the user's units, (N, K)."""
        if self.calibration is None:
            return self.target.activate(outputs_NK)
        return self.calibration.probabilities(self.target, outputs_NK)

    def self_test(self) -> SelfTest:
        """Answer the golden examples of the artefact, from the encoded picture on, and compare.

        A model without golden examples has proved nothing: it does not pass.
        """
        if self.golden is None:
            return SelfTest(False, 0, float("inf"), "this model has no golden examples to prove itself with")
        try:
            pixels = np.stack([self.read(picture) for picture in self.golden.pictures])
        except PictureError as error:
            return SelfTest(False, len(self.golden.pictures), float("inf"), str(error))
        return compare(self.golden, self.run(pixels))

    def _stream(self, sources: Iterator[PictureSource], batch_size: int) -> Iterator[Prediction]:
        with ThreadPoolExecutor(max_workers=min(8, usable_cpus())) as pool:

            def begin() -> list[tuple[str | None, Any]]:
                return [(_path_of(s), pool.submit(self._read, s)) for s in islice(sources, batch_size)]

            batch = begin()
            while batch:
                following = begin()  # is decoded while this batch goes through the network
                yield from self._batch([(path, future.result()) for path, future in batch])
                batch = following

    def _read(self, source: PictureSource) -> Pixels | str:
        try:
            return self.read(source)
        except PictureError as error:
            return str(error)

    def _batch(self, rows: list[tuple[str | None, Pixels | str]]) -> Iterator[Prediction]:
        read = [(path, pixels) for path, pixels in rows if not isinstance(pixels, str)]
        found: list[Prediction] = []
        if read:
            found = self.answers(self.run(np.stack([pixels for _, pixels in read])), [path for path, _ in read])
        answers = iter(found)
        for path, pixels in rows:
            yield Prediction(path=path, error=pixels) if isinstance(pixels, str) else next(answers)

    def _answer(self, row: NDArray[Any], path: str | None) -> Prediction:
        said = answer(self.target, row, path, self.top_k)
        if self.calibration is None:
            return said
        if isinstance(self.target, NumberTarget):
            return replace(said, intervals=self.calibration.interval(self.target, row))
        may_be = self.calibration.prediction_set(self.target, row)
        return replace(said, set=may_be, abstained=self.calibration.abstains(row))


def answer(target: Target, row: NDArray[Any], path: str | None, top_k: int) -> Prediction:
    """One row of probabilities or values in the words of its target."""
    match target:
        case NumberTarget():
            return Prediction(path=path, values=dict(zip(target.names, row.tolist(), strict=True)))
        case CategoriesTarget():
            labels = tuple(target.vocab[i] for i in np.flatnonzero(row >= target.threshold))
            return Prediction(path=path, labels=labels, top=_top(target.vocab, row, top_k))
        case CategoryTarget():
            top = _top(target.vocab, row, top_k)
            return Prediction(path=path, label=top[0][0], probability=top[0][1], top=top)


def _top(vocab: tuple[str, ...], row: NDArray[Any], top_k: int) -> tuple[tuple[str, float], ...]:
    best = np.argsort(-row, kind="stable")[:top_k]
    return tuple((vocab[i], float(row[i])) for i in best)


def _path_of(source: PictureSource) -> str | None:
    return os.fspath(source) if isinstance(source, (str, os.PathLike)) else None


def _inputs(sources: PictureSource | Iterable[PictureSource]) -> Iterator[PictureSource]:
    if isinstance(sources, (str, os.PathLike)) and Path(sources).is_dir():
        pictures = folder_pictures(Path(sources))
        if not pictures:
            raise SettingError(f"{os.fspath(sources)} holds no pictures ({', '.join(sorted(PICTURE_SUFFIXES))}).")
        return iter(pictures)
    if isinstance(sources, (str, bytes, os.PathLike, np.ndarray, Image.Image)):
        return iter([sources])  # a single input is a list of one
    return iter(sources)


def folder_pictures(folder: Path) -> list[Path]:
    """All pictures below a folder by suffix, sorted by path; hidden files and linked folders are passed over."""
    found: list[Path] = []
    for root, folders, files in os.walk(folder, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".")]
        seen = (Path(root, name) for name in files if not name.startswith("."))
        found += [path for path in seen if path.suffix.lower() in PICTURE_SUFFIXES]
    return sorted(found)
