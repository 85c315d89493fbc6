"""Lever values in effect: today's where none is set or `only_if` does not hold; and what moving them costs.

Legend: n rows, L actions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.levers import Lever, acts, in_order
from drivetrain.errors import DataError, SettingError, first_few
from drivetrain.settings import refuse, shown
from drivetrain.text import counted, does, readable, short_reason

Array = NDArray[np.float64]
Setting = Mapping[str, NDArray[Any]]


class Today(Mapping[str, NDArray[Any]]):
    """Name of a lever → (n,) today's value, looked up when it is asked for.

    Args:
        rows: To decide on.
        levers: What can be set.
        index: Positions of the rows; None: all.
    """

    def __init__(self, rows: pd.DataFrame, levers: Sequence[Lever], index: NDArray[np.int64] | None = None) -> None:
        self._rows = rows
        self._levers = {lever.name: lever for lever in levers}
        self._index = index
        self._known: dict[str, NDArray[Any]] = {}

    def knows(self, name: str) -> bool:
        """Whether a column, or `today=` of the lever, says it."""
        return name in self._rows.columns or self._levers[name].today is not None

    def of(self, index: NDArray[np.int64]) -> Today:
        """Of some rows."""
        return Today(self._rows, tuple(self._levers.values()), index)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """(n,) values.

        Raises:
            DataError: A row has none.
            SettingError: Nothing says it.
        """
        if name not in self._known:
            self._known[name] = self._found(self._levers[name])
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._levers)

    def __len__(self) -> int:
        return len(self._levers)

    def _found(self, lever: Lever) -> NDArray[Any]:
        name, rows = lever.name, self._rows
        n = len(rows) if self._index is None else len(self._index)
        if name not in rows.columns:
            if lever.today is None:
                raise SettingError(
                    f"nothing says what {readable(name)!r} is today: the rows have no such column; expected one, or a "
                    f"value for all. To fix: add the column, or write dt.Lever({readable(name)!r}, ..., today=VALUE)."
                )
            return np.full(n, lever.today, dtype=None if not isinstance(lever.today, str) else object)
        cells = rows[name] if self._index is None else rows[name].iloc[self._index]
        empty = cells.isna()
        if empty.any():
            if lever.today is None:
                raise DataError(
                    f"{int(empty.sum()):,} of {counted(n, 'row')} {does(int(empty.sum()), 'have')} no "
                    f"{readable(name)!r} of today, the first is "
                    f"{shown(cells.index[int(np.argmax(empty.to_numpy()))])}; expected a value in each. To fix: fill "
                    "them, leave these rows out, or give the lever today=VALUE."
                )
            cells = cells.where(~empty, lever.today)
        if lever.is_choice:
            return cells.astype(object).to_numpy()
        try:
            return cells.to_numpy(dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{readable(name)!r} of today holds {shown(cells.iloc[0])}: {short_reason(error)}; expected numbers. "
                "To fix: turn the column into numbers, or give the lever options."
            ) from error


def as_values(lever: Lever, values: Any, n: int | None = None) -> NDArray[Any]:
    """(n,) or (L,) values of a lever: float64 of a number (None: NaN), objects of a choice.

    Raises:
        SettingError: They are no such values, or another number of them.
    """
    listed = values if isinstance(values, np.ndarray | pd.Series) else np.asarray(values, dtype=object)
    array = np.asarray(listed)
    if array.ndim == 0 and n is not None:
        array = np.full(n, array.item(), dtype=object)
    try:
        array = array.astype(object if lever.is_choice else np.float64)
    except (TypeError, ValueError):
        refuse(f"levers[{readable(lever.name)!r}]", values, "numbers")
    if array.ndim != 1 or (n is not None and len(array) != n):
        expected = "one value for each row" if n is not None else "a list of values"
        refuse(f"levers[{readable(lever.name)!r}]", values, f"{expected}, not the shape {array.shape}")
    return array


def known_levers(setting: Any, levers: Sequence[Lever]) -> dict[str, Any]:
    """What was set, whose names are levers.

    Raises:
        SettingError: One is no lever.
    """
    names = [lever.name for lever in levers]
    if not isinstance(setting, Mapping):
        refuse("levers", setting, "a dict of a lever's name → values")
    unknown = [str(name) for name in setting if name not in names]
    if unknown:
        raise SettingError(
            f"{first_few(map(readable, unknown))} is no lever; expected among {first_few(map(readable, names))}. To "
            "fix: name one of these."
        )
    return {str(name): values for name, values in setting.items()}


def _stays(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a value is None or NaN."""
    return np.asarray(pd.isna(values))


def effective(setting: Setting, levers: Sequence[Lever], today: Mapping[str, NDArray[Any]], n: int) -> Setting:
    """(n,) of each lever: what is set, or today's where nothing is, or where its `only_if` does not hold."""
    found: dict[str, NDArray[Any]] = {}
    for lever in in_order(tuple(levers)):
        values = setting.get(lever.name)
        if values is None:
            found[lever.name] = today[lever.name]
            continue
        set_here = acts(lever, found, n) & ~_stays(values)
        found[lever.name] = values if set_here.all() else np.where(set_here, values, today[lever.name])
    return {lever.name: found[lever.name] for lever in levers}


def costs_of(levers: Sequence[Lever], today: Mapping[str, NDArray[Any]], setting: Setting) -> Array | None:
    """(n,) what moving from today's values costs, in units of the objective; None where no lever has a cost.

    Raises:
        SettingError: A cost is no such thing.
    """
    costly = [lever for lever in levers if lever.cost is not None]
    if not costly:
        return None
    return np.sum([_cost(lever, today, setting[lever.name]) for lever in costly], axis=0)


def _cost(lever: Lever, today: Mapping[str, NDArray[Any]], proposed: NDArray[Any]) -> Array:
    cost = lever.cost
    if isinstance(cost, Mapping):  # of an option, whatever it is today
        known = {str(option): float(price) for option, price in cost.items()}
        return np.asarray(pd.Series(proposed).astype(str).map(known).fillna(0.0), dtype=np.float64)
    if callable(cost):
        return _called(cost, lever, today[lever.name], proposed)
    if lever.is_choice:
        before, after = (pd.Series(values).astype(str).to_numpy() for values in (today[lever.name], proposed))
        return np.where(before == after, 0.0, float(cost))
    return float(cost) * np.abs(proposed - today[lever.name])


def _called(cost: Callable[..., Any], lever: Lever, today: NDArray[Any], proposed: NDArray[Any]) -> Array:
    try:
        found = np.asarray(cost(today, proposed), dtype=np.float64)
    except Exception as error:
        raise SettingError(
            f"cost of the lever {readable(lever.name)!r} failed: {type(error).__name__}: {short_reason(error)}; "
            "expected a function of arrays (today, proposed) → cost of each row. To fix: try it alone first."
        ) from error
    if found.shape not in ((), proposed.shape) or not np.isfinite(found).all():
        raise SettingError(
            f"cost of the lever {readable(lever.name)!r} gave {shown(found)}; expected a finite number for each of "
            f"{counted(len(proposed), 'row')}. To fix: return an array as long as its arguments."
        )
    return np.broadcast_to(found, proposed.shape)


@dataclass(frozen=True)
class Patterns:
    """Actions by which levers they set: within a group the same ones, so that their values make one profile."""

    count: int
    """L."""
    actions: Setting
    groups: tuple[tuple[NDArray[np.int64], Setting], ...]
    """Positions of actions, and the (A,) values that they set; the other levers stay at each row's value today."""
    row_by_row: tuple[int, ...]
    """Actions under which it depends on the row whether a lever acts."""

    @classmethod
    def of(cls, actions: Setting, levers: Sequence[Lever]) -> Patterns:
        """Sort them."""
        count = len(next(iter(actions.values()))) if actions else 1
        sets = np.zeros((count, len(levers)), dtype=bool)
        unsure = np.zeros(count, dtype=bool)
        places = {lever.name: i for i, lever in enumerate(levers)}
        for lever in in_order(tuple(levers)):
            if lever.name not in actions:
                continue
            asked = ~_stays(actions[lever.name])
            for name in lever.only_if or ():
                unsure |= asked & ~sets[:, places[name]]  # what it depends on is at the row's value today
            sets[:, places[lever.name]] = asked & acts(lever, actions, count)
        groups: list[tuple[NDArray[np.int64], Setting]] = []
        for pattern in np.unique(sets[~unsure], axis=0):
            which = np.flatnonzero((sets == pattern).all(axis=1) & ~unsure)
            setting = {lever.name: actions[lever.name][which] for lever, on in zip(levers, pattern, strict=True) if on}
            groups.append((which, setting))
        return cls(count, actions, tuple(groups), tuple(np.flatnonzero(unsure).tolist()))
