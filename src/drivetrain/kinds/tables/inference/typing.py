"""What each column of a table is, by its cells and its name, with the reason; whatever was told wins.

The whole table is looked at, without the target: what a column *is* says nothing of what it predicts. What is fitted
(vocabularies, medians) is fitted on the training rows alone, in `drivetrain.kinds.tables.fitting`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import SettingError, did_you_mean, first_few
from drivetrain.kinds.tables.inference.naming import numbers_as_names
from drivetrain.kinds.tables.inference.reading import (
    STYLES,
    known_order,
    number_or_none,
    number_style,
    numbers_but_for,
    written_dates,
)
from drivetrain.kinds.tables.inference.summary import Summary, summary_of
from drivetrain.kinds.tables.parsing import NumberStyle, category_text
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import choice, refuse, shown
from drivetrain.text import agreeing, readable

Role = Literal["number", "category", "ordered", "date", "text", "left out"]
ROLES: tuple[Role, ...] = get_args(Role)
FEW = 20
"""Rows below which a column of distinct values is not yet an identifier."""
NEARLY_ALL = 0.95
WORDS = 3
"""Words of a cell, on average, from which on a column of different texts is text."""
MOST_TOLD = 6


@dataclass(frozen=True)
class Typed:
    """What a column is."""

    role: Role
    reason: str
    style: NumberStyle = "plain"
    formats: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    """Words in a column of numbers that count as gaps."""
    doubt: str = ""
    """What else it could be, where people should look: a sentence."""

    def as_option(self) -> dict[str, Any]:
        """As it is kept with the data."""
        said: dict[str, Any] = {"role": self.role}
        if self.style != "plain":
            said["style"] = self.style
        for name in ("formats", "order", "gaps"):
            if getattr(self, name):
                said[name] = list(getattr(self, name))
        return said


def type_columns(
    columns: Mapping[str, NDArray[Any]],
    told: Mapping[str, Any] | None = None,
    *,
    stated: Mapping[str, Sequence[Any]] | None = None,
) -> dict[str, Typed]:
    """What each column is.

    Args:
        columns: As `drivetrain.Cells` keeps them: arrays of numbers, or objects with None.
        told: Column → a role, or the order of its values as a list.
        stated: Columns that the table itself says are categories → their order, empty where they have none.

    Raises:
        SettingError: A column that was told of is not there, or a role is none; or cells cannot be read as told.

    Example:
        >>> import numpy as np
        >>> cells = {"age": np.array([30, 41, 30]), "zip": np.array(["01", "02", "02"], object)}
        >>> {name: typed.role for name, typed in type_columns(cells).items()}
        {'age': 'number', 'zip': 'category'}
    """
    told = dict(told or {})
    for name in told:
        if name not in columns:
            raise SettingError(
                f"types names the column {readable(str(name))!r}, which is not among the inputs."
                f"{did_you_mean(str(name), columns)} To fix: name one of them."
            )
    return {
        name: _as_told(name, cells, told[name]) if name in told else _inferred(name, cells, (stated or {}).get(name))
        for name, cells in columns.items()
    }


def decisions_of(typed: Mapping[str, Typed]) -> dict[str, Decision]:
    """How many columns are what, and why, for people."""
    by_role: dict[str, list[str]] = {}
    for name, one in typed.items():
        by_role.setdefault(one.role, []).append(name)
    made: dict[str, Decision] = {}
    for role in ROLES:
        names = by_role.get(role, [])
        if names:
            why = "; ".join(f"{readable(name)}: {typed[name].reason}" for name in names[:MOST_TOLD])
            more = f"; and {len(names) - MOST_TOLD} more" if len(names) > MOST_TOLD else ""
            made[f"columns, {role}"] = Decision(value=len(names), reason=why + more)
    return made


def notes_of(typed: Mapping[str, Typed]) -> list[str]:
    r"""What people should hear of: columns that are left out, and those that could be something else.

    Example:
        >>> import numpy as np
        >>> notes_of(type_columns({"id": np.arange(30), "age": np.arange(30) % 7}))[0]
        'column \'id\' is left out: another whole number in every row, ... types={"id": "category"}'
    """
    out = [name for name, one in typed.items() if one.role == "left out" and one.reason != "as told"]
    notes = [
        f'column {readable(name)!r} is left out: {typed[name].reason}. To use it: types={{"{readable(name)}": '
        f'"category"}}'
        for name in out[:MOST_TOLD]
    ]
    if len(out) > MOST_TOLD:
        notes.append(
            f"{agreeing(len(out) - MOST_TOLD, 'more columns', 'are')} left out; data.decisions says which and why"
        )
    doubts: dict[str, list[str]] = {}
    for name, one in typed.items():
        if one.doubt:
            doubts.setdefault(one.doubt, []).append(repr(readable(name)))
    for doubt, names in doubts.items():
        notes.append(f"{'columns' if len(names) > 1 else 'column'} {first_few(names)}: {doubt}")
    return notes


def _as_told(name: str, cells: NDArray[Any], told: Any) -> Typed:
    if isinstance(told, Mapping):  # as it is kept with the data
        return _kept(name, told)
    setting, found = f"types[{name!r}]", summary_of(cells)
    if isinstance(told, Sequence) and not isinstance(told, str):
        return Typed("ordered", "as told", order=_told_order(setting, told))
    role: Role = choice(setting, told, ROLES)
    if found.collections and role != "left out":
        refuse(setting, told, '"left out", as cells hold several values', fix="To fix: make a column of each value.")
    if role == "number":
        style = number_style(found, told=True)
        if style is None:
            strange = next(one for one in found.values if not any(_reads(one, each) for each in STYLES))
            raise SettingError(
                f"types says that column {readable(name)!r} holds numbers, but a cell is {shown(strange)}; expected "
                "numbers throughout, written in one way. To fix: correct the cell, or let the column be a category."
            )
        return Typed("number", "as told", style=style)
    if role == "date":
        dates = written_dates(found, told=True)
        if dates is None:
            raise SettingError(
                f"types says that column {readable(name)!r} holds dates, but not every cell is one in one format "
                f"(such as {shown(found.values[0]) if found.values else 'an empty one'}). To fix: write them as "
                "2026-11-28."
            )
        return Typed("date", f"as told; {dates.said}", formats=dates.formats)
    return Typed(role, "as told", order=known_order(found) if role == "ordered" else ())


def _kept(name: str, told: Mapping[str, Any]) -> Typed:
    known = {"role", "style", "formats", "order", "gaps"}
    if not told.keys() <= known or "role" not in told:
        refuse(f"types[{name!r}]", dict(told), f"one of {', '.join(ROLES)}, or the values in their order")
    formats, order, gaps = (tuple(told.get(key) or ()) for key in ("formats", "order", "gaps"))
    role: Role = choice(f"types[{name!r}]", told["role"], ROLES)
    style: NumberStyle = choice("style", told.get("style", "plain"), STYLES)
    return Typed(role, "as told", style, formats, order, gaps)


def _told_order(setting: str, told: Sequence[Any]) -> tuple[str, ...]:
    try:
        order = tuple(category_text(one) for one in told)
    except ValueError:
        order = ()
    if len(order) < 2 or len(set(order)) < len(order):
        refuse(setting, list(told), "at least two different values, from low to high")
    return order


def _reads(cell: Any, style: NumberStyle) -> bool:
    return number_or_none(cell, style) is not None


def _inferred(name: str, cells: NDArray[Any], stated: Sequence[Any] | None = None) -> Typed:
    found = summary_of(cells)
    if not found.values:
        return Typed("left out", "it holds nothing")
    if found.collections:
        return Typed("left out", "its cells hold several values, or bytes; a table has one value per cell")
    if found.distinct == 1 and not found.gaps:
        return Typed("left out", "every row has the same value")
    if stated is not None:
        order = tuple(category_text(one) for one in stated)
        return Typed("ordered" if order else "category", "the table itself says so", order=order)
    if dates := written_dates(found):
        return Typed("date", dates.said, formats=dates.formats, doubt=dates.doubt)
    return _numeric(name, cells, found) if found.all_numbers else _textual(found)


def _numeric(name: str, cells: NDArray[Any], found: Summary) -> Typed:
    if found.dtype == "b" or all(isinstance(one, bool) for one in found.values):
        return Typed("number", "yes and no")
    named = numbers_as_names(name, cells, found, few=FEW, nearly_all=NEARLY_ALL)
    if named is None:
        if found.dtype == "f":
            endless = bool(np.isinf(cells).any())
        else:
            endless = any(isinstance(one, float) and math.isinf(one) for one in found.values)
        return Typed("number", "numbers", doubt="infinite values count as gaps" if endless else "")
    return Typed("left out" if named.out else "category", named.reason, doubt=named.doubt)


def _textual(found: Summary) -> Typed:
    if style := number_style(found):
        told = "numbers" if style == "plain" else f"numbers written as {style}"
        doubt = ""
        if style == "1,234.5" and not any("." in text or text.count(",") > 1 for text in found.texts):
            doubt = "the comma is read as standing between thousands. If it is a decimal comma, write a point instead"
        return Typed("number", told, style=style, doubt=doubt)
    if order := known_order(found):
        return Typed("ordered", f"values have an order: {readable(' < '.join(order))[:120]}", order=order)
    n, distinct = found.n, found.distinct
    if gaps := numbers_but_for(found):
        words = ", ".join(repr(readable(word)) for word in gaps)
        doubt = f'nearly all cells are numbers; {words} counts as a gap. To read names: types= says "category".'
        return Typed("number", f"numbers; {words} counts as a gap", gaps=gaps, doubt=doubt)
    if n > FEW and distinct >= NEARLY_ALL * n:
        return _different_texts(found)
    numbers = sum(number_or_none(one, "plain") is not None for one in found.values)
    if numbers == len(found.values):
        return Typed("category", f"{distinct:,} different numbers, some written as 01 or among yes and no: names")
    return Typed("category", f"{distinct:,} different {'names and numbers, all read as names' if numbers else 'names'}")


def _different_texts(found: Summary) -> Typed:
    """Of a column with another text in nearly every row."""
    some = found.texts[:1000]
    words = sum(len(text[:10_000].split()) for text in some) / max(1, len(some))
    if words >= WORDS:
        said = f"{found.distinct:,} different texts in {found.n:,} rows, {words:.0f} words each on average"
        return Typed("text", f"{said}: read by their words")
    return Typed("left out", f"{found.distinct:,} different values in {found.n:,} rows: an identifier")
