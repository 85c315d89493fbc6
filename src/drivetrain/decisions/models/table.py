"""Tables of any library, as a DataFrame whose columns have names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd

from drivetrain.data.data import Data
from drivetrain.data.inputs import Cells, as_array
from drivetrain.data.tables.cells import column_of, is_ambiguous, numbers_of
from drivetrain.data.tables.frames import table_of
from drivetrain.data.tables.reading import TEXT_SUFFIXES, read_table
from drivetrain.errors import DataError, SettingError, did_you_mean, first_few
from drivetrain.notices import warn
from drivetrain.progress import say
from drivetrain.settings import refuse
from drivetrain.text import readable

EXPECTED = "a DataFrame, a dict of columns, a table of another library, the path of a table file, or dt.Data of cells"


def frame_of(source: Any, name: str = "table", *, empty: bool = False, as_text: Collection[str] = ()) -> pd.DataFrame:
    """A table as a DataFrame: its columns as they are, its index kept; a copy only where it was none before.

    The cells of a CSV file are text: a column of which every cell is written as a number becomes numbers, which is
    told. Codes such as 007 stay text, and so do yes and no.

    Args:
        source: A DataFrame of pandas, Polars or another library, an Arrow table, a dict of columns, a list of dicts,
            the path of a CSV or Parquet file, or `drivetrain.Data` whose rows are cells (its training and validation
            rows).
        name: Of the argument, for messages.
        empty: Whether no rows at all are fine.
        as_text: Columns of a CSV file that stay text.

    Raises:
        DataError: Two columns have one name, there are no rows, or the file cannot be read.
        SettingError: It is no table.

    Example:
        >>> frame_of({"price": [1.0, 2.0], "town": ["Bern", None]}).shape
        (2, 2)
    """
    if isinstance(source, pd.DataFrame):
        frame = source
    elif isinstance(source, Data):
        frame = _of_data(source, name)
    elif isinstance(source, str | PurePath):
        frame = _of_file(Path(source), as_text)
    elif isinstance(source, bool | int | float | bytes | type) or source is None or callable(source):
        return refuse(name, source, EXPECTED)
    else:
        try:
            columns = table_of(source).columns
        except DataError:
            raise
        except SettingError:
            return refuse(name, source, EXPECTED)
        frame = pd.DataFrame({column: as_array(cells) for column, cells in columns.items()})
    names = [str(column) for column in frame.columns]
    twice = sorted({column for column in names if names.count(column) > 1})
    if twice:
        raise DataError(
            f"{name} has {first_few(map(readable, twice))} more than once among its columns; expected names that "
            "differ. To fix: rename one of them."
        )
    if not len(frame) and not empty:
        raise DataError(f"{name} has no rows; expected at least one. To fix: pass a table with rows.")
    if names != list(frame.columns):
        frame = frame.set_axis(names, axis=1)
    return frame


def _of_file(path: Path, as_text: Collection[str]) -> pd.DataFrame:
    """A table file; of a CSV's columns of text those become numbers whose every cell is one."""
    columns: dict[str, Any] = {name: as_array(cells) for name, cells in read_table(path)[0].columns.items()}
    if path.suffix.lower() in TEXT_SUFFIXES:
        found = {name: numbers_in(cells, name) for name, cells in columns.items() if name not in as_text}
        turned = {name: numbers for name, numbers in found.items() if numbers is not None}
        if turned:
            columns |= turned
            say(f"{readable(path.name)}: read as numbers: {first_few(map(readable, turned), 12)}")
    return pd.DataFrame(columns)


def numbers_in(cells: Sequence[Any] | np.ndarray[Any, Any], name: str) -> np.ndarray[Any, Any] | None:
    """(n,) cells of text as numbers, NaN where one is empty or says so; None where one is something else.

    Example:
        >>> numbers_in(["1,5", None, "2"], "t"), numbers_in(["01", "02"], "zip"), numbers_in(["1", "2"], "n")
        (array([1.5, nan, 2. ]), None, array([1, 2]))
    """
    words = [word for word in dict.fromkeys(cells) if word is not None]
    column = column_of(name, words)
    if column.number_format is None or not all(isinstance(word, str) for word in words):
        return None
    if is_ambiguous(column):
        warn(
            f"commas in {readable(name)!r} are taken as those between thousands (1,234 is 1234). To fix: write 1.234 "
            "if they are decimal."
        )
    numbers: dict[Any, float] = {
        word: np.nan if number is None else number for word, number in zip(words, numbers_of(column), strict=True)
    }
    read = np.array([numbers.get(cell, np.nan) for cell in cells], dtype=np.float64)
    return read.astype(np.int64) if column.is_whole and np.isfinite(read).all() else read


def _of_data(data: Data, name: str) -> pd.DataFrame:
    """Training and validation rows: their cells, and what is to be learned under its own name."""
    rows = type(data.train).concat([data.train, data.valid])
    if not isinstance(rows.inputs, Cells):
        return refuse(name, data, f"{EXPECTED}: these rows are {rows.noun}")
    columns = {**rows.columns, **rows.inputs.columns}
    for i, column in enumerate(data.target.names if data.target.kind == "number" else (data.target.name,)):
        values = [value[i] if data.target.kind == "number" else value for value in rows.values]
        columns[column] = as_array(values)
    return pd.DataFrame(columns)


def known_column(frame: pd.DataFrame, column: Any, setting: str, of: str = "the table") -> str:
    """The name of a column of the table.

    Raises:
        SettingError: There is none of that name.
    """
    if not isinstance(column, str):
        refuse(setting, column, "the name of a column")
    if column not in frame.columns:
        names = [str(name) for name in frame.columns]
        raise SettingError(
            f"{setting}={readable(column)!r} is no column of {of}; expected one of "
            f"{first_few(map(readable, names), 12)}.{did_you_mean(column, names)} To fix: pass the name of a column."
        )
    return column


def missing_columns(frame: pd.DataFrame, columns: Iterable[str]) -> list[str]:
    """Those that the table does not have."""
    return [column for column in columns if column not in frame.columns]


def is_number(column: pd.Series[Any]) -> bool:
    """Whether a column holds numbers (truth values among them), rather than texts, categories or times."""
    return pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(column.dtype)


def as_numbers(column: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(n,) float64, what is missing as NaN.

    Example:
        >>> as_numbers(pd.Series([True, None])).tolist()
        [1.0, nan]
    """
    if column.dtype == object:
        column = pd.to_numeric(column, errors="coerce")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)
