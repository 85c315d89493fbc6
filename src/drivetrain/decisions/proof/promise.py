"""What a plan promises: chosen by some members and valued by others, so that no luck of errors is counted as gain.

Legend: n rows, K members, S scenarios, N logged rows.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from drivetrain.decisions.objective import Levers, Predict, Quantity
from drivetrain.decisions.plan.parts import Promise
from drivetrain.decisions.proof.correcting import Set, errors_of, has_propensity
from drivetrain.decisions.proof.encoding import texts_of
from drivetrain.decisions.simulator import Simulator
from drivetrain.decisions.worth import Worth

Array = NDArray[np.float64]
Choose = Callable[[Sequence[int]], Set]
"""Places of members that choose → lever → (n,) values."""
CROSS = "chosen by members of one half of the rows, valued by those of the other"
STEP = 1e-4
"""Of a prediction, relative to its size, when the objective's slope in it is found."""
NUMBERS_AT_ONCE = 1_000_000
MOST = 20_000
"""Rows, drawn by chance where there are more, at whose values the correction is read off: it is a mean."""


@dataclass(frozen=True)
class Side:
    """One way of cross-fitting: members of one half value the levers that those of the other have chosen.

    Aims are, in this order: what the other half has chosen; what this half has chosen; today's values.
    """

    chosen: Array
    """(K', n) the objective at what the other half has chosen, K' places of members and scenarios."""
    today: Array
    """(K', n)."""
    corrections: Array
    """(3, n) of each aim in each row."""
    variances: Array
    """(3, n) of these."""
    influences: tuple[Array, ...]
    """Per table of logged rows, (3, N): of each row on the correction of each aim."""
    tables: tuple[pd.DataFrame, ...]


def promise(
    simulator: Simulator,
    choose: Choose,
    chosen: Set,
    *,
    baseline: Set | None = None,
    group: str | None = None,
    correct: bool = True,
    level: float = 0.95,
) -> Promise:
    """What the plan is worth on average per row, cross-fitted, beside what choosing and valuing alike would promise.

    The members of each half choose, those of the other value what was chosen, and both are averaged. Where the models
    know their logged rows, the mean error of the valuing members, at the chosen values, is estimated from rows that
    neither they nor the choosing members have learned from, and taken out (`drivetrain.decisions.proof.correcting`);
    the interval is that of this correction, clustered by group. Elsewhere it is that of the members.

    It is the worth of plans that were made with half of the rows each: the plan that is shown is made with all of them,
    and rather better.

    Args:
        simulator: Over the rows of the plan.
        choose: Makes the plan anew with the members given.
        chosen: Lever → (n,) values of the plan that is shown.
        baseline: Lever → (n,) values it is compared with; None: today's.
        group: Column of the logged rows whose rows are not independent.
        correct: Whether logged outcomes correct the promise.
        level: Of the intervals.
    """
    before = simulator.today() if baseline is None else baseline
    first, second = (_places_of(simulator, half) for half in (0, 1))
    naive_K = simulator.at(chosen).mean(axis=1)
    alike = [naive_K[first], naive_K[second]] if first and second else [naive_K]  # two halves are surer than one
    naive = _of_members(alike, level, len(simulator.rows), "chosen and valued by the same members")
    if not first or not second:
        return _same_members(simulator, chosen, before, naive, level)
    plans = (choose(first), choose(second))
    sides = [
        _side(simulator, (plans[0], plans[1], before), second, first, correct=correct),
        _side(simulator, (plans[1], plans[0], before), first, second, correct=correct),
    ]
    how = "" if _is_by_chance(simulator) else ", as far as the columns tell all that moved both levers and outcomes"
    promised = _worth(sides, (1.0, 0.0), level, group, how)
    today = _worth(sides, (0.0, 1.0), level, group, how)
    gain = _worth(sides, (1.0, -1.0), level, group, how)
    moved = np.logical_or.reduce([np.asarray(chosen[name] != before[name], dtype=bool) for name in chosen])
    if not moved.any():  # the plan that is shown is today, whatever halves of the rows would have done
        promised, gain = today, replace(gain, value=0.0, low=0.0, high=0.0)
    after = np.mean([side.chosen.mean(axis=0) + side.corrections[0] for side in sides], axis=0)
    expected_today = np.mean([side.today.mean(axis=0) + side.corrections[2] for side in sides], axis=0)
    expected = expected_today + _shared(after - expected_today, moved, gain.value)
    reach = np.where(moved, _row_reach(sides, 0, level), _row_reach(sides, 2, level))
    gains = [each.chosen.mean(axis=1) - each.today.mean(axis=1) for each in sides]
    centred = np.concatenate([gains[0] - gains[0].mean(), gains[1] - gains[1].mean()]) + gain.value
    return Promise(
        promised=promised,
        naive=naive,
        baseline=today,
        gain=gain,
        chance_of_loss=float(np.mean(centred < 0)) if len(centred) > 1 and moved.any() else None,
        expected=expected,
        low=expected - reach,
        high=expected + reach,
        expected_today=expected_today,
    )


def _shared(more: Array, moved: NDArray[np.bool_], gain: float) -> Array:
    """(n,) each row's gain, their mean being what is promised; none for a row that stays as it is.

    Example:
        >>> _shared(np.array([4.0, 0.0, 1.0]), np.array([True, True, False]), 1.0).tolist()
        [3.5, -0.5, 0.0]
    """
    kept = np.where(moved, more, 0.0)
    return kept + np.where(moved, (gain * len(kept) - kept.sum()) / max(1, moved.sum()), 0.0)


def _row_reach(sides: Sequence[Side], aim: int, level: float) -> Array:
    """(n,) half the width of each row's interval: how far members differ, and how well its correction is known."""
    members = _reach([side.chosen if aim == 0 else side.today for side in sides], level)
    known = np.sum([side.variances[aim] for side in sides], axis=0) / len(sides) ** 2
    return np.sqrt(members**2 + stats.norm.ppf(0.5 + level / 2) ** 2 * known)


def _side(
    simulator: Simulator, aims: tuple[Set, Set, Set], valuing: Sequence[int], choosing: Sequence[int], *, correct: bool
) -> Side:
    after, today = simulator.at(aims[0], members=valuing), simulator.at(aims[2], members=valuing)
    tables: list[pd.DataFrame] = []
    influences: list[Array] = []
    errors = {
        name: errors_of(
            model, simulator.levers, *(own_members(simulator, name, places) for places in (valuing, choosing))
        )
        for name, model in simulator.models.items()
        if correct
    }
    found_errors = {name: each for name, each in errors.items() if each is not None}
    n = len(simulator.rows)
    looked = np.arange(n) if n <= MOST else np.sort(np.random.default_rng(0).choice(n, MOST, replace=False))
    plans = [{name: np.asarray(values)[looked] for name, values in plan.items()} for plan in aims]
    asked = [_slopes(simulator, list(found_errors), plan, valuing, looked) for plan in plans] if found_errors else []
    corrections, variances = np.zeros((3, len(looked))), np.zeros((3, len(looked)))
    for name, found in found_errors.items():
        wanted = [
            ({lever.name: levers[lever.name] for lever in found.terms.levers}, each[name])
            for levers, each in zip(plans, asked, strict=True)
        ]
        read = found.read_off(wanted, simulator.rows.iloc[looked])
        corrections += [each.rows for each in read]
        variances += [each.variance for each in read]
        influence = np.stack([each.influence for each in read])
        logged = found.model.logged
        assert logged is not None
        same = [place for place, table in enumerate(tables) if _same(table, logged)]
        if same:  # models of one table: a row moves all of them at once
            influences[same[0]] = influences[same[0]] + influence
        else:
            tables.append(logged)
            influences.append(influence)
    shifts, known = _spread(corrections, looked, n), _spread(variances, looked, n)
    return Side(after, today, shifts, known, tuple(influences), tuple(tables))


def _spread(values: Array, looked: NDArray[np.int64], n: int) -> Array:
    """(3, n) of all rows; those not looked at have the mean of the others."""
    found = np.repeat(values.mean(axis=1)[:, None], n, axis=1)
    found[:, looked] = values
    return found


def _same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Whether two models learned from one table, each of its own columns."""
    both = [name for name in one.columns if name in other.columns]
    return one is other or (len(one) == len(other) and bool(both) and bool(one[both].equals(other[both])))


def _slopes(
    simulator: Simulator, names: Sequence[str], levers: Set, places: Sequence[int], looked: NDArray[np.int64]
) -> dict[str, Array]:
    """Name → slopes of the objective in its predictions, in some rows at their lever values; means over members."""
    n, call = len(looked), simulator.objective.call
    sums = {name: np.zeros(n) for name in names}
    step = max(1, NUMBERS_AT_ONCE // len(places))  # so few that the simulator does not divide them once more
    for start in range(0, n, step):
        part = slice(start, min(start + step, n))

        def ask(frame: pd.DataFrame, given: Levers, predict: Predict, part: slice = part) -> Array:
            for name in names:
                sums[name][part] += _slope(call, name, frame, given, predict)
            return np.zeros(len(frame))

        mine = {name: values[part] for name, values in levers.items()}
        simulator.at(mine, rows=looked[part], members=places, quantity=ask)
    return {name: each / len(places) for name, each in sums.items()}


def _slope(call: Quantity, name: str, rows: pd.DataFrame, levers: Levers, predict: Any) -> Array:
    """(n,) the objective's slope in one prediction."""
    said = np.asarray(predict[name], dtype=np.float64)
    step = STEP * np.maximum(np.abs(said), float(np.mean(np.abs(said))) or 1.0)
    above = np.asarray(call(rows, levers, ChainMap({name: said + step}, predict)), dtype=np.float64)
    below = np.asarray(call(rows, levers, ChainMap({name: said - step}, predict)), dtype=np.float64)
    return (above - below) / (2 * step)


def _places_of(simulator: Simulator, half: int) -> list[int]:
    """Places of members (and scenarios) that have learned from one half."""
    return [int(place) for place in np.flatnonzero(simulator.halves == half)]


def own_members(simulator: Simulator, name: str, places: Sequence[int]) -> list[int]:
    """The members of a model that stand at these places; a model of one member stands at all."""
    sizes = [len(model.halves) for model in simulator.models.values() if len(model.halves) > 1]
    scenarios = len(simulator.halves) // min(sizes, default=1)
    alone = len(simulator.models[name].halves) == 1
    return sorted({0 if alone else place // scenarios for place in places})


def _is_by_chance(simulator: Simulator) -> bool:
    """Whether chance set the levers of the logged rows that correct: of all, or of those with a propensity."""
    tables = [model.logged for model in simulator.models.values() if model.logged is not None]
    return all(lever.randomised or any(has_propensity(table, lever) for table in tables) for lever in simulator.levers)


def _worth(sides: Sequence[Side], signs: tuple[float, float], level: float, group: str | None, how: str) -> Worth:
    """A contrast of chosen and today's values, averaged over both ways.

    Each way is right by itself: half 1 knows nothing of how half 0 chose. Yet both share what ties one half's choice to
    the other's error (e0·J·e1, where J says how choices follow errors), which averaging does not halve. So the variance
    is that of the mean of both choices, whose errors are independent, and that of their difference, whose errors are
    taken as the same.
    """
    parts = [signs[0] * side.chosen.mean(axis=1) + signs[1] * side.today.mean(axis=1) for side in sides]
    shift = float(np.mean([signs[0] * side.corrections[0] + signs[1] * side.corrections[2] for side in sides]))
    n = sides[0].chosen.shape[1]
    if not any(side.influences for side in sides):
        return _of_members(parts, level, n, CROSS)
    value = float(np.mean([part.mean() for part in parts])) + shift
    both = np.array([signs[0] / 2, signs[0] / 2, signs[1]]) / len(sides)
    apart = np.array([1.0, -1.0, 0.0]) * abs(signs[0]) / np.sqrt(2)
    sums = [_sums([side], apart, group) for side in sides]
    mean = _sums(sides, both, group)
    if len(mean) < 2:
        return Worth(value, n=n, method=f"{CROSS}; too few logged rows for an interval", level=level)
    shared = np.mean([np.sqrt(np.sum(each**2)) for each in sums])
    error = np.sqrt((np.sum(mean**2) + shared**2) * len(mean) / (len(mean) - 1))
    reach = float(stats.t.ppf(0.5 + level / 2, len(mean) - 1) * error)
    clustered = f"; interval clustered by {group}" if group is not None else ""
    return Worth(
        value, value - reach, value + reach, n, f"{CROSS}, corrected by logged outcomes{how}{clustered}", level
    )


def _sums(sides: Sequence[Side], weights: Array, group: str | None) -> Array:
    """(G,) influences summed over the rows of a group, rows being groups of their own without one."""
    sums: dict[Any, float] = {}
    for side in sides:
        for place, (table, influence) in enumerate(zip(side.tables, side.influences, strict=True)):
            total = weights @ influence
            rows = np.flatnonzero(total)
            clustered = group is not None and group in table.columns
            names = texts_of(table[group].iloc[rows]).tolist() if clustered else [""] * len(rows)
            for row, name, each in zip(rows.tolist(), names, total[rows].tolist(), strict=True):
                at = name or (place, row)  # a row without a group is one
                sums[at] = sums.get(at, 0.0) + each
    return np.array(list(sums.values()))


def _of_members(parts: Sequence[Array], level: float, n: int, method: str) -> Worth:
    """A mean over members, and how far they differ: within a half alone, as halves are averaged."""
    value = float(np.mean([part.mean() for part in parts]))
    reach = float(_reach([part[:, None] for part in parts], level)[0])
    if reach == 0 and sum(map(len, parts)) < 3:
        return Worth(value, n=n, method=f"{method}; one member: its uncertainty is unknown", level=level)
    return Worth(value, value - reach, value + reach, n, method, level)


def _reach(parts: Sequence[Array], level: float) -> Array:
    """(n,) half the width of an interval from members (K', n): t times their spread over the root of the halves.

    A bootstrap member is off by as much as a model of its half is; the mean over both halves by less.
    """
    freedom = sum(len(part) - 1 for part in parts)
    if freedom < 1:
        return np.zeros(parts[0].shape[1])
    squares = np.sum([((part - part.mean(axis=0)) ** 2).sum(axis=0) for part in parts], axis=0)
    return stats.t.ppf(0.5 + level / 2, freedom) * np.sqrt(squares / freedom / len(parts))


def _same_members(simulator: Simulator, chosen: Set, before: Set, naive: Worth, level: float) -> Promise:
    """Where members do not tell which half they learned from, nothing can be cross-fitted: the promise says so."""
    after, today = simulator.at(chosen), simulator.at(before)
    n = after.shape[1]
    method = "not cross-fitted: the models do not say from which rows their members learned, so it may be too high"
    made = [_of_members([each.mean(axis=1)], level, n, method) for each in (after, today, after - today)]
    if len(after) > 1 and np.ptp(after.mean(axis=1)) == 0:  # copies of one model know nothing of their error
        alike = f"{method}; all members say the same: the uncertainty is unknown"
        made = [replace(each, low=None, high=None, method=alike) for each in made]
    reach = _reach([after], level)
    gains = (after - today).mean(axis=1)
    return Promise(
        promised=made[0],
        naive=naive,
        baseline=made[1],
        gain=made[2],
        chance_of_loss=float(np.mean(gains < 0)) if len(gains) > 1 else None,
        expected=after.mean(axis=0),
        low=after.mean(axis=0) - reach,
        high=after.mean(axis=0) + reach,
        expected_today=today.mean(axis=0),
    )
