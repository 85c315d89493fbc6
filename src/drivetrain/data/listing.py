"""What a source says before any picture is opened: paths, target values and, where given, parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from drivetrain.data.check import LeftOut
from drivetrain.data.split import Part
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import TargetValue

Kind = Literal["category", "categories", "number"]


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


@dataclass(frozen=True)
class Listed:
    """The rows of a source, three columns of equal length, and what was noticed on the way."""

    description: str
    spec: SourceSpec
    paths: tuple[Path, ...]
    values: tuple[TargetValue, ...]
    parts: tuple[Part, ...] | None = None
    """None where the source has no split of its own."""
    left_out: tuple[LeftOut, ...] = ()
    ignored: Mapping[str, int] = field(default_factory=dict[str, int])
    decisions: Mapping[str, Decision] = field(default_factory=dict[str, Decision])

    def __post_init__(self) -> None:
        assert len(self.paths) == len(self.values), "columns of different length"
        assert self.parts is None or len(self.parts) == len(self.paths), "columns of different length"

    @property
    def n_rows(self) -> int:
        """Rows listed and rows left out."""
        return len(self.paths) + len(self.left_out)

    @property
    def target_names(self) -> tuple[str, ...]:
        """What the target is called in messages and in the artefact."""
        return self.spec.target or ("class",)
