"""The columns of a table of ratings as arrays, of millions of rows without a Python object for each cell.

Legend: N rows.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.sources import Source
from drivetrain.data.tables.frames import check_header, is_table, table_of
from drivetrain.data.tables.labels import column_names
from drivetrain.data.tables.reading import read_table
from drivetrain.errors import DataError, SettingError
from drivetrain.runtime.decisions import Decision
from drivetrain.text import counted, readable, short_reason

Cells = NDArray[Any]
LARGE_BYTES = 50 * 2**20
"""From this size a CSV is read by Arrow, which takes a tenth of the memory."""
EXPECTED = (
    "a CSV, TSV or Parquet file, a DataFrame of any library, an Arrow table, a dict of lists, a list of dicts, or the "
    "cursor of a database"
)


@dataclass(frozen=True)
class Columns:
    """A table of ratings or of attributes as arrays."""

    columns: Mapping[str, Cells]
    description: str
    decisions: Mapping[str, Decision]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


def read_columns(source: Source, *, setting: str = "source") -> Columns:
    """The columns of a table file or of a table in memory, numbers as numbers, all else as objects.

    Args:
        source: Where they are.
        setting: The argument it was given as, for messages.

    Raises:
        DataError: It does not exist, cannot be read, has no rows, or two columns of one name.
        SettingError: It is no table.

    Example:
        >>> read_columns({"user": ["a", "b"], "rating": [1, 2.5]}).columns["rating"].tolist()
        [1.0, 2.5]
    """
    if is_table(source):
        return _of_memory(source)
    if not isinstance(source, str | os.PathLike):
        raise SettingError(f"{setting} is {type(source).__name__}; expected {EXPECTED}. To fix: pass one of these.")
    place = Path(os.fsdecode(source))
    try:
        there, size = place.is_file(), place.stat().st_size
    except (OSError, ValueError) as error:
        why = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read: {short_reason(error)}"
        raise DataError(f"{readable(place)} {why}; expected {EXPECTED}. To fix: check the path.") from error
    if not there:
        raise DataError(f"{readable(place)} is no file; expected {EXPECTED}. To fix: pass the table itself.")
    said = f"table {readable(place)}"
    suffix = place.suffix.lower()
    if size >= LARGE_BYTES and suffix in (".csv", ".tsv", ".txt", ".parquet", ".pq"):
        return Columns(_large(place, suffix), said, {})
    table, decisions = read_table(place)
    return Columns({name: as_cells(cells) for name, cells in table.columns.items()}, said, decisions)


def as_cells(cells: Sequence[Any]) -> Cells:
    """Cells as an array: numbers as numbers, a gap among them as not a number; all else as objects.

    Example:
        >>> as_cells([1, None]).tolist(), as_cells(["a", 1]).dtype
        ([1.0, nan], dtype('O'))
    """
    kinds = {type(cell) for cell in cells}
    if kinds == {int} and max(cells) < 1 << 63 and min(cells) >= -(1 << 63):
        return np.array(cells, np.int64)
    exact = all(abs(cell) <= 1 << 53 for cell in cells if type(cell) is int)
    if exact and kinds <= {int, float, type(None)} and kinds & {int, float}:
        return np.array(cells, np.float64)
    found = np.empty(len(cells), object)
    found[:] = cells
    return found


def _of_memory(source: Any) -> Columns:
    n_told = _arrays_of(source)
    if n_told is not None:
        names, arrays = n_told
        check_header(names, len(arrays[0]) if arrays else 0, "the table")
        lengths = {len(array) for array in arrays}
        if len(lengths) == 1:
            columns = dict(zip(names, arrays, strict=True))
            return Columns(columns, f"{_kind_of(source)} of {counted(lengths.pop(), 'row')}", {})
    table = table_of(source)
    columns = {name: as_cells(cells) for name, cells in table.columns.items()}
    return Columns(columns, f"{_kind_of(source)} of {counted(len(next(iter(columns.values()), ())), 'row')}", {})


def _kind_of(source: object) -> str:
    return "list" if isinstance(source, list | tuple) else "dict" if isinstance(source, dict) else type(source).__name__


def _arrays_of(source: Any) -> tuple[list[str], list[Cells]] | None:
    """The columns of a DataFrame, of an Arrow table or of a dict of arrays without a list of each; None of others."""
    if hasattr(source, "iloc") and hasattr(source, "columns"):
        names: list[Any] = list(source.columns)
        return column_names(names), [_pandas(source.iloc[:, at]) for at in range(len(names))]
    if isinstance(source, Mapping):
        given = cast("Mapping[Any, Any]", source)
        if not given or not all(isinstance(cells, np.ndarray) and cells.ndim == 1 for cells in given.values()):
            return None
        return column_names(list(given)), list(given.values())
    if hasattr(source, "__arrow_c_stream__"):
        import pyarrow as pa  # noqa: PLC0415 - slow to import

        try:
            table: Any = pa.table(source)
        except Exception:  # noqa: BLE001 - somebody else's library; `table_of` says what is wrong
            return None
        return column_names(table.column_names), [_arrow(table.column(at)) for at in range(table.num_columns)]
    return None


def _pandas(series: Any) -> Cells:
    kind = series.dtype.kind if isinstance(series.dtype, np.dtype) else ""
    if kind in "biufM" and kind:
        return series.to_numpy()
    found = np.empty(len(series), object)
    found[:] = series.tolist()
    found[series.isna().to_numpy()] = None
    return found


def _arrow(column: Any) -> Cells:
    import pyarrow as pa  # noqa: PLC0415

    kind: Any = column.type
    if pa.types.is_floating(kind) or (pa.types.is_integer(kind) and not column.null_count):
        return np.asarray(column.to_numpy())
    if pa.types.is_timestamp(kind) and kind.tz is None:
        return np.asarray(column.to_numpy())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        parts: Any = column if pa.types.is_dictionary(kind) else column.dictionary_encode()
        parts = parts.combine_chunks()
        words = np.array([*parts.dictionary.to_pylist(), None], object)
        return words[np.asarray(parts.indices.fill_null(len(words) - 1))]
    found = np.empty(len(column), object)
    found[:] = column.to_pylist()
    return found


def _large(place: Path, suffix: str) -> dict[str, Cells]:
    from pyarrow import csv, parquet  # noqa: PLC0415 - slow to import

    try:
        if suffix in (".parquet", ".pq"):
            table: Any = parquet.read_table(place)
        else:
            with place.open("rb") as stream:
                head = stream.readline(1 << 16).decode("utf-8-sig")
            usual = "\t" if suffix == ".tsv" else ","
            sign = max(",;\t|", key=lambda one: (head.count(one), one == usual))
            table = csv.read_csv(place, parse_options=csv.ParseOptions(delimiter=sign))
    except Exception as error:  # pyarrow raises what its C++ side says, under many types
        raise DataError(
            f"{readable(place)} cannot be read: {short_reason(error)}. Expected {EXPECTED}. To fix: write it again."
        ) from error
    names = column_names(table.column_names)
    check_header(names, table.num_rows, readable(place))
    return {name: _arrow(table.column(at)) for at, name in enumerate(names)}
