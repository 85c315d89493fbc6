"""The table of a plan: a row for each row, what its levers are now and proposed, what that is worth, and why.

Legend: n rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.plan.parts import Promise, Support
from drivetrain.errors import SettingError
from drivetrain.settings import shown
from drivetrain.text import readable

EXPECTED, LOW, HIGH, EXPECTED_NOW, SUPPORT, WHY = "expected", "low", "high", "expected (now)", "support", "why"
OWN = (EXPECTED, LOW, HIGH, EXPECTED_NOW, SUPPORT, WHY)


def now(lever: str) -> str:
    """Name of the column of a lever's value today.

    Example:
        >>> now("price")
        'price (now)'
    """
    return f"{lever} (now)"


def check_names(levers: Sequence[Lever]) -> None:
    """Whether the levers have columns of their own in the table.

    Raises:
        SettingError: One is called like a column that the plan adds, or like another lever's.

    Example:
        >>> check_names([Lever("low", 1, 2)])
        Traceback (most recent call last):
        drivetrain.errors.SettingError: the lever 'low' cannot be called so: a plan's table has a column of that ...
    """
    taken = {*OWN, *(now(lever.name) for lever in levers)}
    for i, lever in enumerate(levers):
        if lever.name in taken or lever.name in [other.name for other in levers[:i]]:
            raise SettingError(
                f"the lever {shown(lever.name)} cannot be called so: a plan's table has a column of that name already; "
                f"expected another name than {', '.join(OWN)}, once. To fix: rename the column in the rows, and the "
                "lever with it."
            )


def plan_table(
    index: pd.Index,
    levers: Sequence[Lever],
    today: Mapping[str, NDArray[Any]],
    proposed: Mapping[str, NDArray[Any]],
    *,
    promise: Promise,
    support: Support,
) -> pd.DataFrame:
    """The table, indexed as the rows.

    Args:
        index: Of the rows.
        levers: In their order.
        today: Name → (n,) values.
        proposed: Likewise.
        promise: For what each row is worth.
        support: For whether rows like it were seen so.

    Returns:
        For each lever a column of its name and one "… (now)"; then expected, low, high, "expected (now)", support and
        why.

    Raises:
        SettingError: A lever has the name of a column that the plan adds.
    """
    check_names(levers)
    columns: dict[str, Any] = {}
    for lever in levers:
        columns[lever.name] = np.asarray(proposed[lever.name])
        if lever.name in today:
            columns[now(lever.name)] = np.asarray(today[lever.name])
    columns |= {
        EXPECTED: promise.expected,
        LOW: promise.low,
        HIGH: promise.high,
        EXPECTED_NOW: promise.expected_today,
        SUPPORT: np.asarray(support.where).astype(str).astype(object),
    }
    table = pd.DataFrame(columns, index=index)
    table[WHY] = why(table, levers)
    return table


def changed(table: pd.DataFrame, lever: str) -> NDArray[np.bool_]:
    """(n,) whether the plan moves a lever; nowhere known where today's value is not."""
    if now(lever) not in table:
        return np.ones(len(table), dtype=bool)
    before, after = table[now(lever)], table[lever]
    if pd.api.types.is_numeric_dtype(before) and pd.api.types.is_numeric_dtype(after):
        first, second = before.to_numpy(np.float64, na_value=np.nan), after.to_numpy(np.float64, na_value=np.nan)
        return ~(np.isclose(first, second, rtol=1e-9, atol=1e-12) | (np.isnan(first) & np.isnan(second)))
    same = (before.astype(object) == after.astype(object)) | (before.isna() & after.isna())
    return ~same.to_numpy(dtype=bool)


def why(table: pd.DataFrame, levers: Sequence[Lever]) -> NDArray[np.object_]:
    """(n,) what happens to each row, in words."""
    parts = [_moved(table, lever) for lever in levers]
    outside = (table[SUPPORT].to_numpy() == "outside").astype(np.int64)
    parts.append((outside, ["", "rows like it were never seen so"]))
    return joined(parts, "; ", "stays as it is")


Part = tuple[NDArray[np.int64], Sequence[str]]
"""(n,) codes, and the words they stand for; no word for nothing to say."""


def joined(parts: Sequence[Part], between: str, nothing: str) -> NDArray[np.object_]:
    """(n,) words of all parts, put together once for each combination that occurs."""
    code = np.zeros(len(parts[0][0]), dtype=np.int64)
    for codes, words in parts:
        code = code * len(words) + codes
    found, place = np.unique(code, return_inverse=True)
    said: list[str] = []
    for each in found.tolist():
        left, chosen = int(each), list[str]()
        for _, words in reversed(parts):
            left, at = divmod(left, len(words))
            chosen.insert(0, words[at])
        said.append(between.join(word for word in chosen if word) or nothing)
    return np.array(said, dtype=object)[place]


def _moved(table: pd.DataFrame, lever: Lever) -> Part:
    """How a lever moves."""
    name, moved = readable(lever.name), changed(table, lever.name).astype(np.int64)
    if now(lever.name) not in table:
        return moved, ["", f"{name} is set"]
    if lever.is_choice:
        return moved, ["", f"another {name}"]
    values, before = (table[column].to_numpy(np.float64, na_value=np.nan) for column in (lever.name, now(lever.name)))
    end = np.zeros(len(table), dtype=np.int64)
    for code, at in ((1, lever.low), (2, lever.high)):
        if at is not None:
            end[np.isclose(values, at)] = code
    ends = ["", ", the lowest allowed", ", the highest allowed"]
    words = ["", "", "", *[f"lower {name}{each}" for each in ends], *[f"higher {name}{each}" for each in ends]]
    return moved * (3 + 3 * (values > before) + end), words
