"""Rows of similar length go through a network together: of inputs of any length, a batch is as wide as its longest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.cache.store import Store
from drivetrain.runtime.spec import InputSpec

Rows = NDArray[np.int64]
STEPS_TOGETHER = 16
"""Steps whose rows are sorted by length among each other: chance still decides which rows come early and late."""
READ_AT_ONCE = 1024


def lengths_of(spec: InputSpec, store: Store, rows: Sequence[int]) -> Rows | None:
    """(N,) numbers in what was loaded of each row, 0 where it cannot be read; None where all views are of one size.

    Args:
        spec: How an input is read.
        store: Of the rows.
        rows: N of them.
    """
    if not any(side is None for one in spec.signature() for side in one.shape):
        return None
    found: list[int] = []
    for start in range(0, len(rows), READ_AT_ONCE):
        loaded = store.get(list(rows[start : start + READ_AT_ONCE]))
        found += [0 if one is None else sum(array.size for array in one) for one in loaded]
    return np.array(found, np.int64)


def steps_of(order: Rows, lengths: Rows | None, steps: int, random: np.random.Generator) -> list[Rows]:
    """The rows of each step of an epoch.

    Args:
        order: Of all rows, by chance.
        lengths: Of each row; None: they do not matter.
        steps: That there are.
        random: Decides in which order steps come.

    Example:
        >>> rows = np.arange(6)
        >>> [part.tolist() for part in steps_of(rows, None, 2, np.random.default_rng(0))]
        [[0, 1, 2], [3, 4, 5]]
        >>> lengths = np.array([1, 9, 1, 9, 1, 9])
        >>> sorted(sorted(part.tolist()) for part in steps_of(rows, lengths, 2, np.random.default_rng(0)))
        [[0, 2, 4], [1, 3, 5]]
    """
    parts = np.array_split(order, steps)
    if lengths is None:
        return parts
    together = [np.concatenate(parts[at : at + STEPS_TOGETHER]) for at in range(0, steps, STEPS_TOGETHER)]
    alike = np.concatenate([rows[np.argsort(lengths[rows], kind="stable")] for rows in together])
    parts = np.array_split(alike, steps)
    return [parts[at] for at in random.permutation(steps)]
