"""CSV, TSV and Parquet files and DataFrames as plain columns: lists of str, int, float, bool, list or None.

Text files are read as text and typed here, so that a label "007" stays "007" and a class "None" stays a class.
"""

from __future__ import annotations

import io
import re
import stat
import warnings
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from drivetrain.errors import DataError, DrivetrainWarning, MissingExtraError, first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.pictures import PICTURE_SUFFIXES
from drivetrain.text import readable

try:
    import pandas as pd
except ImportError as error:
    raise MissingExtraError(
        "tables are read with pandas, which is not installed. To fix: pip install 'drivetrain[train]'"
    ) from error

DataFrame = pd.DataFrame
Columns = dict[str, list[Any]]

TEXT_SUFFIXES = {".csv": ",", ".tsv": "\t", ".txt": ","}
PARQUET_SUFFIXES = (".parquet", ".pq")
DELIMITERS = ",;\t|"
MISSING_TEXT = frozenset({"", "nan", "na", "n/a", "#n/a", "<na>", "null"})
"""Cells of a text file that mean "no value", in lower case. "None" is not among them: it is a fair class name."""
INTEGER = re.compile(r"[+-]?(0|[1-9]\d{0,17})")
NUMBER = re.compile(r"[+-]?(((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?|inf)", re.IGNORECASE)


def read_table(path: Path) -> tuple[Columns, dict[str, Decision]]:
    """The columns of a table file, missing cells as None, and what was decided about its format.

    Raises:
        DataError: The file is missing, of another kind, damaged, or has two columns of one name.

    Example:
        >>> read_table(Path("/no/such.csv"))
        Traceback (most recent call last):
        drivetrain.errors.DataError: /no/such.csv ...
    """
    suffix = path.suffix.lower()
    if suffix not in TEXT_SUFFIXES and suffix not in PARQUET_SUFFIXES:
        known = ", ".join((*TEXT_SUFFIXES, *PARQUET_SUFFIXES))
        raise DataError(f"{readable(path)} is not a table; expected a folder or a file ending in {known}.")
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(f"{readable(path)} is not a regular file; expected a table ({suffix}).")
        data = path.read_bytes()
    except (OSError, ValueError, MemoryError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{readable(path)} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if not data:
        raise DataError(f"{readable(path)} is empty; expected a table with a path column and a target column.")
    if suffix in PARQUET_SUFFIXES:
        return _parquet(data, readable(path)), {}
    return _text(data, suffix, readable(path))


def columns_of(frame: pd.DataFrame) -> Columns:
    """A DataFrame's columns by name (as text), missing cells as None.

    Raises:
        DataError: Two columns have one name, or there are no rows.

    Example:
        >>> columns_of(pd.DataFrame({"path": ["a.jpg", ""], "n": [1.5, float("nan")]}))
        {'path': ['a.jpg', None], 'n': [1.5, None]}
    """
    names = [str(name) for name in frame.columns]
    _check_header(names, len(frame), "the DataFrame")
    columns: Columns = {}
    for place, name in enumerate(names):
        series = frame.iloc[:, place]
        cells: list[Any] = series.tolist()
        gone: list[bool] = series.isna().tolist()
        columns[name] = [
            None if absent or (isinstance(cell, str) and not cell.strip()) else cell
            for cell, absent in zip(cells, gone, strict=True)
        ]
    return columns


def _parquet(data: bytes, name: str) -> Columns:
    try:
        frame = pd.read_parquet(io.BytesIO(data))
    except Exception as error:  # pyarrow raises what its C++ side says, under many types
        raise DataError(f"{name} cannot be read as Parquet: {_first_line(error)}.") from error
    return columns_of(frame)


def _text(data: bytes, suffix: str, name: str) -> tuple[Columns, dict[str, Decision]]:
    text, decisions = _decode(data, name)
    if "\0" in text:
        raise DataError(f"{name} has NUL bytes; expected text. To fix: export the table again as CSV in UTF-8.")
    delimiter = _delimiter(text, TEXT_SUFFIXES[suffix])
    if delimiter != TEXT_SUFFIXES[suffix]:
        decisions["delimiter"] = Decision(value=delimiter, reason="the most frequent one in the header")
    try:
        rows = pd.read_csv(
            io.StringIO(text), sep=delimiter, header=None, dtype=str, keep_default_na=False, skipinitialspace=True
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, OverflowError) as error:
        raise DataError(
            f"{name} cannot be read as a table separated by {delimiter!r}: {_first_line(error)}. "
            "To fix: give every row as many cells as the header."
        ) from error
    table: list[list[Any]] = rows.to_numpy(dtype=object).tolist()
    header = [cell.strip() if isinstance(cell, str) else "" for cell in table[0]]
    if any(PurePath(cell).suffix.lower() in PICTURE_SUFFIXES for cell in header):
        raise DataError(
            f"the first line of {name} names a picture; expected the names of the columns. "
            f"To fix: put a line such as path{delimiter}label on top."
        )
    _check_header(header, len(table) - 1, name)
    return {column: _typed([row[place] for row in table[1:]]) for place, column in enumerate(header)}, decisions


def _decode(data: bytes, name: str) -> tuple[str, dict[str, Decision]]:
    """UTF-8 with or without a mark, UTF-16 with one, else Latin-1 with a warning."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16"), {"encoding": Decision(value="utf-16", reason="the file begins with its mark")}
        except UnicodeDecodeError as error:
            raise DataError(f"{name} begins like UTF-16 but is not. To fix: export the table in UTF-8.") from error
    try:
        return data.decode("utf-8-sig"), {}
    except UnicodeDecodeError as error:
        warnings.warn(
            f"{name} is not UTF-8 (byte {error.start}); read as Latin-1, so some letters may be wrong. "
            "To fix: export the table in UTF-8.",
            DrivetrainWarning,
            stacklevel=2,
        )
        return data.decode("latin-1"), {"encoding": Decision(value="latin-1", reason="the file is not UTF-8")}


def _delimiter(text: str, usual: str) -> str:
    """The delimiter that the header uses most, quoted cells apart; the usual one where none occurs."""
    header = re.sub(r'"[^"]*"', "", text.lstrip().split("\n", 1)[0])
    counts = {delimiter: header.count(delimiter) for delimiter in DELIMITERS}
    best = max(counts, key=lambda delimiter: (counts[delimiter], delimiter == usual))
    return best if counts[best] else usual


def _typed(cells: list[Any]) -> list[Any]:
    """All integers, all numbers, or text; missing cells as None."""
    texts = [cell.strip() if isinstance(cell, str) else "" for cell in cells]
    present = [text for text in texts if text.lower() not in MISSING_TEXT]
    convert: Any = str
    if all(INTEGER.fullmatch(text) for text in present):
        convert = int
    elif all(NUMBER.fullmatch(text) for text in present):
        convert = float
    return [None if text.lower() in MISSING_TEXT else convert(text) for text in texts]


def _check_header(names: list[str], n_rows: int, where: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"{where} has more than one column named {first_few(map(repr, twice))}. To fix: rename or drop one."
        )
    if n_rows == 0:
        raise DataError(f"{where} has no rows below its header ({first_few(map(repr, names))}).")


def _first_line(error: Exception) -> str:
    return readable((str(error).strip() or type(error).__name__).splitlines()[0])[:200].rstrip(".")


def describe(columns: Mapping[str, list[Any]]) -> str:
    """The column names, for a message.

    Example:
        >>> describe({"a": [], "b": []})
        "'a', 'b'"
    """
    return first_few((repr(name[:60]) for name in columns), most=20)
