"""How much a logged row says of a policy: the chance of what was done in it, where the policy would have done the same.

Legend: N logged rows, V values of a lever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.proof.encoding import Encoding, floats_of, texts_of

Array = NDArray[np.float64]
FOLDS = 5
FEW = 50
"""A number with at most so many different values is one of these values; one with more is cut into tenths."""
TENTHS = 10
FLOOR = 0.01
"""Estimated chances are no smaller: a row counts for at most a hundred."""
REACH = 2.34
"""Half the width of Epanechnikov's kernel by the rule of thumb, over σ·N^(−1/5) (Silverman 1986, table 3.1, p. 45)."""


@dataclass(frozen=True)
class Odds:
    """The chance of a lever's logged value, and what is near it.

    Numbers weigh a row by Epanechnikov's kernel of the distance between what the policy would have set and what was set
    (Kallus & Zhou 2018, AISTATS): what is valued is the policy smeared by that width, which is 0 where logged values
    lie farther apart.
    """

    lever: Lever
    values: NDArray[Any]
    """(V,) different values, or the middles of tenths."""
    logged: NDArray[np.intp]
    """(N,) the place of each row's value among these."""
    chance: Array
    """(N,) of the logged value."""
    kernel: Array
    """(V, V) share that a policy which sets the value of the row gives to the value of the column; rows sum to 1."""
    known: bool

    def weights(self, proposed: NDArray[Any]) -> Array:
        """(N,) share of the policy over chance, for the logged values.

        Args:
            proposed: (N,) what the policy would have set.
        """
        return self.kernel[self.place(proposed), self.logged] / self.chance

    def place(self, proposed: NDArray[Any]) -> NDArray[np.intp]:
        """(N,) the nearest logged value; of an option that was never logged a place whose kernel is 0."""
        if self.lever.is_choice:
            found = pd.Index(self.values).get_indexer(pd.Index(texts_of(proposed)))
            return np.where(found < 0, len(self.values), found).astype(np.intp)
        middles = (self.values[1:] + self.values[:-1]) / 2
        return np.searchsorted(middles, np.asarray(proposed, dtype=np.float64)).astype(np.intp)


def odds_of(
    logged: pd.DataFrame, lever: Lever, columns: Sequence[str], groups: NDArray[np.intp], *, seed: int = 0
) -> Odds:
    """The chance of each row's logged value.

    From the lever's propensity column, where it has a value in each row; where chance set the lever without one, from
    how often each value was drawn; otherwise estimated from the columns on rows of other folds, by the better of a
    logistic regression and boosted trees.

    Args:
        logged: Rows, all with a value of the lever.
        lever: Whose chance is asked.
        columns: What the chance may depend on.
        groups: (N,) whose rows stay in one fold.
        seed: Of the folds.
    """
    values, places = _values(logged, lever)
    chance = _told(logged, lever)
    if chance is not None:
        if not lever.is_choice and len(np.unique(floats_of(logged, lever.name))) > FEW:
            chance = (
                chance * _widths(floats_of(logged, lever.name), values)[places]
            )  # a density times the tenth's width
        chance = np.clip(chance, 1e-9, 1.0)
        return Odds(lever, values, places, chance, _kernel(lever, values, len(logged), places), known=True)
    if lever.randomised:
        shares = np.bincount(places, minlength=len(values)) / len(places)
        return Odds(lever, values, places, shares[places], _kernel(lever, values, len(logged), places), known=True)
    names = [name for name in columns if name != lever.name]
    chance = np.maximum(_estimated(Encoding.fit(logged, names), logged, places, groups, seed), FLOOR)
    return Odds(lever, values, places, chance, _kernel(lever, values, len(logged), places), known=False)


def _told(logged: pd.DataFrame, lever: Lever) -> Array | None:
    """(N,) the lever's propensities, where each of the rows has one above 0."""
    if lever.propensity is None or lever.propensity not in logged.columns:
        return None
    found = floats_of(logged, lever.propensity)
    return found if bool(np.all(np.isfinite(found) & (found > 0))) else None


def _values(logged: pd.DataFrame, lever: Lever) -> tuple[NDArray[Any], NDArray[np.intp]]:
    if lever.is_choice:
        values, places = np.unique(texts_of(logged[lever.name]), return_inverse=True)
        return values, places.astype(np.intp)
    numbers = floats_of(logged, lever.name)
    values, places = np.unique(numbers, return_inverse=True)
    if len(values) <= FEW:
        return values, places.astype(np.intp)
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, TENTHS + 1)))
    tenths = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 2)
    middles = np.array([np.median(numbers[tenths == place]) for place in range(len(edges) - 1)])
    return middles, np.searchsorted((middles[1:] + middles[:-1]) / 2, numbers).astype(np.intp)


def _widths(numbers: Array, middles: Array) -> Array:
    """(V,) width of what is nearest to each middle."""
    cuts = np.concatenate([[numbers.min()], (middles[1:] + middles[:-1]) / 2, [numbers.max()]])
    return np.diff(cuts)


def _kernel(lever: Lever, values: NDArray[Any], n: int, places: NDArray[np.intp]) -> Array:
    """(V + 1, V): the last row, of what was never logged, is 0."""
    if lever.is_choice:
        made = np.eye(len(values))
    else:
        width = REACH * float(np.std(values[places])) * n ** (-1 / 5)
        apart = np.abs(values[:, None] - values[None, :])
        raw = np.maximum(1 - (apart / width) ** 2, 0.0) if width > 0 else np.eye(len(values))
        made = raw / raw.sum(axis=1, keepdims=True)
    return np.concatenate([made, np.zeros((1, len(values)))])


def _estimated(
    code: Encoding, logged: pd.DataFrame, places: NDArray[np.intp], groups: NDArray[np.intp], seed: int
) -> Array:
    """(N,) estimated chance of the logged value."""
    n_values = int(places.max()) + 1
    shares = np.bincount(places, minlength=n_values) / len(places)
    if not code.columns:
        return shares[places]
    fold = (np.random.default_rng(seed).permutation(int(groups.max()) + 1) % FOLDS)[groups]
    codes, terms = code.numbers(logged), code.terms(logged)
    best, least = shares[places], -float(np.mean(np.log(shares[places])))
    for kind in ("linear", "trees"):
        said = np.empty(len(places))
        for away in range(FOLDS):
            out, learned = fold == away, fold != away
            if not out.any() or len(np.unique(places[learned])) < 2:
                said[out] = shares[places[out]]
                continue
            model: Any = LogisticRegression(max_iter=500)
            if kind == "trees":
                model = HistGradientBoostingClassifier(max_iter=50, min_samples_leaf=20, random_state=0)
            inputs = terms if kind == "linear" else codes
            model.fit(inputs[learned], places[learned])
            every = np.full((int(out.sum()), n_values), 1e-6)
            every[:, model.classes_] = model.predict_proba(inputs[out])
            said[out] = every[np.arange(len(every)), places[out]]
        loss = -float(np.mean(np.log(np.maximum(said, 1e-9))))
        if loss < least:
            best, least = said, loss
    return best
