"""Levers that all rows share: a grid of their values, then SLSQP or differential evolution between them.

All rows move together, so a setting is one action of one row whose value is the sum over all rows.

Legend: n rows, L settings, P places (members × scenarios).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import differential_evolution, minimize

from drivetrain.decisions.levers import Lever, acts
from drivetrain.decisions.optimise.actions import Actions, make_actions, may_do, spread_actions
from drivetrain.decisions.optimise.problem import Array, Choice, Made, Problem
from drivetrain.decisions.optimise.refining import value_of, wide_gaps
from drivetrain.decisions.optimise.risk import read_risk, solve, worst_mean
from drivetrain.decisions.optimise.solving import InfeasibleError

if TYPE_CHECKING:
    from drivetrain.decisions.optimise.choosing import Chooser

SUPPORTED = 0.95
"""Share of rows that must have been seen with a setting, or something near it, as all rows share it."""
STARTS = 3
"""Best settings of the grid from which SLSQP goes on."""
SAME = 0.01
"""Share of a range within which two results are one."""
EVOLVED = {"popsize": 8, "maxiter": 20, "tol": 1e-4}
ROWS_AT_MOST = 2_000
"""Rows on which differential evolution looks, which asks hundreds of times; what it finds is judged on all."""
OUTSIDE = 2
"""Of the words of support."""


@dataclass(frozen=True)
class _Found:
    levers: dict[str, Any]
    """Name → one value."""
    value: float
    method: str


def choose_shared(chooser: Chooser, members: Sequence[int] | None) -> Made:
    """The best setting of levers that all rows share.

    Raises:
        DataError: The constraints cannot be kept.
    """
    levers = chooser.simulator.levers
    numbers = [lever for lever in levers if not lever.is_choice]
    actions = spread_actions(levers) if len(numbers) > 3 else make_actions(levers, chooser.known, staying=True)
    table = chooser.table(actions, members, label="simulating settings")
    totals = table.values.sum(axis=-2, dtype=np.float64)[..., None, :]
    allowed = _supported(chooser, actions)
    limits = chooser.limits.totalled(table.counted, share=chooser.share)
    problem = Problem(totals, allowed, limits, chooser.risk, chooser.seed, chooser.compared(members))
    try:
        choice = solve(problem)
    except InfeasibleError as error:
        raise chooser.refusal(error) from None
    n = len(chooser.simulator.rows)
    put = actions.chosen(chooser.known, np.full(n, choice.action[0]))
    ahead = _ahead(problem, choice, limits)
    best = _refined(chooser, members, actions, ahead, choice.value)
    method = "grid of settings"
    if best is not None:
        method = f"grid of settings, then {best.method}"
        put = {name: np.full(n, value, dtype=put[name].dtype) for name, value in best.levers.items()}
        choice = replace(choice, value=best.value, bound=max(choice.bound, best.value), exact=False)
    counted = [value_of(chooser, put, members, quantity) for quantity in chooser.limits.quantities]
    choice = replace(choice, method=method)
    return _made(put, choice, chooser, counted)


def _made(put: dict[str, NDArray[Any]], choice: Choice, chooser: Chooser, counted: Sequence[NDArray[Any]]) -> Made:
    return Made(put, choice, chooser.limits.bindings(counted, [each.price for each in choice.bindings]))


def _supported(chooser: Chooser, actions: Actions) -> NDArray[np.bool_] | None:
    """(1, L) which settings nearly all rows have support for; the best supported one where none has."""
    n = len(chooser.simulator.rows)
    may = may_do(actions, chooser.simulator.levers, chooser.known, n).mean(axis=0) >= SUPPORTED
    if chooser.seen is not None:
        share = np.zeros(len(actions))
        for action in range(len(actions)):
            put = actions.chosen(chooser.known, np.full(n, action))
            share[action] = (chooser.seen.each(chooser.simulator.rows, put) < OUTSIDE).mean()
        good = may & (share >= SUPPORTED)
        may = good if good.any() else may & (share >= share[may].max(initial=0))
    return None if may.all() else may[None]


def _ahead(problem: Problem, choice: Choice, limits: Sequence[Any]) -> list[int]:
    """The best settings that keep the limits, best first."""
    values = problem.values if problem.values.ndim == 2 else problem.values.mean(axis=0)
    may = np.ones(values.shape[1], dtype=bool) if problem.allowed is None else problem.allowed[0].copy()
    for limit in limits:
        may &= limit.uses[0] <= limit.limit + 1e-9 * abs(limit.limit)
    order = np.argsort(-np.where(may, values[0], -np.inf), kind="stable")
    few = [int(action) for action in order[:STARTS] if may[action]]
    return [int(choice.action[0]), *(action for action in few if action != choice.action[0])][:STARTS]


def _refined(
    chooser: Chooser, members: Sequence[int] | None, actions: Actions, ahead: Sequence[int], reached: float
) -> _Found | None:
    """Something better between the settings tried; None where there is nothing."""
    gaps = {lever.name: gap for lever, gap in wide_gaps(chooser.simulator.levers, actions)}
    numbers = [lever for lever in chooser.simulator.levers if lever.name in gaps]
    searches: list[_Search] = []
    for start in ahead if numbers else ():
        if any(stays[start] for stays in actions.stays.values()):
            continue
        setting = {name: values[start] for name, values in actions.values.items()}
        one = {name: np.array([value]) for name, value in setting.items()}
        moving = [lever for lever in numbers if acts(lever, one)[0]]
        if moving:
            searches.append(_Search(chooser, members, setting, moving))
    candidates = [search.slsqp() for search in searches]
    if candidates and not _agree(candidates, searches):
        first = searches[0]
        candidates.append(first.evolved([gaps[lever.name] for lever in first.moving]))
    better = [each for each in candidates if each.value > reached + 1e-9 * abs(reached)]
    return max(better, key=lambda each: each.value) if better else None


def _agree(found: Sequence[_Found], searches: Sequence[_Search]) -> bool:
    """Whether all starts led to one place: then slopes can be followed, and it is the best of its surroundings."""
    moving = searches[0].moving
    if len(found) < 2 or any(search.moving != moving for search in searches):
        return False
    apart = [np.ptp([each.levers[lever.name] for each in found]) / (lever.ends[1] - lever.ends[0]) for lever in moving]
    return bool(max(apart) <= SAME)


class _Search:
    """The objective over a few numbers that all rows share, all else set."""

    def __init__(
        self, chooser: Chooser, members: Sequence[int] | None, setting: Mapping[str, Any], moving: Sequence[Lever]
    ) -> None:
        self.chooser, self.members, self.setting, self.moving = chooser, members, dict(setting), list(moving)
        self.low = np.array([lever.ends[0] for lever in moving])
        self.high = np.array([lever.ends[1] for lever in moving])
        self.asked: dict[tuple[Any, ...], tuple[float, Array]] = {}
        self.unit = abs(self.value(self._start())[0]) or 1.0

    def _start(self) -> Array:
        values = np.array([float(self.setting[lever.name]) for lever in self.moving])
        return (values - self.low) / (self.high - self.low)

    def levers(self, x: Array) -> dict[str, Any]:
        """Values of all levers; x runs from 0 to 1."""
        values = self.low + np.clip(x, 0, 1) * (self.high - self.low)
        put = [lever.onto_step(values[i : i + 1])[0] for i, lever in enumerate(self.moving)]
        return {**self.setting, **{lever.name: float(value) for lever, value in zip(self.moving, put, strict=True)}}

    def value(self, x: Array) -> tuple[float, Array]:
        """What is made large, and what is left of each limit (in its own size)."""
        put = self.levers(x)
        key = tuple(put.values())  # of a lever with steps many x are one setting
        if key not in self.asked:
            self.asked[key] = _asked(self.chooser, self.members, put)
        return self.asked[key]

    def slsqp(self) -> _Found:
        """From the start on, along slopes (Kraft 1988)."""
        start = self._start()
        limits = len(self.chooser.limits.limits)
        constraints: Any = [{"type": "ineq", "fun": lambda x: self.value(x)[1]}] if limits else ()
        found: Any = minimize(
            lambda x: -self.value(x)[0] / self.unit,
            start,
            method="SLSQP",
            bounds=[(0, 1)] * len(start),
            constraints=constraints,
            options={"eps": 1e-4, "ftol": 1e-10, "maxiter": 60},
        )
        return self._told(found.x, "SLSQP")

    def evolved(self, gaps: Sequence[float]) -> _Found:
        """Around the start, whatever the shape (Storn & Price 1997)."""
        start = self._start()
        reach = 2 * np.array(gaps) / (self.high - self.low)
        bounds = list(zip(np.clip(start - reach, 0, 1), np.clip(start + reach, 0, 1), strict=True))
        few = _Search(_fewer_rows(self.chooser), self.members, self.setting, self.moving)

        def loss(x: Array) -> float:
            value, left = few.value(x)
            return -value / few.unit + 10 * float(np.clip(-left, 0, None).sum())

        evolve: Any = differential_evolution  # whose stubs know the newest name of `seed` alone
        found = evolve(loss, bounds, seed=self.chooser.seed, polish=False, x0=start, **EVOLVED)
        return self._told(found.x, "differential evolution")

    def _told(self, x: Array, method: str) -> _Found:
        value, left = self.value(x)
        kept = bool((left >= -1e-9).all()) and self._has_support(x)
        return _Found(self.levers(x), value if kept else -np.inf, method)

    def _has_support(self, x: Array) -> bool:
        seen, rows = self.chooser.seen, self.chooser.simulator.rows
        if seen is None:
            return True
        put = {name: np.full(len(rows), value) for name, value in self.levers(x).items()}
        return bool((seen.each(rows, put) < OUTSIDE).mean() >= SUPPORTED)


def _asked(chooser: Chooser, members: Sequence[int] | None, setting: Mapping[str, Any]) -> tuple[float, Array]:
    n = len(chooser.simulator.rows)
    put = {name: np.full(n, value, dtype=object if isinstance(value, str) else None) for name, value in setting.items()}
    worth = value_of(chooser, put, members)
    counted = [value_of(chooser, put, members, quantity)[:, None] for quantity in chooser.limits.quantities]
    limits = chooser.limits.totalled(counted, share=chooser.share)
    left = np.array([(each.limit - each.uses[0, 0]) / (abs(each.limit) or n) for each in limits])
    if worth.ndim == 1:
        return float(worth.sum()), left
    sums = worth.sum(axis=1)
    risk = read_risk(chooser.risk)
    return (worst_mean(sums, risk.share) if risk.kind == "cvar" else float(sums.mean())), left


def _fewer_rows(chooser: Chooser) -> Chooser:
    """The same over some of the rows, where there are many."""
    simulator = chooser.simulator
    n = len(simulator.rows)
    if n <= ROWS_AT_MOST or chooser.remake is None:
        return chooser
    rows = np.sort(np.random.default_rng(chooser.seed).choice(n, ROWS_AT_MOST, replace=False))
    return chooser.on(rows)
