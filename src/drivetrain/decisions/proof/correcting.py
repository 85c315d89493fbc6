"""What logged outcomes say of the models' error where a plan puts the levers: the correction of a promise.

The value of a plan is a mean of the objective, a function of several predictions. Each model's error is estimated from
logged rows that its members have not seen: a regression of what came out, less what was predicted, on columns and
levers, read off at the plan's values and weighed with the objective's slope in that prediction. That is the
one-step (debiased) estimator with weights that balance columns and levers between logged rows and plan in place of
inverse propensities, which for a price would need a bandwidth: Hirshberg & Wager (2021), Annals of Statistics 49,
3206-3227; Chernozhukov, Newey & Singh (2022), Econometrica 90, 967-1027; that a regression of residuals is the same:
Bruns-Smith, Dukes, Feller & Ogburn (2025), JRSS B. The prediction itself is none of the regression's terms: that of
the few members that have not seen a row is noisier than that at the plan, and a slope found on the one misleads on the
other.

Legend: n rows of the plan, N logged rows, d terms, K members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.models.member import Members
from drivetrain.decisions.proof.encoding import Encoding, floats_of, texts_of

Array = NDArray[np.float64]
Set = Mapping[str, NDArray[Any]]
"""Lever → (n,) values."""
ROWS_PER_TERM = 10
"""Rows that a coefficient needs (the usual rule of ten); with fewer, the regression has fewer terms."""
OPTIONS = 10
"""Options of a choice that get a term each, the most frequent first."""


@dataclass(frozen=True)
class Terms:
    """What residuals are regressed on: levers and their squares, columns, levers times columns; less with few rows."""

    levers: tuple[Lever, ...]
    encoding: Encoding
    scales: Mapping[str, tuple[float, float]]
    """Number → centre and scale."""
    options: Mapping[str, tuple[str, ...]]
    """Choice → options with a term; the most frequent has none."""

    @classmethod
    def fit(cls, logged: pd.DataFrame, levers: Sequence[Lever], columns: Sequence[str]) -> Terms:
        """Learn scales and options from logged rows."""
        scales: dict[str, tuple[float, float]] = {}
        options: dict[str, tuple[str, ...]] = {}
        for lever in levers:
            if lever.is_choice:
                counts = pd.Series(texts_of(logged[lever.name])).value_counts()
                ordered = sorted(counts.index, key=lambda each: (-int(counts[each]), str(each)))
                options[lever.name] = tuple(map(str, ordered[1 : OPTIONS + 1]))
            else:
                values = floats_of(logged, lever.name)
                spread = float(np.nanstd(values))
                scales[lever.name] = (float(np.nanmean(values)), spread if spread > 0 else 1.0)
        return cls(tuple(levers), Encoding.fit(logged, columns), scales, options)

    def of(self, rows: pd.DataFrame, levers: Set, size: int) -> Array:
        """(n, d) terms.

        Args:
            rows: With the columns.
            levers: Lever → (n,) values.
            size: 2: all; 1: without levers times columns; 0: levers alone.
        """
        moved = [self._lever(lever, levers[lever.name]) for lever in self.levers]
        parts = [np.ones((len(rows), 1)), *moved]
        if size >= 1:
            columns = self.encoding.terms(rows)
            parts.append(columns)
            if size >= 2:
                parts += [each[:, :1] * columns for each in moved if each.shape[1]]
        return np.concatenate(parts, axis=1)

    def _lever(self, lever: Lever, values: NDArray[Any]) -> Array:
        """(n, k) a number and its square, or zeros and ones of options."""
        if lever.is_choice:
            texts = texts_of(values)
            made = [texts == option for option in self.options[lever.name]]
            return np.stack(made, axis=1).astype(np.float64) if made else np.zeros((len(texts), 0))
        centre, scale = self.scales[lever.name]
        scaled = (np.asarray(values, dtype=np.float64) - centre) / scale
        return np.stack([scaled, scaled**2], axis=1)


@dataclass(frozen=True)
class Errors:
    """A model's error on logged rows that the answering members have not seen."""

    model: Members
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
        for size in (2, 1, 0):
            width = self.terms.of(few, self._levers(few), size).shape[1]
            if len(self.places) >= ROWS_PER_TERM * width:
                return size
        return -1

    def read_off(self, aims: Sequence[tuple[Set, Array]], rows: pd.DataFrame) -> list[tuple[float, Array]]:
        """Of each aim (levers (n,), slopes of the objective there (n,)): correction, and influences.

        The correction is mean(slope · expected residual); the influence (N,) of each logged row on it has the sum of
        squares that is its variance (HC3: each row's residual is what the regression without it leaves).
        """
        logged = self.model.logged
        size = self.size()
        assert logged is not None
        if size < 0:
            return [(0.0, np.zeros(len(logged))) for _ in aims]
        seen = logged.iloc[self.places]
        terms = self.terms.of(seen, self._levers(seen), size)
        scale = np.sqrt(np.mean(terms**2, axis=0))
        scale[scale == 0] = 1.0
        terms = terms / scale
        solved = terms @ np.linalg.pinv(terms.T @ terms, rcond=1e-10, hermitian=True)
        beta = solved.T @ self.residual
        leverage = np.clip(np.einsum("nd,nd->n", solved, terms), 0.0, 1 - 1e-6)
        left = (self.residual - terms @ beta) / (1 - leverage)
        made: list[tuple[float, Array]] = []
        for levers, slope in aims:
            aim = (slope @ self.terms.of(rows, levers, size)) / len(rows) / scale
            influence = np.zeros(len(logged))
            np.add.at(influence, self.places, (solved @ aim) * left)
            made.append((float(aim @ beta), influence))
        return made

    def _levers(self, frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
        return {lever.name: frame[lever.name].to_numpy() for lever in self.terms.levers}


def errors_of(model: Members, levers: Sequence[Lever], members: Sequence[int]) -> Errors | None:
    """What the members of one half say of logged rows that they have not seen, beside what came out.

    Of the rows of their own half those that a member did not draw, where the model tells (`Ensemble`): then the members
    that choose, which learned from the other half, have not seen these rows either. Otherwise the rows of the other
    half. Where chance set the levers of some rows alone (a finite propensity), those alone.

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
    return Errors(model, terms, places, truth[places] - said)


def outcome_of(model: Members, rows: pd.DataFrame | None = None) -> Array:
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


def unseen_of(model: Members, members: Sequence[int]) -> NDArray[np.bool_]:
    """(K, N) whether each of the members has not learned from each logged row."""
    half_of_row = model.half_of_row
    assert half_of_row is not None
    counts = getattr(getattr(model, "draws", None), "counts", None)
    made: list[NDArray[np.bool_]] = []
    for member in members:
        own = half_of_row == model.halves[member]
        made.append(own & (np.asarray(counts(member)) == 0) if callable(counts) else ~own)
    return np.stack(made)
