"""What to believe after this evidence, given what one believed before: conjugate normal, in closed form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scipy import stats

from drivetrain.statistics.fitting.covariance import Estimate

DOUBT = 0.05
"""A sceptic gives the claimed effect, or more, this chance; an enthusiast gives it to none, or the other sign."""


@dataclass(frozen=True)
class Belief:
    """A normal distribution over slopes; one without knowledge has an infinite sd."""

    mean: float
    sd: float

    def below(self, value: float) -> float:
        """The chance of a slope below a value."""
        return float(stats.norm.cdf((value - self.mean) / self.sd)) if math.isfinite(self.sd) else math.nan

    def interval(self, level: float) -> tuple[float, float]:
        """The middle of it, with that chance."""
        reach = float(stats.norm.ppf(0.5 + level / 2)) * self.sd
        return self.mean - reach, self.mean + reach


@dataclass(frozen=True)
class Updated:
    """A belief before and after the evidence."""

    who: str
    before: Belief
    after: Belief
    same_sign: float
    """Chance, afterwards, that the slope has the sign of what is claimed (or, without a claim, of the estimate)."""
    worth_having: float | None
    """Chance, afterwards, that it is at least the smallest effect of interest in that direction."""
    negligible: float | None
    """Chance, afterwards, that it is smaller than that in either direction."""

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "who": self.who,
            "before": {"mean": self.before.mean, "sd": self.before.sd},
            "after": {"mean": self.after.mean, "sd": self.after.sd},
            "same_sign": self.same_sign,
            "worth_having": self.worth_having,
            "negligible": self.negligible,
        }


@dataclass(frozen=True)
class Credibility:
    """How strong a belief must have been to stay unmoved (Matthews 2001; 2018, Royal Society Open Science 5, 171047).

    Of a significant result: who held, with 95 % of their belief, that the slope lies within ±`limit`, is not convinced
    by it. Of one that is not: who held with 95 % that it lies between 0 and `limit` is still convinced of an effect.
    """

    kind: str
    """"sceptical" or "advocacy"."""
    limit: float

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {"kind": self.kind, "limit": self.limit}


@dataclass(frozen=True)
class Beliefs:
    """Everything about belief."""

    s_value: float
    """Bits of surprise of the p-value: as of so many heads in a row."""
    s_value_claim: float | None
    """The same against the claim."""
    updated: tuple[Updated, ...]
    credibility: Credibility | None

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "s_value": self.s_value,
            "s_value_claim": self.s_value_claim,
            "updated": [each.as_json() for each in self.updated],
            "credibility": None if self.credibility is None else self.credibility.as_json(),
        }


def update(before: Belief, estimate: float, se: float) -> Belief:
    """Normal belief × normal evidence.

    Example:
        >>> after = update(Belief(0.0, 1.0), 2.0, 1.0)
        >>> after.mean, round(after.sd, 4)
        (1.0, 0.7071)
    """
    precision = (0.0 if math.isinf(before.sd) else before.sd**-2) + se**-2
    mean = ((0.0 if math.isinf(before.sd) else before.mean * before.sd**-2) + estimate * se**-2) / precision
    return Belief(mean, precision**-0.5)


def usual_priors(effect: float) -> dict[str, Belief]:
    """A sceptic, one who knows nothing, and an enthusiast about an effect (Spiegelhalter, Abrams & Myles 2004, ch. 5).

    Example:
        >>> priors = usual_priors(-0.023)
        >>> round(priors["sceptic"].below(-0.023), 3), round(1 - priors["enthusiast"].below(0.0), 3)
        (0.05, 0.05)
    """
    sd = abs(effect) / float(stats.norm.isf(DOUBT))
    return {"sceptic": Belief(0.0, sd), "neutral": Belief(0.0, math.inf), "enthusiast": Belief(effect, sd)}


def credibility(estimate: Estimate) -> Credibility | None:
    """The analysis of credibility of the interval; None where an end of it is zero.

    Example:
        >>> found = credibility(Estimate(2.0, 0.5, float("inf"), 0.95, "HC3"))
        >>> found.kind, round(found.limit, 3)
        ('sceptical', 0.551)
    """
    low, high = estimate.low, estimate.high
    if low * high == 0 or not math.isfinite(low * high):
        return None
    width2 = (high - low) ** 2
    if low * high > 0:
        return Credibility("sceptical", width2 / (4 * math.sqrt(low * high)))
    return Credibility("advocacy", -(low + high) * width2 / (2 * low * high))


def beliefs_of(
    estimate: Estimate,
    *,
    claim: float | None,
    p_claim: float | None,
    margin: float | None,
    priors: Mapping[str, Belief],
) -> Beliefs:
    """What each prior makes of the estimate; few degrees of freedom widen the evidence to its own interval."""
    normal = float(stats.norm.ppf(0.5 + estimate.level / 2))
    se = estimate.reach(estimate.level) / normal  # the normal evidence with this very interval
    sign = claim if claim else estimate.value
    found: list[Updated] = []
    for who, before in priors.items():
        after = update(before, estimate.value, se)
        below = after.below(0.0)
        same = below if sign < 0 else 1 - below
        worth = negligible = None
        if margin is not None:
            worth = after.below(-margin) if sign < 0 else 1 - after.below(margin)
            negligible = after.below(margin) - after.below(-margin)
        found.append(Updated(who, before, after, same, worth, negligible))
    return Beliefs(_bits(estimate.p), None if p_claim is None else _bits(p_claim), tuple(found), credibility(estimate))


def _bits(p: float) -> float:
    return -math.log2(max(p, 5e-324)) + 0.0
