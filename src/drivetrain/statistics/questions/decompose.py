"""Which control moved the slope, and by how much, whatever order they are added in (Gelbach 2016).

Source: Gelbach, When do covariates matter? And which ones, and how much? Journal of Labor Economics 34, 509-543, eq. 5.
The slope alone less the slope with all controls is the sum, over controls, of (what the variable says of the control) ×
(the control's own coefficient): the formula of omitted variables, which knows no order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from drivetrain.statistics.fitting.fits import SLOPE, Fit

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """What one control contributes to slope alone − slope with controls."""

    control: str
    value: float
    low: float
    high: float
    share: float | None
    """Of the whole move; None where that is next to nothing."""

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class Decomposition:
    """The whole move, and its parts, which add up to it."""

    moved: float
    parts: tuple[Part, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {"moved": self.moved, "parts": [part.as_json() for part in self.parts]}


def decompose(alone: Fit, full: Fit, level: float) -> Decomposition | None:
    """The decomposition of two linear fits of the same rows; None where no control is in the full one.

    Intervals are of HC1's kind, or clustered, with the covariance between both regressions kept.
    """
    if not full.design.groups:
        return None
    base = alone.Xw
    moved = alone.slope - full.slope
    codes = np.arange(full.n) if full.cluster is None else np.unique(full.cluster, return_inverse=True)[1]
    n_clusters = int(codes.max()) + 1
    small = n_clusters / (n_clusters - 1) * (full.n - 1) / full.df
    pull_full = full.Xw @ full.inverse  # (n, k): row i moves coefficient j by pull × residual
    q_df = n_clusters - 1 if full.cluster is not None else full.df
    reach = float(stats.t.ppf(0.5 + level / 2, q_df))
    parts: list[Part] = []
    for name, places in full.design.groups:
        value, influence = 0.0, np.zeros(full.n)
        for place in places:
            column = full.Xw[:, place]
            gamma = alone.inverse @ (base.T @ column)
            left = column - base @ gamma
            value += float(gamma[SLOPE] * full.coef[place])
            influence += alone.pull * left * full.coef[place] + pull_full[:, place] * full.ew * gamma[SLOPE]
        scores = np.bincount(codes, influence, minlength=n_clusters)
        se = float(np.sqrt(small * scores @ scores))
        share = value / moved if abs(moved) > 1e-9 * max(abs(alone.slope), abs(full.slope)) else None
        parts.append(Part(name, value, value - reach * se, value + reach * se, share))
    return Decomposition(moved, tuple(parts))
