"""A Learner written to disk, and taken up again."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from drivetrain.calls import named, unknown_name
from drivetrain.data.project import Project
from drivetrain.data.reopen import data_of
from drivetrain.data.sealing import seal_data
from drivetrain.errors import SettingError
from drivetrain.runtime.artefact import open_artefact
from drivetrain.runtime.manifest import ExportPrecision, Opening
from drivetrain.runtime.quarantine import ensure_tried
from drivetrain.settings import place
from drivetrain.training.asking import TakenUp
from drivetrain.training.callbacks import Row
from drivetrain.training.exporting import ExportPlan
from drivetrain.training.network import Network
from drivetrain.training.saved import load_parameters
from drivetrain.training.saving import save_learner
from drivetrain.training.shapes import check_shapes

if TYPE_CHECKING:
    from drivetrain.data.project import ProjectPlace
    from drivetrain.data.sources import Source
    from drivetrain.evaluation.scores import Scores
    from drivetrain.training.learner import Learner

SAVED_WITH_THE_MODEL = ("arch", "size", "pretrained", "dropout")
"""Settings of a Learner that a saved model brings along."""
NOT_OF_A_LOAD = ("self", "data", *SAVED_WITH_THE_MODEL)


class Keeping:
    """Saving a Learner, and loading one."""

    network: Network
    history: list[Row]
    test_openings: list[Opening]
    saved_scores: Scores | None = None
    """What was stored by the last `save`: of the validation set, as the saved model answers, also in int8."""

    @named
    def save(
        self,
        path: str | os.PathLike[str],
        *,
        precision: ExportPrecision | None = "fp32",
        golden: int = 4,
        worst_change: float = 0.02,
    ) -> Path:
        """Write the artefact: a folder with the parameters, the same model as ONNX, description and scores, no code.

        The ONNX model is compared with the trained one on at least 64 pictures (validation first) and on noise; where
        it says something else, none is written, a warning says what differed, and the artefact needs torch.

        Args:
            path: The folder, such as ``fruit.model``; an artefact that stands there is replaced in one step.
            precision: Of the ONNX model. Below fp32 it is taken only if the validation rows show that it costs little,
                else fp32 is kept, with a warning. int8 is smaller and faster; bf16 and fp16 are half the size. None
                writes no ONNX model.
            golden: Validation pictures that travel with the model, encoded small, so that a server can prove itself;
                0 takes random pictures instead: choose it where nobody may see your pictures.
            worst_change: Loss of accuracy that lower precision may bring, at the worse end of its 95 % interval: 0.02
                is two points.

        Raises:
            ArtefactError: The place cannot be written to.
            SettingError: A setting is out of range.
        """
        plan, path = ExportPlan(precision, golden, worst_change), place("path", path)
        return save_learner(cast("Learner", self), path, plan)

    @classmethod
    @named
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        data: Source | None = None,
        project: ProjectPlace = None,
        review: str | os.PathLike[str] | None = None,
        **settings: Any,
    ) -> Self:
        """Take up a saved model, to go on training it, to judge it or to look into it; `drivetrain.load` predicts.

        The rows are found again by content, each in the part that it had; the optimiser starts afresh.

        Args:
            path: The artefact.
            data: Folder, table or DataFrame that holds the pictures now; None takes the place they were trained from.
            project: The project folder, whose seals the rows are compared with; None takes the one at hand, see
                `images`.
            review: File of decisions that `drivetrain review` wrote, whose labels count instead of those of the data:
                what a saved model says of labels does not.
            settings: As of `Learner`, but for what the saved model fixes: arch, size, pretrained and dropout.

        Raises:
            ArtefactError: The artefact cannot be used.
            DataError: None of the training rows are there.
            SealError: The project has sealed some of them as test rows since.
            SettingError: A setting is fixed by the saved model.

        Example:
            ::

                learn = dt.Learner.load("fruit.model")
                learn.fit(2)
        """
        fixed = [name for name in SAVED_WITH_THE_MODEL if name in settings]
        if fixed:
            raise SettingError(
                f"{', '.join(fixed)} cannot be given here: expected none, a saved model brings it along. To fix: leave "
                "it out."
            )
        make = cast(Any, cls)
        known = [name for name in inspect.signature(make).parameters if name not in NOT_OF_A_LOAD]
        for name in settings:
            if name not in known:
                raise SettingError(unknown_name("load()", name, [*known, "project"]))
        path, review = place("path", path), None if review is None else place("review", review)
        Project.find(project)  # says so now if it cannot be one
        artefact = open_artefact(path)
        manifest = artefact.manifest
        settings.setdefault("metrics", manifest.metrics or None)
        check_shapes(artefact)
        ensure_tried(artefact, "torch")
        rows = seal_data(data_of(artefact, data, review=review), project=project)
        make = cast(Any, cls)
        learn: Self = make(rows, TakenUp(manifest), dropout=manifest.architecture.dropout, **settings)
        load_parameters(learn.network, artefact)
        learn.history = [dict(row) for row in manifest.history]
        learn.test_openings = list(manifest.test_openings)
        return learn
