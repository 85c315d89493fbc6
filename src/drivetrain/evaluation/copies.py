"""Rows with the same content are one row for whoever judges: a table with each row four times knows no more than once.

What is merged: rows with the same id (digest of the content) and the same truth, of which every model says the same.
Rows with the same id that differ otherwise, such as copies with two labels, stay, and count as one group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from drivetrain.evaluation.predictions import Predictions

ROUNDING = 1e-3
"""Share of their spread up to which outputs count as the same: in another batch a network rounds otherwise."""


def without_copies(tables: Sequence[Predictions]) -> list[Predictions]:
    """The same tables with each content once; what cannot be merged is in one group, with the groups its copies have.

    Args:
        tables: What each of some models said of the same rows, in the same order, at least one.

    Example:
        >>> from drivetrain.evaluation.predictions import Predictions
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> four = Predictions(ids=("a", "b") * 4, target=fruit, truth=[0, 1] * 4, output=[[0.9, 0.1], [0.4, 0.6]] * 4)
        >>> once = without_copies([four])[0]
        >>> once.ids, once.groups
        (('a', 'b'), None)
    """
    first = tables[0]
    if len(set(first.ids)) == len(first):
        return list(tables)
    kept = _kept(tables)
    groups = _groups(first, kept)
    return [replace(table.subset(kept), groups=groups) for table in tables]


def _kept(tables: Sequence[Predictions]) -> NDArray[np.int64]:
    """Rows that are not the copy of an earlier one."""
    first, tolerances = tables[0], [_tolerance(table) for table in tables]
    earlier: dict[tuple[str, bytes], int] = {}
    kept: list[int] = []
    for row, row_id in enumerate(first.ids):
        truth = b"" if first.truth is None else np.ascontiguousarray(first.truth[row]).tobytes()
        like = earlier.setdefault((row_id, truth), row)
        same = (abs(t.output[row] - t.output[like]) <= most for t, most in zip(tables, tolerances, strict=True))
        if like == row or not all(near.all() for near in same):
            kept.append(row)
    return np.array(kept, dtype=np.int64)


def _tolerance(table: Predictions) -> NDArray[np.float64]:
    """(K,) difference of outputs up to which they are the same."""
    spread = table.output.astype(np.float64).std(axis=0)
    return ROUNDING * (spread if table.target.kind == "number" else np.ones_like(spread))


def _groups(table: Predictions, kept: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """(n,) group of each row that is kept: by content, and by what the user says belongs together."""
    ids = [table.ids[row] for row in kept]
    if table.groups is None and len(set(ids)) == len(ids):
        return None
    from drivetrain.data.splitting.ties import Unions  # noqa: PLC0415 - most tables need nothing of that room

    unions, given = Unions(), None if table.groups is None else table.groups.tolist()
    for row, row_id in enumerate(table.ids if given is not None else ()):
        unions.join(("content", row_id), ("group", (given or [])[row]))
    tops: dict[object, int] = {}
    return np.array([tops.setdefault(unions.find(("content", row_id)), len(tops)) for row_id in ids], dtype=np.int64)
