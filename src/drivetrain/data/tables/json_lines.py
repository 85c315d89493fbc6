"""JSON lines as plain columns: an object a line, or a list of objects; what a row does not name is a gap."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from drivetrain.data.tables.frames import Table, table_of
from drivetrain.errors import DataError
from drivetrain.settings import shown
from drivetrain.text import short_reason

LINES_SUFFIXES = (".jsonl", ".ndjson")
FIX = 'To fix: write an object a line, such as {"text": "where is my card", "label": "card"}.'


def read_lines(text: str, name: str, suffixes: frozenset[str] = frozenset()) -> Table:
    r"""The columns of a text of JSON lines.

    Args:
        text: All of the file.
        name: Of the file, for messages.
        suffixes: Of the files that cells may name.

    Raises:
        DataError: A line is no JSON, or no object of plain values.

    Example:
        >>> read_lines('{"text": "one", "n": 1}\n\n{"text": "two"}', "rows.jsonl").columns
        {'text': ['one', 'two'], 'n': [1, None]}
        >>> read_lines('{"text": "one"}\n["two"]', "rows.jsonl")
        Traceback (most recent call last):
        drivetrain.errors.DataError: rows.jsonl, line 2 holds ['two']; expected an object ... To fix: write ...
    """
    rows = [_plain(row, where) for where, row in _rows(text, name)]
    if not rows:
        raise DataError(f"{name} has no rows; expected an object a line. {FIX}")
    return table_of(rows, suffixes=suffixes)


def _rows(text: str, name: str) -> Iterator[tuple[str, Any]]:
    """What each line says, with where it stands."""
    if text.lstrip().startswith("["):
        try:
            found: list[Any] = _parsed(text)
        except ValueError:
            pass  # lists a line, which `_plain` refuses
        else:
            yield from ((f"{name}, row {at}", row) for at, row in enumerate(found, 1))
            return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            where = f"{name}, line {number}"
            try:
                yield where, _parsed(line)
            except ValueError as error:
                raise DataError(f"{where} is no JSON: {short_reason(error)}. {FIX}") from error


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=lambda _: None, object_pairs_hook=_once)
    except RecursionError as error:
        raise ValueError("too many levels") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("it names a key twice")
    return found


def _plain(row: Any, where: str) -> dict[str, Any]:
    if not isinstance(row, dict) or not row:
        raise DataError(f"{where} holds {shown(row)}; expected an object with names and values. {FIX}")
    cells = cast("dict[str, Any]", row)
    for name, cell in cells.items():
        nested = isinstance(cell, dict) or (
            isinstance(cell, list) and any(isinstance(one, dict | list) for one in cast("list[Any]", cell))
        )
        if nested:
            raise DataError(
                f"{where}: {name!r} holds {shown(cell)}; expected text, a number, or a list of these. To fix: write "
                "what is inside it as columns of its own."
            )
    return cells
