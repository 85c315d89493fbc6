"""Is there an effect worth having, none, or can the data not tell? And is what was claimed excluded?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from scipy import stats

from drivetrain.statistics.fitting.covariance import Estimate

Verdict = Literal["effect", "too_small", "none", "cannot_tell"]


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests against the smallest effect of interest (Schuirmann 1987), for any estimate with a t."""

    margin: float
    p: float
    """The larger of both; below 1 − level, the slope is smaller than the margin in either direction."""
    p_low: float
    """Of a slope at or below −margin."""
    p_high: float
    """Of a slope at or above +margin."""
    t_low: float
    t_high: float
    low: float
    """Of the interval that lies within ±margin exactly when both tests reject; its level is 2·level − 1."""
    high: float
    equivalent: bool

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class Claim:
    """A slope that somebody claims, and what the data say of it."""

    value: float
    p: float
    """Of the claimed slope: the opposite null."""
    excluded: bool
    errors_away: float
    """Distance from the estimate in standard errors."""

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return dict(self.__dict__)


def equivalence(estimate: Estimate, margin: float) -> Equivalence:
    """Whether the slope is smaller than `margin`, whatever its sign.

    Source: Lakens (2017), Social Psychological and Personality Science 8, 355-362; its example is a test.

    Example:
        >>> equivalence(Estimate(0.1, 0.2, 100.0, 0.95, "HC3"), 0.5).equivalent
        True
    """
    t_low, t_high = (estimate.value + margin) / estimate.se, (estimate.value - margin) / estimate.se
    p_low, p_high = float(stats.t.sf(t_low, estimate.df)), float(stats.t.cdf(t_high, estimate.df))
    reach = estimate.reach(2 * estimate.level - 1)
    p = max(p_low, p_high)
    return Equivalence(
        margin, p, p_low, p_high, t_low, t_high, estimate.value - reach, estimate.value + reach, p < 1 - estimate.level
    )


def judge_claim(estimate: Estimate, value: float) -> Claim:
    """Whether the interval excludes a claimed slope.

    Example:
        >>> judge_claim(Estimate(0.0, 0.001, 50.0, 0.95, "HC3"), -0.023).excluded
        True
    """
    p = estimate.p_of(value)
    return Claim(value, p, p < 1 - estimate.level, abs(estimate.value - value) / estimate.se)


def verdict_of(estimate: Estimate, tested: Equivalence | None) -> Verdict:
    """One of four.

    * "effect": the interval excludes zero, and everything smaller than the smallest effect of interest;
    * "too_small": it excludes zero, and the slope is smaller than that;
    * "none": it holds zero, and the slope is smaller than that;
    * "cannot_tell": anything else. An interval that holds both what matters and what does not is no answer, even where
      it excludes zero.

    Without a smallest effect of interest there is "effect", where zero is excluded, or "cannot_tell".

    Example:
        >>> wide, narrow = Estimate(0.2, 0.3, 50, 0.95, "HC3"), Estimate(0.01, 0.02, 50, 0.95, "HC3")
        >>> verdict_of(wide, equivalence(wide, 0.1)), verdict_of(narrow, equivalence(narrow, 0.1))
        ('cannot_tell', 'none')
    """
    nonzero = estimate.p < 1 - estimate.level
    if tested is None:
        return "effect" if nonzero else "cannot_tell"
    if tested.equivalent:
        return "too_small" if nonzero else "none"
    beyond = min(abs(estimate.low), abs(estimate.high)) >= tested.margin
    return "effect" if nonzero and beyond else "cannot_tell"
