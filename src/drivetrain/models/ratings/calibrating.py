"""A score that ranks items as a rating: the line that fits the training rows best."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.ratings.describing import Rows
from drivetrain.kinds.ratings.rankers import ItemRanker
from drivetrain.kinds.ratings.sparse import shape_of

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]
IDENTITY = np.array([0.0, 1.0])
"""The score is the rating."""
HINT = 1e-5
"""Of popularity, beside scores about 1."""
USERS = 2000
"""By whose rows scores become ratings."""


def rating_line(rows: Rows, scores: Floats, *, events: bool) -> Floats:
    """(2,) start and slope of the line of ratings on scores by least squares, as the rows are weighted.

    Args:
        rows: The training rows.
        scores: (N,) of them.
        events: Rows that have no rating: the score stays what it is.
    """
    if events:
        return IDENTITY
    weights, values = rows.weights, rows.values
    mean, mid = np.average(values, weights=weights), np.average(scores, weights=weights)
    spread = np.average((scores - mid) ** 2, weights=weights)
    slope = float(np.average((scores - mid) * (values - mean), weights=weights) / spread) if spread > 0 else 0.0
    return np.array([float(mean - slope * mid), slope])


def popularity_hint(seen: csr_matrix) -> NDArray[np.float32]:
    """(I,) so little that it orders only what nothing else does: what most have had comes first."""
    counts = np.log1p(np.bincount(seen.indices, minlength=shape_of(seen)[1]))
    return (HINT * counts / max(counts.max(initial=0.0), 1.0)).astype(np.float32)


def line_of_items(rows: Rows, ranker: ItemRanker, *, events: bool, seed: int) -> Floats:
    """`rating_line` by the rows of some users: all items of each of them are scored.

    Args:
        rows: The training rows.
        ranker: What scores them.
        events: Rows that have no rating.
        seed: Of the users.
    """
    if events:
        return IDENTITY
    users = np.unique(rows.users)
    if len(users) > USERS:
        users = np.random.default_rng(seed).choice(users, USERS, replace=False)
    which = np.isin(rows.users, users)
    some = Rows(rows.users[which], rows.items[which], rows.values[which], rows.weights[which], None)
    return rating_line(some, ranker.pairs(some.users, some.items), events=False)
