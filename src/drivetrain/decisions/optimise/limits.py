"""Constraints as limits on sums, and what was used of them in the words of who wrote them.

Legend: n rows, L actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.constraints import Constraint, quantities
from drivetrain.decisions.levers import Lever
from drivetrain.decisions.objective import Quantity
from drivetrain.decisions.optimise.problem import Binding, Linear, rows_of
from drivetrain.errors import DataError, SettingError
from drivetrain.text import in_digits, readable

Uses = NDArray[Any]


@dataclass(frozen=True)
class Limit:
    """One sum that is limited: of a constraint, for one of its groups and options."""

    name: str
    constraint: Constraint
    numerator: int
    """Place among the quantities that are counted."""
    denominator: int | None
    rows: NDArray[np.int64] | None
    """Of its group; None: all."""
    turned: bool = False
    """Whether the sum is turned round: of "at least", and of the lower side of "equal"."""


@dataclass(frozen=True)
class Limits:
    """All of them, and the quantities that they count."""

    limits: tuple[Limit, ...]
    quantities: tuple[Quantity, ...]
    n: int

    def linear(self, counted: Sequence[Uses], *, share: float = 1.0) -> tuple[Linear, ...]:
        """As the solver reads them.

        Args:
            counted: (n, L) of each quantity.
            share: Of the rows that are looked at: totals are as much smaller.
        """
        return tuple(self._linear(limit, counted, share) for limit in self.limits)

    def totalled(self, counted: Sequence[Uses], *, share: float = 1.0) -> tuple[Linear, ...]:
        """The same where all rows take one action together: a single row that uses what all of them do."""
        result: list[Linear] = []
        for limit in self.linear(counted, share=share):
            sums = limit.uses.sum(axis=0, dtype=np.float64)[None]
            result.append(Linear(limit.name, sums, limit.limit))
        return tuple(result)

    def _linear(self, limit: Limit, counted: Sequence[Uses], share: float) -> Linear:
        uses, rows, constraint = counted[limit.numerator], limit.rows, limit.constraint
        size = self.n if rows is None else len(rows)
        if constraint.kind == "equal":
            uses, rows, most = _against_all(uses, rows, self.n), None, constraint.limit * self.n
        else:
            uses = uses if rows is None else rows_of(uses, rows)
            most = constraint.limit * (size if constraint.per == "mean" else share)
            if limit.denominator is not None:
                below = counted[limit.denominator]
                below = below if rows is None else rows_of(below, rows)
                uses, most = uses - np.float32(constraint.limit) * below, 0.0
        if limit.turned:
            most = -most if constraint.kind != "equal" else most
            uses = _negative(uses)
        return Linear(limit.name, uses, most, rows)

    def used(self, counted: Sequence[NDArray[Any]]) -> list[float]:
        """What a choice uses of each limit, as its constraint counts: a total, mean, ratio or distance from all.

        `counted` has (n,) for each quantity: of the action that each row takes.
        """
        return [self._used(limit, counted) for limit in self.limits]

    def _used(self, limit: Limit, counted: Sequence[NDArray[Any]]) -> float:
        def total(place: int) -> float:
            values = counted[place]
            return float((values if limit.rows is None else values[limit.rows]).sum(dtype=np.float64))

        size = self.n if limit.rows is None else len(limit.rows)
        if limit.constraint.kind == "equal":
            return total(limit.numerator) / max(1, size) - float(counted[limit.numerator].mean(dtype=np.float64))
        if limit.denominator is not None:
            below = total(limit.denominator)
            return total(limit.numerator) / below if below > 0 else float("nan")
        return total(limit.numerator) / (max(1, size) if limit.constraint.per == "mean" else 1)

    def bindings(self, counted: Sequence[NDArray[Any]], prices: Sequence[float]) -> tuple[Binding, ...]:
        """What is used, and what one more unit of each constraint's own limit would add.

        Raises:
            DataError: What a ratio is divided by adds up to nothing, or to less.
        """
        result: list[Binding] = []
        for limit, used, price in zip(self.limits, self.used(counted), prices, strict=True):
            if np.isnan(used):
                raise DataError(
                    f"the limit {limit.name!r} divides by something that adds up to 0 or less; expected more than 0. "
                    "To fix: divide by what grows with the rows, such as premiums, or limit a total instead."
                )
            units = self._units(limit, counted)
            most = -limit.constraint.limit if limit.constraint.kind == "equal" and limit.turned else None
            result.append(
                Binding(
                    limit.name, used, limit.constraint.limit if most is None else most, price > 0, price * units + 0.0
                )
            )
        return tuple(result)

    def _units(self, limit: Limit, counted: Sequence[NDArray[Any]]) -> float:
        """By how many units the solver's limit moves when the constraint's does by one."""
        size = self.n if limit.rows is None else len(limit.rows)
        if limit.constraint.kind == "equal":
            return float(self.n)
        sign = -1.0 if limit.turned else 1.0
        if limit.denominator is not None:
            below = counted[limit.denominator]
            return sign * float((below if limit.rows is None else below[limit.rows]).sum(dtype=np.float64))
        return sign * (size if limit.constraint.per == "mean" else 1.0)


def read_limits(constraints: Sequence[Constraint], levers: tuple[Lever, ...], rows: pd.DataFrame) -> Limits:
    """The limits that constraints stand for.

    Raises:
        SettingError: Two constraints have one name.
    """
    limits: list[Limit] = []
    counted: list[Quantity] = []
    for constraint in constraints:
        for name, parts in quantities(constraint, levers):
            place = len(counted)
            counted += parts
            below = place + 1 if len(parts) > 1 else None
            for said, group in _groups(constraint, name, rows):
                if constraint.kind == "equal":
                    limits.append(Limit(f"{said}, from above", constraint, place, below, group))
                    limits.append(Limit(f"{said}, from below", constraint, place, below, group, turned=True))
                else:
                    turned = constraint.kind == "at least"
                    limits.append(Limit(said, constraint, place, below, group, turned=turned))
    names = [limit.name for limit in limits]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingError(
            f"two constraints are called {readable(twice)!r}; expected a name for each. To fix: pass name=."
        )
    return Limits(tuple(limits), tuple(counted), len(rows))


def said_excess(limit: Limit, by: float, n: int) -> str:
    """By how much a limit would have to give, in its constraint's own units where these are plain."""
    constraint = limit.constraint
    size = n if limit.rows is None else len(limit.rows)
    if constraint.kind == "equal":
        return f"{limit.name}: {in_digits(constraint.limit + by / n)} would be needed"
    if constraint.over is not None:
        share, side = in_digits(constraint.limit), "less" if limit.turned else "more"
        return f"{limit.name}: what is divided is at least {in_digits(by)} {side} than {share} times the rest"
    needed = constraint.limit + (-by if limit.turned else by) / (size if constraint.per == "mean" else 1)
    word = "at most" if limit.turned else "at least"
    return (
        f"{limit.name}: {word} {in_digits(needed)} can be had"
        if limit.turned
        else (f"{limit.name}: {word} {in_digits(needed)} would be needed")
    )


def _groups(constraint: Constraint, name: str, rows: pd.DataFrame) -> list[tuple[str, NDArray[np.int64] | None]]:
    """(name, rows) of each group; missing values are a group of their own."""
    if constraint.by is None:
        return [(name, None)]
    codes, labels = pd.factorize(rows[constraint.by], use_na_sentinel=False)
    said = ["missing" if pd.isna(label) else readable(str(label)) for label in labels]
    order = sorted(range(len(said)), key=lambda i: said[i])
    return [(f"{name} ({readable(constraint.by)} {said[i]})", np.flatnonzero(codes == i)) for i in order]


def _against_all(uses: Uses, rows: NDArray[np.int64] | None, n: int) -> Uses:
    """N times what an action adds to the mean of a group less the mean of all."""
    assert rows is not None, "an equal share has groups"
    weights = np.full(n, -1.0, dtype=np.float32)
    weights[rows] += n / len(rows)
    return uses * weights[:, None]


def _negative(uses: Uses) -> Uses:
    """Turned round; a view of one row stays one."""
    return -uses if uses.strides[0] else np.broadcast_to(-uses[0], uses.shape)
