"""From a table of ratings or events to rows: which can be used, what was left out and why, re-ratings, bots, the scale.

Legend: N rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.check import LeftOut
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells
from drivetrain.data.listing import Listed, SourceSpec
from drivetrain.data.sources import Source
from drivetrain.data.splitting.divide import TEST_PCT, VALID_PCT
from drivetrain.data.splitting.drawing import rank
from drivetrain.data.tables.cells import column_of, numbers_of
from drivetrain.data.tables.columns import known_column
from drivetrain.data.tables.own_split import parts_of
from drivetrain.data.tables.times import times_of
from drivetrain.errors import DataError, first_few
from drivetrain.kinds.ratings.ids import coded
from drivetrain.kinds.ratings.reading import Columns, read_columns
from drivetrain.kinds.tables.parsing import is_gap
from drivetrain.runtime.decisions import Decision
from drivetrain.text import agreeing, counted, readable

EVENT = "event"
"""What the target of events is called: each row says that it happened."""
MANY_TIMES, LEAST_MANY = 50.0, 1000
"""A user with so many times the usual number of rows, and at least so many, is reported as a possible bot."""
SHOWN = 3

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Roles:
    """Which column says what."""

    user: str
    item: str
    rating: str | None = None
    """None: rows are events."""
    time: str | None = None
    weight: str | None = None
    split: str | None = None

    def as_options(self) -> dict[str, Any]:
        """As the options of the data keep them."""
        said = {"user": self.user, "item": self.item, "rating": self.rating, "time": self.time, "weight": self.weight}
        return {name: value for name, value in said.items() if value is not None}


def list_ratings(
    source: Source, roles: Roles, options: Mapping[str, Any], *, by_time: bool = False, tell: bool = True
) -> Listed:
    """The rows of a table of ratings or events.

    A pair of user and item is one row: of several ratings the last one counts, of several events the first, in the
    order of time where there is one, else of the table. What it leaves out is in `Listed.left_out`.

    Args:
        source: A table.
        roles: Which column says what.
        options: What the data keep of how they were asked for; the scale is added where it is not there.
        by_time: Whether rows are to be divided by time.
        tell: Whether to look for what deserves a word; False where rows of a saved model are read again.

    Raises:
        DataError: The table cannot be read, lacks a column, or no row is left.
    """
    table = read_columns(source)
    roles = _with_known_columns(roles, table)
    faults = _Faults(len(table))
    users, items = (faults.ids(name, table.columns[name]) for name in (roles.user, roles.item))
    values = _ratings(table, roles, faults, options.get("scale"))
    times = _times(table, roles, faults)
    weights = _weights(table, roles, faults)
    decisions = dict(table.decisions)
    notes: list[str] = []
    decisions |= faults.one_row_per_pair(users, items, times, roles)
    kept = np.flatnonzero(~faults.gone)
    if not len(kept):
        raise DataError(
            f"{table.description} has no usable row: {faults.said()}. To fix: see the reasons, and name the columns "
            "that are meant with user=, item= and rating=."
        )
    options = {**options, **roles.as_options()}
    if roles.rating is not None and "scale" not in options:
        scale, decisions["scale"] = _scale(values[kept], roles.rating)
        options["scale"] = scale
        notes += _far_end(values[kept], roles.rating) if tell else []
    if times is not None:
        said = f"column {roles.time!r}; {counted(len(np.unique(times[kept])), 'distinct time')}"
        decisions["time"] = Decision(value=roles.time, reason=said)
    if tell:
        notes += _bots(users[0], users[1][kept], roles.user)
    columns = {roles.user: table.columns[roles.user], roles.item: table.columns[roles.item]}
    if roles.time is not None:
        columns[roles.time] = table.columns[roles.time]
    named = None if roles.split is None else parts_of({roles.split: table.columns[roles.split].tolist()}, [roles.split])
    spec = SourceSpec(
        layout="table",
        inputs=tuple(columns),
        input="ratings",
        target=(EVENT if roles.rating is None else roles.rating,),
        split=roles.split,
        kind="number",
        options=options,
    )
    listed = Listed(
        description=table.description,
        spec=spec,
        rows=Examples(
            Cells(columns, np.arange(1, len(table) + 1)).take(kept),
            values=_shared_tuples(values[kept]),
            times=tuple(times[kept].tolist()) if times is not None and by_time else (),
            columns=_others(table, roles, weights, kept),
            kind="ratings",
            options=options,
        ),
        left_out=tuple(LeftOut(f"row {row + 1}", faults.reasons[row]) for row in sorted(faults.reasons)),
        decisions=decisions,
        notes=tuple(notes),
    )
    return listed if named is None else _with_parts(listed, [named[row] for row in kept.tolist()])


def held_out_within_user(listed: Listed, valid_pct: float | None, test_pct: float | None, seed: int) -> Listed:
    """The rows with parts drawn by chance, the same share of the rows of each user; a user keeps one row at least.

    Args:
        listed: Rows that nobody has divided.
        valid_pct: Of the rows of each user; None: 0.2.
        test_pct: Likewise.
        seed: Of the draw, which depends on the ids alone and not on the order of rows.
    """
    columns = cast(Cells, listed.rows.inputs).columns
    (users, user), (items, item) = (coded(columns[listed.spec.options[role]]) for role in ("user", "item"))
    chance = np.array([rank(seed, f"{users[one]}\0{items[other]}") for one, other in zip(user, item, strict=True)])
    order = np.lexsort((chance, user))
    counts = np.bincount(user, minlength=len(users))
    place = np.empty(len(user), np.int64)
    place[order] = np.arange(len(user)) - np.repeat(np.cumsum(counts) - counts, counts)
    n_test = np.floor(counts * (TEST_PCT if test_pct is None else test_pct) + 0.5).astype(np.int64)
    n_valid = np.floor(counts * (VALID_PCT if valid_pct is None else valid_pct) + 0.5).astype(np.int64)
    n_valid = np.minimum(n_valid, np.maximum(counts - 1 - n_test, 0))
    n_test = np.minimum(n_test, counts - 1 - n_valid)
    is_test, is_valid = place < n_test[user], place < (n_test + n_valid)[user]
    parts = np.where(is_test, "test", np.where(is_valid, "valid", "train"))
    return replace(listed, parts=tuple(parts.tolist()))


def _with_parts(listed: Listed, named: list[Any]) -> Listed:
    gone = {
        row: LeftOut(listed.rows.inputs.name(row), f"split is missing: {listed.spec.split}")
        for row, part in enumerate(named)
        if part is None
    }
    return replace(replace(listed, parts=tuple(part or "train" for part in named)).without(gone))


def _with_known_columns(roles: Roles, table: Columns) -> Roles:
    """The columns as the table spells them."""
    known: dict[str, str] = {}
    for setting in ("user", "item", "rating", "time", "weight", "split"):
        name = getattr(roles, setting)
        if name is None:
            continue
        known[setting] = known_column(table.columns, name, setting)
    twice = [name for name in known.values() if list(known.values()).count(name) > 1]
    if twice:
        raise DataError(
            f"column {readable(twice[0])!r} is named for {first_few(s for s, n in known.items() if n == twice[0])}; "
            "expected different columns. To fix: name one column for each."
        )
    return replace(roles, **known)


class _Faults:
    """Rows that cannot be used, and why: the first reason of each."""

    def __init__(self, n: int) -> None:
        self.gone = np.zeros(n, np.bool_)
        self.reasons: dict[int, str] = {}

    def add(self, which: NDArray[np.bool_], why: str) -> None:
        rows = np.flatnonzero(which & ~self.gone)
        self.gone[rows] = True
        self.reasons.update(dict.fromkeys(rows.tolist(), why))

    def said(self) -> str:
        by_reason: dict[str, int] = {}
        for why in self.reasons.values():
            by_reason[why] = by_reason.get(why, 0) + 1
        return "; ".join(f"{n:,} × {why}" for why, n in by_reason.items()) or "it has no rows"

    def ids(self, name: str, cells: NDArray[Any]) -> tuple[list[str | None], NDArray[np.int64]]:
        names, at = coded(cells)
        gap = np.array([one is None for one in names], np.bool_)
        if gap.any():
            self.add(gap[at], f"id is missing: {name}")
        return names, at

    def one_row_per_pair(
        self,
        users: tuple[list[str | None], NDArray[np.int64]],
        items: tuple[list[str | None], NDArray[np.int64]],
        times: Numbers | None,
        roles: Roles,
    ) -> dict[str, Decision]:
        """Of a pair of user and item that comes several times, the last rating or the first event."""
        rows = np.flatnonzero(~self.gone)
        pair = users[1][rows] * len(items[0]) + items[1][rows]
        order = np.argsort(pair, kind="stable")
        if times is not None:
            order = np.lexsort((np.arange(len(rows)), times[rows], pair))
        same = pair[order][1:] == pair[order][:-1]
        if not same.any():
            return {}
        repeated = int(same.sum())
        which = np.zeros(len(self.gone), np.bool_)
        by = "time" if times is not None else "the order of the table"
        if roles.rating is None:
            which[rows[order[1:][same]]] = True
            self.add(which, "happened before: the first event of a user and an item counts")
            reason = (
                f"{counted(repeated, 'repeated event')}; the first of each pair counts, by {by}; weight= says how often"
            )
            return {"repeated events": Decision(value="first", reason=reason)}
        which[rows[order[:-1][same]]] = True
        self.add(which, "rated again later: the last rating of a user and an item counts")
        return {
            "repeated ratings": Decision(
                value="last",
                reason=f"{agreeing(repeated, 'items', 'were')} rated again; the last rating counts, by {by}",
            )
        }


def _numbers(cells: NDArray[Any], name: str) -> Numbers:
    """Each cell as a number, not a number where it holds none."""
    if cells.dtype.kind in "biuf":
        return cells.astype(np.float64)
    known: dict[Any, int] = {}
    at = np.empty(len(cells), np.int64)
    for row, cell in enumerate(cells.tolist()):
        at[row] = known.setdefault(cell if isinstance(cell, str | None) else repr(cell), len(known))
    firsts = np.zeros(len(known), np.int64)
    firsts[at[::-1]] = np.arange(len(at))[::-1]
    distinct = [cells[row] for row in firsts.tolist()]
    read = [np.nan if one is None else one for one in numbers_of(column_of(name, distinct))]
    return np.array(read, np.float64)[at]


def _ratings(table: Columns, roles: Roles, faults: _Faults, scale: tuple[float, float] | None) -> Numbers:
    if roles.rating is None:
        return np.ones(len(table))
    values = _numbers(table.columns[roles.rating], roles.rating)
    no_number = ~np.isfinite(values)
    if no_number.all():
        _refuse_words(table.columns[roles.rating], roles.rating)
    faults.add(no_number, f"rating is missing or no number: {roles.rating}")
    if scale is not None:
        outside = (values < scale[0]) | (values > scale[1])
        faults.add(outside, f"rating is outside the scale of {scale[0]:g} to {scale[1]:g}: {roles.rating}")
    return values


def _refuse_words(cells: NDArray[Any], name: str) -> None:
    """Raise DataError where all ratings are words."""
    words = list(dict.fromkeys(str(cell) for cell in cells.tolist() if isinstance(cell, str) and not is_gap(cell)))
    if words:
        raise DataError(
            f"column {readable(name)!r}, named by rating=, holds words, such as {first_few(map(repr, words))}; "
            "expected numbers, of which more is better. To fix: write a number for each word, or leave rating= out, "
            "and each row counts as an event."
        )


def _weights(table: Columns, roles: Roles, faults: _Faults) -> Numbers | None:
    if roles.weight is None:
        return None
    weights = _numbers(table.columns[roles.weight], roles.weight)
    with np.errstate(invalid="ignore"):
        faults.add(~(np.isfinite(weights) & (weights > 0)), f"weight is not above 0: {roles.weight}")
    return weights


def _times(table: Columns, roles: Roles, faults: _Faults) -> Numbers | None:
    if roles.time is None:
        return None
    cells = table.columns[roles.time]
    if cells.dtype.kind in "iuf":
        times = cells.astype(np.float64)
        faults.add(~np.isfinite(times), f"time is missing: {roles.time}")
        return times
    if cells.dtype.kind == "M":
        times = cells.astype("datetime64[ms]").astype(np.int64) / 1000.0
        faults.add(np.isnat(cells), f"time is missing: {roles.time}")
        return times
    gap = np.array([is_gap(cell) for cell in cells.tolist()], np.bool_)
    faults.add(gap, f"time is missing: {roles.time}")
    times = np.zeros(len(cells))
    times[~gap] = times_of(cells[~gap].tolist(), f"column {roles.time!r}")
    return times


def _scale(values: Numbers, name: str) -> tuple[tuple[float, float], Decision]:
    """The ends of the scale, by what occurs."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        raise DataError(
            f"all {len(values):,} ratings in column {readable(name)!r} are {low:g}: nobody likes one item better than "
            "another. To fix: leave rating= out, and each row counts as an event; or name the column of ratings."
        )
    steps = np.unique(values)
    said = f"{len(steps)} different values" if len(steps) > 12 else f"the values {', '.join(f'{v:g}' for v in steps)}"
    reason = f"inferred: {said} occur in column {name!r}; predictions stay within. To set it: scale=(low, high)"
    return (low, high), Decision(value=f"{low:g} to {high:g}", reason=reason)


def _far_end(values: Numbers, name: str) -> list[str]:
    """Whether the lowest or the highest rating is farther from the others than these are from each other."""
    steps = np.unique(values)
    if len(steps) < 4:
        return []
    for end, others in ((steps[-1], steps[:-1]), (steps[0], steps[1:])):
        if np.abs(end - others).min() > others[-1] - others[0]:
            n = int((values == end).sum())
            return [
                f"{counted(n, 'rating')} of {end:g} in column {readable(name)!r}, and all others lie between "
                f"{others[0]:g} and {others[-1]:g}: does it stand for a missing one? To fix: if so, name the scale, as "
                f"scale=({others[0]:g}, {others[-1]:g}), and these rows are left out"
            ]
    return []


def _bots(names: list[str | None], of: NDArray[np.int64], column: str) -> list[str]:
    """Users with absurdly many rows."""
    counts = np.bincount(of, minlength=len(names))
    there = counts[counts > 0]
    usual = float(np.median(there))
    many = np.flatnonzero((counts > MANY_TIMES * usual) & (counts >= LEAST_MANY))
    if not len(many):
        return []
    many = many[np.argsort(-counts[many], kind="stable")]
    first = ", ".join(f"{readable(str(names[one]))} ({counts[one]:,})" for one in many[:SHOWN].tolist())
    share = counts[many].sum() / len(of)
    return [
        f"{agreeing(len(many), 'users', 'have')} more than {MANY_TIMES:g} times the usual "
        f"{usual:g} rows, {share:.0%} of all: {first}{', …' if len(many) > SHOWN else ''} in column {column!r}. "
        "They may be programs or shared accounts, and they weigh on every item. To fix: take their rows out, if so"
    ]


def _others(table: Columns, roles: Roles, weights: Numbers | None, kept: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Columns beside the inputs: the weights as numbers, and what else is there."""
    apart = {roles.user, roles.item, roles.rating, roles.time, roles.split, roles.weight}
    found = {name: cells[kept] for name, cells in table.columns.items() if name not in apart}
    if weights is not None and roles.weight is not None:
        found[roles.weight] = weights[kept]
    return found


def _shared_tuples(values: Numbers) -> tuple[tuple[float, ...], ...]:
    """A tuple of one number for each row; equal ones are one object, since scales have few values."""
    distinct, at = np.unique(values, return_inverse=True)
    made = np.empty(len(distinct), object)
    for place, value in enumerate(distinct.tolist()):
        made[place] = (value,)
    return tuple(made[at.reshape(-1)].tolist())
