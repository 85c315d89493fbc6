"""The target value of each row, as the task reads the target columns; and why a row has none."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from drivetrain.data.tables.cells import MISSING_WORDS, Cell, Column, is_list_text, is_yes, items_of, numbers_of
from drivetrain.data.tables.labels import label_text, warn_of_near_names, warn_of_spellings
from drivetrain.data.tables.task import Task
from drivetrain.errors import first_few
from drivetrain.runtime.targets import LARGEST, TargetValue
from drivetrain.text import counted, does


@dataclass(frozen=True)
class Values:
    """One value per row, or None and the reason."""

    values: tuple[TargetValue | None, ...]
    faults: dict[int, str]
    notes: tuple[str, ...] = ()
    """What the user should know, as warnings."""


def values_of(columns: Sequence[Column], task: Task) -> Values:
    """Read the target columns as the task says.

    Example:
        >>> from drivetrain.data.tables.cells import column_of
        >>> values_of([column_of("tags", ["b; a;b;", None])], Task("categories", "", delim=";")).values
        (('b', 'a'), ())
    """
    columns = [_emptied(column, task) for column in columns]
    if task.kind == "number":
        return _numbers(columns)
    if task.kind == "category":
        return _one_hot(columns) if len(columns) > 1 else _categories(columns[0])
    return _labels(columns, task)


def warn_of_labels(columns: Sequence[Column], task: Task, values: Sequence[TargetValue]) -> None:
    """Say where labels were written in several ways, or are nearly the same."""
    if task.kind == "number":
        return
    where = f"labels in {first_few(repr(column.name) for column in columns)}"
    for column in columns:
        if column.name not in task.flags and not column.has_lists and not task.bracketed:
            raw = [cell for cell in column.as_written if isinstance(cell, str) and cell.strip()]
            if task.delim:
                raw = [part.strip() for cell in raw for part in cell.split(task.delim)]
            warn_of_spellings(raw, where)
    found = (label for value in values for label in ((value,) if isinstance(value, str) else value))
    warn_of_near_names(Counter(label for label in found if isinstance(label, str)), where)


def _emptied(column: Column, task: Task) -> Column:
    """The column with nothing in place of words that mean "no value"."""
    words = set(task.missing)
    if not words & column.counts.keys():
        return column
    return replace(
        column, cells=tuple(None if isinstance(cell, str) and cell in words else cell for cell in column.cells)
    )


def _numbers(columns: Sequence[Column]) -> Values:
    table = [numbers_of(column) for column in columns]
    values: list[TargetValue | None] = []
    faults: dict[int, str] = {}
    for row in range(len(columns[0].cells)):
        numbers: list[float] = []
        for column, found in zip(columns, table, strict=True):
            number, cell = found[row], column.cells[row]
            if number is not None and abs(number) <= LARGEST:
                numbers.append(number)
            elif cell is None or (isinstance(cell, str) and cell.casefold() in MISSING_WORDS):
                faults.setdefault(row, f"target is missing: {column.name}")
            elif number is not None and math.isfinite(number):
                faults.setdefault(row, f"target is beyond {LARGEST:g}: {column.name} is {number:.3g}")
            elif number is not None:
                faults.setdefault(row, f"target is not finite: {column.name} is {label_text(cell)[:40]}")
            else:
                faults.setdefault(row, f"target is not a number: {column.name} is {label_text(cell)[:40]!r}")
        values.append(None if row in faults else tuple(numbers))
    return Values(tuple(values), faults)


def _categories(column: Column) -> Values:
    faults = {row: f"target is missing: {column.name}" for row, cell in enumerate(column.cells) if cell is None}
    return Values(
        tuple(cell if cell is None or isinstance(cell, str) else str(list(cell)) for cell in column.cells), faults
    )


def _one_hot(columns: Sequence[Column]) -> Values:
    """The name of the one column that is true."""
    values: list[TargetValue | None] = []
    faults: dict[int, str] = {}
    for row in range(len(columns[0].cells)):
        true = [column.name for column in columns if is_yes(column.cells[row])]
        if len(true) == 1:
            values.append(true[0])
            continue
        values.append(None)
        if not true and any(column.cells[row] is None for column in columns):
            faults[row] = f"target is missing: {next(c.name for c in columns if c.cells[row] is None)}"
        else:
            faults[row] = f"several target columns are true: {first_few(true)}" if true else "no target column is true"
    return Values(tuple(values), faults)


def _labels(columns: Sequence[Column], task: Task) -> Values:
    flags = [column for column in columns if column.name in task.flags]
    others = [column for column in columns if column.name not in task.flags]
    gone = _unknown(flags) if not others else set[int]()
    faults = dict.fromkeys(gone, f"target is missing: {first_few(column.name for column in flags)}")
    for column in others:
        if any(
            cell == () or (task.bracketed and isinstance(cell, str) and not items_of(cell)) for cell in column.cells
        ):
            empty = (row for row, cell in enumerate(column.cells) if cell is None)
            faults |= dict.fromkeys(empty, f"target is missing: {column.name} (rows without labels have an empty list)")
    values: list[TargetValue | None] = []
    for row in range(len(columns[0].cells)):
        labels = [column.name for column in flags if is_yes(column.cells[row])]
        for column in others:
            found = _several(column.cells[row], task)
            labels += found if len(columns) == 1 else [f"{column.name}={label}" for label in found]
        values.append(None if row in faults else tuple(dict.fromkeys(labels)))
    return Values(tuple(values), faults, _empty_note(columns, values, task))


def _empty_note(columns: Sequence[Column], values: Sequence[TargetValue | None], task: Task) -> tuple[str, ...]:
    """A word on rows without a label, where an empty cell says it."""
    none = [row for row, value in enumerate(values) if value == ()]
    by_gap = sum(any(column.cells[row] is None for column in columns) for row in none)
    partly = sum(
        value is not None and value != () and any(column.cells[row] is None for column in columns)
        for row, value in enumerate(values)
    )
    notes: tuple[str, ...] = ()
    if by_gap:
        notes += (
            f"{by_gap} of {counted(len(values), 'row')} {does(by_gap, 'have')} an empty target: taken as rows without "
            "any label (negatives). To leave them out, remove these rows from the table.",
        )
    if partly and len(columns) > 1:
        what = "no" if len(task.flags) == len(columns) else "no label"
        notes += (
            f"{partly} of {counted(len(values), 'row')} {does(partly, 'have')} an empty cell in some of the target "
            f"columns: taken as {what}. To leave them out, remove these rows from the table.",
        )
    return notes


def _unknown(flags: Sequence[Column]) -> set[int]:
    """Rows that are empty in all columns of yes and no, where noes are written: nobody looked."""
    if not any(not is_yes(text) for column in flags for text in column.counts):
        return set()
    return {row for row, cells in enumerate(zip(*(column.cells for column in flags), strict=True)) if not any(cells)}


def _several(cell: Cell, task: Task) -> list[str]:
    if cell is None:
        return []
    if isinstance(cell, tuple) or (task.bracketed and is_list_text(cell)):
        return list(items_of(cell))
    parts = cell.split(task.delim) if task.delim else [cell]
    return [label for part in parts if (label := label_text(part))]
