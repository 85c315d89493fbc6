"""Rows that can be learnt from: where each picture is, what is in the file, and what the model must say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from drivetrain.data.looks import joined_looks, looks_at
from drivetrain.runtime.targets import TargetValue

Cell = TypeVar("Cell")


@dataclass(frozen=True)
class Examples:
    """Columns of equal length, one row per example; the columns after `values` may be empty: then none is known.

    Example:
        >>> pears = Examples((Path("a.jpg"), Path("b.jpg")), ("00", "11"), ("pear", "pear"), groups=("x", "y"))
        >>> len(pears), pears.subset([1]).paths[0].name, pears.subset([1]).groups
        (2, 'b.jpg', ('y',))
    """

    paths: tuple[Path, ...] = ()
    digests: tuple[str, ...] = ()
    """Identity of each file's content, see `drivetrain.runtime.pictures.digest`."""
    values: tuple[TargetValue, ...] = ()
    """A str for a category, a tuple of str for categories, a tuple of float for numbers."""
    groups: tuple[str, ...] = ()
    """What each row belongs to: rows of one group (a patient, a day) are never in two parts."""
    times: tuple[float, ...] = ()
    """When each row was taken, seconds since 1970 (UTC), or numbers as the source has them."""
    signatures: Sequence[bytes] = ()
    """What each picture looks like, see `drivetrain.data.signatures`; b"" where nothing can be told."""
    value_range: tuple[int, int] | None = None
    """Of the data set: what becomes black and white of values with more than 8 bits, see `drivetrain.data.values`."""

    def __post_init__(self) -> None:
        assert len(self.paths) == len(self.digests) == len(self.values), "columns of different length"
        for column in (self.groups, self.times, self.signatures):
            assert not column or len(column) == len(self.paths), "columns of different length"

    def __len__(self) -> int:
        return len(self.paths)

    def subset(self, indices: Sequence[int]) -> Examples:
        """The rows at `indices` (0 ≤ index < length), in that order; a row may be asked for twice."""

        def taken(column: Sequence[Cell]) -> tuple[Cell, ...]:
            return tuple(column[i] for i in indices) if column else ()

        return Examples(
            taken(self.paths),
            taken(self.digests),
            taken(self.values),
            groups=taken(self.groups),
            times=taken(self.times),
            signatures=looks_at(self.signatures, indices),
            value_range=self.value_range,
        )

    @classmethod
    def concat(cls, parts: Iterable[Examples]) -> Examples:
        """All rows of `parts`, one after the other; a column that one of them does not know is dropped.

        Example:
            >>> len(Examples.concat([Examples(), Examples((Path("a"),), ("00",), ("x",))]))
            1
        """
        parts = [part for part in parts if len(part)]

        def joined(columns: Sequence[Sequence[Cell]]) -> tuple[Cell, ...]:
            return tuple(cell for column in columns for cell in column) if all(columns) else ()

        return cls(
            joined([part.paths for part in parts]),
            joined([part.digests for part in parts]),
            joined([part.values for part in parts]),
            groups=joined([part.groups for part in parts]),
            times=joined([part.times for part in parts]),
            signatures=joined_looks([part.signatures for part in parts]),
            value_range=parts[0].value_range if parts else None,
        )
