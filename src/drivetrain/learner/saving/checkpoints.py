"""Where the runs of a Learner are saved while they go on: a folder of its own for every distinct run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drivetrain.data.notices import warn
from drivetrain.data.seals.project import Project
from drivetrain.learner.arguments import CheckpointPlace
from drivetrain.progress import say
from drivetrain.runtime.files.places import why_not_writable
from drivetrain.training.checkpoint import RunClaim, claim_run
from drivetrain.training.identity import fingerprint


class Checkpoints:
    """The folder of the run that goes on, claimed so that no other process writes into it."""

    def __init__(self) -> None:
        self._claim: RunClaim | None = None
        self._start_of: dict[str, str] = {}
        """Parameters that a stopped run left behind → those it started from: the same call takes up that run."""

    def start(self, identity: str) -> str:
        """Identity of what a run starts from; after a run that was stopped, of what that one started from."""
        return self._start_of.get(identity, identity)

    def stopped(self, identity: str, start: str) -> None:
        """Remember what a run that was stopped started from."""
        self._start_of[identity] = start

    def folder(
        self, facts: Mapping[str, Any], checkpoint: CheckpointPlace, project: Project, *, alone: bool
    ) -> Path | None:
        """The folder of a run, so that only the same run is taken up again; None: it is not saved.

        Args:
            facts: All that makes it another run.
            checkpoint: As asked: a folder, False for nowhere, None for the project folder.
            project: The project folder.
            alone: Whether this process trains alone; the processes of one run share a folder.
        """
        if checkpoint is False:
            return None
        reason = why_not_writable(project.checkpoints) if checkpoint is None else None
        if reason is not None:
            warn(
                f"no checkpoints are made: {reason}. A run that is interrupted begins anew. "
                "To fix: name another folder with project=, DRIVETRAIN_PROJECT or checkpoint=."
            )
            return None
        folder = (project.checkpoints if checkpoint is None else Path(checkpoint)) / fingerprint(dict(facts))
        self.release()
        if not alone:
            return folder
        self._claim = claim_run(folder)
        if self._claim.folder != folder:
            say(f"the same run goes on in another process, or was stopped there: this one uses {self._claim.folder}")
        return self._claim.folder

    def release(self) -> None:
        """Let others run what went on here."""
        if self._claim is not None:
            self._claim.release()
            self._claim = None
