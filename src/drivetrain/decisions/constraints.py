"""Limits on what all rows do together: totals, means, ratios, counts of an option, by group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.decisions.levers import Lever
from drivetrain.decisions.objective import Levers, Predict, Quantity, as_objective
from drivetrain.errors import SettingError, did_you_mean
from drivetrain.settings import choice, number, refuse, several, shown, text
from drivetrain.text import in_digits, readable

Array = NDArray[np.float64]
Kind = Literal["at most", "at least", "equal"]
Per = Literal["total", "mean"]
WHAT = 'a function of (rows, levers, predict), an expression such as "accept * claims", or {"offer": "letter"}'
EACH = None
"""In place of an option: each of them."""


@dataclass(frozen=True)
class Constraint:
    """A limit, as `at_most`, `at_least`, `budget` and `equal_share` write it down."""

    what: Any
    kind: Kind
    limit: float
    """Of an equal share: how far a group may be from all."""
    per: Per = "total"
    over: Any = None
    by: str | None = None
    name: str | None = None

    @property
    def said(self) -> str:
        """For people: its name, or what it asks for."""
        if self.name is not None:
            return self.name
        what = _said(self.what) if self.over is None else f"{_said(self.what)} / {_said(self.over)}"
        each = "" if self.by is None else f" by {readable(self.by)}"
        if self.kind == "equal":
            return f"equal {what}{each}, within {in_digits(self.limit)}"
        mean = "mean " if self.per == "mean" and self.over is None else ""
        return f"{mean}{what} {self.kind} {in_digits(self.limit)}{each}"


@named
def at_most(
    what: Any,
    limit: float,
    *,
    per: Per = "total",
    over: Any = None,
    by: str | None = None,
    name: str | None = None,
) -> Constraint:
    """At most so much of something, added up over all rows.

    Args:
        what: A function ``(rows, levers, predict)`` → (n,), an expression as text, the option of a choice that is
            counted, ``{"offer": "letter"}``, each option, ``{"item": None}``, or an amount for each option,
            ``{"offer": {"letter": 1.2, "call": 8}}``. Predictions count as the mean over members.
        limit: In units of `what`; of a mean or a ratio in those of one row.
        per: "total", or "mean" per row: ``at_most({"offer": "letter"}, 0.1, per="mean")`` is a tenth of the rows.
        over: What it is divided by, for a ratio of two sums: ``at_most("accept * claims", 0.65,
            over="accept * price")`` is a loss ratio of 65 %. It has to add up to more than 0.
        by: Column of the rows: the limit holds for each of its groups.
        name: For messages and the page.

    Raises:
        SettingError: An argument has a value that cannot be used.

    Example:
        >>> at_most({"offer": "letter"}, 2_000).said
        'offer = letter at most 2,000'
        >>> at_most("accept * claims", 0.65, over="accept * price").said
        'accept * claims / accept * price at most 0.65'
    """
    return _checked(Constraint(what, "at most", limit, per, over, by, name))


@named
def at_least(
    what: Any,
    limit: float,
    *,
    per: Per = "total",
    over: Any = None,
    by: str | None = None,
    name: str | None = None,
) -> Constraint:
    """At least so much of something, added up over all rows; arguments as of `at_most`.

    Raises:
        SettingError: An argument has a value that cannot be used.

    Example:
        >>> at_least("accept", 0.3, per="mean", by="region").said
        'mean accept at least 0.3 by region'
    """
    return _checked(Constraint(what, "at least", limit, per, over, by, name))


@named
def budget(limit: float, spend: Any, *, name: str | None = None) -> Constraint:
    """All rows together spend at most so much.

    Args:
        limit: In units of `spend`.
        spend: What one row spends: a function, an expression, or an amount for each option of a choice.
        name: For messages and the page.

    Raises:
        SettingError: An argument has a value that cannot be used.

    Example:
        >>> budget(5_000, {"offer": {"letter": 1.2, "call": 8}}).said
        'budget of 5,000'
    """
    made = _checked(Constraint(spend, "at most", limit, name=name), what="spend")
    return made if name is not None else replace(made, name=f"budget of {in_digits(made.limit)}")


@named
def equal_share(of: Any, by: str, *, within: float = 0.02, name: str | None = None) -> Constraint:
    """No group is treated otherwise than all are: the mean of something in each group is near that of all rows.

    Args:
        of: What is compared, as in `at_most`: ``{"offer": "discount"}`` is the share of rows that get it.
        by: Column of the rows that holds the groups.
        within: How far a group's mean may be from that of all rows, either way.
        name: For messages and the page.

    Raises:
        SettingError: An argument has a value that cannot be used.

    Example:
        >>> equal_share({"offer": "discount"}, "sex", within=0.03).said
        'equal offer = discount by sex, within 0.03'
    """
    within = number("within", within, least=0)
    by = text("by", by, what="the name of a column")
    return _checked(Constraint(of, "equal", within, "mean", None, by, name), what="of", limit="within")


def checked_constraints(constraints: Any, rows: pd.DataFrame, levers: tuple[Lever, ...]) -> tuple[Constraint, ...]:
    """Constraints whose levers, options and columns are there.

    Raises:
        SettingError: One is no constraint, or names something that is not there.
    """
    expected = "constraints such as dt.at_most({'offer': 'letter'}, 2_000)"
    given = several("constraints", constraints, expected, single=Constraint)
    by_name = {lever.name: lever for lever in levers}
    result: list[Constraint] = []
    for each in given:
        if not isinstance(each, Constraint):
            refuse("constraints", each, expected)
        if each.by is not None and each.by not in rows.columns:
            near = did_you_mean(each.by, map(str, rows.columns))
            raise SettingError(
                f"the constraint {shown(each.said)} has by={shown(each.by)}, which is no column of the rows.{near} "
                "Expected one of them. To fix: name one, or add that column."
            )
        for what in (each.what, each.over):
            if isinstance(what, Mapping):
                _check_options(each, cast("Mapping[str, Any]", what), by_name)
        result.append(each)
    return tuple(result)


def quantities(constraint: Constraint, levers: tuple[Lever, ...]) -> list[tuple[str, list[Quantity]]]:
    """What is counted, and for a ratio what it is divided by, of each limit that a constraint stands for.

    Each is (name, [numerator] or [numerator, denominator]); {"item": None} stands for one limit per option.
    """
    below = [] if constraint.over is None else [_quantity(constraint.over, "over")]
    what = constraint.what
    if isinstance(what, Mapping):
        ((name, option),) = cast("Mapping[str, Any]", what).items()
        if option is EACH:
            lever = next(lever for lever in levers if lever.name == name)
            each = [(f"{constraint.said}: {shown(value)}", {name: value}) for value in lever.options]
            return [(said, [Amounts(only, {only[name]: 1.0}), *below]) for said, only in each]
    return [(constraint.said, [_quantity(what, "what"), *below])]


class Amounts:
    """What each option of a choice counts for: a quantity that needs no prediction."""

    def __init__(self, what: Mapping[str, Any], amounts: Mapping[Any, float]) -> None:
        self.lever = next(iter(what))
        self.amounts = amounts

    def of(self, values: NDArray[Any]) -> Array:
        """(n,) amounts of (n,) values."""
        result = np.zeros(len(values))
        for option, amount in self.amounts.items():
            result[np.asarray(values == option, dtype=bool)] = amount
        return result

    def __call__(self, rows: pd.DataFrame, levers: Levers, predict: Predict) -> Array:
        """(n,) amounts."""
        return self.of(levers[self.lever])


def _quantity(what: Any, setting: str) -> Quantity:
    if isinstance(what, Mapping):
        ((_, option),) = cast("Mapping[str, Any]", what).items()
        amounts = cast("Mapping[Any, float]", option) if isinstance(option, Mapping) else {option: 1.0}
        return Amounts(cast("Mapping[str, Any]", what), amounts)
    return as_objective(what, setting=setting).call


def _checked(given: Constraint, *, what: str = "what", limit: str = "limit") -> Constraint:
    """The same constraint, each of its parts in the form that is worked with."""
    return Constraint(
        _what(what, given.what),
        given.kind,
        number(limit, given.limit),
        choice("per", given.per, ("total", "mean")),
        None if given.over is None else _what("over", given.over),
        None if given.by is None else text("by", given.by, what="the name of a column"),
        None if given.name is None else text("name", given.name, what="the name of the constraint, as text"),
    )


def _what(setting: str, what: Any) -> Any:
    if not isinstance(what, Mapping):
        if isinstance(what, str) or callable(what):
            as_objective(what, setting=setting)  # refused here, where it was written
            return what
        return refuse(setting, what, WHAT)
    given = cast("Mapping[Any, Any]", what)
    if len(given) != 1 or not isinstance(next(iter(given)), str):
        refuse(setting, what, WHAT)
    ((name, option),) = given.items()
    if isinstance(option, Mapping):
        amounts = cast("Mapping[Any, Any]", option)
        if not amounts:
            refuse(setting, what, WHAT)
        return {name: {key: number(f"{setting}[{shown(key)}]", value) for key, value in amounts.items()}}
    if option is not EACH and not isinstance(option, str | int | float | bool | np.generic):
        refuse(setting, what, WHAT)
    return {name: option.item() if isinstance(option, np.generic) else option}


def _check_options(constraint: Constraint, what: Mapping[str, Any], levers: Mapping[str, Lever]) -> None:
    ((name, option),) = what.items()
    lever = levers.get(name)
    start = f"the constraint {shown(constraint.said)} counts an option of {shown(name)}, which is"
    if lever is None or not lever.is_choice:
        why = "no lever" if lever is None else "a number"
        near = did_you_mean(name, levers) if lever is None else ""
        raise SettingError(
            f"{start} {why}.{near} Expected a lever with options. To fix: name one, or pass an expression instead."
        )
    wanted: list[Any] = list(cast("Mapping[Any, Any]", option)) if isinstance(option, Mapping) else [option]
    for value in wanted:
        if value is not EACH and value not in lever.options:
            near = did_you_mean(str(value), map(str, lever.options))
            raise SettingError(
                f"the constraint {shown(constraint.said)} counts {shown(value)}, which {readable(name)} never is."
                f"{near} Expected one of {', '.join(map(shown, lever.options))}. To fix: name one of them."
            )


def _said(what: Any) -> str:
    if isinstance(what, Mapping):
        ((name, option),) = cast("Mapping[str, Any]", what).items()
        if option is EACH:
            return f"each {readable(name)}"
        if isinstance(option, Mapping):
            return f"amount by {readable(name)}"
        return f"{readable(name)} = {readable(str(option))}"
    return readable(what) if isinstance(what, str) else as_objective(what, setting="what").name


Constraint.__module__ = "drivetrain"  # where people find it, so that messages and help say so
