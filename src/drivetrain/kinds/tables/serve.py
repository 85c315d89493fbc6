"""Rows of a table in a service: JSON or CSV in, checked against the columns; a page that is a form made from them."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from pydantic import BaseModel

from drivetrain.kinds.tables.explaining import explain
from drivetrain.kinds.tables.spec import DAY_S, CategoryColumn, Column, DateColumn, Spec
from drivetrain.runtime.files.plain_json import read_json
from drivetrain.runtime.refusals import Refusal
from drivetrain.runtime.serve import too_many_bytes
from drivetrain.text import counted

if TYPE_CHECKING:
    from drivetrain.serving.settings import Limits

__all__ = [
    "ENCODED", "EXAMPLES", "MEDIA_TYPES", "NOUN", "PAGE", "REFUSED", "Explained", "about", "admit", "explain", "rows",
    "source",
]  # fmt: skip

NOUN = "row"
MEDIA_TYPES = ("application/json", "text/csv", "text/tab-separated-values")
REFUSED = "Not JSON, CSV or a type of body that is taken."
ENCODED = "rows"
EXAMPLES = ("row.json", "rows.csv")
PAGE = files("drivetrain.kinds.tables") / "page"
MOST_ROWS = 10_000
"""Of one request."""
MOST_CELL = 1 << 20
"""Letters of a cell of CSV."""
OFFERED = 200
"""Names of a column that the form offers."""


class Reason(BaseModel):
    """What one cell contributes."""

    column: str
    cell: str | None
    change: float


class Change(BaseModel):
    """Another cell, and what would be answered then."""

    column: str
    to: str | None
    label: str | None = None
    probability: float | None = None
    value: float | None = None


class Explained(BaseModel):
    """What an answer rests on, each column changed alone, and what would change it."""

    of: str
    """Whose probability or value `change` counts."""
    reasons: list[Reason]
    changes: list[Change]


@dataclass(frozen=True)
class Row:
    """A row, as JSON."""

    data: bytes
    value: Any
    suffix: str = ".json"
    large: bool = False


def admit(data: bytes, limits: Limits, spec: Spec) -> Row:
    """The row that the bytes say as JSON; raises Refusal."""
    if len(data) > limits.picture_bytes:
        raise too_many_bytes(NOUN, limits.picture_bytes)
    try:
        value = read_json(data, most_bytes=limits.picture_bytes)
    except ValueError as error:
        raise Refusal(422, f"the row is not read as JSON: {error}"[:300]) from error
    if not isinstance(value, dict):
        raise Refusal(422, 'the row is no object of cells; expected such as {"age": 39, "town": "Bern"}')
    return Row(data, value)


def source(admitted: Row) -> Any:
    """Column → cell, what `Spec.load` reads."""
    return admitted.value


def rows(data: bytes, media_type: str) -> list[bytes] | None:
    r"""The rows of a body that holds several, each as JSON; None of one that holds a single row.

    Raises:
        Refusal: 413 too many, 422 they cannot be read.

    Example:
        >>> rows(b"age,town\n39,Bern\n,Chur\n", "text/csv")
        [b'{"age": "39", "town": "Bern"}', b'{"age": "", "town": "Chur"}']
        >>> rows(b'{"age": 39}', "application/json") is None
        True
    """
    start = data.lstrip()[:1]
    said_csv = media_type in MEDIA_TYPES[1:]
    if not said_csv and start == b"{":
        return None
    found = _of_csv(data) if said_csv or start != b"[" else _of_json(data)
    if not found:
        raise Refusal(422, "there is no row in the request")
    return found


def _of_json(data: bytes) -> list[bytes]:
    try:
        value = read_json(data, most_bytes=len(data))
    except ValueError as error:
        raise Refusal(422, f"the rows are not read as JSON: {error}"[:300]) from error
    listed = cast("list[Any]", value)
    _bounded(len(listed))
    return [json.dumps(row).encode() for row in listed]


def _of_csv(data: bytes) -> list[bytes]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refusal(422, "the rows are neither a JSON object nor CSV in UTF-8") from error
    if "\0" in text:
        raise Refusal(422, "the CSV holds NUL bytes")
    lines = text.splitlines(keepends=True)
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(",;\t|", key=first.count)
    csv.field_size_limit(MOST_CELL)
    made: list[bytes] = []
    try:
        read = csv.reader(iter(lines), delimiter=delimiter, strict=True)
        header = next((row for row in read if row), [])
        twice = [name for name in header if header.count(name) > 1][:1]
        if twice:
            raise Refusal(422, f"the CSV has more than one column {twice[0][:60]!r}")
        for cells in read:
            if not cells:
                continue
            _bounded(len(made) + 1)
            if len(cells) != len(header):
                said = (
                    f"row {len(made) + 1} of the CSV has {counted(len(cells), 'cell')}, and its header names "
                    f"{len(header)}"
                )
                raise Refusal(422, said)
            made.append(json.dumps(dict(zip(header, cells, strict=True))).encode())
    except csv.Error as error:
        raise Refusal(422, f"row {len(made) + 1} of the CSV cannot be read: {error}") from error
    return made


def _bounded(n: int) -> None:
    if n > MOST_ROWS:
        raise Refusal(413, f"there are more than {MOST_ROWS:,} rows in the request")


def about(spec: Spec) -> dict[str, Any]:
    """What the form is made of: each column with what may stand in it, and what is usual."""
    return {"columns": [_column(column) for column in spec.columns], "most_rows": MOST_ROWS}


def _column(column: Column) -> dict[str, Any]:
    said: dict[str, Any] = {"name": column.name, "role": column.role, "missing": round(column.missing, 3)}
    if isinstance(column, CategoryColumn):
        usual = column.vocab[int(np.argmax(column.counts))] if column.counts else None
        return {
            **said,
            "ordered": column.ordered,
            "text": column.text,
            "values": list(column.vocab[:OFFERED]),
            "n_values": len(column.vocab),
            "usual": usual,
        }
    if isinstance(column, DateColumn):
        timed = "hour" in column.parts
        low, usual, high = (_moment(days, timed=timed) for days in (column.low, column.center, column.high))
        return {**said, "low": low, "high": high, "usual": usual, "timed": timed}
    return {**said, "low": column.low, "high": column.high, "usual": float(f"{column.center:.6g}")}


def _moment(days: float, *, timed: bool) -> str:
    return str(np.datetime64(round(days * DAY_S), "s"))[: 16 if timed else 10]
