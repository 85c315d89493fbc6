"""Tables in memory, of any library, as plain columns: DataFrames, Arrow tables, dicts, lists of rows."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.inputs import as_array
from drivetrain.data.splitting.split import SYNONYMS
from drivetrain.data.tables.cells import MISSING_WORDS, typed, written
from drivetrain.data.tables.labels import column_names
from drivetrain.errors import DataError, MissingExtraError, SettingError, first_few
from drivetrain.settings import shown

try:
    import pandas as pd
    import pyarrow as pa
except ImportError as error:
    raise MissingExtraError(
        "tables are read with pandas and pyarrow, which are not installed. To fix: pip install 'drivetrain[train]'"
    ) from error

DataFrame = pd.DataFrame
Columns = Mapping[str, Sequence[Any]]
ANY_TABLE = ("__arrow_c_stream__", "__dataframe__", "to_pandas", "to_dict")
SPLIT = "split"
"""The column that says the part, of a dict of tables."""
EXACT = 1 << 53
"""Larger whole numbers are not told apart as floats."""
INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls an index without a name, in Parquet."""
PATH = "path"
"""What the first of a pair is where nothing else is said."""


def expected(first: str = PATH) -> str:
    """What a source may be.

    Args:
        first: What a pair begins with: "path", or "text".
    """
    return f"a folder, a table file, a DataFrame of any library, a dict of lists, or a list of ({first}, label) pairs"


class Numbers(Sequence[Any]):
    """A column of numbers as an array, which takes a fraction of a list's memory; read as a list, gaps are None.

    Args:
        array: int64, bool, or float64 with NaN for a gap and some number in it.

    Example:
        >>> column = Numbers(np.array([1.5, np.nan]))
        >>> list(column), column[0], column[:1], column == [1.5, None]
        ([1.5, None], 1.5, [1.5], True)
    """

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array + 0.0 if array.dtype.kind == "f" else array  # no minus before zero

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, place: Any) -> Any:
        found = self.array[place]
        return list(Numbers(found)) if isinstance(place, slice) else next(iter(Numbers(self.array[[place]])))

    def __iter__(self) -> Iterator[Any]:
        if self.array.dtype.kind != "f":
            return iter(self.array.tolist())
        return (None if math.isnan(cell) else cell for cell in self.array.tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(cast("Sequence[Any]", other))

    def __hash__(self) -> int:
        return hash(len(self))

    def __repr__(self) -> str:
        return repr(list(self))


class Texts(Sequence[Any]):
    """A column of texts in which equal ones are one: its different texts, and which of them each cell is.

    Args:
        values: The different texts.
        at: (N,) places in `values`, −1 for a gap; texts of blanks become gaps.

    Example:
        >>> column = Texts(["a", " ", "b"], np.array([0, 2, 1, -1, 0]))
        >>> list(column), column[1], column.array_of(["one", None, "two"]).tolist()
        (['a', 'b', None, None, 'a'], 'b', ['one', 'two', None, None, 'one'])
    """

    def __init__(self, values: Sequence[str], at: NDArray[np.integer[Any]]) -> None:
        self.values: list[str | None] = [*(value if value.strip() else None for value in values), None]
        self.at = np.where(at < 0, len(values), at)

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, place: Any) -> Any:
        found = self.at[place]
        return [self.values[at] for at in found.tolist()] if isinstance(place, slice) else self.values[int(found)]

    def __iter__(self) -> Iterator[Any]:
        return map(self.values.__getitem__, self.at.tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(cast("Sequence[Any]", other))

    def __hash__(self) -> int:
        return hash(len(self))

    def __repr__(self) -> str:
        return repr(list(self))

    @property
    def distinct(self) -> list[str]:
        """The different texts that hold something."""
        return [value for value in self.values if value is not None]

    def array_of(self, changed: Sequence[Any]) -> NDArray[Any]:
        """The column as an array, with other values instead of `values` without its last; None stays a gap."""
        has_gap = bool((self.at == len(self.values) - 1).any())
        return as_array([*changed[: len(self.values) - 1], *([None] if has_gap else [])])[self.at]


class Table(NamedTuple):
    """Columns by name, cells as they are, and the columns that the table declares to be categories."""

    columns: Columns
    stated: frozenset[str] = frozenset()


def is_table(source: object) -> bool:
    """Whether something in memory is a table, or meant as one.

    Example:
        >>> is_table({"path": ["a.jpg"]}), is_table("fruit.csv"), is_table([])
        (True, False, True)
    """
    if isinstance(source, str | PurePath) or hasattr(source, "__fspath__"):
        return False
    return (
        isinstance(source, Mapping | list | tuple) or _is_cursor(source) or any(hasattr(source, a) for a in ANY_TABLE)
    )


def table_of(source: Any, *, suffixes: frozenset[str] = frozenset(), arrays: bool = False, first: str = PATH) -> Table:
    """The columns of a table in memory, names in one spelling, cells of blanks as None.

    Args:
        source: A DataFrame or Series of pandas, Polars or another library; an Arrow table; anything that offers
            `__arrow_c_stream__`, `__dataframe__` or `to_pandas`; the cursor of a database with a query's rows; a dict
            of lists; a list of dicts; a list of (path, label) pairs; or a dict of such tables by part.
        suffixes: Of the files that cells may name: they tell which of two columns without a name is that of the paths.
        arrays: Leave columns of numbers as arrays, see `Numbers`.
        first: What a pair begins with that names no file: the name of its column.

    Raises:
        DataError: Two columns have one name, there are no rows, or the table cannot be read.
        SettingError: It is no table.

    Example:
        >>> table_of([("pear", "a.jpg"), ("fig", "b.jpg")], suffixes=frozenset({".jpg"})).columns
        {'label': ['pear', 'fig'], 'path': ['a.jpg', 'b.jpg']}
        >>> table_of(pd.DataFrame({" n": [1.5, 2.5]})).columns
        {'n': [1.5, 2.5]}
        >>> table_of({"train": {"text": ["a", "b"]}, "test": {"text": ["c"]}}).columns
        {'text': ['a', 'b', 'c'], 'split': ['train', 'train', 'test']}
    """
    if isinstance(source, pd.Series):
        source = source.to_frame("target" if source.name is None else source.name)
    if isinstance(source, pd.DataFrame):
        return _of_pandas(source, suffixes, arrays)
    if isinstance(source, Mapping):
        mapping = cast("Mapping[Any, Any]", source)
        found = _of_parts(mapping, suffixes, first) if _are_tables(mapping) else _of_mapping(mapping, suffixes, first)
        return Table(_checked(found, "the dict"))
    if isinstance(source, list | tuple):
        return Table(_checked(_of_rows(cast("Sequence[Any]", source), suffixes, first), "the list"))
    if _is_cursor(source):
        return Table(_checked(*_of_cursor(source)))
    return _of_any_library(source, suffixes, arrays, first)


def of_arrow(table: Any, *, arrays: bool = False) -> Table:
    """The columns of an Arrow table.

    Args:
        table: pyarrow's.
        arrays: Leave columns of numbers as arrays, see `Numbers`.
    """
    table = table.drop_columns([name for name in table.column_names if INDEX.fullmatch(name)])
    names = column_names(table.column_names)
    columns = {name: _arrow_cells(table.column(place), arrays) for place, name in enumerate(names)}
    stated = {name for name, kind in zip(names, table.schema.types, strict=True) if pa.types.is_dictionary(kind)}
    told = (table.schema.pandas_metadata or {}).get("columns", [])  # Parquet stores categories as plain numbers
    by_pandas = {each.get("name") for each in told if each.get("pandas_type") == "categorical"}
    stated |= {name for name, given in zip(names, table.column_names, strict=True) if given in by_pandas}
    return Table(_checked(columns, "the table", names), frozenset(stated))


def _of_pandas(frame: pd.DataFrame, suffixes: frozenset[str], arrays: bool = False) -> Table:
    """A DataFrame's columns; paths may be its index."""
    index = frame.index
    if index.dtype.kind not in "iufb" and _are_files(index.tolist(), suffixes):
        name = "path" if index.name is None else index.name
        if name not in frame.columns:
            frame = frame.set_axis(index.rename(name)).reset_index()
    names = column_names(list(frame.columns))
    columns: dict[str, Sequence[Any]] = {}
    stated: set[str] = set()
    for place, name in enumerate(names):
        series = frame.iloc[:, place]
        if isinstance(series.dtype, pd.CategoricalDtype):
            stated.add(name)
        if arrays and name not in columns and series.dtype in ("float64", "int64", "bool"):
            array = series.to_numpy()
            if array.dtype.kind != "f" or not np.isnan(array).all():
                columns[name] = Numbers(array)
                continue
        cells: list[Any] = list(series.to_numpy()) if series.dtype in ("float32", "float16") else series.tolist()
        gone: list[bool] = series.isna().tolist()
        found = [None if absent else cell for cell, absent in zip(cells, gone, strict=True)]
        if name in columns:
            _checked({}, "the DataFrame", names)
        columns[name] = found
    return Table(_checked(columns, "the DataFrame", names), frozenset(stated))


def _is_cursor(source: object) -> bool:
    """Whether it is a cursor as of Python's DB API (PEP 249), as sqlite3, DuckDB and psycopg have it."""
    return hasattr(source, "fetchall") and hasattr(source, "description")


def _of_cursor(cursor: Any) -> tuple[Columns, str, list[str]]:
    """The rows that are left of a query."""
    if cursor.description is None:
        raise SettingError(
            "source is a cursor without a query; expected one that has rows to fetch. To fix: pass such as "
            'connection.execute("SELECT * FROM customers").'
        )
    try:
        rows: list[Any] = cursor.fetchall()
    except Exception as error:  # somebody else's library
        raise DataError(
            f"the rows of the cursor cannot be fetched: {shown(str(error).strip())}. To fix: run the query again."
        ) from error
    names = column_names([column[0] for column in cursor.description])
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}, "the query", names


def _of_any_library(source: Any, suffixes: frozenset[str], arrays: bool, first: str) -> Table:
    """Over Arrow, without a copy where the library can; else over pandas."""
    kind = f"{type(source).__module__.partition('.')[0]}.{type(source).__name__}"
    if hasattr(source, "collect") and not hasattr(source, "__arrow_c_stream__"):
        raise SettingError(
            f"source is a {kind}, whose rows are not computed yet; expected {expected(first)}. To fix: pass "
            "source.collect()."
        )
    try:
        if hasattr(source, "__arrow_c_stream__"):
            return of_arrow(pa.table(source), arrays=arrays)
        if hasattr(source, "__dataframe__"):
            import pyarrow.interchange as exchange  # noqa: PLC0415 - needed by few

            return of_arrow(exchange.from_dataframe(source), arrays=arrays)
        if hasattr(source, "to_pandas"):
            return table_of(source.to_pandas(), suffixes=suffixes, arrays=arrays, first=first)
    except (DataError, SettingError):
        raise
    except Exception as error:  # somebody else's library
        raise DataError(
            f"source is a {kind}, which cannot be read as a table: {shown(str(error).strip())}. "
            f"Expected {expected(first)}. To fix: pass it as a pandas DataFrame."
        ) from error
    raise SettingError(f"source is {kind}; expected {expected(first)}. To fix: pass one of these.")


def _are_tables(source: Mapping[Any, Any]) -> bool:
    """Whether a dict holds tables by the names of parts, as the library datasets has it, instead of columns."""
    return (
        bool(source)
        and any(str(name).casefold() in SYNONYMS for name in source)
        and all(is_table(each) and not isinstance(each, list | tuple | pd.Series) for each in source.values())
    )


def _of_parts(source: Mapping[Any, Any], suffixes: frozenset[str], first: str) -> Columns:
    """The rows of all parts, and a column that says which part each is in."""
    if odd := [str(name) for name in source if str(name).casefold() not in SYNONYMS]:
        raise SettingError(
            f"source is a dict of tables, of which {first_few(map(repr, odd))} is no part; expected train, valid and "
            f"test. To fix: leave {odd[0]!r} out, or rename it."
        )
    tables = {str(name): table_of(each, suffixes=suffixes, first=first).columns for name, each in source.items()}
    names = list(dict.fromkeys(name for table in tables.values() for name in table))
    sizes = {part: len(next(iter(table.values()))) for part, table in tables.items()}
    found: dict[str, Sequence[Any]] = {
        name: [cell for part, table in tables.items() for cell in table.get(name, [None] * sizes[part])]
        for name in names
    }
    if SPLIT in found:
        raise SettingError(
            f"source is a dict of tables for train, valid and test, and a column {SPLIT!r} in them says so too; "
            f"expected one of both. To fix: drop the column {SPLIT!r}."
        )
    return {**found, SPLIT: [part for part, n in sizes.items() for _ in range(n)]}


def _of_mapping(source: Mapping[Any, Any], suffixes: frozenset[str], first: str) -> Columns:
    lists = {name: _cells(cells) for name, cells in source.items()}
    if not lists or not all(isinstance(cells, list) for cells in lists.values()):
        if (
            source
            and all(isinstance(cell, str | int | float) for cell in source.values())
            and _are_files(list(source), suffixes)
        ):
            return {"path": list(source), "label": list(source.values())}
        raise SettingError(
            f"source is a dict with {first_few(map(shown, source)) or 'nothing in it'}; expected column → list of "
            f"cells. To fix: pass such as {{{first!r}: [...], 'label': [...]}}."
        )
    lengths = {name: len(cells) for name, cells in lists.items()}
    if len(set(lengths.values())) > 1:
        said = first_few(f"{name!r} {n}" for name, n in lengths.items())
        raise DataError(
            f"the columns of the dict have different lengths: {said}; expected as many cells in each. "
            "To fix: give every column a cell per row."
        )
    return dict(zip(column_names(list(lists)), lists.values(), strict=True))


def _of_rows(rows: Sequence[Any], suffixes: frozenset[str], first: str) -> Columns:
    if rows and all(isinstance(row, Mapping) for row in rows):
        known = list(dict.fromkeys(name for row in rows for name in row))
        cells = ([row.get(name) for row in rows] for name in known)
        return dict(zip(column_names(known), cells, strict=True))
    if rows and all(isinstance(row, list | tuple) and len(row) == 2 for row in rows):
        files = [_are_files([row[place] for row in rows], suffixes) for place in (0, 1)]
        names = ("label", PATH) if files[1] else (PATH if files[0] else first, "label")
        return {name: [row[place] for row in rows] for place, name in enumerate(names)}
    said = f"of {len(rows)}, the first {shown(rows[0])}" if rows else "without anything in it"
    how = "pass such as [('a.jpg', 'pear'), ...]" if first == PATH else f"pass list(zip({first}s, labels))"
    raise SettingError(
        f"source is a list {said}; expected ({first}, label) pairs or dicts of cells. "
        f"To fix: {how}, a folder, a table file or a DataFrame."
    )


def _cells(cells: Any) -> Any:
    """A column of a dict as a list; None where it is none."""
    if isinstance(cells, str | bytes | Mapping):
        return None
    if isinstance(cells, pd.Series | pd.Index):
        return cells.tolist()
    if hasattr(cells, "to_pylist"):
        return cells.to_pylist()
    if getattr(cells, "ndim", 0) == 1 and hasattr(cells, "tolist"):
        return list(cells)
    return list(cells) if isinstance(cells, list | tuple | range) or hasattr(cells, "to_list") else None


def _arrow_cells(column: Any, arrays: bool = False) -> Sequence[Any]:
    if arrays and (array := _arrow_numbers(column)) is not None:
        return Numbers(array)
    if arrays and (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        encoded = column.dictionary_encode().unify_dictionaries().combine_chunks()
        parts: list[Any] = encoded.chunks if isinstance(encoded, pa.ChunkedArray) else [encoded]
        at = [part.indices.fill_null(-1).to_numpy(zero_copy_only=False) for part in parts]
        return Texts(parts[0].dictionary.to_pylist(), np.concatenate(at)) if parts else []
    if pa.types.is_float32(column.type) or pa.types.is_float16(column.type):
        found = column.to_numpy(zero_copy_only=False)
        return [None if gone else cell for cell, gone in zip(found, column.is_null().to_pylist(), strict=True)]
    return column.to_pylist()


def _arrow_numbers(column: Any) -> NDArray[Any] | None:
    """A column of numbers as an array of the type that its cells as a list would have; None where it is none."""
    kind, gaps = column.type, column.null_count
    if pa.types.is_float64(kind):
        array = column.to_numpy()
        return None if np.isnan(array).all() else array
    if pa.types.is_boolean(kind) and not gaps:
        return column.to_numpy()
    if not pa.types.is_signed_integer(kind) or gaps == len(column):
        return None
    if not gaps:
        return column.to_numpy().astype(np.int64, copy=False)
    whole = column.drop_null().to_numpy()
    exact = int(whole.max()) <= EXACT and int(whole.min()) >= -EXACT
    return column.cast(pa.float64()).to_numpy() if exact else None


def _are_files(cells: Sequence[Any], suffixes: frozenset[str]) -> bool:
    """Whether all cells end like such files."""
    return bool(cells) and all(
        isinstance(cell, str | PurePath) and PurePath(cell).suffix.strip().lower() in suffixes for cell in cells
    )


def _checked(columns: Columns, where: str, names: Sequence[str] | None = None) -> Columns:
    check_header(list(columns) if names is None else names, len(next(iter(columns.values()), [])), where)
    return {
        name: cells if isinstance(cells, Numbers | Texts) else _without_blanks(cells) for name, cells in columns.items()
    }


def _without_blanks(cells: Sequence[Any]) -> list[Any]:
    if set(map(type, cells)) <= {str, type(None)}:  # equal texts are looked at once
        blank = {cell for cell in set(cells) if cell is not None and not cell.strip()}
        return [None if cell in blank else cell for cell in cells] if blank else list(cells)
    return [None if isinstance(cell, str) and not cell.strip() else cell for cell in cells]


def as_cells(cells: Sequence[Any]) -> NDArray[Any]:
    """A column that is no target as an array: texts as numbers where typing loses nothing, see `cells.typed`.

    Example:
        >>> as_cells(["1", "NA", "3"]).tolist(), as_cells(Texts(["01"], np.array([0, 0]))).tolist()
        ([1.0, nan, 3.0], ['01', '01'])
    """
    if isinstance(cells, Numbers):
        return cells.array
    return cells.array_of(typed(cells.values[:-1])) if isinstance(cells, Texts) else as_array(typed(cells))


def as_texts(cells: Sequence[Any]) -> NDArray[Any]:
    """A column of texts as an array of objects: each cell as it is written, None where there is nothing.

    Example:
        >>> as_texts(["NA", "007", None, 1.0]).tolist(), as_texts(Numbers(np.array([1.5, 2.0]))).tolist()
        (['NA', '007', None, '1.0'], ['1.5', '2.0'])
    """
    found = np.empty(len(cells), object)
    if isinstance(cells, Texts):
        values = np.array(cells.values, object)
        found[:] = values[cells.at]
        return found
    plain = list(cells)
    if not set(map(type, plain)) <= {str, type(None)}:
        said = written(plain)
        plain = [" ".join(cell) if isinstance(cell, tuple) else cell for cell in said]
    found[:] = plain
    return found


def has_gap_words(cells: Sequence[Any]) -> bool:
    """Whether a cell is a word for "no value"; equal texts are looked at once.

    Example:
        >>> has_gap_words(["a", " N/A"]), has_gap_words(["a", None]), has_gap_words(Numbers(np.array([1.0])))
        (True, False, False)
    """
    if isinstance(cells, Numbers):
        return False
    texts = cells.distinct if isinstance(cells, Texts) else {cell for cell in cells if type(cell) is str}
    return any(text.strip().casefold() in MISSING_WORDS for text in texts)


def check_header(names: Sequence[str], n_rows: int, where: str) -> None:
    """Raise a DataError where two columns have one name, or no row follows.

    Example:
        >>> check_header(["path", "label"], 3, "t.csv")
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"{where} has more than one column named {first_few(map(repr, twice))}. To fix: rename or drop one."
        )
    if n_rows == 0:
        raise DataError(
            f"{where} has no rows below its header ({first_few(map(repr, names))}). To fix: pass a table with rows."
        )
