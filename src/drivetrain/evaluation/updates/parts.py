"""What the page of an update is made of; nothing here computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from drivetrain.evaluation.comparing import Comparison
from drivetrain.evaluation.open_set import OpenSet
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Scores
from drivetrain.pages.html import Html
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.lineage import Update

ShowId = Callable[[str, str], Html | None]
"""Id of a row in the predictions, and what stands for it where it cannot be seen → what its kind of input shows of it;
None where it cannot be read any more."""


@dataclass(frozen=True)
class Task:
    """One task, by the same rows before and after an update."""

    name: str
    """old, new."""
    before: Scores
    after: Scores
    comparison: Comparison | None
    """Of the first metric, before against after, paired."""
    said: tuple[Predictions, Predictions]
    """What was said of each row before and after, in the same order."""


@dataclass(frozen=True)
class UpdateParts:
    """All that `render` can show."""

    title: str
    """What the updated model is called, or the one it came from."""
    record: Update
    """What the manifest keeps of this update."""
    old: Task | None
    """None: no old validation rows are at hand."""
    new: Task | None
    """None: no new row was kept for validation."""
    show: ShowId | None = None
    novelty: OpenSet | None = None
    """Whether the old model was less sure of rows of new classes; None where there are none to see it by."""
    lineage: Sequence[Update] = ()
    """All updates of the model, this one last."""
    decisions: Mapping[str, Decision] = field(default_factory=dict[str, Decision])
    created: str = ""
    """UTC, ISO 8601."""

    @property
    def tasks(self) -> list[Task]:
        """Those that could be judged, the old one first."""
        return [task for task in (self.old, self.new) if task is not None]
