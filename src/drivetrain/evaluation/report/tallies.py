"""What tables and charts of a report count. Legend: N rows, K categories, M bins."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation.confusions import count_confusions
from drivetrain.evaluation.intervals import Interval, wilson_interval
from drivetrain.evaluation.predictions import Predictions


@dataclass(frozen=True)
class Tally:
    """How one category fares: rows where it is true, where it is said, and where both."""

    name: str
    true: int
    said: int
    right: int
    confused_with: str = ""
    """What it is most often taken for, where anything."""
    confused: int = 0

    @property
    def recall(self) -> float | None:
        """Share of its rows that are recognised; None where there are none."""
        return self.right / self.true if self.true else None

    @property
    def precision(self) -> float | None:
        """Share of the rows said to be it that are; None where it is never said."""
        return self.right / self.said if self.said else None

    def recall_interval(self) -> Interval | None:
        """Wilson's, 95 %."""
        return wilson_interval(self.right, self.true) if self.true else None

    def precision_interval(self) -> Interval | None:
        """Wilson's, 95 %."""
        return wilson_interval(self.right, self.said) if self.said else None


def tallies(predictions: Predictions) -> list[Tally]:
    """One per category or label, in the order of the vocabulary.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> said = Predictions(ids=("a", "b"), target=fruit, truth=[0, 0], output=[[0.9, 0.1], [0.4, 0.6]])
        >>> [(t.name, t.recall, t.precision, t.confused_with) for t in tallies(said)]
        [('apple', 0.5, 1.0, 'pear'), ('pear', None, 0.0, '')]
    """
    target = predictions.target
    assert target.kind != "number", "numbers have no categories"
    if target.kind == "categories":
        truth, said = predictions.known_truth() == 1, predictions.chosen() == 1
        counts = zip(target.vocab, truth.sum(0), said.sum(0), (truth & said).sum(0), strict=True)
        return [Tally(name, int(t), int(s), int(r)) for name, t, s, r in counts]
    counts_KK = count_confusions(predictions)
    wrong_KK = counts_KK - np.diag(np.diag(counts_KK))
    made: list[Tally] = []
    for k, name in enumerate(target.vocab):
        other = int(wrong_KK[k].argmax())
        confused = int(wrong_KK[k, other])
        with_ = target.vocab[other] if confused else ""
        true, said, right = int(counts_KK[k].sum()), int(counts_KK[:, k].sum()), int(counts_KK[k, k])
        made.append(Tally(name, true, said, right, with_, confused))
    return made


@dataclass(frozen=True)
class Bin:
    """Rows of similar confidence: how confident on average, and how many of them are right."""

    confidence: float
    n: int
    hits: int

    @property
    def accuracy(self) -> float:
        """Share of right rows."""
        return self.hits / self.n

    def interval(self) -> Interval:
        """Wilson's, 95 %."""
        return wilson_interval(self.hits, self.n)


def said_and_held(predictions: Predictions) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probabilities that were given, and whether what they were given to is true.

    category: of each row's answer. categories: of each label of each row.
    """
    if predictions.target.kind == "categories":
        return predictions.output.astype(np.float64).ravel(), (predictions.known_truth() == 1).ravel()
    return predictions.confidence(), predictions.hits()


def equal_mass_bins(confidence_N: NDArray[np.float64], held_N: NDArray[np.bool_], most: int = 10) -> list[Bin]:
    """At most `most` bins of about as many rows each; equal confidences are never divided.

    Example:
        >>> bins = equal_mass_bins(np.array([0.9, 0.6, 0.6, 0.7]), np.array([True, False, True, True]), 2)
        >>> [(round(b.confidence, 2), b.n, b.hits) for b in bins]
        [(0.6, 2, 1), (0.8, 2, 2)]
    """
    order = np.argsort(confidence_N, kind="stable")
    sorted_N = confidence_N[order]
    ends = {0, len(order)}
    for i in range(1, most):
        wanted = round(i * len(order) / most)
        if 0 < wanted < len(order):
            ends.add(int(np.searchsorted(sorted_N, sorted_N[wanted])))
    places = sorted(ends)
    return [Bin(float(sorted_N[a:b].mean()), b - a, int(held_N[order[a:b]].sum())) for a, b in pairwise(places)]


def expected_calibration_error(bins: list[Bin]) -> float:
    """Distance of confidence from accuracy, averaged over the rows of all bins.

    Source: Naeini, Cooper & Hauskrecht (2015), with bins of equal mass (Nguyen & O'Connor 2015).

    Example:
        >>> expected_calibration_error([Bin(0.5, 2, 2), Bin(1.0, 2, 2)])
        0.25
    """
    n = sum(b.n for b in bins)
    return sum(b.n * abs(b.confidence - b.accuracy) for b in bins) / n if n else 0.0
