"""How much a model loses when a column tells it nothing: permutation importance with intervals.

Source: Breiman (2001), "Random forests", section 10; Fisher, Rudin and Dominici (2019), "All models are wrong, but many
are useful", section 3.

Legend: N rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells
from drivetrain.errors import DrivetrainError
from drivetrain.evaluation.comparing import compare
from drivetrain.evaluation.metrics.metrics import Metric
from drivetrain.evaluation.predictions import Predictions

Say = Callable[[Examples], Predictions]
"""What a model says of rows whose target is known."""

MOST_ROWS = 4000
"""Rows that are permuted; more would tell little more."""
MOST_INTERVALS = 24
"""Groups of columns that get an interval, those that matter most; the others are told by their value alone."""


@dataclass(frozen=True)
class Importance:
    """What a model loses without some columns."""

    columns: tuple[str, ...]
    """Permuted together: they say much the same."""
    metric: str
    """What gets worse, as people call it."""
    value: float
    """By how much: above 0 is worse."""
    low: float | None
    high: float | None
    """Interval; None where it was not computed."""
    n: int
    """Rows."""
    percent: bool

    @property
    def real(self) -> bool:
        """Whether the interval leaves no doubt that these columns carry something."""
        return self.low is not None and self.low > 0

    @property
    def name(self) -> str:
        """The columns, as people read them."""
        return " + ".join(self.columns)


def importance(
    say: Say, rows: Examples, by: Metric, groups: Sequence[tuple[str, ...]], *, seed: int = 0
) -> list[Importance]:
    """Of each group of columns, how much worse the metric gets when these cells come from other rows.

    The cells of a group move together, so that what they say of each other stays true. The interval is that of the
    difference on the same rows, as `drivetrain.compare` makes it; it does not count that another draw of the rows'
    order would give another number.

    Args:
        say: The model.
        rows: Held-out rows; of more than 4,000 some, by chance.
        by: What gets worse.
        groups: Names of columns, each in one group.
        seed: Of the order.

    Returns:
        The most important group first.
    """
    rows = one_each(rows, MOST_ROWS, seed)
    cells = cast(Cells, rows.inputs)
    before = say(rows)
    sign = -1.0 if by.higher_is_better else 1.0
    order = np.random.default_rng(seed).permutation(len(rows))
    found: list[tuple[Importance, Predictions]] = []
    for group in groups:
        moved = with_cells(rows, {name: cells.columns[name][order] for name in group})
        after = replace(say(moved), ids=before.ids)
        value = sign * (by.value(after.judged) - by.value(before.judged))
        found.append((Importance(group, by.label, value, None, None, len(rows), by.percent), after))
    found.sort(key=lambda one: -one[0].value if np.isfinite(one[0].value) else np.inf)
    return [
        _with_interval(one, after, before, by) if at < MOST_INTERVALS else one for at, (one, after) in enumerate(found)
    ]


def one_each(rows: Examples, most: int, seed: int) -> Examples:
    """Each content once, and at most so many rows, by chance."""
    _, first = np.unique(np.asarray(rows.digests), return_index=True)
    chosen = np.random.default_rng(seed).permutation(first)[:most]
    return rows.subset(np.sort(chosen))


def with_cells(rows: Examples, cells: dict[str, np.ndarray]) -> Examples:
    """The same rows with other cells in some columns; their digests are those of what they hold now."""
    inputs = cast(Cells, rows.inputs)
    changed = Cells({**inputs.columns, **cells}, inputs.numbers)
    return replace(rows, inputs=changed, digests=changed.digests(), signatures=())


def _with_interval(one: Importance, after: Predictions, before: Predictions, by: Metric) -> Importance:
    try:
        found = compare(after, before, by, names=("permuted", "as it is"))
    except DrivetrainError:
        return one
    if found.low is None or found.high is None:
        return one
    low, high = (-found.high, -found.low) if by.higher_is_better else (found.low, found.high)
    return replace(one, low=low, high=high)
