"""What the words within a cell say: "police officer III" is near "police officer I", and a new name has known words.

A column's words are read as one number for each output: a line through the words that training saw, each weighed by
how rare it is (TF-IDF, Salton & Buckley 1988; each word counts once, the sum is scaled to length 1). It is data of the
manifest: a server needs nothing else to read it.

Legend: T words, K′ outputs whose number is told.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from drivetrain.kinds.tables.columns import NumberColumn
from drivetrain.kinds.tables.parsing import category_text, is_gap

LONGEST = 10_000
"""Letters of a cell that are read."""
MOST_KEPT = 100_000
"""Cells whose value is remembered."""
_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """The different words of a text, in lower case, each as often as once.

    Example:
        >>> words_of("Police Officer III, police")
        ['police', 'officer', 'iii']
    """
    return list(dict.fromkeys(_WORD.findall(text[:LONGEST].casefold())))


def _packed(numbers: tuple[float, ...]) -> str:
    return base64.b85encode(zlib.compress(np.array(numbers, "<f4").tobytes(), 6)).decode()


def _unpacked(given: Any) -> Any:
    """Raises ValueError where the text is damaged or too long."""
    if not isinstance(given, str):
        return given
    try:
        stream = zlib.decompressobj()
        raw = stream.decompress(base64.b85decode(given.encode()), 4 * MOST_NUMBERS + 1)
    except (binascii.Error, zlib.error, UnicodeEncodeError) as error:
        raise ValueError("a list of numbers is damaged") from error
    if len(raw) % 4 or len(raw) > 4 * MOST_NUMBERS or not stream.eof:
        raise ValueError("a list of numbers is damaged or too long")
    return tuple(np.frombuffer(raw, "<f4").astype(float).tolist())


MOST_NUMBERS = 1_000_000
Packed = Annotated[
    tuple[Annotated[float, Field(allow_inf_nan=False)], ...],
    BeforeValidator(_unpacked),
    PlainSerializer(_packed, when_used="json"),
]


class Words(BaseModel):
    """The words of one column as numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    column: str
    tokens: tuple[str, ...]
    """Words that training saw."""
    rare: Packed
    """(T,) how much each weighs: the rarer, the more."""
    weights: Packed
    """(K′·T,) of the line, output by output."""
    start: tuple[float, ...]
    """(K′,) what a cell without a known word is worth."""
    numbers: tuple[NumberColumn, ...]
    """(K′,) what the numbers are called, and how they are spread over the training rows."""
    told: float = 0.0
    """Share of what is to be predicted that they explain, each training row by the others (R²)."""

    @model_validator(mode="after")
    def _fits(self) -> Words:
        n = len(self.tokens)
        if len(self.rare) != n or len(self.weights) != n * len(self.start) or len(self.numbers) != len(self.start):
            raise ValueError(f"the words of column {self.column!r} have other numbers of weights")
        if len(set(self.tokens)) < n or not self.start:
            raise ValueError(f"the words of column {self.column!r} are not each there once")
        return self

    def __eq__(self, other: object) -> bool:
        """By what is said, not by the cells whose values are remembered."""
        return isinstance(other, Words) and all(getattr(self, name) == getattr(other, name) for name in _FIELDS)

    def __hash__(self) -> int:
        return hash((self.column, self.tokens, self.start))

    @cached_property
    def _place(self) -> dict[str, int]:
        return {token: at for at, token in enumerate(self.tokens)}

    @cached_property
    def _line(self) -> NDArray[np.float64]:
        """(T, K′) each word's part of the sum."""
        return (np.array(self.weights).reshape(len(self.start), -1) * np.array(self.rare)).T

    @cached_property
    def _known(self) -> dict[Any, NDArray[np.float64]]:
        return {}

    def value(self, cell: Any) -> NDArray[np.float64]:
        """(K′,) the numbers of one cell; not a number where it holds nothing.

        Raises:
            ValueError: It is a list or another collection.
        """
        if is_gap(cell):
            return np.full(len(self.start), np.nan)
        text = cell if isinstance(cell, str) else category_text(cell)
        found = self._known.get(text)
        if found is None:
            found = self._read(text)
            if len(self._known) < MOST_KEPT:
                self._known[text] = found
        return found

    def values(self, cells: Sequence[Any]) -> NDArray[np.float64]:
        """(N, K′) of a column."""
        return np.array([self.value(cell) for cell in cells], np.float64).reshape(len(cells), len(self.start))

    def _read(self, text: str) -> NDArray[np.float64]:
        start = np.array(self.start)
        at = [place for word in words_of(text) if (place := self._place.get(word)) is not None]
        if not at:
            return start
        length = float(np.sqrt((np.array(self.rare)[at] ** 2).sum()))
        return start + self._line[at].sum(axis=0) / max(length, 1e-12)


_FIELDS = tuple(Words.model_fields)
