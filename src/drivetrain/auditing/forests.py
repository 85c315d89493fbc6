"""Small models on metadata, judged on rows they were not fitted on.

Legend: N rows, F columns, K categories, D numbers, G groups.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation.intervals import bootstrap_interval
from drivetrain.runtime.targets import Array, Target

FOLDS = 5
TREES = 40
SMOOTHING = 0.02
"""Share of every answer that is the base rates: no probability is exactly 0."""

Folds = list[tuple[NDArray[np.int64], NDArray[np.int64]]]
"""Rows to fit on and rows to answer, for each fold."""


@dataclass(frozen=True)
class Skill:
    """How well metadata predict the target, on rows that the model had not seen.

    Category: the mean over classes of the share recognised (balanced accuracy), of which guessing gets `chance`.
    Categories and numbers: the share of the variance explained, of which guessing gets 0.
    """

    value: float
    low: float
    high: float
    chance: float
    n: int
    by_group: bool
    """Whether no group was on both sides of a fold, and groups were drawn for the interval."""
    name: str

    @property
    def beats_chance(self) -> bool:
        """The interval lies above chance, by enough to matter: 5 % of what is to be had, or twice chance if less."""
        return (
            self.low > min(2 * self.chance, self.chance + 0.05 * (1 - self.chance)) if self.chance else self.low > 0.02
        )

    @property
    def strong(self) -> bool:
        """Metadata alone get 30 % of the way from chance to a perfect score."""
        return self.low > self.chance + 0.3 * (1 - self.chance)

    def __str__(self) -> str:
        guess = f", guessing gets {100 * self.chance:.1f} %" if self.chance else ""
        reach = f" [{100 * self.low:.1f}, {100 * self.high:.1f}]" if np.isfinite(self.low) else ""
        return f"{self.name} {100 * self.value:.1f} %{reach}{guess}, n = {self.n:,}"


def make_folds(target: Target, truth: Array, groups: Sequence[str] | None, *, seed: int = 0) -> Folds | None:
    """At most FOLDS folds that keep groups whole and classes in proportion; None where the rows do not allow two.

    Args:
        target: Of the rows.
        truth: As `target.encode` gives it.
        groups: (N,) what each row belongs to; None where nothing is known.
        seed: Another number, other folds.
    """
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold  # noqa: PLC0415

    n = len(truth)
    by_class = target.kind == "category"
    most = int(np.bincount(truth).max()) if by_class and n else n
    k = min(FOLDS, most, most if groups is None else len(set(groups)))
    if k < 2:
        return None
    how: dict[str, Any] = {"n_splits": k, "shuffle": True, "random_state": seed}
    if groups is None:
        splitter: Any = (StratifiedKFold if by_class else KFold)(**how)
    else:
        splitter = (StratifiedGroupKFold if by_class else GroupKFold)(**how)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # classes with fewer rows than folds: they count as missed
        found = splitter.split(np.zeros(n), truth if by_class else None, None if groups is None else np.array(groups))
        return [(fit.astype(np.int64), answer.astype(np.int64)) for fit, answer in found]


def out_of_fold(columns_NF: Array, target: Target, truth: Array, folds: Folds, *, seed: int = 0) -> Array:
    """What a forest fitted on the other folds says of each row: probabilities (N, K) or values (N, D)."""
    said = np.zeros((len(truth), target.n_outputs))
    for fit, answer in folds:
        said[answer] = _forest_answers(columns_NF[fit], target, truth[fit], columns_NF[answer], seed)
    return said


def one_column(values_N: Array, target: Target, truth: Array, folds: Folds) -> float:
    """Skill (without interval) of one column alone, with a small tree in place of the forest."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor  # noqa: PLC0415

    said = np.zeros((len(truth), target.n_outputs))
    x = values_N[:, None]
    for fit, answer in folds:
        leaf = max(5, len(fit) // 200)
        if target.kind == "category":
            tree: Any = DecisionTreeClassifier(min_samples_leaf=leaf, class_weight="balanced", random_state=0)
            tree.fit(x[fit], truth[fit])
            said[np.ix_(answer, tree.classes_)] = tree.predict_proba(x[answer])
        else:
            tree = DecisionTreeRegressor(min_samples_leaf=leaf, random_state=0).fit(x[fit], truth[fit])
            said[answer] = tree.predict(x[answer]).reshape(len(answer), -1)
    if target.kind == "category":
        hits = said.argmax(axis=1) == truth
        return float(np.mean([hits[truth == label].mean() for label in np.unique(truth)]))
    return float(_explained(*_squares(target, truth, said, folds))(np.ones((1, len(truth))))[0])


def skill(
    target: Target, truth: Array, said: Array, folds: Folds, groups: Sequence[str] | None, *, seed: int = 0
) -> Skill:
    """How far out-of-fold answers are better than guessing, with an interval; groups are drawn as a whole."""
    numbers = np.unique(np.array(groups), return_inverse=True)[1] if groups is not None else np.arange(len(truth))
    if target.kind == "category":
        known = np.unique(truth)
        odds = said[:, known] / np.maximum(np.bincount(truth)[known] / len(truth), 1e-12)
        hits = known[odds.argmax(axis=1)] == truth
        belongs = truth[:, None] == known
        statistic = _balanced(_per_group(belongs & hits[:, None], numbers), _per_group(belongs, numbers))
        chance, name = 1 / len(known), "balanced accuracy"
    else:
        wrong, spread = _squares(target, truth, said, folds)
        statistic = _explained(_per_group(wrong[:, None], numbers)[:, 0], _per_group(spread[:, None], numbers)[:, 0])
        chance, name = 0.0, "explained variance"
    n_groups = int(numbers.max()) + 1
    value = float(statistic(np.ones((1, n_groups)))[0])
    interval = bootstrap_interval(statistic, n_groups, n_resamples=1000, seed=seed)
    low, high = (interval.low, interval.high) if interval else (-np.inf, np.inf)
    return Skill(value, low, high, chance, len(truth), groups is not None, name)


def _forest_answers(x: Array, target: Target, truth: Array, asked: Array, seed: int) -> Array:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor  # noqa: PLC0415

    how: dict[str, Any] = {"n_estimators": TREES, "min_samples_leaf": max(3, len(x) // 400), "random_state": seed}
    if target.kind != "category":
        forest: Any = ExtraTreesRegressor(**how).fit(x, truth[:, 0] if truth.shape[1] == 1 else truth)
        return forest.predict(asked).reshape(len(asked), -1)
    forest = ExtraTreesClassifier(**how).fit(x, truth)
    rates = np.bincount(truth, minlength=target.n_outputs) / len(truth)
    said = np.zeros((len(asked), target.n_outputs))
    said[:, forest.classes_] = forest.predict_proba(asked)
    return (1 - SMOOTHING) * said + SMOOTHING * rates


def _squares(target: Target, truth: Array, said: Array, folds: Folds) -> tuple[Array, Array]:
    """(N,) squared errors of the answers, and of the fitted rows' mean; summed over standardised outputs."""
    truth = truth.astype(np.float64)
    scale = np.ones(truth.shape[1])
    if target.kind == "number":
        spread = truth.std(axis=0)
        scale = np.where(spread > 0, spread, np.asarray(target.std))
    guess = np.zeros_like(truth)
    for fit, answer in folds:
        guess[answer] = truth[fit].mean(axis=0)
    wrong = (((said - truth) / scale) ** 2).sum(axis=1)
    return wrong, (((guess - truth) / scale) ** 2).sum(axis=1)


def _per_group(rows: Array, numbers: NDArray[np.intp]) -> Array:
    """(N, K) → (G, K) sums."""
    sums = np.zeros((int(numbers.max()) + 1, rows.shape[1]))
    np.add.at(sums, numbers, rows.astype(np.float64))
    return sums


def _balanced(hits_GK: Array, rows_GK: Array) -> Any:
    def statistic(counts_BG: Array) -> Array:
        hits, rows = counts_BG @ hits_GK, counts_BG @ rows_GK
        drawn = rows > 0
        return np.where(drawn, hits / np.maximum(rows, 1), 0).sum(axis=1) / np.maximum(drawn.sum(axis=1), 1)

    return statistic


def _explained(wrong_G: Array, spread_G: Array) -> Any:
    def statistic(counts_BG: Array) -> Array:
        return 1 - (counts_BG @ wrong_G) / np.maximum(counts_BG @ spread_G, 1e-12)

    return statistic
