"""Ratings together with their side tables, and how these are read."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from drivetrain.data.data import Data
from drivetrain.data.sources import Source
from drivetrain.data.tables.columns import known_column
from drivetrain.errors import DataError
from drivetrain.kinds.ratings.ids import coded
from drivetrain.kinds.ratings.reading import read_columns
from drivetrain.kinds.ratings.side import SideTable
from drivetrain.notices import warn
from drivetrain.text import counted, does, readable


@dataclass(frozen=True, repr=False)
class RatingsData(Data):
    """Ratings or events, with what is known of users and of items beside them."""

    users: SideTable = field(default_factory=SideTable, kw_only=True)
    items: SideTable = field(default_factory=SideTable, kw_only=True)


def read_side(source: Source | None, id_column: str, setting: str) -> SideTable:
    """A table of users or of items, by their id.

    Args:
        source: A table with a row for each; None: nothing is known of them.
        id_column: The column of ids, called as in the ratings; where there is none so called, the first column is it.
        setting: "users" or "items".

    Raises:
        DataError: The table cannot be read, or no cell holds an id.
    """
    if source is None:
        return SideTable()
    table = read_columns(source, setting=setting)
    names = list(table.columns)
    try:
        own = known_column(names, id_column, setting)
    except DataError:
        own = names[0]
        warn(
            f"{setting}=: there is no column {readable(id_column)!r}; the ids are taken from its first column, "
            f"{readable(own)!r}. To fix: rename the column of ids, if that is another one"
        )
    ids, at = coded(table.columns[own])
    known = np.array([one is not None for one in ids], np.bool_)[at]
    first = np.full(len(ids), -1, np.int64)
    first[at[::-1]] = np.arange(len(at))[::-1]
    rows = np.sort(first[[place for place, one in enumerate(ids) if one is not None]])
    if not len(rows):
        raise DataError(
            f"{setting}=: column {readable(own)!r} of {table.description} holds no id; expected one in each row. To "
            "fix: pass a table with the ids that the ratings have."
        )
    left = int(len(at) - len(rows))
    if left:
        without = int((~known).sum())
        warn(
            f"{setting}=: {left} of {counted(len(at), 'row')} of {table.description} {does(left, 'are')} left out: "
            f"{without} without an id, {left - without} of an id that comes before; the first row of each id counts"
        )
    kept = tuple(str(ids[one]) for one in at[rows].tolist())
    return SideTable(kept, {name: cells[rows] for name, cells in table.columns.items() if name != own})
