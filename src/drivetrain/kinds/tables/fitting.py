"""The description of a table's rows, fitted on the training rows alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.data import Data
from drivetrain.data.inputs import Cells
from drivetrain.errors import DataError
from drivetrain.kinds.tables.inference.typing import type_columns
from drivetrain.kinds.tables.parsing import category_text, is_gap
from drivetrain.kinds.tables.spec import (
    DATE_PARTS,
    DAY_S,
    MISSING,
    CategoryColumn,
    Column,
    DateColumn,
    NumberColumn,
    Pair,
    Spec,
)
from drivetrain.kinds.tables.word_fitting import with_words

Floats = NDArray[np.float64]

KNOTS = 33
"""Places kept of a column of numbers, between which its effect is a line."""
MOST_NAMES = 1_000_000
MOST = 1e150
"""A number farther from 0 counts as this one where centre and scale are found: its square would be infinite."""


def describe(data: Data) -> Spec:
    """How the rows of these data are read; the columns' types as `drivetrain.table` found them.

    Raises:
        DataError: No column is left to learn from.
    """
    inputs = cast(Cells, data.train.inputs)
    types: Mapping[str, Any] = data.options.get("types") or {
        name: typed.as_option() for name, typed in type_columns(inputs.columns).items()
    }
    columns = [
        fitted_column(name, types[name], cells)
        for name, cells in inputs.columns.items()
        if types[name]["role"] != "left out"
    ]
    if not columns:
        raise DataError(
            "no column is left to learn from: each holds nothing, one value, or another value in every row. To fix: "
            'name the types yourself, such as types={"zip": "category"}.'
        )
    return with_words(Spec(columns=tuple(columns)), data)


def with_pairs(spec: Spec, pairs: list[tuple[str, str]], cells: Mapping[str, NDArray[Any]]) -> Spec:
    """The same description, with these pairs of columns of categories read as one, by the training rows' cells."""
    _, codes = spec.load_many(cells)
    names = [column.name for column in spec.categories]
    made: list[Pair] = []
    for first, second in pairs:
        width = spec.categories[names.index(second)].n_codes
        keys = np.unique(codes[:, names.index(first)] * width + codes[:, names.index(second)])
        made.append(Pair(first=first, second=second, seen=tuple(keys.tolist())))
    return Spec(columns=spec.columns, pairs=tuple(made), words=spec.words)


def fitted_column(name: str, typed: Mapping[str, Any], cells: NDArray[Any]) -> Column:
    """The description of one column, by its cells and what it is, as `drivetrain.table` settled that."""
    match typed["role"]:
        case "number":
            return _number(
                NumberColumn(name=name, style=typed.get("style", "plain"), gaps=tuple(typed.get("gaps") or ())), cells
            )
        case "date":
            return _date(DateColumn(name=name, formats=tuple(typed.get("formats") or ("iso",))), cells)
        case "text":
            missing = sum(map(is_gap, cells.tolist())) / max(1, len(cells))
            return CategoryColumn(name=name, text=True, missing=missing)
        case role:
            return _category(name, cells, ordered=role == "ordered", order=tuple(typed.get("order") or ()))


def _number(column: NumberColumn, cells: NDArray[Any]) -> NumberColumn:
    raw = Spec(columns=(column,)).load_many({column.name: cells})[0][:, 0]
    return column.model_copy(update=spread(raw))


def _date(column: DateColumn, cells: NDArray[Any]) -> DateColumn:
    raw = Spec(columns=(column,)).load_many({column.name: cells})[0][:, 0]
    column = column.model_copy(update=spread(raw / DAY_S))
    every = column.model_copy(update={"parts": DATE_PARTS})
    read = Spec(columns=(every,)).view_many((raw[:, None], np.zeros((len(raw), 0), np.int64)))[0]
    known = read[~np.isnan(raw)]
    varies = [part for part, values in zip(DATE_PARTS, known.T, strict=True) if len(np.unique(values)) > 1]
    return column.model_copy(update={"parts": tuple(varies) or ("elapsed",)})


def spread(raw: Floats) -> dict[str, Any]:
    """Where the numbers of training rows lie (N,), as a `NumberColumn` keeps it."""
    known = np.clip(raw[~np.isnan(raw)], -MOST, MOST)
    missing = 1.0 - len(known) / max(1, len(raw))
    if not len(known):
        return {"missing": missing}
    low, center, high = np.quantile(known, (0.25, 0.5, 0.75)).tolist()
    scale = (high - low) / 2 or float(known.std()) or 1.0
    knots = _knots((known - center) / scale)
    return {
        "center": center,
        "scale": scale,
        "low": float(known.min()),
        "high": float(known.max()),
        "missing": missing,
        "knots": tuple(knots.tolist()),
    }


def _knots(values: Floats) -> Floats:
    """Values that many rows have, and quantiles of the others: of a column that is mostly 0 the rest counts too."""
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= KNOTS:
        return distinct
    often = counts > len(values) / KNOTS
    rest = np.quantile(values[~often[np.searchsorted(distinct, values)]], np.linspace(0, 1, KNOTS - int(often.sum())))
    return np.unique(np.concatenate([distinct[often], rest]))


def _category(name: str, cells: NDArray[Any], *, ordered: bool, order: tuple[str, ...]) -> CategoryColumn:
    found = Counter(category_text(cell) for cell in cells.tolist() if not is_gap(cell))
    missing = 1.0 - found.total() / max(1, len(cells))
    words = [word for word, _ in sorted(found.items(), key=lambda each: (-each[1], each[0]))][:MOST_NAMES]
    if ordered and order:
        words = [word for word in order if word in found] + [word for word in words if word not in order]
    counts = tuple(found[word] for word in words)
    return CategoryColumn(name=name, vocab=tuple(words), counts=counts, ordered=ordered, missing=missing)


__all__ = ["MISSING", "describe", "with_pairs"]
