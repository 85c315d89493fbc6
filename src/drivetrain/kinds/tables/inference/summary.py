"""A column looked at once: its different values, how often each occurs, and how many cells hold nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.tables.parsing import category_text, is_gap

LONGEST = 200
"""Letters from which on a cell is neither a number nor a date."""


@dataclass(frozen=True)
class Summary:
    """What a column holds.

    Example:
        >>> found = summary_of(np.array(["a", None, "b", "a"], object))
        >>> found.values, found.counts.tolist(), found.n, found.gaps
        (['a', 'b'], [2, 1], 3, 1)
    """

    values: list[Any]
    """The different cells that hold something."""
    counts: NDArray[np.int64]
    """Rows of each."""
    gaps: int
    """Rows with nothing."""
    dtype: str
    """The letter of the array's type: "i", "f", "b", "M", "O"."""
    collections: bool = False
    """Whether a cell holds several values."""

    @property
    def n(self) -> int:
        """Rows that hold something."""
        return int(self.counts.sum())

    @cached_property
    def texts(self) -> list[str]:
        """The texts among the values, without blanks around."""
        return [value.strip() for value in self.values if isinstance(value, str)]

    @cached_property
    def distinct(self) -> int:
        """How many different values there are: 3 and 3.0 are the same one."""
        if self.dtype in "biuf":  # of one type, no two of them have one name
            return len(self.values)
        return len({category_text(value) for value in self.values}) if not self.collections else len(self.values)

    @property
    def all_numbers(self) -> bool:
        """Whether every cell is a number by its type, true and false included."""
        return self.dtype in "biuf" or all(isinstance(value, bool | int | float | np.number) for value in self.values)

    @cached_property
    def whole(self) -> NDArray[np.float64] | None:
        """The values where all are whole numbers, as floats; None where one is not."""
        if not self.all_numbers:
            return None
        if self.dtype in "biuf":
            found = np.array(self.values, np.float64)
            finite = found[np.isfinite(found)]
            return found if np.array_equal(finite, np.round(finite)) else None
        found = np.array([float(value) if abs(value) < 1 << 1000 else np.inf for value in self.values], np.float64)
        finite = found[np.isfinite(found)]
        return found if np.array_equal(finite, np.round(finite)) else None


def summary_of(cells: NDArray[Any]) -> Summary:
    """Look at a column as `drivetrain.Cells` keeps it: numbers, dates, or objects with None."""
    if cells.dtype.kind in "biufM":
        gone = np.isnat(cells) if cells.dtype.kind == "M" else np.isnan(cells) if cells.dtype.kind == "f" else None
        there = cells if gone is None else cells[~gone]
        found, counts = np.unique(there, return_counts=True)
        values = list(found) if cells.dtype.kind == "M" else found.tolist()
        return Summary(values, counts.astype(np.int64), len(cells) - len(there), cells.dtype.kind)
    plain: list[Any] = cells.tolist()
    if len(kinds := set(map(type, plain)) - {type(None)}) == 1 and kinds <= {str, date, datetime}:
        return _of_one_type(plain)
    counted: Counter[Any] = Counter()
    kept: dict[Any, Any] = {}
    collections = False
    for cell in plain:
        several = isinstance(cell, list | tuple | dict | set | frozenset | bytes | bytearray | np.ndarray)
        collections = collections or several
        key = ("", repr(cell)) if several else (type(cell), cell)
        counted[key] += 1
        kept.setdefault(key, cell)
    present = {key: cell for key, cell in kept.items() if key[0] == "" or not is_gap(cell)}
    counts = np.array([counted[key] for key in present], np.int64)
    return Summary(list(present.values()), counts, len(cells) - int(counts.sum()), "O", collections)


def _of_one_type(cells: list[Any]) -> Summary:
    """Of texts or dates, and None: equal cells are one value without more ado."""
    present = {cell: n for cell, n in Counter(cells).items() if not is_gap(cell)}
    counts = np.array(list(present.values()), np.int64)
    return Summary(list(present), counts, len(cells) - int(counts.sum()), "O")
