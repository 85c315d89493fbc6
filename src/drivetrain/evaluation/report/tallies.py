"""What tables and charts of a report count. Legend: N rows, K categories."""

from __future__ import annotations

from dataclasses import dataclass

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
    target, predictions = predictions.target, predictions.judged
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


def said_and_held(predictions: Predictions) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probabilities that were given, and whether what they were given to is true.

    category: of each row's answer. categories: of each label of each row.
    """
    if predictions.target.kind == "categories":
        return predictions.output.astype(np.float64).ravel(), (predictions.known_truth() == 1).ravel()
    return predictions.confidence(), predictions.hits()
