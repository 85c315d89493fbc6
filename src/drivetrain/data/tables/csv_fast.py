"""Large plain CSV files by Arrow's reader: the same cells as `csv_text` gives, in a tenth of the time and memory.

A text is plain if nothing in it needs judgement: no quotation marks, comments, blanks behind a delimiter, empty lines,
unnamed columns, rows of other lengths, repeated headers. All else is left to `csv_text`, which tells what it does.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

from drivetrain.data.tables.csv_text import LINES_LOOKED_AT, choose_delimiter

LEAST_BYTES = 1 << 20
"""Smaller files are read at once anyway."""
_STRANGE = re.compile(rb'["\0\r]|\n[\n#]|\n[ \t,;|]+\n')
"""What needs judgement, wherever it stands."""


def read_plain(data: bytes, usual: str, suffixes: frozenset[str]) -> tuple[Any, str] | None:
    r"""The columns as texts and the delimiter; None where the file is small or not plain.

    Args:
        data: UTF-8.
        usual: The delimiter where none is plain.
        suffixes: Of the files that cells may name.

    Example:
        >>> table, delimiter = read_plain(b"n;word\n" + b"1;one\n" * 200_000, ",", frozenset())
        >>> table.num_rows, table.column("n")[0].as_py(), delimiter
        (200000, '1', ';')
        >>> read_plain(b'n;word\n1;"one"\n', ",", frozenset()) is None
        True
    """
    if len(data) < LEAST_BYTES:
        return None
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    if data[:1] in b"\n#\xff\xfe" or _STRANGE.search(data):
        return None
    try:
        first = data[: 1 << 20].decode("utf-8", "ignore").split("\n")[:LINES_LOOKED_AT]
        delimiter = choose_delimiter(first, usual)
        header = first[0].split(delimiter)
        if f"{delimiter} ".encode() in data or len(header) < 2:
            return None
        table = _read(data, delimiter, header)
    except (ValueError, NotImplementedError, MemoryError):  # whatever is wrong, `csv_text` says it
        return None
    return (table, delimiter) if table is not None and _is_plain(table, header, suffixes) else None


def _read(data: bytes, delimiter: str, header: list[str]) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - slow to import
    from pyarrow import csv  # noqa: PLC0415

    names = [cell.strip() for cell in header]
    if not all(names) or len(set(names)) < len(names) or re.match(r"sep=", names[0], re.IGNORECASE):
        return None
    return csv.read_csv(
        pa.BufferReader(data),
        read_options=csv.ReadOptions(use_threads=False, column_names=header, skip_rows=1),
        parse_options=csv.ParseOptions(delimiter=delimiter, quote_char=False, escape_char=False),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False, check_utf8=True
        ),
    )


def _is_plain(table: Any, header: list[str], suffixes: frozenset[str]) -> bool:
    """Whether no cell of the header stands in its column, so that the first line is surely the names of the columns."""
    from pyarrow import compute as arrow  # noqa: PLC0415 - slow to import

    compute: Any = arrow
    if not table.num_rows or any(PurePath(cell.strip()).suffix.lower() in suffixes for cell in header):
        return False
    columns = enumerate(header)
    return not any(compute.any(compute.equal(table.column(place), cell)).as_py() for place, cell in columns)
