"""Whether the texts of a column are several labels with a separator between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

SURE = ("|", ";")
"""Signs that hardly stand in the name of a class."""
LIKELY = (",",)
RARE = (" ", "/", "+", "&")
"""Signs that often do: they are suggested, never followed."""


class Separator(NamedTuple):
    """What seems to separate labels."""

    sign: str
    followed: bool
    """Whether it is plain enough to go by; else it is suggested."""
    n_cells: int
    """Distinct texts that have it."""
    n_parts: int
    """Distinct labels that they would be."""


def find_separator(texts: Collection[str]) -> Separator | None:
    """The sign that separates labels in these distinct texts, if their parts recur.

    A name such as "rock, paper" or "AC/DC" has parts that stand nowhere else, and "Boston, MA" parts that keep their
    place. Labels recur in other company: alone, or in another place of the list.

    Example:
        >>> find_separator(["cat|dog", "cat", "dog|bird"]).sign, find_separator(["rock, paper", "AC/DC", "pop"])
        ('|', None)
        >>> find_separator(["Boston, MA", "Worcester, MA", "Salem, OR"]).followed
        False
    """
    found = [each for sign in (*SURE, *LIKELY, *RARE) if (each := _look(sign, texts)) is not None]
    return max(found, key=lambda each: (each.followed, each.n_cells), default=None)


def _look(sign: str, texts: Collection[str]) -> Separator | None:
    places: dict[str, set[int]] = defaultdict(set)
    within: dict[str, set[str]] = defaultdict(set)
    whole = {text for text in texts if sign not in text}
    joined = [text for text in texts if sign in text.strip(sign)]
    for text in joined:
        for place, part in enumerate(text.split(sign)):
            if part := part.strip():
                within[part].add(text)
                places[part].add(place)
    if not joined or not within:
        return None
    alone = within.keys() & whole
    recurring = {part for part, where in within.items() if len(where) > 1} | alone
    moves = bool(alone) or any(len(seen) > 1 for seen in places.values())
    many = 2 * len(recurring) >= len(within)
    n_parts = len(within.keys() | whole)
    if sign in SURE:
        return Separator(sign, bool(recurring) and (moves or many), len(joined), n_parts)
    if sign in LIKELY:
        return Separator(sign, many and moves, len(joined), n_parts) if recurring else None
    shorter = many and moves and n_parts < len(set(texts))
    return Separator(sign, False, len(joined), n_parts) if shorter else None
