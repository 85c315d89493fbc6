"""Rows that people hand over to be answered: files, tables of any library, columns, lists; read by column.

A million rows that are read one by one take a minute; by column, seconds. What cannot be read in a part of the rows is
found row by row, so that the others are answered. CSV is read by the same code as for training, and needs no pandas.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.tables.csv_text import read_csv_text
from drivetrain.data.tables.labels import column_names
from drivetrain.data.tables.packed import PACKED_SUFFIXES, inner_suffix, unpacked
from drivetrain.errors import InputError, MissingExtraError
from drivetrain.notices import warn
from drivetrain.runtime.files.plain_json import read_json
from drivetrain.runtime.files.western import western
from drivetrain.runtime.spec import Arrays, RowPart
from drivetrain.settings import shown
from drivetrain.text import readable, short_reason

Columns = Mapping[str, NDArray[Any]]

AT_ONCE = 4096
"""Rows that are read together."""
TEXT_SUFFIXES = {".csv": ",", ".tsv": "\t", ".txt": ","}
PARQUET_SUFFIXES = (".parquet", ".pq")
LINES_SUFFIXES = (".jsonl", ".ndjson")
SUFFIXES = (*TEXT_SUFFIXES, *PARQUET_SUFFIXES)
EXPECTED = "a file ending in .csv, .tsv, .txt, .parquet, .pq or .jsonl, such as .csv.gz, or a .zip of one"
MOST_LINE_BYTES = 1 << 20


class _Named(Protocol):
    @property
    def name(self) -> str: ...


class RowSpec(Protocol):
    """What is asked of the description of a row: columns by name, read one by one or many at once."""

    @property
    def columns(self) -> Sequence[_Named]:
        """What is read of a row."""
        ...

    def load(self, source: Any, /) -> Arrays:
        """One row."""
        ...

    def load_many(self, columns: Columns, /) -> Arrays:
        """All rows at once."""
        ...

    def view_many(self, loaded: Arrays, /) -> Arrays:
        """What a model reads of them."""
        ...


def is_table(given: Any) -> bool:
    """Whether something is many rows by itself: a file's path, a DataFrame, an Arrow table, columns of one length.

    Example:
        >>> is_table({"age": [1, 2]}), is_table({"age": 1}), is_table("rows.csv"), is_table('{"age": 1}')
        (True, False, True, False)
    """
    if isinstance(given, str):
        return given.lstrip()[:1] not in ("{", "[", "")
    if isinstance(given, os.PathLike):
        return True
    if isinstance(given, Mapping):
        cells = list(cast("Mapping[str, Any]", given).values())
        return bool(cells) and all(_is_column(one) for one in cells)
    return any(hasattr(given, name) for name in ("iloc", "__arrow_c_stream__", "get_columns")) and hasattr(
        given, "columns"
    )


def parts_of(spec: RowSpec, given: Any, *, at_once: int) -> Iterator[RowPart]:
    """What a model reads of the rows, some at a time, with the reason where a row cannot be read.

    Args:
        spec: How a row is read.
        given: The path of a CSV, TSV, Parquet or JSON-lines file; a DataFrame of any library; an Arrow table; a mapping
            of columns; a row; or a list or generator of rows.
        at_once: Rows of a generator that are taken together; of all else `AT_ONCE`.

    Raises:
        InputError: A file cannot be read, or a column is not there.
        MissingExtraError: A Parquet file, and pyarrow is not installed.
    """
    if isinstance(given, str | os.PathLike) and is_table(given):
        return _of_file(spec, Path(cast("str | os.PathLike[str]", given)))
    if is_table(given):
        columns = _in_memory(given)
        _check_names(spec, columns, "the table")
        return _of_columns(spec, columns)
    if isinstance(given, Mapping | bytes | bytearray | str) or not isinstance(given, Iterable):
        return _of_rows(spec, iter([given]), 1)
    return _of_rows(spec, iter(cast("Iterable[Any]", given)), AT_ONCE if isinstance(given, list | tuple) else at_once)


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _of_file(spec: RowSpec, path: Path) -> Iterator[RowPart]:
    suffix, name = inner_suffix(path), readable(path)
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError) as error:
        raise InputError(f"{name} cannot be read: {short_reason(error)}. To fix: give {EXPECTED}.") from error
    packed = path.suffix.lower() in PACKED_SUFFIXES
    if not regular or suffix not in (*SUFFIXES, *(LINES_SUFFIXES if not packed else (".zip",))):
        what = "no table" if regular else "no file"
        raise InputError(f"{name} is {what}; expected {EXPECTED}. To fix: write the rows as CSV in UTF-8.")
    if packed:
        return _of_packed(spec, path, name)
    if suffix in PARQUET_SUFFIXES:
        return _numbered(_of_parquet(spec, path, name), str(path))
    if suffix in LINES_SUFFIXES:
        return _numbered(_of_rows(spec, _lines(path, name), AT_ONCE), str(path))
    content = _content(path, name)
    columns = _plain_columns(content, TEXT_SUFFIXES[suffix])
    if columns is None:
        columns = columns_of_csv(content, name, usual=TEXT_SUFFIXES[suffix])
    _check_names(spec, columns, name)
    return _numbered(_of_columns(spec, columns), str(path))


def _of_packed(spec: RowSpec, path: Path, name: str) -> Iterator[RowPart]:
    try:
        data, suffix = unpacked(path, _content(path, name), SUFFIXES)
    except ValueError as error:  # DataError is one
        raise InputError(str(error)) from error
    if suffix in PARQUET_SUFFIXES:
        return _numbered(_of_parquet(spec, io.BytesIO(data), name), str(path))
    columns = columns_of_csv(data, name, usual=TEXT_SUFFIXES[suffix])
    _check_names(spec, columns, name)
    return _numbered(_of_columns(spec, columns), str(path))


def columns_of_csv(content: bytes, name: str, *, usual: str = ",") -> dict[str, NDArray[Any]]:
    r"""The columns of a CSV text, cells as they are written.

    Args:
        content: UTF-8, or UTF-16 with its mark, or else cp1252 or Latin-1, which is said in a warning.
        name: Of the file or request, for messages.
        usual: The delimiter where none is plain.

    Raises:
        InputError: It cannot be read.

    Example:
        >>> {name: cells.tolist() for name, cells in columns_of_csv(b"age;town\n39;Bern", "rows.csv").items()}
        {'age': ['39'], 'town': ['Bern']}
    """
    if b"\0" in content and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{name} has NUL bytes; expected text. To fix: export the table again as CSV in UTF-8.")
    try:
        found = read_csv_text(_decoded(content, name), usual, name)
    except ValueError as error:  # DataError is one
        raise InputError(str(error)) from error
    for left_out in ("empty rows", "comments"):
        if left_out in found.decisions:
            warn(f"{name}: {left_out} get no answer: {found.decisions[left_out]}")
    names = column_names(found.header)
    columns = {column: _objects([row[place] for row in found.rows]) for place, column in enumerate(names)}
    if len(columns) < len(names):
        twice = next(column for column in names if names.count(column) > 1)
        raise InputError(f"{name} has two columns {readable(twice)!r}; expected one. To fix: rename one of them.")
    return columns


def _plain_columns(content: bytes, usual: str) -> dict[str, NDArray[Any]] | None:
    """The same of a large file in which nothing needs judgement, by Arrow's reader, where it is installed."""
    try:
        from drivetrain.data.tables.csv_fast import read_plain  # noqa: PLC0415 - a server may do without

        found = read_plain(content, usual, frozenset())
    except ImportError:
        return None
    if found is None:
        return None
    table = found[0]
    names = column_names(table.column_names)
    if len(set(names)) < len(names):
        return None
    return {name: _shared_texts(table.column(place)) for place, name in enumerate(names)}


def _content(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, MemoryError) as error:
        raise InputError(f"{name} cannot be read: {short_reason(error)}. To fix: check the file.") from error


def _decoded(content: bytes, name: str) -> str:
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        if utf16:
            raise InputError(f"{name} begins like UTF-16 but is not. To fix: export the table in UTF-8.") from error
        text, encoding = western(content)
        said = "Latin-1" if encoding == "latin-1" else "cp1252, as Windows writes in Western Europe"
        warn(
            f"{name} is not UTF-8 (byte {error.start}); read as {said}, so some letters may be wrong. To fix: export "
            "the table in UTF-8."
        )
        return text


def _of_parquet(spec: RowSpec, path: Path | io.BytesIO, name: str) -> Iterator[RowPart]:
    try:
        from pyarrow import parquet  # noqa: PLC0415 - a server may do without
    except ImportError as error:
        raise MissingExtraError(
            f"{name}: Parquet is read with pyarrow, which is not installed. pip install pyarrow"
        ) from error
    try:
        file = parquet.ParquetFile(path)
        written: list[str] = file.schema_arrow.names
        names = dict(zip(written, column_names(written), strict=True))
        _check_names(spec, dict.fromkeys(names.values()), name)
        wanted = [each for each in written if names[each] in {column.name for column in spec.columns}]
        batches = file.iter_batches(AT_ONCE, columns=wanted)
    except InputError:
        raise
    except Exception as error:  # pyarrow raises what its C++ side says, under many types
        raise InputError(f"{name} cannot be read as Parquet: {short_reason(error)}. To fix: write it again.") from error

    def parts() -> Iterator[RowPart]:
        for batch in batches:
            columns = {names[each]: _arrow_cells(batch.column(each)) for each in wanted}
            yield _read(spec, columns, batch.num_rows)

    return parts()


def _lines(path: Path, name: str) -> Iterator[bytes]:
    """Each line of a JSON-lines file that is not blank."""
    try:
        with path.open("rb") as stream:
            yield from (line for line in stream if line.strip())
    except OSError as error:
        raise InputError(f"{name} cannot be read: {short_reason(error)}. To fix: check the file.") from error


# ── in memory ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _in_memory(given: Any) -> dict[str, NDArray[Any]]:
    """The columns of a table in memory."""
    if isinstance(given, Mapping):
        pairs = [(name, _cells(column)) for name, column in cast("Mapping[Any, Any]", given).items()]
    elif hasattr(given, "iloc"):
        pairs = [(name, _pandas_cells(given.iloc[:, at])) for at, name in enumerate(given.columns)]
    elif hasattr(given, "get_columns"):  # Polars
        pairs = [(column.name, _polars_cells(column)) for column in given.get_columns()]
    else:
        try:
            import pyarrow as pa  # noqa: PLC0415 - a server may do without
        except ImportError as error:
            raise MissingExtraError(
                "an Arrow table needs pyarrow, which is not installed. pip install pyarrow"
            ) from error
        table: Any = pa.table(given)
        pairs = [(name, _arrow_cells(table.column(at))) for at, name in enumerate(table.column_names)]
    names = column_names([name for name, _ in pairs])
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"the table has two columns {readable(twice)!r}; expected one. To fix: rename one of them.")
    columns = dict(zip(names, (cells for _, cells in pairs), strict=True))
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{readable(name)!r} {n:,}" for name, n in list(lengths.items())[:6])
        raise InputError(f"columns of different length: {said}; expected as many cells in each. To fix: complete them.")
    return columns


def _is_column(cells: Any) -> bool:
    one_dimension = getattr(cells, "ndim", 1) == 1 and hasattr(cells, "__len__") and hasattr(cells, "__iter__")
    return one_dimension and not isinstance(cells, str | bytes | bytearray | Mapping)


def _cells(column: Any) -> NDArray[Any]:
    if hasattr(column, "iloc"):
        return _pandas_cells(column)
    if isinstance(column, np.ndarray):
        return cast("NDArray[Any]", column)
    return _objects(list(column))


def _pandas_cells(series: Any) -> NDArray[Any]:
    cells: NDArray[Any] = series.to_numpy()
    return cells if cells.dtype.kind in "biufMO" else _objects(series.tolist())


def _polars_cells(series: Any) -> NDArray[Any]:
    return series.to_numpy() if series.dtype.is_float() else _objects(series.to_list())


def _arrow_cells(column: Any) -> NDArray[Any]:
    """A column's cells; numbers and dates without gaps of their own as they lie in memory, equal texts as one."""
    kind = str(column.type)
    if kind in ("double", "float"):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    if kind in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "bool") and not column.null_count:
        return np.asarray(column.to_numpy(zero_copy_only=False))
    if kind in ("timestamp[s]", "timestamp[ms]", "timestamp[us]"):  # others are objects of a type of their own
        return np.asarray(column.to_numpy(zero_copy_only=False)).astype("datetime64[us]")
    if kind in ("string", "large_string"):
        return _shared_texts(column)
    return _objects(column.to_pylist())


def _shared_texts(column: Any) -> NDArray[Any]:
    encoded = column.dictionary_encode()
    parts: list[Any] = encoded.chunks if hasattr(encoded, "chunks") else [encoded]
    made: list[NDArray[Any]] = []
    for part in parts:
        texts = _objects([*part.dictionary.to_pylist(), None])
        made.append(texts[part.indices.fill_null(-1).to_numpy(zero_copy_only=False)])  # the last one is the gap
    return np.concatenate(made) if made else _objects([])


def _objects(cells: list[Any]) -> NDArray[Any]:
    """A column of cells as they are; a list in a cell stays one."""
    made = np.empty(len(cells), dtype=object)
    made[:] = cells
    return made


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _of_columns(spec: RowSpec, columns: Columns) -> Iterator[RowPart]:
    wanted = {column.name: columns[column.name] for column in spec.columns}
    n = len(next(iter(wanted.values()), ()))
    for start in range(0, n, AT_ONCE):
        part = {name: cells[start : start + AT_ONCE] for name, cells in wanted.items()}
        yield _read(spec, part, min(AT_ONCE, n - start))


def _of_rows(spec: RowSpec, rows: Iterator[Any], at_once: int) -> Iterator[RowPart]:
    names = [column.name for column in spec.columns]
    while given := list(islice(rows, at_once)):
        told = [_mapping(row) for row in given]
        if len(told) > 1 and all(isinstance(row, Mapping) and all(name in row for name in names) for row in told):
            yield _read(spec, {name: _objects([row[name] for row in told]) for name in names}, len(told))
        else:
            yield _one_by_one(spec, (lambda at, told=told: told[at]), len(told))


def _mapping(row: Any) -> Any:
    """A row in JSON as a mapping, where it is one; else as it is: `Spec.load` says what is wrong with it."""
    if not isinstance(row, bytes | bytearray | str):
        return row
    try:
        return read_json(row.encode() if isinstance(row, str) else bytes(row), most_bytes=MOST_LINE_BYTES)
    except ValueError:
        return row


def _read(spec: RowSpec, columns: Columns, n: int) -> RowPart:
    """A part of the rows by column; row by row where a cell is wrong."""
    try:
        return RowPart(spec.view_many(spec.load_many(columns)), {}, n)
    except InputError:
        return _one_by_one(spec, lambda at: {name: cells[at] for name, cells in columns.items()}, n)


def _one_by_one(spec: RowSpec, row: Callable[[int], Any], n: int) -> RowPart:
    loaded: list[Any] = []
    errors: dict[int, str] = {}
    for at in range(n):
        try:
            loaded.append(spec.load(row(at)))
        except InputError as error:
            errors[at] = str(error)
    if not loaded:
        return RowPart((), errors, n)
    stacked = tuple(np.stack(column) for column in zip(*loaded, strict=True))
    return RowPart(spec.view_many(stacked), errors, n)


def _numbered(parts: Iterator[RowPart], path: str) -> Iterator[RowPart]:
    first = 1
    for part in parts:
        yield part._replace(path=path, first=first)
        first += part.n


def _check_names(spec: RowSpec, columns: Mapping[str, Any], where: str) -> None:
    missing = [column.name for column in spec.columns if column.name not in columns]
    if missing:
        said = ", ".join(repr(readable(name)) for name in missing[:6])
        there = ", ".join(shown(name) for name in list(columns)[:12]) or "none"
        n = len(spec.columns)
        wanted = f"all {n} columns" if n > 1 else "the one column"
        mend = "add what lacks, with empty cells where nothing is known" if n > 1 else f"call yours {said}"
        raise InputError(
            f"{where} lacks the column{'s' if len(missing) > 1 else ''} {said}; it has {there}. Expected {wanted} that "
            f"the model reads. To fix: {mend}."
        )
