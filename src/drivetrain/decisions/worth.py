"""What something is worth, and how far that number may be off.

Legend: N rows, G groups of rows that belong together, K members.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.text import in_digits

Array = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Worth:
    """Mean of the objective per row, with its interval.

    Example:
        >>> print(Worth(12.5, 11.0, 14.0, n=200))
        12.5 [11, 14], n = 200
        >>> print(Worth(-15412.34, n=3))
        -15,412, n = 3
    """

    value: float
    low: float | None = None
    """None where nothing is known of the uncertainty (one member, no logged outcome)."""
    high: float | None = None
    n: int = 0
    """Rows."""
    method: str = ""
    """How it was found, in words."""
    level: float = 0.95

    def __str__(self) -> str:
        span = "" if self.low is None or self.high is None else f" [{in_digits(self.low)}, {in_digits(self.high)}]"
        return f"{in_digits(self.value)}{span}, n = {self.n:,}"

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {name: getattr(self, name) for name in ("value", "low", "high", "n", "method", "level")}


def error_of(influence: Array, group: Codes) -> float:
    """Standard error of a number from each row's (N,) influence, added up by group (N,); infinite with one group."""
    sums = np.bincount(np.unique(group, return_inverse=True)[1], influence)
    return float(np.sqrt(np.sum(sums**2) * len(sums) / (len(sums) - 1))) if len(sums) > 1 else float("inf")


def clustered(value: float, influence: Array, group: Codes, method: str, level: float) -> Worth:
    """A number with its interval: Student's t over groups, so that rows of one group count as one draw."""
    n, error = len(influence), error_of(influence, group)
    if not np.isfinite(error) or not np.isfinite(value):
        return Worth(value, n=n, method=f"{method}; too few rows or groups for an interval", level=level)
    reach = quantile(level, len(np.unique(group)) - 1) * error
    return Worth(value, value - reach, value + reach, n, method, level)


def mean_worth(values: Array, group: Codes, method: str, level: float = 0.95) -> Worth:
    """The mean of (N,) values, clustered by group.

    Example:
        >>> print(mean_worth(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 0, 1, 1]), "by hand"))
        2.5 [-10.21, 15.21], n = 4
    """
    value = float(values.mean()) if len(values) else float("nan")
    return clustered(value, (values - value) / max(1, len(values)), group, method, level)


def of_members(means: Array, n: int, method: str, level: float = 0.95) -> Worth:
    """The mean over (K,) members of what each says of n rows; the interval holds as many of them as `level` says."""
    value = float(means.mean())
    if len(means) < 2:
        return Worth(value, n=n, method=f"{method}; one member, so its uncertainty is unknown", level=level)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Worth(value, float(low), float(high), n, method, level)


def quantile(level: float, freedom: float) -> float:
    """Of Student's t: how many standard errors an interval reaches to either side."""
    from scipy.stats import t  # noqa: PLC0415 - slow to import

    return float(t.ppf(0.5 + level / 2, freedom))
