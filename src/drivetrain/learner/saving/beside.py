"""An update saved as a small thing beside the model that it came from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivetrain.calls import named
from drivetrain.errors import ArtefactError, SettingError
from drivetrain.learner.arguments import asked_exemplars
from drivetrain.learner.saving.network_or_not import refuse_what_is_no_network
from drivetrain.learner.saving.save import save_learner
from drivetrain.runtime.additions.record import Parent
from drivetrain.runtime.additions.shrinking import Shrunk, shrunk
from drivetrain.runtime.additions.weights import TensorFile
from drivetrain.runtime.artefact import WEIGHTS, Artefact, check_target_path, open_artefact
from drivetrain.runtime.files.tensor_file import described
from drivetrain.settings import place
from drivetrain.text import readable
from drivetrain.training.exporting import ExportPlan

if TYPE_CHECKING:
    from drivetrain.learner.learner import Learner


@named
def save_beside(
    learner: Learner,
    path: str | os.PathLike[str],
    parent: str | os.PathLike[str],
    came_from: str,
    *,
    precision: Any = "fp32",
    golden: int = 4,
    worst_change: float = 0.02,
    exemplars: int | None = None,
) -> Path:
    """Write what an updated model has that its parent has not; see `Updated.save`.

    Args:
        learner: The updated model.
        path: The folder.
        parent: That of the model that was updated.
        came_from: Identity of that.
        precision: As of `Learner.save`, and so the others.
        golden: Validation rows that travel with the model.
        worst_change: Of a lower precision.
        exemplars: Training rows that travel with it.

    Raises:
        ArtefactError: The parent is another model or lies elsewhere, or the update is no small one.
        SettingError: The ONNX model is to be in another precision than fp32.
    """
    plan, exemplars = ExportPlan(precision, golden, worst_change), asked_exemplars(exemplars)
    if plan.precision not in (None, "fp32"):
        raise SettingError(
            f"precision={plan.precision!r} was given together with beside=: expected 'fp32', in which the update "
            "shares the parameters of its parent. To fix: leave one of them out."
        )
    artefact = checked_parent(path, parent)
    if artefact.manifest.parameters_sha256 != came_from:
        raise ArtefactError(
            f"beside={readable(artefact.path)} holds another model than the one that was updated: expected the "
            f"parameters {came_from[:12]}…, found {artefact.manifest.parameters_sha256[:12]}…. To fix: name the model "
            "that it came from, saved; or save the update whole."
        )

    def shrink(contents: Mapping[str, bytes]) -> Shrunk:
        factors = {} if learner.additions is None else learner.additions.factors
        file, record = artefact.file(WEIGHTS), artefact.manifest.files[WEIGHTS]
        with file.open("rb") as stream:
            base = TensorFile(stream, described(stream, record.bytes))
            return shrunk(contents, Parent(name=artefact.path.absolute().name, sha256=record.sha256), base, factors)

    return save_learner(learner, path, plan, exemplars=exemplars, shrink=shrink)


def checked_parent(path: str | os.PathLike[str], parent: str | os.PathLike[str]) -> Artefact:
    """The model beside which an update is to be saved, where that can be: opened, and in the same folder.

    Args:
        path: Where the update is to be saved.
        parent: The folder of the model.

    Raises:
        ArtefactError: It is no model with a network, or lies elsewhere.
    """
    target, artefact = check_target_path(path), open_artefact(Path(place("beside", parent)))
    refuse_what_is_no_network(artefact, "an update of it cannot be saved beside it")
    above, beside = (Path(os.path.realpath(one.absolute().parent)) for one in (target, artefact.path))
    if above != beside or target.absolute().name == artefact.path.absolute().name:
        raise ArtefactError(
            f"{readable(target)} does not lie beside {readable(artefact.path)}, where its parent is looked for when it "
            f"is opened: expected a new name in {readable(beside)}. To fix: save it as "
            f"{readable(beside / (target.name if above != beside else f'{target.stem}.update'))}, or leave beside out."
        )
    return artefact
