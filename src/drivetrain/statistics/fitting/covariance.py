"""How sure a slope is: classical, HC3, CR1 and CR2 covariances, with the degrees of freedom that few clusters leave.

Legend: n rows, k columns, G clusters, q hypotheses.

CR2 is the bias-reduced linearisation of Bell & McCaffrey (2002) with Satterthwaite degrees of freedom, and the F test
AHT-Z of several hypotheses; both as in Pustejovsky & Tipton (2018), Journal of Business & Economic Statistics 36,
672-683, under the working model that the weighted rows are independent and equally noisy. Results are those of R's
clubSandwich, see tests/statistics/fitting/test_covariance.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from drivetrain.statistics.fitting.fits import SLOPE, Fit

Array = NDArray[np.float64]
Kind = Literal["classical", "HC3", "CR1", "CR2"]

NO_ROOM = 1e-10
"""1 − leverage of a direction that a cluster determines alone: nothing can be said of its noise."""
UNBIASED = 0.99
"""Of what CR2 estimates without bias: where the slope rests on a cluster alone, part of its variance cannot be seen."""
MOST_CLUSTERS = 1500
"""Beyond it the F test of several hypotheses takes the degrees of freedom of many clusters."""


@dataclass(frozen=True)
class Estimate:
    """A slope with its error.

    Example:
        >>> one = Estimate(2.0, 0.5, 30.0, 0.95, "HC3")
        >>> round(one.low, 2), round(one.high, 2), round(one.p, 4)
        (0.98, 3.02, 0.0004)
    """

    value: float
    se: float
    df: float
    """Degrees of freedom; infinite for the normal distribution."""
    level: float
    errors: str
    """Which covariance."""

    @property
    def t(self) -> float:
        """Estimate over its error."""
        return self.value / self.se if self.se > 0 else float(np.inf * np.sign(self.value))

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.value - self.reach(self.level)

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.value + self.reach(self.level)

    @property
    def p(self) -> float:
        """Two-sided, of no relationship."""
        return self.p_of(0.0)

    def reach(self, level: float) -> float:
        """Half of the interval's width at a level."""
        return float(stats.t.ppf(0.5 + level / 2, self.df)) * self.se

    def p_of(self, value: float) -> float:
        """Two-sided, of a slope of that value."""
        if self.se <= 0:
            return float(value == self.value)
        return float(2 * stats.t.sf(abs(self.value - value) / self.se, self.df))

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "estimate": self.value,
            "low": self.low,
            "high": self.high,
            "p": self.p,
            "se": self.se,
            "df": self.df,
            "level": self.level,
            "errors": self.errors,
        }


def slope_of(fit: Fit, kind: Kind, level: float = 0.95) -> Estimate:
    """The slope with an error of that kind.

    Args:
        fit: A fit; with clusters for CR1 and CR2.
        kind: "classical" (rows equally noisy), "HC3" (each its own noise; MacKinnon & White 1985), "CR1" (clusters,
            the usual formula) or "CR2" (clusters, right in small samples;
            NaN where the slope rests on one cluster alone, so that its noise cannot be seen).
        level: Of the interval.
    """
    if kind == "classical":
        sigma2 = float(fit.ew @ fit.ew) / fit.df if fit.family == "linear" else 1.0
        return Estimate(fit.slope, float(np.sqrt(sigma2 * fit.inverse[SLOPE, SLOPE])), float(fit.df), level, kind)
    if kind == "HC3":
        return Estimate(fit.slope, float(np.linalg.norm(scores_of(fit, kind))), float(fit.df), level, kind)
    assert fit.cluster is not None
    if kind == "CR1":
        scores = np.bincount(fit.cluster, fit.pull * fit.ew)
        n_clusters = len(np.unique(fit.cluster))
        small = n_clusters / (n_clusters - 1) * (fit.n - 1) / fit.df
        return Estimate(fit.slope, float(np.sqrt(small * scores @ scores)), float(n_clusters - 1), level, kind)
    contrast = np.zeros((1, fit.Xw.shape[1]))
    contrast[0, SLOPE] = 1.0
    made = _reduced(fit, contrast)
    if not made.sees_all():
        return Estimate(fit.slope, float("nan"), float("nan"), level, kind)
    return Estimate(fit.slope, float(np.sqrt(made.covariance[0, 0])), made.satterthwaite(), level, kind)


def scores_of(fit: Fit, kind: Kind) -> Array:
    """What each row (HC3), or each cluster in the order of its code (CR2), adds to the slope's error.

    The root of their sum of squares is the standard error.
    """
    if kind == "HC3":
        alone = fit.leverage > 1 - 1e-8  # a row that has a column to itself has no residual
        return np.where(alone, 0.0, fit.pull * fit.ew / np.maximum(1 - fit.leverage, NO_ROOM))
    contrast = np.zeros((1, fit.Xw.shape[1]))
    contrast[0, SLOPE] = 1.0
    return _reduced(fit, contrast).scores_Gq[:, 0]


@dataclass(frozen=True)
class Wald:
    """A test that several coefficients are zero together."""

    f: float
    q: int
    df: float
    p: float


def wald(fit: Fit, places: tuple[int, ...], *, clustered: bool) -> Wald:
    """Whether the coefficients at these places are all zero: HC3's F test, or with clusters AHT-Z."""
    contrast = np.eye(fit.Xw.shape[1])[list(places)]
    q = len(places)
    estimate = contrast @ fit.coef
    if not clustered:
        scaled = (fit.Xw @ (fit.inverse @ contrast.T)) * (fit.ew / np.maximum(1 - fit.leverage, NO_ROOM))[:, None]
        f = float(estimate @ np.linalg.solve(scaled.T @ scaled, estimate)) / q
        return Wald(f, q, float(fit.df), float(stats.f.sf(f, q, fit.df)))
    made = _reduced(fit, contrast)
    raw = float(estimate @ np.linalg.solve(made.covariance, estimate))
    eta = made.eta()
    if eta <= q - 1 or not made.sees_all():
        return Wald(float("nan"), q, float("nan"), float("nan"))
    f = (eta - q + 1) / (eta * q) * raw
    return Wald(f, q, eta - q + 1, float(stats.f.sf(f, q, eta - q + 1)))


def contrasts(fit: Fit, contrast_qk: Array, *, clustered: bool) -> Array:
    """The covariance of q combinations of the coefficients, (q, q): CR2 or HC3."""
    if clustered:
        return _reduced(fit, contrast_qk).covariance
    scaled = (fit.Xw @ (fit.inverse @ contrast_qk.T)) * (fit.ew / np.maximum(1 - fit.leverage, NO_ROOM))[:, None]
    return scaled.T @ scaled


def _reduced(fit: Fit, contrast_qk: Array) -> Reduced:
    assert fit.cluster is not None
    return Reduced(cluster_sums(fit.Xw, fit.ew, fit.cluster), fit.inverse, contrast_qk)


@dataclass(frozen=True)
class ClusterSums:
    """All that CR2 needs of the rows: sums of their products in each cluster."""

    S_Gkk: Array
    """Xw'Xw of each cluster."""
    r_Gk: Array
    """Xw'ew of each cluster."""


def cluster_sums(X: Array, e: Array, cluster: NDArray[np.intp]) -> ClusterSums:
    """The sums of rows X and residuals e."""
    order = np.argsort(cluster, kind="stable")
    starts = np.flatnonzero(np.diff(cluster[order], prepend=-1))
    sorted_X, sorted_e = X[order], e[order]
    r = np.add.reduceat(sorted_X * sorted_e[:, None], starts, axis=0)
    ends = [*starts[1:].tolist(), len(e)]
    S = np.stack(
        [sorted_X[start:end].T @ sorted_X[start:end] for start, end in zip(starts.tolist(), ends, strict=True)]
    )
    return ClusterSums(S, r)


class Reduced:
    """CR2 of q combinations of the coefficients, from the sums of clusters.

    The adjustment (I − H)^(−1/2) of a cluster differs from I in the span of its own rows alone, so that it acts on the
    columns' coefficients: no matrix of rows × rows is made. Directions that a cluster determines alone are left out.
    """

    def __init__(self, sums: ClusterSums, inverse: Array, contrast_qk: Array) -> None:
        root = np.linalg.cholesky(inverse)
        to = inverse @ contrast_qk.T  # (k, q)
        values, vectors = np.linalg.eigh(root.T @ sums.S_Gkk @ root)
        left = 1 - values
        factor = np.where(left > NO_ROOM, 1 / np.sqrt(np.maximum(left, NO_ROOM)), 0.0) - 1
        ratio = np.where(values > 1e-9, factor / np.maximum(values, 1e-9), 0.5)
        basis = root @ vectors  # (G, k, k)
        own = sums.S_Gkk @ to  # (G, k, q)
        weights = to + basis @ (ratio[:, :, None] * (np.swapaxes(basis, 1, 2) @ own))
        self.inverse, self.contrast_qk = inverse, contrast_qk
        self.back_Gqk = np.swapaxes(sums.S_Gkk @ weights, 1, 2)
        self.own_Gqq = self.back_Gqk @ weights
        self.scores_Gq = np.einsum("gkq,gk->gq", weights, sums.r_Gk)
        self.covariance = self.scores_Gq.T @ self.scores_Gq

    def sees_all(self) -> bool:
        """Whether the estimated variances are unbiased under the working model: no combination rests on one cluster."""
        back = self.back_Gqk
        expected = np.einsum("gqq->q", self.own_Gqq) - np.einsum(
            "gqk,kl,gql->q", back, self.inverse, back, optimize=True
        )
        true = np.diag(self.contrast_qk @ self.inverse @ self.contrast_qk.T)
        return bool((expected >= UNBIASED * true).all())

    def satterthwaite(self) -> float:
        """Degrees of freedom of one combination: 2 mean² / variance of its estimated variance."""
        own, back = self.own_Gqq[:, 0, 0], self.back_Gqk[:, 0]
        spread = self.inverse @ (back.T @ back)
        shared = np.sum((back @ self.inverse) * back, axis=1)
        trace = float(own.sum() - shared.sum())
        squares = float(own @ own - 2 * own @ shared + np.sum(spread * spread.T))
        return trace**2 / squares if squares > 0 else float("nan")

    def eta(self) -> float:
        """Degrees of freedom of the Wishart distribution that is nearest to that of the covariance."""
        n_clusters, q = self.own_Gqq.shape[:2]
        if n_clusters > MOST_CLUSTERS:
            return float(n_clusters - 1)
        own, back = self.own_Gqq, self.back_Gqk
        total = own.sum(axis=0) - np.einsum("gsk,kl,gtl->st", back, self.inverse, back, optimize=True)
        values, vectors = np.linalg.eigh(total)
        half = vectors @ np.diag(1 / np.sqrt(np.maximum(values, NO_ROOM * values.max()))) @ vectors.T
        own = half @ own @ half
        back = half @ back
        products = np.zeros((q, q, n_clusters, n_clusters))
        for s in range(q):
            for t in range(q):
                products[s, t] = -back[:, s] @ self.inverse @ back[:, t].T
                products[s, t][np.diag_indices(n_clusters)] += own[:, s, t]
        variance = sum(
            float(np.sum(products[s, s] * products[t, t]) + np.sum(products[s, t] * products[t, s]))
            for s in range(q)
            for t in range(q)
        )
        return q * (q + 1) / variance
