"""What these data could have found, and how many rows it takes: by formula, and by simulation from the residuals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq

from drivetrain.statistics.fitting.covariance import ClusterSums, Estimate, Kind, Reduced, cluster_sums, slope_of
from drivetrain.statistics.fitting.design import Design
from drivetrain.statistics.fitting.fits import SLOPE, Fit
from drivetrain.statistics.fitting.rows import Rows

Array = NDArray[np.float64]

POWERS = (0.8, 0.9)
MOST_ROWS = 10**9
_POINTS, _HALVES = np.polynomial.legendre.leggauss(400)
_NODES, _WEIGHTS = (_POINTS + 1) / 2, _HALVES / 2
MOST_WORK = 4e8
"""Rows × columns² × simulations, so that a simulation takes seconds."""
FEWEST = 200
"""Simulations; fewer say too little."""
SUBSAMPLE = 100


@dataclass(frozen=True)
class Needed:
    """Rows for one power."""

    power: float
    n: int | None
    """By formula; None where it is beyond a thousand million."""
    clusters: float | None
    """The same in clusters of the present mean size."""
    simulated: float | None
    """Power at that n in simulations; None where there were none."""
    simulations: int

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class Fewer:
    """What random subsamples of the rows would have said, of the one variable alone."""

    n: int
    draws: int
    significant: float
    """Share with p below 1 − level."""
    verdicts: dict[str, float]
    """Verdict → share."""
    lowest: float
    highest: float
    sd: float

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class Power:
    """All about power."""

    effect: float | None
    """What it is about: the claim, or the smallest effect of interest."""
    smallest_detectable: float
    """Slope that this study finds (p below 1 − level) four times in five."""
    smallest_detectable_90: float
    power_now: float | None
    """Of this study for the effect."""
    needed: tuple[Needed, ...]
    fewer: Fewer | None

    @property
    def n_needed(self) -> int | None:
        """Rows for 80 % power."""
        return self.needed[0].n if self.needed else None

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            **self.__dict__,
            "needed": [each.as_json() for each in self.needed],
            "fewer": None if self.fewer is None else self.fewer.as_json(),
        }


def power_of(effect: float, se: float, df: float, level: float = 0.95) -> float:
    """Chance that |t| exceeds its critical value where the slope is `effect`: the noncentral t.

    Example:
        >>> round(power_of(2.8, 1.0, 1e6), 2), round(power_of(0.0, 1.0, 20), 3)
        (0.8, 0.05)
    """
    crit = float(stats.t.ppf(0.5 + level / 2, df))
    away = effect / se
    if df > 1e5:
        return float(stats.norm.sf(crit - away) + stats.norm.cdf(-crit - away))
    # over the distribution of the error itself, chi-square: scipy's noncentral t has gaps at few degrees of freedom
    spread = np.sqrt(stats.chi2.ppf(_NODES, df) / df)
    return float(_WEIGHTS @ (stats.norm.sf(crit * spread - away) + stats.norm.cdf(-crit * spread - away)))


def detectable(se: float, df: float, level: float, power: float) -> float:
    """The slope that is found with that power.

    Example:
        >>> round(detectable(1.0, 400, 0.95, 0.8), 2)
        2.81
    """
    if not np.isfinite(se) or se <= 0:
        return 0.0
    top = 8.0
    while power_of(top, 1.0, df, level) < power:
        top *= 2
        if top > 1e4:
            return float("inf")
    found: Any = brentq(lambda away: power_of(away, 1.0, df, level) - power, 0.0, top)
    return float(found) * se


def rows_needed(effect: float, estimate: Estimate, n: int, k: int, power: float, *, clustered: bool) -> int | None:
    """Rows like these after which `effect` is found with that power.

    The error shrinks with the root of the rows. Degrees of freedom are rows less columns; with clusters they grow as
    the number of clusters does.
    """
    if effect == 0:
        return None

    def reached(rows: int) -> bool:
        df = estimate.df * rows / n if clustered else rows - k
        return df > 0.5 and power_of(abs(effect), estimate.se * float(np.sqrt(n / rows)), df, estimate.level) >= power

    low, high = k + 1, k + 2
    while not reached(high):
        low, high = high, high * 2
        if high > MOST_ROWS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def simulated_power(
    rows: Rows, fit: Fit, kind: Kind, effect: float, n: int, *, level: float, simulations: int, seed: int
) -> tuple[float, int] | None:
    """The power with n rows, by drawing rows (with clusters: whole clusters) of this table with their residuals.

    Each simulated table has the slope `effect`; it is fitted and tested as the real one was. None where it would take
    too long for as many as 200 of them.
    """
    k = fit.Xw.shape[1]
    simulations = min(simulations, int(MOST_WORK / max(n * (k + 4), 1)))
    if simulations < FEWEST or rows.family != "linear":
        return None
    random = np.random.default_rng(seed)
    noise = fit.ew / np.sqrt(np.maximum(1 - fit.leverage, 0.05))
    if fit.cluster is not None and kind == "CR2":
        sums = cluster_sums(fit.Xw, noise, fit.cluster)
        n_clusters = len(sums.r_Gk)
        size = max(2, round(n / fit.n * n_clusters))
        found = sum(
            _found_in_clusters(sums, random.integers(0, n_clusters, size), effect, level) for _ in range(simulations)
        )
        return found / simulations, simulations
    found = 0
    for _ in range(simulations):
        drawn = random.integers(0, fit.n, n)
        found += _found_in_rows(fit.Xw[drawn], noise[drawn], effect, kind, level)
    return found / simulations, simulations


def _found_in_clusters(sums: ClusterSums, picked: NDArray[np.intp], effect: float, level: float) -> bool:
    """Whether a table of these clusters with that slope has p below 1 − level."""
    S, r = sums.S_Gkk[picked], sums.r_Gk[picked]
    gram = S.sum(axis=0)
    used = np.diag(gram) > 1e-12 * np.trace(gram)
    if not used[SLOPE]:
        return False
    own, r, gram = S[:, used][:, :, used], r[:, used], gram[np.ix_(used, used)]
    inverse = np.linalg.pinv(gram, hermitian=True).astype(np.float64)
    if abs((inverse @ gram)[SLOPE, SLOPE] - 1) > 1e-6:
        return False
    coef = inverse @ r.sum(axis=0)
    try:
        made = Reduced(
            ClusterSums(own, r - own @ coef), inverse + 1e-14 * np.diag(np.diag(inverse)), np.eye(1, len(coef), SLOPE)
        )
    except np.linalg.LinAlgError:
        return False
    se, df = float(np.sqrt(made.covariance[0, 0])), made.satterthwaite()
    if not (se > 0 and np.isfinite(df) and df > 0):
        return False
    return Estimate(float(coef[SLOPE]) + effect, se, df, level, "CR2").p < 1 - level


def _found_in_rows(X: Array, noise: Array, effect: float, kind: Kind, level: float) -> bool:
    """Whether a table of these rows with that slope has p below 1 − level."""
    gram = X.T @ X
    used = np.diag(gram) > 1e-12 * np.trace(gram)
    if not used[SLOPE] or len(noise) <= used.sum():
        return False
    kept = X[:, used]
    inverse = np.linalg.pinv(gram[np.ix_(used, used)], hermitian=True).astype(np.float64)
    coef = inverse @ (kept.T @ noise)
    left = noise - kept @ coef
    coef[SLOPE] += effect
    fitted = Fit(Design(kept, ("",) * kept.shape[1], ()), coef, kept, left, inverse, noise, None, "linear")
    estimate = slope_of(fitted, "HC3" if kind != "classical" else kind, level)
    return estimate.se > 0 and estimate.p < 1 - level


def fewer_rows(
    rows: Rows, margin: float | None, *, level: float, draws: int, seed: int, n: int = SUBSAMPLE
) -> Fewer | None:
    """Slopes of the one variable, by ordinary least squares, in random subsamples; None below twice n rows."""
    if len(rows) < 2 * n or rows.family != "linear" or draws < FEWEST:
        return None
    random = np.random.default_rng(seed)
    picked = np.stack([random.choice(len(rows), n, replace=False) for _ in range(draws)])
    x, y = rows.x[picked], rows.y[picked]
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    xx = np.maximum((x * x).sum(axis=1), 1e-300)
    slope = (x * y).sum(axis=1) / xx
    left = y - slope[:, None] * x
    se = np.sqrt((left * left).sum(axis=1) / (n - 2) / xx)
    crit, narrow = float(stats.t.ppf(0.5 + level / 2, n - 2)), float(stats.t.ppf(level, n - 2))
    nonzero = np.abs(slope) > crit * se
    if margin is None:
        verdicts = {"effect": nonzero, "cannot_tell": ~nonzero}
    else:
        small = np.abs(slope) + narrow * se < margin
        beyond = nonzero & (np.abs(slope) - crit * se >= margin)
        verdicts = {
            "effect": beyond, "too_small": small & nonzero, "none": small & ~nonzero, "cannot_tell": ~small & ~beyond,
        }  # fmt: skip
    shares = {name: float(each.mean()) for name, each in verdicts.items()}
    return Fewer(n, draws, float(nonzero.mean()), shares, float(slope.min()), float(slope.max()), float(slope.std()))


def power_report(
    rows: Rows,
    fit: Fit,
    estimate: Estimate,
    kind: Kind,
    *,
    effect: float | None,
    margin: float | None,
    margin_is_claim: bool,
    simulations: int,
    seed: int,
) -> Power:
    """Everything about power for an estimate."""
    clustered = kind in ("CR1", "CR2")
    needed: list[Needed] = []
    for power in POWERS if effect is not None else ():
        assert effect is not None
        n = rows_needed(effect, estimate, fit.n, fit.design.k, power, clustered=clustered)
        run = None
        if n is not None and simulations >= FEWEST:
            run = simulated_power(rows, fit, kind, effect, n, level=estimate.level, simulations=simulations, seed=seed)
        per = fit.n / rows.n_clusters if clustered else None
        needed.append(
            Needed(
                power, n, None if per is None or n is None else n / per, run[0] if run else None, run[1] if run else 0
            )
        )
    return Power(
        effect,
        detectable(estimate.se, estimate.df, estimate.level, 0.8),
        detectable(estimate.se, estimate.df, estimate.level, 0.9),
        None if effect is None else power_of(effect, estimate.se, estimate.df, estimate.level),
        tuple(needed),
        fewer_rows(rows, None if margin_is_claim else margin, level=estimate.level, draws=simulations, seed=seed),
    )
