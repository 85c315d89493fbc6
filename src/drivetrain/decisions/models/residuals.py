"""How outcomes scatter around what a model says, on rows that its members have not seen.

Legend: N logged rows, n rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Residuals:
    """What outcomes are drawn from: a prediction times a ratio, or plus a difference, of a logged row drawn by chance.

    Example:
        >>> Residuals.of(np.array([1.0, 3.0]), np.array([2.0, 2.0])).outcome(np.array([10.0, 10.0]), np.array([0, 1]))
        array([ 5., 15.])
    """

    values: Array
    """(N,)."""
    are_ratios: bool

    @classmethod
    def of(cls, truth: Array, said: Array) -> Residuals | None:
        """Ratios where no outcome is below 0 and every prediction above, else differences; None where none is known.

        Costs and amounts scatter more where they are large, and are never negative: their ratios can be drawn. Ratios
        have the mean 1, differences the mean 0: what is drawn is right on average if the predictions are.
        """
        known = np.isfinite(truth) & np.isfinite(said)
        y, p = truth[known], said[known]
        if not len(y):
            return None
        if (y >= 0).all() and (p > 0).all() and y.any():
            ratios = y / p
            return cls(ratios / ratios.mean(), True)
        return cls((y - p) - (y - p).mean(), False)

    def outcome(self, said: Array, which: NDArray[np.int64]) -> Array:
        """(n,) outcomes of predictions, with the residuals of some logged rows."""
        drawn = self.values[which]
        return said * drawn if self.are_ratios else said + drawn
