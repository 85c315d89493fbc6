"""What is known of a possible grouping before it is called a guess: sizes, classes, and which groups are torn apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from drivetrain.data.splitting.split import Part

NAMED = 4
"""How many groups a message names."""


@dataclass(frozen=True, repr=False)
class GroupGuess:
    """Rows that may belong together.

    Example:
        >>> GroupGuess("column 'patient'", "patient", n_groups=40, n_torn=38, likely=True, such_as=("p1", "p2"))
        column 'patient': 40 groups (p1, p2, …), 38 on both sides; likely; group='patient'
    """

    where: str
    """What tells the groups."""
    argument: str
    """What `images(…, group=)` takes for them."""
    n_groups: int
    n_torn: int
    """Groups with rows in training and in validation or test."""
    likely: bool
    """Whether a random split over these is worth a warning; the others are mentioned here only."""
    such_as: tuple[str, ...] = ()
    """Some groups."""

    def __repr__(self) -> str:
        return f"{self.evidence}{'; likely' if self.likely else ''}; group={self.argument!r}"

    @property
    def evidence(self) -> str:
        """How many groups there are, and how many are torn apart."""
        torn = "every one" if self.n_torn == self.n_groups else str(self.n_torn)
        more = ", …" if self.n_groups > len(self.such_as) else ""
        return f"{self.where}: {self.n_groups} groups ({', '.join(self.such_as)}{more}), {torn} on both sides"


class Grouping:
    """A group for each row, with what can be counted of them.

    Args:
        groups: Of each row; rows with an empty one count as groups of their own.
        classes: The category of each row, or the same text for all.
    """

    def __init__(self, groups: Sequence[str], classes: Sequence[str]) -> None:
        self.groups = [group or f"\0{row}" for row, group in enumerate(groups)]
        self.classes = classes
        self.sizes = Counter(self.groups)
        self.n_classes = len(set(classes))
        self._classes_of: dict[str, set[str]] = defaultdict(set)
        for group, label in zip(self.groups, classes, strict=True):
            self._classes_of[group].add(label)

    @property
    def mean_size(self) -> float:
        """Rows per group."""
        return len(self.groups) / max(1, len(self.sizes))

    def share_in_groups_of(self, least: int) -> float:
        """Share of the rows that are in groups of at least this size."""
        return sum(n for n in self.sizes.values() if n >= least) / max(1, len(self.groups))

    def share_that_recurs(self, *within: Sequence[str]) -> float:
        """Share of the rows that have a second row of the same group and the same of all that is given.

        Example:
            >>> Grouping(["a", "a", "b"], ["", "", ""]).share_that_recurs(["x", "x", "y"])
            0.6666666666666666
        """
        cells = Counter(zip(self.groups, *within, strict=True))
        return sum(n for n in cells.values() if n > 1) / max(1, len(self.groups))

    def crossing(self) -> float:
        """Share of the groups that have more than one class; 1 where there are no classes."""
        if self.n_classes < 2:
            return 1.0
        return sum(len(found) > 1 for found in self._classes_of.values()) / max(1, len(self.sizes))

    def numbered(self) -> bool:
        """Whether most names have a digit, as those of single things do, and those of kinds seldom."""
        return 2 * sum(any(map(str.isdigit, name)) for name in self.sizes) >= len(self.sizes)

    def says_the_class(self) -> bool:
        """Whether group and class are nearly the same thing, or the class tells the group."""
        if self.n_classes < 2:
            return False
        pairs = sum(len(found) for found in self._classes_of.values())
        told_by_class = pairs <= 1.1 * self.n_classes
        return told_by_class or (self.crossing() < 0.1 and len(self.sizes) <= 1.5 * self.n_classes)

    def guess(self, where: str, argument: str, parts: Sequence[Part], *, likely: bool) -> GroupGuess:
        """What is to be told of it."""
        trained = {group for group, part in zip(self.groups, parts, strict=True) if part == "train"}
        held_out = {group for group, part in zip(self.groups, parts, strict=True) if part != "train"}
        such_as = sorted(group for group, _ in self.sizes.most_common(200) if not group.startswith("\0"))
        return GroupGuess(where, argument, len(self.sizes), len(trained & held_out), likely, tuple(such_as[:NAMED]))
