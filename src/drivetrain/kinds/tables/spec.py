"""How a row of a table becomes numbers and codes, as data in the manifest.

Legend: N rows, C columns of numbers and dates, Q of categories, P numbers that a model reads, W of them of
words, J pairs of columns.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from drivetrain.errors import InputError, did_you_mean
from drivetrain.kinds.tables.columns import (
    DATE_PARTS,
    DAY_S,
    FIRST,
    MISSING,
    UNKNOWN,
    CategoryColumn,
    Column,
    DateColumn,
    NumberColumn,
    Pair,
    read,
    read_names,
    type_of,
)
from drivetrain.kinds.tables.parsing import (
    category_text,
    date_seconds,
    is_gap,
    number_of_cell,
)
from drivetrain.kinds.tables.rows import is_table, parts_of
from drivetrain.kinds.tables.words import Words
from drivetrain.runtime.files.plain_json import read_json
from drivetrain.runtime.spec import Arrays, RowPart, Statistic, TensorSpec
from drivetrain.runtime.spec_base import SpecBase
from drivetrain.settings import shown
from drivetrain.text import readable, short_reason

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
MOST_WATCHED = 30
"""Names of a column that are watched each by itself."""
MOST_ROW_BYTES = 1 << 20
FIX_ROW = 'To fix: pass a mapping of column names to cells, such as {"age": 39, "town": "Bern"}.'


class Spec(SpecBase):
    """A row of a table.

    Example:
        >>> age, town = NumberColumn(name="age", center=40, scale=10), CategoryColumn(name="town", vocab=("Bern",))
        >>> spec = Spec(columns=(age, town))
        >>> [array.tolist() for array in spec.view(spec.load({"age": "45", "town": "Basel"}))]
        [[0.5], [0]]
        >>> spec.load({"age": "old", "town": None})
        Traceback (most recent call last):
        drivetrain.errors.InputError: column 'age' holds 'old'; expected a number ...
    """

    kind: Literal["table"] = "table"
    columns: tuple[Annotated[Column, Field(discriminator="role")], ...]
    """What is read, in the order of the source."""
    pairs: tuple[Pair, ...] = ()
    words: tuple[Words, ...] = ()
    """Of columns of categories, what the words in a cell say: numbers that stand behind those of `numbers`."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Spec:
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names):
            raise ValueError("two columns have one name")
        for column in self.categories:
            if len(column.counts) not in (0, len(column.vocab)) or len(set(column.vocab)) < len(column.vocab):
                raise ValueError(f"the names of column {column.name!r} are not each there once, with a count")
        known = {column.name for column in self.categories}
        if any(one.first not in known or one.second not in known for one in self.pairs):
            raise ValueError("a pair names a column that is no category")
        of_words = [one.column for one in self.words]
        if not known.issuperset(of_words) or len(set(of_words)) < len(of_words):
            raise ValueError("words are those of a column that is no category, or of one column twice")
        return self

    @cached_property
    def numbers(self) -> tuple[NumberColumn | DateColumn, ...]:
        """Columns that are loaded as a number: numbers, and dates as seconds since 1970."""
        return tuple(column for column in self.columns if not isinstance(column, CategoryColumn))

    @cached_property
    def categories(self) -> tuple[CategoryColumn, ...]:
        """Columns that are loaded as a code."""
        return tuple(column for column in self.columns if isinstance(column, CategoryColumn))

    @cached_property
    def number_names(self) -> tuple[str, ...]:
        """(P,) what each number that a model reads is called: "age", "hired (month)", "title (words)"."""
        return tuple(name for column in (*self.numbers, *self.word_numbers) for name in read_names(column))

    @cached_property
    def word_numbers(self) -> tuple[NumberColumn, ...]:
        """(W,) the numbers that stand for words."""
        return tuple(number for one in self.words for number in one.numbers)

    @cached_property
    def code_names(self) -> tuple[str, ...]:
        """(Q + J,) what each code is called: "town", "town × trade"."""
        return (*(each.name for each in self.categories), *(f"{one.first} × {one.second}" for one in self.pairs))

    @cached_property
    def n_codes(self) -> tuple[int, ...]:
        """(Q + J,) how many values each code has."""
        return (*(each.n_codes for each in self.categories), *(one.n_codes for one in self.pairs))

    @cached_property
    def codes_of(self) -> tuple[dict[str, int], ...]:
        """Of each column of categories, text → code."""
        return tuple({text: FIRST + at for at, text in enumerate(each.vocab)} for each in self.categories)

    @property
    def types(self) -> dict[str, dict[str, Any]]:
        """What each column is, as the source asks for it: rows of a saved model are found again by it."""
        return {column.name: type_of(column) for column in self.columns}

    # ── one row ─────────────────────────────────────────────────────────────────────────────────────────────────

    def load(self, source: Any, /) -> Arrays:
        """A row's cells: (C + W,) numbers as they are, gaps as NaN, and (Q,) codes.

        Args:
            source: A mapping of column names to cells, a Series, or JSON in bytes or text.

        Raises:
            InputError: It is no row, a column is not there, or a cell is of another type; the message names the column.
        """
        row = _row_of(source)
        raw = [self._number(column, self._cell(row, column.name)) for column in self.numbers]
        codes = [
            code_of(known, self._cell(row, column.name), column.name)
            for column, known in zip(self.categories, self.codes_of, strict=True)
        ]
        for words in self.words:
            raw += words.value(self._cell(row, words.column)).tolist()
        return np.array(raw, np.float64), np.array(codes, np.int64)

    def view(self, loaded: Arrays, /) -> Arrays:
        """(P,) float32 centred and scaled, gaps NaN, and (Q + J,) codes; an array that would be empty is left out."""
        return tuple(array[0] for array in self.view_many((loaded[0][None], loaded[1][None])))

    def signature(self) -> tuple[TensorSpec, ...]:
        """Numbers and codes, whichever there are."""
        made: list[TensorSpec] = []
        if self.number_names:
            made.append(TensorSpec("numbers", "float32", (len(self.number_names),)))
        if self.n_codes:
            made.append(TensorSpec("codes", "int64", (len(self.n_codes),), min(self.n_codes)))
        return tuple(made)

    def encode(self, loaded: Arrays, /) -> tuple[bytes, str]:
        """The cells as JSON; a category that training did not see by a name that is in no vocabulary."""
        return json.dumps(self.cells_of(loaded)).encode(), ".json"

    def cells_of(self, loaded: Arrays, /) -> dict[str, Any]:
        """What was loaded, as cells."""
        raw, codes = iter(loaded[0].tolist()), iter(loaded[1].tolist())
        return {column.name: _cell_of(column, raw, codes) for column in self.columns}

    def made_up(self, n: int, /) -> list[Arrays]:
        """Rows that show nothing: each number at its median, and of each category one name after the other."""
        numbers = [column.center * (DAY_S if isinstance(column, DateColumn) else 1) for column in self.numbers]
        sizes = [FIRST + len(column.vocab) for column in self.categories]
        numbers += [number.center for number in self.word_numbers]
        return [(np.array(numbers, np.float64), np.array([at % size for size in sizes], np.int64)) for at in range(n)]

    def statistics(self, loaded: Arrays, /) -> dict[str, Statistic]:
        """Of each column its number, None for a gap; or its name, if it is among the most frequent ones."""
        raw, codes = iter(loaded[0].tolist()), iter(loaded[1].tolist())
        said: dict[str, Statistic] = {}
        for column in self.columns:
            if isinstance(column, CategoryColumn):
                said[column.name] = self._watched[column.name].get(code := next(codes)) or (
                    "(others)" if code >= FIRST else "(not known)" if code == MISSING else "(not seen before)"
                )
            else:
                value = next(raw)
                said[column.name] = None if math.isnan(value) else value
        return said

    # ── many rows ───────────────────────────────────────────────────────────────────────────────────────────────

    def load_many(self, columns: Mapping[str, NDArray[Any]], /) -> Arrays:
        """All rows at once: (N, C + W) numbers and (N, Q) codes, of columns as `Cells` keeps them.

        Raises:
            InputError: As `load`; the message names the column, and the first row that is wrong.
        """
        n = len(next(iter(columns.values()), ()))
        raw: Floats = np.full((n, len(self.numbers) + len(self.word_numbers)), np.nan)
        codes: Codes = np.zeros((n, len(self.categories)), np.int64)
        for at, column in enumerate(self.numbers):
            raw[:, at] = self._numbers(column, self._cells(columns, column.name))
        for at, (column, known) in enumerate(zip(self.categories, self.codes_of, strict=True)):
            codes[:, at] = codes_of(known, self._cells(columns, column.name), column.name)
        at = len(self.numbers)
        for words in self.words:
            end = at + len(words.numbers)
            raw[:, at:end] = words.values(self._cells(columns, words.column).tolist())
            at = end
        return raw, codes

    def view_many(self, loaded: Arrays, /) -> Arrays:
        """What a model reads of many loaded rows: (N, P) float32 and (N, Q + J) codes, whichever there are."""
        raw, codes = loaded
        made: list[NDArray[Any]] = []
        if self.number_names:
            columns = (*self.numbers, *self.word_numbers)
            parts = [part for at, column in enumerate(columns) for part in read(column, raw[:, at])]
            made.append(np.stack(parts, axis=1).astype(np.float32))
        if self.categories:
            paired = [self._paired(pair, codes) for pair in self.pairs]
            made.append(np.column_stack([codes, *paired]) if paired else codes)
        return tuple(made)

    def view_words(self, raw: Floats) -> Floats:
        """(N, W) the numbers of words as a model reads them, of those as they are loaded."""
        parts = [part for at, column in enumerate(self.word_numbers) for part in read(column, raw[:, at])]
        return np.stack(parts, axis=1) if parts else np.zeros((len(raw), 0))

    def is_table(self, given: Any, /) -> bool:
        """Whether something is many rows by itself; see `rows.is_table`."""
        return is_table(given)

    def parts(self, given: Any, /, *, at_once: int) -> Iterator[RowPart]:
        """The rows of what people hand over as many, read together; see `rows.parts_of`."""
        return parts_of(self, given, at_once=at_once)

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _cell(self, row: Mapping[str, Any], name: str) -> Any:
        if name not in row:
            raise self._no_column(name, row)
        return row[name]

    def _cells(self, columns: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
        if name not in columns:
            raise self._no_column(name, columns)
        return columns[name]

    def _no_column(self, name: str, given: Mapping[str, Any]) -> InputError:
        near = did_you_mean(name, [str(each) for each in given])
        return InputError(
            f"column {readable(name)!r} is not there; expected all of {self._names()}.{near} To fix: add it, with None "
            "where nothing is known."
        )

    def _names(self) -> str:
        names = [repr(readable(column.name)) for column in self.columns]
        return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")

    def _number(self, column: NumberColumn | DateColumn, cell: Any) -> float:
        if is_gap(cell) or (isinstance(column, NumberColumn) and column.gaps and _is_word(cell, column.gaps)):
            return math.nan
        try:
            if isinstance(column, DateColumn):
                return date_seconds(cell, (*column.formats, "iso"))  # ISO 8601 can be taken for no other format
            return number_of_cell(cell, column.style)
        except ValueError as error:
            wanted = "a date" if isinstance(column, DateColumn) else "a number"
            raise InputError(
                f"column {readable(column.name)!r} holds {shown(cell)}; expected {wanted}, or None for a gap. "
                "To fix: correct the cell."
            ) from error

    def _numbers(self, column: NumberColumn | DateColumn, cells: NDArray[Any]) -> Floats:
        if isinstance(column, NumberColumn) and cells.dtype.kind in "biuf":
            return np.where(np.isfinite(found := cells.astype(np.float64)), found, np.nan)
        if isinstance(column, DateColumn) and cells.dtype.kind == "M":
            seconds = cells.astype("datetime64[us]").astype(np.int64) / 1e6
            return np.where(np.isnat(cells), np.nan, seconds)
        if isinstance(column, NumberColumn) and column.style == "plain" and (plain := plain_numbers(cells)) is not None:
            return plain
        known: dict[Any, float] = {}
        found = np.empty(len(cells))
        for row, cell in enumerate(cells.tolist()):
            try:
                value = known.get(cell)
                if value is None:
                    value = known[cell] = self._number(column, cell)
            except TypeError:  # no key of a dictionary: a list in a cell
                value = self._number(column, cell)
            except InputError as error:
                raise InputError(f"row {row + 1}: {error}") from error
            found[row] = value
        return found

    def _paired(self, pair: Pair, codes: Codes) -> Codes:
        names = [each.name for each in self.categories]
        first, second = codes[:, names.index(pair.first)], codes[:, names.index(pair.second)]
        keys = first * self.categories[names.index(pair.second)].n_codes + second
        seen = self._seen[f"{pair.first}\0{pair.second}"]
        at = np.searchsorted(seen, keys)
        known = (
            (at < len(seen)) & (seen[np.minimum(at, len(seen) - 1)] == keys) if len(seen) else np.zeros(len(keys), bool)
        )
        return np.where(known, at + FIRST, UNKNOWN)

    @cached_property
    def _watched(self) -> dict[str, dict[int, str]]:
        """Code → name of those that are many in training."""
        many = {
            column.name: np.argsort(-np.array(column.counts, np.int64), kind="stable")[:MOST_WATCHED].tolist()
            for column in self.categories
        }
        return {each.name: {FIRST + at: each.vocab[at] for at in many[each.name]} for each in self.categories}

    @cached_property
    def _seen(self) -> dict[str, Codes]:
        return {f"{one.first}\0{one.second}": np.array(one.seen, np.int64) for one in self.pairs}


def code_of(known: Mapping[str, int], cell: Any, name: str) -> int:
    """The code of one cell of a category. Raises InputError where it holds several values."""
    if is_gap(cell):
        return MISSING
    try:
        return known.get(category_text(cell), UNKNOWN)
    except ValueError as error:
        raise InputError(
            f"column {readable(name)!r} holds {shown(cell)}; expected one value, as text or a number. To fix: correct "
            "the cell."
        ) from error


def codes_of(known: Mapping[str, int], cells: NDArray[Any], name: str) -> Codes:
    """The codes of a column; each distinct cell is read once."""
    if cells.dtype.kind in "biuf":
        values, place = np.unique(cells, return_inverse=True)
        return np.array([code_of(known, one, name) for one in values.tolist()], np.int64)[place.reshape(-1)]
    read: dict[Any, int] = {}
    found = np.empty(len(cells), np.int64)
    for row, cell in enumerate(cells.tolist()):
        key = (type(cell), cell)
        try:
            code = read.get(key)
        except TypeError:  # a list in a cell
            code = code_of(known, cell, name)
        if code is None:
            code = read[key] = code_of(known, cell, name)
        found[row] = code
    return found


def plain_numbers(cells: NDArray[Any]) -> Floats | None:
    """A column of texts as numbers, at once, where each is a plain one or empty; None where one is anything else.

    Example:
        >>> plain_numbers(np.array(["1.5", None, " 2 ", "", "inf"], object)).tolist()
        [1.5, nan, 2.0, nan, nan]
        >>> plain_numbers(np.array(["1.5", "1_000"], object)) is None, plain_numbers(np.array([True], object)) is None
        (True, True)
    """
    texts = ["nan" if cell is None or cell == "" else cell for cell in cells.tolist()]
    try:
        if "_" in "\n".join(texts):  # which Python would read over
            return None
        found = np.array(texts, object).astype(np.float64)
    except (TypeError, ValueError):
        return None
    return np.where(np.isfinite(found), found, np.nan)


def _cell_of(column: Column, raw: Iterator[float], codes: Iterator[int]) -> Any:
    if isinstance(column, CategoryColumn):
        code = next(codes)
        if code >= FIRST:
            return column.vocab[code - FIRST]
        return None if code == MISSING else _unseen(column.vocab)
    value = next(raw)
    if math.isnan(value):
        return None
    return value if isinstance(column, NumberColumn) else str(np.datetime64(round(value * 1000), "ms"))


def _is_word(cell: Any, words: Sequence[str]) -> bool:
    return isinstance(cell, str) and cell.strip() in words


def _unseen(vocab: Sequence[str]) -> str:
    """A name that is in no vocabulary."""
    name = "(unknown)"
    while name in vocab:
        name = f"({name})"
    return name


def _row_of(source: Any) -> Mapping[str, Any]:
    if isinstance(source, bytes | bytearray | str):
        try:
            data = source.encode() if isinstance(source, str) else bytes(source)
            source = read_json(data, most_bytes=MOST_ROW_BYTES)
        except ValueError as error:
            raise InputError(f"not a row: {short_reason(error)}; expected JSON. {FIX_ROW}") from error
    if isinstance(source, Mapping):
        return cast("Mapping[str, Any]", source)
    if hasattr(source, "to_dict") and not hasattr(source, "columns"):  # a Series
        return cast("Mapping[str, Any]", source.to_dict())
    raise InputError(f"not a row: {shown(source)}; expected a mapping of column names to cells. {FIX_ROW}")


__all__ = [
    "DATE_PARTS",
    "DAY_S",
    "FIRST",
    "MISSING",
    "UNKNOWN",
    "CategoryColumn",
    "Column",
    "DateColumn",
    "NumberColumn",
    "Pair",
    "Spec",
    "code_of",
    "codes_of",
]
