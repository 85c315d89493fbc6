"""A saved model that is taken up and trained on: judged against what it was, on the validation rows that it has.

`update` does this itself; here it is for `Learner.load` with `fine_tune` or `fit`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivetrain.data.notices import warn
from drivetrain.evaluation.predictions import Predictions
from drivetrain.learner.updating.judging import Flips, Judged, flips_of, judge_task, task_lines
from drivetrain.learner.updating.noise import ESTIMATED, estimated_noise
from drivetrain.progress import say
from drivetrain.text import printable

if TYPE_CHECKING:
    from drivetrain.learner.learner import Learner


@dataclass(frozen=True)
class Forgetting:
    """What a training has changed in a model that was saved before; prints as lines for people."""

    model: str
    """What the saved model is called."""
    judged: Judged
    """By the same validation rows as it was saved, and now."""
    flips: Flips | None
    """Rows whose answer turned; None of numbers."""

    def __str__(self) -> str:
        lines = task_lines(f"against {self.model}, by the same validation rows", self.judged)
        return printable("\n".join([*lines, *([] if self.flips is None else [f"  {self.flips}"])]))


def remember(learner: Learner) -> None:
    """Keep what a model that was loaded says before it is trained for the first time."""
    if learner.loaded_from is not None and learner.said_as_saved is None and len(learner.data.valid):
        learner.said_as_saved = learner.predictions()


def judge_since(learner: Learner) -> None:
    """Say what the training has changed, and warn where the model is significantly worse than it was."""
    if learner.loaded_from is None:
        return
    before: Predictions | None = learner.said_as_saved
    if before is None:
        if learner.main:
            say(
                f"not judged against {learner.loaded_from}: none of its validation rows is at hand. To have it judged: "
                "Learner.load(PATH, data=PLACES), with all places of its rows"
            )
        return
    after = learner.predictions()
    found = judge_task(before, after, learner.metrics, "validation")
    flips = flips_of(before, after, floor=estimated_noise(before), how=ESTIMATED)
    learner.forgetting = Forgetting(learner.loaded_from, found, flips)
    if not learner.main:
        return
    for line in str(learner.forgetting).splitlines():
        say(line)
    if found.is_worse():
        warn(
            f"the model is significantly worse than {learner.loaded_from}, which it was: "
            f"{str(found.comparison).splitlines()[0]}. To fix: fewer epochs or a lower lr; or go on with the saved one."
        )
