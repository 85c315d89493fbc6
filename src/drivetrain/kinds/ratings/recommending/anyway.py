"""What a user would find anyway: a heuristic, for where no experiment says what recommending adds.

Legend: U users, I items, H what one user has.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.ratings.recommending.catalogue import Catalogue
from drivetrain.kinds.ratings.recommending.ranking import Codes, Floats

MAKERS = ("author", "authors", "series", "artist", "artists", "band", "brand", "maker", "franchise", "director")
"""Names of columns that say whose an item is: who likes one finds the others without help."""
SAID = (
    "a heuristic, no measured effect: a user finds anyway what many have, what comes from somebody whose items the "
    "user has already (half of it after one item, three quarters after three), and what is nearly certain. Where "
    "showing was randomised, take dt.uplift"
)


def makers_of(names: Sequence[str]) -> tuple[str, ...]:
    """Columns of a side table that say whose an item is, by their names.

    Example:
        >>> makers_of(["title", "Author", "year"])
        ('Author',)
    """
    return tuple(name for name in names if name.strip().casefold() in MAKERS)


def found_anyway(
    catalogue: Catalogue, own: Codes, makers: Sequence[str], preference_I: Floats | None = None
) -> NDArray[np.float64]:
    """(I,) how probable it is that the user finds each item without a recommendation.

    1 - (1 - popular) · (1 - familiar) · (1 - certain): the share of users who have the item; m / (m + 1) where the
    user has m items of the same maker (of several columns the largest); and the preference predicted, where the model
    predicts one between 0 and 1.

    Args:
        catalogue: Items and users.
        own: (H,) what the user has.
        makers: Columns that say whose an item is.
        preference_I: Between 0 and 1; None: the model predicts none.
    """
    missed = 1 - catalogue.counts / max(1, len(catalogue.users))
    familiar = np.zeros(len(catalogue.items))
    for name in makers:
        attribute = catalogue.attributes[name]
        mine = np.zeros(len(attribute.values) + 1)
        for item in own.tolist():
            mine[attribute.of(item)] += 1
        each = mine[attribute.codes]
        np.maximum.at(familiar, attribute.items, each / (each + 1))
    missed = missed * (1 - familiar)
    if preference_I is not None:
        missed = missed * (1 - np.clip(np.nan_to_num(preference_I, nan=0.0, neginf=0.0), 0, 1))
    return 1 - missed
