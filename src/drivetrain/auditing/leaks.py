"""Columns of a table that tell the target as it cannot be told in use, and columns that say the same.

A column that alone tells nearly everything is the target in other words, or was recorded after it; so is one that is
filled in where the target is known, and a date later than the time of its row. Legend: N rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.auditing.columns import as_column
from drivetrain.auditing.findings import Finding
from drivetrain.auditing.forests import Folds, make_folds, one_column
from drivetrain.auditing.rows import AuditRows
from drivetrain.auditing.shortcut import FEWEST_ROWS, chosen_rows
from drivetrain.data.inputs import Cells
from drivetrain.data.tables.times import times_of
from drivetrain.errors import DataError, first_few
from drivetrain.runtime.targets import Array, NumberTarget
from drivetrain.text import readable

SUSPICIOUS = 0.9
"""Of the way from chance to a perfect score, or of the variance: from here on a column alone is told of."""
CERTAIN = 0.99
FILLED = 0.5
"""The same for whether a cell is filled in at all."""
LATE = 0.05
"""Share of the rows with a date after their own time."""


def leak_findings(rows: AuditRows, *, seed: int = 0) -> list[Finding]:
    """What the columns of a table give away; nothing where the rows are files. Targets of test rows are not used."""
    inputs = rows.examples.inputs
    if not isinstance(inputs, Cells):
        return []
    chosen = chosen_rows(rows, seed=seed)
    columns = inputs.take(chosen).columns
    return [*_same(columns), *_telling(rows, chosen, columns, seed), *_late(rows, chosen, columns)]


def _same(columns: dict[str, NDArray[Any]]) -> list[Finding]:
    """Columns that say the same, renamed or not."""
    by_content: dict[bytes, list[str]] = {}
    for name, cells in columns.items():
        places = _places(cells)
        if len(places) and places.max() > 0:
            recur = places.max() < len(places) / 2  # where hardly a cell recurs, any two columns are renamings
            content = (
                places.tobytes()
                if recur
                else repr([_key(cell) for cell in cells.tolist()]).encode("utf-8", "surrogatepass")
            )
            by_content.setdefault(content, []).append(name)
    return [
        Finding(
            "same columns",
            "note",
            f"columns {first_few(repr(readable(name)) for name in names)} say the same",
            "Wherever one changes, the others do. A model needs one of them; how much each counts for is then shared "
            "between them by chance.",
            mend=f'leave out all but one with columns=, or types={{{names[1]!r}: "left out"}}.',
            facts={"columns": names},
        )
        for names in by_content.values()
        if len(names) > 1
    ]


def _places(cells: NDArray[Any]) -> NDArray[np.int64]:
    """(N,) each different cell by the order in which it first occurs: the same for columns that say the same."""
    known: dict[Any, int] = {}
    return np.array([known.setdefault(_key(cell), len(known)) for cell in cells.tolist()], np.int64)


def _key(cell: Any) -> Any:
    if cell is None or cell != cell:  # noqa: PLR0124 - not a number is not itself
        return None
    return cell if isinstance(cell, str | bool | int | float) else repr(cell)


def _telling(rows: AuditRows, chosen: NDArray[np.int64], columns: dict[str, NDArray[Any]], seed: int) -> list[Finding]:
    if len(chosen) < FEWEST_ROWS:
        return []
    truth = rows.target.encode([rows.examples.values[row] for row in chosen])
    groups = [rows.examples.groups[row] for row in chosen] if rows.examples.groups else None
    folds = make_folds(rows.target, truth, groups, seed=seed)
    if folds is None:
        return []
    found: list[Finding] = []
    for name, cells in columns.items():
        told = _share(as_column(name, _plain(cells)).values, rows, truth, folds)
        gone = np.array([_key(cell) is None for cell in cells.tolist()], np.float64)
        filled = _share(gone, rows, truth, folds) if 0 < gone.sum() < len(gone) else 0.0
        if filled >= FILLED:
            found.append(_finding(name, filled, rows, filled=True))
        elif told >= SUSPICIOUS:
            found.append(_finding(name, told, rows, filled=False))
    return found


def _plain(cells: NDArray[Any]) -> Sequence[Any]:
    """Numbers as they are, all else as text."""
    if cells.dtype.kind in "biuf":
        return [None if _key(cell) is None else float(cell) for cell in cells.tolist()]
    return [None if _key(cell) is None else str(cell) for cell in cells.tolist()]


def _share(values: NDArray[np.float64], rows: AuditRows, truth: Array, folds: Folds) -> float:
    """How far a column alone goes from chance, 0, to telling everything, 1."""
    if len(np.unique(values)) < 2:
        return 0.0
    alone = one_column(values, rows.target, truth, folds)
    chance = 1 / len(np.unique(truth)) if rows.target.kind == "category" else 0.0
    return (alone - chance) / (1 - chance)


def _finding(name: str, told: float, rows: AuditRows, *, filled: bool) -> Finding:
    shown, target = readable(name), readable(rows.target.name)
    measure = "of the variance" if isinstance(rows.target, NumberTarget) else "of the way from guessing to certainty"
    what = "whether it is filled in tells" if filled else "it alone tells"
    return Finding(
        "leak",
        "problem" if told >= CERTAIN else "warning",
        f"column {shown!r} may give the target away: {what} {100 * told:.0f} % {measure}",
        f"Such a column often is {target!r} in other words, or was recorded after it: a model that reads it is right "
        "here, and cannot be in use, where it is not known yet.",
        mend=f'ask when {shown!r} is known; if only later, leave it out with types={{{shown!r}: "left out"}}. If it '
        "is known in time, go on.",
        facts={"column": name, "told": told, "by": "being filled in" if filled else "its cells"},
    )


def _late(rows: AuditRows, chosen: NDArray[np.int64], columns: dict[str, NDArray[Any]]) -> list[Finding]:
    """Dates later than the time of their row."""
    if not rows.examples.times:
        return []
    own = np.asarray(rows.examples.times, np.float64)[chosen]
    found: list[Finding] = []
    for name, cells in columns.items():
        there = np.array([_key(cell) is not None for cell in cells.tolist()])
        if cells.dtype.kind in "biuf" or not there.any():
            continue
        try:
            dates = np.array(times_of(cells[there].tolist(), name))
        except DataError:
            continue
        late = int((dates > own[there]).sum())
        if late >= LATE * len(chosen):
            found.append(
                Finding(
                    "leak",
                    "warning",
                    f"column {readable(name)!r} is later than its row in {late:,} of {len(chosen):,} rows",
                    "It was recorded after the time that time= names: in use it is not known yet.",
                    mend=f'leave it out with types={{{readable(name)!r}: "left out"}}, or name another time=.',
                    facts={"column": name, "late": late, "of": len(chosen)},
                )
            )
    return found
