"""When rows were taken: dates and gaps as people write them, and the split that trains on what came before.

Validation rows are later than every training row, test rows later than every validation row. Rows of one time are on
one side of a boundary. A group, or copies of one picture, belong to the part of their latest row; their earlier rows
would be in an earlier part and are left out, since to train on them would be to learn what is asked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.splitting.coded import coded
from drivetrain.data.splitting.drawing import share
from drivetrain.data.splitting.split import PART_WORDS, PARTS, Part, check_fractions
from drivetrain.errors import DataError, SettingError, SplitError
from drivetrain.settings import number, refuse
from drivetrain.text import agreeing, counted, does, readable

Gap = str | float | timedelta | np.timedelta64 | None
UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
EXIF_DATE = re.compile(r"(\d{4}):(\d\d):(\d\d)( \d\d:\d\d:\d\d)?")
DAY = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
"""Whole numbers such as 20240131, where a column has nothing else, are days."""

NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")

IN_GAP = "in the gap: before the {part} set"
OUTRUN = "reaches into a later part: rows of the same group or content are in the {part} set"


@dataclass(frozen=True)
class ByTime:
    """A part for each row that is in one, and why the others are left out."""

    parts: tuple[Part | None, ...]
    reasons: Mapping[int, str]


def seconds_of_gap(gap: Gap) -> float:
    """A gap in seconds, or as the number it is given as; None is no gap.

    Raises:
        SettingError: It is no such time, or negative.

    Example:
        >>> seconds_of_gap("7d"), seconds_of_gap(90), seconds_of_gap(None)
        (604800.0, 90.0, 0.0)
    """
    seconds = -1.0
    if gap is None:
        return 0.0
    if isinstance(gap, np.timedelta64):  # pandas' is a timedelta
        seconds = float(gap / np.timedelta64(1, "s"))
    elif isinstance(gap, timedelta):
        seconds = gap.total_seconds()
    elif isinstance(gap, str):
        found = re.fullmatch(rf"\s*(\d+(?:\.\d+)?)\s*({'|'.join(UNITS_S)})?\s*", gap.lower())
        seconds = float(found[1]) * UNITS_S.get(found[2], 1.0) if found else -1.0
    else:
        with suppress(SettingError):
            seconds = number("gap", gap)
    if not 0 <= seconds < math.inf:
        refuse("gap", gap, "a time such as '90s', '30min', '12h', '7d' or '2w', a timedelta, or a number of at least 0")
    return seconds


def times_of(cells: Sequence[Any], where: str) -> list[float]:
    """Dates as seconds since 1970 (UTC), or numbers as they are; not both.

    Dates are ISO 8601 or as EXIF has them, date objects, or whole numbers such as 20240131 throughout. One without
    a time zone counts as UTC. Nothing else is guessed at: 3/4/2024 means two days.

    Args:
        cells: One per row, none missing.
        where: Where they are from, for messages.

    Raises:
        DataError: A cell is neither, or some cells are dates and others numbers, or some have a time zone and others
            not; the message names the first.

    Example:
        >>> times_of(["1970-01-02", "1970-01-01T00:00:10"], "column 'date'"), times_of([3, 1.5], "column 'n'")
        ([86400.0, 10.0], [3.0, 1.5])
    """
    if cells and all(isinstance(cell, int) and DAY.fullmatch(str(cell)) for cell in cells):
        cells = [str(cell) for cell in cells]
    elif cells and all(isinstance(cell, str) and NUMBER.fullmatch(cell.strip()) for cell in cells):
        cells = [float(cell) for cell in cells] if not all(DAY.fullmatch(cell.strip()) for cell in cells) else cells
    numeric = [not isinstance(cell, bool) and isinstance(cell, Real) for cell in cells]
    if all(numeric):
        times = [float(cell) for cell in cells]
        _check_all(map(math.isfinite, times), cells, where, "a finite number, as the others are")
        return times
    _check_all((not number for number in numeric), cells, where, "a date, as others are")
    moments = [_moment(cell) for cell in cells]
    _check_all((moment is not None for moment in moments), cells, where, "a date such as 2024-01-31 or a number")
    known = [moment for moment in moments if moment is not None]
    zoned = [moment.tzinfo is not None for moment in known]
    if any(zoned):
        _check_all(zoned, cells, where, "a date with a time zone, as the others are")
    return [(moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() for moment in known]


def split_by_time(
    times: Sequence[float],
    units: Sequence[str],
    digests: Sequence[str],
    *,
    valid_pct: float,
    test_pct: float,
    gap: float = 0.0,
) -> ByTime:
    """The last rows test, those before validate, the rest trains; see the module for gaps and groups.

    Args:
        times: Of each row.
        units: What each row stays together with, as `drivetrain.data.splitting.ties.tie` names it.
        digests: Content of each row's file; copies count once, at their latest time.
        valid_pct: Fraction of the distinct contents for validation; a little more or less where many have one time.
        test_pct: Fraction for the test set, likewise.
        gap: Least time from any training row to any validation row, and from those to any test row.

    Raises:
        SplitError: No row is left for a part.

    Example:
        >>> split_by_time([1, 2, 3, 4], "abcd", "abcd", valid_pct=0.25, test_pct=0.25).parts
        ('train', 'train', 'valid', 'test')
        >>> split_by_time([1, 2, 3, 4], "abcb", "abcd", valid_pct=0.25, test_pct=0.25).parts
        ('train', None, 'valid', 'test')
    """
    check_fractions(valid_pct, test_pct)
    moments = np.asarray(times, np.float64)
    contents, content = coded(digests)
    latest = np.full(len(contents), -np.inf)
    np.maximum.at(latest, content, moments)
    rising = np.sort(latest)
    ends: dict[Part, float] = {}
    starts: dict[Part, float] = {}
    end = math.inf
    asked: dict[Part, float] = {"test": test_pct, "valid": valid_pct}
    for part, pct in asked.items():
        if pct:
            before = rising[: _n_before(rising, end, gap)]
            starts[part], ends[part] = _start(before, share(len(rising), pct), part, gap), end
            end = starts[part]
    ends["train"] = end
    return _leave_out(*_own_parts(moments, starts, ends, gap), coded(units).codes, starts)


def _n_before(rising: NDArray[np.float64], end: float, gap: float) -> int:
    """How many of the times are far enough before `end`."""
    is_far = gap and end < math.inf
    return int(np.searchsorted(rising, end - gap, "right") if is_far else np.searchsorted(rising, end, "left"))


def _start(before: NDArray[np.float64], n: int, part: Part, gap: float) -> float:
    """From which time on about the last `n` rows are; the nearer end of a run of equal times."""
    if n < len(before):
        time = float(before[-n])
        low, high = (int(np.searchsorted(before, time, side)) for side in ("left", "right"))
        if low and (high == len(before) or n - (len(before) - high) >= (len(before) - low) - n):
            return time
        if high < len(before):
            return float(before[high])
    wide = f", with a gap of {gap:,.10g} (in seconds, of dates)" if gap else ""
    raise SplitError(
        f"no row is left before the {PART_WORDS[part]} set: {counted(len(before), 'distinct row')} at "
        f"{counted(len(np.unique(before)), 'distinct time')}, of which the last {n} {does(n, 'were')} wanted{wide}. "
        "To fix: ask for a smaller fraction or gap, or add rows of other times."
    )


def _own_parts(
    times: NDArray[np.float64], starts: Mapping[Part, float], ends: Mapping[Part, float], gap: float
) -> tuple[NDArray[np.int64], dict[int, str]]:
    """(N,) the part that each time is in, as its place in `PARTS`; and why some are in none, which is -1."""
    own = np.zeros(len(times), np.int64)
    for part, start in reversed(list(starts.items())):  # validation, then the test set
        own[times >= start] = PARTS.index(part)
    if not gap:
        return own, {}
    end = np.array([ends.get(part, math.inf) for part in PARTS])[own]
    in_gap = np.flatnonzero(times > end - gap)
    after = {PARTS.index(part): next((p for p in starts if starts[p] == ends[part]), part) for part in ends}
    reasons = {row: IN_GAP.format(part=PART_WORDS[after[int(own[row])]]) for row in in_gap.tolist()}
    own[in_gap] = -1
    return own, reasons


def _leave_out(
    own: NDArray[np.int64], reasons: dict[int, str], units: NDArray[np.int64], starts: Mapping[Part, float]
) -> ByTime:
    """Keep of each unit the rows in its latest part."""
    n_in_gap = len(reasons)
    last = np.full(int(units.max(initial=-1)) + 1, -1)
    np.maximum.at(last, units, own)
    outrun = np.flatnonzero((own >= 0) & (own < last[units]))
    told = [OUTRUN.format(part=PART_WORDS[part]) for part in PARTS]
    reasons |= dict(zip(outrun.tolist(), [told[part] for part in last[units[outrun]].tolist()], strict=True))
    own[outrun] = -1
    for part in ("train", *starts):
        if not (own == PARTS.index(part)).any():
            raise SplitError(
                f"no {PART_WORDS[part]} row is left: {agreeing(len(outrun), 'rows', 'are')} of groups or contents "
                f"that reach into a later part, {n_in_gap} {does(n_in_gap, 'are')} in the gap. To fix: group by "
                "something that does not last all the time, ask for a smaller gap, or split by time or by group alone."
            )
    return ByTime(tuple(np.array([*PARTS, None], object)[own].tolist()), dict(sorted(reasons.items())))


def _moment(cell: Any) -> datetime | None:
    """The time that a cell says, or None."""
    if isinstance(cell, datetime):  # pandas' Timestamp is one
        return cell
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day)  # the zone is settled for all
    if not isinstance(cell, str):
        return None
    text = EXIF_DATE.sub(r"\1-\2-\3\4", cell.strip()) if EXIF_DATE.fullmatch(cell.strip()) else cell.strip()
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _check_all(fine: Any, cells: Sequence[Any], where: str, expected: str) -> None:
    """Raise a DataError that names the first cell that is not fine."""
    for row, is_fine in enumerate(fine):
        if not is_fine:
            raise DataError(
                f"{where} cannot be read as times: row {row + 1} of those with a path and a target says "
                f"{readable(str(cells[row])[:60])!r}; expected {expected}. To fix: write every time as 2024-01-31 or "
                "2024-01-31T18:30:00, or leave time out."
            )
