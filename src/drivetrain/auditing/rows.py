"""The rows that an audit looks at, all parts in one list."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from drivetrain.auditing.findings import RowRef
from drivetrain.data.check import CheckReport
from drivetrain.data.examples import Examples
from drivetrain.data.groups.guesses import GroupGuess
from drivetrain.data.inputs import Files
from drivetrain.data.kind import SourceKind, source_kind
from drivetrain.data.splitting.split import PART_WORDS, PARTS, Part
from drivetrain.runtime.targets import Target, TargetValue
from drivetrain.text import readable


@dataclass(frozen=True)
class AuditRows:
    """N rows, the training rows first, then validation, then test; or all in one part that is not divided."""

    examples: Examples
    parts: tuple[Part, ...] | None
    """(N,) None where nothing is divided."""
    target: Target
    signatures: Sequence[bytes]
    """(N,) fingerprints; b"" where nothing can be told."""
    report: CheckReport
    source: str
    layout: Literal["folder", "table"]
    method: str = ""
    """How the parts were drawn; empty where nothing is divided."""
    group_name: str = ""
    """What `examples.groups` are, where they are known by a name."""
    guessed: tuple[GroupGuess, ...] = ()
    """What the rows may belong to, where nobody said."""
    kind: str = "images"
    """Of the input."""

    @property
    def of_kind(self) -> SourceKind:
        """What the kind of input knows of its sources."""
        return source_kind(self.kind)

    def sources_of(self, rows: Sequence[int] | NDArray[np.int64]) -> list[Any]:
        """What the kind of input reads of these rows: paths, or cells."""
        return [self.examples.inputs[row] for row in rows]

    def __len__(self) -> int:
        return len(self.examples)

    def of_part(self, part: Part) -> NDArray[np.int64]:
        """Positions of one part's rows; every row is a training row where nothing is divided."""
        if self.parts is None:
            return np.arange(len(self) if part == "train" else 0)
        return np.flatnonzero(np.array(self.parts) == part)

    @property
    def labelled(self) -> NDArray[np.int64]:
        """Positions of the rows whose targets may be used: all but the test rows."""
        return np.concatenate([self.of_part("train"), self.of_part("valid")])

    @property
    def counts(self) -> dict[str, int]:
        """Rows per part, in words."""
        if self.parts is None:
            return {"rows": len(self)}
        return {PART_WORDS[part]: len(self.of_part(part)) for part in PARTS}

    @cached_property
    def root(self) -> Path:
        """The folder that all files are in: names in findings start there."""
        inputs = self.examples.inputs
        try:
            folders = {path.parent for path in inputs.paths} if isinstance(inputs, Files) else {Path()}
            return Path(os.path.commonpath(folders))
        except ValueError:  # there are none, or on different drives
            return Path()

    def part_word(self, row: int) -> str | None:
        """training, validation or test; None where nothing is divided."""
        return None if self.parts is None else PART_WORDS[self.parts[row]]

    def ref(self, row: int) -> RowRef:
        """The row as a finding names it; of a test row neither label nor content is told."""
        sealed = self.parts is not None and self.parts[row] == "test"
        label = None if sealed else in_words(self.examples.values[row])
        source, name = self.examples.inputs[row], self.examples.inputs.name(row)
        if isinstance(source, Path):
            name = readable(source.relative_to(self.root) if source.is_relative_to(self.root) else source)
        return RowRef(name, self.part_word(row), label, None if sealed else source, kind=self.kind)


def in_words(value: TargetValue) -> str:
    """A target value as text.

    Example:
        >>> in_words("pear"), in_words(("red", "ripe")), in_words((1.5,))
        ('pear', 'red, ripe', '1.5')
    """
    if isinstance(value, str):
        return value
    return ", ".join(part if isinstance(part, str) else f"{part:g}" for part in value)


def signatures_of(examples: Examples) -> Sequence[bytes]:
    """The fingerprints that the rows carry, or else those that a look at each gives; none where the kind has none."""
    if len(examples.signatures) == len(examples):
        return examples.signatures
    near = source_kind(examples.kind).near
    return (b"",) * len(examples) if near is None else near.fingerprints(examples.inputs, **examples.options)
