"""One action for each row: at once where nothing is shared, else by prices on the limits, or exactly where it is small.

Legend: n rows, L actions, M limits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.decisions.optimise.dual import Prices, chunks, find_prices, lagrangian, sample, shares
from drivetrain.decisions.optimise.integer import GAP, Excess, least_excess, solve_whole
from drivetrain.decisions.optimise.problem import Binding, Choice, Linear, Problem

WHOLE = 5_000
"""Variables (rows × actions that they may take) up to which the integer programme is solved as it is."""
FREE = ((2_000, 4), (8_000, 4), (16_000, None))
"""Variables of the rows in between that are decided anew, and how many of its actions each may take (None: all);
more where fewer cannot keep the limits."""
FINE = 3e-6
"""Share of the whole value by which that may miss the best."""
NODES = 200
"""Of its search."""
ROUNDING = 1e-7
"""Share of what is added up by which a sum of 32-bit numbers may be off."""
GOLDEN = 0.6180339887498949


class InfeasibleError(Exception):
    """No choice keeps the limits; turned into words by who knows what they mean."""

    def __init__(self, excesses: tuple[Excess, ...], *, alone: bool, exact: bool) -> None:
        super().__init__("no choice keeps the limits")
        self.excesses = excesses
        self.alone = alone
        """Whether each of these limits cannot be kept by itself, whatever becomes of the others."""
        self.exact = exact
        """Whether the amounts are exact, not found on a sample of the rows."""


def solve_mean(problem: Problem) -> Choice:
    """The choice whose values add up to the most within the limits; `problem.values` is (n, L).

    Raises:
        InfeasibleError: No choice keeps the limits.
    """
    best = np.concatenate(
        [lagrangian(replace(problem, limits=()), np.zeros(0), rows).argmax(axis=1) for rows in _chunks(problem)]
    )
    free_of_limits = _told(problem, best, np.inf, None, "grid", exact=True)
    if keeps(problem, best):
        return replace(free_of_limits, bound=free_of_limits.value)
    _each_alone(problem)
    prices = find_prices(problem)
    if _variables(problem) <= WHOLE:
        found = solve_whole(problem)
        if found.impossible:
            raise InfeasibleError(least_excess(problem), alone=False, exact=True)
        if found.action is not None and keeps(problem, found.action):
            bound = min(found.bound, prices.bound)
            return _told(problem, found.action, bound, prices, "milp", exact=found.exact)
    action = _round(problem, prices)
    return _told(problem, _settle(problem, action, prices), prices.bound, prices, "dual", exact=False)


def keeps(problem: Problem, action: NDArray[np.int64]) -> bool:
    """Whether a choice keeps every limit, to within the rounding of its sum."""
    return all(_excess(limit, action) <= 0 for limit in problem.limits)


def settle_between(problem: Problem, action: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """A choice within the limits that differs from `action` in these rows alone; None where there is none."""
    own = [each.used(action[rows]) for each in problem.part(rows).limits]
    left = [each.limit - each.used(action) + used for each, used in zip(problem.limits, own, strict=True)]
    part = problem.part(rows, left)
    sums = [np.abs(_taken(each.values, own)).sum() for each, own in ((problem, action), (part, action[rows]))]
    gap = max(GAP, FINE * float(sums[0] / sums[1])) if sums[1] else GAP
    found = solve_whole(part, gap=min(gap, 0.01), nodes=NODES)
    if found.action is None:
        return None
    result = action.copy()
    result[rows] = found.action
    return result if keeps(problem, result) else None


def _settle(problem: Problem, action: NDArray[np.int64], prices: Prices) -> NDArray[np.int64]:
    """Decide the rows that are nearly torn between two actions by an integer programme, all others as they are."""
    n = len(action)
    margin = np.empty(n, dtype=np.float32)
    for rows in _chunks(problem):
        left = lagrangian(problem, prices.prices, rows)
        two = np.partition(left, -2, axis=1)[:, -2:] if left.shape[1] > 1 else np.repeat(left, 2, axis=1)
        margin[rows] = two[:, 1] - two[:, 0]
    order = np.argsort(margin, kind="stable")
    actions = problem.values.shape[1]
    for variables, few_of_them in FREE:
        close = actions if few_of_them is None else min(few_of_them, actions)
        free = np.sort(order[: max(1, variables // close)])
        near = _near_ones(problem, action, prices, free, close)
        found = settle_between(replace(problem, allowed=near), action, free)
        if found is not None:
            return found
    few = sample(problem, max(1, 60_000 // problem.values.shape[1]))
    excesses = least_excess(few)
    scale = n / len(few.values)
    raise InfeasibleError(
        tuple(Excess(each.limit, each.by * scale) for each in excesses), alone=False, exact=len(few.values) == n
    )


def _near_ones(
    problem: Problem, action: NDArray[np.int64], prices: Prices, free: NDArray[np.int64], close: int
) -> NDArray[np.bool_]:
    """(n, L) where True, a free row may go there: its best actions at these prices, and the one that it has."""
    actions = problem.values.shape[1]
    few = problem.part(free)
    left = lagrangian(few, prices.prices, slice(0, len(free)))
    worst = np.partition(left, -close, axis=1)[:, -close]
    near = left >= np.maximum(worst, -1e29)[:, None]
    near[np.arange(len(free)), action[free]] = True
    result = np.zeros((len(action), actions), dtype=bool)
    result[free] = near
    return result


def _round(problem: Problem, prices: Prices) -> NDArray[np.int64]:
    """Each row's best action at the prices; rows that are torn are dealt out in the shares in which they are torn.

    The draws are the multiples of the golden ratio: any part of the rows gets nearly its share of each action, so that
    all together use nearly what the shares do (Kronecker's sequence: Niederreiter 1992, ch. 3).
    """
    start = np.random.default_rng(problem.seed).random()
    parts: list[NDArray[np.int64]] = []
    torn_before = 0
    for rows in _chunks(problem):
        share = shares(problem, prices.prices, prices.temperature, rows)
        chosen = share.argmax(axis=1).astype(np.int64)
        torn = np.flatnonzero(share[np.arange(len(chosen)), chosen] < 0.999)
        draws = (start + GOLDEN * (torn_before + np.arange(len(torn)))) % 1
        below = np.cumsum(share[torn], axis=1)
        chosen[torn] = (below < draws[:, None] * below[:, -1:]).sum(axis=1)
        torn_before += len(torn)
        parts.append(chosen)
    return np.concatenate(parts)


def _each_alone(problem: Problem) -> None:
    """Refuse limits that cannot be kept even where all rows do their best for that one."""
    excesses: list[Excess] = []
    for i, limit in enumerate(problem.limits):
        uses = limit.uses
        if problem.allowed is not None:
            allowed = problem.allowed if limit.rows is None else problem.allowed[limit.rows]
            uses = np.where(allowed, uses, np.inf)
        least = uses.min(axis=1)
        by = float(least.sum(dtype=np.float64)) - limit.limit
        if by > ROUNDING * (abs(limit.limit) + float(np.abs(least).sum(dtype=np.float64))):
            excesses.append(Excess(i, by))
    if excesses:
        raise InfeasibleError(tuple(excesses), alone=True, exact=True)


def _excess(limit: Linear, action: NDArray[np.int64]) -> float:
    own = action if limit.rows is None else action[limit.rows]
    uses = np.take_along_axis(limit.uses, own[:, None], axis=1)
    rounding = ROUNDING * (abs(limit.limit) + float(np.abs(uses).sum(dtype=np.float64)))
    return float(uses.sum(dtype=np.float64)) - limit.limit - rounding


def _taken(values: NDArray[Any], action: NDArray[np.int64]) -> NDArray[Any]:
    """(n,) what each row's own action is worth."""
    return np.take_along_axis(values, action[:, None], axis=1)[:, 0]


def _told(
    problem: Problem, action: NDArray[np.int64], bound: float, prices: Prices | None, method: str, *, exact: bool
) -> Choice:
    value = float(_taken(problem.values, action).sum(dtype=np.float64))
    found = np.zeros(len(problem.limits)) if prices is None else prices.prices
    bindings = tuple(
        Binding(limit.name, limit.used(action), limit.limit, bool(price > 0), float(price))
        for limit, price in zip(problem.limits, found, strict=True)
    )
    return Choice(action, value, max(bound, value), bindings, method, exact)


def _variables(problem: Problem) -> int:
    return problem.values.size if problem.allowed is None else int(problem.allowed.sum())


def _chunks(problem: Problem) -> list[slice]:
    return chunks(*problem.values.shape)
