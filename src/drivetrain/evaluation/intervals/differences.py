"""Intervals of the difference of two numbers between 0 and 1, measured on the same rows.

Both methods carry a good interval of one number over to a difference, so they keep a width where the rows show none:
two models that say the same of twenty rows may still differ on the next.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from drivetrain.evaluation.intervals.core import Codes, Interval, check_level, n_groups, of_groups, student
from drivetrain.evaluation.intervals.score_interval import Influence

CORRELATION = 0.95
"""How much of the correlation that the rows show is believed: by simulation (benchmarks/results/coverage.md)."""
_STEPS = 60
"""Bisections: more than a double can resolve."""


def tango_interval(only_a: int, only_b: int, n: int, *, level: float = 0.95) -> tuple[Interval, float]:
    """Score interval of the difference of two proportions of the same rows, and a standard error to plan with.

    Args:
        only_a: Rows that the first alone has right.
        only_b: Rows that the second alone has right.
        n: All rows, at least 1.
        level: Coverage in (0, 1).

    Source: Tango, Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design (1998), sec. 3; recommended by Fagerland, Lydersen & Laake (2014). It holds 0 just where McNemar's test
    without continuity correction finds nothing. The error is that of Bonett & Price (2012), eq. 1, with one discordant
    row of each kind added.

    Example:
        >>> print(tango_interval(5, 3, 40)[0])
        [-0.1012, 0.2045] (95 %, Tango)
    """
    check_level(level)
    difference = (only_a - only_b) / n
    reach = NormalDist().inv_cdf(0.5 + level / 2)
    low = _far_end(difference, -1.0, lambda delta: _score(delta, only_a, only_b, n) <= reach)
    high = _far_end(difference, 1.0, lambda delta: -_score(delta, only_a, only_b, n) <= reach)
    up, down = (only_a + 1) / (n + 2), (only_b + 1) / (n + 2)
    error = math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    return Interval(low, high, level, "Tango"), error


def _score(delta: float, only_a: int, only_b: int, n: int) -> float:
    """How many standard errors what was measured lies above `delta`, with the variance most likely under `delta`."""
    # the most likely share of rows that only b has right solves 2n q² + linear q = only_b δ (1 - δ)
    linear = (2 * n - only_a + only_b) * delta - only_a - only_b
    root = math.sqrt(max(linear**2 + 8 * n * only_b * delta * (1 - delta), 0.0))
    variance = n * ((root - linear) / (2 * n) + delta * (1 - delta))
    above = only_a - only_b - n * delta
    if variance <= 0:
        return 0.0 if above == 0 else math.copysign(math.inf, above)
    return above / math.sqrt(variance)


def _far_end(inside: float, outside: float, within: Callable[[float], bool]) -> float:
    """The last value towards `outside` that is still within reach."""
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        if within(middle):
            inside = middle
        else:
            outside = middle
    return inside


def paired_influences(
    a: Influence, b: Influence, *, level: float = 0.95, groups: Codes | None = None
) -> tuple[Interval | None, float | None]:
    """Interval of the difference of two numbers between 0 and 1 of the same rows, and its standard error.

    Each end is as far off as the two intervals' own ends are, less what they have in common by the correlation of what
    each row does to the one and to the other. So there is a width where both models say the same, and each end has the
    skewness of the numbers themselves.

    Source: Zou & Donner, Construction of confidence limits about effect measures: a general approach (2008), eq. 9,
    for dependent estimates; the variances and correlation at the area under the ROC curve are those of DeLong, DeLong &
    Clarke-Pearson (1988).

    Example:
        >>> hits = np.array([1.0] * 18 + [0.0] * 2)
        >>> one = Influence(0.9, (hits - 0.9) / 20, lambda p: p * (1 - p) / 20, hits == 0)
        >>> print(paired_influences(one, one)[0])
        [-0.1..., 0.1...] (95 %, MOVER)
    """
    first, second = a.interval(level=level, groups=groups), b.interval(level=level, groups=groups)
    if first is None or second is None:
        return None, None
    moved_a, moved_b = (a.rows_N, b.rows_N)
    if groups is not None:
        moved_a, moved_b = (np.bincount(groups, weights=rows) for rows in (moved_a, moved_b))
    size = math.sqrt(float(moved_a @ moved_a) * float(moved_b @ moved_b))
    shared = CORRELATION * float(moved_a @ moved_b) / size if size > 0 else 0.0

    def apart(down: float, up: float) -> float:
        return math.sqrt(max(down**2 - 2 * shared * down * up + up**2, 0.0))

    difference = a.value - b.value
    low = max(-1.0, difference - apart(a.value - first.low, second.high - b.value))
    high = min(1.0, difference + apart(first.high - a.value, b.value - second.low))
    units = len(a.rows_N) if groups is None else n_groups(groups)
    reach = NormalDist().inv_cdf(0.5 + level / 2) if groups is None else student(level, units - 1)
    return Interval(low, high, level, "MOVER" + of_groups(groups)), (high - low) / 2 / reach
