"""The simulator asked for all actions of all rows: values and what limits count, for several sets of members.

Legend: n rows, L actions, P places (members × scenarios).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.decisions.constraints import Amounts
from drivetrain.decisions.objective import Quantity
from drivetrain.decisions.optimise.actions import Actions
from drivetrain.decisions.simulator import Simulator
from drivetrain.errors import DataError
from drivetrain.progress import track

Single = NDArray[np.float32]
MEMORY = 4 * 2**30
"""Bytes of the values of all members of all actions that are held at once, where the risk needs them."""


@dataclass(frozen=True)
class Table:
    """What the actions are worth, and what limits count of them, by one set of members."""

    values: Single
    """(n, L), or (P, n, L) where each member counts by itself."""
    counted: tuple[Single, ...]
    """(n, L) for each quantity; a view of one row where all rows count alike."""


def tabulate(
    simulator: Simulator,
    actions: Actions,
    today: Mapping[str, NDArray[Any]],
    quantities: Sequence[Quantity],
    *,
    sets: Sequence[NDArray[np.bool_] | None],
    members: Sequence[int] | None = None,
    each: bool = False,
    label: str = "simulating",
) -> list[Table]:
    """Ask once, and add up for each set of places.

    Args:
        simulator: Of which all rows are asked.
        actions: Of each row.
        today: Lever → (n,), for limits that count an option at which a lever stays.
        quantities: What limits count, beside the objective.
        sets: (P,) which places count, for each table; None: all.
        members: That are asked at all.
        each: Whether values are kept for each place, not as their mean.
        label: Of the progress.

    Raises:
        DataError: A value is no finite number, or there are too many to hold.
    """
    n, length = len(simulator.rows), len(actions)
    asked = [quantity for quantity in quantities if not isinstance(quantity, Amounts)]
    tables = [_Growing(n, length, len(asked), each) for _ in sets]
    with track(label, n) as advance:
        for rows, values, counted in simulator.over(actions.asked(), quantities=asked, members=members):
            for table, places in zip(tables, sets, strict=True):
                table.add(rows, values, counted, places)
            advance(rows.stop - rows.start)
    ready = [_amounts(quantity, actions, today, n) for quantity in quantities]
    return [table.done(ready) for table in tables]


class _Growing:
    """A table that is filled chunk by chunk."""

    def __init__(self, n: int, length: int, asked: int, each: bool) -> None:
        self.shape, self.each = (n, length), each
        self.values: Single | None = None if each else np.empty((n, length), dtype=np.float32)
        self.counted = [np.empty((n, length), dtype=np.float32) for _ in range(asked)]

    def add(self, rows: slice, values: Single, counted: Sequence[Single], places: NDArray[np.bool_] | None) -> None:
        mine = values if places is None else values[places]
        if self.values is None:
            size = 4 * len(mine) * self.shape[0] * self.shape[1]
            if size > MEMORY:
                raise DataError(
                    f"{len(mine)} × {self.shape[0]:,} × {self.shape[1]:,} values (members, rows, actions) are "
                    f"{size / 2**30:.1f} GiB; expected at most {MEMORY / 2**30:.0f}, as this risk weighs each member. "
                    "To fix: "
                    'decide on fewer rows at a time, try fewer lever values (step=), or pass risk="mean".'
                )
            self.values = np.empty((len(mine), *self.shape), dtype=np.float32)
        if self.each:
            self.values[:, rows] = mine
        else:
            self.values[rows] = mine.mean(axis=0, dtype=np.float64)
        for kept, part in zip(self.counted, counted, strict=True):
            kept[rows] = (part if places is None else part[places]).mean(axis=0, dtype=np.float64)

    def done(self, ready: Sequence[Single | None]) -> Table:
        assert self.values is not None, "the simulator gave no rows"
        asked = iter(self.counted)
        return Table(self.values, tuple(next(asked) if found is None else found for found in ready))


def _amounts(quantity: Quantity, actions: Actions, today: Mapping[str, NDArray[Any]], n: int) -> Single | None:
    """(n, L) of a quantity that needs no prediction; None of others."""
    if not isinstance(quantity, Amounts):
        return None
    values, stays = actions.values[quantity.lever], actions.stays[quantity.lever]
    row = quantity.of(values).astype(np.float32)
    if not stays.any():
        return np.broadcast_to(row, (n, len(actions)))
    result = np.repeat(row[None], n, axis=0)
    result[:, stays] = quantity.of(today[quantity.lever])[:, None]
    return result
