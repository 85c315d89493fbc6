"""What a row may do: the combinations of the values of all levers, by what depends on what.

Legend: n rows, L actions.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from drivetrain.decisions.levers import Lever, acts, in_order
from drivetrain.errors import SettingError
from drivetrain.text import readable

POINTS = {0: 50, 1: 50, 2: 15, 3: 8}
"""Numbers that are levers together → values tried of each; the refinement goes on from there."""
POINTS_OF_MANY = 5
ALL_STEPS = 1_000
"""Combinations up to which every step of every number is tried."""
MOST = 4_000
"""Actions of a row."""
SPREAD = 512
"""Combinations tried of more than three numbers that all rows share: a Sobol sequence, instead of a grid."""


STAYS: Any = object()
"""In place of a value: the row keeps its own."""


@dataclass(frozen=True)
class Actions:
    """Combinations of lever values; in some, a lever stays at the row's own value of today.

    Example:
        >>> few = Actions({"price": np.array([1.0, 2.0, 0.0])}, {"price": np.array([False, False, True])})
        >>> few.chosen({"price": np.array([7.0, 8.0])}, np.array([1, 2]))
        {'price': array([2., 8.])}
    """

    values: Mapping[str, NDArray[Any]]
    """Lever → (L,)."""
    stays: Mapping[str, NDArray[np.bool_]]
    """Lever → (L,) where True, `values` has no meaning, and each row keeps its own."""

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def asked(self) -> dict[str, NDArray[Any]]:
        """Lever → (L,) values as the simulator reads them: None where each row keeps its own."""
        result: dict[str, NDArray[Any]] = {}
        for name, values in self.values.items():
            result[name] = values
            if self.stays[name].any():
                result[name] = values.astype(object)
                result[name][self.stays[name]] = None
        return result

    def chosen(self, today: Mapping[str, NDArray[Any]], action: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Lever → (n,) values, each row at its own action."""
        result: dict[str, NDArray[Any]] = {}
        for name, values in self.values.items():
            found, stays = values[action], self.stays[name][action]
            if stays.any():
                found = np.where(stays, today[name], found)
            result[name] = found
        return result


def make_actions(levers: tuple[Lever, ...], today: Mapping[str, NDArray[Any]], *, staying: bool = True) -> Actions:
    """Every combination of the values of levers that makes sense.

    Args:
        levers: Of which each row may set its own value, or of which all share one.
        today: Lever → (n,) values; levers whose value today is not known are missing.
        staying: Whether to leave all as it is belongs to them.

    Raises:
        SettingError: There are too many, or a lever that does not act has no value to stay at.
    """
    numbers = sum(not lever.is_choice for lever in levers)
    points = POINTS.get(numbers, POINTS_OF_MANY)
    all_steps = math.prod(len(lever.values(ALL_STEPS if lever.step else points)) for lever in levers) <= ALL_STEPS
    grids = {lever.name: list(lever.values(ALL_STEPS if all_steps and lever.step else points)) for lever in levers}
    made = combined(levers, grids, MOST)
    if staying and all(lever.name in today for lever in levers):
        made.append(dict.fromkeys((lever.name for lever in levers), STAYS))
    return _as_actions(levers, made, today)


def spread_actions(levers: tuple[Lever, ...]) -> Actions:
    """Combinations spread over ranges of several numbers and choices: too many for a grid (Sobol 1967)."""
    points = qmc.Sobol(len(levers), scramble=False).random(SPREAD)
    values: dict[str, NDArray[Any]] = {}
    for lever, column in zip(levers, points.T, strict=True):
        if lever.is_choice:
            options = lever.values(0)
            values[lever.name] = options[(column * len(options)).astype(int)]
        else:
            low, high = lever.ends
            values[lever.name] = lever.onto_step(low + (high - low) * column)
    return Actions(values, {lever.name: np.zeros(SPREAD, dtype=bool) for lever in levers})


def may_do(actions: Actions, levers: tuple[Lever, ...], today: Mapping[str, NDArray[Any]], n: int) -> NDArray[np.bool_]:
    """(n, L) where False, a lever would stay at a value that it may not have, or that asks for another to act."""
    result = np.ones((n, len(actions)), dtype=bool)
    for lever in levers:
        for action in np.flatnonzero(actions.stays[lever.name]):
            all_stay = all(stays[action] for stays in actions.stays.values())
            if all_stay:  # a lever that is idle may stay at anything; one that acts, at what it may be set to
                acting = acts(lever, {each.name: today[each.name] for each in levers})
                result[:, action] &= ~acting | lever.may_take(today[lever.name])
    return result


def combined(levers: tuple[Lever, ...], grids: Mapping[str, Sequence[Any]], most: int) -> list[dict[str, Any]]:
    """All combinations of values; a lever that does not act stays.

    Raises:
        SettingError: There are more than so many.
    """
    made: list[dict[str, Any]] = [{}]
    for lever in in_order(levers):
        made = [
            {**so_far, lever.name: value}
            for so_far in made
            for value in (grids[lever.name] if _acts(lever, so_far) else [STAYS])
        ]
        if len(made) > most:
            names = ", ".join(readable(lever.name) for lever in levers)
            raise SettingError(
                f"the levers {names} have more than {most:,} combinations of values; expected fewer, as all of them "
                "are tried. To fix: take larger steps (step=), fewer options, or one lever after the other; of "
                "dt.simulate name the values of interest (values=, points=)."
            )
    return made


def _acts(lever: Lever, so_far: Mapping[str, Any]) -> bool:
    wanted = (lever.only_if or {}).items()
    return all(so_far[name] is not STAYS and any(so_far[name] == value for value in values) for name, values in wanted)


def _as_actions(levers: tuple[Lever, ...], made: list[dict[str, Any]], today: Mapping[str, NDArray[Any]]) -> Actions:
    values: dict[str, NDArray[Any]] = {}
    stays: dict[str, NDArray[np.bool_]] = {}
    for lever in levers:
        staying = np.array([each[lever.name] is STAYS for each in made])
        if staying.any() and lever.name not in today:
            raise SettingError(
                f"the lever {readable(lever.name)!r} acts only at times, and what it is at others is not known; "
                f"expected today's value. To fix: add the column to the rows, or pass dt.Lever(…, today=…)."
            )
        some = lever.values(2)
        column = np.full(len(made), some[0], dtype=some.dtype)
        column[~staying] = [each[lever.name] for each in made if each[lever.name] is not STAYS]
        if staying.any() and _all_one(today[lever.name]):
            column = column.astype(np.result_type(column, today[lever.name])) if column.dtype != object else column
            column[staying], staying = today[lever.name][0], np.zeros_like(staying)
        values[lever.name], stays[lever.name] = column, staying
    return _unlike(Actions(values, stays))


def _all_one(values: NDArray[Any]) -> bool:
    return len(values) > 0 and bool(np.asarray(values == values[0]).all())


def _unlike(actions: Actions) -> Actions:
    """The same without an action that stands there twice."""
    seen: set[tuple[Any, ...]] = set()
    kept: list[int] = []
    for action in range(len(actions)):
        key = tuple(
            (name, bool(actions.stays[name][action]), None if actions.stays[name][action] else values[action])
            for name, values in actions.values.items()
        )
        if key not in seen:
            seen.add(key)
            kept.append(action)
    return Actions(
        {name: values[kept] for name, values in actions.values.items()},
        {name: stays[kept] for name, stays in actions.stays.items()},
    )


def combinations(levers: tuple[Lever, ...], today: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """The settings of levers that all rows share, one after the other: name → value."""
    if not levers:
        return [{}]
    made = make_actions(levers, today, staying=False)
    return [{name: values[i] for name, values in made.values.items()} for i in range(len(made))]


def with_shared(actions: Actions, shared: Mapping[str, Any]) -> Actions:
    """Actions of each row beside one setting of what all share."""
    n = len(actions)
    values = dict(actions.values)
    for name, value in shared.items():
        values[name] = np.array(list(itertools.repeat(value, n)), dtype=np.asarray(value).dtype)
        if isinstance(value, str):
            values[name] = values[name].astype(object)
    return replace(actions, values=values, stays={**actions.stays, **{name: np.zeros(n, bool) for name in shared}})
