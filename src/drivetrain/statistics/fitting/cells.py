"""A table of any kind, column by column: numbers, or texts where they are none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.data.tables.cells import MISSING_ELSEWHERE, column_of, is_ambiguous, numbers_of
from drivetrain.data.tables.frames import is_table, table_of
from drivetrain.data.tables.labels import column_names
from drivetrain.data.tables.reading import read_table
from drivetrain.errors import DataError, SettingError, first_few
from drivetrain.notices import warn
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import shown
from drivetrain.text import counted

Array = NDArray[np.float64]

_DIGITS = re.compile(r"[0-9+\-.eE]*")
"""Letters of numbers that numpy reads as `drivetrain.data.tables.cells` does."""
EXPECTED = "a table: a CSV or Parquet file, a DataFrame of any library, or a dict of lists"


class Cells:
    """The columns of a table, read when they are asked for.

    Args:
        source: A path, a DataFrame of any library, an Arrow table, a dict of lists, or a list of dicts.

    Raises:
        DataError: The file is missing, damaged, or no table.
        SettingError: It is no table at all.

    Example:
        >>> cells = Cells({"t": ["1,5", "2,5"], "city": ["Bonn", "Ulm"]})
        >>> cells.names, cells.numbers("t").tolist(), cells.texts("city")
        (['t', 'city'], [1.5, 2.5], ['Bonn', 'Ulm'])
    """

    def __init__(self, source: Any) -> None:
        self.decisions: dict[str, Decision] = {}
        self.stated: frozenset[str] = frozenset()
        self._frame: pd.DataFrame | None = None
        if isinstance(source, pd.DataFrame):
            self.names = column_names(list(source.columns))
            self._frame = source
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            if twice:
                raise DataError(
                    f"the DataFrame has more than one column named {first_few(map(repr, twice))}. To fix: rename one."
                )
            self.stated = frozenset(
                name
                for name, kind in zip(self.names, source.dtypes, strict=True)
                if isinstance(kind, pd.CategoricalDtype)
            )
            self.n = len(source)
        else:
            columns = self._read(source)
            self.names, self._columns = list(columns), columns
            self.n = len(next(iter(columns.values()), []))
        if self.n == 0:
            raise DataError(
                "the table has no rows; expected a row for each observation. To fix: pass a table with rows."
            )

    def _read(self, source: Any) -> dict[str, list[Any]]:
        if isinstance(source, str | PurePath):
            path = Path(source)
            if not path.exists():
                raise DataError(f"{path} does not exist; expected {EXPECTED}. To fix: pass the path of such a file.")
            if path.is_dir():
                raise DataError(f"{path} is a folder; expected {EXPECTED}. To fix: pass the path of such a file.")
            table, self.decisions = read_table(path)
            self.stated = table.stated
            return {name: list(cells) for name, cells in table.columns.items()}
        if not is_table(source):
            raise SettingError(
                f"source={shown(source)} cannot be used: expected {EXPECTED}. To fix: pass one of these."
            )
        table = table_of(source)
        self.stated = table.stated
        return {name: list(cells) for name, cells in table.columns.items()}

    def frame(self) -> pd.DataFrame:
        """The whole table, numbers as numbers and all else as text."""
        if self._frame is not None:
            return self._frame.set_axis(self.names, axis=1).reset_index(drop=True)
        made: dict[str, Any] = {}
        for name in self.names:
            numbers = self.numbers(name)
            made[name] = self.texts(name) if numbers is None else numbers
        return pd.DataFrame(made)

    def cells(self, name: str) -> Sequence[Any]:
        """The cells of a column as they are."""
        if self._frame is None:
            return self._columns[name]
        series = self._frame.iloc[:, self.names.index(name)]
        cells = series.astype(object)
        return cells.where(series.notna(), None).tolist()

    def numbers(self, name: str) -> Array | None:
        """The column as numbers, NaN where a cell is empty; None where some cells are something else.

        Yes and no are 1 and 0. How numbers are written (decimal commas, thousands) is found by the whole column.
        """
        quick = self._quick(name)
        if quick is not None:
            return quick
        if name in self.stated:
            return None
        column = column_of(name, self.cells(name))
        if column.has_lists or not column.valued:
            return np.full(self.n, np.nan) if not column.valued and not column.has_lists else None
        if column.number_format is None and not column.is_yes_no:
            return None
        if is_ambiguous(column):
            warn(
                f"commas in {name!r} are taken as those between thousands (1,234 is 1234). To fix: write "
                "1.234 if they are decimal."
            )
        elif column.number_format is not None and column.number_format.name:
            self.decisions[f"numbers of {name}"] = Decision(
                value=column.number_format.name, reason="as all its cells are written"
            )
        if column.gaps:
            said = first_few(f"{word!r} {counted(n, 'time')}" for word, n in column.gaps.items())
            self.decisions[f"empty cells of {name}"] = Decision(
                value=said, reason="words for no value in a column of numbers"
            )
        return np.array([np.nan if value is None else value for value in numbers_of(column)], dtype=np.float64)

    def codes(self, name: str) -> tuple[NDArray[np.intp], tuple[str, ...]] | None:
        """Each cell's place among the sorted values, and these; None unless the column is one of whole numbers."""
        if self._frame is None:
            return None
        series = self._frame.iloc[:, self.names.index(name)]
        if not isinstance(series.dtype, np.dtype) or series.dtype.kind not in "iu" or name in self.stated:
            return None
        values, places = np.unique(series.to_numpy(), return_inverse=True)
        return places.astype(np.intp), tuple(str(value) for value in values.tolist())

    def texts(self, name: str) -> list[str | None]:
        """The column as texts, None where a cell is empty or says so."""
        return [
            cell
            if isinstance(cell, str) and cell.casefold() not in MISSING_ELSEWHERE
            else None
            if not isinstance(cell, tuple)
            else str(list(cell))
            for cell in column_of(name, self.cells(name)).cells
        ]

    def example_of_text(self, name: str) -> str:
        """The first cell that is no number, for a message."""
        for text in self.texts(name):
            if text is not None and np.isnan(_number(text)):
                return repr(text[:40])
        return "none"

    def _quick(self, name: str) -> Array | None:
        """Numbers that need no guessing: those of numeric columns, and plain decimal text."""
        if self._frame is not None:
            series = self._frame.iloc[:, self.names.index(name)]
            if series.dtype.kind in "iufb" and name not in self.stated:
                return series.to_numpy(dtype=np.float64, na_value=np.nan)
            return None
        cells = self._columns[name]
        kinds = {type(cell) for cell in cells if cell is not None}
        texts = kinds == {str} and _DIGITS.fullmatch("".join(cell for cell in cells if cell is not None)) is not None
        if not kinds or not (texts or kinds <= {int, float}):
            return None
        try:
            return np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
        except (ValueError, OverflowError):
            return None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan
