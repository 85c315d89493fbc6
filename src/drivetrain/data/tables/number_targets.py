"""Numbers to predict that are no plain measurements: dates written as digits, integers that float64 cannot hold."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.notices import warn
from drivetrain.errors import first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.text import counted, does

LEAST_ROWS_OF_A_SPREAD = 10
FAR = 10.0
"""Values that make the standard deviation so many times larger are all that a model would learn."""
LARGEST_EXACT = 2**53
"""Above it float64 holds only every second whole number, then every fourth, …"""
FORMS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
"""Dates by their number of digits: 20240131, 202401311259, 20240131125959."""
YEARS = range(1800, 2200)
SINCE_1970 = {"seconds": 1.0, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}
USUAL = (datetime(1995, 1, 1, tzinfo=UTC).timestamp(), datetime(2060, 1, 1, tzinfo=UTC).timestamp())
"""Numbers between are taken for times since 1970, in their unit."""


def look_at_numbers(names: Sequence[str], rows: Sequence[Sequence[float]]) -> Decision | None:
    """What target columns of numbers seem to be besides measurements; integers that were rounded are warned of.

    Args:
        names: Of the columns.
        rows: Their values, row by row.

    Example:
        >>> print(look_at_numbers(["day"], [(20240131.0,), (20240201.0,)]))
        as numbers ('day' looks like dates written as digits (20240131 to 20240201), ...)
        >>> look_at_numbers(["grams"], [(151.5,), (20240131.0,)])
    """
    told: list[str] = []
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        _warn_of_rounded(name, values)
        _warn_of_far_ones(name, values)
        if said := _looks_like(values):
            told.append(f"{name!r} looks like {said}")
    return Decision(value="as numbers", reason="; ".join(told)) if told else None


def _looks_like(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    if not all(value.is_integer() for value in values):
        return ""
    reach = f"({low:.0f} to {high:.0f})"
    if all(_is_date(value) for value in values):
        return (
            f"dates written as digits {reach}, which are learnt and judged as plain numbers: the first of a "
            "month is 70 and more above the day before. To fix: give days since a first day, or name another target"
        )
    for unit, per_second in SINCE_1970.items():
        if all(USUAL[0] <= value / per_second <= USUAL[1] for value in (low, high)):
            first, last = (datetime.fromtimestamp(value / per_second, UTC).date() for value in (low, high))
            return f"{unit} since 1970 ({first} to {last}); errors are in {unit}"
    return ""


def _is_date(value: float) -> bool:
    digits = f"{value:.0f}"
    form = FORMS.get(len(digits))
    if form is None or not re.fullmatch(r"\d+", digits) or int(digits[:4]) not in YEARS:
        return False
    try:
        datetime.strptime(digits, form)
    except ValueError:
        return False
    return True


def _warn_of_rounded(name: str, values: Sequence[float]) -> None:
    beyond = [value for value in values if abs(value) > LARGEST_EXACT and value.is_integer()]
    # of measurements like 6e23 nobody knows the last digit; identifiers and counts of nanoseconds have one
    beyond = [value for value in beyond if abs(value) < 2**64]
    if beyond:
        such_as, step = first_few([f"{value:.0f}" for value in beyond], 2), max(map(math.ulp, beyond))
        warn(
            f"{len(beyond)} of {counted(len(values), 'value')} of {name!r} "
            f"{'is a whole number' if len(beyond) == 1 else 'are whole numbers'} beyond {LARGEST_EXACT:,}, such as "
            f"{such_as}: they are rounded to {step:,.0f}, and numbers nearer to each other than that become one. "
            "To fix: subtract a constant from all of them before, use a larger unit; or pass task='category' if they "
            "are names."
        )


def _warn_of_far_ones(name: str, values: Sequence[float]) -> None:
    """Say where very few values, or one that recurs at an end, are all that the standard deviation consists of.

    Slips of the pen and numbers that stand for "missing" (-999, 9999): a model that has learnt them has learnt nothing
    else, since in standard deviations the other rows are one and the same number.
    """
    sorted_N = np.sort(np.asarray(values, dtype=np.float64))
    if len(sorted_N) < LEAST_ROWS_OF_A_SPREAD:
        return
    for far, rest in _ends(sorted_N):
        spread = float(rest.std())
        if spread > 0 and float(sorted_N.std()) > FAR * spread:
            which = f"{len(far)} of {len(values)} values of {name!r} ({first_few([f'{value:g}' for value in far], 3)})"
            warn(
                f"{which} {does(len(far), 'lie')} so far from all others ({rest[0]:g} to {rest[-1]:g}) that the "
                f"standard deviation is {sorted_N.std() / spread:,.0f} times as large as without them: the others "
                "become nearly one number, and little else can be learnt. To fix: remove these rows where the values "
                "are mistakes or stand for missing ones, or predict the logarithm."
            )
            return


def _ends(sorted_N: NDArray[np.float64]) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """What may be far, and the rest: the most distant hundredth of the values, and one value that recurs at an end."""
    n = len(sorted_N)
    order = np.argsort(np.abs(sorted_N - np.median(sorted_N)), kind="stable")
    for k in sorted({1, 2, n // 100} & set(range(1, max(1, n // 100) + 1))):
        yield sorted_N[np.sort(order[n - k :])], sorted_N[np.sort(order[: n - k])]
    for end in (sorted_N[0], sorted_N[-1]):
        is_end = sorted_N == end
        if 1 < is_end.sum() <= n // 2:
            yield sorted_N[is_end][:1].repeat(int(is_end.sum())), sorted_N[~is_end]
