"""What a source says before any picture is opened: paths, target values and, where given, parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from drivetrain.data.check import LeftOut
from drivetrain.data.split import Part
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import TargetValue

Kind = Literal["category", "categories", "number"]
GroupBy = Literal["column", "folder", "pattern", "near-duplicates", "camera", "day"]


class SourceSpec(BaseModel):
    """How a source was read; stored in the artefact so that evaluation reads it the same way.

    Example:
        >>> SourceSpec(layout="table", path="file", target=("fruit",), kind="category").target
        ('fruit',)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layout: Literal["folder", "table"]
    path: str | None = None
    """Column with the picture's path (tables only)."""
    target: tuple[str, ...] = ()
    """Target columns (tables only)."""
    split: str | None = None
    """Column that names each row's part, if one does (tables only)."""
    kind: Kind = "category"
    label_delim: str | None = None
    """What separates several labels in one cell."""
    flags: tuple[str, ...] = ()
    """Target columns of yes and no, which name a label."""
    bracketed: bool = False
    """Whether cells are lists of labels written as text."""
    missing: tuple[str, ...] = ()
    """Words in target columns that mean "no value"."""
    split_flags: tuple[str, ...] = ()
    """Several columns of yes and no that name each row's part, `split` among them."""
    group: str | None = None
    """Column or pattern that says what each row belongs to; None for what a function said, which cannot be stored."""
    group_by: GroupBy | None = None
    """What kind of thing says it."""
    labels_from: Literal["top", "leaf"] | None = None
    """Which folders name the classes, where the user has said so (folders only)."""
    value_range: tuple[int, int] | None = None
    """What becomes black and white of values with more than 8 bits; None keeps the upper 8 of 16 bits."""
    relabelled: Mapping[str, TargetValue] = {}
    """Digest → the value that a review gave it, where the source still says another."""


@dataclass(frozen=True)
class Listed:
    """The rows of a source, columns of equal length, and what was noticed on the way."""

    description: str
    spec: SourceSpec
    paths: tuple[Path, ...]
    values: tuple[TargetValue, ...]
    parts: tuple[Part, ...] | None = None
    """None where the source has no split of its own."""
    groups: tuple[str, ...] | None = None
    """What each row belongs to, where something says so."""
    times: tuple[float, ...] | None = None
    """When each row was taken, where something says so."""
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])
    """Cells of the other columns of a table."""
    root: Path = field(default_factory=Path)
    """What names inside the source start from."""
    hint: str = ""
    """Where the files were looked for, if none was found."""
    left_out: tuple[LeftOut, ...] = ()
    ignored: Mapping[str, int] = field(default_factory=dict[str, int])
    decisions: Mapping[str, Decision] = field(default_factory=dict[str, Decision])
    notes: tuple[str, ...] = ()
    """What was noticed and deserves a warning, a sentence each."""

    def __post_init__(self) -> None:
        assert len(self.paths) == len(self.values), "columns of different length"
        for column in (self.parts, self.groups, self.times, *self.columns.values()):
            assert column is None or len(column) == len(self.paths), "columns of different length"

    def without(self, left_out: Mapping[int, LeftOut]) -> Listed:
        """The same without some rows, and why."""
        rows = [row for row in range(len(self.paths)) if row not in left_out]

        def kept(column: Sequence[Any] | None) -> tuple[Any, ...] | None:
            return None if column is None else tuple(column[row] for row in rows)

        return replace(
            self,
            paths=tuple(self.paths[row] for row in rows),
            values=tuple(self.values[row] for row in rows),
            parts=kept(self.parts),
            groups=kept(self.groups),
            times=kept(self.times),
            columns={name: [cells[row] for row in rows] for name, cells in self.columns.items()},
            left_out=self.left_out + tuple(left_out.values()),
        )

    @property
    def n_rows(self) -> int:
        """Rows listed and rows left out."""
        return len(self.paths) + len(self.left_out)

    @property
    def target_names(self) -> tuple[str, ...]:
        """What the target is called in messages and in the artefact."""
        return self.spec.target or ("class",)
