"""Cells of a table as numbers, dates and names: the same in training, in a file, and in a request."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal

import numpy as np

NumberStyle = Literal["plain", "1,234.5", "1.234,5", "1 234.5"]
"""How a column writes its numbers: with a point; with commas between thousands; with a decimal comma (and points
between thousands); with blanks or apostrophes between thousands."""

GAPS = frozenset({"", "<na>", "#n/a", "#na", "nan", "nat", "-nan", "na", "n/a", "n.a.", "null", "none", "-", "?"})
"""Words for "no value", in lower case."""
_BLANKS = str.maketrans("", "", " \u00a0\u202f\u2009'’")
SIGNS = frozenset({"$", "€", "£", "¥", "%"})
"""Signs around a number, which are left away: a column has one of them in every cell, or none."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_gap(cell: Any) -> bool:
    """Whether a cell holds nothing: None, not a number, or a word for it.

    Example:
        >>> [is_gap(cell) for cell in (None, float("nan"), " N/A ", 0, "0", "north")]
        [True, True, True, False, False, False]
    """
    if cell is None:
        return True
    if isinstance(cell, str):
        return cell.strip().casefold() in GAPS
    if isinstance(cell, float | np.floating):
        return bool(math.isnan(cell))
    return type(cell).__name__ in ("NaTType", "NAType") or (isinstance(cell, np.datetime64) and bool(np.isnat(cell)))


def without_sign(text: str) -> str:
    """A text without blanks around, and without the sign of a currency or of percent before or after its number.

    Example:
        >>> without_sign(" -$3.50 "), without_sign("12 %"), without_sign("a$b")
        ('-3.50', '12', 'a$b')
    """
    text = text.strip()
    minus, bare = ("-", text[1:].lstrip()) if text[:1] == "-" else ("", text)
    if bare[:1] in SIGNS:
        return minus + bare[1:].lstrip()
    return minus + bare[:-1].rstrip() if bare[-1:] in SIGNS else text


def number_of_cell(cell: Any, style: NumberStyle = "plain") -> float:
    """The number that a cell holds, of a time or a duration its seconds; infinite ones count as not a number.

    Raises:
        ValueError: It holds none.

    Example:
        >>> number_of_cell("1.234,5", "1.234,5"), number_of_cell(True), number_of_cell(Decimal("2.5"))
        (1234.5, 1.0, 2.5)
    """
    if isinstance(cell, str):
        text = without_sign(cell)
        if style == "1,234.5":
            text = text.replace(",", "")
        elif style == "1.234,5":
            text = text.replace(".", "").replace(",", ".")
        elif style == "1 234.5":
            text = text.translate(_BLANKS).replace(",", ".")
        if "_" in text:  # which Python would read over
            raise ValueError(cell)
        lower = text.casefold()
        found = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}.get(lower)
        value = float(text) if found is None else found
    elif isinstance(cell, timedelta | np.timedelta64):  # NumPy counts its own among the numbers
        value = float(cell / (timedelta(seconds=1) if isinstance(cell, timedelta) else np.timedelta64(1, "s")))
    elif isinstance(cell, bool | int | float | np.number | np.bool_ | Decimal):
        try:
            value = float(cell)
        except OverflowError:
            value = math.inf
    elif isinstance(cell, time):
        value = cell.hour * 3600 + cell.minute * 60 + cell.second + cell.microsecond / 1e6
    else:
        raise ValueError(f"{type(cell).__name__} is no number")
    return value if math.isfinite(value) else math.nan


def date_seconds(cell: Any, formats: tuple[str, ...] = ("iso",)) -> float:
    """A date or time as seconds since 1970; without a time zone it counts as UTC.

    Args:
        cell: A date, a time, or text in one of `formats`; a whole number counts as its digits.
        formats: As of `datetime.strptime`, or "iso".

    Raises:
        ValueError: It is neither.

    Example:
        >>> date_seconds("1970-01-02"), date_seconds("02/01/1970", ("%m/%d/%Y",)) / 86400
        (86400.0, 31.0)
    """
    if isinstance(cell, np.datetime64):
        cell = cell.astype("datetime64[us]").item()
    if isinstance(cell, int | float | np.number) and not isinstance(cell, bool) and set(formats) != {"iso"}:
        cell = category_text(cell)
    if isinstance(cell, str):
        cell = _date_of_text(cell.strip(), formats)
    if isinstance(cell, date) and not isinstance(cell, datetime):
        cell = datetime(cell.year, cell.month, cell.day)
    if not isinstance(cell, datetime):
        raise ValueError(f"{type(cell).__name__} is no date")
    return ((cell if cell.tzinfo else cell.replace(tzinfo=UTC)) - EPOCH).total_seconds()


def _date_of_text(text: str, formats: tuple[str, ...]) -> datetime:
    for one in formats:
        try:
            return datetime.fromisoformat(text) if one == "iso" else datetime.strptime(text, one)
        except ValueError:
            continue
    raise ValueError(text)


def category_text(cell: Any) -> str:
    """The name that a cell is: a whole number without a point, a truth value in lower case, text without blanks around.

    Raises:
        ValueError: It is a list or another collection.

    Example:
        >>> category_text(3.0), category_text("01"), category_text(True), category_text(" Bern ")
        ('3', '01', 'true', 'Bern')
    """
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool | np.bool_):
        return "true" if cell else "false"
    if isinstance(cell, int | np.integer):
        return str(int(cell))
    if isinstance(cell, float | np.floating):
        value = float(cell)
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(cell, list | tuple | dict | set | np.ndarray | bytes):
        raise ValueError(f"{type(cell).__name__} is no name")
    return str(cell).strip()
