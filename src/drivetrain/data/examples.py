"""Rows that can be learnt from: their inputs, the identity of each one's content, and what the model must say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.cache.looks import joined_looks, looks_at
from drivetrain.data.inputs import Files, Inputs
from drivetrain.data.kind import source_kind
from drivetrain.runtime.targets import TargetValue

Cell = TypeVar("Cell")


@dataclass(frozen=True)
class Examples:
    """Columns of equal length, one row per example; an empty column, but that of the values, is not known.

    Example:
        >>> from pathlib import Path
        >>> pears = Examples(Files((Path("a.jpg"), Path("b.jpg"))), ("00", "11"), ("pear", "pear"), groups=("x", "y"))
        >>> len(pears), pears.subset([1]).inputs.name(0), pears.subset([1]).groups
        (2, 'b.jpg', ('y',))
    """

    inputs: Inputs = field(default_factory=Files)
    """What the model sees: files, or cells of a table."""
    digests: tuple[str, ...] = ()
    """Identity of each row's content, see `Inputs.digest`; none before the rows have been opened."""
    values: tuple[TargetValue, ...] = ()
    """A str for a category, a tuple of str for categories, a tuple of float for numbers."""
    groups: tuple[str, ...] = ()
    """What each row belongs to: rows of one group (a patient, a day) are never in two parts."""
    times: tuple[float, ...] = ()
    """When each row was taken, seconds since 1970 (UTC), or numbers as the source has them."""
    signatures: Sequence[bytes] = ()
    """What each row shows, as `NearDuplicates` of its kind compares it; b"" where nothing can be told."""
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]], compare=False, repr=False)
    """Cells of the source's other columns, which are neither input nor target: numbers, or objects with None."""
    kind: str = "images"
    """Of the input, as in `drivetrain.runtime.kinds`."""
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """How the kind reads these inputs: what its own public function was asked for, and what it found itself."""

    def __post_init__(self) -> None:
        assert len(self.inputs) == len(self.values), "columns of different length"
        for column in (self.digests, self.groups, self.times, self.signatures, *self.columns.values()):
            assert not len(column) or len(column) == len(self.values), "columns of different length"

    def __len__(self) -> int:
        return len(self.values)

    @property
    def noun(self) -> str:
        """What these rows are called, in the plural: "pictures"."""
        return source_kind(self.kind).noun

    def subset(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> Examples:
        """The rows at `indices` (0 ≤ index < length), in that order; a row may be asked for twice."""
        index = np.asarray(indices, dtype=np.int64)
        rows: list[int] = index.tolist()
        pick = itemgetter(*rows) if len(rows) > 1 else None

        def taken(column: tuple[Cell, ...]) -> tuple[Cell, ...]:
            if not column:
                return ()
            return tuple(column[row] for row in rows) if pick is None else pick(column)

        return Examples(
            self.inputs.take(index),
            taken(self.digests),
            taken(self.values),
            groups=taken(self.groups),
            times=taken(self.times),
            signatures=looks_at(self.signatures, rows),
            columns={name: cells[index] for name, cells in self.columns.items()},
            kind=self.kind,
            options=self.options,
        )

    @classmethod
    def concat(cls, parts: Iterable[Examples]) -> Examples:
        """All rows of `parts`, one after the other; a column that one of them does not know is dropped.

        Example:
            >>> from pathlib import Path
            >>> len(Examples.concat([Examples(), Examples(Files([Path("a")]), ("00",), ("x",))]))
            1
        """
        parts = list(parts)
        parts = [part for part in parts if len(part)] or parts[:1]
        if len(parts) < 2:
            return parts[0] if parts else cls()
        first, *others = parts

        def joined(columns: Sequence[Sequence[Cell]]) -> tuple[Cell, ...]:
            return tuple(cell for column in columns for cell in column) if all(columns) else ()

        inputs = first.inputs
        for other in others:
            inputs = inputs.join(other.inputs)
        shared = [name for name in first.columns if all(name in other.columns for other in others)]
        return cls(
            inputs,
            joined([part.digests for part in parts]),
            joined([part.values for part in parts]),
            groups=joined([part.groups for part in parts]),
            times=joined([part.times for part in parts]),
            signatures=joined_looks([part.signatures for part in parts]),
            columns={name: np.concatenate([part.columns[name] for part in parts]) for name in shared},
            kind=first.kind,
            options=first.options,
        )


Examples.__module__ = "drivetrain"  # where people find it, so that messages and help say so
