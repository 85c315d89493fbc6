"""The words that a model goes by, for each category: left out of the texts of which it is said.

It says what this model uses on these texts, not what a word means; words that always stand together share what they
do, as the model can do without either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivetrain.evaluation.intervals import bootstrap_interval, mean_of
from drivetrain.kinds.texts.explaining import Answer, weighed
from drivetrain.kinds.texts.word_places import same
from drivetrain.runtime.targets import CategoriesTarget, NumberTarget, Target

MOST_ANSWERS = 6000
"""That may be asked for: fewer texts where they are longer, or categories many."""
MOST_TEXTS, FEWEST_TEXTS = 40, 3
"""Of a category."""
MOST_WORDS = 6
"""Of a category that are told."""
FEWEST_FOR_AN_INTERVAL = 5


class Telling(NamedTuple):
    """A word, and what it does where it stands."""

    word: str
    change: float
    """What leaving it out takes from the output, in the mean over the texts that hold it."""
    low: float | None
    high: float | None
    """95 % interval; None of very few texts."""
    n: int
    """Texts that hold it, of those that were asked about."""


def chosen_texts(target: Target, output_NK: NDArray[np.float64], lengths_N: NDArray[np.int64]) -> dict[int, list[int]]:
    """Output → rows, the surest of those of which it is said; of a number rows spread over its values.

    Args:
        target: What is predicted.
        output_NK: What the model says.
        lengths_N: Words of each text.
    """
    if isinstance(target, NumberTarget):
        outputs, said = [0], {0: np.argsort(output_NK[:, 0], kind="stable")}
    else:
        outputs = list(range(output_NK.shape[1]))
        top = output_NK.argmax(axis=1)
        holds = output_NK >= target.threshold if isinstance(target, CategoriesTarget) else top[:, None] == outputs
        order = np.argsort(-output_NK, axis=0, kind="stable")
        said = {k: order[:, k][holds[order[:, k], k]] for k in outputs}
    words = float(np.mean(np.minimum(lengths_N, 96))) + 1 if len(lengths_N) else 1.0
    many = MOST_TEXTS * (5 if isinstance(target, NumberTarget) else 1)
    each = int(np.clip(MOST_ANSWERS / words / len(outputs), FEWEST_TEXTS, many))
    found: dict[int, list[int]] = {}
    for k in outputs:
        rows = said[k]
        spread = np.unique(np.linspace(0, len(rows) - 1, min(each, len(rows))).round().astype(int))
        found[k] = rows[spread].tolist() if isinstance(target, NumberTarget) else rows[:each].tolist()
    return found


def telling(
    answer: Answer, texts: Sequence[str], places: Sequence[int], output: int
) -> tuple[list[Telling], list[Telling]]:
    """The words that do most for an output, and those that do most against it, the most telling first.

    Args:
        answer: The model.
        texts: As it reads them.
        places: Of the texts that are asked about.
        output: Of the model.
    """
    changes: dict[str, list[float]] = {}
    spelled: dict[str, str] = {}
    for at in places:
        one = weighed(answer, texts[at], output=output)
        for word, change in zip(one.words, one.change(output).tolist(), strict=True):
            if _is_word(word.said):
                changes.setdefault(same(word.said), []).append(change)
                spelled.setdefault(same(word.said), word.said)

    def best(sign: float) -> list[Telling]:
        # a word that stands in many texts tells more than one that does as much in a single one
        order = sorted(changes, key=lambda word: -sign * sum(changes[word]))
        found = [word for word in order if sign * sum(changes[word]) > 0][:MOST_WORDS]
        return [_told(_as_usual(spelled[word]), changes[word]) for word in found]

    return best(1.0), best(-1.0)


def _is_word(said: str) -> bool:
    """Not a full stop or a bracket."""
    return any(letter.isalnum() for letter in said) or not said.isascii()


def _as_usual(spelled: str) -> str:
    """A word with a capital letter at its beginning alone mostly stood at that of a sentence."""
    return spelled.lower() if spelled.istitle() else spelled


def _told(word: str, changes: Sequence[float]) -> Telling:
    values = np.asarray(changes)
    low = high = None
    if len(values) >= FEWEST_FOR_AN_INTERVAL and np.ptp(values) > 0:
        interval = bootstrap_interval(mean_of(values), len(values))
        low, high = (None, None) if interval is None else (interval.low, interval.high)
    return Telling(word, float(values.mean()), low, high, len(values))
