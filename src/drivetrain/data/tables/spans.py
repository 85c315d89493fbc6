"""Rows of a table that are parts of files: where each begins and ends, and files that lie inside a zip file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.tables.columns import known_column
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.zipped import in_folder, members, unpacked
from drivetrain.text import counted, does, readable

SAMPLE = 20
"""Names that are looked for as files, before zip files are."""
MOST_ARCHIVES = 10
ENOUGH = 0.9


def known_span(columns: Mapping[str, Any], asked: tuple[str, str]) -> tuple[str, str]:
    """The columns of where spans begin and end, which are there."""
    return known_column(columns, asked[0], "start"), known_column(columns, asked[1], "end")


class ChosenSpan(NamedTuple):
    """The columns that say where in its file a row begins and ends, and why these."""

    columns: tuple[str, str] | None
    decision: Decision | None = None
    """Of those that nobody asked for."""
    notes: tuple[str, ...] = ()
    """That columns are called so, and say no times."""


NO_SPAN = ChosenSpan(None)


def choose_span(
    columns: Mapping[str, Sequence[Any]],
    asked: tuple[str, str] | Literal[False] | None,
    names: Sequence[tuple[str, str]],
    apart: Sequence[str] = (),
) -> ChosenSpan:
    """The columns that are asked for, or two columns whose names say so and most of whose cells are numbers.

    Args:
        columns: Of the table.
        asked: None: not asked for; False: rows are whole files.
        names: Pairs of such names, in lower case.
        apart: Columns that say something else.

    Example:
        >>> choose_span({"File": ["a.wav"], "Start": ["0.5"], "End": ["2"]}, None, [("start", "end")]).columns
        ('Start', 'End')
    """
    if asked is not None:
        return ChosenSpan(known_span(columns, asked)) if asked else NO_SPAN
    known = {name.strip().casefold(): name for name in columns if name not in apart}
    for first, second in names:
        if first in known and second in known:
            found = known[first], known[second]
            odd = [_no_times(columns[name]) for name in found]
            if all(2 * len(cells) < n for cells, n in odd):
                reason = "their names, and numbers; span=False takes each row for a whole file"
                return ChosenSpan(found, Decision(value=" to ".join(found), reason=reason))
            if any(n for _, n in odd):
                such = next((f" (such as {readable(str(cells[0])[:100])!r})" for cells, _ in odd if cells), "")
                note = (
                    f"the columns {readable(found[0])!r} and {readable(found[1])!r} are called as if rows were parts "
                    f"of files, but do not hold times as numbers{such}, so each row is taken for a whole file. To fix: "
                    "write times as numbers, such as 61.5 seconds; or pass span=False, if files are whole."
                )
                return ChosenSpan(None, notes=(note,))
    return NO_SPAN


def _no_times(cells: Sequence[Any]) -> tuple[list[Any], int]:
    """The cells that are no times, and how many say anything."""
    said = [cell for cell in cells if cell is not None]
    return [cell for cell in said if not _is_time(_number(cell))], len(said)


def _is_time(number: float | None) -> bool:
    return number is not None and 0 <= number < np.inf


def times_in_file(name: str, cells: Sequence[Any], faults: dict[int, object]) -> NDArray[np.float64]:
    """Where each span begins or ends, (N,); not a number where nothing is said.

    Args:
        name: Of the column.
        cells: As they were read.
        faults: Row → why it cannot be used; cells that are no number of at least 0 join them.

    Example:
        >>> faults = {}
        >>> times_in_file("start", ["0.5", None, "later"], faults).tolist(), faults
        ([0.5, nan, nan], {2: 'start is no number of at least 0: later'})
    """
    found = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        number = _number(cell)
        if cell is not None and not _is_time(number):
            faults[row] = f"{name} is no number of at least 0: {readable(str(cell)[:100])}"
        elif number is not None:
            found[row] = number
    return found


def _number(cell: Any) -> float | None:
    if isinstance(cell, str):
        try:
            return float(cell)
        except ValueError:
            return None
    return float(cell) if isinstance(cell, int | float | np.number) and not isinstance(cell, bool) else None


def outside_zips(names: Sequence[str], bases: Sequence[Path]) -> tuple[list[str], dict[str, Decision]]:
    """The paths of what names inside zip files stand for, unpacked; other names as they are.

    A name says which zip file (``clips.zip/1.flac``); or no name is a file, and a zip file beside the table holds most
    of them, which is told as a decision.

    Args:
        names: Of files, as a table has them.
        bases: Folders that they may start from.
    """
    found = [_outside_zip(name, bases) for name in names]
    some = found[:: max(1, len(found) // SAMPLE)]
    if any((base / name).exists() for name in some for base in bases if _can_be_path(name)):
        return found, {}
    archives = sorted({place for base in bases for place in base.glob("*.zip")})
    for archive in archives[:MOST_ARCHIVES] if found else []:
        inside = members(archive)
        n = sum(name in inside for name in found)
        if n >= ENOUGH * len(found):
            root = unpacked(archive)
            reason = (
                f"{n} of {counted(len(found), 'name')} {does(n, 'are')} files in it, and none lies beside the table"
            )
            told = {"archive": Decision(value=readable(archive.name), reason=reason)}
            return [str(root / name) if name in inside else name for name in found], told
    return found, {}


def _can_be_path(name: str) -> bool:
    return len(name) < 1000 and "\0" not in name


def _outside_zip(name: str, bases: Sequence[Path]) -> str:
    if ".zip" not in name.lower():
        return name
    found = (in_folder(os.path.join(base, name)) for base in bases)  # noqa: PTH118 - a Path per row costs seconds
    return next((str(path) for path in found if path is not None), name)
