"""New classes that look like old ones under another name: told, since two names of one thing compete in the model.

Legend: N rows of new classes, K classes that the old model knows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.notices import warn
from drivetrain.evaluation.intervals import wilson_ends
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.targets import CategoryTarget
from drivetrain.text import readable

TakenFor = dict[str, tuple[str, int, int]]
"""New class → old class, rows that are taken for it, all rows of the new class."""
Z = NormalDist().inv_cdf(0.975)
"""Of 95 % intervals."""
_BETWEEN = re.compile(r"[\W_]+")


def warn_of_spellings(new: Sequence[str], old: Sequence[str]) -> None:
    """Warn of new classes whose names differ from old ones in capitals, blanks and punctuation alone."""
    known = {_letters(name): name for name in old}
    for name in new:
        other = known.get(_letters(name))
        if other is not None and _letters(name):
            warn(
                f"{readable(name)!r} counts as a new class, though the model knows {readable(other)!r}: names are "
                "compared letter by letter. To fix: give these rows the old name, where it is the same class."
            )


def _letters(name: str) -> str:
    """What is left of a name without capitals, blanks and punctuation.

    Example:
        >>> _letters(" Red_Disc "), _letters("red disc"), _letters("Ré 2")
        ('reddisc', 'reddisc', 'ré2')
    """
    return _BETWEEN.sub("", name.casefold())


def taken_for(
    labels: Sequence[str], probabilities_NK: NDArray[np.floating], vocab: Sequence[str], threshold: float
) -> TakenFor:
    """New classes of which significantly more than half of the rows are one old class to the old model, and surely so.

    Args:
        labels: The new class of each row.
        probabilities_NK: What the old model says of them.
        vocab: Its classes.
        threshold: Probability from which it answers.

    Returns:
        New class → old class, rows that are taken for it, all rows of the new class.

    Example:
        >>> said = np.array([[0.9, 0.1], [0.8, 0.2], [0.9, 0.1], [0.8, 0.2], [0.4, 0.6]])
        >>> taken_for(["crimson"] * 4 + ["blue"], said, ("red", "green"), threshold=0.7)
        {'crimson': ('red', 4, 4)}
    """
    sure = probabilities_NK.max(axis=1) >= threshold
    best = probabilities_NK.argmax(axis=1)
    found: TakenFor = {}
    for label in dict.fromkeys(labels):
        mine = np.array([one == label for one in labels])
        counted = Counter(int(one) for one in best[mine & sure])
        if counted:
            [(top, n)] = counted.most_common(1)
            low, _ = wilson_ends(n / int(mine.sum()), int(mine.sum()), Z)
            if low > 0.5:
                found[label] = (vocab[top], n, int(mine.sum()))
    return found


def warn_of_likeness(found: TakenFor, said: Sequence[Predictions], noun: str) -> None:
    """Warn of new classes that the old model takes for one of its own, and that the updated one mixes up with it.

    Args:
        found: See `taken_for`.
        said: What the updated model says of validation rows.
        noun: What these are.
    """
    for label, (old, n, of) in found.items():
        mixed = sum(_mixed(one, label, old) + _mixed(one, old, label) for one in said)
        if mixed:
            warn(
                f"the old model takes {n} of {of} validation {noun} of the new class {readable(label)!r} for "
                f"{readable(old)!r}, and is sure of it; the updated one mixes up {mixed} of both. Where that is one "
                "class under two names, they compete. To fix: give these rows the old name; leave it so, where they "
                "are different."
            )


def _mixed(said: Predictions, true: str, answered: str) -> int:
    """Rows of one class that are answered with another one."""
    vocab = said.target.vocab if isinstance(said.target, CategoryTarget) else ()
    if true not in vocab or answered not in vocab:
        return 0
    judged = said.judged
    is_so = (judged.known_truth() == vocab.index(true)) & (judged.output.argmax(axis=1) == vocab.index(answered))
    return int(is_so.sum())
