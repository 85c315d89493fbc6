"""Whole numbers that are names rather than quantities: by what their column is called, and by how they lie.

A quantity is rounded, dense or rare; a number that somebody gave to a person, a role or a product is none of these. The
rule asks for all signs together, and says what it saw: a column that it misses is a number, as it is without the rule.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.tables.inference.summary import Summary
from drivetrain.text import counted

SURE_NAMES = re.compile(
    r"(^|[_\s.-])(ids?|codes?|keys?|zip|zips|zipcode|postcode|postal|plz|sku|isbn|ean|upc|gtin|iban|uuid|phone|tel)"
    r"($|[_\s.-]\d*$)|[a-z](Id|ID|Code|Key)$",
)
"""Of columns whose whole numbers are names."""
LIKELY_NAMES = re.compile(
    r"(^|[_\s.-])(number|nr|no|mgr|role|ref|account|user|customer|product|item|store)($|[_\s.-]\d*$)"
)
"""Of columns whose whole numbers are names where they are large."""
EXACT = 1 << 53
"""Larger whole numbers are not told apart as floats."""
LARGE = 10_000
APART = 20.0
"""The range of names is so many times as large as their number."""
REPEATED = 3.0
"""Rows of a name, on average."""
ROUND = 0.2
"""Share of the different values that end in 0: one in ten where nothing was rounded."""
DOUBT = (
    "whole numbers that are large, far apart, not rounded and recur are read as names. To read quantities: types= says "
    '"number"'
)


class Named(NamedTuple):
    """Numbers that are no quantities."""

    reason: str
    out: bool = False
    """Whether they name rows, so that nothing can be learnt from them."""
    doubt: str = ""


def numbers_as_names(name: str, cells: NDArray[Any], found: Summary, *, few: int, nearly_all: float) -> Named | None:
    """Why the whole numbers of a column are names, or None.

    Args:
        name: Of the column.
        cells: As they stand in the table.
        found: The same, summarised.
        few: Rows below which different values are not yet identifiers.
        nearly_all: Share of different values from which on they are.
    """
    values = found.whole
    if values is None:
        return None
    sure = bool(SURE_NAMES.search(name) or SURE_NAMES.search(name.lower()))
    huge = any(isinstance(one, int) and abs(one) > EXACT for one in found.values)
    if found.n > few and (why := _identifies(cells, values, found, nearly_all, named=sure or huge)):
        return Named(why, out=True)
    if found.distinct <= 2:
        return None
    if sure:
        return Named(f"its name says that the {found.distinct:,} numbers are names")
    if huge:
        return Named("whole numbers too large to be counted with: they are names")
    return _by_how_they_lie(name, values, found) if np.isfinite(values).all() else None


def _identifies(
    cells: NDArray[Any], values: NDArray[np.float64], found: Summary, nearly_all: float, *, named: bool
) -> str:
    """Why a column names rows; "" where it does not."""
    n, distinct = found.n, found.distinct
    if distinct == n and not found.gaps and (counts := _counts(cells, values)) + named:
        return f"another whole number in every row, {'it counts the rows' if counts else 'it names rows'}"
    if distinct >= nearly_all * n and named:
        return f"{distinct:,} different whole numbers in {n:,} rows: an identifier"
    return ""


def _counts(cells: NDArray[Any], values: NDArray[np.float64]) -> bool:
    """Whether they count the rows, in whatever order, or go up in even steps."""
    low, high = float(values.min()), float(values.max())
    if high - low == len(values) - 1:
        return True
    if cells.dtype.kind not in "iuf":
        return False
    steps = np.diff(cells.astype(np.float64))
    return bool(len(steps) and steps[0] != 0 and np.all(steps == steps[0]))


def _repeated(found: Summary) -> bool:
    return found.n >= REPEATED * found.distinct


def _by_how_they_lie(name: str, values: NDArray[np.float64], found: Summary) -> Named | None:
    distinct, rows = found.distinct, found.counts
    if LIKELY_NAMES.search(name.lower()) and np.quantile(values, 0.25) >= LARGE / 10 and _repeated(found):
        return Named(f"its name, and {distinct:,} large numbers that recur, say that they are names")
    order = np.argsort(values)
    median = values[order][np.searchsorted(np.cumsum(rows[order]), rows.sum() / 2)]
    signs = (
        distinct >= 10
        and values.min() >= 0
        and median >= LARGE
        and np.mean(values >= LARGE / 10) >= 0.9
        and values[np.argmax(rows)] != 0
        and values.max() - values.min() + 1 >= APART * distinct
        and _repeated(found)
        and np.mean(values % 10 == 0) <= ROUND
    )
    if not signs:
        return None
    reason = (
        f"{distinct:,} whole numbers, large, far apart, not rounded, each in "
        f"{counted(round(found.n / distinct), 'row')} on average"
    )
    return Named(f"{reason}: names rather than quantities", doubt=DOUBT)
