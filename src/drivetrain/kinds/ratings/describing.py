"""The description of users and items, fitted on the training rows alone; and rows as arrays of codes.

Legend: N rows, U users, I items.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells
from drivetrain.data.tables.times import times_of
from drivetrain.kinds.ratings.ids import coded
from drivetrain.kinds.ratings.side import SideTable
from drivetrain.kinds.ratings.side_reading import RatingsData
from drivetrain.kinds.ratings.spec import Spec

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Rows of ratings as arrays (N,)."""

    users: Codes
    """Codes, 0 for a user that training does not know."""
    items: Codes
    values: NDArray[np.float64]
    """The rating; of an event 1."""
    weights: NDArray[np.float64]
    """1 where none are given."""
    times: NDArray[np.float64] | None
    """Seconds, or numbers as the source has them."""

    def __len__(self) -> int:
        return len(self.users)


_last: list[tuple[weakref.ref[Data], Spec]] = []
"""The data that were described last: candidates of one contest are fitted on the same."""


def described(data: Data) -> Spec:
    """Which users and items there are, by the training rows, and by the side tables behind them; found once."""
    if not _last or _last[0][0]() is not data:
        _last[:] = [(weakref.ref(data), _describe(data))]
    return _last[0][1]


def _describe(data: Data) -> Spec:
    options = data.options
    columns = cast(Cells, data.train.inputs).columns
    users = _sorted_ids(columns[options["user"]])
    items = _sorted_ids(columns[options["item"]])
    more_users, more_items = side_tables(data)
    return Spec(
        user=options["user"],
        item=options["item"],
        users=(*users, *_others(users, more_users)),
        items=(*items, *_others(items, more_items)),
        n_trained=len(items),
        scale=options.get("scale"),
        rating=options.get("rating"),
        time=options.get("time"),
        weight=options.get("weight"),
    )


def side_tables(data: Data) -> tuple[SideTable, SideTable]:
    """What is known of users and of items."""
    return (data.users, data.items) if isinstance(data, RatingsData) else (SideTable(), SideTable())


def rows_of(spec: Spec, rows: Examples) -> Rows:
    """Rows as codes, values, weights and times."""
    columns = cast(Cells, rows.inputs).columns
    users, items = spec.load_many(columns)
    values = np.array(rows.values, np.float64).reshape(len(rows))
    weight, time = rows.options.get("weight"), rows.options.get("time")
    weights = np.ones(len(rows))
    if weight is not None and weight in rows.columns:
        weights = rows.columns[weight].astype(np.float64)
    times = None if time is None or time not in columns else _times(columns[time], time)
    return Rows(users, items, values, weights, times)


def _times(cells: NDArray[Any], name: str) -> NDArray[np.float64]:
    if cells.dtype.kind in "iuf":
        return cells.astype(np.float64)
    if cells.dtype.kind == "M":
        return cells.astype("datetime64[ms]").astype(np.int64) / 1000.0
    return np.array(times_of(cells.tolist(), f"column {name!r}"), np.float64)


def _sorted_ids(cells: NDArray[Any]) -> list[str]:
    """Distinct ids: whole numbers by value, then all others by their letters."""
    names = [one for one in coded(cells)[0] if one is not None]
    return sorted(names, key=lambda one: (0, int(one), one) if _is_number(one) else (1, 0, one))


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) < 20


def _others(known: list[str], table: SideTable) -> list[str]:
    there = set(known)
    return [one for one in table.ids if one not in there]
