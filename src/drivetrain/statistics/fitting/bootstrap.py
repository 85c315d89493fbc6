"""The wild cluster bootstrap, as a check on CR2: residuals keep together in their cluster and change sign with it.

Legend: G clusters, B draws, k columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.statistics.fitting.fits import Fit

Array = NDArray[np.float64]

WEBB = np.sqrt([1 / 2, 1.0, 3 / 2])
"""Sizes of Webb's six weights, each of either sign: with few clusters two weights give too few different draws."""
FEW = 12
CHUNK = 4_000_000
"""Numbers drawn at a time."""


@dataclass(frozen=True)
class Wild:
    """Draws under no relationship."""

    p: float
    """Share of draws whose |t| is at least the observed one, the observed one counted among them."""
    slopes: Array
    """(B,)"""
    ts: Array
    """(B,)"""
    t: float
    """Observed, with the same formula."""
    n_draws: int
    weights: str
    exact: bool
    """Every combination of signs was taken."""
    same: int = 0
    """Draws as large, for the Monte Carlo error."""

    def as_json(self) -> dict[str, Any]:
        """Plain numbers, without the draws."""
        return {"p": self.p, "t": self.t, "draws": self.n_draws, "weights": self.weights, "exact": self.exact}


def wild_bootstrap(fit: Fit, *, draws: int, seed: int, null: float = 0.0) -> Wild:
    """The wild cluster bootstrap of the slope's t, with the null imposed (Cameron, Gelbach & Miller 2008).

    Args:
        fit: A linear fit; rows without clusters are clusters of one.
        draws: How many; with few clusters all 2^G combinations of signs are taken where these are fewer.
        seed: Of the draws.
        null: The slope under which residuals are taken.

    Everything is computed on sums of clusters, so that a draw costs G × k operations, whatever n is.
    """
    codes = np.arange(fit.n) if fit.cluster is None else np.unique(fit.cluster, return_inverse=True)[1]
    n_clusters = int(codes.max()) + 1
    # residuals of the regression without the variable: those of the full one plus the slope times its own part
    restricted = fit.ew + (fit.slope - null) * fit.own_part
    x = fit.own_part
    xx = float(x @ x)
    a_G = np.bincount(codes, x * restricted, minlength=n_clusters)
    cross = fit.Xw @ fit.inverse
    b_Gk = _sums(codes, fit.Xw * restricted[:, None], n_clusters)
    c_Gk = _sums(codes, x[:, None] * cross, n_clusters)
    observed = fit.slope - null
    score_G = np.bincount(codes, x * fit.ew, minlength=n_clusters)
    t = observed / float(np.sqrt(score_G @ score_G) / xx)
    draws_of, how, exact = _signs(n_clusters, draws, seed)
    slopes, ts = [], []
    for v_BG in draws_of:
        slope_B = v_BG @ a_G / xx
        means_Bk = v_BG @ b_Gk
        scores_BG = v_BG * a_G - means_Bk @ c_Gk.T
        spread_B = np.sqrt(np.einsum("bg,bg->b", scores_BG, scores_BG)) / xx
        slopes.append(slope_B)
        ts.append(np.divide(slope_B, spread_B, out=np.zeros_like(slope_B), where=spread_B > 0))
    found, all_slopes = np.concatenate(ts), np.concatenate(slopes)
    large = int(np.sum(np.abs(found) >= abs(t) * (1 - 1e-9)))
    p = large / len(found) if exact else (large + 1) / (len(found) + 1)
    return Wild(p, all_slopes + null, found, t, len(found), how, exact, large)


def _sums(codes: NDArray[np.intp], values: Array, n_clusters: int) -> Array:
    sums = [np.bincount(codes, column, minlength=n_clusters) for column in values.T]
    return np.stack(sums, axis=1).astype(np.float64)


def _signs(n_clusters: int, draws: int, seed: int) -> tuple[Any, str, bool]:
    """Chunks of weights (B, G), what they are, and whether they are all there are."""
    if n_clusters < 31 and 2**n_clusters <= draws:
        every = np.array(np.meshgrid(*[[-1.0, 1.0]] * n_clusters)).reshape(n_clusters, -1).T
        return iter([every]), "signs", True
    random = np.random.default_rng(seed)
    step = max(1, min(draws, CHUNK // n_clusters))

    def made() -> Any:
        for start in range(0, draws, step):
            size = (min(step, draws - start), n_clusters)
            signs = random.integers(0, 2, size, dtype=np.int8) * 2.0 - 1
            yield signs * random.choice(WEBB, size) if n_clusters < FEW else signs

    return made(), "Webb's six weights" if n_clusters < FEW else "signs", False
