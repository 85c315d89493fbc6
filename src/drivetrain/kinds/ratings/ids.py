"""Ids of any type as text and as codes: 7, 7.0, "7" and " 7 " are one user.

Legend: N rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.tables.parsing import category_text, is_gap

Codes = NDArray[np.int64]
UNKNOWN = 0


def id_text(cell: Any) -> str | None:
    """The id that a cell is, as text; None where there is none.

    Raises:
        ValueError: It is a list or another collection.

    Example:
        >>> [id_text(cell) for cell in (7, 7.0, " 7 ", "07", float("nan"), "")]
        ['7', '7', '7', '07', None, None]
    """
    if is_gap(cell):
        return None
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    return category_text(cell) or None


def coded(cells: NDArray[Any]) -> tuple[list[str | None], Codes]:
    """The distinct ids of a column, None for gaps, and of each row which of them it is; each id once.

    What is no id, such as a list in a cell, counts as a gap.

    Example:
        >>> names, at = coded(np.array(["b", 7, 7.0, None, "7"], object))
        >>> names, at.tolist()
        (['b', '7', None], [0, 1, 1, 2, 1])
    """
    distinct, place = _distinct(cells)
    known: dict[str | None, int] = {}
    texts = [known.setdefault(_text_or_gap(cell), len(known)) for cell in distinct]
    return list(known), np.array(texts, np.int64)[place] if texts else place


def codes_of(cells: NDArray[Any], known: Mapping[str, int]) -> tuple[Codes, NDArray[np.bool_]]:
    """(N,) code of each id, 0 where it is not known, and (N,) whether there is none.

    Example:
        >>> codes, gaps = codes_of(np.array(["a", "z", None], object), {"a": 1})
        >>> codes.tolist(), gaps.tolist()
        ([1, 0, 0], [False, False, True])
    """
    names, place = coded(cells)
    if not names:
        return place, np.zeros(0, np.bool_)
    codes = np.array([UNKNOWN if name is None else known.get(name, UNKNOWN) for name in names], np.int64)
    gaps = np.array([name is None for name in names])
    return codes[place], gaps[place]


def _text_or_gap(cell: Any) -> str | None:
    try:
        return id_text(cell)
    except ValueError:
        return None


def _distinct(cells: NDArray[Any]) -> tuple[list[Any], Codes]:
    """Distinct cells in the order in which they come, and of each row which one it is."""
    if cells.dtype.kind in "biuf":
        values, place = np.unique(cells, return_inverse=True)
        return values.tolist(), place.reshape(-1).astype(np.int64)
    if cells.dtype.kind in "mM":
        cells = cells.astype(str).astype(object)
    found: dict[Any, int] = {}
    at = np.empty(len(cells), np.int64)
    for row, cell in enumerate(cells.tolist()):
        key: Any = cell if type(cell) is str else (type(cell), repr(cell))
        at[row] = found.setdefault(key, len(found))
    firsts = np.full(len(found), -1, np.int64)
    firsts[at[::-1]] = np.arange(len(at))[::-1]
    return [cells[row] for row in firsts.tolist()], at
