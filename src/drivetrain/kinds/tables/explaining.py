"""What an answer about a row rests on: each cell is replaced by usual ones, the others kept, and the model asked again.

What a cell contributes is how far the answer lies above its mean over such replacements: it depends on the model alone,
and says nothing of causes. Columns that move together in life are changed alone here, so a row may become one that does
not occur.
Source: the partial-dependence contribution of one row, as in Štrumbelj & Kononenko, Explaining prediction models and
individual predictions with feature contributions (2014), eq. 1, without interactions.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.tables.spec import DAY_S, FIRST, UNKNOWN, CategoryColumn, DateColumn, NumberColumn, Spec
from drivetrain.kinds.tables.words import Words
from drivetrain.runtime.prediction import Prediction
from drivetrain.runtime.refusals import Refusal
from drivetrain.runtime.serve import Asked
from drivetrain.runtime.targets import NumberTarget, Target

USUAL = 9
"""Replacements of a cell: quantiles of a number, the most frequent names."""
AT_ONCE = 512
MOST_REASONS = 8
MOST_CHANGES = 5
LEAST = 0.005
"""Of a probability, or of a deviation of the target: smaller contributions are not told."""


class Tried(NamedTuple):
    """One replacement."""

    place: int
    """Of the column."""
    cell: float
    """A number as it is loaded, or a code."""
    weight: float


@dataclass(frozen=True)
class Explanation:
    """What an answer rests on, and what would change it."""

    prediction: Prediction
    of: str
    reasons: list[dict[str, Any]]
    changes: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """Beside the answer."""
        return {"of": self.of, "reasons": self.reasons, "changes": self.changes}


def explain(model: Asked, data: bytes, *, until: float) -> Explanation | Refusal:
    """Answer for one row and say what the answer rests on; costs nine answers a column, in batches.

    Args:
        model: What to ask.
        data: The row as JSON.
        until: On `time.monotonic`; what is not done by then is given up.
    """
    try:
        loaded = model.load(model.admit(data))
    except Refusal as refusal:
        return refusal
    spec: Spec = model.predictor.reader
    target: Target = model.predictor.target
    said = model.say(*(array[None] for array in spec.view(loaded)))[0]
    tried = replacements(spec)
    raw, codes = replaced(spec, loaded, tried)
    found: list[NDArray[Any]] = []
    for start in range(0, len(tried), AT_ONCE):
        if time.monotonic() > until:
            return Refusal(504, "the explanation took too long")
        part = slice(start, start + AT_ONCE)
        found.append(model.activated(*spec.view_many((raw[part], codes[part]))))
    answers = np.concatenate(found) if found else np.zeros((0, len(said.row_K)))
    at = 0 if isinstance(target, NumberTarget) else int(np.argmax(said.row_K))
    names = target.names if isinstance(target, NumberTarget) else target.vocab
    cells = spec.cells_of(loaded)
    return Explanation(
        said.prediction,
        names[at],
        reasons_of(spec, tried, answers[:, at], float(said.row_K[at]), cells, least=_least(target)),
        changes_of(spec, tried, answers, said.row_K, target),
    )


def replacements(spec: Spec) -> list[Tried]:
    """Usual cells of every column, with how usual they are."""
    made: list[Tried] = []
    for place, column in enumerate(spec.columns):
        if isinstance(column, CategoryColumn) and column.text:
            made.append(Tried(place, float(UNKNOWN), 1.0))
        elif isinstance(column, CategoryColumn):
            often = np.argsort(-np.array(column.counts, np.int64), kind="stable")[:USUAL].tolist()
            made += [Tried(place, float(FIRST + code), float(column.counts[code])) for code in often]
        else:
            made += [Tried(place, cell, 1.0) for cell in _usual(column)]
    return made


def _usual(column: NumberColumn | DateColumn) -> list[float]:
    """Tenths of the training rows, as they are loaded."""
    unit = DAY_S if isinstance(column, DateColumn) else 1.0
    knots = np.array(column.knots) * column.scale + column.center if column.knots else np.array([column.center])
    at = np.linspace(0, len(knots) - 1, USUAL + 2)[1:-1] if len(knots) > USUAL else np.arange(len(knots))
    found = [float(f"{knots[round(float(each))] * unit:.12g}") for each in at]
    return list(dict.fromkeys(found))


def replaced(
    spec: Spec, loaded: tuple[NDArray[Any], ...], tried: list[Tried]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The row once for each replacement, (T, C) and (T, Q)."""
    raw, codes = (np.repeat(array[None], len(tried), axis=0) for array in loaded)
    slots: list[tuple[NDArray[Any], int]] = []
    n_numbers = n_codes = 0
    for column in spec.columns:
        if isinstance(column, CategoryColumn):
            slots.append((codes, n_codes))
            n_codes += 1
        else:
            slots.append((raw, n_numbers))
            n_numbers += 1
    of_words = _places_of_words(spec)
    for row, one in enumerate(tried):
        array, slot = slots[one.place]
        array[row, slot] = one.cell
        column = spec.columns[one.place]
        if column.name in of_words:  # another name has other words; of a text usual ones
            words, at = of_words[column.name]
            assert isinstance(column, CategoryColumn)
            usual = [number.center for number in words.numbers]
            raw[row, at : at + len(usual)] = usual if column.text else words.value(column.vocab[int(one.cell) - FIRST])
    return raw, codes


def _places_of_words(spec: Spec) -> dict[str, tuple[Words, int]]:
    """Column → its words, and where their numbers begin."""
    found: dict[str, tuple[Words, int]] = {}
    at = len(spec.numbers)
    for words in spec.words:
        found[words.column] = (words, at)
        at += len(words.numbers)
    return found


def reasons_of(
    spec: Spec, tried: list[Tried], after_T: NDArray[Any], before: float, cells: dict[str, Any], *, least: float
) -> list[dict[str, Any]]:
    """Columns by how far their cell moves the answer from its mean over usual cells, the farthest first."""
    made: list[dict[str, Any]] = []
    places = np.array([one.place for one in tried], np.int64)
    weights = np.array([one.weight for one in tried])
    for place, column in enumerate(spec.columns):
        own = places == place
        if own.any() and weights[own].sum() > 0:
            change = before - float(np.average(after_T[own].astype(np.float64), weights=weights[own]))
            if abs(change) >= least:
                is_text = isinstance(column, CategoryColumn) and column.text  # which is not kept as it was written
                cell = "its words" if is_text else in_words(cells[column.name])
                made.append({"column": column.name, "cell": cell, "change": change})
    return sorted(made, key=lambda one: -abs(one["change"]))[:MOST_REASONS]


def changes_of(
    spec: Spec, tried: list[Tried], after_TK: NDArray[Any], before_K: NDArray[Any], target: Target
) -> list[dict[str, Any]]:
    """For each column the usual cell with which another answer is surest; of a number, what moves it farthest."""
    best: dict[int, tuple[float, dict[str, Any]]] = {}
    said = int(np.argmax(before_K))
    for one, after_K in zip(tried, after_TK, strict=True):
        column = spec.columns[one.place]
        if isinstance(column, CategoryColumn) and column.text:  # a usual text has no words of its own
            continue
        cell = {"column": column.name, "to": in_words(_as_cell(spec, one))}
        if isinstance(target, NumberTarget):
            size, what = abs(float(after_K[0] - before_K[0])), {"value": float(after_K[0])}
            if size < _least(target):
                continue
        else:
            now = int(np.argmax(after_K))
            size, what = float(after_K[now]), {"label": target.vocab[now], "probability": float(after_K[now])}
            if now == said:
                continue
        if one.place not in best or size > best[one.place][0]:
            best[one.place] = (size, {**cell, **what})
    return [found for _, found in sorted(best.values(), key=lambda each: -each[0])[:MOST_CHANGES]]


def _least(target: Target) -> float:
    return LEAST * (target.std[0] if isinstance(target, NumberTarget) else 1.0)


def _as_cell(spec: Spec, one: Tried) -> Any:
    column = spec.columns[one.place]
    if isinstance(column, CategoryColumn):
        return column.vocab[int(one.cell) - FIRST]
    return str(np.datetime64(round(one.cell), "s")) if isinstance(column, DateColumn) else one.cell


def in_words(cell: Any) -> str | None:
    """A cell as the page says it.

    Example:
        >>> in_words(39.0), in_words(0.123456789), in_words("2026-11-28T00:00:00.000"), in_words(None)
        ('39', '0.123457', '2026-11-28', None)
    """
    if cell is None:
        return None
    if isinstance(cell, float):
        return f"{cell:.0f}" if cell.is_integer() and abs(cell) < 1e15 else f"{cell:.6g}"
    return str(cell).removesuffix(".000").removesuffix("T00:00:00")[:200]
