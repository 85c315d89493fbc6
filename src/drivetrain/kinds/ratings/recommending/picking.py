"""One user's list by rules: at most so many of each author, not too much of the same, the unknown before the known.

Legend: I items, C those looked at, K attributes of a vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.ratings.recommending.catalogue import Attribute
from drivetrain.kinds.ratings.recommending.ranking import NOTHING, Codes, Floats, top

LEAST_POOL = 100
GROWTH = 4
"""Times as many items are looked at where the first ones do not settle it."""


@dataclass(frozen=True)
class Limit:
    """At most so many items with the same value of an attribute; an item without a value counts for none."""

    attribute: Attribute
    most: int


def pick(
    relevance_I: Floats, n: int, *, limits: Sequence[Limit] = (), diversity: float = 0.0, unit_IK: Floats | None = None
) -> list[int]:
    """The items of a list, chosen one after the other, exactly as if all items had been looked at each time.

    Each place goes to the item with the largest (1 - diversity) · relevance - diversity · (largest similarity to an
    item chosen before), among those that no limit forbids (maximal marginal relevance, Carbonell & Goldstein 1998). As
    similarities lie between 0 and 1, an item whose relevance is small enough cannot win: it is not looked at.

    Args:
        relevance_I: Between 0 and 1 where `diversity` is above 0; -inf: not to be recommended.
        n: How many; the list is shorter where the rules leave fewer.
        limits: How many of each value.
        diversity: 0 takes relevance alone, 1 similarity alone.
        unit_IK: Vectors of length 1, or of zeros, whose products are similarities; negative ones count as 0.

    Example:
        >>> same = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
        >>> relevance = np.array([1, 0.9, 0.5], np.float32)
        >>> pick(relevance, 2), pick(relevance, 2, diversity=0.5, unit_IK=same)
        ([0, 1], [0, 2])
    """
    allowed = int(np.count_nonzero(relevance_I > -np.inf))
    size = min(allowed, max(LEAST_POOL, GROWTH * n))
    while size:
        pool = top(relevance_I[None], size)[0][0]
        pool = pool[pool != NOTHING]
        beyond = -np.inf if size >= allowed else float(relevance_I[pool[-1]]) * (1 - diversity)
        found, settled = _picked(
            relevance_I, pool, n, limits=limits, diversity=diversity, unit_IK=unit_IK, beyond=beyond
        )
        if settled:
            return found
        size = min(allowed, GROWTH * size)
    return []


def _picked(
    relevance_I: Floats,
    pool: Codes,
    n: int,
    *,
    limits: Sequence[Limit],
    diversity: float,
    unit_IK: Floats | None,
    beyond: float,
) -> tuple[list[int], bool]:
    """A list from the pool, and whether no item beyond it, worth at most `beyond`, could have had one of its places."""
    worth = (1 - diversity) * relevance_I[pool].astype(np.float64)
    vectors = unit_IK[pool] if diversity and unit_IK is not None else None
    nearest: NDArray[np.float64] = np.zeros(len(pool))
    left = [np.full(len(limit.attribute.values), limit.most) for limit in limits]
    free = np.ones(len(pool), bool)
    found: list[int] = []
    while len(found) < n:
        value = np.where(free, worth - diversity * nearest, -np.inf)
        at = int(np.argmax(value)) if len(pool) else 0
        if not len(pool) or value[at] == -np.inf:
            return found, beyond == -np.inf
        item = int(pool[at])
        full = any((rest[limit.attribute.of(item)] <= 0).any() for limit, rest in zip(limits, left, strict=True))
        free[at] = False
        if full:
            continue
        if value[at] < beyond:
            return found, False
        found.append(item)
        for limit, rest in zip(limits, left, strict=True):
            rest[limit.attribute.of(item)] -= 1
        if vectors is not None:
            nearest = np.maximum(nearest, np.clip(vectors @ vectors[at], 0, 1))
    return found, True


def unit(vectors_IK: Floats) -> Floats:
    """Vectors of length 1; those of zeros stay.

    Example:
        >>> unit(np.array([[3, 4], [0, 0]], np.float32)).round(2).tolist()
        [[0.6..., 0.8...], [0.0, 0.0]]
    """
    length = np.linalg.norm(vectors_IK, axis=1, keepdims=True)
    return (vectors_IK / np.where(length > 0, length, 1)).astype(np.float32)
