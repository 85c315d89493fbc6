"""Intervals of means and of smooth functions of them, such as RMSE and R²: the bootstrap-t.

Errors are skewed: most are small, a few are large. A plain bootstrap then misses the true mean too often, because the
rows that raise the mean also raise its standard error. The bootstrap-t resamples the *ratio* of both, on a scale
where the standard error hardly depends on the value (Efron & Tibshirani 1993, sec. 12.5–12.6).

Legend: N rows, U units (rows, or groups of rows that are drawn together), J columns, B resamples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from drivetrain.evaluation.intervals.core import (
    N_RESAMPLES,
    Codes,
    Floats,
    Interval,
    Statistic,
    check_level,
    of_groups,
    resamples,
    student,
)

MOST_COLUMNS = 12
"""With more the products of all pairs cost too much; such a statistic gets a BCa bootstrap."""
_FEWEST = 8
"""With fewer units a resample too often holds one value only: Student's t is used on the same scale."""
WIDENING = 2.0
"""The reach towards large errors is widened by this much divided by the units: by simulation
(benchmarks/results/coverage.md). There are the errors that no row shows; the other end is held by those that are."""
_MOST_REACH = 3.0
"""The reach is at most so many times that of Student's t: where one row in 20 holds nearly all of the loss, resamples
without it would make the upper end as large as one likes."""
UNSEEN = 0.37
_UNSEEN_ROWS = 60.0
"""A mistake that no row shows counts as `UNSEEN` of its cost, of which few rows (against 60) are believed little, as
the cost is known from the model's own probabilities only: by simulation."""
_TAIL_UNITS = 2.0
"""What is assumed of the tail (`OfMeans.tail`) counts as so many units: by simulation."""
_MOST_UNDEFINED = 0.005
"""Above this fraction of resamples without a standard error, the same."""


@dataclass(frozen=True)
class Scale:
    """A scale on which the spread of a statistic hardly depends on its value; `back` undoes `to`."""

    to: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]
    """Derivative of `to`."""
    back: Callable[[float], float]
    large_errors: Literal["above", "below", "either"]
    """Where a rare large error moves the value."""


def _exp(x: float) -> float:
    return math.exp(min(x, 700.0))


PLAIN = Scale(lambda x: x, np.ones_like, lambda x: x, "either")
LOG = Scale(np.log, lambda x: 1 / x, _exp, "above")
"""For what is above 0 and as uncertain as it is large: errors and losses."""
LOG_OF_REST = Scale(lambda x: -np.log(1 - x), lambda x: 1 / (1 - x), lambda x: 1 - _exp(-x), "below")
"""For what is at most 1: R²."""


@dataclass(frozen=True)
class OfMeans:
    """A statistic that is a function of the means of some columns.

    Example:
        >>> squared = np.array([1.0, 4.0, 9.0, 2.0])
        >>> rmse = OfMeans(squared[:, None], lambda m: np.sqrt(m[:, 0]), lambda m: 0.5 / np.sqrt(m), scale=LOG)
        >>> rmse.statistic()(np.ones((1, 4))).tolist()
        [2.0]
    """

    columns_NJ: Floats
    value: Callable[[Floats], Floats]
    """(B, J) means → (B,) values."""
    gradient: Callable[[Floats], Floats]
    """(B, J) means → (B, J) derivatives of the value."""
    scale: Scale = LOG
    least: float = -math.inf
    most: float = math.inf
    """The ends are kept within these."""
    mistake: float = 0.0
    """What a row would cost that is unlike these, such as a mistake where none was made: the interval leaves room for
    it (`_with_room`). 0: there is no such thing."""

    widening: float = WIDENING
    """Of the reach towards large errors, divided by the units."""
    tail: float = 0.0
    """Variance on the scale, times the rows, that rows with a heavy tail would have: few rows without a large error do
    not show that there are none."""

    def statistic(self) -> Statistic:
        """The value of each resample."""
        columns_NJ = self.columns_NJ

        def of(counts_BN: Floats) -> Floats:
            with np.errstate(divide="ignore", invalid="ignore"):
                return self.value(counts_BN @ columns_NJ / counts_BN.sum(axis=1, keepdims=True))

        return of

    def interval(
        self, *, level: float = 0.95, n_resamples: int = N_RESAMPLES, seed: int = 0, groups: Codes | None = None
    ) -> Interval | None:
        """The bootstrap-t interval; None with fewer than two units.

        With fewer than eight rows (groups) Student's t on the same scale. No width means that all rows are equal.
        By simulation (benchmarks/results/coverage.md) it covers 93 to 97 % at n = 20 to 200 on the populations that its
        constants were chosen on; on others less (the same file says how much): rare large losses that do not occur
        among the rows cannot be foreseen by any method.
        """
        check_level(level)
        units = _Units.of(self.columns_NJ, groups)
        if units.n < 2:
            return None
        value, at, spread = (float(found_1[0]) for found_1 in self._measure(np.ones((1, units.n)), units))
        if not math.isfinite(value):
            return None
        if not (math.isfinite(at) and math.isfinite(spread) and spread > 0):
            return Interval(*self._with_room(value, value, units, level), level, "none")
        reach = student(level, units.n - 1)
        below, above, method = -reach, reach, "Student's t"
        if units.n >= _FEWEST:
            ratios = self._ratios(at, units, resamples(units.n, n_resamples, seed))
            if np.isfinite(ratios).mean() > 1 - _MOST_UNDEFINED:
                ends = np.quantile(ratios[np.isfinite(ratios)], [0.5 - level / 2, 0.5 + level / 2])
                ends = np.clip(ends * self._wider(units), -_MOST_REACH * reach, _MOST_REACH * reach)
                below, above = ends.tolist()
                method = f"bootstrap-t, {n_resamples:,} resamples"
        tail = self._with_tail(spread, units)
        down, up = (tail if self.scale.large_errors in (end, "either") else spread for end in ("below", "above"))
        low, high = self.scale.back(at - above * down), self.scale.back(at - below * up)
        low, high = self._with_room(min(low, value), max(high, value), units, level)
        low, high = max(low, self.least), min(high, self.most)
        return Interval(low, high, level, method + of_groups(groups))

    def _wider(self, units: _Units) -> Floats:
        """(2,) by how much the lower and the upper quantile of the ratios are stretched.

        The lower one makes the upper end: large errors raise an error, and lower R².
        """
        wide = 1 + self.widening / units.n
        return np.array([wide if self.scale.large_errors in (end, "either") else 1.0 for end in ("above", "below")])

    def _with_tail(self, spread: float, units: _Units) -> float:
        """The standard error towards large errors: at least that found, mixed with that of a heavy tail."""
        per_unit = self.tail * units.n / float(units.sums[:, -1].sum())
        mixed = (units.n * spread**2 * units.n + _TAIL_UNITS * per_unit) / (units.n + _TAIL_UNITS)
        return max(spread, math.sqrt(mixed / units.n))

    def _with_room(self, low: float, high: float, units: _Units, level: float) -> tuple[float, float]:
        """The ends of a mean of losses, kept within sight of what rare mistakes can do.

        A mean of losses is a sum of rare events, each with its weight. Where one row holds most of it, the bootstrap
        makes the interval as long as one likes; the gamma interval for such sums (Fay & Feuer, Confidence intervals for
        directly standardized rates, 1997, eq. 3 and 4), with room for a whole mistake more, is known to be long enough
        and bounds it. Where no row is wrong the bootstrap is too short; it reaches at least to the gamma interval with
        room for `UNSEEN` of a mistake.
        """
        if self.mistake <= 0:
            return low, high
        rows_U = units.sums[:, 1]
        share_U = (units.sums[:, 0] + units.centre_J[0] * rows_U) / rows_U.sum()
        total, squares, whole = float(share_U.sum()), float((share_U**2).sum()), self.mistake / units.n
        least = gamma_end(total, squares, 0.0, 0.5 - level / 2)
        most = gamma_end(total, squares, max(whole, float(share_U.max())), 0.5 + level / 2)
        # how many rows there are is no chance: where losses are usual rather than rare only their spread counts
        spread = float(((share_U - share_U.mean()) ** 2).sum()) * units.n / (units.n - 1)
        part = UNSEEN * units.n / (units.n + _UNSEEN_ROWS) * whole
        return max(low, least), max(min(high, most), gamma_end(total, spread, part, 0.5 + level / 2))

    def error(self, groups: Codes | None = None) -> float:
        """Standard error of the value, on its scale; NaN with fewer than two units."""
        units = _Units.of(self.columns_NJ, groups)
        _, _, spread = self._measure(np.ones((1, units.n)), units)
        return float(spread[0]) if units.n > 1 else math.nan

    def minus(self, other: OfMeans) -> OfMeans:
        """The difference from another statistic of the same rows.

        Example:
            >>> rows = np.array([1.0, 3.0, 2.0, 6.0])
            >>> of_mean(rows).minus(of_mean(rows / 2)).statistic()(np.ones((1, 4))).tolist()
            [1.5]
        """
        j = self.columns_NJ.shape[1]
        return OfMeans(
            np.column_stack([self.columns_NJ, other.columns_NJ]),
            lambda means_BJ: self.value(means_BJ[:, :j]) - other.value(means_BJ[:, j:]),
            lambda means_BJ: np.column_stack([self.gradient(means_BJ[:, :j]), -other.gradient(means_BJ[:, j:])]),
            scale=PLAIN,
        )

    def _ratios(self, at: float, units: _Units, blocks: Iterable[Floats]) -> Floats:
        """(B,) how many of its own standard errors each resample's value is above the value of all rows."""
        found: list[Floats] = []
        for counts_BU in blocks:
            _, at_B, spread_B = self._measure(counts_BU, units)
            with np.errstate(divide="ignore", invalid="ignore"):
                found.append((at_B - at) / spread_B)
        return np.concatenate(found)

    def _measure(self, counts_BU: Floats, units: _Units) -> tuple[Floats, Floats, Floats]:
        """Of each resample the value, where it is on the scale, and its standard error there."""
        with np.errstate(divide="ignore", invalid="ignore"):
            means_BJ, squares = units.means(counts_BU)
            value_B = self.value(means_BJ)
            error_B = units.errors(counts_BU, squares, means_BJ, self.gradient(means_BJ))
            return value_B, self.scale.to(value_B), error_B * abs(self.scale.slope(value_B))


@dataclass(frozen=True)
class _Units:
    """Sums over each unit, around the overall means so that nothing is lost by rounding."""

    n: int
    centre_J: Floats
    sums: Floats
    """(U, J + 1) centred columns summed over each unit, and its number of rows."""
    products: Floats
    """(U, …) every product of two of these: all that the resamples need sums of."""

    @classmethod
    def of(cls, columns_NJ: Floats, groups: Codes | None) -> _Units:
        centre_J = columns_NJ[:1].mean(axis=0) if len(columns_NJ) else np.zeros(columns_NJ.shape[1])
        centre_J = centre_J + (columns_NJ - centre_J).mean(axis=0)  # exact where all rows are equal
        rows = np.column_stack([columns_NJ - centre_J, np.ones(len(columns_NJ))])
        if groups is not None:
            rows = np.column_stack([np.bincount(groups, column).astype(np.float64) for column in rows.T])
        first, second = np.triu_indices(rows.shape[1])
        return cls(len(rows), centre_J, rows, rows[:, first] * rows[:, second])

    def means(self, counts_BU: Floats) -> tuple[Floats, Floats]:
        """(B, J) means of the columns, and sums of the products."""
        sums = counts_BU @ self.sums
        return self.centre_J + sums[:, :-1] / sums[:, -1:], counts_BU @ self.products

    def errors(self, counts_BU: Floats, squares: Floats, means_BJ: Floats, gradient_BJ: Floats) -> Floats:
        """(B,) standard errors of the value: how much the units' shares of it vary within each resample.

        A unit's share is gradient · (its sum - its size × mean); the square of that is expanded, so that sums of
        products are enough.
        """
        shift_B = (gradient_BJ * (means_BJ - self.centre_J)).sum(axis=1)
        weights = np.column_stack([gradient_BJ, -shift_B])
        first, second = np.triu_indices(weights.shape[1])
        terms = weights[:, first] * weights[:, second] * np.where(first == second, 1.0, 2.0) * squares
        square_B = terms.sum(axis=1)
        square_B = np.where(square_B > 1e-12 * abs(terms).sum(axis=1), square_B, 0.0)  # else equal units, but rounded
        units_B, rows_B = counts_BU.sum(axis=1), counts_BU @ self.sums[:, -1]
        return np.sqrt(square_B * units_B / (units_B - 1)) / rows_B


def gamma_end(total: float, squares: float, weight: float, below: float) -> float:
    """End of an interval for a weighted sum of rare events.

    Args:
        total: The sum.
        squares: Sum of the squared weights of the events.
        weight: Of an event that might still occur; 0 for the lower end.
        below: Probability, 0.025 for the lower and 0.975 for the upper end of 95 %.

    Source: Fay & Feuer (1997), eq. 3 and 4. With ten events of weight 1 it is the exact interval of Poisson's rate:

        >>> round(gamma_end(10.0, 10.0, 0.0, 0.025), 2), round(gamma_end(10.0, 10.0, 1.0, 0.975), 2)
        (4.8, 18.39)
    """
    from scipy.special import gammaincinv  # noqa: PLC0415 (slow to import)

    mean, variance = total + weight, squares + weight**2
    return 0.0 if mean <= 0 else float(gammaincinv(mean**2 / variance, below)) * variance / mean


def mean_interval(
    rows_N: Floats,
    *,
    level: float = 0.95,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    groups: Codes | None = None,
    scale: Scale = LOG,
    most: float = math.inf,
) -> Interval | None:
    """Bootstrap-t interval of the mean of a value per row.

    Args:
        rows_N: (N,) values, 0 or above unless `scale` is `PLAIN`.
        level: Coverage in (0, 1).
        n_resamples: More resamples make the ends steadier, not the interval narrower.
        seed: The same seed gives the same interval.
        groups: Rows of one group are drawn together.
        scale: Where the spread hardly depends on the value.
        most: The mean cannot be above this.

    Example:
        >>> rows = np.random.default_rng(0).exponential(size=50)
        >>> interval = mean_interval(rows)
        >>> interval.low < 1 < interval.high, interval.method
        (True, 'bootstrap-t, 2,000 resamples')
    """
    return of_mean(rows_N, scale=scale, most=most).interval(
        level=level, n_resamples=n_resamples, seed=seed, groups=groups
    )


def of_mean(
    rows_N: Floats,
    *,
    scale: Scale = LOG,
    most: float = math.inf,
    mistake: float = 0.0,
    widening: float = WIDENING,
) -> OfMeans:
    """The mean of a value per row."""
    column_N1 = np.asarray(rows_N, dtype=np.float64)[:, None]
    return OfMeans(
        column_N1, lambda m: m[:, 0], np.ones_like, scale=scale, most=most, mistake=mistake, widening=widening
    )
