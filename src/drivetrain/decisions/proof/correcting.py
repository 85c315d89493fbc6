"""What logged outcomes say of the models' error where a plan puts the levers: the correction of a promise.

The value of a plan is a mean of the objective, a function of several predictions. Each model's error is estimated from
logged rows that its members have not seen: a regression of what came out, less what was predicted, on columns and
levers, read off at the plan's values and weighed with the objective's slope in that prediction. That is the
one-step (debiased) estimator with weights that balance columns and levers between logged rows and plan in place of
inverse propensities, which for a price would need a bandwidth: Hirshberg & Wager (2021), Annals of Statistics 49,
3206-3227; Chernozhukov, Newey & Singh (2022), Econometrica 90, 967-1027; that a regression of residuals is the same:
Bruns-Smith, Dukes, Feller & Ogburn (2025), JRSS B. The prediction itself is none of the regression's terms: that of
the few members that have not seen a row is noisier than that at the plan, and a slope found on the one misleads on the
other. Of a choice the prediction of the members that choose is: they have seen neither, and what an option adds in some
rows alone (for those above fifty, say) is in what they chose by and in no term of options times columns.
A number counts by a natural cubic spline (Harrell 2015, Regression Modeling Strategies, section 2.4.5, with his
four knots), and the regression is as rich as the rows can bear: a plan lies at the border of what was logged, where a
regression that is right on average is off, so that its average error must not choose the terms.

Legend: n rows of the plan, N logged rows, d terms, K members.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.models.ensemble import Ensemble
from drivetrain.decisions.proof.encoding import Encoding, floats_of, texts_of

Array = NDArray[np.float64]
Set = Mapping[str, NDArray[Any]]
"""Lever → (n,) values."""
ROWS_PER_TERM = 10
"""Rows that a coefficient needs (the usual rule of ten); with fewer, the regression has fewer terms."""
OPTIONS = 10
"""Options of a choice that get a term each, the most frequent first."""
KNOTS = (0.05, 0.35, 0.65, 0.95)
"""Quantiles of a number at which its spline is joined (Harrell's table 2.3)."""
SIZES = (3, 2, 1, 0)
"""Richness of a regression, see `Terms.of`."""


@dataclass(frozen=True)
class Terms:
    """What residuals are regressed on: levers' splines, columns, and both multiplied; less with few rows."""

    levers: tuple[Lever, ...]
    encoding: Encoding
    scales: Mapping[str, tuple[float, float]]
    """Number → centre and scale."""
    knots: Mapping[str, Array]
    """Number → where its spline is joined, scaled; with two values or fewer it is a line."""
    options: Mapping[str, tuple[str, ...]]
    """Choice → options with a term; the most frequent has none."""
    beside: Callable[[pd.DataFrame, Set], Array] | None = None
    """Rows and levers → (n, k) further terms."""

    @classmethod
    def fit(cls, logged: pd.DataFrame, levers: Sequence[Lever], columns: Sequence[str]) -> Terms:
        """Learn scales and options from logged rows."""
        scales: dict[str, tuple[float, float]] = {}
        knots: dict[str, Array] = {}
        options: dict[str, tuple[str, ...]] = {}
        for lever in levers:
            if lever.is_choice:
                counts = pd.Series(texts_of(logged[lever.name])).value_counts()
                ordered = sorted(counts.index, key=lambda each: (-int(counts[each]), str(each)))
                options[lever.name] = tuple(map(str, ordered[1 : OPTIONS + 1]))
            else:
                values = floats_of(logged, lever.name)
                spread = float(np.nanstd(values))
                centre, scale = float(np.nanmean(values)), spread if spread > 0 else 1.0
                scales[lever.name] = (centre, scale)
                knots[lever.name] = _knots((values[np.isfinite(values)] - centre) / scale)
        return cls(tuple(levers), Encoding.fit(logged, columns), scales, knots, options)

    def of(self, rows: pd.DataFrame, levers: Set, size: int) -> Array:
        """(n, d) terms.

        Args:
            rows: With the columns.
            levers: Lever → (n,) values.
            size: 3: all; 2: of levers times columns the first term of each lever alone, a number's line; 1: none of
                these; 0: levers alone.
        """
        moved = [self._lever(lever, levers[lever.name]) for lever in self.levers]
        parts = [np.ones((len(rows), 1)), *moved]
        if size >= 1:
            columns = self.encoding.terms(rows)
            parts.append(columns)
            if size >= 2:
                parts += [term[:, None] * columns for each in moved for term in each.T[: None if size >= 3 else 1]]
        if self.beside is not None:
            parts.append(self.beside(rows, levers))
        return np.concatenate(parts, axis=1)

    def _lever(self, lever: Lever, values: NDArray[Any]) -> Array:
        """(n, k) a number's spline, or zeros and ones of options."""
        if lever.is_choice:
            texts = texts_of(values)
            made = [texts == option for option in self.options[lever.name]]
            return np.stack(made, axis=1).astype(np.float64) if made else np.zeros((len(texts), 0))
        centre, scale = self.scales[lever.name]
        scaled = (np.asarray(values, dtype=np.float64) - centre) / scale
        return spline(scaled, self.knots[lever.name])


def spline(values: Array, knots: Array) -> Array:
    """(n, k − 1) natural cubic spline over k knots, a line beyond the outer ones; the first term is the value itself.

    Example:
        >>> spline(np.array([0.0, 1.0, 3.0]), np.array([0.0, 1.0, 2.0])).tolist()  # a line from 2 on
        [[0.0, 0.0], [1.0, 0.25], [3.0, 3.0]]
    """
    terms = [values]
    if len(knots) > 2:
        last, end = knots[-2], knots[-1]
        cubes = [np.maximum(values - knot, 0.0) ** 3 for knot in knots]
        for knot, cube in zip(knots[:-2], cubes, strict=False):
            bent = cube - cubes[-2] * (end - knot) / (end - last) + cubes[-1] * (last - knot) / (end - last)
            terms.append(bent / (end - knots[0]) ** 2)
    return np.stack(terms, axis=1)


def _knots(values: Array) -> Array:
    """Quantiles, or all values where there are no more than knots."""
    different = np.unique(values)
    return different if len(different) <= len(KNOTS) else np.unique(np.quantile(values, KNOTS))


@dataclass(frozen=True)
class Correction:
    """What logged outcomes take out of a promise."""

    rows: Array
    """(n,) slope · expected residual of each row; their mean is the correction."""
    variance: Array
    """(n,) of each row's."""
    influence: Array
    """(N,) of each logged row on the mean: the sum of squares is its variance (HC3: each row's residual is what the
    regression without it leaves)."""


@dataclass(frozen=True)
class Errors:
    """A model's error on logged rows that the answering members have not seen."""

    model: Ensemble
    terms: Terms
    places: NDArray[np.intp]
    """Of the logged rows."""
    residual: Array
    """Outcome less what was predicted."""

    def size(self) -> int:
        """Terms that the rows can bear, see `Terms.of`; −1: none."""
        logged = self.model.logged
        assert logged is not None
        few = logged.iloc[self.places[:1]]
        for size in SIZES:
            width = self.terms.of(few, self._levers(few), size).shape[1]
            if len(self.places) >= ROWS_PER_TERM * width:
                return size
        return -1

    def read_off(self, aims: Sequence[tuple[Set, Array]], rows: pd.DataFrame) -> list[Correction]:
        """Of each aim (levers (n,), slopes of the objective there (n,)) its correction."""
        logged = self.model.logged
        size = self.size()
        assert logged is not None
        if size < 0:
            nothing = np.zeros(len(rows))
            return [Correction(nothing, nothing, np.zeros(len(logged))) for _ in aims]
        seen = logged.iloc[self.places]
        terms = self.terms.of(seen, self._levers(seen), size)
        scale = np.sqrt(np.mean(terms**2, axis=0))
        scale[scale == 0] = 1.0
        terms = terms / scale
        solved = terms @ np.linalg.pinv(terms.T @ terms, rcond=1e-10, hermitian=True)
        beta = solved.T @ self.residual
        leverage = np.clip(np.einsum("nd,nd->n", solved, terms), 0.0, 1 - 1e-6)
        left = (self.residual - terms @ beta) / (1 - leverage)
        apart = solved * left[:, None]
        spread = apart.T @ apart
        made: list[Correction] = []
        for levers, slope in aims:
            each = slope[:, None] * self.terms.of(rows, levers, size) / scale
            influence = np.zeros(len(logged))
            np.add.at(influence, self.places, apart @ each.mean(axis=0))
            made.append(Correction(each @ beta, np.einsum("nd,de,ne->n", each, spread, each, optimize=True), influence))
        return made

    def _levers(self, frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
        return {lever.name: frame[lever.name].to_numpy() for lever in self.terms.levers}


def errors_of(
    model: Ensemble, levers: Sequence[Lever], members: Sequence[int], choosing: Sequence[int] = ()
) -> Errors | None:
    """What the members of one half say of logged rows that they have not seen, beside what came out.

    Of the rows of their own half those that a member did not draw, where the model tells (`Ensemble`): then the members
    that choose, which learned from the other half, have not seen these rows either. Otherwise the rows of the other
    half. Where chance set the levers of some rows alone (a finite propensity), those alone.

    Args:
        model: That predicts.
        levers: Of the plan.
        members: That value.
        choosing: That choose.

    Returns:
        None where nothing is logged, or no row is left.
    """
    logged, outcome = model.logged, model.outcome
    if logged is None or outcome is None or outcome not in logged.columns or model.half_of_row is None:
        return None
    truth = outcome_of(model)
    usable = np.isfinite(truth)
    here = [lever for lever in levers if lever.name in logged.columns]
    for lever in here:
        usable &= logged[lever.name].notna().to_numpy()
    usable &= by_chance(logged, here)
    unseen = unseen_of(model, members)
    usable &= unseen.any(axis=0)
    places = np.flatnonzero(usable)
    if not len(places):
        return None
    frame = logged.iloc[places]
    answers = model.predict(frame, members)
    weights = unseen[:, places]
    said = np.sum(np.where(weights, answers, 0.0), axis=0) / weights.sum(axis=0)
    names = [lever.name for lever in here]
    columns = [name for name in model.columns if name not in names]
    terms = Terms.fit(logged, here, columns)
    choices = [lever for lever in here if lever.is_choice and lever.name in model.columns]
    strange = {int(half) for half in model.halves[list(members)]}.isdisjoint(model.halves[list(choosing)].tolist())
    if choices and len(choosing) and strange and _counts_of(model) is not None:
        terms = replace(terms, beside=_said_by(model, choosing, choices, terms.options))
    return Errors(model, terms, places, truth[places] - said)


def _said_by(
    model: Ensemble, members: Sequence[int], choices: Sequence[Lever], known: Mapping[str, Sequence[str]]
) -> Callable[[pd.DataFrame, Set], Array]:
    """What members say of rows and levers, and how much more than of the usual options of each choice on average."""
    usual: dict[str, NDArray[Any]] = {}
    for lever in choices:
        values = lever.values(0)
        others = [text for text in texts_of(values).tolist() if text not in known[lever.name]]
        kept = {*known[lever.name], *others[: OPTIONS + 1 - len(known[lever.name])]}
        usual[lever.name] = values[np.isin(texts_of(values), list(kept))]

    def terms(rows: pd.DataFrame, levers: Set) -> Array:
        frame = rows.assign(**levers)
        said = model.predict(frame, members).mean(axis=0)
        parts = [said]
        for name, options in usual.items():
            parts.append(said - model.profile(frame, {name: options}, members).mean(axis=(0, 2)))
        return np.stack(parts, axis=1)

    return terms


def outcome_of(model: Ensemble, rows: pd.DataFrame | None = None) -> Array:
    """(N,) outcomes of the model's logged rows, or of others, as numbers; NaN where missing.

    Of two classes 1 is the one whose probability is answered.
    """
    known = getattr(model, "truth", None)
    if known is not None and (rows is None or len(rows) == len(known)):
        return np.asarray(known, dtype=np.float64)
    table = model.logged if rows is None else rows
    assert table is not None
    assert model.outcome is not None
    texts = texts_of(table[model.outcome])
    classes = sorted(set(texts.tolist()) - {""})
    if model.is_probability and set(classes) - {"0", "1"}:
        return np.where(texts == "", np.nan, (texts == classes[-1]).astype(np.float64))
    return floats_of(table, model.outcome)


def has_propensity(logged: pd.DataFrame, lever: Lever) -> bool:
    """Whether some rows say with what chance the lever was set."""
    if lever.propensity is None or lever.propensity not in logged.columns:
        return False
    return bool(np.isfinite(floats_of(logged, lever.propensity)).any())


def by_chance(logged: pd.DataFrame, levers: Sequence[Lever]) -> NDArray[np.bool_]:
    """(N,) rows whose levers chance set, where some are known to be; all rows otherwise."""
    known = np.ones(len(logged), dtype=np.bool_)
    for lever in levers:
        if has_propensity(logged, lever):
            known &= np.isfinite(floats_of(logged, str(lever.propensity)))
    return known if known.any() else np.ones(len(logged), dtype=np.bool_)


def unseen_of(model: Ensemble, members: Sequence[int]) -> NDArray[np.bool_]:
    """(K, N) whether each of the members has not learned from each logged row."""
    half_of_row = model.half_of_row
    assert half_of_row is not None
    counts = _counts_of(model)
    made: list[NDArray[np.bool_]] = []
    for member in members:
        own = half_of_row == model.halves[member]
        made.append(own & (np.asarray(counts(member)) == 0) if counts is not None else ~own)
    return np.stack(made)


def _counts_of(model: Ensemble) -> Callable[[int], Any] | None:
    """Member → (N,) how often it drew each row; None where the model does not tell."""
    counts = getattr(getattr(model, "draws", None), "counts", None)
    return counts if callable(counts) else None
