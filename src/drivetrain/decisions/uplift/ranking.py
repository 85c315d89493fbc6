"""How good an order of rows is, when each row has an unbiased estimate of its own effect: Qini, AUUC, the best share.

Legend: n rows, G groups of rows that belong together (each row its own where none were named), s a share of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from drivetrain.decisions.worth import Worth, clustered
from drivetrain.settings import number

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
SHARES: Array = np.linspace(0, 1, 101)
"""At which curves are drawn."""


@dataclass(frozen=True)
class Measured:
    """What every order of the rows is judged on."""

    effect: Array
    """(n,) an estimate of each row's effect whose mean over any set of rows, chosen without the outcome, is that of
    their true effects (`aipw`)."""
    fold: Codes
    """(n,) rows of different folds were given their scores by different models, and are not compared."""
    group: Codes
    """(n,) rows with one code belong together."""
    level: float = 0.95

    @property
    def n_groups(self) -> int:
        """Groups."""
        return int(self.group.max()) + 1

    @cached_property
    def average(self) -> Worth:
        """Of all rows: what treating everybody does, per row. Also what any share of random order gives."""
        return self.worth(self.effect, "mean of doubly robust effects")

    def worth(self, values: Array, method: str, *, of: float | None = None) -> Worth:
        """The mean of (n,) values, or a number `of` which they are the influences, with its interval."""
        value = float(values.mean()) if of is None else of
        return clustered(value, (values - values.mean()) / len(values), self.group, method, self.level)


def aipw(
    outcome: Array, treated: NDArray[np.bool_], propensity: Array, treated_mean: Array, other_mean: Array
) -> Array:
    """(n,) each row's effect, doubly robust.

    Right on average where the propensities are right or both predictions are; where chance set the treatment, the first
    holds whatever the models say, and good predictions only take noise away.

    Args:
        outcome: (n,) what was seen.
        treated: (n,) whether the row was treated.
        propensity: (n,) with which probability.
        treated_mean: (n,) outcome predicted if treated, by a model that has not seen the row.
        other_mean: (n,) the same if not.

    Source: Robins, Rotnitzky & Zhao (1994); as scores of a ranking: Yadlowsky et al. (2021), arXiv 2111.07966.

    Example:
        >>> aipw(np.array([1.0]), np.array([True]), np.array([0.5]), np.array([0.6]), np.array([0.2])).round(3).tolist()
        [1.2]
    """
    left = np.where(treated, (outcome - treated_mean) / propensity, -(outcome - other_mean) / (1 - propensity))
    return treated_mean - other_mean + left


class Ranking:
    """An order of the rows, the best first, and what it gains.

    Args:
        name: "uplift", "response model", …
        said: What it orders by, in words.
        score: (n,) the higher, the earlier; equal ones are in random order, which is computed and not drawn.
        measured: What it is judged on.
    """

    def __init__(self, name: str, said: str, score: Array, measured: Measured) -> None:
        self.name, self.said, self.score, self.measured = name, said, score, measured
        self.first, self.last = np.zeros(len(score)), np.ones(len(score))
        for fold in np.unique(measured.fold):
            here = np.flatnonzero(measured.fold == fold)
            self.first[here] = (rankdata(-score[here], "min") - 1) / len(here)
            self.last[here] = rankdata(-score[here], "max") / len(here)

    def __repr__(self) -> str:
        return f"Ranking({self.name}: Qini {self.qini}; uplift in the best 30 % {self.uplift_at(0.3)})"

    @property
    def place(self) -> Array:
        """(n,) share of rows before it: 0 is the first."""
        return (self.first + self.last) / 2

    @property
    def qini(self) -> Worth:
        """Area between its curve and that of random order, per row: how much more it gains, averaged over all shares.

        Source: Radcliffe (2007), with each row's doubly robust effect in place of counts.
        """
        return self.measured.worth(self._influence(0.5), "Qini, doubly robust")

    @property
    def auuc(self) -> Worth:
        """Area under its curve, per row: the gain, averaged over all shares that could be treated."""
        return self.measured.worth(self._influence(1.0), "AUUC, doubly robust")

    def uplift_at(self, share: float) -> Worth:
        """Mean effect of the best share of rows.

        Args:
            share: In (0, 1]: .3 is the best 30 %.

        Raises:
            SettingError: It is no share.
        """
        return self.measured.worth(*self._at(number("share", share, above=0, most=1)))

    def better_than(self, other: Ranking) -> Worth:
        """Its Qini less another order's, on the same rows: one interval, paired."""
        mine, others = self._influence(0.5), other._influence(0.5)
        return self.measured.worth(mine - others, f"Qini of {self.name} less that of {other.name}, paired")

    def curve(self, shares: Sequence[float] | Array = SHARES) -> tuple[Array, Array, Array, Array]:
        """Shares treated, and what treating them gains per row of all: value, low and high."""
        at = np.asarray(shares, dtype=np.float64)
        found = [Worth(0.0, 0.0, 0.0) if s == 0 else self.uplift_at(float(s)) for s in at]
        ends = [(w.value, w.value if w.low is None else w.low, w.value if w.high is None else w.high) for w in found]
        value, low, high = (at * np.array(column) for column in zip(*ends, strict=True))
        return at, value, low, high

    def inside(self, share: float) -> Array:
        """(n,) how much of each row is among the best share: 1, 0, or between where equal rows are cut."""
        width = np.maximum(self.last - self.first, 1e-12)
        return np.clip((share - self.first) / width, 0, 1)

    def _at(self, share: float) -> tuple[Array, str]:
        """Influences of the mean effect of the best share, about its value: their mean is the value."""
        inside, effect = self.inside(share), self.measured.effect
        value = float((inside * effect).sum() / inside.sum())
        return value + inside * (effect - value) / inside.mean(), f"doubly robust, best {share:.0%} by {self.name}"

    def _influence(self, top: float) -> Array:
        """(n,) influences on the mean of effect · (top − place), whose mean is that value.

        A row counts by its own effect, and by the places it takes from the rows behind it: their effects, added up, go
        off (Yadlowsky et al. 2021, section 2.3).
        """
        effect, fold = self.measured.effect, self.measured.fold
        own, behind = effect * (top - self.place), np.zeros(len(effect))
        for each in np.unique(fold):
            here = np.flatnonzero(fold == each)
            order = here[np.argsort(self.first[here], kind="stable")]
            ends = np.concatenate([[0.0], np.cumsum(effect[order])])
            n, total = len(order), ends[-1]
            low = np.rint(self.first[here] * n).astype(np.int64)
            high = np.rint(self.last[here] * n).astype(np.int64)
            after = (total - (ends[low] + ends[high]) / 2) / n
            behind[here] = after - after.mean()
        return own - behind
