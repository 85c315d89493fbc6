"""Whether a split of files knows what came first: families change with every version, and old files tell old news."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from drivetrain.data.data import Data
from drivetrain.data.notices import warn
from drivetrain.data.tables.times import times_of
from drivetrain.errors import DataError, SettingError
from drivetrain.runtime.decisions import Decision

_WORDS = "built compiled created date day first_seen month mtime published released seen time timestamp year"
TIMELY = frozenset(_WORDS.split())
"""Columns so called say when a file was made or seen."""
DRAWN = ("random", "stratified", "grouped", "stratified grouped")
"""Splits that know no time; one that was given may well go by it."""
ENOUGH = 0.9
"""Of the cells have to be dates or numbers."""


def with_time_told(data: Data) -> Data:
    """The data with a decision about time; a warning where a column says when files were made and the split ignores it.

    Args:
        data: Divided.
    """
    if data.split.method not in DRAWN:
        return data
    known = [name for name, cells in data.train.columns.items() if _tells_time(name, cells.tolist())]
    if not known:
        reason = "no column says when a file was made; the score is of files of the same time as those trained on"
        return replace(data, decisions={**data.decisions, "time": Decision(value=None, reason=reason)})
    warn(
        f"column {known[0]!r} says when files were made, and this {data.split.method} split draws old and new ones "
        "alike: the score says how well files of the same time are told apart, and not those of later versions. "
        f"To fix: pass time={known[0]!r}; if only files of the same time will be asked about, go on."
    )
    reason = f"column {known[0]!r} is not followed unless asked for"
    return replace(data, decisions={**data.decisions, "time": Decision(value=None, reason=reason)})


def _tells_time(name: str, cells: Sequence[Any]) -> bool:
    present = [cell for cell in cells if cell is not None and cell == cell]  # noqa: PLR0124 - not a number
    named = name.strip().lower().replace(" ", "_").replace("-", "_") in TIMELY
    if len(present) < ENOUGH * len(cells) or len(set(map(str, present))) < 2:
        return False
    dated = all(isinstance(cell, str) and "-" in cell for cell in present)
    if not named and not dated:
        return False
    with suppress(DataError, SettingError):
        times_of(present, f"column {name!r}")
        return True
    return False
