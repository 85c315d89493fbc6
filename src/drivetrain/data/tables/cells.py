"""Cells of tables in one form, whatever file or library they come from, and what a whole column of them could be.

A cell is the text as it was written, a tuple of texts where it holds a list, or None where it holds nothing. What
libraries have as numbers, dates or booleans becomes the text that a CSV file would have, so that the same values are
the same column everywhere. Text becomes a number only where the task says so.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from functools import cached_property, partial
from typing import Any, NamedTuple, cast

import numpy as np

from drivetrain.data.tables.labels import label_text

Cell = str | tuple[str, ...] | None

MISSING_BY_PROGRAMS = frozenset({"<na>", "#n/a", "#na", "nan", "nat", "-nan", "1.#qnan", "1.#ind"})
"""What programs write for "no value", in lower case."""
MISSING_WORDS = MISSING_BY_PROGRAMS | {
    "na",
    "n/a",
    "n.a.",
    "n.a",
    "n. a.",
    "null",
    "none",
    "nil",
    "-",
    "--",
    "–",
    "—",
    "?",
    ".",
}
"""What people and programs write for "no value"; among names some of them are names (sodium, North America)."""
MISSING_ELSEWHERE = MISSING_BY_PROGRAMS | {"na", "n/a", "n.a.", "null", "-", "?"}
"""In columns that are no target."""

MOST_BITS = 10_000
"""Longer integers cannot be written in decimal digits in reasonable time."""
INTEGER = re.compile(r"[+-]?(0|[1-9]\d{0,14})")
"""Without leading zeros, and short enough for a float: longer ones are identifiers."""
PLAIN = re.compile(r"[+-]?(((0|[1-9]\d{0,14})(\.\d*)?|\.\d+)([eE][+-]?\d+)?|inf|infinity)", re.IGNORECASE)
LOOSE_PLAIN = re.compile(r"[+-]?((\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|inf|infinity)", re.IGNORECASE)
"""Also with leading zeros, where numbers were asked for."""
WHOLE = re.compile(r"[+-]?(0|[1-9]\d{0,14})\.0")
DATE = re.compile(
    r"\d{4}[-/.:]\d{1,2}[-/.:]\d{1,2}([T ]\d{1,2}:\d\d(:\d\d(\.\d+)?)?\s?(Z|[+-]\d\d:?\d\d)?)?"
    r"|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d\d)( \d{1,2}:\d\d(:\d\d)?( ?[ap]m)?)?",
    re.IGNORECASE,
)
YES_NO = tuple(
    frozenset(pair)
    for pair in (
        *(("0", "1"), ("-1", "1"), ("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"), ("off", "on")),
        *(("nein", "ja"), ("n", "j"), ("falsch", "wahr"), ("non", "oui"), ("faux", "vrai"), ("no", "si"), ("no", "sí")),
        *(("no", "sì"), ("falso", "verdadero"), ("falso", "verdadeiro"), ("falso", "vero"), ("não", "sim")),
        *(("nao", "sim"), ("nee", "ja"), ("onwaar", "waar"), ("nej", "ja"), ("nie", "tak"), ("fałsz", "prawda")),
        *(("нет", "да"), ("ложь", "истина"), ("否", "是"), ("いいえ", "はい"), ("아니요", "예")),
    )
)
"""As programs write them, and people in several languages; spreadsheets translate TRUE and FALSE."""
MARKS = frozenset({"x", "✓", "✔", "☑", "✗"})
"""Signs that people put into a cell for yes, and leave it empty for no."""
YES = frozenset(
    {"1", "true", "yes", "y", "t", "on", "ja", "j", "wahr", "oui", "vrai", "si", "sí", "sì", "verdadero", "verdadeiro"}
    | {"vero", "sim", "waar", "tak", "prawda", "да", "истина", "是", "はい", "예"}
    | MARKS
)
LEAST_RANGES = 3
RANGE = re.compile(r"[\[(]\s*([+-]?\d+(?:\.\d+)?)\s*,\s*([+-]?\d+(?:\.\d+)?)\s*[\])]")
WRAPPED = re.compile(
    r"(?:set|frozenset|list|tuple|(?:np\.)?array|Index)\((?P<inside>.*?)(?:,\s*dtype=[^()]*)?\)", re.DOTALL
)
"""A list as Python and numpy write it where brackets alone do not tell its kind."""
ITEM = re.compile(
    r"""\s*+(?:'((?:[^'\\]|\\.)*+)'|"((?:[^"\\]|\\.)*+)"|([^,'"\[\]{}]*+))\s*+(?:,|$|(?=['"]))""",
)
"""One item of a list written as text: in either kind of quotation marks, or bare; numpy prints no commas.

The quantifiers never go back, so that no cell takes long."""


class NumberFormat(NamedTuple):
    """How a column writes numbers."""

    name: str
    pattern: re.Pattern[str]
    plain: Callable[[str], str]
    """The text as Python reads it."""


_SIGN = r"[+-]?"
_BLANKS = "[ \u00a0\u202f\u2009'’]"
PLAIN_FORMAT = NumberFormat("", LOOSE_PLAIN, str)
THOUSANDS = NumberFormat(
    "with commas between thousands",
    re.compile(rf"{_SIGN}(\d{{1,3}}(,\d{{3}})+|\d+)(\.\d*)?"),
    lambda text: text.replace(",", ""),
)
DECIMAL_COMMA = NumberFormat(
    "with decimal commas",
    re.compile(rf"{_SIGN}(0|[1-9]\d*)(,\d+)?([eE][+-]?\d+)?"),
    lambda text: text.replace(",", "."),
)
POINT_THOUSANDS = NumberFormat(
    "with points between thousands",
    re.compile(rf"{_SIGN}(\d{{1,3}}(\.\d{{3}})+|\d+)(,\d+)?"),
    lambda text: text.replace(".", "").replace(",", "."),
)
BLANK_THOUSANDS = NumberFormat(
    "with blanks or apostrophes between thousands",
    re.compile(rf"{_SIGN}(\d{{1,3}}({_BLANKS}\d{{3}})+|\d+)([.,]\d+)?"),
    lambda text: re.sub(_BLANKS, "", text).replace(",", "."),
)
SURE_THOUSANDS = re.compile(rf"{_SIGN}\d{{1,3}}((,\d{{3}}){{2,}}|(,\d{{3}})+\.\d*)")
ONE_GROUP = re.compile(rf"{_SIGN}[1-9]\d{{0,2}},\d{{3}}")
SURE_POINT_THOUSANDS = re.compile(rf"{_SIGN}\d{{1,3}}((\.\d{{3}}){{2,}}|(\.\d{{3}})+,\d+)")


@dataclass(frozen=True)
class Column:
    """A column with its cells in one form.

    Example:
        >>> column_of("n", [1.0, None, 0.0]).cells
        ('1', None, '0')
    """

    name: str
    cells: tuple[Cell, ...]
    as_written: tuple[Any, ...] = field(default=(), repr=False)
    """Texts before they were tidied, where they were texts."""
    stated: bool = False
    """Whether the table says itself that these are categories."""

    @cached_property
    def present(self) -> list[str]:
        """The texts of the cells that hold one (lists apart)."""
        return [cell for cell in self.cells if isinstance(cell, str)]

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each text occurs."""
        return Counter(self.present)

    @property
    def n_empty(self) -> int:
        """Cells that hold nothing."""
        return sum(cell is None for cell in self.cells)

    @cached_property
    def has_lists(self) -> bool:
        """Whether any cell is a list of its own kind, not written as text."""
        return any(isinstance(cell, tuple) for cell in self.cells)

    @cached_property
    def gaps(self) -> dict[str, int]:
        """Words in place of numbers or of yes and no: what would make this column one of numbers, were it empty."""
        words = {text: n for text, n in self.counts.items() if text.casefold() in MISSING_WORDS}
        rest = self.counts.keys() - words.keys()
        says = rest and not self.has_lists and (_format_of(rest) or _is_yes_no(rest))
        return words if says else {}

    @cached_property
    def valued(self) -> set[str]:
        """The distinct texts that are no gaps."""
        return set(self.counts.keys() - self.gaps.keys())

    @cached_property
    def number_format(self) -> NumberFormat | None:
        """How every cell that holds something writes a number; None where one does not."""
        return None if self.has_lists or not self.valued else _format_of(self.valued)

    @property
    def is_whole(self) -> bool:
        """Whether the column holds whole numbers alone."""
        form = self.number_format
        return form is not None and all(INTEGER.fullmatch(form.plain(text)) for text in self.valued)

    @property
    def is_yes_no(self) -> bool:
        """Whether every cell says 0 or 1, False or True, no or yes, ...; or nothing; or some have a mark."""
        return not self.has_lists and bool(self.valued) and (self.is_marked or _is_yes_no(self.valued))

    @property
    def is_marked(self) -> bool:
        """Whether some cells have a mark such as x, and the others nothing."""
        return not self.has_lists and bool(self.counts) and self.counts.keys() <= MARKS and self.n_empty > 0

    @property
    def is_dates(self) -> bool:
        """Whether every cell is a date or a time."""
        words = {text for text in self.counts if text.casefold() not in MISSING_WORDS}
        return not self.has_lists and bool(words) and all(_is_date(text) for text in words)

    @property
    def is_bracketed(self) -> bool:
        """Whether every cell is a list written as text, such as ['a', 'b'] or ["a", "b"]."""
        return (
            not self.has_lists
            and bool(self.counts)
            and any(text[:1] in "[{(" or WRAPPED.fullmatch(text) for text in self.counts)
            and all(_is_bracketed(text) for text in self.counts)
            and not self.is_intervals
            and any("[" in text or "," in text or "'" in text or '"' in text for text in self.counts)
        )

    @property
    def is_intervals(self) -> bool:
        """Whether every text is a pair of numbers in brackets, and no range reaches into another: [0, 9]."""
        pairs = [RANGE.fullmatch(text) for text in self.counts]
        if self.has_lists or len(pairs) < LEAST_RANGES or None in pairs:
            return False
        ends = sorted((float(pair[1]), float(pair[2])) for pair in pairs if pair)
        return all(low < high for low, high in ends) and all(
            one[1] <= other[0] for one, other in itertools.pairwise(ends)
        )


def column_of(name: str, cells: Sequence[Any], *, stated: bool = False) -> Column:
    """A column from the cells of any library."""
    texts = written(cells)
    raw = tuple(cell if isinstance(cell, str) else text for cell, text in zip(cells, texts, strict=True))
    return Column(name, tuple(texts), raw, stated)


def written(cells: Sequence[Any]) -> list[Cell]:
    """Each cell as text, as a tuple of texts, or as None; see the module.

    Example:
        >>> written([True, None, float("nan")]), written([1.0, 2.0]), written([1.5, 2.0]), written(["1.10", " "])
        (['True', None, None], ['1', '2'], ['1.5', '2.0'], ['1.10', None])
        >>> written([["b", 1], []]), written(["1.0", "0.0", "NA"])
        ([('b', '1'), ()], ['1', '0', 'NA'])
    """
    plain = _plain(cells)
    if all(cell is None or isinstance(cell, int) or _is_whole_float(cell) for cell in plain):
        return [None if cell is None else str(int(cell) if isinstance(cell, float) else cell) for cell in plain]
    moments = [cell for cell in plain if isinstance(cell, datetime)]
    days = all(moment.time() == time() and moment.tzinfo is None for moment in moments)
    texts = _each(plain, partial(_text, days=days))
    words = {text for text in texts if isinstance(text, str)}
    valued = {text for text in words if text.casefold() not in MISSING_WORDS}
    if valued and all(WHOLE.fullmatch(text) for text in valued):  # as pandas writes whole numbers beside a gap
        return [text[:-2] if isinstance(text, str) and text in valued else text for text in texts]
    return texts


def items_of(cell: Cell) -> tuple[str, ...]:
    """The labels in a cell that is a list, or is one written as text.

    Example:
        >>> items_of("['a', 'b']"), items_of('["a"]'), items_of("[a, b]"), items_of("['a' 'b']"), items_of("[]")
        (('a', 'b'), ('a',), ('a', 'b'), ('a', 'b'), ())
    """
    if isinstance(cell, tuple):
        return cell
    if cell is None:
        return ()
    return _bracketed(cell) or ()


def is_list_text(text: str) -> bool:
    """Whether a text begins as a list that was written as text."""
    return text[:1] in "[{(" or WRAPPED.fullmatch(text) is not None


def numbers_of(column: Column) -> list[float | None]:
    """Each cell as a number, or None where it is none; infinity is one.

    Example:
        >>> numbers_of(column_of("w", ["1,25", "-", "2"])), numbers_of(column_of("n", ["007", "x"]))
        ([1.25, None, 2.0], [7.0, None])
    """
    form = column.number_format or PLAIN_FORMAT
    if column.is_yes_no and not column.number_format:
        return [
            float(cell.casefold() in YES) if isinstance(cell, str) and cell in column.valued else None
            for cell in column.cells
        ]
    return [
        float(form.plain(cell)) if isinstance(cell, str) and form.pattern.fullmatch(cell) else None
        for cell in column.cells
    ]


def is_yes(cell: Cell) -> bool:
    """Whether a cell of a column of yes and no says yes."""
    return isinstance(cell, str) and cell.casefold() in YES


def is_ambiguous(column: Column) -> bool:
    """Whether commas may stand between thousands or before decimals: 1,234 in every cell that has one."""
    return column.number_format is THOUSANDS and not any(SURE_THOUSANDS.fullmatch(text) for text in column.valued)


def typed(cells: Sequence[Any]) -> list[Any]:
    """Cells that are no target: whole numbers and decimals where typing loses nothing of what was written.

    Example:
        >>> typed(["1", "", "NA", "3"]), typed(["1.10", "1.1"]), typed(["007", "x"]), typed(["1.5", "2.0"])
        ([1, None, None, 3], ['1.10', '1.1'], ['007', 'x'], [1.5, 2.0])
    """
    plain = _plain(cells)
    if not any(issubclass(each, str) for each in set(map(type, plain))):
        return plain
    texts = _each(plain, lambda cell: cell.strip() if isinstance(cell, str) else cell)
    present = {text for text in texts if isinstance(text, str) and text and text.casefold() not in MISSING_ELSEWHERE}
    convert: Callable[[str], Any] = str
    if all(INTEGER.fullmatch(text) and str(int(text)) == text for text in present):
        convert = int
    elif all(PLAIN.fullmatch(text) and repr(float(text)) == text for text in present):
        convert = float
    values = {text: convert(text) for text in present}
    return [values.get(text) if isinstance(text, str) else text for text in texts]


def _plain(cells: Sequence[Any]) -> list[Any]:
    """Each cell as a plain Python value; a column of one type, as most are, is not looked at cell by cell."""
    types = set(map(type, cells))
    if types <= {str, bool, type(None)}:
        return list(cells)
    if types == {float}:
        numbers = np.array(cells) + 0.0  # no minus before zero
        return [_python(cell) for cell in cells] if np.isnan(numbers).any() else numbers.tolist()
    return [_python(cell) for cell in cells]


def _each(cells: list[Any], change: Callable[[Any], Any]) -> list[Any]:
    """Every cell changed, equal texts once."""
    if not set(map(type, cells)) <= {str, type(None)}:
        return [change(cell) for cell in cells]
    changed = {cell: change(cell) for cell in set(cells)}
    return [changed[cell] for cell in cells]


def _python(cell: Any) -> Any:
    """A cell as a plain Python value; None for every kind of "no value"."""
    if cell is None or isinstance(cell, str | bool | list | tuple):
        return cell
    if isinstance(cell, int):
        return cell if cell.bit_length() < MOST_BITS else hex(cell)
    if isinstance(cell, np.floating):  # their own shortest text, not that of the next float64
        cell = float(str(cell))
    elif isinstance(cell, np.datetime64):
        cell = cell.astype("datetime64[us]").item()
    elif isinstance(cell, np.timedelta64):
        cell = cell.astype("timedelta64[us]").item()
    elif isinstance(cell, np.generic):
        cell = cell.item()
    elif hasattr(cell, "as_py"):
        cell = cell.as_py()
    is_nan = (isinstance(cell, float) and math.isnan(cell)) or (isinstance(cell, Decimal) and cell.is_nan())
    if is_nan or type(cell).__name__ in ("NAType", "NaTType"):
        return None
    return cell + 0.0 if isinstance(cell, float) else cell  # no minus before zero


def _text(cell: Any, *, days: bool) -> Cell:
    """A plain Python value as text, as `written` says."""
    if _is_list(cell):
        parts = cell.tolist() if hasattr(cell, "tolist") else cell
        parts = sorted(parts, key=str) if isinstance(parts, set | frozenset) else parts
        texts = (_flat(part) for part in written(list(parts)))
        return tuple(text for text in texts if text is not None)
    if isinstance(cell, datetime):
        cell = cell.date().isoformat() if days else cell.isoformat(sep=" ")
    elif isinstance(cell, Decimal):
        cell = format(cell, "f")
    elif isinstance(cell, bytes):
        cell = cell.decode(errors="backslashreplace")
    elif isinstance(cell, float):
        cell = repr(cell)
    return None if cell is None else label_text(cell) or None


def _is_whole_float(cell: Any) -> bool:
    return isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15


def _flat(part: Cell) -> str | None:
    return str(list(part)) if isinstance(part, tuple) else part


def _is_list(cell: Any) -> bool:
    return isinstance(cell, list | tuple | set | frozenset) or getattr(cell, "ndim", 0) > 0


def _is_yes_no(texts: Iterable[str]) -> bool:
    words = {text.casefold() for text in texts}
    return any(words <= pair for pair in YES_NO)


def _format_of(texts: Iterable[str]) -> NumberFormat | None:
    """The format that all the texts follow, the plain one first."""
    texts = list(texts)
    if all(PLAIN.fullmatch(text) for text in texts):
        return PLAIN_FORMAT
    if any(len(re.sub(r"\D", "", text)) > 15 and text.isdigit() for text in texts):
        return None
    with_comma = [text for text in texts if "," in text]
    if (
        with_comma
        and _all(THOUSANDS, texts)
        and (any(SURE_THOUSANDS.fullmatch(text) for text in texts) or all(ONE_GROUP.fullmatch(t) for t in with_comma))
    ):
        return THOUSANDS
    if with_comma and _all(DECIMAL_COMMA, texts):
        return DECIMAL_COMMA
    if _all(POINT_THOUSANDS, texts) and any(SURE_POINT_THOUSANDS.fullmatch(text) for text in texts):
        return POINT_THOUSANDS
    has_groups = any(re.search(rf"\d{_BLANKS}\d", text) for text in texts)
    return BLANK_THOUSANDS if has_groups and _all(BLANK_THOUSANDS, texts) else None


def _all(form: NumberFormat, texts: Iterable[str]) -> bool:
    return all(form.pattern.fullmatch(text) and not re.match(r"[+-]?0\d", text) for text in texts)


def _is_date(text: str) -> bool:
    if DATE.fullmatch(text):
        numbers = [int(number) for number in re.findall(r"\d+", text)[:3]]
        return all(number <= 31 or number >= 1000 for number in numbers) or len(re.split(r"\D", text)[2]) == 2
    return bool(re.fullmatch(r"(-?\d+ days?,? )?-?\d{1,2}:\d\d:\d\d(\.\d+)?|-?\d+ days?", text))


def _is_bracketed(text: str) -> bool:
    return _bracketed(text) is not None


def _bracketed(text: str) -> tuple[str, ...] | None:
    """The items of a list that was written as text, by Python, numpy, JSON or a database; None where it is none.

    Nothing is evaluated.
    """
    if wrapped := WRAPPED.fullmatch(text):
        text = wrapped["inside"].strip() or "()"
    if len(text) < 2 or text[0] + text[-1] not in ("[]", "{}", "()"):
        return None
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return _tokens(re.sub(r"\b(?:np|numpy)\.\w+\(([^()]*)\)", r"\1", text[1:-1]).strip())
    if not isinstance(found, list):
        return () if found == {} else None
    parts = cast("list[object]", found)
    if any(isinstance(part, list | dict) for part in parts):
        return None
    return tuple(text for text in map(_flat, written(parts)) if text is not None)


def _tokens(inside: str) -> tuple[str, ...] | None:
    bare = inside.split()
    if len(bare) > 1 and all(PLAIN.fullmatch(number) for number in bare):
        return tuple(bare)
    items: list[str] = []
    place = 0
    while place < len(inside):
        found = ITEM.match(inside, place)
        if found is None or found.end() == place:
            return None
        one, other, plain = found.groups()
        quoted = one if one is not None else other
        items.append(plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        place = found.end()
    return tuple(label for item in items if (label := label_text(item)) and label != "None")
