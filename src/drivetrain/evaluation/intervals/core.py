"""How far a number measured on n rows may be from the number on all rows there could be.

Which interval for what:

====================================== =============================================================================
proportions of rows                    Wilson, near 0 and 1 modified
averages of ratios between 0 and 1     Wilson with an effective number of rows (`score_interval`)
smooth functions of means              bootstrap-t (`bootstrap_t`)
all else (functions of the user's)     BCa bootstrap, here
====================================== =============================================================================

Rows that belong together (`groups`: one patient, one day) are drawn, or counted, together.

Legend: N rows, G groups, B resamples, T statistics. A resample is written as how often each row was drawn, so a
statistic of many resamples is a few matrix products rather than a loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import DataError, SettingError

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
"""(N,) number of each row's group, 0 … G-1, see `group_codes`."""
Statistic = Callable[[Floats], Floats]
"""(B, N) counts → (B,) values; NaN where a resample leaves the value undefined. Counts are 0 or above; a row sums to
N, or with groups to the size of the groups drawn."""

N_RESAMPLES = 2000
_CHUNK = 2_000_000
"""Numbers in a block of counts: 16 MB."""
_MOST_UNDEFINED = 0.1
"""No interval is given where more than this fraction of the resamples have no value."""
_FEW_TRIALS = 50
_WIDENING, _WIDENING_OF_SKEWED = 2.0, 4.0
"""The reach of the bootstrap is widened by so much divided by the units, on the skewed side by both: by simulation of
functions of 20 to 200 errors (benchmarks/results/coverage.md)."""
_BLOCKS = 200
"""At most so many parts are left out in turn to see how skewed a statistic is."""


@dataclass(frozen=True)
class Interval:
    """Where the true value is believed to be.

    Example:
        >>> print(Interval(0.25, 0.5, level=0.95, method="Wilson"))
        [0.25, 0.5] (95 %, Wilson)
    """

    low: float
    high: float
    level: float
    """Coverage in (0, 1)."""
    method: str

    def __str__(self) -> str:
        return f"[{self.low:.4g}, {self.high:.4g}] ({100 * self.level:g} %, {self.method})"


def wilson_interval(hits: int, n: int, *, level: float = 0.95) -> Interval:
    """Interval for a proportion that stays inside [0, 1] and behaves at small n.

    Args:
        hits: Number of successes, 0 ≤ hits ≤ n.
        n: Number of trials, at least 1.
        level: Coverage in (0, 1). 0.95 misses the true value once in twenty.

    Raises:
        DataError: `n` is 0 or `hits` is outside [0, n].
        SettingError: `level` is outside (0, 1).

    Source: Wilson (1927), eq. 4; checked against statsmodels in tests/evaluation/test_intervals.py.

    Example:
        >>> wilson_interval(95, 100).low
        0.8882...
    """
    check_level(level)
    if n < 1 or not 0 <= hits <= n:
        raise DataError(f"{hits} hits of {n} rows: at least one row, and between 0 and n hits, are expected.")
    low, high = wilson_ends(hits / n, n, NormalDist().inv_cdf(0.5 + level / 2))
    return Interval(low, high, level, "Wilson")


def proportion_interval(hits: int, n: int, *, level: float = 0.95) -> Interval:
    """Wilson's interval, with the end beside 0 or 1 from the Poisson distribution where 2 or 3 rows hold it off.

    There Wilson's end is too near: of 20 rows of a model that is right in 98 % it covers 90 %. With one such row the
    published change covers 98 % on average, so that one keeps Wilson's end.

    Args:
        hits: Number of successes, 0 ≤ hits ≤ n.
        n: Number of trials, at least 1.
        level: Coverage in (0, 1).

    Raises:
        DataError: `n` is 0 or `hits` is outside [0, n].
        SettingError: `level` is outside (0, 1).

    Source: Brown, Cai & DasGupta, Interval Estimation for a Binomial Proportion (2001), sec. 4.1.1: x from 2 on, to 2
    for n ≤ 50 and to 3 above.

    Example:
        >>> print(proportion_interval(18, 20))
        [0.699, 0.9822] (95 %, modified Wilson)
        >>> print(proportion_interval(15, 20))
        [0.5313, 0.8881] (95 %, Wilson)
    """
    from scipy.special import gammaincinv  # noqa: PLC0415 (slow to import)

    plain = wilson_interval(hits, n, level=level)
    rarer, most = min(hits, n - hits), 2 if n <= _FEW_TRIALS else 3
    if not 2 <= rarer <= most or 2 * rarer >= n:
        return plain
    # so rare that as many or more would occur with the probability 1 - level
    end = float(gammaincinv(rarer, 1 - level)) / n
    if hits == rarer:
        return Interval(min(end, plain.low), plain.high, level, "modified Wilson")
    return Interval(plain.low, max(1 - end, plain.high), level, "modified Wilson")


def wilson_ends(value: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's interval around a proportion of `n` trials, which need not be a whole number; `z` is its reach.

    Example:
        >>> [round(end, 3) for end in wilson_ends(0.95, 100, 1.96)]
        [0.888, 0.978]
    """
    centre = (value + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(max(value * (1 - value), 0.0) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = 0.0 if value <= 0 else max(0.0, centre - half)
    high = 1.0 if value >= 1 else min(1.0, centre + half)
    return low, high


def bootstrap_interval(
    statistic: Statistic,
    n: int,
    *,
    level: float = 0.95,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    groups: Codes | None = None,
) -> Interval | None:
    """BCa interval of a statistic, from its values on rows drawn again with replacement.

    The percentiles are corrected for the bias that drawing again has (F1 falls, average precision rises) and for
    skewness, and widened for few rows; the interval always holds the value on the rows themselves. Close to a bound,
    such as a share of 0.99 on a hundred rows, it is too narrow: rows like the missing mistakes cannot be drawn. The
    metrics with a name have intervals that hold there too.

    Args:
        statistic: Gives the value of each resample, see `Statistic`.
        n: Number of rows.
        level: Coverage in (0, 1).
        n_resamples: More resamples make the ends steadier, not the interval narrower.
        seed: The same seed gives the same interval.
        groups: Rows of one group are drawn together: what counts then is the number of groups.

    Returns:
        None where no honest interval exists: with fewer than two rows (groups), or when more than a tenth of the
        resamples leave the statistic undefined. No width means that every resample gives the same value.

    Raises:
        SettingError: `level` is outside (0, 1) or `n_resamples` is below 2.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), sec. 14.3, checked against SciPy; the
    skewness is that of the jackknife, over at most 200 blocks of rows; widening of Hesterberg, What Teachers Should
    Know About the Bootstrap (2015), sec. 3.3; clusters: Davison & Hinkley, Bootstrap Methods (1997), sec. 3.8.

    Example:
        >>> rows = np.array([1.0, 2.0, 3.0, 4.0])
        >>> print(bootstrap_interval(mean_of(rows), 4))
        [1, 4] (95 %, BCa bootstrap, 2,000 resamples)
    """
    check_level(level)
    if n_resamples < 2:
        raise SettingError(f"n_resamples = {n_resamples}: at least 2 are expected; 2000 is usual.")
    units = n if groups is None else n_groups(groups)
    if units < 2:
        return None
    value = float(statistic(np.ones((1, n)))[0])
    if not math.isfinite(value):
        return None
    values = np.concatenate([statistic(counts) for counts in resamples(n, n_resamples, seed, groups)])
    defined = values[np.isfinite(values)]
    if len(defined) < (1 - _MOST_UNDEFINED) * len(values):
        return None
    acceleration = _acceleration(statistic, n, groups) if np.ptp(defined) > 0 else 0.0
    reach = math.sqrt(units / (units - 1)) * student(level, units - 1) * (1 + _WIDENING / units)
    below, above = (reach * (1 + _WIDENING_OF_SKEWED / units * (side * acceleration > 0)) for side in (-1, 1))
    low, high = np.quantile(defined, bca_quantiles(defined, value, acceleration, (below, above)))
    method = f"BCa bootstrap, {n_resamples:,} resamples" + of_groups(groups)
    return Interval(min(float(low), value), max(float(high), value), level, method)


def bca_quantiles(
    resampled_B: Floats, value: float, acceleration: float, reach: tuple[float, float]
) -> tuple[float, float]:
    """Which quantiles of the resampled values bound the interval: Efron & Tibshirani (1993), eq. 14.10.

    `reach` is in standard errors, downwards and upwards.

    Example:
        >>> bca_quantiles(np.arange(100.0), 49.5, acceleration=0.0, reach=(1.96, 1.96))
        (0.024..., 0.975...)
    """
    normal = NormalDist()
    below = float((resampled_B < value).mean() + 0.5 * (resampled_B == value).mean())
    rarest = 0.5 / len(resampled_B)
    shift = normal.inv_cdf(min(max(below, rarest), 1 - rarest))

    def quantile(z: float) -> float:
        stretched = 1 - acceleration * (shift + z)
        return normal.cdf(shift + (shift + z) / stretched) if stretched > 0 else float(z > 0)

    return quantile(-reach[0]), quantile(reach[1])


def _acceleration(statistic: Statistic, n: int, groups: Codes | None) -> float:
    """How skewed the statistic is: sixth of the skewness of its values with one block of rows left out each."""
    codes = np.arange(n) if groups is None else groups
    units = int(codes.max()) + 1
    block_N = codes * min(_BLOCKS, units) // units
    blocks = np.unique(block_N)
    step = max(1, _CHUNK // n)
    parts = [
        statistic((block_N[None] != blocks[start : start + step, None]).astype(np.float64))
        for start in range(0, len(blocks), step)
    ]
    left_out = np.concatenate(parts)
    left_out = left_out[np.isfinite(left_out)]
    lost = left_out.mean() - left_out if len(left_out) else left_out
    spread = float((lost**2).sum())
    return float((lost**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0


def mean_of(rows_N: NDArray[np.floating]) -> Statistic:
    """The mean of a value per row, as a `Statistic`; exact where all rows are equal.

    Example:
        >>> mean_of(np.array([0.1, 0.1, 0.1]))(np.array([[2.0, 1.0, 0.0]])).tolist()
        [0.1]
    """
    first = float(rows_N[0])
    rest = rows_N.astype(np.float64) - first  # all zeros, exactly, where the rows are equal
    return lambda counts_BN: first + counts_BN @ rest / counts_BN.sum(axis=1)


def resamples(n: int, n_resamples: int, seed: int, groups: Codes | None = None) -> Iterator[Floats]:
    """Yield blocks (b, N) of how often each row was drawn, `n_resamples` rows in all.

    Without groups each row of counts sums to n. With groups as many groups are drawn as there are, each with all its
    rows.

    Example:
        >>> [block.sum(axis=1).tolist() for block in resamples(5, 3, seed=0)]
        [[5.0, 5.0, 5.0]]
        >>> next(resamples(4, 1, seed=1, groups=np.array([0, 0, 1, 1]))).tolist()
        [[1.0, 1.0, 1.0, 1.0]]
    """
    if groups is not None:
        for block in resamples(n_groups(groups), n_resamples, seed):
            step = max(1, _CHUNK // n)
            for start in range(0, len(block), step):
                yield block[start : start + step, groups]
        return
    rng = np.random.default_rng(seed)
    most = max(1, _CHUNK // n)
    for start in range(0, n_resamples, most):
        b = min(most, n_resamples - start)
        drawn = rng.integers(0, n, size=(b, n))
        drawn += n * np.arange(b)[:, None]
        yield np.bincount(drawn.ravel(), minlength=b * n).reshape(b, n).astype(np.float64)


def group_codes(groups: NDArray[Any] | None) -> Codes | None:
    """Groups of any type as numbers 0 … G-1; None where there are none, or every row is a group of its own.

    Example:
        >>> group_codes(np.array(["b", "a", "b"])).tolist()
        [1, 0, 1]
    """
    if groups is None or not len(groups):
        return None
    names, codes = np.unique(groups, return_inverse=True)
    return None if len(names) == len(groups) else codes.astype(np.int64).reshape(-1)


def n_groups(codes: Codes) -> int:
    """How many groups there are."""
    return int(codes.max()) + 1


def of_groups(codes: Codes | None) -> str:
    """What is said of the groups after the name of a method."""
    return "" if codes is None else f" of {n_groups(codes):,} groups"


def student(level: float, degrees: float) -> float:
    """How many standard errors an interval of Student's t reaches to each side.

    Example:
        >>> round(student(0.95, 10), 3)
        2.228
    """
    from scipy.special import stdtrit  # noqa: PLC0415 (slow to import)

    return float(stdtrit(degrees, 0.5 + level / 2))


def check_level(level: float) -> None:
    """Raise SettingError unless `level` is a coverage."""
    if not 0 < level < 1:
        raise SettingError(f"level = {level}: a coverage between 0 and 1 is expected, such as 0.95.")
