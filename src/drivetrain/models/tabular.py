"""What all models of a table share: how rows are read, what is predicted as numbers, how answers become predictions.

Legend: N rows, K outputs of the target, P numbers, Q + J codes.
"""

from __future__ import annotations

import hashlib
import weakref
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells
from drivetrain.errors import DataError
from drivetrain.evaluation.predictions import Predictions
from drivetrain.kinds.tables.fitting import describe
from drivetrain.kinds.tables.spec import Spec
from drivetrain.learner.base import MetricLike, ModelBase
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

    # ── what follows ────────────────────────────────────────────────────────────────────────────────────────────

    def predict_rows(self, rows: Examples, /) -> Predictions:
        """What it says of rows whose target is known."""
        said = [self.outputs(self.spec.view_many(part)) for part in loaded_parts(self.spec, rows)]
        target = self.data.target
        outputs = np.concatenate(said) if said else np.zeros((0, target.n_outputs), np.float32)
        truth = target.training_form(target.encode(rows.values))
        loss = row_losses(target, outputs.astype(np.float64), truth)
        return Predictions.of(rows, target, target.activate(outputs), loss=loss)

    def identity(self) -> str:
        """SHA-256 of all that it has learnt, and of how rows are read."""
        return self._identity

    @cached_property
    def _identity(self) -> str:
        """Found once: a model is fitted when it is made, and does not change."""
        hashed = hashlib.sha256(self.spec.model_dump_json().encode("utf-8", "surrogatepass"))
        for part in self.parts():
            hashed.update(repr((part.shape, part.dtype.str)).encode())
            hashed.update(np.ascontiguousarray(part).tobytes())
        return hashed.hexdigest()


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
