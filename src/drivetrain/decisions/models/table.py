"""Tables of any library, as a DataFrame whose columns have names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd

from drivetrain.data.data import Data
from drivetrain.data.inputs import Cells, as_array
from drivetrain.data.tables.frames import table_of
from drivetrain.data.tables.reading import read_table
from drivetrain.errors import DataError, SettingError, did_you_mean, first_few
from drivetrain.settings import refuse
from drivetrain.text import readable

EXPECTED = "a DataFrame, a dict of columns, a table of another library, the path of a table file, or dt.Data of cells"


def frame_of(source: Any, name: str = "table", *, empty: bool = False) -> pd.DataFrame:
    """A table as a DataFrame: its columns as they are, its index kept; a copy only where it was none before.

    Args:
        source: A DataFrame of pandas, Polars or another library, an Arrow table, a dict of columns, a list of dicts,
            the path of a CSV or Parquet file, or `drivetrain.Data` whose rows are cells (its training and validation
            rows).
        name: Of the argument, for messages.
        empty: Whether no rows at all are fine.

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
        columns = read_table(Path(source))[0].columns
        frame = pd.DataFrame({column: as_array(cells) for column, cells in columns.items()})
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
