"""Plans that bear being wrong: not the mean over members alone, but their worst part, or the chance of a loss.

The mean of the worst share of members is the smallest mean under weights of which none is larger than 1/(share · K)
(Rockafellar & Uryasev 2000). So a cautious plan is the best reply to the worst weights: weights and plans are found in
turn by cutting planes (Kelley 1960), each plan by the solver of the mean. The optimum may mix several plans; each row
then follows one of them, dealt out in the shares of the mixture, which for many rows is worth what the mixture is.

Legend: K members, n rows, L actions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from drivetrain.decisions.optimise.problem import Array, Choice, Problem
from drivetrain.decisions.optimise.solving import GOLDEN, InfeasibleError, keeps, settle_between, solve_mean
from drivetrain.errors import SettingError
from drivetrain.settings import number, refuse, text

RISKS = (
    '"mean", "worst", "cvar:0.1" (mean of the worst tenth of members) or "loss:0.05" (at most that chance of a loss)'
)
ROUNDS = 40
CLOSE = 1e-4
"""Share of the value at which a plan and the bound on it are the same."""
PATH = (1.0, 0.5, 0.25, 0.1, 0.0)
"""Shares of the worst members, from the mean to the worst one: plans among which one with little loss is chosen."""
SETTLED = 2_000
"""Rows that are decided anew where a mixture of plans goes past a limit."""


@dataclass(frozen=True)
class Risk:
    """What is made large."""

    kind: str
    """"mean", "cvar" or "loss"."""
    share: float
    """Of members: of the worst ones (1: all, 0: the worst alone), or of those that may make a loss."""

    @property
    def said(self) -> str:
        """In words."""
        if self.kind == "loss":
            return f"the largest mean with a chance of loss of at most {self.share:.0%}"
        if self.share >= 1:
            return "the mean over members"
        return "the worst member" if self.share == 0 else f"the mean of the worst {self.share:.0%} of members"


def read_risk(risk: Any) -> Risk:
    """What was asked for.

    Raises:
        SettingError: It is none that is known.

    Example:
        >>> read_risk("cvar:0.1").said
        'the mean of the worst 10% of members'
    """
    kind, _, share = text("risk", risk, what=RISKS).strip().casefold().partition(":")
    if kind == "mean" and not share:
        return Risk("cvar", 1.0)
    if kind == "worst" and not share:
        return Risk("cvar", 0.0)
    if kind == "cvar":
        return Risk("cvar", _share(risk, share or "0.1", above=0, most=1))
    if kind == "loss":
        return Risk("loss", _share(risk, share or "0.05", least=0, below=1))
    return refuse("risk", risk, RISKS)


def _share(risk: str, share: str, **bounds: float) -> float:
    try:
        return number("risk", share, **bounds)
    except SettingError:
        return refuse("risk", risk, RISKS)


def solve(problem: Problem) -> Choice:
    """The best choice within the limits, by the problem's risk.

    Raises:
        InfeasibleError: No choice keeps the limits.
    """
    risk = read_risk(problem.risk)
    if problem.values.ndim == 2:
        return solve_mean(problem)
    members = len(problem.values)
    if members == 1 or (risk.kind == "cvar" and risk.share >= 1):
        return solve_mean(_weighted(problem, np.full(members, 1 / members)))
    return _least_loss(problem, risk.share) if risk.kind == "loss" else _worst_part(problem, risk.share)


def totals(values: NDArray[Any], action: NDArray[np.int64]) -> Array:
    """(K,) sum over rows of what each member says of a choice; `values` is (K, n, L)."""
    return values[:, np.arange(len(action)), action].sum(axis=1, dtype=np.float64)


def worst_mean(worth: Array, share: float) -> float:
    """Mean of the worst share of members, the one on the border in part; 0: the worst.

    Example:
        >>> worst_mean(np.array([1.0, 2.0, 3.0, 4.0]), 0.375)
        1.3333333333333333
    """
    order = np.sort(worth)
    weight = np.clip(max(share * len(worth), 1.0) - np.arange(len(worth)), 0, 1)
    return float(order @ weight / weight.sum())


def _worst_part(problem: Problem, share: float) -> Choice:
    members = len(problem.values)
    most = min(1.0, 1 / max(share * members, 1.0))
    weights = np.full(members, 1 / members)
    plans: list[Choice] = []
    worth: list[Array] = []
    bound, mixed = np.inf, np.zeros(0)
    for _ in range(ROUNDS):
        plan = solve_mean(_weighted(problem, weights))
        bound = min(bound, plan.bound)
        plans.append(plan)
        worth.append(totals(problem.values, plan.action))
        weights, reached, mixed = _against(np.array(worth), most)
        if bound - reached <= CLOSE * abs(bound):
            break
    choices = [plan.action for plan in plans]
    together = _deal(problem, choices, mixed, weights)
    best = max([*choices, *together], key=lambda each: worst_mean(totals(problem.values, each), share))
    value = worst_mean(totals(problem.values, best), share)
    last = plans[-1]
    bindings = tuple(
        replace(each, used=limit.used(best)) for each, limit in zip(last.bindings, problem.limits, strict=True)
    )
    return Choice(best, value, max(bound, value), bindings, f"cutting planes over members, {last.method}")


def _against(worth: Array, most: float) -> tuple[Array, float, Array]:
    """The weights of members that make the best of these plans worth least, its worth, and the mixture of plans.

    `worth` is (plans, K). The mixture is the dual solution: what one would play against such weights.
    """
    plans, members = worth.shape
    unit = float(np.abs(worth).max()) or 1.0
    found: Any = linprog(
        np.concatenate([np.zeros(members), [1.0]]),
        A_ub=np.hstack([worth / unit, -np.ones((plans, 1))]),
        b_ub=np.zeros(plans),
        A_eq=np.concatenate([np.ones(members), [0.0]])[None],
        b_eq=[1.0],
        bounds=[(0, most)] * members + [(None, None)],
        method="highs",
    )
    mixed = np.clip(-np.asarray(found.ineqlin.marginals), 0, None)
    return found.x[:members], float(found.fun * unit), mixed / mixed.sum()


def _deal(problem: Problem, choices: list[NDArray[np.int64]], mixed: Array, weights: Array) -> list[NDArray[np.int64]]:
    """Rows dealt out among plans in the shares of a mixture; nothing where that cannot be brought within the limits."""
    used = np.flatnonzero(mixed > 1e-9)
    table = np.stack([choices[i] for i in used])
    differ = np.flatnonzero((table != table[0]).any(axis=0))
    start = np.random.default_rng(problem.seed).random()
    draws = (start + GOLDEN * np.arange(len(differ))) % 1
    which = np.searchsorted(np.cumsum(mixed[used])[:-1], draws)
    action = table[0].copy()
    action[differ] = table[which, differ]
    of_mean = _weighted(problem, weights)
    if keeps(of_mean, action):
        return [action]
    few = differ[:: max(1, len(differ) // SETTLED)]
    settled = settle_between(of_mean, action, few)
    return [] if settled is None else [settled]


def _least_loss(problem: Problem, chance: float) -> Choice:
    """The plan of largest mean, among those from the mean to the worst member, that makes a loss seldom enough.

    How often a plan loses is no convex question; the plans along this path are those that a cautious person weighs.
    Where all lose more often than that, the one that loses least often is taken, and says so.
    """
    baseline = np.zeros(len(problem.values)) if problem.baseline is None else problem.baseline
    found: list[tuple[float, float, Choice]] = []
    for share in PATH:
        equal = np.full(len(problem.values), 1 / len(problem.values))
        plan = solve_mean(_weighted(problem, equal)) if share == 1 else _worst_part(_gained(problem, baseline), share)
        worth = totals(problem.values, plan.action)
        found.append((float((worth < baseline).mean()), float(worth.mean()), plan))
    few = [each for each in found if each[0] <= chance]
    loss, value, plan = max(few, key=lambda each: each[1]) if few else min(found, key=lambda each: (each[0], -each[1]))
    said = (
        f"no plan from the best mean to the best worst member loses in so few as {chance:.0%} of members; this one "
        f"loses in {loss:.0%}"
    )
    return replace(plan, value=value, bound=max(value, found[0][2].bound), exact=False, notes=() if few else (said,))


def _gained(problem: Problem, baseline: Array) -> Problem:
    """The same problem in gains over the baseline: what is the worst part of them depends on it."""
    n = problem.values.shape[1]
    return replace(problem, values=problem.values - (baseline / n).astype(np.float32)[:, None, None])


def _weighted(problem: Problem, weights: Array) -> Problem:
    values = np.tensordot(weights.astype(np.float32), problem.values, axes=1).astype(np.float32)
    return replace(problem, values=values, risk="mean")


__all__ = ["InfeasibleError", "Risk", "read_risk", "solve", "totals", "worst_mean"]
