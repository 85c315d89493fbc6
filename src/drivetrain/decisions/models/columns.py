"""Columns of a table as a matrix that estimators read: numbers as they are, texts and categories encoded.

What is needed of the data (the categories, the middle and the spread of numbers) comes from the logged rows' inputs,
never from their outcome. Legend: n rows, p columns of the matrix, L values of a lever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.models.table import as_numbers, is_number, missing_columns
from drivetrain.errors import DataError, SettingError, did_you_mean, first_few
from drivetrain.notices import warn
from drivetrain.text import counted, readable

Array = NDArray[np.float64]
Style = Literal["codes", "indicators"]
"""Codes: a category is its number, what is missing is NaN. Indicators: a category is a column of 0 and 1 for each
value, numbers are standardised, what is missing is the middle, and a column of its own says so."""
MOST_INDICATORS = 1000
"""Values of a category that get a column each; a matrix of more would not fit a machine."""


@dataclass(frozen=True)
class Column:
    """One column of the table, and how it is encoded."""

    name: str
    values: tuple[Any, ...] | None
    """The categories, in order; None: a number."""
    style: Style
    middle: float = 0.0
    spread: float = 1.0
    gaps: bool = False
    """Whether numbers were missing in the logged rows."""
    fill: bool = False
    """Whether nothing may stay NaN: codes then have the middle of numbers, and −1 for no category."""

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        if self.style == "codes":
            return 1
        return len(self.values) if self.values is not None else 1 + self.gaps

    @cached_property
    def _index(self) -> pd.Index[Any]:
        return pd.Index(list(self.values or ()), dtype=object)

    def encode(self, cells: pd.Series[Any]) -> tuple[Array, list[Any]]:
        """(n, width), and the categories that the logged rows did not have."""
        if self.values is None:
            return self._numbers(cells), []
        texts = categories_of(cells)
        codes = self._index.get_indexer(pd.Index(texts, dtype=object))
        known = codes >= 0
        unknown = (
            sorted({str(text) for text in pd.unique(texts[~known]) if text is not None}) if not known.all() else []
        )
        if self.style == "codes":
            return np.where(known, codes, -1.0 if self.fill else np.nan)[:, None], unknown
        found = np.zeros((len(cells), self.width))
        rows = np.flatnonzero(known)
        found[rows, codes[rows]] = 1.0
        return found, unknown

    def _numbers(self, cells: pd.Series[Any]) -> Array:
        numbers = as_numbers(cells)
        if cells.dtype == object and (lost := pd.notna(cells).to_numpy() & np.isnan(numbers)).any():
            raise DataError(
                f"{readable(self.name)!r} holds {first_few(map(repr, pd.unique(cells[lost])), 3)}, and the models have "
                "learned it as a number; expected numbers. To fix: pass numbers, or fit with the column as text."
            )
        if np.isinf(numbers).any():
            raise DataError(
                f"{readable(self.name)!r} is infinite in {counted(int(np.isinf(numbers).sum()), 'row')}; expected "
                "finite numbers. To fix: leave these rows out, or empty the cell."
            )
        if self.style == "codes":
            return np.where(np.isnan(numbers), self.middle, numbers)[:, None] if self.fill else numbers[:, None]
        empty = np.isnan(numbers)
        scaled = np.where(empty, 0.0, (numbers - self.middle) / self.spread)
        return np.column_stack([scaled, empty]) if self.gaps else scaled[:, None]


def categories_of(cells: pd.Series[Any]) -> NDArray[Any]:
    """(n,) objects: each cell as a text, what is missing as None.

    Example:
        >>> categories_of(pd.Series(["a", None, 3], dtype=object)).tolist()
        ['a', None, '3']
    """
    found = cells.astype(object).to_numpy(copy=True)
    empty = pd.isna(found)
    found[~empty] = [str(cell) for cell in found[~empty]]
    found[empty] = None
    return found


class Matrix:
    """Encodes a table; keeps which columns of the matrix are which of the table."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.parts = {column.name: column for column in columns}
        ends = np.cumsum([0, *(column.width for column in columns)]).tolist()
        self.places = {c.name: slice(a, b) for c, a, b in zip(columns, ends[:-1], ends[1:], strict=True)}
        self.width = ends[-1]
        self._told: set[tuple[str, str]] = set()

    @classmethod
    def fit(cls, frame: pd.DataFrame, features: Sequence[str], style: Style, *, fill: bool = False) -> Matrix:
        """Learn categories, and in the style of indicators middle and spread, from the logged rows.

        Args:
            frame: The logged rows.
            features: Columns to be encoded.
            style: See `Style`.
            fill: Whether nothing may stay NaN, for estimators that cannot read it.

        Raises:
            DataError: A column cannot be used.
        """
        return cls([_column(frame[name], name, style, fill=fill) for name in features])

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the table."""
        return tuple(self.parts)

    @property
    def categories(self) -> tuple[int, ...]:
        """Columns of the matrix that hold codes of categories."""
        return tuple(self.places[n].start for n, c in self.parts.items() if c.values is not None and c.style == "codes")

    def encode(self, frame: pd.DataFrame, without: Sequence[str] = ()) -> Array:
        """(n, p), those `without` left at 0.

        Raises:
            DataError: A column is not in the table, or holds what cannot be encoded.
        """
        check_columns(frame, [name for name in self.parts if name not in without])
        found = np.zeros((len(frame), self.width))
        for name, column in self.parts.items():
            if name not in without:
                found[:, self.places[name]] = self._encoded(column, frame[name])
        return found

    def encode_values(self, name: str, values: NDArray[Any]) -> Array:
        """(L, width) of one column for the values of a lever."""
        return self._encoded(self.parts[name], pd.Series(values))

    def _encoded(self, column: Column, cells: pd.Series[Any]) -> Array:
        found, unknown = column.encode(cells)
        fresh = [text for text in unknown if (column.name, text) not in self._told]
        if fresh:
            self._told.update((column.name, text) for text in fresh)
            count = counted(len(fresh), "category", "categories")
            near = did_you_mean(fresh[0], [str(value) for value in column.values or ()])
            warn(
                f"{readable(column.name)!r} has {count} that the models have not seen: "
                f"{first_few(map(readable, fresh))}.{near} Such cells count as missing. To fix: correct them, or "
                "fit with rows that have them."
            )
        return found


def check_columns(frame: pd.DataFrame, columns: Sequence[str], who: str = "the model") -> None:
    """Raise DataError where the table lacks a column that is read."""
    lacking = missing_columns(frame, columns)
    if lacking:
        names = [str(name) for name in frame.columns]
        raise DataError(
            f"the rows have no column {first_few(map(readable, lacking))}, which {who} reads; they have "
            f"{first_few(map(readable, names), 12)}.{did_you_mean(lacking[0], names)} To fix: add the column, or fit "
            "with features= that name only what is known of the rows to decide on."
        )


def _column(cells: pd.Series[Any], name: str, style: Style, *, fill: bool) -> Column:
    if is_number(cells):
        numbers = as_numbers(cells)
        if not np.isfinite(numbers).any():
            raise DataError(
                f"{readable(name)!r} has no number in any row; expected some. To fix: leave it out of features=."
            )
        middle = float(np.nanmedian(numbers)) if style == "codes" else float(np.nanmean(numbers))
        spread = float(np.nanstd(numbers)) or 1.0
        return Column(name, None, style, middle, spread, bool(np.isnan(numbers).any()), fill)
    if pd.api.types.is_datetime64_any_dtype(cells.dtype) or pd.api.types.is_timedelta64_dtype(cells.dtype):
        raise DataError(
            f"{readable(name)!r} holds times; expected numbers or categories. To fix: leave it out of features=, or "
            "make numbers of it, such as days since the first."
        )
    values = tuple(sorted({text for text in categories_of(cells).tolist() if text is not None}))
    if style == "indicators" and len(values) > MOST_INDICATORS:
        raise SettingError(
            f"{readable(name)!r} has {len(values):,} categories, and this estimator needs a column for each; expected "
            f"at most {MOST_INDICATORS:,}. To fix: leave it out of features=, or take boosted trees."
        )
    return Column(name, values, style, fill=fill)
