"""CSV, TSV, JSON-lines and Parquet files, also packed ones, as plain columns: cells as written, or as typed."""

from __future__ import annotations

import io
import stat
from pathlib import Path

from pyarrow import parquet

from drivetrain.data.notices import warn
from drivetrain.data.tables.csv_fast import read_plain
from drivetrain.data.tables.csv_text import delimiter_decision, read_csv_text
from drivetrain.data.tables.frames import Columns, Table, check_header, of_arrow
from drivetrain.data.tables.json_lines import LINES_SUFFIXES, read_lines
from drivetrain.data.tables.labels import column_names
from drivetrain.data.tables.packed import inner_suffix, unpacked
from drivetrain.errors import DataError
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.western import western
from drivetrain.text import readable, short_reason

TEXT_SUFFIXES = {".csv": ",", ".tsv": "\t", ".txt": ","}
PARQUET_SUFFIXES = (".parquet", ".pq")
TABLE_SUFFIXES = (*TEXT_SUFFIXES, *PARQUET_SUFFIXES, *LINES_SUFFIXES)
REMEDIES = {
    ("xlsx", "xls", "xlsm", "ods"): "save the sheet as CSV in UTF-8, or pass pandas.read_excel({path!r})",
    ("json",): "pass pandas.read_json({path!r}), or its records as a list of dicts",
    ("feather", "arrow", "ipc"): "pass pandas.read_feather({path!r})",
    ("gz",): "name it by what is in it, such as rows.csv.gz, or unpack it",
    ("bz2", "xz", "zst"): "unpack it, or pass pandas.read_csv({path!r})",
    ("tar", "tgz", "7z", "rar"): "unpack it, and pass the folder or the table in it",
    ("pkl", "pickle"): "pass the table in it as a DataFrame; a pickle is never opened, as it can run code",
    ("sqlite", "db"): "pass pandas.read_sql(...) as a DataFrame",
    ("h5", "hdf5", "npz", "npy", "mat"): "write the inputs as files, and a table of their paths and targets",
    ("xml",): "pass pandas.read_xml({path!r}), or a table of paths and targets made of it",
    ("yaml", "yml"): "pass a table of paths and targets as CSV",
}


def read_table(
    path: Path, *, suffixes: frozenset[str] = frozenset(), arrays: bool = False
) -> tuple[Table, dict[str, Decision]]:
    """The columns of a table file, empty cells as None, and what was decided about its format.

    Args:
        path: The file, which may be packed: `rows.csv.gz`, or the only table in a ZIP archive.
        suffixes: Of the files that cells may name: they show where a header or a delimiter is missing.
        arrays: Leave columns of numbers as arrays, see `frames.Numbers`.

    Raises:
        DataError: The file is missing, of another kind, damaged, or has two columns of one name.

    Example:
        >>> read_table(Path("/no/such.csv"))
        Traceback (most recent call last):
        drivetrain.errors.DataError: /no/such.csv ...
    """
    suffix = inner_suffix(path)
    if suffix not in (*TABLE_SUFFIXES, ".zip"):
        raise DataError(_not_a_table(path))
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(f"{readable(path)} is not a regular file; expected a table ({suffix}).")
        data = path.read_bytes()
    except (OSError, ValueError, MemoryError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{readable(path)} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    data, suffix = unpacked(path, data, TABLE_SUFFIXES) if data else (data, suffix)
    if not data:
        raise DataError(f"{readable(path)} is empty; expected a table with a header and rows.")
    if suffix in PARQUET_SUFFIXES:
        return _parquet(data, readable(path), arrays), {}
    if suffix in LINES_SUFFIXES:
        text, decisions = _decode(data, readable(path))
        return read_lines(text, readable(path), suffixes), decisions
    if arrays and (plain := read_plain(data, TEXT_SUFFIXES[suffix], suffixes)) is not None:
        table, delimiter = plain
        told = {} if delimiter == TEXT_SUFFIXES[suffix] else {"delimiter": delimiter_decision(delimiter)}
        return of_arrow(table, arrays=True), told
    return _text(data, suffix, readable(path), suffixes)


def _not_a_table(path: Path) -> str:
    known = ", ".join(TABLE_SUFFIXES)
    ending = path.suffix.lower().lstrip(".")
    mend = next(
        (remedy for endings, remedy in REMEDIES.items() if ending in endings), "export the table as CSV in UTF-8"
    )
    return (
        f"{readable(path)} is not a table; expected a folder or a file ending in {known}, such a "
        "file with .gz behind, or a .zip of one. "
        f"To fix: {mend.format(path=readable(path))}."
    )


def _parquet(data: bytes, name: str, arrays: bool) -> Table:
    try:
        table = parquet.read_table(io.BytesIO(data))
    except Exception as error:  # pyarrow raises what its C++ side says, under many types
        raise DataError(f"{name} cannot be read as Parquet: {short_reason(error)}. To fix: write it again.") from error
    return of_arrow(table, arrays=arrays)


def _text(data: bytes, suffix: str, name: str, suffixes: frozenset[str]) -> tuple[Table, dict[str, Decision]]:
    text, decisions = _decode(data, name)
    if "\0" in text:
        raise DataError(f"{name} has NUL bytes; expected text. To fix: export the table again as CSV in UTF-8.")
    found = read_csv_text(text, TEXT_SUFFIXES[suffix], name, suffixes)
    names = column_names(found.header)
    check_header(names, len(found.rows), name)
    columns: Columns = {
        column: [cell if cell and cell.strip() else None for cell in (row[place] for row in found.rows)]
        for place, column in enumerate(names)
    }
    return Table(columns), decisions | found.decisions


def _decode(data: bytes, name: str) -> tuple[str, dict[str, Decision]]:
    """UTF-8 with or without a mark, UTF-16 with one, else cp1252 or Latin-1 with a warning."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16"), {"encoding": Decision(value="utf-16", reason="the file begins with its mark")}
        except UnicodeDecodeError as error:
            raise DataError(f"{name} begins like UTF-16 but is not. To fix: export the table in UTF-8.") from error
    try:
        return data.decode("utf-8-sig"), {}
    except UnicodeDecodeError as error:
        text, encoding = western(data)
        said = "Latin-1" if encoding == "latin-1" else "cp1252, as Windows writes in Western Europe"
        warn(
            f"{name} is not UTF-8 (byte {error.start}); read as {said}, so some letters may be wrong. "
            "To fix: export the table in UTF-8."
        )
        return text, {"encoding": Decision(value=encoding, reason="the file is not UTF-8")}
