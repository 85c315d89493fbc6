"""What chance alone would have shown: slopes and scatters under "no relationship", with the observed ones among them.

Legend: n rows, B draws, G clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.statistics.fitting.bootstrap import FEW, WEBB
from drivetrain.statistics.fitting.covariance import Estimate
from drivetrain.statistics.fitting.fits import Fit

Array = NDArray[np.float64]

PANELS = 6
"""Scatters in the line-up, the real one among them."""
MOST_POINTS = 140
"""In each of them."""
CHUNK = 2_000_000


@dataclass(frozen=True)
class Chance:
    """Draws without a relationship."""

    how: str
    """What was drawn, in words."""
    slopes: Array
    """(B,)"""
    observed: float
    as_large: float
    """Share of draws at least as far from zero as the observed slope."""
    error: float
    """Monte Carlo standard error of that share."""
    formula_p: float
    """What a formula says of the same null."""
    formula: str
    """Which one."""
    sd: float
    """Of the drawn slopes."""
    formula_sd: float
    """Exact, by the variance of x̃'πe over all permutations, or over all signs."""
    agrees: bool
    """Both, share and sd, are what the formulas say, within three Monte Carlo errors (the share also within .01)."""
    panels_x: Array
    """(points,) of the line-up."""
    panels: tuple[Array, ...]
    """(points,) each."""
    panel_slopes: tuple[float, ...]
    """Of all rows, in each."""
    real: int
    """Which panel is the observed one."""

    def as_json(self) -> dict[str, Any]:
        """Plain numbers; the draws as deciles."""
        return {
            "how": self.how,
            "draws": len(self.slopes),
            "observed": self.observed,
            "as_large": self.as_large,
            "error": self.error,
            "formula_p": self.formula_p,
            "formula": self.formula,
            "sd": self.sd,
            "formula_sd": self.formula_sd,
            "agrees": self.agrees,
            "deciles": np.quantile(self.slopes, np.linspace(0, 1, 11)).tolist(),
        }


def chance_of(
    fit: Fit, weighted: bool, classical: Estimate, clustered: Estimate | None, x_shown: Array, *, draws: int, seed: int
) -> Chance:
    """Draw the null of a linear fit.

    Rows that may be exchanged are: residuals without the variable are dealt out anew (Freedman & Lane 1983). In
    clusters they keep together and change sign as one; with weights or fixed effects each changes sign by itself.

    Args:
        fit: The regression.
        weighted: Rows are not alike by themselves: weights, levels.
        classical: Its classical estimate.
        clustered: Its CR2 estimate, with clusters.
        x_shown: (n,) the variable's own part, in its units, for the line-up.
        draws: B.
        seed: Of the draws.
    """
    random = np.random.default_rng(seed)
    x = fit.own_part
    xx = float(x @ x)
    restricted = fit.ew + fit.slope * x
    if fit.cluster is not None:
        codes = np.unique(fit.cluster, return_inverse=True)[1]
        how = "residuals of each cluster keep together and change sign as one"
    elif weighted:
        codes = np.arange(fit.n)
        how = "each residual changes sign by chance"
    else:
        codes = None
        how = "residuals are dealt out to the rows anew"
    if codes is None:
        slopes = np.array([x @ random.permutation(restricted) for _ in range(draws)]) / xx
        variance = xx * float(restricted @ restricted - fit.n * restricted.mean() ** 2) / (fit.n - 1)
    else:
        sums = np.bincount(codes, x * restricted)
        n_groups = len(sums)
        step = max(1, CHUNK // n_groups)
        sizes = [min(step, draws - start) for start in range(0, draws, step)]
        parts = [_weights(random, (size, n_groups)) @ sums for size in sizes]
        slopes = np.concatenate(parts) / xx
        variance = float(sums @ sums)
    formula = clustered if clustered is not None else classical
    as_large = float(np.mean(np.abs(slopes) >= abs(fit.slope) * (1 - 1e-12)))
    error = max(float(np.sqrt(as_large * (1 - as_large) / draws)), 1 / draws)
    formula_sd = float(np.sqrt(variance)) / xx
    sd = float(slopes.std())
    right_sd = abs(sd / formula_sd - 1) <= 3 * _relative_error(slopes)
    right_p = codes is not None or abs(as_large - classical.p) <= 3 * error + 0.01
    keep = np.sort(random.choice(fit.n, min(fit.n, MOST_POINTS), replace=False))
    real = int(random.integers(0, PANELS))
    panels: list[Array] = []
    tilts: list[float] = []
    for place in range(PANELS):
        drawn = restricted
        if place != real and codes is None:
            drawn = random.permutation(restricted)
        elif place != real and codes is not None:
            drawn = _weights(random, (1, int(codes.max()) + 1))[0][codes] * restricted
        panels.append(drawn[keep])
        tilts.append(float(x @ drawn) / xx)
    name = "clustered t (CR2)" if clustered is not None else "ordinary t"
    return Chance(
        how, slopes, fit.slope, as_large, error, formula.p, name, sd, formula_sd, bool(right_sd and right_p),
        x_shown[keep], tuple(panels), tuple(tilts), real,
    )  # fmt: skip


def _weights(random: np.random.Generator, size: tuple[int, int]) -> Array:
    signs = random.choice(np.array([-1.0, 1.0]), size)
    return signs * random.choice(WEBB, size).astype(np.float64) if size[1] < FEW else signs


def _relative_error(slopes: Array) -> float:
    """Of the standard deviation of draws, relative: by their fourth moment."""
    centred = slopes - slopes.mean()
    second = float(np.mean(centred**2))
    kurtosis = float(np.mean(centred**4)) / max(second**2, 1e-300)
    return float(np.sqrt(max(kurtosis - 1, 0.1) / (4 * len(slopes))))
