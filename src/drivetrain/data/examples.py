"""Rows that can be learnt from: where each picture is, what is in the file, and what the model must say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from drivetrain.runtime.targets import TargetValue


@dataclass(frozen=True)
class Examples:
    """Three columns of equal length, one row per example.

    Example:
        >>> pears = Examples((Path("a.jpg"), Path("b.jpg")), ("00", "11"), ("pear", "pear"))
        >>> len(pears), pears.subset([1]).paths[0].name
        (2, 'b.jpg')
    """

    paths: tuple[Path, ...] = ()
    digests: tuple[str, ...] = ()
    """Identity of each file's content, see `drivetrain.runtime.pictures.digest`."""
    values: tuple[TargetValue, ...] = ()
    """A str for a category, a tuple of str for categories, a tuple of float for numbers."""

    def __post_init__(self) -> None:
        assert len(self.paths) == len(self.digests) == len(self.values), "columns of different length"

    def __len__(self) -> int:
        return len(self.paths)

    def subset(self, indices: Sequence[int]) -> Examples:
        """The rows at `indices` (0 ≤ index < length), in that order; a row may be asked for twice."""
        return Examples(
            tuple(self.paths[i] for i in indices),
            tuple(self.digests[i] for i in indices),
            tuple(self.values[i] for i in indices),
        )

    @classmethod
    def concat(cls, parts: Iterable[Examples]) -> Examples:
        """All rows of `parts`, one after the other.

        Example:
            >>> len(Examples.concat([Examples(), Examples((Path("a"),), ("00",), ("x",))]))
            1
        """
        parts = list(parts)
        return cls(
            tuple(path for part in parts for path in part.paths),
            tuple(digest for part in parts for digest in part.digests),
            tuple(value for part in parts for value in part.values),
        )
