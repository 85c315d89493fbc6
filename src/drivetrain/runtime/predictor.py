"""From an input to an answer: the same steps wherever a trained model is used."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from numbers import Number
from typing import Any, Protocol, cast, overload

import numpy as np
from numpy.typing import NDArray

from drivetrain.attributes import OneModel
from drivetrain.calls import named
from drivetrain.errors import ArtefactError, InputError, SettingError
from drivetrain.runtime.calibration import Calibration
from drivetrain.runtime.cpus import usable_cpus
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.golden import Golden, SelfTest, compare
from drivetrain.runtime.manifest import Manifest
from drivetrain.runtime.over_time import Pieces, answer_of, read_row, spans_of
from drivetrain.runtime.prediction import Prediction
from drivetrain.runtime.spec import Arrays, InputSpec, RowPart, name_of, source_of, sources_of
from drivetrain.runtime.targets import CategoryTarget, NumberTarget, Target
from drivetrain.settings import refuse, whole

ALIKE = 16
"""Rows of similar length that go through a network together, where the kind of input can tell their lengths."""


class Engine(Protocol):
    """Runs the network: a batch of views, one array for each tensor of the signature → (N, n_outputs) raw outputs."""

    def __call__(self, *views: NDArray[Any]) -> NDArray[np.float32]:
        """Raw outputs, one row per row of the views, in the same order."""
        ...


class Predictor(OneModel):
    """A trained model ready to answer, from several threads at once; needs no training data and keeps no state.

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
        reader: InputSpec,
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
            ("reader", reader, "view"),
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
        self.companion: Callable[[], Any] | None = None
        """Reads what the kind of input keeps beside the model, such as a recommender of ratings; None: nothing."""
        self.shuffled: Callable[[], Sequence[Engine]] = tuple
        """Copies of the network that have learnt nothing, which an explanation is checked against; none: not to be
        had."""
        self._read_once = threading.Lock()
        self._brought: Any = None

    @overload
    def predict(self, source: list[Any]) -> list[Prediction]: ...  # pyright: ignore[reportOverlappingOverload]

    @overload
    def predict(self, source: Any) -> Prediction: ...

    @named
    def predict(self, source: Any) -> Any:
        """Answer for one input, or for each of a list.

        Args:
            source: What the kind of input reads. Of a picture a path; the bytes of a picture file, or such a file
                opened with ``rb``, which is read from where it stands; a Pillow image; or an array or tensor of uint8
                or uint16, 0 is black: (H, W), (H, W, C) or (C, H, W), with its channels in the order red, green, blue.
                (OpenCV's are blue, green, red: pass ``array[:, :, ::-1]``.) Of a table a row: a mapping of column
                names to cells, or JSON. Or a list of these, or a whole table (see `predict_many`), which gives a list:
                there, one that cannot be read has its `error` set, and the rest are answered; see `predict_many`.

        Raises:
            InputError: It cannot be read, or could be read in more than one way, as an array of floats could; of a
                picture PictureError.
            SettingError: It is no input, and no list of them.
        """
        many = getattr(self.reader, "is_table", None)
        if many is not None and many(source):
            return list(self.predict_many(source))
        if isinstance(source, list) and not _are_numbers(cast("list[Any]", source)):
            return list(self.predict_many(cast("list[Any]", source)))
        return self._answered([(name_of(source, self.reader), *read_row(self.reader, source))])[0]

    @named
    def predict_many(self, sources: Any, *, batch_size: int = 32) -> Iterator[Prediction]:
        """Answer for many inputs, in the order given, a batch at a time.

        Args:
            sources: A folder (all inputs below it, sorted by path), or a list, a Series, a generator or an array of
                what `predict` takes; or a batch of pictures, an array (N, H, W, C) or (N, C, H, W). Or a table: the
                path of a CSV, TSV, Parquet or JSON-lines file, a DataFrame, an Arrow table, a mapping of columns. A
                generator is consumed one batch ahead of the answers, never whole.
            batch_size: Inputs that go through the network together.

        Yields:
            One `Prediction` per input; one that cannot be read, such as None, has `error` set, and the rest go on.

        Raises:
            SettingError: `batch_size` is below 1, a folder holds no inputs, or `sources` is no such thing.
        """
        batch_size = whole("batch_size", batch_size, least=1)
        parts = getattr(self.reader, "parts", None)
        if parts is not None:
            return (said for part in parts(sources, at_once=batch_size) for said in self._of_part(part))
        return self._stream(sources_of(self.reader, sources), batch_size)

    @named
    def predict_array(self, sources: Any, *, batch_size: int = 32) -> NDArray[Any]:
        """The same answers as numbers alone: the fastest way through many rows.

        Args:
            sources: As of `predict_many`.
            batch_size: As of `predict_many`.

        Returns:
            (N, K) probabilities in the order of `target.vocab`, or values of `target.names` in your units.

        Raises:
            InputError: A row cannot be read; the message says which. `predict_many` answers the others.

        Example:
            ::

                rich = model.predict_array("rows.parquet")[:, model.target.vocab.index(">50K")]
        """
        batch_size = whole("batch_size", batch_size, least=1)
        own = getattr(self.reader, "parts", None)
        if own is None:
            found = list(self._outputs(sources_of(self.reader, sources), batch_size))
        else:
            found = list(self._outputs_of_parts(own(sources, at_once=batch_size)))
        return self.activated(np.concatenate(found or [np.zeros((0, self.target.n_outputs), np.float32)]))

    # ── a model of ratings ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def recommender(self) -> Any:
        """What recommends items, of a model of ratings; see `drivetrain.Factors` and its like.

        Raises:
            SettingError: The model recommends nothing.
        """
        if self.companion is None:
            raise SettingError(
                "this model cannot recommend; expected a model of ratings or events (dt.ratings) that was saved with "
                "what recommends. To fix: train one, with drivetrain train --input ratings."
            )
        with self._read_once:
            if self._brought is None:
                self._brought = self.companion()
            return self._brought

    @named
    def recommend(
        self,
        user: Any = None,
        n: int = 10,
        *,
        favourites: Any = None,
        exclude_seen: bool = True,
        diversity: float = 0.0,
        novelty: float = 0.0,
        at_most_per: Any = None,
        not_from: Any = None,
        by: Any = "prediction",
        found_by: Any = None,
    ) -> Any:
        """The best items for one user, of a model of ratings, each with the reason in words.

        Args:
            user: Name of a user of the training data; None: somebody new, by `favourites`.
            n: How many; fewer where the rules leave no more.
            favourites: Items that somebody likes, or a mapping of items to ratings.
            exclude_seen: Whether what the user has is left out.
            diversity: 0 takes the best ones; 1 those least like each other.
            novelty: 0 takes the best ones; 1 the least known of all.
            at_most_per: Column of the items → how many with the same value, such as {"author": 1}.
            not_from: A column none of whose values the user knows, a mapping of columns to values, or a list of items.
            by: "prediction", "discovery" (a heuristic), or a function (user, items) → what recommending adds.
            found_by: Columns that say whose an item is, for "discovery".

        Raises:
            SettingError: An argument cannot be used, or the model recommends nothing.
        """
        return self.recommender.recommend(
            user, n, favourites=favourites, exclude_seen=exclude_seen, diversity=diversity, novelty=novelty,
            at_most_per=at_most_per, not_from=not_from, by=by, found_by=found_by,
        )  # fmt: skip

    # ── steps ───────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, source: Any) -> Arrays:
        """An input as the network reads a row, one array for each tensor of the signature; raises InputError."""
        return read_row(self.reader, source)[0]

    def run(self, *views: NDArray[Any]) -> NDArray[np.float32]:
        """Raw outputs (N, K) of a batch of inputs that were read.

        Raises:
            ArtefactError: The network gives another number of rows or columns, or numbers that are not finite.
        """
        n, alike = len(views[0]), getattr(self.reader, "alike", None)
        if alike is None or n <= ALIKE:
            return checked_outputs(self.engine(*views), n, self.target.n_outputs)
        found = np.zeros((n, self.target.n_outputs), np.float32)
        for rows, part in alike(views, ALIKE):
            found[rows] = checked_outputs(self.engine(*part), len(rows), self.target.n_outputs)
        return found

    def answers(
        self,
        outputs_NK: NDArray[np.float32],
        paths: Sequence[str | None] | None = None,
        rows: Sequence[int | None] | None = None,
    ) -> list[Prediction]:
        """What raw outputs mean, one `Prediction` per row; `paths` and `rows` are copied into them."""
        activated, n = self.activated(outputs_NK), len(outputs_NK)
        places = list(zip(paths or [None] * n, rows or [None] * n, strict=True))
        if isinstance(self.target, NumberTarget):
            return [self._number(self.target, values, *place) for values, place in zip(activated, places, strict=True)]
        fitted, target = self.calibration, self.target
        sets = [()] * n if fitted is None else fitted.prediction_sets(target, activated)
        unsure = [False] * n if fitted is None else fitted.abstentions(activated).tolist()
        said = zip(places, _tops(target.vocab, activated, self.top_k), sets, unsure, strict=True)
        if isinstance(target, CategoryTarget):
            return [
                Prediction(path, label=top[0][0], probability=top[0][1], top=top, set=may_be, abstained=silent, row=row)
                for (path, row), top, may_be, silent in said
            ]
        chosen = [tuple(target.vocab[k] for k in np.flatnonzero(one)) for one in activated >= target.threshold]
        return [
            Prediction(path, labels=labels, top=top, set=may_be, abstained=silent, row=row)
            for labels, ((path, row), top, may_be, silent) in zip(chosen, said, strict=True)
        ]

    def activated(self, outputs_NK: NDArray[np.float32]) -> NDArray[Any]:
        """Probabilities as this model says them, or values in the user's units, (N, K)."""
        if self.calibration is None:
            return self.target.activate(outputs_NK)
        return self.calibration.probabilities(self.target, outputs_NK)

    def self_test(self) -> SelfTest:
        """Answer the golden examples of the artefact, from the encoded input on, and compare.

        A model without golden examples has proved nothing: it does not pass.
        """
        if self.golden is None:
            return SelfTest(False, 0, float("inf"), "this model has no golden examples to prove itself with")
        try:
            views = self.reader.stack([self.read(encoded) for encoded in self.golden.inputs])
            return compare(self.golden, self.engine(*views))  # which names other shapes, and NaN, itself
        except (InputError, ArtefactError) as error:
            return SelfTest(False, len(self.golden.inputs), float("inf"), str(error))

    def _stream(self, sources: Iterator[Any], batch_size: int) -> Iterator[Prediction]:
        with ThreadPoolExecutor(max_workers=min(8, usable_cpus())) as pool:

            def begin() -> list[tuple[str | None, Any]]:
                return [
                    (name_of(s, self.reader), pool.submit(self._read, self._taken(s)))
                    for s in islice(sources, batch_size)
                ]

            batch = begin()
            while batch:
                following = begin()  # is decoded while this batch goes through the network
                yield from self._batch([(path, future.result()) for path, future in batch])
                batch = following

    def _of_part(self, part: RowPart) -> list[Prediction]:
        """Answers to rows that were read together, in their order."""
        rows = [None if part.first is None else part.first + at for at in range(part.n)]
        paths = part.paths or [part.path] * part.n
        read = [at for at in range(part.n) if at not in part.errors]
        named = [paths[at] for at in read], [rows[at] for at in read]
        said = iter(self.answers(self.run(*part.views), *named) if part.views else [])
        return [
            next(said) if (error := part.errors.get(at)) is None else _unread(paths[at], row, error)
            for at, row in enumerate(rows)
        ]

    def _taken(self, source: Any) -> Any:
        """What was handed over, while it is there: a generator may close the file before a thread gets to it."""
        try:
            return source if isinstance(source, InputError) else source_of(self.reader, source)
        except (InputError, SettingError) as error:
            return error

    def _read(self, source: Any) -> tuple[Arrays, Pieces | None] | str:
        if isinstance(source, InputError | SettingError):
            return str(source)
        try:
            return read_row(self.reader, source)
        except InputError as error:
            return str(error)

    def _batch(self, rows: list[tuple[str | None, tuple[Arrays, Pieces | None] | str]]) -> Iterator[Prediction]:
        answers = iter(self._answered([(path, *found) for path, found in rows if not isinstance(found, str)]))
        for path, found in rows:
            yield Prediction(path=path, error=found) if isinstance(found, str) else next(answers)

    def _answered(self, read: Sequence[tuple[str | None, Arrays, Pieces | None]]) -> list[Prediction]:
        """Answers to inputs that were read: rows go through the network together, long ones piece by piece."""
        short = [(path, views) for path, views, pieces in read if pieces is None]
        said = self.answers(self._run_all([views for _, views in short]), [path for path, _ in short]) if short else []
        answers = iter(said)
        return [next(answers) if pieces is None else self._over_time(path, pieces) for path, _, pieces in read]

    def _over_time(self, path: str | None, pieces: Pieces) -> Prediction:
        """The answer to a long input, and what holds when; a few of its pieces are in memory at a time."""
        whole_1K, times, outputs_NK = answer_of(pieces, self._run_all)
        [answer] = self.answers(whole_1K, [path])
        return replace(answer, spans=spans_of(self.target, times, self.activated(outputs_NK)))

    def _run_all(self, views: Sequence[Arrays]) -> NDArray[np.float32]:
        return self.run(*self.reader.stack(views))

    def _outputs_of_parts(self, parts: Iterator[RowPart]) -> Iterator[NDArray[np.float32]]:
        """Raw outputs of rows that were read together."""
        done = 0
        for part in parts:
            for at, error in part.errors.items():
                raise _unread_row(done + at + 1, error)
            done += part.n
            yield self.run(*part.views)

    def _outputs(self, sources: Iterator[Any], batch_size: int) -> Iterator[NDArray[np.float32]]:
        """Raw outputs of inputs of a kind that reads no rows together, batch by batch."""
        done = 0
        while given := list(islice(sources, batch_size)):
            read: list[tuple[Arrays, Pieces | None]] = []
            for row, source in enumerate(given, start=done + 1):
                try:
                    read.append(read_row(self.reader, source_of(self.reader, source)))
                except (InputError, SettingError) as error:
                    raise _unread_row(row, error) from error
            done += len(given)
            short = [views for views, pieces in read if pieces is None]
            said = iter(self._run_all(short) if short else ())
            rows = [next(said) if pieces is None else answer_of(pieces, self._run_all)[0][0] for _, pieces in read]
            yield np.stack(rows)

    def _number(self, target: NumberTarget, values: NDArray[Any], path: str | None, row: int | None) -> Prediction:
        intervals = None if self.calibration is None else self.calibration.interval(target, values)
        named = dict(zip(target.names, values.tolist(), strict=True))
        return Prediction(path, values=named, intervals=intervals, row=row)


def _unread_row(row: int, error: object) -> InputError:
    return InputError(f"row {row}: {error} Or take predict_many: it answers the others.")


def _unread(path: str | None, row: int | None, error: str) -> Prediction:
    return Prediction(path, error=error if row is None else f"row {row}: {error}", row=row)


def _are_numbers(source: list[Any]) -> bool:
    """Whether a list holds pixels rather than pictures."""
    inner = next(iter(source), None)
    return isinstance(inner, list | tuple | Number)


def checked_outputs(outputs_NK: NDArray[np.float32], n: int, n_outputs: int) -> NDArray[np.float32]:
    """The same numbers, where they are an answer; a network that fails must not look like one that decided.

    Raises:
        ArtefactError: There are more or fewer rows or columns than asked for, or a number is not finite.

    Example:
        >>> checked_outputs(np.array([[np.nan, 1.0]], np.float32), 1, 2)
        Traceback (most recent call last):
        drivetrain.errors.ArtefactError: the network answered ...
    """
    fix = "To fix: look at the inputs; if they are in order, get the model again, or train it anew."
    if outputs_NK.shape != (n, n_outputs):
        raise ArtefactError(
            f"the network answered numbers of shape {outputs_NK.shape}: expected ({n}, {n_outputs}). {fix}"
        )
    faulty = int((~np.isfinite(outputs_NK)).any(axis=1).sum())
    if faulty:
        raise ArtefactError(
            f"the network answered {faulty} of {n} rows with numbers that are not finite (NaN or infinite), which "
            f"mean nothing: expected finite ones. {fix}"
        )
    return outputs_NK


def _tops(vocab: tuple[str, ...], probs_NK: NDArray[Any], top_k: int) -> list[tuple[tuple[str, float], ...]]:
    """Of each row the most probable categories with their probabilities, best first."""
    best = np.argsort(-probs_NK, axis=1, kind="stable")[:, :top_k]
    known: dict[tuple[int, ...], tuple[str, ...]] = {}  # few orders occur: a table of many rows repeats them
    found: list[tuple[tuple[str, float], ...]] = []
    for order, probabilities in zip(best.tolist(), np.take_along_axis(probs_NK, best, axis=1).tolist(), strict=True):
        names = known.get(key := tuple(order))
        if names is None:
            names = known[key] = tuple(vocab[k] for k in order)
        found.append(tuple(zip(names, probabilities, strict=True)))
    return found


for _public in (
    Prediction,
    Predictor,
):
    _public.__module__ = "drivetrain"  # where people find them, so that messages and help say so
