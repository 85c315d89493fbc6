"""Intervals of numbers between 0 and 1 that are no plain proportion: F1, balanced accuracy, ROC AUC, shares in groups.

Wilson's idea carried over: the ends are the values θ that would just not be surprised by what was measured,
|value - θ| = reach × √(design × V(θ)). V(θ) is the variance such a number would have if the rows behaved simply;
`design` is how much larger the variance of these rows is, found from each row's influence. So the interval keeps its
width where all rows are right, where any bootstrap collapses: rows like the missing mistakes cannot be drawn.

The design is trusted as far as there are rows that show it, and is 1 where none does.

Sources: Korn & Graubard, Confidence Intervals for Proportions with Small Expected Number of Positive Counts Estimated
from Survey Data (1998) for effective n; Newcombe, Confidence intervals for an effect size measure based on the
Mann–Whitney statistic, part 2 (2006), method 5, for the idea at the AUC; DeLong, DeLong & Clarke-Pearson (1988) and
Obuchowski (1997) for its influence and groups. Coverage by simulation: benchmarks/results/coverage.md.

Legend: N rows, G groups, K categories.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation.intervals.core import Codes, Floats, Interval, check_level, n_groups, of_groups, student

PRIOR_ROWS = 2.0
"""A category's own value is drawn towards that of all categories as if by so many rows."""
_PRIOR_MISTAKES = 6.0
"""The design found counts as much as the assumed one where so many rows show it."""
_PRIOR_GROUPS = 20.0
_PRIOR_GROUPS_OF_AREAS = 4.0
"""As so many groups in the degrees of freedom: by simulation."""
_PRIOR_CORRELATION = 0.1
"""Within groups, where no row shows it."""
_STEPS = 60
"""Bisections: more than a double can resolve."""


@dataclass(frozen=True)
class Influence:
    """A value between 0 and 1, and what each row does to it.

    Example:
        >>> hits = np.array([1.0] * 19 + [0.0])
        >>> share = Influence(0.95, (hits - 0.95) / 20, lambda p: p * (1 - p) / 20, hits == 0)
        >>> print(share.interval())
        [0.7..., 0.99...] (95 %, score interval)
    """

    value: float
    rows_N: Floats
    """How far the value moves with each row: the squares add up to its variance."""
    variance_at: Callable[[float], float]
    """V(θ): variance if the rows behaved simply and the value were θ; 0 at 0 and 1."""
    telling_N: NDArray[np.bool_]
    """Rows that show how the value varies: the rarer of mistakes and hits."""
    random_base: bool = False
    """It is a share of what depends on the answers itself, as F1 is: few rows then say less than of a share of rows."""
    smooth: bool = False
    """Its values are many and near together, as those of an area are: where the value is 1, all that may be missed is
    put below it. Proportions of few rows are too coarse for that."""
    at_least_simple: bool = False
    """Its variance is at least the simple one: few rows of a category do not show how much it varies."""

    def interval(self, *, level: float = 0.95, groups: Codes | None = None) -> Interval | None:
        """The score interval; None with fewer than two rows (groups)."""
        check_level(level)
        units = len(self.rows_N) if groups is None else n_groups(groups)
        if units < 2 or not math.isfinite(self.value):
            return None
        wider = math.sqrt(self.design(groups))
        both = wider * self._reach(level, units, groups is not None)
        one = wider * self._reach(max(2 * level - 1, 0.0), units, groups is not None)
        down = one if self.smooth and self.value >= 1 and groups is None else both
        low = _end(self.value, 0.0, lambda theta: down * math.sqrt(self.variance_at(theta)))
        high = _end(self.value, 1.0, lambda theta: both * math.sqrt(self.variance_at(theta)))
        return Interval(low, high, level, "score interval" + of_groups(groups))

    def _reach(self, level: float, units: int, grouped: bool) -> float:
        """In standard errors."""
        if grouped:  # what is assumed of the design counts as evidence too
            return student(level, units - 1 + (_PRIOR_GROUPS_OF_AREAS if self.smooth else _PRIOR_GROUPS))
        return student(level, units - 1) if self.random_base else NormalDist().inv_cdf(0.5 + level / 2)

    def design(self, groups: Codes | None) -> float:
        """How many times larger than `variance_at` the variance of the value is; with groups at least 1."""
        rows_N, assumed, telling = self.rows_N, 1.0, float(self.telling_N.sum())
        if groups is not None:
            count = n_groups(groups)
            rows_N = np.bincount(groups, weights=rows_N) * math.sqrt(count / (count - 1))
            assumed = 1 + _PRIOR_CORRELATION * (len(groups) / count - 1)
            telling = float(len(np.unique(groups[self.telling_N])))
        simple = self.variance_at(self.value)
        if simple <= 0:
            return assumed
        found = float((rows_N**2).sum()) / simple
        mixed = (telling * found + _PRIOR_MISTAKES * assumed) / (telling + _PRIOR_MISTAKES)
        return max(1.0, mixed) if self.at_least_simple or groups is not None else mixed


def _end(value: float, bound: float, distance: Callable[[float], float]) -> float:
    """Where, between the value and the bound, the value is just within reach."""
    if value == bound:
        return bound
    outside, inside = bound, value + (bound - value) * 1e-12
    for _ in range(_STEPS):
        middle = (outside + inside) / 2
        if abs(value - middle) > distance(middle):
            outside = middle
        else:
            inside = middle
    return (outside + inside) / 2


@dataclass(frozen=True)
class Ratios:
    """The mean over categories of Σ upper / Σ lower, over the entries of each: recall, F1 and their like.

    An entry is one row's contribution to one category; a row may have several.

    Example:
        >>> recall = Ratios(4, 2, np.arange(4), np.array([0, 0, 1, 1]), np.array([1.0, 0, 1, 1]), np.ones(4), 1.0)
        >>> recall.statistic()(np.ones((1, 4))).tolist()
        [0.75]
    """

    n: int
    n_categories: int
    row_E: NDArray[np.int64]
    category_E: NDArray[np.int64]
    upper_E: Floats
    """At most `lower_E`."""
    lower_E: Floats
    worth: float
    """Of how many rows' worth of evidence one in the denominator is: ½ for F1 of one category per row."""
    random_base: bool = False
    """As of `Influence`."""

    def statistic(self) -> Callable[[Floats], Floats]:
        """The value of each resample, over the categories that occur within it; NaN where none does."""
        from scipy.sparse import csr_array  # noqa: PLC0415 (slow to import)

        shape = (self.n_categories, self.n)
        upper, lower = (csr_array((data, (self.category_E, self.row_E)), shape=shape) for data in self._sides())

        def of(counts_BN: Floats) -> Floats:
            counts_NB = np.ascontiguousarray(counts_BN.T)
            upper_KB, lower_KB = upper @ counts_NB, lower @ counts_NB
            occurs_KB = lower_KB > 0
            ratio_KB = np.divide(upper_KB, lower_KB, out=np.zeros_like(upper_KB), where=occurs_KB)
            with np.errstate(invalid="ignore"):
                return ratio_KB.sum(axis=0) / occurs_KB.sum(axis=0)

        return of

    def influence(self) -> Influence:
        """What each row does to the value.

        Each category is judged by its other rows, drawn towards all categories: a category of one row would
        otherwise seem not to vary at all.
        """
        upper_K, lower_K = (np.bincount(self.category_E, data, self.n_categories) for data in self._sides())
        occurs_K = lower_K > 0
        count = max(int(occurs_K.sum()), 1)
        value = float((upper_K[occurs_K] / lower_K[occurs_K]).sum()) / count if occurs_K.any() else math.nan
        pull = PRIOR_ROWS * float(self.lower_E.mean()) if len(self.lower_E) else 0.0
        others_E = (upper_K[self.category_E] - self.upper_E + pull * value) / (
            lower_K[self.category_E] - self.lower_E + pull
        )
        moved_E = (self.upper_E - others_E * self.lower_E) / (lower_K[self.category_E] * count)
        missed_N = np.bincount(self.row_E, self.lower_E - self.upper_E, self.n) > 0
        hit_N = np.bincount(self.row_E, self.upper_E, self.n) > 0
        rows = float((1 / lower_K[occurs_K]).sum()) / self.worth / count**2 if occurs_K.any() else math.inf
        return Influence(
            value,
            np.bincount(self.row_E, moved_E, self.n).astype(np.float64),
            lambda theta: theta * (1 - theta) * rows,
            missed_N if missed_N.sum() <= hit_N.sum() else hit_N,
            self.random_base,
        )

    def _sides(self) -> tuple[Floats, Floats]:
        return self.upper_E, self.lower_E


def share(hits_N: NDArray[np.bool_]) -> Ratios:
    """A proportion of rows."""
    return one_ratio(hits_N.astype(np.float64), np.ones(len(hits_N)))


def one_ratio(upper_N: Floats, lower_N: Floats, *, random_base: bool = False) -> Ratios:
    """One ratio of sums over all rows: a proportion of labels, say, of which a row has several."""
    n = len(upper_N)
    return Ratios(n, 1, np.arange(n), np.zeros(n, np.int64), upper_N, lower_N, 1.0, random_base)
