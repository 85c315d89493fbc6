"""How a column of text writes numbers, dates and words with an order; a way counts only if every cell follows it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np

from drivetrain.kinds.tables.inference.summary import LONGEST, Summary
from drivetrain.kinds.tables.parsing import (
    SIGNS,
    NumberStyle,
    category_text,
    date_seconds,
    number_of_cell,
    without_sign,
)

STYLES: tuple[NumberStyle, ...] = ("plain", "1,234.5", "1.234,5", "1 234.5")
_COMMAS = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d*)?")
_POINTS = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?")
_BLANKS = re.compile(r"[+-]?(\d{1,3}([ \u00a0\u202f\u2009'’]\d{3})+|\d+)([.,]\d+)?")
_YES_NO = ("true", "false", "yes", "no")
DATE_FORMATS = (
    ("iso",),
    ("%Y-%m",),
    ("%Y/%m/%d",),
    ("%Y.%m.%d",),
    ("%m/%d/%Y",),
    ("%d/%m/%Y",),
    ("%d.%m.%Y",),
    ("%d-%m-%Y",),
    ("%m-%d-%Y",),
    ("%m/%d/%y",),
    ("%d/%m/%y",),
    ("%d.%m.%y",),
    ("%Y/%m/%d %H:%M",),
    ("%m/%d/%Y %H:%M",),
    ("%d/%m/%Y %H:%M",),
    ("%d.%m.%Y %H:%M",),
    ("%m/%d/%Y %H:%M:%S",),
    ("%d/%m/%Y %H:%M:%S",),
    ("%d.%m.%Y %H:%M:%S",),
    ("%m/%d/%Y %I:%M:%S %p",),
    ("%d %b %Y",),
    ("%d %B %Y",),
    ("%b %d, %Y",),
    ("%B %d, %Y",),
    ("%d-%b-%Y",),
    ("%d-%b-%y",),
)
DIGITS_ALONE = "%Y%m%d"
ORDERS = (
    ("very low", "low", "medium", "high", "very high"),
    ("none", "low", "medium", "high", "critical"),
    ("low", "mid", "high"),
    ("low", "moderate", "high"),
    ("xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl"),
    ("extra small", "small", "medium", "large", "extra large"),
    ("never", "rarely", "sometimes", "often", "always"),
    ("very poor", "poor", "fair", "good", "very good", "excellent"),
    ("po", "fa", "ta", "gd", "ex"),
    ("fair", "good", "very good", "premium", "ideal"),
    ("strongly disagree", "disagree", "neutral", "agree", "strongly agree"),
    ("bronze", "silver", "gold", "platinum"),
    ("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
    ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
     "december"),
)  # fmt: skip
"""Words that have an order wherever they are the only ones in a column."""
_RANGE = re.compile(
    r"(?P<less><|≤|<=|under |below |up to )?\s*[$€£]?(?P<from>\d+(\.\d+)?)k?\s*"
    r"((-|–|—|to)\s*[$€£]?\d+(\.\d+)?k?|(?P<more>\+|and over|and more|or more|plus))?(\s*(years?|yrs?|days?|months?))?",
    re.IGNORECASE,
)
MOST_STRANGE = 3
"""Different words in a column of numbers that can be gaps."""
MOSTLY = 0.9


class Dates(NamedTuple):
    """How a column writes dates."""

    formats: tuple[str, ...]
    said: str
    doubt: str = ""


def number_or_none(cell: Any, style: NumberStyle) -> float | None:
    """The number that a cell holds, if it does."""
    if isinstance(cell, str) and len(cell) > LONGEST:
        return None
    try:
        return number_of_cell(cell, style)
    except ValueError:
        return None


def number_style(found: Summary, *, told: bool = False) -> NumberStyle | None:
    """How every cell writes a number; None where one does not, or where text such as 01 is a name.

    Args:
        found: The column.
        told: Whether people say that it holds numbers: then 01 is one.

    Example:
        >>> from drivetrain.kinds.tables.inference.summary import summary_of
        >>> column = lambda *cells: summary_of(np.array(cells, object))
        >>> number_style(column("1.5", "2")), number_style(column("1,5", "2,250")), number_style(column("01", "2"))
        ('plain', '1.234,5', None)
    """
    texts = found.texts
    if not told and any(re.match(r"[+-]?0\d", text) for text in texts):
        return None
    words = sum(text.casefold() in _YES_NO for text in texts)
    signs = {sign for text in texts for sign in SIGNS if sign in text}
    marked = sum(any(sign in text for sign in SIGNS) for text in texts)
    if (words and words < len(texts)) or len(signs) > 1 or 0 < marked < len(texts):
        return None
    bare = [without_sign(text) for text in texts]
    if any("," in text for text in bare):
        plain: dict[NumberStyle, re.Pattern[str]] = {"1,234.5": _COMMAS, "1.234,5": _POINTS, "1 234.5": _BLANKS}
    else:
        plain = {"1.234,5": _POINTS, "1 234.5": _BLANKS}
    for style in STYLES:
        if style != "plain" and (style not in plain or not all(plain[style].fullmatch(text) for text in bare)):
            continue
        if all(number_or_none(one, style) is not None for one in found.values):
            return style
    return None


def numbers_but_for(found: Summary) -> tuple[str, ...]:
    """The few words of a column whose other cells are plain numbers; none where there are more, or 01 is a name."""
    strange = [
        (value, count)
        for value, count in zip(found.values, found.counts.tolist(), strict=True)
        if number_or_none(value, "plain") is None or (isinstance(value, str) and value.strip().casefold() in _YES_NO)
    ]
    words = {category_text(value) for value, _ in strange}
    numbers = [text for text in found.texts if text not in words]
    leading = any(re.match(r"[+-]?0\d", text) for text in numbers)
    few = 0 < len(words) <= MOST_STRANGE and sum(count for _, count in strange) <= (1 - MOSTLY) * found.n
    wordy = all(re.search(r"[^\W\d_]", word) and not re.search(r"\d", word) for word in words)
    enough = len(found.values) - len(words) > 2 * MOST_STRANGE
    return tuple(sorted(words)) if few and wordy and enough and not leading else ()


def written_dates(found: Summary, *, told: bool = False) -> Dates | None:
    """How every cell writes a date; None where one does not.

    Example:
        >>> from drivetrain.kinds.tables.inference.summary import summary_of
        >>> written_dates(summary_of(np.array(["28.11.2026", "1.12.2026"], object))).formats
        ('%d.%m.%Y',)
    """
    if found.dtype == "M" or all(isinstance(one, date | datetime | np.datetime64) for one in found.values):
        return Dates(("iso",), "dates") if found.values else None
    if found.all_numbers:
        return _dates_of_digits(found, told=told)
    return _dates_of_text(found)


def _dates_of_text(found: Summary) -> Dates | None:
    texts = found.texts
    if len(texts) < len(found.values) or any(len(text) > LONGEST for text in texts):
        return None
    if not all(re.search(r"\d\D+\d", text) for text in texts[:50]):  # digits apart: numbers alone are no dates
        return None
    fitting = [formats for formats in DATE_FORMATS if all(_is_date(text, formats) for text in texts)]
    if not fitting:
        return None
    said = f"dates written as {'ISO 8601' if fitting[0] == ('iso',) else fitting[0][0]}"
    if len(fitting) == 1 or {fitting[0][0], fitting[1][0]} == {"%d %b %Y", "%d %B %Y"}:
        return Dates(fitting[0], said)
    doubt = (
        f"dates are read as {fitting[0][0]}, and every one could be {fitting[1][0]} as well. If that is meant, write "
        "them as 2026-11-28"
    )
    return Dates(fitting[0], said, doubt)


def _dates_of_digits(found: Summary, *, told: bool) -> Dates | None:
    """Whole numbers such as 20261128."""
    values = found.whole
    if values is None or not np.all((values > 19_000_000) & (values < 22_000_000)):
        return None
    if not all(_is_date(one, (DIGITS_ALONE,)) for one in found.values) or (not told and len(values) < 3):
        return None
    doubt = "" if told else "its whole numbers are read as dates such as 20261128. To read numbers: types= says so"
    return Dates((DIGITS_ALONE,), "whole numbers that are all dates such as 20261128", doubt)


def _is_date(cell: Any, formats: tuple[str, ...]) -> bool:
    try:
        date_seconds(cell, formats)
    except ValueError:
        return False
    return True


def known_order(found: Summary) -> tuple[str, ...]:
    """The column's own words in their order, where they are words of one of `ORDERS`, or ranges such as 18-24.

    Example:
        >>> from drivetrain.kinds.tables.inference.summary import summary_of
        >>> known_order(summary_of(np.array(["65+", "18-24", "<18", "25-64"], object)))
        ('<18', '18-24', '25-64', '65+')
    """
    if len(found.texts) < len(found.values):
        return ()
    words = set(found.texts)
    if not 2 < len(words) <= 100:
        return ()
    for order in ORDERS:
        place = {word: at for at, word in enumerate(order)}
        if all(word.casefold() in place for word in words):
            return _sorted(words, lambda word, place=place: place[word.casefold()])
    ranges = {word: _RANGE.fullmatch(word) for word in words if len(word) < LONGEST}
    if len(ranges) < len(words) or not all(ranges.values()):
        return ()
    starts = {word: (float(one["from"]), 0 if one["less"] else 1) for word, one in ranges.items() if one}
    bare = sum(bool(re.fullmatch(r"[\d.]+", word)) for word in words)
    return _sorted(words, starts.__getitem__) if bare <= 1 and len(set(starts.values())) == len(words) else ()


def _sorted(words: set[str], key: Callable[[str], Any]) -> tuple[str, ...]:
    return tuple(sorted(words, key=lambda word: (key(word), word)))
