"""What a source says of its rows: inputs, target values and, where given, parts, groups and times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from drivetrain.data.check import CheckReport, LeftOut
from drivetrain.data.examples import Examples
from drivetrain.data.splitting.split import Part
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import TargetValue

Kind = Literal["category", "categories", "number"]
"""What a target is, as artefacts call it."""
TaskName = Literal["category", "multilabel", "number"]
"""The same, as people say it."""
TASK_NAMES: Mapping[Kind, TaskName] = {"category": "category", "categories": "multilabel", "number": "number"}
GroupBy = str
"""What tells the groups: "column", "folder", "pattern", "near-duplicates", or what the kind of input can tell."""


class SourceSpec(BaseModel):
    """How a source was read; stored in the artefact so that evaluation reads it the same way.

    Example:
        >>> SourceSpec(layout="table", path="file", target=("fruit",), kind="category").target
        ('fruit',)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layout: Literal["folder", "table"]
    path: str | None = None
    """Column with the paths of the files (tables only)."""
    span: tuple[str, str] | None = None
    """Columns that say where in its file each row begins and ends (tables of paths only)."""
    inputs: tuple[str, ...] = ()
    """Columns that are the input, of a kind whose rows are cells of a table."""
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
    input: str = "images"
    """The kind of input, as in `drivetrain.runtime.kinds`."""
    options: Mapping[str, Any] = {}
    """How that kind reads its inputs: what its public function was asked for, and what it found itself."""
    relabelled: Mapping[str, TargetValue] = {}
    """Digest → the value that a review gave it, where the source still says another."""

    @model_validator(mode="before")
    @classmethod
    def _of_released_formats(cls, given: Any) -> Any:
        """Before there were kinds, `value_range` stood beside the rest."""
        if not isinstance(given, Mapping) or "value_range" not in given:
            return given
        said = dict(cast("Mapping[str, Any]", given))
        value_range = said.pop("value_range")
        return said if value_range is None else said | {"options": {"value_range": value_range}}

    @field_validator("options")
    @classmethod
    def _with_tuples(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """JSON has no tuples."""
        return {name: tuple(cast("list[Any]", one)) if isinstance(one, list) else one for name, one in options.items()}


@dataclass(frozen=True)
class Listed:
    """The rows of a source, and what was noticed on the way from there to a split."""

    description: str
    spec: SourceSpec
    rows: Examples
    """Without digests until they have been opened."""
    parts: tuple[Part, ...] | None = None
    """Of each row; None where neither the source nor somebody else brings a split."""
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
        assert self.parts is None or len(self.parts) == len(self.rows), "columns of different length"

    def without(self, left_out: Mapping[int, LeftOut]) -> Listed:
        """The same without some rows, and why."""
        if not left_out:
            return self
        kept = [row for row in range(len(self.rows)) if row not in left_out]
        values = self.rows.values
        named = [
            replace(gone, label=value) if isinstance(value := values[row], str) else gone
            for row, gone in left_out.items()
        ]
        return replace(
            self,
            rows=self.rows.subset(kept),
            parts=None if self.parts is None else tuple(self.parts[row] for row in kept),
            left_out=(*self.left_out, *named),
        )

    def deciding(self, **decisions: Decision) -> Listed:
        """The same, with decisions."""
        return replace(self, decisions={**self.decisions, **decisions})

    @property
    def task(self) -> Kind:
        """What the target is."""
        return self.spec.kind

    @property
    def n_rows(self) -> int:
        """Rows listed and rows left out."""
        return len(self.rows) + len(self.left_out)

    @property
    def report(self) -> CheckReport:
        """Rows used and left out so far, by class where each row has one."""
        used = Counter(value for value in self.rows.values if isinstance(value, str))
        return CheckReport(self.n_rows, self.left_out, self.ignored, used, self.notes)

    @property
    def target_names(self) -> tuple[str, ...]:
        """What the target is called in messages and in the artefact."""
        return self.spec.target or ("class",)
