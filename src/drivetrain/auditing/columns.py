"""What can be said of a row without looking at what it shows: how it was taken, stored and named.

Columns come in three families. *capture*: traces of the device and of storage that a network can see, though they are
not what is asked (sides, format, compression, camera). *contents*: coarse statistics, which may rightly tell classes
apart (oranges are orange). Both are what the kind of input knows. *bookkeeping*: names, times and order, which no
network sees, but which tell of sessions and batches. Legend: N rows, F columns.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from drivetrain.auditing.rows import AuditRows
from drivetrain.data.splitting.divide import labels_of
from drivetrain.runtime.files.members import status_of

Family = Literal["capture", "contents", "bookkeeping"]
FAMILIES: tuple[Family, ...] = ("capture", "contents", "bookkeeping")
UNKNOWN = -1.0


@dataclass(frozen=True)
class Column:
    """One thing known of each row, as a number; text is numbered by how frequent it is."""

    name: str
    family: Family
    values: NDArray[np.float64]
    """(N,)."""
    categorical: bool = False


def read_columns(rows: AuditRows, chosen: NDArray[np.int64]) -> list[Column]:
    """The columns of some rows, those that never vary left out."""
    some = replace(rows.examples, signatures=rows.signatures).subset(chosen.tolist())
    told, contents = rows.of_kind.metadata(some), getattr(rows.of_kind, "contents", frozenset[str]())
    columns = [_column(name, "contents" if name in contents else "capture", cells) for name, cells in told.items()]
    paths = [path for path in rows.sources_of(chosen) if isinstance(path, Path)]
    if len(paths) == len(chosen):
        kept = [_name_facts(path, _labels(rows, int(row))) for path, row in zip(paths, chosen, strict=True)]
        columns += [_column(name, "bookkeeping", [found[name] for found in kept]) for name in (kept[0] if kept else ())]
        columns.append(_column("file time", "bookkeeping", [_file_time(path) for path in paths]))
    if rows.layout == "table":
        columns.append(Column("order", "bookkeeping", chosen.astype(np.float64)))
    return [column for column in columns if len(np.unique(column.values)) > 1]


def _labels(rows: AuditRows, row: int) -> list[str]:
    """The labels of a row; none for test rows, which stay sealed."""
    return [] if rows.part_word(row) == "test" else list(labels_of(rows.examples.values[row]))


def as_column(name: str, cells: Sequence[Any]) -> Column:
    """A column of a table, as a small tree reads it."""
    return _column(name, "contents", cells)


def _file_time(path: Path) -> float | None:
    try:
        return status_of(path).st_mtime
    except (OSError, ValueError):
        return None


def _name_facts(path: Path, labels: Sequence[str]) -> dict[str, Any]:
    """What the name says besides the class: words that are the label, or the folder's name, are taken out."""
    stem = path.stem.lower()
    for word in sorted((*labels, path.parent.name), key=len, reverse=True):
        stem = _without(stem, word.lower())
    numbers = [float(number[:15]) for number in re.findall(r"\d+", stem)]
    return {
        "name pattern": re.sub(r"\d+", "#", stem),
        "name length": float(len(stem)),
        "first number in name": numbers[0] if numbers else None,
        "last number in name": numbers[-1] if numbers else None,
    }


def _without(text: str, word: str) -> str:
    """The text without a word, however its letters are joined.

    Example:
        >>> _without("royal_gala-007", "royal gala")
        '-007'
    """
    letters = [re.escape(letter) for letter in word if letter.isalnum()]
    return re.sub(r"[\W_]*".join(letters), "", text) if letters else text


def _column(name: str, family: Family, cells: Sequence[Any]) -> Column:
    """Numbers as they are; text numbered by frequency, most frequent first; unknown cells UNKNOWN."""
    if any(isinstance(cell, str) for cell in cells):
        counts = Counter(cell for cell in cells if cell is not None)
        rank = {
            text: float(i) for i, (text, _) in enumerate(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
        }
        return Column(name, family, np.array([rank.get(cell, UNKNOWN) for cell in cells]), categorical=True)
    numbers = np.array([UNKNOWN if cell is None else float(cell) for cell in cells])
    return Column(name, family, np.where(np.isfinite(numbers), numbers, UNKNOWN))
