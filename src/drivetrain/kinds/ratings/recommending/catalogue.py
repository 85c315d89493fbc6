"""What is recommended, to whom: items with their attributes, users, and what each of them has already.

Legend: U users, I items, H what one user has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.tables.parsing import category_text, is_gap

Codes = NDArray[np.int64]
Floats = NDArray[np.float32]
SEPARATOR = "|"
"""Between the values of a cell that holds several, as MovieLens writes genres."""
TITLES = ("title", "name", "label", "titel", "bezeichnung")
"""Names of a column that says what people call an item."""


@dataclass(frozen=True)
class Attribute:
    """A column of the items' side table; an item may have one value, several or none."""

    name: str
    values: tuple[str, ...]
    starts: Codes
    """(I + 1,) where each item's codes begin."""
    codes: Codes
    """Into `values`."""

    def of(self, item: int) -> Codes:
        """Codes of one item's values."""
        return self.codes[self.starts[item] : self.starts[item + 1]]

    def words(self, item: int) -> str:
        """One item's values in words; empty where it has none."""
        return ", ".join(self.values[code] for code in self.of(item).tolist())

    @cached_property
    def items(self) -> Codes:
        """The item that each of `codes` belongs to."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def having(self, wanted: Iterable[int]) -> NDArray[np.bool_]:
        """(I,) items with at least one of these values."""
        found = np.zeros(len(self.starts) - 1, bool)
        chosen = np.zeros(len(self.values) + 1, bool)
        chosen[list(wanted)] = True
        found[self.items[chosen[self.codes]]] = True
        return found


def attribute(name: str, cells: Sequence[Any]) -> Attribute:
    """A column of a side table; a list in a cell, or `|` in some text of the column, separates several values.

    Example:
        >>> genre = attribute("genre", ["war|love", None, "war", 7.0])
        >>> genre.values, genre.words(0), genre.words(1), genre.having([1]).tolist()
        (('7', 'love', 'war'), 'love, war', '', [True, False, False, False])
    """
    several = any(isinstance(cell, str) and SEPARATOR in cell for cell in cells)
    each = [_values(cell, several=several) for cell in cells]
    values = tuple(sorted({value for found in each for value in found}))
    code = {value: at for at, value in enumerate(values)}
    lengths = [len(found) for found in each]
    return Attribute(
        name,
        values,
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.array([code[value] for found in each for value in sorted(found)], np.int64),
    )


def _values(cell: Any, *, several: bool) -> set[str]:
    if isinstance(cell, list | tuple | set | frozenset | np.ndarray):
        parts: Iterable[Any] = cast("Iterable[Any]", cell)
    elif several and isinstance(cell, str):
        parts = cell.split(SEPARATOR)
    else:
        parts = [cell]
    return {category_text(part) for part in parts if not is_gap(part)}


@dataclass(frozen=True)
class Seen:
    """What each user has, of the training rows: a sparse matrix by rows."""

    starts: Codes
    """(U + 1,)"""
    items: Codes
    values: Floats
    """The rating; of events how often, or 1."""

    def of(self, user: int) -> tuple[Codes, Floats]:
        """(H,) item codes and values of one user."""
        here = slice(self.starts[user], self.starts[user + 1])
        return self.items[here].astype(np.int64), self.values[here]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def counts(self, n_items: int) -> Codes:
        """(I,) how many users have each item."""
        return np.bincount(self.items, minlength=n_items)

    def means(self, n_items: int) -> NDArray[np.float64]:
        """(I,) mean value of each item; NaN where nobody has it."""
        counts = self.counts(n_items)
        totals = np.bincount(self.items, weights=self.values, minlength=n_items)
        return np.divide(totals, counts, out=np.full(n_items, np.nan), where=counts > 0)


@dataclass(frozen=True)
class Catalogue:
    """Items and users by name, and what is known of them."""

    items: tuple[str, ...]
    users: tuple[str, ...]
    seen: Seen
    rated: bool = True
    """Whether values are ratings; else events."""
    attributes: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])
    title: str | None = None
    """The attribute that says what people call an item."""

    @cached_property
    def item_code(self) -> dict[str, int]:
        """Name → code."""
        return {name: at for at, name in enumerate(self.items)}

    @cached_property
    def user_code(self) -> dict[str, int]:
        """Name → code."""
        return {name: at for at, name in enumerate(self.users)}

    @cached_property
    def by_title(self) -> dict[str, int]:
        """Title in lower case → code, of titles that one item has alone."""
        if self.title is None:
            return {}
        found: dict[str, int] = {}
        twice: set[str] = set()
        for at in range(len(self.items)):
            words = self.attributes[self.title].words(at).casefold()
            twice |= {words} if words in found else set()
            found[words] = at
        return {words: at for words, at in found.items() if words and words not in twice}

    @cached_property
    def counts(self) -> Codes:
        """(I,) how many users have each item."""
        return self.seen.counts(len(self.items))

    @cached_property
    def means(self) -> NDArray[np.float64]:
        """(I,) mean rating; NaN where nobody has the item."""
        return self.seen.means(len(self.items))

    @cached_property
    def novelty(self) -> Floats:
        """(I,) how little known an item is: its self-information -log2 (users with it + 1) / (users + 1), scaled to 1.

        Source: Vargas & Castells (2011), "Rank and relevance in novelty and diversity metrics".
        """
        bits = np.log2((len(self.users) + 1.0) / (self.counts + 1.0))
        return (bits / bits.max() if bits.size and bits.max() > 0 else bits).astype(np.float32)

    def shown(self, item: int) -> str:
        """What people call an item: its title, or else its name."""
        words = "" if self.title is None else self.attributes[self.title].words(item)
        return words or self.items[item]


def title_of(names: Iterable[str]) -> str | None:
    """The column that says what people call an item, by its name.

    Example:
        >>> title_of(["year", "Title"]), title_of(["year"])
        ('Title', None)
    """
    for name in names:
        if name.strip().casefold() in TITLES:
            return name
    return None
