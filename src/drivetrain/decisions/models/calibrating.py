"""Probabilities that mean what they say: Platt's map on the log-odds, for the mean of members that have not seen a row.

Legend: K members of one half, N rows of that half. Source: Platt (1999), with his smoothed targets; that the mean of
members is calibrated rather than each of them follows Rahaman & Thiery, Uncertainty Quantification and Deep Ensembles
(2021): the mean of calibrated members is not sure enough.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SMALLEST = 1e-9
"""Probabilities are at least so far from 0 and 1 when their odds are taken, see `Map.floor`."""
FEWEST_EVENTS = 20
"""Of the rarer class in a half: ten for each of the two numbers of the map (Peduzzi et al. 1996)."""
STEEPEST = 10.0


class Map(NamedTuple):
    """Log-odds become shift + scale · log-odds."""

    shift: float = 0.0
    scale: float = 1.0
    floor: float = SMALLEST
    """How far from 0 and 1 a probability counts at least: a forest of ten trees says 0, and means less than .1."""


AS_IT_IS = Map()


def log_odds(p: Array, floor: float = SMALLEST) -> Array:
    """Log p/(1 − p), of values that are kept off 0 and 1."""
    bounded = np.clip(p, floor, 1 - floor)
    return np.log(bounded / (1 - bounded))


def logistic(z: NDArray[Any]) -> NDArray[Any]:
    """1/(1 + exp −z), of any shape and kind of float.

    Example:
        >>> float(logistic(np.array(0.0)))
        0.5
    """
    from scipy.special import expit  # noqa: PLC0415 - slow to import

    return expit(z)


def mapped(p: Array, by: Map) -> Array:
    """Probabilities after the map."""
    return p if by == AS_IT_IS else logistic(by.shift + by.scale * log_odds(p, by.floor))


def fit_map(said_KN: Array, truth_N: Array) -> Map | None:
    """The map under which the mean of the members fits best what was true; None where there are too few events.

    Args:
        said_KN: (K, N) probabilities, NaN where a member has seen the row.
        truth_N: (N,) 0 or 1, NaN where nothing is known.

    Example:
        >>> p = np.repeat([[0.2, 0.8]], 500, axis=1)  # too sure: 35 % and 65 % are true
        >>> fitted = fit_map(p, np.r_[np.arange(500) < 175, np.arange(500) < 325].astype(float))
        >>> mapped(np.array([0.2, 0.8]), fitted).round(2).tolist()
        [0.35, 0.65]
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - slow to import

    known = np.isfinite(truth_N) & np.isfinite(said_KN).any(axis=0)
    t, said = truth_N[known], said_KN[:, known]
    events = min(float((t == 1).sum()), float((t == 0).sum()))
    if events < FEWEST_EVENTS:
        return None
    seen = np.isfinite(said)
    away = np.minimum(said, 1 - said)[seen]
    floor = max(SMALLEST, 0.5 * float(away[away > 0].min(initial=0.5)))  # half the nearest to 0 or 1 that was said
    z = np.where(seen, log_odds(np.where(seen, said, 0.5), floor), 0.0)
    share = seen / seen.sum(axis=0)
    above, below = (t == 1).sum(), (t == 0).sum()
    target = np.where(t == 1, (above + 1) / (above + 2), 1 / (below + 2))

    def loss(parts: Array) -> tuple[float, Array]:
        each = logistic(parts[0] + parts[1] * z)
        p = np.clip((share * each).sum(axis=0), 1e-12, 1 - 1e-12)
        slope = share * each * (1 - each)
        pull = (p - target) / (p * (1 - p)) / len(t)
        value = -(target * np.log(p) + (1 - target) * np.log(1 - p)).mean()
        return float(value), np.array([(slope * pull).sum(), (slope * z * pull).sum()])

    found = minimize(loss, np.array([0.0, 1.0]), jac=True, method="L-BFGS-B", bounds=[(-50, 50), (0, STEEPEST)])
    return Map(float(found.x[0]), float(found.x[1]), floor)
