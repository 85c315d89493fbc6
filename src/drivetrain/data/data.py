"""Pictures with targets, divided and checked: what a `Learner` learns from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from drivetrain.data.check import CheckReport
from drivetrain.data.examples import Examples
from drivetrain.data.listing import SourceSpec
from drivetrain.data.split import Split
from drivetrain.errors import first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import NumberTarget, Target


@dataclass(frozen=True, repr=False)
class Data:
    """Training and validation rows, a sealed test set, and the target fitted on the training rows alone.

    Made by `drivetrain.images`; printing it shows `summary`.
    """

    train: Examples
    valid: Examples
    target: Target
    split: Split
    spec: SourceSpec
    """How the source was read."""
    source: str
    """Where the rows came from, for people."""
    location: str | None = None
    """Absolute path of the source; None for a DataFrame."""
    channels: int = 3
    report: CheckReport = field(default_factory=CheckReport)
    """Rows left out, and why."""
    decisions: Mapping[str, Decision] = field(default_factory=dict[str, Decision])
    kind: Literal["picture"] = "picture"
    sealed_test: Examples = field(default_factory=Examples, kw_only=True)
    """The test rows; read them through `open_test`."""

    @property
    def n_test(self) -> int:
        """Rows in the test set."""
        return len(self.sealed_test)

    def open_test(self) -> Examples:
        """The test rows. Only `Learner.test` calls this: a test set that is looked at often is a validation set."""
        return self.sealed_test

    def summary(self) -> str:
        """Counts, target, split, rows left out and decisions, as lines of text."""
        lines = [
            f"pictures from {self.source}, {self.channels} channels",
            f"  training    {len(self.train)} rows",
            f"  validation  {len(self.valid)} rows",
            f"  test        {self.n_test} rows" + (" (sealed)" if self.n_test else ""),
            f"  target      {describe_target(self.target)}",
            f"  split       {self.split.method}, seed {self.split.seed}, identity {self.split.identity[:8]}",
        ]
        lines += [f"  {line}" for line in str(self.report).splitlines()]
        lines += [f"  {name}: {decision}" for name, decision in self.decisions.items()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.summary()


def describe_target(target: Target) -> str:
    """Kind, name and categories of a target in one line.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> describe_target(CategoryTarget.fit("fruit", ["pear", "apple"]))
        "category 'fruit', 2 classes: apple, pear"
    """
    if isinstance(target, NumberTarget):
        return f"number {first_few(map(repr, target.names))}"
    classes = "classes" if target.kind == "category" else "labels"
    return f"{target.kind} {target.name!r}, {len(target.vocab)} {classes}: {first_few(target.vocab)}"
