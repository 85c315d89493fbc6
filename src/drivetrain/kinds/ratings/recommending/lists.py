"""Lists of recommendations, as they are given back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

from drivetrain.calls import named
from drivetrain.kinds.ratings.recommending.ranking import NOTHING, Codes, Floats
from drivetrain.kinds.tables.parsing import category_text, is_gap
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import refuse
from drivetrain.text import in_digits, readable

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Recommended:
    """One item, and why it is there."""

    item: str
    score: float
    """As the model says it, before any rule; `Recommendations.says` names it."""
    why: str
    title: str | None = None
    anyway: float | None = None
    """How probable it is that the user finds it without a recommendation, by the heuristic, where that was asked."""
    adds: float | None = None
    """What recommending it adds, where a measured effect ranks."""

    def as_json(self) -> dict[str, Any]:
        """The fields that apply."""
        found: dict[str, Any] = {"item": self.item, "score": self.score, "why": self.why}
        more = {"title": self.title, "anyway": self.anyway, "adds": self.adds}
        return found | {name: value for name, value in more.items() if value is not None}


@dataclass(frozen=True)
class Recommendations(Sequence[Recommended]):
    """A user's list, the best first."""

    user: str | None
    """None: somebody new, by what they like."""
    found: tuple[Recommended, ...]
    says: str
    """What a score is."""
    decisions: Mapping[str, Decision] = field(default_factory=dict[str, Decision])

    @property
    def items(self) -> tuple[str, ...]:
        """Names of the items."""
        return tuple(one.item for one in self.found)

    @overload
    def __getitem__(self, at: int) -> Recommended: ...

    @overload
    def __getitem__(self, at: slice) -> tuple[Recommended, ...]: ...

    def __getitem__(self, at: int | slice) -> Recommended | tuple[Recommended, ...]:
        return self.found[at]

    def __len__(self) -> int:
        return len(self.found)

    def __iter__(self) -> Iterator[Recommended]:
        return iter(self.found)

    def as_json(self) -> list[dict[str, Any]]:
        """A dictionary for each item."""
        return [one.as_json() for one in self.found]

    def __str__(self) -> str:
        lines = [f"for {'a new user' if self.user is None else readable(self.user)}, by {self.says}:"]
        lines += [f"  {line_of(one)}" for one in self.found]
        lines += [f"{name}: {decision}" for name, decision in self.decisions.items()]
        return "\n".join(lines)


def line_of(one: Recommended) -> str:
    """One item in words.

    Example:
        >>> line_of(Recommended("i7", 4.25, "popular: 12 users", title="Mort"))
        'Mort (i7): 4.25, popular: 12 users'
    """
    name = readable(one.item) if one.title is None else f"{readable(one.title)} ({readable(one.item)})"
    adds = "" if one.adds is None else f", adds {in_digits(one.adds, '.3g')}"
    anyway = "" if one.anyway is None else f", {100 * one.anyway:.0f} % found anyway"
    return f"{name}: {in_digits(one.score, '.3g')}{adds}{anyway}, {readable(one.why)}"


@dataclass(frozen=True)
class Lists:
    """Lists of many users."""

    users: tuple[str, ...]
    codes: Codes
    """(U, n) of items; -1 where the rules leave a user fewer."""
    scores: Floats
    """(U, n)"""
    items: tuple[str, ...] = field(repr=False)
    """Names by code."""

    @named
    def of(self, user: Any) -> tuple[str, ...]:
        """The items of one user, the best first.

        Raises:
            SettingError: There is no list of that user.
        """
        place = self._places.get(_name(user))
        if place is None:
            refuse(
                "user", user, f"one of the users of these lists ({len(self.users):,})", fix="To fix: name one of them."
            )
        return tuple(self.items[code] for code in self.codes[place].tolist() if code != NOTHING)

    @cached_property
    def _places(self) -> dict[str | None, int]:
        return {user: at for at, user in enumerate(self.users)}

    def __len__(self) -> int:
        return len(self.users)

    def table(self) -> pd.DataFrame:
        """One row for each user and item: user, rank (from 1), item, score."""
        import numpy as np  # noqa: PLC0415
        import pandas as pd  # noqa: PLC0415 - a server has none

        known = self.codes != NOTHING
        row, place = np.nonzero(known)
        names = np.array(self.items, dtype=object)
        return pd.DataFrame(
            {
                "user": np.array(self.users, dtype=object)[row],
                "rank": place + 1,
                "item": names[self.codes[known]],
                "score": self.scores[known],
            }
        )


def _name(user: Any) -> str | None:
    try:
        return None if is_gap(user) else category_text(user)
    except ValueError:
        return None
