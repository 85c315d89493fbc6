"""What was handed to `decide`, checked: rows, today's values, what the plan is compared with, what was logged.

Legend: n rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.models.member import Members
from drivetrain.decisions.models.table import frame_of
from drivetrain.errors import SettingError, did_you_mean, first_few
from drivetrain.settings import choice, number, refuse, shown, text
from drivetrain.text import readable

Setting = dict[str, NDArray[Any]]


def read_baseline(baseline: Any, levers: Sequence[Lever], n: int) -> Setting | None:
    """Lever → (n,) values of what the plan is compared with; None: today's.

    Raises:
        SettingError: It names no lever, or has a value that a lever cannot have.
    """
    if baseline is None:
        return None
    expected = 'lever values such as {"price": 450}, one for all rows or one for each'
    if not isinstance(baseline, Mapping) or not baseline:
        refuse("baseline", baseline, expected)
    by_name = {lever.name: lever for lever in levers}
    result: Setting = {}
    for name, value in cast("Mapping[Any, Any]", baseline).items():
        if name not in by_name:
            near = did_you_mean(str(name), by_name)
            raise SettingError(
                f"baseline has a value of {shown(name)}, which is no lever.{near} Expected among "
                f"{first_few(map(readable, by_name))}. To fix: name one of them."
            )
        lever = by_name[name]
        if lever.is_choice or not (isinstance(value, str) or callable(value)):  # else an expression, which comes later
            result[str(name)] = _each(lever, value, n)
    return result


def with_baseline(rows: pd.DataFrame, levers: Sequence[Lever], baseline: Setting | None) -> pd.DataFrame:
    """The rows, and today's values of levers that neither a column nor `today=` tells, from the baseline.

    Raises:
        SettingError: Nothing tells a lever's value today, so that nothing can be compared with the plan.
    """
    missing = [lever for lever in levers if lever.name not in rows.columns and lever.today is None]
    told = {} if baseline is None else baseline
    for lever in missing:
        if lever.name not in told:
            raise SettingError(
                f"nothing says what {shown(lever.name)} is today; expected a column of that name in the rows, "
                "dt.Lever(…, today=…), or a baseline, as a plan is worth what it adds to today. To fix: pass "
                f"baseline={{{lever.name!r}: …}} with the values that you would set without the plan."
            )
    return rows.assign(**{lever.name: told[lever.name] for lever in missing}) if missing else rows


def read_logged(logged: Any, models: Mapping[str, Members], levers: Sequence[Lever]) -> pd.DataFrame | None:
    """What was logged: as given, or the rows that the first model with levers among its columns was fitted on.

    Raises:
        DataError: It is an empty table.
        SettingError: It is no table, or lacks a lever.
    """
    names = [lever.name for lever in levers]
    if logged is not None:
        frame = frame_of(logged, "logged")
        lacking = [name for name in names if name not in frame.columns]
        if lacking:
            near = did_you_mean(lacking[0], map(str, frame.columns))
            raise SettingError(
                f"logged has no column {shown(lacking[0])}.{near} Expected one for each lever, with the values that "
                "were set. To fix: add it, or rename the lever as its column is called."
            )
        return frame
    tables = [model.logged for model in models.values() if model.logged is not None]
    fitting = [table for table in tables if all(name in table.columns for name in names)]
    return max(fitting, key=len) if fitting else None


def read_group(group: Any, logged: pd.DataFrame | None) -> str | None:
    """The column of what keeps logged rows together.

    Raises:
        SettingError: It is no column of the logged rows.
    """
    if group is None:
        return None
    name = text("group", group, what="the name of a column of the logged rows")
    if logged is None:
        refuse("group", group, "nothing, as no logged rows are known", fix="To fix: pass logged=, or leave it out.")
    if name not in logged.columns:
        near = did_you_mean(name, map(str, logged.columns))
        refuse("group", group, "a column of the logged rows", fix=f"{near.strip()} To fix: name one.".strip())
    return name


def describing(models: Mapping[str, Members], levers: Sequence[Lever], *tables: pd.DataFrame) -> list[str]:
    """Columns that models read beside the levers, and that all tables have."""
    names = [lever.name for lever in levers]
    read = dict.fromkeys(column for model in models.values() for column in model.columns)
    return [column for column in read if column not in names and all(column in table.columns for table in tables)]


def _each(lever: Lever, value: Any, n: int) -> NDArray[Any]:
    name = f"baseline[{lever.name!r}]"
    if isinstance(value, pd.Series):
        value = cast("pd.Series[Any]", value).to_numpy()
    if isinstance(value, np.ndarray | list | tuple) and np.ndim(cast("Any", value)) == 1:
        several = cast("Sequence[Any]", value)
        if len(several) != n:
            refuse(name, f"{len(several):,} values", f"one value, or one for each of the {n:,} rows")
    else:
        several = [value]
    if lever.is_choice:
        unknown: dict[Any, Any] = {one: choice(name, one, lever.options) for one in dict.fromkeys(several)}
        found = np.empty(len(several), dtype=lever.values(0).dtype)
        found[:] = [unknown[one] for one in several]
    else:
        found = np.array([number(name, one) for one in several], dtype=np.float64)
    return found if len(found) == n else np.repeat(found, n)
