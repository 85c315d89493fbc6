"""Columns of a trace as clean points: in order of time, without gaps, sentinels and repeats, each loss counted.

Legend: N points; columns of points are seconds, x, y, pressure (0 to 1; 1 where none is told) and a mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.traces.names import UNITS, plain, roles_of, unit_of_name
from drivetrain.kinds.traces.reading import Column, Named

Floats = NDArray[np.float64]

T, X, Y, PRESSURE, MARK = range(5)
MOVE, PRESS, START, TOUCH = 0.0, 1.0, 2.0, 3.0
"""Marks: a movement, a click, the first point of a stroke (no line leads to it), and both."""
LONGEST_S = 1e8
"""Three years: what lasts longer has a wrong time in it."""
FEWEST = 8
"""Points of a trace."""
SENTINELS = (-1.0, 9999.0, 32767.0, -32768.0, 65535.0, 99999.0, 999999.0, 2147483647.0, -2147483648.0, 4294967295.0)
"""Places that stand for none."""
EXTENT = "usual_extent"
"""Column of a trace that drivetrain has written: how far a window of the whole trace reaches."""
POSSIBLE_S = (5e-5, 5.0)
"""Between two points; ten times more, at both ends, than devices are known for."""
NOMINAL_HZ = 60.0
"""Of traces that tell no times."""
MOST_LOST = 0.5
"""Of the points; a trace that loses more is not used."""
PRESSES = frozenset(
    (
        *("click", "press", "pressed", "down", "mousedown", "pointerdown", "leftdown", "rightdown", "buttondown"),
        *("mouseclick", "dblclick", "doubleclick", "leftclick", "rightclick", "mousepressed"),
    )
)
STARTS = frozenset(("touchstart", "pendown", "touchdown", "start", "strokestart", "begin", "actiondown", "fingerdown"))
"""Words for the first point of a stroke."""


@dataclass(frozen=True)
class Points:
    """A trace, and what reading it decided and lost."""

    array: Floats
    """(N, 5), see the legend."""
    columns: Mapping[str, str]
    """Role → column."""
    unit: str
    """Of its times: "ms"; "date" of dates, "none" where there are none."""
    named_unit: bool
    """Whether the column's name says the unit."""
    interval: float
    """Usual time between points, in its own unit."""
    lost: Mapping[str, int] = field(default_factory=dict[str, int])
    extent: float | None = None
    """How far a window usually reaches, where the trace says so itself."""


def clean(named: Named, asked: Mapping[str, str | None], unit: str | None, *, timed: bool | None = None) -> Points:
    """The points of a trace.

    Args:
        named: Its columns.
        asked: Role → column that the user named.
        unit: Of time, where its column's name does not say another: "s", "ms", "us" or "ns"; None guesses by the usual
            interval, which lies between half a millisecond and half a second for every device known.
        timed: Whether there have to be times; None takes what is there.

    Raises:
        ValueError: They make no trace, with a reason of a few words.

    Example:
        >>> named = Named({"t_ms": range(0, 80, 8), "x": range(10), "y": [5] * 10})
        >>> clean(named, {}, None).array[1].tolist()
        [0.008, 1.0, 5.0, 1.0, 0.0]
    """
    roles = roles_of(named.columns, {} if not named.named else asked)
    for role in ("x", "y"):
        if role not in roles:
            there = ", ".join(map(str, list(named.columns)[:8]))
            told = f"{role} is said to be column {asked[role]!r}, which is not there" if asked.get(role) else None
            raise ValueError(f"{told or f'no column of {role}'}: it has {there[:120]}")
    if timed and "t" not in roles:
        raise ValueError("no column of times, which the other traces have")
    if not len(named.columns[roles["x"]]):
        raise ValueError("it holds no points")
    lost = dict(named.lost)
    x, y = (numbers(named.columns[roles[role]]) for role in "xy")
    raw, is_date = (np.arange(len(x)) / NOMINAL_HZ, False) if "t" not in roles else times(named.columns[roles["t"]])
    pressure = numbers(named.columns[roles["pressure"]]) if "pressure" in roles else np.ones(len(x))
    mark = marks_of(named, roles)
    keep = np.isfinite(raw)
    _count(lost, "points without a time", ~keep)
    nowhere = ~(np.isfinite(x) & np.isfinite(y))
    _count(lost, "points without a place", nowhere & keep)
    absent = sentinels(x, y) & keep & ~nowhere
    _count(lost, "points at a place that stands for none", absent)
    keep &= ~nowhere & ~absent
    if keep.sum() < max(FEWEST, (1 - MOST_LOST) * len(x)):
        raise ValueError(f"{int(keep.sum())} usable points of {len(x)}, at least {FEWEST} and half of them are needed")
    said = unit_of_name(roles["t"]) if "t" in roles and not is_date else None
    kept_marks = _carried(mark, keep)
    found = np.stack([raw, x, y, pressure, mark], axis=1)[keep]
    found[:, MARK] = kept_marks
    order = np.argsort(found[:, T], kind="stable")
    _count(lost, "points out of order", np.diff(found[:, T]) < 0)
    found = found[order]
    found, repeats = _without_repeats(found)
    _count(lost, "repeated points", repeats)
    interval = _interval(found[:, T])
    used = "none" if "t" not in roles else "date" if is_date else said or unit or guessed_unit(interval)
    found[:, T] = (found[:, T] - found[0, T]) * UNITS.get(used, 1.0)
    found[:, PRESSURE] = _as_shares(found[:, PRESSURE])
    if len(found) < FEWEST:
        raise ValueError(f"{len(found)} different points; at least {FEWEST} are needed")
    if not np.ptp(found[:, X]) and not np.ptp(found[:, Y]):
        raise ValueError("nothing moves in it")
    if not np.ptp(found[:, T]):
        raise ValueError("all its points have one time")
    if found[-1, T] > LONGEST_S:
        raise ValueError(f"its times span {found[-1, T]:.3g} seconds")
    if np.abs(found[:, X : Y + 1]).max() > 1e9:
        raise ValueError("places beyond 1e9")
    extent = numbers(named.columns[EXTENT][:1]) if EXTENT in named.columns else np.zeros(1)
    told = float(extent[0]) if np.isfinite(extent[0]) and extent[0] > 0 else None
    return Points(found, roles, used, said is not None, interval, {name: n for name, n in lost.items() if n}, told)


def numbers(column: Column) -> Floats:
    """Cells as numbers; what is none is not a number."""
    array: NDArray[Any] = np.asarray(column)
    if array.dtype.kind in "fiub":
        return array.astype(np.float64)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.array([_number(cell) for cell in column], dtype=np.float64)


def _number(cell: Any) -> float:
    if cell is None or isinstance(cell, bool | list | dict):
        return np.nan
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        return np.nan


def times(column: Column) -> tuple[Floats, bool]:
    """Times as numbers, and whether they are dates, which become seconds."""
    found = numbers(column)
    array: NDArray[Any] = np.asarray(column)
    if array.dtype.kind == "M":
        return array.astype("datetime64[ns]").astype(np.int64) / 1e9, True
    if np.isfinite(found).sum() * 2 >= len(found):
        return found, False
    dates = np.array([_date(cell) for cell in column], dtype=np.float64)
    return (dates, True) if np.isfinite(dates).sum() > np.isfinite(found).sum() else (found, False)


def _date(cell: Any) -> float:
    try:
        text = str(cell).strip().replace(" ", "T").replace("/", "-").removesuffix("Z")
        return float(np.datetime64(text, "ns").astype(np.int64)) / 1e9 if text[4:5] == "-" else np.nan
    except ValueError:
        return np.nan


def guessed_unit(interval: float) -> str:
    """The unit in which a usual time between two points is that of a device.

    Example:
        >>> [guessed_unit(interval) for interval in (0.0167, 16.7, 8000, 8e6)]
        ['s', 'ms', 'us', 'ns']
    """
    return "s" if interval < 0.5 else "ms" if interval < 500 else "us" if interval < 5e5 else "ns"


def misread(interval: float, unit: str) -> str:
    """Why a usual time between two points cannot be meant in a unit that other traces told; empty where it can.

    Example:
        >>> misread(16.7, "ms"), misread(900, "ms")
        ('', '')
        >>> misread(0.0167, "ms")
        'times are usually 0.0167 apart, which cannot be ms, as the other traces have; name the column t_s if it is s'
    """
    own = guessed_unit(interval)
    low, high = POSSIBLE_S
    if own == unit or low <= interval * UNITS[unit] <= high:
        return ""
    return (
        f"times are usually {interval:.3g} apart, which cannot be {unit}, as the other traces have; name the column "
        f"t_{own} if it is {own}"
    )


def _interval(t: Floats) -> float:
    steps = np.diff(t)
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else 0.0


def sentinels(x: Floats, y: Floats) -> NDArray[np.bool_]:
    """Points at places such as (-1, -1) and 65535, far from all others.

    Example:
        >>> sentinels(np.array([5.0, 65535, 7, -1]), np.array([5.0, 3, 7, -1])).tolist()
        [False, True, False, True]
    """
    found = (x == -1) & (y == -1)
    if found.mean() > 0.5:  # then it is a place like others
        found[:] = False
    for value in (x, y):
        suspect = np.isin(value, SENTINELS[1:])
        rest = value[np.isfinite(value) & ~suspect & ~found]
        if suspect.any() and len(rest):
            low, high = float(rest.min()), float(rest.max())
            margin = max(high - low, 1.0)
            found |= suspect & ((value > high + margin) | (value < low - margin))
    return found


def marks_of(named: Named, roles: Mapping[str, str]) -> Floats:
    """(N,) what happens at each point: clicks, and first points of strokes."""
    n = len(named.columns[roles["x"]])
    press, start = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    start[[place for place in named.breaks if place < n]] = True
    if "event" in roles:
        column = named.columns[roles["event"]]
        state = numbers(column)
        if np.isfinite(state).mean() > 0.5:  # 0 and 1: whether a button is down
            press |= _risen(state)
        else:
            known = {cell: plain(str(cell)) for cell in set(map(str, column))}
            words = [known[str(cell)] for cell in column]
            press |= np.array([word in PRESSES for word in words])
            start |= np.array([word in STARTS for word in words])
    if "pen" in roles:
        start |= _risen(np.array([_state(cell) for cell in named.columns[roles["pen"]]]), first=True)
    if "pointer" in roles:
        fingers = [str(cell) for cell in named.columns[roles["pointer"]]]
        start |= np.array([at == 0 or fingers[at - 1] != one for at, one in enumerate(fingers)]) & (
            len(set(fingers)) > 1
        )
    return PRESS * press + START * start


def _state(cell: Any) -> float:
    word = str(cell).strip().casefold()
    return (
        1.0
        if word in ("true", "yes", "down", "on", "t")
        else 0.0
        if word in ("false", "no", "up", "")
        else _number(cell)
    )


def _risen(state: Floats, *, first: bool = False) -> NDArray[np.bool_]:
    """Where a state becomes more than 0."""
    down = np.nan_to_num(state) > 0
    return down & ~np.concatenate([[not first], down[:-1]])


def _carried(mark: Floats, keep: NDArray[np.bool_]) -> Floats:
    """Marks of the points that are kept; the start of a stroke whose first point is left out moves to the next one."""
    found = mark.copy()
    pending = False
    for at in np.flatnonzero((found >= START) | ~keep).tolist():
        if not keep[at]:
            pending = pending or found[at] >= START
            later = at + 1
            if pending and later < len(found) and keep[later] and found[later] < START:
                found[later] += START
                pending = False
    return found[keep]


def _without_repeats(found: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Points of the same time, place and mark as the one before them are left out."""
    same = np.zeros(len(found), dtype=bool)
    same[1:] = (found[1:] == found[:-1]).all(axis=1)
    return found[~same], same


def _as_shares(pressure: Floats) -> Floats:
    """Pressure from 0 to 1: devices count differently, so of its own largest value; where none is told, of it all."""
    known = np.nan_to_num(pressure, nan=0.0, posinf=0.0, neginf=0.0)
    most = float(np.quantile(known, 0.99, method="lower"))  # one of them, so that a second time changes nothing
    return np.clip(known / most, 0.0, 1.0) if most > 0 else np.ones(len(known))


def _count(lost: dict[str, int], what: str, gone: NDArray[np.bool_]) -> None:
    if n := int(gone.sum()):
        lost[what] = lost.get(what, 0) + n
