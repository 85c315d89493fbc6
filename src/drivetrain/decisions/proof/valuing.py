"""Proof on logged rows: what policies would have been worth, from what came of rows in which chance did the same.

Inverse propensity (Horvitz & Thompson 1952), self-normalised (Swaminathan & Joachims 2015), and doubly robust (Dudik,
Langford & Li 2011), cross-fitted (Chernozhukov et al. 2018): of a row of one half, the members of the other half choose
the levers and predict the objective, so that neither has seen what came of it.

Legend: N logged rows, K members.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.objective import Quantity
from drivetrain.decisions.plan.parts import Proof, Valued
from drivetrain.decisions.plan.words import sentence, with_interval
from drivetrain.decisions.proof.correcting import Set, by_chance, outcome_of
from drivetrain.decisions.proof.encoding import groups_of
from drivetrain.decisions.proof.promise import Choose
from drivetrain.decisions.proof.weighing import Odds, odds_of
from drivetrain.decisions.simulator import Simulator
from drivetrain.decisions.worth import mean_worth
from drivetrain.errors import DataError
from drivetrain.text import counted, readable

Array = NDArray[np.float64]
Policy = Set | Choose | None
"""Lever → (N,) values; or a function that chooses them with the members given; None: what was done."""
STEP = 1e-3
"""Of a prediction, relative to its size, when the objective's slope in it is found."""
NUMBERS_AT_ONCE = 1_000_000
"""So few that a simulator does not divide them once more."""
CURVED = 1e-6
"""Relative distance of an objective from a straight line in a prediction, beyond which it counts as curved."""


@dataclass(frozen=True)
class Logs:
    """What came of logged rows, and what was predicted by members that have not seen them."""

    realised: Array
    """(N,) the objective of what came out."""
    said: Array
    """(N,) the objective of what was predicted, at the logged levers."""
    half: NDArray[np.int64]
    """(N,) of each row: the half of the members that have not learned from it is the other one."""
    curved: tuple[str, ...]
    """Models in whose outcome the objective is no straight line."""


def value_policies(
    simulator: Simulator,
    policies: Mapping[str, Policy],
    *,
    group: str | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Proof:
    """What each policy would have been worth in the logged rows.

    Costs of moving a lever are left out. The objective of what came out takes observed outcomes in place of predictions
    (missing ones, such as the claims of somebody who did not accept, are predicted); where it is curved in an outcome,
    along its tangent, as the objective of a yes or no is not the objective of a probability.

    Args:
        simulator: Over the logged rows, whose levers' columns hold what was done.
        policies: Name → policy. One that models choose is chosen by members that have not seen the row.
        group: Column of the logged rows whose rows are not independent.
        level: Of the intervals.
        seed: Of folds in which propensities are estimated.

    Raises:
        DataError: No model knows its logged rows, or these are others than the simulator's.
    """
    rows = simulator.rows
    usable = by_chance(rows, simulator.levers)
    for lever in simulator.levers:
        usable &= rows[lever.name].notna().to_numpy()
    logs = logs_of(simulator)
    places = np.flatnonzero(usable & np.isfinite(logs.realised))
    frame, groups = rows.iloc[places], groups_of(rows, group)[places]
    names = [lever.name for lever in simulator.levers]
    columns = sorted({name for model in simulator.models.values() for name in model.columns} - set(names))
    odds = [odds_of(frame, lever, columns, groups, seed=seed) for lever in simulator.levers]
    made: list[Valued] = []
    doubly: dict[str, Array] = {}
    for name, policy in policies.items():
        if policy is None:
            weights, expected = np.ones(len(places)), logs.said[places]
        else:
            weights, expected = _weighed(simulator, logs, policy, odds, places)
        doubly[name] = expected + weights * (logs.realised[places] - logs.said[places])
        made.append(_valued(name, weights, logs.realised[places], doubly[name], groups, level=level))
    known = all(each.known for each in odds)
    said = _said(made, doubly, groups, level, known=known, curved=logs.curved)
    return Proof(tuple(made), "known" if known else "estimated", group, said)


def _valued(name: str, weights: Array, realised: Array, dr: Array, groups: NDArray[np.intp], *, level: float) -> Valued:
    total, n = float(weights.sum()), len(weights)
    own = float(weights @ realised / total) if total > 0 else float("nan")
    snips = own + weights * (realised - own) * n / total if total > 0 else np.full(n, np.nan)
    return Valued(
        policy=name,
        ips=mean_worth(weights * realised, groups, "inverse propensity", level),
        snips=mean_worth(snips, groups, "self-normalised inverse propensity", level),
        dr=mean_worth(dr, groups, "doubly robust, cross-fitted", level),
        effective_rows=total**2 / float(weights @ weights) if total > 0 else 0.0,
    )


def _weighed(
    simulator: Simulator, logs: Logs, policy: Set | Choose, odds: Sequence[Odds], places: NDArray[np.intp]
) -> tuple[Array, Array]:
    """(N) weights, and the objective that unseeing members expect of the policy."""
    weights, expected = np.empty(len(places)), np.empty(len(places))
    half = logs.half[places]
    for own in np.unique(half):
        members = _unseeing(simulator, int(own))
        levers = policy(members) if callable(policy) else policy
        here = np.flatnonzero(half == own)
        at = places[here]
        mine = {name: np.asarray(values)[at] for name, values in levers.items()}
        expected[here] = _mean_at(simulator, mine, at, members, lambda _: simulator.objective.call)
        weight = np.ones(len(here))
        for each in odds:
            if each.lever.name in levers:
                weight *= _at(each, here).weights(mine[each.lever.name])
        weights[here] = weight
    return weights, expected


def _at(odds: Odds, here: NDArray[np.intp]) -> Odds:
    return Odds(odds.lever, odds.values, odds.logged[here], odds.chance[here], odds.kernel, odds.known)


def _mean_at(
    simulator: Simulator,
    levers: Set,
    rows: NDArray[np.intp],
    members: Sequence[int],
    quantity_of: Callable[[NDArray[np.intp]], Quantity],
) -> Array:
    """(rows,) a quantity at lever values, mean over members; it may differ from rows to rows."""
    made = np.empty(len(rows))
    step = max(1, NUMBERS_AT_ONCE // len(members))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        mine = {name: values[part] for name, values in levers.items()}
        quantity = quantity_of(rows[part])
        made[part] = simulator.at(mine, rows=rows[part], members=members, quantity=quantity).mean(axis=0)
    return made


def _unseeing(simulator: Simulator, half: int) -> list[int]:
    """Members that have not learned from the rows of a half; all where nobody knows."""
    every = np.arange(len(simulator.halves))
    found = np.flatnonzero(simulator.halves == 1 - half) if half in (0, 1) else every
    return [int(place) for place in (found if len(found) else every)]


def logs_of(simulator: Simulator) -> Logs:
    """What came of the rows."""
    rows = simulator.rows
    half = np.full(len(rows), -1, dtype=np.int64)
    truths: dict[str, Array] = {}
    for name, model in simulator.models.items():
        if model.outcome is None or model.outcome not in rows.columns:
            continue
        truths[name] = outcome_of(model, rows)
        if model.half_of_row is not None and len(model.half_of_row) == len(rows):
            half = model.half_of_row
    if not truths:
        raise DataError(
            "no model knows an outcome that is a column of the logged rows; expected at least one, since logged rows "
            "prove a plan by what came of them. To fix: fit the models with dt.Ensemble.fit(logged, ..., outcome=...)."
        )
    levers = {lever.name: rows[lever.name].to_numpy() for lever in simulator.levers}
    realised, said = np.empty(len(rows)), np.empty(len(rows))
    curved: set[str] = set()
    for own in np.unique(half):
        at = np.flatnonzero(half == own)
        members = _unseeing(simulator, int(own))
        mine = {name: values[at] for name, values in levers.items()}

        def came(part: NDArray[np.intp]) -> Quantity:
            return _realised(simulator.objective.call, {name: truth[part] for name, truth in truths.items()}, curved)

        realised[at] = _mean_at(simulator, mine, at, members, came)
        said[at] = _mean_at(simulator, mine, at, members, lambda _: simulator.objective.call)
    return Logs(realised, said, half, tuple(sorted(curved)))


def _realised(call: Quantity, came: Mapping[str, Array], curved: set[str]) -> Quantity:
    """The objective with outcomes in place of predictions."""

    def realised(rows: pd.DataFrame, levers: Any, predict: Any) -> Array:
        said = {name: np.asarray(predict[name], dtype=np.float64) for name in came}
        seen = {name: np.where(np.isfinite(came[name]), came[name], said[name]) for name in came}

        def value(moved: dict[str, Array]) -> Array:
            return np.asarray(call(rows, levers, ChainMap(moved, predict)), dtype=np.float64)

        plain = value(seen)
        slopes: dict[str, Array] = {}
        for name in came:
            step = STEP * np.maximum(np.abs(said[name]), float(np.mean(np.abs(said[name]))) or 1.0)
            above = value({**seen, name: said[name] + step})
            below = value({**seen, name: said[name] - step})
            slope = (above - below) / (2 * step)
            along = (above + below) / 2 + slope * (seen[name] - said[name])
            size = float(np.mean(np.abs(plain - plain.mean()))) or 1.0
            if float(np.max(np.abs(along - plain), initial=0.0)) > CURVED * size + 1e-3 * STEP * size:
                slopes[name] = slope
        if not slopes:
            return plain
        curved.update(slopes)
        base = value({**seen, **{name: said[name] for name in slopes}})
        return base + sum(slope * (seen[name] - said[name]) for name, slope in slopes.items())

    return realised


def _said(
    made: Sequence[Valued],
    doubly: Mapping[str, Array],
    groups: NDArray[np.intp],
    level: float,
    *,
    known: bool,
    curved: Sequence[str],
) -> str:
    """The result in words: the first policy beside the others, row by row."""
    chance = "by chances that are known" if known else "by chances estimated from the columns"
    parts = [f"In {counted(len(groups), 'logged row')}, weighed {chance}:"]
    first = made[0].policy if made else ""
    for each in made:
        carry = f"{each.effective_rows:,.0f} rows carry the weight"
        parts.append(sentence(f"{readable(each.policy)}: {with_interval(each.dr)} ({carry})"))
        if each.policy != first:
            apart = mean_worth(doubly[first] - doubly[each.policy], groups, "", level)
            low, high = apart.low, apart.high
            if low is None or high is None:
                continue
            verdict = "better" if low > 0 else "worse" if high < 0 else "no different as far as these rows tell"
            parts.append(sentence(f"{readable(first)} less that: {with_interval(apart, sign=True)}, {verdict}"))
    if not known:
        parts.append("That is believed as far as the columns tell all that moved both the levers and what came of it.")
    if curved:
        parts.append(f"The objective is curved in {', '.join(map(readable, curved))}: taken along its tangent there.")
    return " ".join(parts)
