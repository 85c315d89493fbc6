"""What was handed to `decide`, checked: rows, today's values, what the plan is compared with, what was logged.

Legend: n rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from drivetrain.decisions.asking.rules import Rule
from drivetrain.decisions.levers import Lever
from drivetrain.decisions.models.ensemble import Ensemble
from drivetrain.decisions.models.table import frame_of
from drivetrain.errors import SettingError, did_you_mean
from drivetrain.settings import refuse, shown, text


def with_baseline(rows: pd.DataFrame, levers: Sequence[Lever], baseline: Rule | None) -> pd.DataFrame:
    """The rows, and today's values of levers that neither a column nor `today=` tells, from the baseline.

    Raises:
        SettingError: Nothing tells a lever's value today, so that nothing can be compared with the plan.
    """
    missing = [lever for lever in levers if lever.name not in rows.columns and lever.today is None]
    told = {} if baseline is None else baseline.told
    for lever in missing:
        if lever.name not in told:
            raise SettingError(
                f"nothing says what {shown(lever.name)} is today; expected a column of that name in the rows, "
                "dt.Lever(…, today=…), or a baseline, as a plan is worth what it adds to today. To fix: pass "
                f"baseline={{{lever.name!r}: …}} with the values that you would set without the plan."
            )
    return rows.assign(**{lever.name: told[lever.name] for lever in missing}) if missing else rows


def read_logged(logged: Any, models: Mapping[str, Ensemble], levers: Sequence[Lever]) -> pd.DataFrame | None:
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


def describing(models: Mapping[str, Ensemble], levers: Sequence[Lever], *tables: pd.DataFrame) -> list[str]:
    """Columns that models read beside the levers, and that all tables have."""
    names = [lever.name for lever in levers]
    read = dict.fromkeys(column for model in models.values() for column in model.columns)
    return [column for column in read if column not in names and all(column in table.columns for table in tables)]
