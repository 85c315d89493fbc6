"""Whether the marks on words can be believed: tests of the explanation itself, over some texts.

* **Shuffled parameters** (Adebayo et al., Sanity checks for saliency maps, 2018): copies of the model whose numbers
  were shuffled are asked the same. Marks that stay show the text, and nothing of what the model decides by.
* **Leaving out** (the deletion test of Petsiuk, Das & Saenko, RISE, 2018): the words that are marked most are left out
  first, one after another. If they matter, the answer goes sooner than in an order by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation.intervals import Interval, bootstrap_interval, mean_of
from drivetrain.kinds.texts.explaining import ALIKE, FEWEST, Answer, Weighed, agreement, asked
from drivetrain.kinds.texts.word_places import without
from drivetrain.pages.words import with_minus

STEPS = 8
ORDERS = 4
"""By chance, of each text."""


@dataclass(frozen=True)
class Checked:
    """What one test says."""

    name: str
    passed: bool
    said: str
    """With its numbers."""


def shuffled_check(found: Sequence[tuple[str, int, Weighed]], others: Sequence[Answer]) -> Checked | None:
    """Whether the marks change when the parameters are shuffled; None where that cannot be asked.

    Args:
        found: Texts, the output that was explained, and what was found.
        others: Copies of the model that have learnt nothing.
    """
    each = [agreement(one, others, text, output, until=float("inf")) for text, output, one in found]
    values = np.array([value for value in each if value is not None])
    if not len(values):
        return None
    mean, passed = float(values.mean()), float(values.mean()) < ALIKE
    verdict = (
        "the marks depend on what the model has learnt"
        if passed
        else "they are much the same when the model knows nothing, so they show the text rather than the decision"
    )
    said = (
        f"rank correlation {with_minus(f'{mean:.2f}')}{_ends(_interval(values))} with the marks of models whose "
        f"parameters were shuffled, {len(values)} texts; {verdict}"
    )
    return Checked("shuffled parameters", passed, said)


def deletion_check(answer: Answer, found: Sequence[tuple[str, int, Weighed]], *, seed: int = 0) -> Checked | None:
    """Whether leaving out what is marked most takes the answer away sooner than an order by chance; None: too little.

    Args:
        answer: The model.
        found: Texts, the output that was explained, and what was found.
        seed: Of the orders.
    """
    rng = np.random.default_rng(seed)
    own: list[float] = []
    chance: list[float] = []
    for text, output, one in found:
        if len(one.words) < FEWEST:
            continue
        orders = [np.argsort(-one.change(output), kind="stable")]
        orders += [rng.permutation(len(one.words)) for _ in range(ORDERS)]
        areas = _areas(answer, text, output, (one, orders))
        own.append(areas[0])
        chance.append(float(np.mean(areas[1:])))
    if not own:
        return None
    better = np.array(chance) - np.array(own)
    interval = _interval(better)
    passed = interval is not None and interval.low > 0
    verdict = "sooner than by chance" if passed else "not shown to be sooner than by chance"
    said = (
        f"with the words that are marked most left out first, the answer keeps {np.mean(own):.3f} on the way (in an "
        f"order by chance {np.mean(chance):.3f}): it goes {verdict}, by {better.mean():.3f}{_ends(interval)}, "
        f"{len(own)} texts"
    )
    return Checked("leaving out", passed, said)


def _areas(answer: Answer, text: str, output: int, given: tuple[Weighed, Sequence[NDArray[np.int64]]]) -> list[float]:
    """For each order the mean of the output while words are left out one after another."""
    one, orders = given
    counts = np.unique(np.linspace(0, len(one.words), STEPS + 1).round().astype(int))
    lacking = [without(text, [one.words[at] for at in order[:n].tolist()]) for order in orders for n in counts.tolist()]
    said = asked(answer, lacking)[:, output].astype(np.float64).reshape(len(orders), len(counts))
    return [float(np.trapezoid(row, x=counts / len(one.words))) for row in said]


def _interval(values: NDArray[np.float64]) -> Interval | None:
    return None if len(values) < 2 or np.ptp(values) == 0 else bootstrap_interval(mean_of(values), len(values))


def _ends(interval: Interval | None) -> str:
    return "" if interval is None else with_minus(f" [{interval.low:.2f}, {interval.high:.2f}]")
