"""What a solver is given, and what it gives back: plain arrays, whatever they mean.

Legend: n rows, L actions (combinations of the values of all levers per row), K members.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Linear:
    """A limit on what all rows use together: the sum of `uses` of the chosen actions is at most `limit`.

    At least is the same with both signs turned; a mean is a sum with the limit times n; a ratio a/b ≤ r is
    a − r·b ≤ 0; a count per option or per group is a sum of zeros and ones.
    """

    name: str
    """For people: "at most 2,000 letters"."""
    uses: NDArray[np.float32] | Array
    """(n, L); where each row uses the same, a view of one row (`np.broadcast_to`) takes no memory and less time."""
    limit: float
    rows: NDArray[np.int64] | None = None
    """Where only these rows use anything (a group): `uses` is of them alone, (len(rows), L)."""

    def used(self, action: NDArray[np.int64]) -> float:
        """What a choice uses."""
        own = action if self.rows is None else action[self.rows]
        return float(np.take_along_axis(self.uses, own[:, None], axis=1).sum(dtype=np.float64))


@dataclass(frozen=True)
class Problem:
    """One action for each row, so that the sum of its values is largest within the limits."""

    values: NDArray[np.float32] | Array
    """(n, L): what each action of each row is worth. Under risk (K, n, L): for each member."""
    allowed: NDArray[np.bool_] | None = None
    """(n, L): where False, the row may not take the action (support, `only_if`). Every row has one that it may take."""
    limits: tuple[Linear, ...] = ()
    risk: str = "mean"
    """"mean", "worst" (member), or "cvar:0.1" (mean of the worst tenth of members): of the sum over rows.
    Also "loss:0.05": the largest mean of which at most that share of members makes less than `baseline`."""
    seed: int = 0
    baseline: Array | None = None
    """(K,) sum of the values of what is compared with (today's actions), for "loss"; None: 0."""

    def part(self, rows: NDArray[np.int64], limits: Sequence[float] | None = None) -> Problem:
        """Some of its rows, in order, with other limits where given."""
        made: list[Linear] = []
        for limit, most in zip(self.limits, limits or [each.limit for each in self.limits], strict=True):
            if limit.rows is None:
                made.append(Linear(limit.name, rows_of(limit.uses, rows), most))
            else:
                own = np.isin(limit.rows, rows)
                places = np.searchsorted(rows, limit.rows[own])
                made.append(Linear(limit.name, limit.uses[own], most, places))
        allowed = None if self.allowed is None else self.allowed[rows]
        return Problem(self.values[rows], allowed, tuple(made), seed=self.seed)


def rows_of(uses: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
    """Some rows of what is used; where all rows use the same, still a view of one row."""
    if uses.strides[0] or not len(uses):
        return uses[rows]
    return np.broadcast_to(uses[0], (len(rows), uses.shape[1]))


@dataclass(frozen=True)
class Binding:
    """How near a limit is, and what it costs."""

    name: str
    used: float
    limit: float
    binds: bool
    price: float
    """Shadow price: what one more unit of the limit would add to the sum of values."""


@dataclass(frozen=True)
class Choice:
    """What was chosen."""

    action: NDArray[np.int64]
    """(n,) index of the action of each row."""
    value: float
    """Sum of the values."""
    bound: float
    """No choice within the limits can be worth more (of the dual, or of the integer programme)."""
    bindings: tuple[Binding, ...] = ()
    method: str = ""
    """"grid", "dual" or "milp"; of shared levers "grid of settings", and what came after."""
    exact: bool = False
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Made:
    """A plan: the values of all levers, and how they were found."""

    levers: dict[str, NDArray[Any]]
    """Name → (n,)."""
    choice: Choice
    bindings: tuple[Binding, ...]
    """In the words of the constraints, where those of the choice are in units of the solver's limits."""
