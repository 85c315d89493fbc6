"""How many rows an experiment needs, of plain numbers.

Legend: V values of a lever, equally many rows of each.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

MOST_UNITS = 10**9
"""An effect that needs more rows than that cannot be found."""
Array = NDArray[np.float64]


def power_of_slope(n: float, values: Array, effect: float, noise: float, level: float) -> float:
    """Chance that a line through n outcomes shows that the outcome differs between smallest and largest value.

    Args:
        n: Rows in all.
        values: (V,) of the lever, equally many rows of each.
        effect: Difference of the outcome's mean between smallest and largest value.
        noise: Standard deviation of the outcome among rows of one value.
        level: Of the interval that must not hold 0.

    The noncentral t distribution of the slope over its error; with two values that of the t test of two groups.

    Example:
        >>> round(power_of_slope(128, np.array([0.0, 1.0]), effect=0.5, noise=1.0, level=0.95), 3)
        0.801
    """
    freedom = n - 2
    if freedom <= 0:
        return 0.0
    slope = effect / float(np.ptp(values))
    return _power(slope * float(np.sqrt(n * np.var(values))) / noise, freedom, level)


def power_of_options(n: float, count: int, effect: float, noise: float, level: float) -> float:
    """Chance that an option which differs by the effect from the first one is seen to, all others being compared too.

    Args:
        n: Rows in all, equally many of each option.
        count: Options; the level is shared by the count − 1 comparisons (Bonferroni).
        effect: Difference of the outcome's mean.
        noise: Standard deviation of the outcome among rows of one option.
        level: Of all comparisons together.
    """
    each, freedom = n / count, n - count
    if freedom <= 0:
        return 0.0
    return _power(effect / (noise * float(np.sqrt(2 / each))), freedom, 1 - (1 - level) / (count - 1))


def rows_needed(power_of: Callable[[float], float], power: float, least: int) -> int | None:
    """The smallest number of rows with that power; None where no number that anybody has would do."""
    low, high = least, least
    while power_of(high) < power:
        low, high = high, 2 * high
        if high > MOST_UNITS:
            return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(middle) >= power else (middle + 1, high)
    return high


def _power(noncentral: float, freedom: float, level: float) -> float:
    critical = float(stats.t.ppf(0.5 + level / 2, freedom))
    if abs(noncentral) > 30:
        return 1.0  # scipy's distribution has no digits left there
    return float(stats.nct.sf(critical, freedom, noncentral) + stats.nct.cdf(-critical, freedom, noncentral))
