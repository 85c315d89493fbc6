"""Which channels tell a class from the others, and what chance alone would show.

Of each channel and class the area under the ROC curve (AUC) of the channel's maximum: 0.5 says nothing, 1 ranks every
row of the class above all others. A layer has thousands of such pairs, so the largest of them is large by chance; what
chance shows is measured by giving the labels to other rows. Rows of one group, and copies of one content, with the same
label count once, with their mean.

Legend: R rows, U units (rows that count for themselves), C channels, K labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import DataError
from drivetrain.insight.parts import Subject, Top
from drivetrain.runtime.targets import NumberTarget
from drivetrain.text import number_text

FEWEST_ROWS = 5
"""A label that fewer units have, or lack, is not judged: with one row, some channel of any layer has an AUC of 1."""
LEVEL = 0.95
"""So often no channel of a layer at all passes the threshold where labels mean nothing."""
_MOST_SHUFFLES, _LEAST_SHUFFLES = 400, 100
_WORK = 2e11
"""Multiplications that the shuffles of one layer may take: some seconds."""


@dataclass(frozen=True)
class Labels:
    """What rows can be told apart by, in the user's own words."""

    names: tuple[str, ...]
    """Classes, labels, or of numbers the bands "price below 120", "price above 480"."""
    of_units: NDArray[np.bool_]
    """(U, K) which are true of each unit."""
    unit: NDArray[np.int64]
    """(R,) the unit that each row belongs to."""

    @property
    def n_units(self) -> int:
        """Rows that count for themselves."""
        return len(self.of_units)

    @property
    def counts(self) -> NDArray[np.int64]:
        """(K,) units of each label."""
        return self.of_units.sum(axis=0)

    def averaged(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """(R, C) → (U, C): the mean of each unit's rows."""
        sums = np.zeros((self.n_units, rows.shape[1]))
        np.add.at(sums, self.unit, rows.astype(np.float64))
        return sums / np.bincount(self.unit, minlength=self.n_units)[:, None]


@dataclass(frozen=True)
class Selectivity:
    """How well each channel of a layer tells each label from the rest."""

    labels: Labels
    auc: NDArray[np.float64]
    """(K, C); NaN of labels that too few units have or lack."""
    threshold: NDArray[np.float64]
    """(K,) what the best channel of the layer reaches by chance for any label, 19 times in 20; NaN likewise."""
    active: NDArray[np.bool_]
    """(C,) whether the channel says different things of different rows."""

    @property
    def margin(self) -> NDArray[np.float64]:
        """(K, C) AUC above the threshold; −inf where a label cannot be judged."""
        return np.nan_to_num(self.auc - self.threshold[:, None], nan=-np.inf)

    def best(self, channel: int) -> tuple[str, float] | None:
        """The label that a channel is most above chance for, and its AUC; None where it passes for none."""
        margin = self.margin[:, channel]
        if not len(margin) or margin.max() < 0:
            return None
        label = int(margin.argmax())
        return self.labels.names[label], float(self.auc[label, channel])


def labels_of(subject: Subject) -> Labels:
    """What the target says of the rows: classes, labels, or bands of numbers with a third of the rows each.

    A number that takes three values or fewer has a label for each of them.
    """
    names, of_rows = _labels(subject)
    groups, digests = subject.rows.groups, subject.rows.digests
    keys = np.array(groups or digests or range(len(subject.rows)), dtype=object).astype(str)
    _, key = np.unique(keys, return_inverse=True)
    _, pattern = np.unique(of_rows, axis=0, return_inverse=True)
    _, first, unit = np.unique(
        np.stack([key.ravel(), pattern.ravel()], axis=1), axis=0, return_index=True, return_inverse=True
    )
    return Labels(names, of_rows[first], unit.ravel().astype(np.int64))


def selectivity(top: Top, labels: Labels, *, seed: int = 0) -> Selectivity:
    """AUC of every channel's maximum for every label, with the threshold that chance passes one time in 20.

    The threshold is for the layer as a whole: labels are given to other units, and the largest standardised AUC of any
    channel for any label is noted (the maximum-statistic permutation test of Westfall & Young 1993).

    Args:
        top: Its `strongest` is (R, C).
        labels: Of the same R rows, from `labels_of`.
        seed: Of the shuffles.

    Raises:
        DataError: Rows and labels are not as many.
    """
    from scipy.stats import rankdata  # noqa: PLC0415 - slow to import

    if len(top.strongest) != len(labels.unit):
        raise DataError(
            f"there are maxima of {len(top.strongest)} rows and labels of {len(labels.unit)}; expected both of the "
            "same rows. To fix: search the rows of this subject again."
        )
    values = labels.averaged(top.strongest)
    ranks: NDArray[np.float64] = np.asarray(rankdata(values, axis=0))
    n, counts = labels.n_units, labels.counts
    judged = (counts >= FEWEST_ROWS) & (counts <= n - FEWEST_ROWS)
    with np.errstate(divide="ignore", invalid="ignore"):
        sums = labels.of_units.astype(np.float64).T @ ranks
        auc = (sums - (counts * (counts + 1) / 2)[:, None]) / (counts * (n - counts))[:, None]
        spread = np.sqrt((n + 1) / (12 * counts * (n - counts)))  # of an AUC where labels mean nothing, without ties
    auc[~judged], spread[~judged] = np.nan, np.nan
    reach = _reach(ranks, labels.of_units[:, judged], spread[judged], seed) if judged.any() else np.nan
    return Selectivity(labels, auc, np.minimum(0.5 + reach * spread, 1.0), np.ptp(values, axis=0) > 0)


def _reach(ranks: NDArray[np.float64], of_units: NDArray[np.bool_], spread: NDArray[np.float64], seed: int) -> float:
    """The standardised AUC that the best channel passes for any label one time in 20, if labels mean nothing."""
    n, n_channels = ranks.shape
    centred = (ranks - (n + 1) / 2).astype(np.float32)
    counts = of_units.sum(axis=0)
    scale = (1 / (counts * (n - counts) * spread)).astype(np.float32)  # (AUC − 0.5) / spread of a sum of centred ranks
    shuffles = int(np.clip(_WORK / (n * n_channels * len(counts)), _LEAST_SHUFFLES, _MOST_SHUFFLES))
    rng, weights = np.random.default_rng(seed), of_units.astype(np.float32) * scale
    largest = [float((weights[rng.permutation(n)].T @ centred).max()) for _ in range(shuffles)]
    return float(np.quantile(largest, LEVEL))


def _labels(subject: Subject) -> tuple[tuple[str, ...], NDArray[np.bool_]]:
    """Names, and (R, K) which are true."""
    target, truth = subject.target, np.asarray(subject.truth)
    if isinstance(target, NumberTarget):
        parts = [_bands(name, truth[:, d]) for d, name in enumerate(target.names)]
        return tuple(name for names, _ in parts for name in names), np.concatenate([held for _, held in parts], axis=1)
    if target.kind == "category":
        return target.vocab, truth[:, None] == np.arange(target.n_outputs)
    return target.vocab, truth > 0.5


def _bands(name: str, values: NDArray[np.float64]) -> tuple[list[str], NDArray[np.bool_]]:
    """Lower, middle and upper third of a number, or each value where there are three or fewer."""
    distinct = np.unique(values)
    if len(distinct) <= 3:
        return [f"{name} {number_text(float(value))}" for value in distinct], values[:, None] == distinct
    low, high = (float(end) for end in np.quantile(values, [1 / 3, 2 / 3]))
    below, above = values < low, values > high
    names = [
        f"{name} below {number_text(low)}",
        f"{name} {number_text(low)} to {number_text(high)}",
        f"{name} above {number_text(high)}",
    ]
    return names, np.stack([below, ~below & ~above, above], axis=1)
