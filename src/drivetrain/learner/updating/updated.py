"""What an update has made: the model, what it costs the old task, and whether it may take the old one's place."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivetrain.calls import named
from drivetrain.errors import ForgettingError
from drivetrain.evaluation.open_set import OpenSet
from drivetrain.learner.updating.choosing import Corrected, Point
from drivetrain.learner.updating.judging import Flips, Judged, task_lines
from drivetrain.learner.updating.report import report_update
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.lineage import Update
from drivetrain.settings import flag
from drivetrain.text import printable

if TYPE_CHECKING:
    from drivetrain.learner.learner import Learner


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came out, without the model."""

    old: Judged | None
    """The old task before and after, by its validation rows; None: none of them is at hand."""
    new: Judged | None
    """The new task before and after; None: no new row was kept for validation."""
    flips: Flips | None
    """Old rows whose answer turned; None of numbers, or where no old row is at hand."""
    alpha: float
    """Where between old (0) and new (1) weights the model is."""
    curve: tuple[Point, ...]
    """What was judged between them."""
    corrected: Corrected | None = None
    """What both tasks are worth on other rows, where a point before the end was chosen by those that judge it."""
    held_back: str | None
    """Why it should not take the old model's place; None: nothing speaks against it."""
    novelty: OpenSet | None = None
    """Whether the old model was less sure of rows of the new classes: what its abstention would have found of them."""
    new_classes: tuple[str, ...] = ()
    decisions: dict[str, Decision] = field(default_factory=dict[str, Decision])
    seconds: float = 0.0
    """That it took, with all judging."""


@dataclass(frozen=True, repr=False, kw_only=True)
class Updated(Outcome):
    """A model that was trained once more, beside what it was; printing it says what was gained and what was lost."""

    model: Learner
    """The updated model, ready to be saved; the old one is untouched."""
    lineage: Update
    """What goes into the manifest: parent, data by hash, what changed."""

    @named
    def save(
        self,
        path: str | os.PathLike[str],
        *,
        accept_forgetting: bool = False,
        beside: str | os.PathLike[str] | None = None,
        **settings: Any,
    ) -> Path:
        """Write the artefact, with its lineage, as `Learner.save` does; or what it has that its parent has not.

        Args:
            path: The folder.
            accept_forgetting: Write it also where the gate holds it back.
            beside: The saved model that was updated, in the same folder as `path`. Written is then a small update: the
                matrices of `low_rank`, the head, and what is not the network's. It is opened as any model is, as long
                as its parent lies beside it, and says the same as if it had been saved whole. None saves it whole.
            settings: Of `Learner.save`.

        Raises:
            ArtefactError: The place cannot be written to; `beside` is another model, or lies elsewhere; or more than
                half of the parameters are others than its.
            ForgettingError: The gate holds it back.
            SettingError: A setting is out of range.
        """
        if self.held_back is not None and not flag("accept_forgetting", accept_forgetting):
            raise ForgettingError(
                f"the update is not written: {self.held_back}. Expected one that keeps the old task. To fix: give it "
                "old rows to rehearse (old=, --old), or accept what is lost (accept_forgetting=True, "
                "--accept-forgetting)."
            )
        if beside is None:
            return self.model.save(path, **settings)
        from drivetrain.learner.saving.beside import save_beside  # noqa: PLC0415 - what saves knows what updates

        return save_beside(self.model, path, beside, self.lineage.parent, **settings)

    @named
    def report(self, path: str | os.PathLike[str] = "update.html") -> Path:
        """Write a page of what the update changed: old against new task, every answer that turned, class by class.

        One file that loads nothing, with small copies of some of the rows.

        Args:
            path: Where the page is written.

        Raises:
            SettingError: A page cannot be written to `path`.
        """
        return report_update(self, path)

    def as_json(self) -> dict[str, Any]:
        """Everything but the model, as plain data."""
        return {
            "old": None if self.old is None else self.old.as_json(),
            "new": None if self.new is None else self.new.as_json(),
            "flips": None if self.flips is None else self.flips.as_json(),
            "alpha": self.alpha,
            "curve": [point.as_json() for point in self.curve],
            "corrected": None if self.corrected is None else self.corrected.as_json(),
            "new_classes": list(self.new_classes),
            "novelty": None if self.novelty is None else _novelty(self.novelty),
            "held_back": self.held_back,
            "seconds": self.seconds,
            "decisions": {name: decision.model_dump() for name, decision in self.decisions.items()},
        }

    def __str__(self) -> str:
        lines = [*_task("old task", self.old), *_task("new task", self.new)]
        lines += [] if self.flips is None else [str(self.flips)]
        lines += [] if self.novelty is None else [f"what is new, by how sure the old model was: {self.novelty.noticed}"]
        lines += [f"{name}: {decision}" for name, decision in self.decisions.items()]
        lines += [f"held back: {self.held_back}"] if self.held_back is not None else []
        return printable("\n".join(lines))

    __repr__ = __str__


def _novelty(found: OpenSet) -> dict[str, Any]:
    said = {"auc": found.auc.as_json(), "noticed": found.noticed.as_json()}
    return {**said, "threshold": found.threshold, "kept": found.kept}


def _task(name: str, judged: Judged | None) -> list[str]:
    if judged is None:
        return [f"{name}: not judged, no validation rows of it are at hand"]
    return task_lines(name, judged)


Updated.__module__ = "drivetrain"  # where people find it, so that messages and help say so
