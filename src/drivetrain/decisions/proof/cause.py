"""Cause or habit: what a lever does to an outcome, as logged, and with what the columns tell of both taken out.

Double machine learning for the partially linear model (Robinson 1988; Chernozhukov et al. 2018, The Econometrics
Journal 21, C1-C68, eq. 4.4): lever and outcome are each predicted from the row's columns on rows that the prediction
has not seen, and what is left of the outcome is regressed on what is left of the lever. Errors are clustered by group.

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

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.plan.parts import LeverEffect
from drivetrain.decisions.proof.correcting import has_propensity
from drivetrain.decisions.proof.encoding import Encoding, check_columns, floats_of, groups_of, texts_of
from drivetrain.decisions.worth import Worth
from drivetrain.text import readable

Array = NDArray[np.float64]
FOLDS = 5
MOST = 50_000
"""Rows that are looked at, drawn by chance where there are more."""
OPTIONS = 10
"""Options of a choice that are compared with the most frequent one, the most frequent first."""
LEAST = 30
"""Rows that an effect needs."""
SURE = 0.99
"""Level at which a lever that is said to be set by chance is called predictable: a false alarm in a hundred logs."""
DETERMINED = 1e-6
"""Share of a lever's variance that must be left for an effect to be found."""


@dataclass(frozen=True)
class Slope:
    """A slope, with what each row contributes to its error."""

    value: float
    influence: Array
    """(N,) sums of squares (by group) are the variance."""


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
    made: list[LeverEffect] = []
    for lever in levers:
        others = [name for name in names if name != lever.name]
        table = _table(logged, [*read, *others], group, random)
        for contrast, rows, values in _contrasts(lever, logged):
            told = _predicted(table.part(rows), values)
            predictable, is_sure = _predictable(table.part(rows), values, told)
            is_sure &= not has_propensity(logged, lever)  # chance may have odds that follow the columns
            for outcome in outcomes:
                y = _outcome(logged, outcome)
                found = _effect(table.part(rows), values, told, y[rows], level)
                if found is None:
                    continue
                naive, adjusted, apart = found
                known = _chance_rows(lever, logged, rows)
                alone = None if known is None else _alone(table, rows[known], values[known], y, level)
                effect = LeverEffect(
                    lever.name, outcome, naive, adjusted, predictable, lever.randomised, True, "", alone
                )
                judged = _judged(effect, lever, is_sure=is_sure, apart=apart, partly=not np.isfinite(y[rows]).all())
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


def _table(logged: pd.DataFrame, columns: Sequence[str], group: str | None, random: np.random.Generator) -> Table:
    code = Encoding.fit(logged, columns)
    groups = groups_of(logged, group)
    drawn = random.permutation(int(groups.max(initial=-1)) + 1) % FOLDS
    return Table(code.numbers(logged), code.terms(logged), groups, drawn[groups].astype(np.intp))


def _contrasts(lever: Lever, logged: pd.DataFrame) -> list[tuple[tuple[str, str] | None, NDArray[np.intp], Array]]:
    """What is compared: of a number all rows; of a choice the rows of an option and of the most frequent one."""
    if not lever.is_choice:
        values = floats_of(logged, lever.name)
        rows = np.flatnonzero(np.isfinite(values))
        return [(None, rows, values[rows])] if len(rows) >= LEAST and np.ptp(values[rows]) > 0 else []
    texts = texts_of(logged[lever.name])
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


def _effect(
    table: Table, values: Array, told: Array, y: Array, level: float
) -> tuple[Worth, Worth, tuple[float, float]] | None:
    """Naive and adjusted slope, and the interval of their difference; None with too few rows.

    `told` is what the columns tell of the lever: it is found anew where the outcome is missing in some rows, as it is
    then known of others than all.
    """
    kept = np.isfinite(y)
    if kept.sum() < LEAST or np.ptp(values[kept]) == 0:
        return None
    here, t, outcome = table.part(np.flatnonzero(kept)), values[kept], y[kept]
    naive = _slope(t - t.mean(), outcome - outcome.mean())
    left = t - (told if kept.all() else _predicted(here, t))
    groups = here.group
    first = _worth(naive, groups, level, "slope of the outcome on the lever alone")
    if np.var(left) <= DETERMINED * np.var(t):
        return first, Worth(naive.value, n=len(t), method="none: the columns tell the lever exactly"), (0.0, 0.0)
    adjusted = _slope(left, outcome - _predicted(here, outcome))
    apart = _worth(Slope(naive.value - adjusted.value, naive.influence - adjusted.influence), groups, level, "")
    second = _worth(adjusted, groups, level, "double machine learning, cross-fitted")
    return first, second, (apart.low or 0.0, apart.high or 0.0)


def _alone(table: Table, rows: NDArray[np.intp], values: Array, y: Array, level: float) -> Worth | None:
    """The slope among rows whose lever chance set."""
    kept = np.isfinite(y[rows])
    if kept.sum() < LEAST or np.ptp(values[kept]) == 0:
        return None
    t, outcome = values[kept], y[rows[kept]]
    slope = _slope(t - t.mean(), outcome - outcome.mean())
    return _worth(slope, table.group[rows[kept]], level, "rows whose lever chance set, alone")


def _slope(t: Array, y: Array) -> Slope:
    squares = float(t @ t)
    value = float(t @ y) / squares
    return Slope(value, t * (y - value * t) / squares)


def _worth(slope: Slope, groups: NDArray[np.intp], level: float, method: str) -> Worth:
    sums = np.bincount(groups, slope.influence)[np.unique(groups)]
    count = len(sums)
    if count < 2:
        return Worth(slope.value, n=len(groups), method=f"{method}; one group: no interval", level=level)
    error = float(np.sqrt(np.sum(sums**2) * count / (count - 1)))
    reach = float(stats.t.ppf(0.5 + level / 2, count - 1)) * error
    return Worth(slope.value, slope.value - reach, slope.value + reach, len(groups), method, level)


def _predicted(table: Table, target: Array) -> Array:
    """(N,) predicted by the rows of other folds, by what predicts best: the mean, a linear model, or boosted trees."""
    tried = [_mean_of, _linear, _trees] if table.codes.shape[1] else [_mean_of]
    folds = [np.flatnonzero(table.fold == fold) for fold in np.unique(table.fold)]
    if len(folds) < 2:
        return np.full(len(target), target.mean())
    best, least = np.empty(0), np.inf
    for predict in tried:
        said = np.empty(len(target))
        for away in folds:
            learned = np.setdiff1d(np.arange(len(target)), away, assume_unique=True)
            said[away] = predict(table, target, learned, away)
        loss = float(np.mean((target - said) ** 2))
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


def _predictable(table: Table, values: Array, said: Array) -> tuple[float, bool]:
    """Share of the lever's variance that the columns tell of rows not learned from; and whether it is surely above 0.

    Of an option that share is its gain over the shares of the options, by squared error (Brier score).
    """
    saved = (values - values.mean()) ** 2 - (values - said) ** 2
    sums = np.bincount(table.group, saved)[np.unique(table.group)]
    spread = float(np.std(sums)) * np.sqrt(len(sums))
    is_sure = spread > 0 and float(sums.sum()) / spread > stats.norm.ppf(SURE)
    return max(0.0, float(saved.mean() / np.var(values))), bool(is_sure)


def _chance_rows(lever: Lever, logged: pd.DataFrame, rows: NDArray[np.intp]) -> NDArray[np.bool_] | None:
    """Rows whose propensity is known; None where all are, or none."""
    if lever.propensity is None or lever.propensity not in logged.columns:
        return None
    known = np.isfinite(floats_of(logged, lever.propensity))[rows]
    return known if known.any() and not known.all() else None


def _judged(
    effect: LeverEffect, lever: Lever, *, is_sure: bool, apart: tuple[float, float], partly: bool
) -> LeverEffect:
    """Whether the estimates agree, and the verdict in words."""
    told = f"{effect.naive.value:.3g} as logged, {_with_span(effect.adjusted)} with habit taken out"
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
        return replace(effect, agree=False, said=f"{effect.naive.value:.3g} as logged; {end}.")
    agree = apart[0] <= 0 <= apart[1]
    end = (
        "both agree" if agree else "they disagree, so that habit is in what was logged: let chance set it in some rows"
    )
    return replace(effect, agree=agree, said=f"{told}; {share}; {end}.")


def _with_span(worth: Worth) -> str:
    span = "" if worth.low is None or worth.high is None else f" [{worth.low:.3g}, {worth.high:.3g}]"
    return f"{worth.value:.3g}{span}"


def _title(lever: Lever, contrast: Any, outcome: str) -> str:
    name, on = readable(lever.name), readable(outcome)
    if contrast is None:
        return f"{name} on {on}, per 1"
    return f"{name} on {on}, {readable(contrast[0])!r} instead of {readable(contrast[1])!r}"
