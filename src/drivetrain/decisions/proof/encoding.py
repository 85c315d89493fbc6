"""Columns of any kind as numbers: codes for trees, standardised numbers and zeros and ones for linear models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.models.columns import check_columns
from drivetrain.decisions.models.drawing import group_numbers
from drivetrain.decisions.models.table import as_numbers, is_number
from drivetrain.errors import DataError

Array = NDArray[np.float64]
LEVELS = 10
"""Categories that a linear model tells apart; the rarer ones are one."""


@dataclass(frozen=True)
class Column:
    """How one column becomes numbers."""

    name: str
    centre: float = 0.0
    scale: float = 1.0
    low: float = 0.0
    high: float = 0.0
    """Smallest and largest number seen."""
    levels: tuple[str, ...] | None = None
    """Categories, the most frequent first; None: a column of numbers."""

    def numbers(self, frame: pd.DataFrame) -> Array:
        """(n,) what a tree reads: the number, or the place of the category; below all others where there is none."""
        cells = frame[self.name]
        if self.levels is None:
            found = _floats(cells)
            return np.where(np.isnan(found), self.low - (self.high - self.low) - 1.0, found)
        return pd.Index(self.levels).get_indexer(pd.Index(_texts(cells))).astype(np.float64)

    def terms(self, frame: pd.DataFrame) -> Array:
        """(n, k) what a linear model reads."""
        if self.levels is None:
            found = _floats(frame[self.name])
            return np.where(np.isnan(found), 0.0, (found - self.centre) / self.scale)[:, None]
        codes = self.numbers(frame)
        return (
            np.stack([codes == place for place in range(1, min(len(self.levels), LEVELS))], axis=1).astype(np.float64)
            if len(self.levels) > 1
            else np.zeros((len(frame), 0))
        )

    def is_new(self, frame: pd.DataFrame) -> NDArray[np.bool_]:
        """(n,) whether the rows that it was fitted on had nothing like it: another category, a number beyond all."""
        cells = frame[self.name]
        if self.levels is None:
            found = _floats(cells)
            return (found < self.low) | (found > self.high)
        return self.numbers(frame) < 0


@dataclass(frozen=True)
class Encoding:
    """Columns of a table as numbers.

    Example:
        >>> rows = pd.DataFrame({"age": [20.0, 40.0, 60.0], "city": ["Bonn", "Ulm", "Bonn"]})
        >>> code = Encoding.fit(rows, ["age", "city"])
        >>> code.numbers(rows).tolist()
        [[20.0, 0.0], [40.0, 1.0], [60.0, 0.0]]
        >>> code.is_new(pd.DataFrame({"age": [30.0, 90.0], "city": ["Rom", "Ulm"]})).tolist()
        [True, True]
    """

    columns: tuple[Column, ...]

    @classmethod
    def fit(cls, frame: pd.DataFrame, names: Sequence[str]) -> Encoding:
        """Learn how the columns of a table become numbers.

        Raises:
            DataError: A column is not in the table.
        """
        check_columns(frame, names)
        return cls(tuple(_column(name, frame[name]) for name in names))

    def numbers(self, frame: pd.DataFrame) -> Array:
        """(n, k) for trees."""
        check_columns(frame, [each.name for each in self.columns])
        parts = [each.numbers(frame) for each in self.columns]
        return np.stack(parts, axis=1) if parts else np.zeros((len(frame), 0))

    def terms(self, frame: pd.DataFrame) -> Array:
        """(n, k) for linear models."""
        check_columns(frame, [each.name for each in self.columns])
        parts = [each.terms(frame) for each in self.columns]
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(frame), 0))

    def is_new(self, frame: pd.DataFrame) -> NDArray[np.bool_]:
        """(n,) whether some column has what the fitted rows did not have."""
        new = np.zeros(len(frame), dtype=np.bool_)
        for each in self.columns:
            new |= each.is_new(frame)
        return new


def floats_of(frame: pd.DataFrame, name: str) -> Array:
    """(n,) a column as numbers, NaN where a cell is empty.

    Raises:
        DataError: Some cells are no numbers.
    """
    cells = frame[name]
    if is_number(cells):
        return _floats(cells)
    read = pd.to_numeric(cells, errors="coerce")
    wrong = cells[read.isna() & cells.notna()]
    if len(wrong):
        raise DataError(
            f"the column {name!r} holds {str(wrong.iloc[0])[:40]!r}; expected numbers. To fix: pass numbers, or give "
            "the lever options=."
        )
    return _floats(read)


def texts_of(values: Any) -> NDArray[np.str_]:
    """(n,) options as texts, so that 1, 1.0 and True of a column of 0 and 1 are one option."""
    return _texts(pd.Series(values))


def groups_of(frame: pd.DataFrame, group: str | None) -> NDArray[np.int64]:
    """(n,) the number of each row's group; every row is its own where there are no groups."""
    return np.arange(len(frame)) if group is None else group_numbers(frame[group])


def _column(name: str, cells: pd.Series) -> Column:
    if is_number(cells):
        found = _floats(cells)
        found = found[np.isfinite(found)]
        if not len(found):
            return Column(name)
        scale = float(found.std())
        return Column(name, float(found.mean()), scale if scale > 0 else 1.0, float(found.min()), float(found.max()))
    counts = pd.Series(_texts(cells)).value_counts()
    ordered = sorted(counts.index, key=lambda each: (-int(counts[each]), str(each)))
    return Column(name, levels=tuple(map(str, ordered)))


def _floats(cells: pd.Series) -> Array:
    found = as_numbers(cells)
    return np.where(np.isfinite(found), found, np.nan)


def _texts(cells: pd.Series) -> NDArray[np.str_]:
    return np.array(
        ["" if gone else _text(cell) for cell, gone in zip(cells, cells.isna(), strict=True)], dtype=np.str_
    )


def _text(cell: Any) -> str:
    """The same for 1, 1.0 and True."""
    return f"{float(cell):.12g}" if isinstance(cell, bool | np.bool_ | int | float | np.number) else str(cell)
