"""Between the values tried: each row looks half a step to either side of its own, then a quarter.

Legend: n rows, C candidates of a row (where it stands, and two for each lever), P places (members × scenarios).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.decisions.constraints import Amounts
from drivetrain.decisions.levers import Lever, acts
from drivetrain.decisions.objective import Quantity
from drivetrain.decisions.optimise.actions import Actions
from drivetrain.decisions.optimise.problem import Made, Problem
from drivetrain.decisions.optimise.risk import solve
from drivetrain.decisions.optimise.solving import InfeasibleError

if TYPE_CHECKING:
    from drivetrain.decisions.optimise.choosing import Chooser

PARTS = (0.5, 0.25)
"""Of the distance between values tried."""
OUTSIDE = 2
"""Of the words of support."""
REFINED = ", refined between the values tried"


@dataclass(frozen=True)
class _Place:
    """Lever values of each row, and whether it may have them."""

    levers: dict[str, NDArray[Any]]
    may: NDArray[np.bool_]


def refined(chooser: Chooser, made: Made, actions: Actions, members: Sequence[int] | None) -> Made:
    """The plan with numbers between those tried, where that is better; as it is where all values have been tried."""
    gaps = wide_gaps([lever for lever in chooser.simulator.levers if lever.per_row], actions)
    if not gaps:
        return made
    for part in PARTS:
        places = _around(chooser, made.levers, [(lever, gap * part) for lever, gap in gaps])
        made = _better(chooser, made, places, members)
    return made


def wide_gaps(levers: Sequence[Lever], actions: Actions) -> list[tuple[Lever, float]]:
    """Levers of numbers whose tried values lie further apart than they might, and how far."""
    result: list[tuple[Lever, float]] = []
    for lever in levers:
        if lever.is_choice:
            continue
        tried = np.unique(actions.values[lever.name][~actions.stays[lever.name]].astype(np.float64))
        gap = float(np.diff(tried).max()) if len(tried) > 1 else 0.0
        if gap > 0 and (lever.step is None or gap > 1.5 * lever.step):
            result.append((lever, gap))
    return result


def value_of(
    chooser: Chooser,
    levers: Mapping[str, NDArray[Any]],
    members: Sequence[int] | None,
    quantity: Quantity | None = None,
    rows: NDArray[np.int64] | None = None,
) -> NDArray[Any]:
    """(n,) mean over members of the objective or a quantity; of the objective (P, n) where each member counts."""
    if isinstance(quantity, Amounts):
        return quantity.of(levers[quantity.lever])
    found = chooser.simulator.at(levers, rows=rows, members=members, quantity=quantity)
    return found if quantity is None and chooser.risk != "mean" else found.mean(axis=0)


def _around(chooser: Chooser, levers: dict[str, NDArray[Any]], steps: Sequence[tuple[Lever, float]]) -> list[_Place]:
    n = len(chooser.simulator.rows)
    places = [_Place(levers, np.ones(n, dtype=bool))]
    for lever, distance in steps:
        acting = acts(lever, levers)
        here = levers[lever.name].astype(np.float64)
        for sign in (-1, 1):
            there = lever.onto_step(here + sign * distance)
            moved = {**levers, lever.name: np.where(acting, there, here)}
            may = acting & (there != here)
            if chooser.seen is not None:
                may &= chooser.seen.each(chooser.simulator.rows, moved) < OUTSIDE
            places.append(_Place(moved, may))
    return places


def _better(chooser: Chooser, made: Made, places: list[_Place], members: Sequence[int] | None) -> Made:
    values = np.stack([value_of(chooser, place.levers, members) for place in places], axis=-1).astype(np.float32)
    counted = [
        np.stack([value_of(chooser, place.levers, members, quantity) for place in places], axis=1).astype(np.float32)
        for quantity in chooser.limits.quantities
    ]
    allowed = np.stack([place.may for place in places], axis=1)
    limits = chooser.limits.linear(counted, share=chooser.share)
    problem = Problem(values, allowed, limits, chooser.risk, chooser.seed, chooser.compared(members))
    try:
        choice = solve(problem)
    except InfeasibleError:  # where it stands is within the limits but for rounding
        return made
    if choice.value <= made.choice.value:
        return made
    levers = {
        name: np.stack([place.levers[name] for place in places], axis=1)[np.arange(len(choice.action)), choice.action]
        for name in made.levers
    }
    own = [part[np.arange(len(choice.action)), choice.action] for part in counted]
    found = replace(
        made.choice,
        value=choice.value,
        bound=max(choice.bound, choice.value),
        method=made.choice.method.removesuffix(REFINED) + REFINED,
        exact=False,
    )
    prices = [each.price for each in choice.bindings]
    return replace(made, levers=levers, choice=found, bindings=chooser.limits.bindings(own, prices))
