"""What all models of a table share: how rows are read, what is predicted as numbers, how answers become predictions.

Legend: N rows, K outputs of the target, P numbers, Q + J codes.
"""

from __future__ import annotations

import weakref
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells
from drivetrain.errors import DataError, InputError
from drivetrain.evaluation.predictions import Predictions
from drivetrain.kinds.tables.fitting import describe
from drivetrain.kinds.tables.spec import Spec
from drivetrain.kinds.tables.word_fitting import crossed_numbers, words_decision
from drivetrain.learner.base import MetricLike, ModelBase
from drivetrain.models.identity import identity_of
from drivetrain.runtime.kinds import kind_name
from drivetrain.runtime.spec import Arrays
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget, Target

Floats = NDArray[np.float64]
Outputs = NDArray[np.float32]
ROWS_AT_ONCE = 100_000
"""Rows that are read and answered together: memory is bounded by it."""


class TabularModel(ModelBase):
    """A model of a table's rows that is no network.

    A class says how it is fitted (`fit`), what it answers (`outputs`), its parameters (`parts`), and how it is written
    as an ONNX graph (`graph`).
    """

    spec: Spec

    def __init__(
        self, data: Data, *, metrics: Sequence[MetricLike] | MetricLike | None = None, spec: Spec | None = None
    ) -> None:
        super().__init__(data, metrics=metrics)
        if kind_name(self.data.kind) != "table":
            raise DataError(
                f"{type(self).__name__} reads tables, and these are {self.data.kind}. To fix: make the data with "
                "dt.table(...), or use dt.Learner."
            )
        self.spec = described(self.data) if spec is None else spec
        self.decisions |= words_decision(self.spec)

    # ── what a class says ───────────────────────────────────────────────────────────────────────────────────────

    @abstractmethod
    def outputs(self, views: Arrays) -> Outputs:
        """(N, K) raw outputs, which the target activates, of rows as `Spec.view_many` gives them."""

    @abstractmethod
    def parts(self) -> Iterator[NDArray[Any]]:
        """All that was learnt, in a fixed order: what tells one model from another."""

    @abstractmethod
    def as_onnx(self) -> bytes:
        """The model as one ONNX graph: what `Spec.view` gives → raw outputs."""

    def learnt(self) -> dict[str, NDArray[Any]]:
        """All that was learnt, by name: what an interrupted contest keeps of a model that can be taken up again."""
        raise NotImplementedError

    def take(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Be the model that `learnt` gave these arrays."""
        raise NotImplementedError

    @classmethod
    def of_learnt(
        cls,
        data: Data,
        spec: Spec,
        arrays: Mapping[str, NDArray[Any]],
        *,
        metrics: Sequence[MetricLike] | MetricLike | None = None,
    ) -> Self:
        """A model that is not fitted but taken up.

        Args:
            data: That it was fitted on.
            spec: How it reads rows.
            arrays: What its `learnt` gave.
            metrics: What people read.
        """
        model = cls.__new__(cls)
        TabularModel.__init__(model, data, metrics=metrics, spec=spec)
        model.take(arrays)
        return model

    def added(self, views: Arrays) -> Floats:
        """(N, C, K′) what each column of `spec.columns` adds to the raw outputs of rows as `views_of` gives them.

        Raises:
            DataError: Its answers are no sums over columns.
        """
        raise self._no_sums()

    def start(self) -> Floats:
        """(K′,) the raw output that contributions are told from: the mean of the training rows.

        Raises:
            DataError: Its answers are no sums over columns.
        """
        raise self._no_sums()

    @property
    def has_contributions(self) -> bool:
        """Whether `contributions` and `start` can be had."""
        return type(self).added is not TabularModel.added

    def _no_sums(self) -> DataError:
        return DataError(
            f"a {self.label} does not know what each column adds to its answers; expected dt.Trees, dt.Linear, or "
            "a dt.Blend of these alone. To fix: fit one of them on the same data; or read what `report` shows of any "
            "model: how important columns are, and how the answers move with them."
        )

    # ── what follows ────────────────────────────────────────────────────────────────────────────────────────────

    def predict_rows(self, rows: Examples, /) -> Predictions:
        """What it says of rows whose target is known."""
        said = [self.outputs(self.spec.view_many(part)) for part in loaded_parts(self.spec, rows)]
        target = self.data.target
        outputs = np.concatenate(said) if said else np.zeros((0, target.n_outputs), np.float32)
        truth = target.training_form(target.encode(rows.values))
        loss = row_losses(target, outputs.astype(np.float64), truth)
        return Predictions.of(rows, target, target.activate(outputs), loss=loss)

    @named
    def contributions(self, rows: Any) -> dict[str, Floats]:
        """What each column adds to the answer of each row, exactly: with `start` they sum to the raw output.

        Of two classes that is the logarithm of the odds of the second, of several classes the score of each (before
        softmax), of labels the logarithm of each label's odds, of numbers deviations from the mean in units of
        `target.std`. It says how this model answers, not what causes what.

        Of a line they are told from the mean of the training rows. Of boosted trees they are the Shapley values of
        the trees' paths (path-dependent TreeSHAP, Lundberg, Erion and Lee 2018), summed over all that is read of a
        column; of what is read of a pair of columns each gets half. A blend has the weighted mean of its members'.

        Args:
            rows: Rows of these data, such as `data.valid`; or what `predict_array` takes: a row, a list, a table, a
                file.

        Returns:
            Column → (N, K′).

        Raises:
            DataError: Its answers are no sums over columns, as those of a net.
            InputError: A row cannot be read; the message says which.

        Example:
            ::

                trees = dt.Trees(data)
                added = trees.contributions({"age": 39, "town": "Bern"})
                print(trees.start(), added["age"])
        """
        if not self.has_contributions:
            raise self._no_sums()
        views = views_of(self.spec, rows) if isinstance(rows, Examples) else _read(self.spec, rows)
        found = self.added(views)
        return {column.name: found[:, at] for at, column in enumerate(self.spec.columns)}

    def identity(self) -> str:
        """SHA-256 of all that it has learnt, and of how rows are read."""
        return self._identity

    @cached_property
    def _identity(self) -> str:
        """Found once: a model is fitted when it is made, and does not change."""
        return identity_of(self.spec, self.parts())


_last: list[tuple[weakref.ref[Data], Spec]] = []
"""The data that were described last: candidates of one contest are fitted on the same, and a million rows take long."""


def described(data: Data) -> Spec:
    """How rows of these data are read; found once for models that are fitted one after the other."""
    if not _last or _last[0][0]() is not data:
        _last[:] = [(weakref.ref(data), describe(data))]
    return _last[0][1]


def loaded_parts(spec: Spec, rows: Examples) -> Iterator[Arrays]:
    """What was loaded of the rows, `ROWS_AT_ONCE` at a time."""
    cells = cast(Cells, rows.inputs)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = {name: column[start : start + ROWS_AT_ONCE] for name, column in cells.columns.items()}
        yield spec.load_many(part)


def views_of(spec: Spec, rows: Examples) -> Arrays:
    """All rows as a model reads them: (N, P) float32 and (N, Q + J) codes, an empty array for what there is none of."""
    raw, codes = spec.load_many(cast(Cells, rows.inputs).columns)
    return split_views(spec, spec.view_many((raw, codes)), len(rows))


def _read(spec: Spec, given: Any) -> Arrays:
    """The same of rows that people hand over."""
    found: list[Arrays] = []
    done = 0
    for part in spec.parts(given, at_once=ROWS_AT_ONCE):
        for at, error in part.errors.items():
            raise InputError(f"row {done + at + 1}: {error}")
        found.append(split_views(spec, part.views, part.n))
        done += part.n
    if not found:
        return np.zeros((0, len(spec.number_names)), np.float32), np.zeros((0, len(spec.n_codes)), np.int64)
    numbers, codes = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    return numbers, codes


def training_views(spec: Spec, data: Data) -> Arrays:
    """The same of the training rows, with what the other folds say of each row's words."""
    numbers, codes = views_of(spec, data.train)
    return crossed_numbers(spec, data, numbers), codes


def split_views(spec: Spec, views: Arrays, n: int) -> Arrays:
    """(N, P) and (N, Q + J), whichever of them the signature leaves out as well."""
    found = iter(views)
    numbers = next(found) if spec.number_names else np.zeros((n, 0), np.float32)
    codes = next(found) if spec.n_codes else np.zeros((n, 0), np.int64)
    return numbers, codes


def as_outputs(target: Target, values: Sequence[Any]) -> Floats:
    """(N, K′) what is predicted, as numbers: one column of 0 and 1 for two classes, one per class for more."""
    truth = target.encode(values)
    if isinstance(target, CategoryTarget):
        if target.n_outputs == 2:
            return truth.astype(np.float64)[:, None]
        return (truth[:, None] == np.arange(target.n_outputs)).astype(np.float64)
    if isinstance(target, CategoriesTarget):
        return truth.astype(np.float64)
    return target.training_form(truth).astype(np.float64)


def loss_of(target: Target, raw: Floats, truth: NDArray[Any], quantile: float | None = None) -> float:
    """Mean of `row_losses`."""
    return float(row_losses(target, raw, truth, quantile).mean())


def row_losses(target: Target, raw: Floats, truth: NDArray[Any], quantile: float | None = None) -> Floats:
    """(N,) loss of raw outputs (N, K) on each row: squared error, or that of a quantile, or the log loss.

    Args:
        target: What is predicted.
        raw: Outputs before they are activated.
        truth: As `target.training_form` gives it.
        quantile: The one that is predicted.

    Example:
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> row_losses(fruit, np.log([[0.25, 0.75]]), np.array([1])).round(4).tolist()  # -log 0.75
        [0.2877]
    """
    if isinstance(target, CategoryTarget):
        top = raw.max(axis=1, keepdims=True)
        spread = top[:, 0] + np.log(np.exp(raw - top).sum(axis=1))
        return spread - raw[np.arange(len(raw)), truth]
    if isinstance(target, NumberTarget):
        off = truth - raw
        found = off**2 if quantile is None else np.maximum(quantile * off, (quantile - 1) * off)
    else:
        found = np.logaddexp(0, raw) - raw * truth
    return found.mean(axis=1)
