"""What a recommender asks of a model, and what it makes of that: reasons that hold for any model.

Legend: U users, I items, H what one user has, n items that are explained.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.ratings.recommending.ranking import Codes, Floats

Contributions = NDArray[np.float64]
MOST_LEFT_OUT = 200
"""Items of a user that are left out one by one; of more, the last ones."""


class Scorer(Protocol):
    """A model of ratings or events: every item's score, for users it has learnt and for others."""

    @property
    def says(self) -> str:
        """What a score is, such as "rating predicted"."""
        ...

    @property
    def folds_in(self) -> bool:
        """Whether a new user's items move its scores."""
        ...

    @property
    def is_share(self) -> bool:
        """Whether a score near 1 says that the user will take the item, near 0 that not."""
        ...

    @property
    def reads_values(self) -> bool:
        """Whether ratings count, rather than that there are some."""
        ...

    def scores(self, users: Codes, /) -> Floats:
        """(U, I) of users by code."""
        ...

    def fold_in(self, items: Codes, values: Floats, /) -> Floats:
        """(I,) of somebody with these items, without training."""
        ...

    def contributions(self, items: Codes, values: Floats, wanted: Codes, /) -> Contributions:
        """(n, H) what each of a user's items adds to the score of each wanted one."""
        ...


def left_out(scorer: Scorer, items: Codes, values: Floats, wanted: Codes) -> Contributions:
    """(n, H) how much lower the score of each wanted item would be without each of the user's items.

    It asks the model, whatever it is: once with all, once without each. What moves all scores alike (somebody rates
    high) speaks for none of them, and is taken off.
    """
    found = np.zeros((len(wanted), len(items)))
    if not scorer.folds_in or not len(wanted):
        return found
    whole = scorer.fold_in(items, values).astype(np.float64)
    least = 1e-4 * max(float(np.ptp(whole)), 1e-12)
    for at in range(max(0, len(items) - MOST_LEFT_OUT), len(items)):
        others = np.arange(len(items)) != at
        lost = whole - scorer.fold_in(items[others], values[others])
        lost = (lost - np.median(lost))[wanted]
        found[:, at] = np.where(np.abs(lost) > least, lost, 0.0)
    return found
