"""How strong something unseen would have to be to explain the slope away (Cinelli & Hazlett 2020).

Source: Cinelli & Hazlett, Making sense of sensitivity, Journal of the Royal Statistical Society B 82, 39-67; the
figures of R's sensemakr for its example on Darfur are a test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from drivetrain.statistics.fitting.covariance import Estimate
from drivetrain.statistics.fitting.fits import SLOPE, Fit


@dataclass(frozen=True)
class Bound:
    """A hidden variable that is `times` as strong as a control, and what would be left of the slope."""

    control: str
    times: float
    r2_with_variable: float
    """Share of the variable's own part that it explains."""
    r2_with_outcome: float
    """Share of what is left of the outcome that it explains."""
    estimate: float
    """The slope it would leave at worst."""
    se: float
    t: float

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class Sensitivity:
    """The robustness value and its yardsticks."""

    robustness_value: float
    """Share of both that a hidden variable must explain to bring the slope to zero; 0 … 1."""
    robustness_value_significant: float
    """The same, to bring zero into the interval; 0 where it is in there already."""
    partial_r2: float
    """Share of what is left of the outcome that the variable explains: the least share of the variable's own part that
    something must explain which explains all that is left of the outcome."""
    strongest: str
    """Control that explains most of the variable and the outcome together; empty without controls."""
    bounds: tuple[Bound, ...]
    explained_away_by: float | None
    """How many times as strong as that control, at least, what brings the slope to zero must be; None where even the
    strongest possible one could not, or without controls."""

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {**self.__dict__, "bounds": [bound.as_json() for bound in self.bounds]}


def robustness_value(t: float, df: float, *, q: float = 1.0, alpha: float | None = None) -> float:
    """The robustness value of a t statistic.

    Args:
        t: Estimate over its classical error.
        df: Its degrees of freedom.
        q: Share of the estimate to be explained away.
        alpha: Level at which the rest shall be insignificant; None: all of it is explained away.

    Example:
        >>> round(robustness_value(4.18445, 783), 5), round(robustness_value(4.18445, 783, alpha=0.05), 5)
        (0.13878, 0.07626)
    """
    f = q * abs(t) / math.sqrt(df)
    if alpha is not None and df <= 1:
        return 0.0
    if alpha is not None:
        f_crit = float(stats.t.isf(alpha / 2, df - 1)) / math.sqrt(df - 1)
        f -= f_crit
        if f <= 0:
            return 0.0
        if f_crit < 1 / (f + f_crit) or f_crit == 0:
            return 0.5 * (math.sqrt(f**4 + 4 * f**2) - f**2)
        whole = (f + f_crit) ** 2
        return (whole - f_crit**2) / (1 + whole)
    return 0.5 * (math.sqrt(f**4 + 4 * f**2) - f**2)


def adjusted(estimate: float, se: float, df: float, r2_variable: float, r2_outcome: float) -> tuple[float, float]:
    """Slope and error that a hidden variable of that strength leaves, moving towards zero and beyond.

    Example:
        >>> left, error = adjusted(0.09731582, 0.02325654, 783, 0.009164287, 0.1246408)
        >>> round(left, 5), round(error, 5)
        (0.07522, 0.02187)
    """
    bias = math.sqrt(r2_outcome * r2_variable / (1 - r2_variable)) * se * math.sqrt(df)
    left = math.copysign(1.0, estimate) * (abs(estimate) - bias)
    return left, se * math.sqrt((1 - r2_outcome) / (1 - r2_variable)) * math.sqrt(df / (df - 1))


def bound_of(r2_variable: float, r2_outcome: float, times: float) -> tuple[float, float]:
    """The partial R² of a hidden variable `times` as strong as a control with these; inf where none can be.

    Example:
        >>> variable, outcome = bound_of(0.00908, 0.10903, 1.0)
        >>> round(variable, 4), round(outcome, 3)
        (0.0092, 0.125)
    """
    f_variable = r2_variable / (1 - r2_variable)
    with_variable = times * f_variable
    if with_variable >= 1:
        return math.inf, math.inf
    shared = times * r2_variable**2 / ((1 - times * r2_variable) * (1 - r2_variable))
    if times * r2_variable >= 1 or shared >= 1:
        return math.inf, math.inf
    eta = (math.sqrt(times) + math.sqrt(shared)) / math.sqrt(1 - shared)
    return with_variable, min(eta**2 * r2_outcome / (1 - r2_outcome), 1.0)


def sensitivity_of(fit: Fit, classical: Estimate) -> Sensitivity:
    """The sensitivity of a linear fit, with each control as a yardstick."""
    df = float(fit.df)
    t = classical.t
    partial = t**2 / (t**2 + df)
    strengths: list[tuple[str, float, float]] = []
    for name, places in fit.design.groups:
        strengths.append((name, _partial(fit, places, without_variable=True), _partial(fit, places)))
    bounds: list[Bound] = []
    strongest, times_needed = "", None
    if strengths:
        # the one whose equal would move the slope furthest
        def moved(item: tuple[str, float, float]) -> float:
            variable, outcome = bound_of(item[1], item[2], 1.0)
            return math.inf if not variable < 1 else outcome * variable / (1 - variable)

        strongest, r2_variable, r2_outcome = max(strengths, key=moved)
        for times in (1.0, 2.0, 3.0):
            variable, outcome = bound_of(r2_variable, r2_outcome, times)
            if variable < 1 and outcome <= 1:
                left, error = adjusted(classical.value, classical.se, df, variable, outcome)
                bounds.append(
                    Bound(strongest, times, variable, outcome, left, error, left / error if error > 0 else math.inf)
                )
        times_needed = _times(classical, df, r2_variable, r2_outcome)
    return Sensitivity(
        robustness_value(t, df),
        robustness_value(t, df, alpha=1 - classical.level),
        partial,
        strongest,
        tuple(bounds),
        times_needed,
    )


def _times(classical: Estimate, df: float, r2_variable: float, r2_outcome: float) -> float | None:
    """How many times as strong as that control what explains the slope away must be, to a hundredth."""
    for times in np.arange(0.01, 50.0, 0.01).tolist():
        variable, outcome = bound_of(r2_variable, r2_outcome, times)
        if not variable < 1:
            return None
        left, _ = adjusted(classical.value, classical.se, df, variable, outcome)
        if left * classical.value <= 0:
            return times
    return None


def _partial(fit: Fit, places: tuple[int, ...], *, without_variable: bool = False) -> float:
    """Partial R² of a control with the outcome, or with the variable, given all others; from the inverse alone."""
    inverse, coef, left = fit.inverse, fit.coef, float(fit.ew @ fit.ew)
    at = list(places)
    if without_variable:  # the regression of the variable on all others
        own = fit.inverse[SLOPE, SLOPE]
        coef, left = -inverse[:, SLOPE] / own, float(1 / own)
        inverse = inverse - np.outer(inverse[:, SLOPE], inverse[SLOPE]) / own
    said = float(coef[at] @ np.linalg.solve(inverse[np.ix_(at, at)], coef[at]))
    return min(max(said / (said + left), 0.0), 1 - 1e-12) if said + left > 0 else 0.0
