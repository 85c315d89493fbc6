"""Answers over many lever values: the columns set and predicted, or quicker where a model's raw score is a sum.

A quicker way (boosted trees, linear models) is tried first: on some rows it must answer as the library itself does.

Legend: K members, n rows, L combinations of lever values, of which A differ in what the model reads, p columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.models.calibrating import AS_IT_IS, Map, log_odds, logistic
from drivetrain.decisions.models.reading import MatrixReader, Reader
from drivetrain.decisions.models.trees import trees_of
from drivetrain.errors import SettingError
from drivetrain.runtime.cpus import usable_cpus
from drivetrain.settings import refuse
from drivetrain.text import readable

if TYPE_CHECKING:
    from drivetrain.decisions.models.fitting import Fitted

Array = NDArray[np.float64]
ROWS_AT_ONCE = 50_000
"""Rows that go through `predict` together: few enough to stay in the processor's cache, many enough per call."""
WORTH_IT = 3
"""Combinations from which on a quicker way is looked for."""
Raw = Callable[[Array, Mapping[int, Array]], NDArray[np.float32]]
"""(n, p) matrix, column → (A,) values ↦ (A, n)."""
ALMOST = 1e-4
"""How far an answer may be off the library's own, as a share of the largest: sums in float32, in another order."""
ROWS_TRIED = 40


@dataclass(frozen=True)
class Quick:
    """A model's raw score over lever values, and how it becomes an answer."""

    raw: Raw
    inverse: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None
    """From raw score to number; None: it is the log-odds of a probability."""

    def answer(self, given: Array, levers: Mapping[int, Array], by: Map) -> NDArray[np.float32]:
        """(A, n) answers, probabilities mapped."""
        raw = self.raw(given, levers)
        if self.inverse is not None:
            return self.inverse(raw)
        if by != AS_IT_IS:
            edge = float(log_odds(np.array(1 - by.floor), by.floor))
            np.clip(raw, -edge, edge, out=raw)
            raw *= np.float32(by.scale)
            raw += np.float32(by.shift)
        return logistic(raw).astype(np.float32, copy=False)


def quick_of(model: Any, *, is_probability: bool) -> list[Quick]:
    """What may be quicker for a model, to be tried; nothing for most."""
    raw: Raw | None = None
    trees = trees_of(model)
    if trees is not None:
        raw = trees.raw
    elif is_linear(model):
        raw = _linear(np.asarray(model.coef_, dtype=np.float64).reshape(-1), np.asarray(model.intercept_).reshape(-1))
    if raw is None:
        return []
    if is_probability:
        return [Quick(raw, None)]
    return [Quick(raw, lambda z: z), Quick(raw, np.exp)]


def is_linear(model: Any) -> bool:
    """Whether it is a linear model of scikit-learn with one score per row."""
    coef = getattr(model, "coef_", None)
    known = type(model).__module__.startswith(("sklearn.linear_model", "sklearn.svm._classes"))
    return known and isinstance(coef, np.ndarray) and (coef.ndim == 1 or coef.shape[0] == 1)


def _linear(coef: Array, intercept: Array) -> Raw:
    def raw(given: Array, levers: Mapping[int, Array]) -> NDArray[np.float32]:
        columns = list(levers)
        rest = np.setdiff1d(np.arange(len(coef)), columns)
        fixed = given[:, rest] @ coef[rest] + float(intercept[0] if len(intercept) else 0.0)
        moved = np.stack([levers[column] for column in columns], axis=1) @ coef[columns]
        return (moved[:, None] + fixed[None, :]).astype(np.float32)

    return raw


def is_right(found: NDArray[np.float32], wanted: NDArray[np.floating[Any]]) -> bool:
    """Whether answers are those of the library, but for rounding."""
    scale = max(float(np.abs(wanted).max(initial=0.0)), 1e-12)
    return bool(np.isfinite(found).all()) and float(np.abs(found - wanted).max(initial=0.0)) <= ALMOST * scale


def profile_of(
    members: Sequence[Fitted], reader: Reader, frame: pd.DataFrame, levers: Mapping[str, NDArray[Any]]
) -> NDArray[np.float32]:
    """(K, n, L); in memory each combination's rows lie together."""
    count = len(next(iter(levers.values())))
    read = {name: values for name, values in levers.items() if not reader.columns or name in reader.columns}
    if not read or not len(frame):
        given = reader.read(frame)
        said = np.stack([member.answer(given) for member in members]) if len(frame) else np.zeros((len(members), 0))
        return np.broadcast_to(said.astype(np.float32)[:, :, None], (len(members), len(frame), count))
    different, place = _distinct(read)
    given: Any = reader.read(frame, without=list(read))
    found = np.empty((len(members), len(next(iter(different.values()))), len(frame)), dtype=np.float32)
    quick = [k for k, member in enumerate(members) if _is_quick(member, reader, given, different)]
    if quick:
        assert isinstance(reader, MatrixReader), "only matrices are quick"
        columns = _columns(reader, different)

        def fill(k: int) -> None:
            way = members[k].quick
            assert way is not None, "it was found to be quick"
            found[k] = way.answer(given, columns, members[k].by)

        with ThreadPoolExecutor(max_workers=min(usable_cpus(), len(quick))) as pool:
            list(pool.map(fill, quick))
    for k in sorted(set(range(len(members))) - set(quick)):
        _by_predicting(members[k], reader, given, different, found[k])
    if len(place) != found.shape[1] or (place != np.arange(len(place))).any():
        found = found[:, place]
    return found.transpose(0, 2, 1)


def _is_quick(member: Fitted, reader: Reader, given: Any, levers: Mapping[str, NDArray[Any]]) -> bool:
    """Whether a quicker way is known, and answered as `predict` does when it was tried, once for each member."""
    if not isinstance(reader, MatrixReader) or len(next(iter(levers.values()))) < WORTH_IT:
        return False
    if not member.is_tried:
        member.is_tried = True
        some = given[np.unique(np.linspace(0, len(given) - 1, min(len(given), ROWS_TRIED)).astype(np.int64))]
        wanted = np.empty((len(next(iter(levers.values()))), len(some)), dtype=np.float32)
        _by_predicting(member, reader, some, levers, wanted)
        columns = _columns(reader, levers)
        for way in quick_of(member.model, is_probability=hasattr(member.model, "predict_proba")):
            if is_right(way.answer(some, columns, member.by), wanted):
                member.quick = way
                break
    return member.quick is not None


def _columns(reader: MatrixReader, levers: Mapping[str, NDArray[Any]]) -> dict[int, NDArray[np.float64]]:
    """Column of the matrix → (A,) values."""
    blocks = reader.encoded(levers)
    first = {name: reader.matrix.places[name].start for name in blocks}
    return {first[name] + i: block[:, i] for name, block in blocks.items() for i in range(block.shape[1])}


def _by_predicting(
    member: Fitted, reader: Reader, given: Any, levers: Mapping[str, NDArray[Any]], out: NDArray[np.float32]
) -> None:
    """Fill (A, n), as many combinations at once as make a good number of rows."""
    n = len(given)
    step = max(1, ROWS_AT_ONCE // max(n, 1))
    for start in range(0, len(out), step):
        block = {name: values[start : start + step] for name, values in levers.items()}
        said = member.answer(reader.stacked(given, block))
        out[start : start + step] = said.reshape(-1, n)


def values_of(levers: Any) -> dict[str, NDArray[Any]]:
    """Name → (L,) values.

    Raises:
        SettingError: They are no such thing, or there are not as many of each.
    """
    if not isinstance(levers, Mapping) or not levers:
        refuse("levers", levers, "a dict of a lever's name → its values, one for each combination")
    found = {str(name): np.asarray(values) for name, values in levers.items()}
    lengths = {name: values.shape for name, values in found.items()}
    if len(set(lengths.values())) > 1 or any(len(shape) != 1 or not shape[0] for shape in lengths.values()):
        said = ", ".join(f"{readable(name)} {shape}" for name, shape in lengths.items())
        raise SettingError(
            f"levers have values of these shapes: {said}; expected (L,), the same for all, at least one. To fix: give "
            "each lever its value in every combination."
        )
    return found


def _distinct(levers: Mapping[str, NDArray[Any]]) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:
    """Combinations that differ, and (L,) which of them each is."""
    codes = np.stack([pd.factorize(values, use_na_sentinel=False)[0] for values in levers.values()], axis=1)
    first: dict[tuple[int, ...], int] = {}
    place = np.array([first.setdefault(tuple(row), len(first)) for row in codes.tolist()], dtype=np.int64)
    at = np.zeros(len(first), dtype=np.int64)
    at[place[::-1]] = np.arange(len(place))[::-1]
    return {name: np.asarray(values)[at] for name, values in levers.items()}, place
