"""Cause or habit: what a lever does to an outcome, as logged, and with what the columns tell of both taken out.

Double machine learning for the partially linear model (Robinson 1988; Chernozhukov et al. 2018, The Econometrics
Journal 21, C1-C68, eq. 4.4): lever and outcome are each predicted from the row's columns on rows that the prediction
has not seen, and what is left of the outcome is regressed on what is left of the lever. Errors are clustered by group.

Habit is what the columns do to the outcome beside the lever, regressed on the lever: the bias of omitted variables in
the plain slope (Chernozhukov, Cinelli, Newey, Sharma & Syrgkanis 2022, "Long Story Short", NBER 30302). It is asked of
all rows, those without an outcome too: a price chooses who has a claim, which sets both slopes apart and is no habit.

Legend: N logged rows, G groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV

from drivetrain.decisions.levers import Lever, acts, in_order
from drivetrain.decisions.models.columns import check_columns
from drivetrain.decisions.plan.parts import LeverEffect
from drivetrain.decisions.proof.correcting import has_propensity
from drivetrain.decisions.proof.encoding import Encoding, floats_of, groups_of, texts_of
from drivetrain.decisions.worth import Worth, clustered, error_of
from drivetrain.text import in_digits, readable

Array = NDArray[np.float64]
FOLDS = 5
MOST = 50_000
"""Rows that are looked at, drawn by chance where there are more."""
OPTIONS = 10
"""Options of a choice that are compared with the most frequent one, the most frequent first."""
LEAST = 30
"""Rows that an effect needs."""
SURE = 0.99
"""Level at which habit is called sure, over all effects of a log together: a false alarm in a hundred logs."""
DETERMINED = 1e-6
"""Share of a lever's variance that must be left for an effect to be found."""


@dataclass(frozen=True)
class Slope:
    """A slope, with what each row contributes to its error."""

    value: float
    influence: Array
    """(N,) sums of squares (by group) are the variance."""


@dataclass(frozen=True)
class Found:
    """One effect."""

    naive: Worth
    adjusted: Worth
    habit: float
    """Part of the plain slope that what the columns do to the outcome explains."""
    error: float
    """Standard error of that part."""

    def is_sure(self, share: float) -> bool:
        """Whether there is habit: so much as chance alone leads to in no more than this share of logs."""
        return abs(self.habit) > float(stats.norm.isf(share / 2)) * self.error

    def counts(self) -> bool:
        """Whether habit is more than the error that is told of the plain slope anyway."""
        high = self.naive.value if self.naive.high is None else self.naive.high
        return abs(self.habit) > high - self.naive.value


@dataclass(frozen=True)
class Table:
    """Logged rows as numbers."""

    codes: Array
    terms: Array
    group: NDArray[np.intp]
    fold: NDArray[np.intp]

    def part(self, rows: NDArray[np.intp]) -> Table:
        """Some rows."""
        return Table(self.codes[rows], self.terms[rows], self.group[rows], self.fold[rows])


def effects(
    logged: pd.DataFrame,
    levers: Sequence[Lever],
    outcomes: Sequence[str],
    columns: Sequence[str],
    group: str | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[LeverEffect, ...]:
    """Each lever's effect on each outcome, of each option of a choice against the most frequent one.

    Args:
        logged: Rows with levers, outcomes and columns.
        levers: What is decided.
        outcomes: Columns of numbers; rows without a value are left out. An outcome of two texts is 1 for the second.
        columns: What is known of a row before the levers are set: levers, outcomes and propensities do not count.
        group: Column of what keeps rows together.
        level: Of the intervals.
        seed: Of folds, and of the rows looked at.

    Raises:
        DataError: A column is missing, or holds what is no number.

    Example:
        >>> random = np.random.default_rng(0)
        >>> demand = random.normal(size=2_000)
        >>> price = 10 + demand + random.normal(size=2_000)
        >>> sold = 50 + 8 * demand - 2 * price + random.normal(size=2_000)
        >>> rows = pd.DataFrame({"demand": demand, "price": price, "sold": sold})
        >>> found = effects(rows, [Lever("price", 5, 15)], ["sold"], ["demand"])[0]
        >>> round(found.naive.value), round(found.adjusted.value), found.agree
        (2, -2, False)
    """
    names = [lever.name for lever in levers]
    beside = {*names, *outcomes, *(lever.propensity for lever in levers)}
    read = [name for name in columns if name not in beside]
    check_columns(logged, [*names, *outcomes, *read])
    random = np.random.default_rng(seed)
    if len(logged) > MOST:
        logged = logged.iloc[np.sort(random.choice(len(logged), MOST, replace=False))]
    acting = {lever.name: acts(lever, {name: logged[name].to_numpy() for name in names}) for lever in levers}
    contrasts = {lever.name: _contrasts(lever, logged, acting[lever.name]) for lever in levers}
    share = (1 - SURE) / max(1, sum(map(len, contrasts.values())))
    made: list[LeverEffect] = []
    for lever in levers:
        after = _depending(lever.name, levers)
        others = [name for name in names if name != lever.name and name not in after]
        table = _table(logged, [*read, *others], group, random)
        for contrast, rows, values in contrasts[lever.name]:
            told = _predicted(table.part(rows), values)
            predictable, is_sure = _predictable(table.part(rows), values, told, share)
            is_sure &= not has_propensity(logged, lever)  # chance may have odds that follow the columns
            for outcome in outcomes:
                y = _outcome(logged, outcome)
                found = _effect(table.part(rows), values, told, y[rows], level)
                if found is None:
                    continue
                known = _chance_rows(lever, logged, rows)
                alone = None if known is None else _alone(table, rows[known], values[known], y, level)
                effect = LeverEffect(
                    lever.name, outcome, found.naive, found.adjusted, predictable, lever.randomised, True, "", alone
                )
                partly = not np.isfinite(y[rows]).all()
                judged = _judged(effect, found, share / len(outcomes), is_sure=is_sure, partly=partly)
                made.append(replace(judged, said=f"{_title(lever, contrast, outcome)}: {judged.said}"))
    return tuple(made)


def cautions(found: Sequence[LeverEffect], levers: Sequence[Lever]) -> list[str]:
    """What a plan must warn about: levers that chance did not set, and effects that habit may explain.

    Example:
        >>> cautions([], [Lever("price", 5, 15)])[0][:57]
        "nothing says whether chance set 'price' in the logged row"
    """
    said: list[str] = []
    for lever in levers:
        name = readable(lever.name)
        if lever.randomised is None:
            said.append(
                f"nothing says whether chance set {name!r} in the logged rows: what the models take for its effect may "
                "be habit. To fix: Lever(randomised=True) if it was drawn at random, or dt.experiment."
            )
        elif not lever.randomised:
            said.append(
                f"{name!r} was not set by chance in all logged rows: its effect is believed as far as the columns tell "
                "all that moved both it and the outcome. To fix: collect rows in which chance sets it (dt.experiment)."
            )
    said.extend(f"the plan cannot be trusted: {effect.said}" for effect in found if not effect.agree)
    return said


def _depending(name: str, levers: Sequence[Lever]) -> set[str]:
    """Levers that act under some values of this one alone: what they are tells what it is."""
    found: set[str] = set()
    for lever in in_order(tuple(levers)):
        if {name, *found} & set(lever.only_if or {}):
            found.add(lever.name)
    return found


def _table(logged: pd.DataFrame, columns: Sequence[str], group: str | None, random: np.random.Generator) -> Table:
    code = Encoding.fit(logged, columns)
    groups = groups_of(logged, group)
    drawn = random.permutation(int(groups.max(initial=-1)) + 1) % FOLDS
    return Table(code.numbers(logged), code.terms(logged), groups, drawn[groups].astype(np.intp))


def _contrasts(
    lever: Lever, logged: pd.DataFrame, acting: NDArray[np.bool_]
) -> list[tuple[tuple[str, str] | None, NDArray[np.intp], Array]]:
    """What is compared, where the lever acts: of a number all rows; of a choice an option and the most frequent one."""
    if not lever.is_choice:
        values = floats_of(logged, lever.name)
        rows = np.flatnonzero(np.isfinite(values) & acting)
        return [(None, rows, values[rows])] if len(rows) >= LEAST and np.ptp(values[rows]) > 0 else []
    texts = np.where(acting, texts_of(logged[lever.name]), "")
    counts = pd.Series(texts[texts != ""]).value_counts()
    ordered = sorted(map(str, counts.index), key=lambda each: (-int(counts[each]), each))
    made: list[tuple[tuple[str, str] | None, NDArray[np.intp], Array]] = []
    for option in ordered[1 : OPTIONS + 1]:
        rows = np.flatnonzero((texts == option) | (texts == ordered[0]))
        if counts[option] >= LEAST // 2 and len(rows) >= LEAST:
            made.append(((option, ordered[0]), rows, (texts[rows] == option).astype(np.float64)))
    return made


def _outcome(logged: pd.DataFrame, outcome: str) -> Array:
    cells = logged[outcome]
    if pd.api.types.is_numeric_dtype(cells) or pd.api.types.is_bool_dtype(cells):
        return floats_of(logged, outcome)
    texts = texts_of(cells)
    known = sorted(set(texts.tolist()) - {""})
    if len(known) == 2:
        return np.where(texts == "", np.nan, (texts == known[1]).astype(np.float64))
    return floats_of(logged, outcome)


def _effect(table: Table, values: Array, told: Array, y: Array, level: float) -> Found | None:
    """Naive and adjusted slope, and the habit between them; None with too few rows.

    `told` is what the columns tell of the lever: it is found anew where the outcome is missing in some rows, as it is
    then known of others than all.
    """
    kept = np.isfinite(y)
    if kept.sum() < LEAST or np.ptp(values[kept]) == 0:
        return None
    t, outcome, groups = values[kept], y[kept], table.group[kept]
    naive = _slope(t - t.mean(), outcome - outcome.mean())
    told = told if kept.all() else _predicted(table, np.where(kept, values, np.nan))
    left = t - told[kept]
    first = clustered(naive.value, naive.influence, groups, "slope of the outcome on the lever alone", level)
    if np.var(left) <= DETERMINED * np.var(t):
        return Found(first, Worth(naive.value, n=len(t), method="none: the columns tell the lever exactly"), 0.0, 0.0)
    said = _predicted(table, y)
    adjusted = _slope(left, outcome - said[kept])
    second = clustered(adjusted.value, adjusted.influence, groups, "double machine learning, cross-fitted", level)
    beside = said - adjusted.value * told
    moved = values - values.mean()
    habit = _slope(moved, beside - beside.mean())
    influence = habit.influence
    influence[kept] -= float(moved @ told) / float(moved @ moved) * adjusted.influence
    return Found(first, second, habit.value, error_of(influence, table.group))


def _alone(table: Table, rows: NDArray[np.intp], values: Array, y: Array, level: float) -> Worth | None:
    """The slope among rows whose lever chance set."""
    kept = np.isfinite(y[rows])
    if kept.sum() < LEAST or np.ptp(values[kept]) == 0:
        return None
    t, outcome = values[kept], y[rows[kept]]
    slope = _slope(t - t.mean(), outcome - outcome.mean())
    method = "rows whose lever chance set, alone"
    return clustered(slope.value, slope.influence, table.group[rows[kept]], method, level)


def _slope(t: Array, y: Array) -> Slope:
    squares = float(t @ t)
    value = float(t @ y) / squares
    return Slope(value, t * (y - value * t) / squares)


def _predicted(table: Table, target: Array) -> Array:
    """(N,) predicted by the rows of other folds, by what predicts best: the mean, a linear model, or boosted trees.

    Rows whose target is missing are predicted, and not learned from.
    """
    known = np.isfinite(target)
    tried = [_mean_of, _linear, _trees] if table.codes.shape[1] else [_mean_of]
    folds = [np.flatnonzero(table.fold == fold) for fold in np.unique(table.fold)]
    if len(np.unique(table.fold[known])) < 2:
        return np.full(len(target), target[known].mean())
    best, least = np.empty(0), np.inf
    for predict in tried:
        said = np.empty(len(target))
        for away in folds:
            learned = np.setdiff1d(np.flatnonzero(known), away, assume_unique=True)
            said[away] = predict(table, target, learned, away)
        loss = float(np.mean((target - said)[known] ** 2))
        if loss < least:
            best, least = said, loss
    return best


def _mean_of(table: Table, target: Array, learned: NDArray[np.intp], away: NDArray[np.intp]) -> Array:
    return np.full(len(away), target[learned].mean())


def _linear(table: Table, target: Array, learned: NDArray[np.intp], away: NDArray[np.intp]) -> Array:
    fitted = RidgeCV(alphas=np.logspace(-3, 4, 8)).fit(table.terms[learned], target[learned])
    return fitted.predict(table.terms[away])


def _trees(table: Table, target: Array, learned: NDArray[np.intp], away: NDArray[np.intp]) -> Array:
    fitted = HistGradientBoostingRegressor(max_iter=60, max_leaf_nodes=15, random_state=0)
    return fitted.fit(table.codes[learned], target[learned]).predict(table.codes[away])


def _predictable(table: Table, values: Array, said: Array, share: float) -> tuple[float, bool]:
    """Share of the lever's variance that the columns tell of rows not learned from; and whether it is surely above 0.

    Surely: chance alone leads to as much in no more than `share` of logs.

    Of an option that share is its gain over the shares of the options, by squared error (Brier score).
    """
    saved = (values - values.mean()) ** 2 - (values - said) ** 2
    sums = np.bincount(table.group, saved)[np.unique(table.group)]
    spread = float(np.std(sums)) * np.sqrt(len(sums))
    is_sure = spread > 0 and float(sums.sum()) / spread > stats.norm.isf(share)
    return max(0.0, float(saved.mean() / np.var(values))), bool(is_sure)


def _chance_rows(lever: Lever, logged: pd.DataFrame, rows: NDArray[np.intp]) -> NDArray[np.bool_] | None:
    """Rows whose propensity is known; None where all are, or none."""
    if lever.propensity is None or lever.propensity not in logged.columns:
        return None
    known = np.isfinite(floats_of(logged, lever.propensity))[rows]
    return known if known.any() and not known.all() else None


def _judged(effect: LeverEffect, found: Found, chance: float, *, is_sure: bool, partly: bool) -> LeverEffect:
    """Whether the estimates agree, and the verdict in words; `chance` of a false alarm."""
    told = f"{in_digits(effect.naive.value, '.3g')} as logged, {_with_span(effect.adjusted)} with habit taken out"
    share = f"the columns tell {100 * effect.predictable:.0f} % of how the lever was set"
    exact = effect.adjusted.low is None
    if effect.by_chance is not None and not effect.randomised:
        low, high = effect.by_chance.low, effect.by_chance.high
        here, there = effect.adjusted.low, effect.adjusted.high
        overlap = low is None or high is None or here is None or there is None or (low <= there and here <= high)
        alone = f"{_with_span(effect.by_chance)} where chance set it"
        end = "they agree" if overlap else "something that no column tells moves both lever and outcome: believe chance"
        return replace(effect, agree=overlap and not exact, said=f"{told}, {alone}; {share}; {end}.")
    if effect.randomised:
        if is_sure:
            end = "it was told to be random, and is not: pass its propensity if chance had odds that follow the columns"
            return replace(effect, agree=False, said=f"{told}; {share}; {end}.")
        end = "chance set the lever, so that its effect is a cause"
        if partly:
            end += (
                ", among rows like one another: only those with this outcome are compared, which the lever may choose"
            )
        return replace(effect, agree=True, said=f"{told}; {end}.")
    if exact:
        end = "the columns tell the lever exactly, so that no two rows alike had different values: nothing is known"
        return replace(effect, agree=False, said=f"{in_digits(effect.naive.value, '.3g')} as logged; {end}.")
    is_habit = found.is_sure(chance)
    if is_habit and found.counts():
        end = "they disagree, so that habit is in what was logged: let chance set it in some rows"
        return replace(effect, agree=False, said=f"{told}; {share}; {end}.")
    end = "they differ by less than the error of what was logged" if is_habit else "both agree"
    if partly:
        end += " as far as habit goes: only rows with this outcome are compared, which the lever may choose"
    return replace(effect, agree=True, said=f"{told}; {share}; {end}.")


def _with_span(worth: Worth) -> str:
    low, high = worth.low, worth.high
    span = "" if low is None or high is None else f" [{in_digits(low, '.3g')}, {in_digits(high, '.3g')}]"
    return f"{in_digits(worth.value, '.3g')}{span}"


def _title(lever: Lever, contrast: Any, outcome: str) -> str:
    name, on = readable(lever.name), readable(outcome)
    if contrast is None:
        return f"{name} on {on}, per 1"
    return f"{name} on {on}, {readable(contrast[0])!r} instead of {readable(contrast[1])!r}"
