"""What becomes of the plan when a number in the objective is another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from drivetrain.decisions.optimise.choosing import Chooser, Setting, places_key
from drivetrain.decisions.optimise.tabulating import Table, tabulate
from drivetrain.decisions.plan.parts import Sensitive
from drivetrain.errors import DataError
from drivetrain.progress import track

FACTORS = (0.8, 1.2)
ROWS = 500
"""On which plans are made anew, drawn by the seed."""
NUMBERS = 10
"""Of the objective; the first ones count, and the others are told."""


def sensitivity(chooser: Chooser, promised: float) -> tuple[Sensitive, ...]:
    """Each number of the objective 20 % less and 20 % more: plans made anew on some rows, with as much less to spend.

    Plans are chosen by the members of one half and valued by those of the other, where there are two. What another
    number changes is added to the promise, which logged outcomes have corrected and which is about all rows.

    Args:
        chooser: Makes plans.
        promised: Mean per row, of the plan as it stands.
    """
    objective = chooser.simulator.objective
    numbers = {name: value for name, value in objective.numbers.items() if value}
    if not numbers or objective.with_numbers is None or chooser.remake is None:
        return ()
    n = len(chooser.simulator.rows)
    rows = np.sort(np.random.default_rng(chooser.seed).choice(n, min(n, ROWS), replace=False))
    choosing, valuing = _halves(chooser)
    cases = [(name, factor, value * factor) for name, value in list(numbers.items())[:NUMBERS] for factor in FACTORS]
    changed = [replace(objective, call=objective.with_numbers({name: value})) for name, _, value in cases]
    here, others = chooser.on(rows), [chooser.on(rows, each) for each in changed]
    _ask_once(here, others, choosing)
    before = here.choose(choosing).levers
    apart = promised - float(here.simulator.at(before, members=valuing).mean())
    made: list[Sensitive] = []
    with track("sensitivity", len(cases)) as advance:
        for (name, factor, value), other in zip(cases, others, strict=True):
            after = _plan(other, choosing)
            if after is not None:
                share = float(_changed(before, after).mean())
                worth, kept = (
                    apart + float(other.simulator.at(each, members=valuing).mean()) for each in (after, before)
                )
                made.append(Sensitive(name, factor, value, worth, share, kept))
            advance(1, name)
    return tuple(made)


def _ask_once(here: Chooser, others: Sequence[Chooser], members: list[int] | None) -> None:
    """Predictions are the same whatever the numbers are: the models are asked once for all of them."""
    if here.risk != "mean" or here.is_mixed:
        return
    objective, own = here.simulator.objective, here.limits.quantities
    asked = [*own, objective.call, *(other.simulator.objective.call for other in others)]
    (table,) = tabulate(here.simulator, here.grid(), here.known, asked, sets=[None], members=members)
    counted, (plain, *varied) = table.counted[: len(own)], table.counted[len(own) :]
    cost = plain - table.values  # of moving levers, which is taken off the objective alone
    here.kept[places_key(members)] = Table(table.values, counted)
    for other, values in zip(others, varied, strict=True):
        other.kept[places_key(members)] = Table((values - cost).astype(np.float32), counted)


def _plan(chooser: Chooser, members: list[int] | None) -> Setting | None:
    """The plan made anew; None where the constraints cannot be kept under such a number."""
    try:
        return chooser.choose(members).levers
    except DataError:
        return None


def _changed(before: Setting, after: Setting) -> NDArray[np.bool_]:
    """(n,) whether a row has other values."""
    return np.logical_or.reduce([np.asarray(values != before[name], dtype=bool) for name, values in after.items()])


def _halves(chooser: Chooser) -> tuple[list[int] | None, list[int] | None]:
    halves = chooser.simulator.halves
    first, second = ([int(place) for place in np.flatnonzero(halves == half)] for half in (0, 1))
    return (first, second) if first and second else (None, None)
