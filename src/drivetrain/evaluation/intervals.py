"""How far a number measured on n rows may be from the number on all rows there could be.

Legend: N rows, B resamples, T statistics. A resample is written as how often each row was drawn, so a statistic
of many resamples is a few matrix products rather than a loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import DataError, SettingError

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""(B, N) counts, each row summing to N → (B,) values; NaN where a resample leaves the value undefined."""

N_RESAMPLES = 2000
_CHUNK = 2_000_000
"""Numbers in a block of counts: 16 MB."""
_MOST_UNDEFINED = 0.1
"""No interval is given where more than this fraction of the resamples have no value."""


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
    _check_level(level)
    if n < 1 or not 0 <= hits <= n:
        raise DataError(f"{hits} hits of {n} rows: at least one row, and between 0 and n hits, are expected.")
    z = NormalDist().inv_cdf(0.5 + level / 2)
    p = hits / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = 0.0 if hits == 0 else max(0.0, centre - half)
    high = 1.0 if hits == n else min(1.0, centre + half)
    return Interval(low, high, level, "Wilson")


def bootstrap_interval(
    statistic: Statistic, n: int, *, level: float = 0.95, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> Interval | None:
    """Interval of a statistic, from its values on rows drawn again with replacement.

    The percentiles are corrected for the bias that drawing again has (F1 falls, average precision rises) and widened
    for few rows, and the interval always holds the value on the rows themselves. Close to a bound, such as an AUC
    above 0.99 on a hundred rows, it is still too narrow: rows like the missing mistakes cannot be drawn.

    Args:
        statistic: Gives the value of each resample, see `Statistic`.
        n: Number of rows.
        level: Coverage in (0, 1).
        n_resamples: More resamples make the ends steadier, not the interval narrower.
        seed: The same seed gives the same interval.

    Returns:
        None where no honest interval exists: with fewer than two rows, or when more than a tenth of the resamples
        leave the statistic undefined. An interval without width means that every resample gives the same value.

    Raises:
        SettingError: `level` is outside (0, 1) or `n_resamples` is below 2.

    Source: bias correction of Efron & Tibshirani, An Introduction to the Bootstrap (1993), ch. 14, without
    acceleration; widening of Hesterberg, What Teachers Should Know About the Bootstrap (2015), sec. 3.3.

    Example:
        >>> rows = np.array([1.0, 2.0, 3.0, 4.0])
        >>> print(bootstrap_interval(lambda counts: counts @ rows / 4, 4))
        [1, 4] (95 %, bootstrap, 2,000 resamples)
    """
    _check_level(level)
    if n_resamples < 2:
        raise SettingError(f"n_resamples = {n_resamples}: at least 2 are expected; 2000 is usual.")
    if n < 2:
        return None
    value = float(statistic(np.ones((1, n)))[0])
    values = np.concatenate([statistic(counts) for counts in resamples(n, n_resamples, seed)])
    defined = values[np.isfinite(values)]
    if not math.isfinite(value) or len(defined) < (1 - _MOST_UNDEFINED) * len(values):
        return None
    low, high = np.quantile(defined, _quantiles(defined, value, n, level))
    method = f"bootstrap, {n_resamples:,} resamples"
    return Interval(min(float(low), value), max(float(high), value), level, method)


def _quantiles(resampled_B: Floats, value: float, n: int, level: float) -> tuple[float, float]:
    """Which quantiles of the resampled values bound the interval."""
    from scipy.special import stdtrit  # noqa: PLC0415 (slow to import)

    normal = NormalDist()
    below = float((resampled_B < value).mean() + 0.5 * (resampled_B == value).mean())
    rarest = 0.5 / len(resampled_B)
    shift = 2 * normal.inv_cdf(min(max(below, rarest), 1 - rarest))
    reach = math.sqrt(n / (n - 1)) * float(stdtrit(n - 1, 0.5 + level / 2))
    return normal.cdf(shift - reach), normal.cdf(shift + reach)


def mean_of(rows_N: NDArray[np.floating]) -> Statistic:
    """The mean of a value per row, as a `Statistic`; exact where all rows are equal.

    Example:
        >>> mean_of(np.array([0.1, 0.1, 0.1]))(np.array([[2.0, 1.0, 0.0]])).tolist()
        [0.1]
    """
    first = float(rows_N[0])
    rest = rows_N.astype(np.float64) - first  # all zeros, exactly, where the rows are equal
    return lambda counts_BN: first + counts_BN @ rest / len(rest)


def resamples(n: int, n_resamples: int, seed: int) -> Iterator[Floats]:
    """Yield blocks (b, n) of counts, `n_resamples` rows in all; each row sums to n.

    Example:
        >>> [block.sum(axis=1).tolist() for block in resamples(5, 3, seed=0)]
        [[5.0, 5.0, 5.0]]
    """
    rng = np.random.default_rng(seed)
    most = max(1, _CHUNK // n)
    for start in range(0, n_resamples, most):
        b = min(most, n_resamples - start)
        drawn = rng.integers(0, n, size=(b, n))
        drawn += n * np.arange(b)[:, None]
        yield np.bincount(drawn.ravel(), minlength=b * n).reshape(b, n).astype(np.float64)


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise SettingError(f"level = {level}: a coverage between 0 and 1 is expected, such as 0.95.")
