"""Looking inside a model, or inside a saved one; beside another one, or beside its own body as it was before."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivetrain.data.reopen import warn_of_learnt
from drivetrain.errors import ModelError, SettingError
from drivetrain.insight.features.choosing import SHOWN
from drivetrain.insight.inside import EXPLAINED, Wanted, inspect
from drivetrain.insight.inspection import Inspection, page_place
from drivetrain.insight.subject import subject_of
from drivetrain.notices import warn
from drivetrain.settings import flag, place, refuse, several, text, whole
from drivetrain.text import readable
from drivetrain.training.probing import without_folders

if TYPE_CHECKING:
    from drivetrain.data.data import Data
    from drivetrain.data.seals.project import ProjectPlace
    from drivetrain.data.sources import Source
    from drivetrain.learner.base import ModelBase
    from drivetrain.learner.learner import Learner
    from drivetrain.training.kind import TrainingKind
    from drivetrain.training.network import Network
    from drivetrain.training.place import Place

PRETRAINED = "pretrained"
"""What `against` calls the model's own body before it was trained here."""
AGAINST = "a Learner, the folder of a saved model, or 'pretrained'"


def asked_wanted(
    *,
    layers: Any = None,
    features: Any = SHOWN,
    also: Any = (),
    explain: Any = EXPLAINED,
    rows: Any = None,
    quick: Any = False,
    seed: Any = 0,
) -> Wanted:
    """What is looked for, checked; see `ModelBase.look_inside`.

    Example:
        >>> asked_wanted(also="layer3:17").also
        (('layer3', 17),)
    """
    names = None
    if layers is not None:
        listed = several("layers", layers, "names of layers, or None", single=str)
        names = [text("layers", name, what="the name of a layer") for name in listed]
        if not names:
            refuse("layers", layers, "at least one name of a layer, or None")
    return Wanted(
        names,
        whole("features", features, least=1, most=100),
        tuple(_channel(one) for one in several("also", also, "features, such as 'layer3:17'", single=str)),
        whole("explain", explain, least=0, most=50),
        None if rows is None else whole("rows", rows, least=1),
        flag("quick", quick),
        whole("seed", seed, least=0),
    )


def _channel(said: Any) -> tuple[str, int]:
    layer, colon, channel = said.rpartition(":") if isinstance(said, str) else ("", "", "")
    if not (layer and colon and channel.isdecimal()):
        refuse("also", said, "a layer and one of its channels, such as 'layer3:17'")
    return layer, int(channel)


def look_inside(
    model: ModelBase,
    path: str | os.PathLike[str] | None,
    wanted: Wanted,
    *,
    against: ModelBase | str | os.PathLike[str] | None = None,
    label: str = "",
) -> Inspection:
    """See `ModelBase.look_inside`; `label` is what the page calls it."""
    if path is not None:
        page_place(path)
    learner = _with_network(model)
    other = None if against is None else _other(learner, against)
    rows, seed = wanted.rows, wanted.seed
    subject = subject_of(learner, rows=rows, seed=seed, label=label or learner.label)
    before = None
    if other is not None:
        before = subject_of(_reading(other[0], learner), rows=rows, seed=seed, label=other[1])
    found = inspect(subject, wanted, before=before)
    if path is not None and learner.main:
        found.save(path)
    return found


def inside_saved(
    model: str | os.PathLike[str],
    path: str | os.PathLike[str] | None = None,
    *,
    data: Source | None = None,
    against: str | os.PathLike[str] | None = None,
    wanted: Wanted | None = None,
    device: str = "auto",
    project: ProjectPlace = None,
) -> Inspection:
    """The same of a saved model; its validation rows are found again by content.

    Args:
        model: The artefact.
        path: Where the page is written, if anywhere.
        data: Folder, table or DataFrame that holds the pictures now; None takes the place they were trained from.
        against: Another artefact, or "pretrained".
        wanted: What is looked for.
        device: "auto", "gpu", a torch device, its name, or the number of a GPU.
        project: The project folder, see `Learner.load`.

    Raises:
        ArtefactError: The artefact cannot be used.
        DataError: The rows are not there, or the model was trained without a validation set.
        SealError: The project has sealed some of the rows as test rows since.
    """
    from drivetrain.learner.learner import Learner  # noqa: PLC0415 - which is a ModelBase, and this is a part of that

    if path is not None:
        page_place(path)
    learner = Learner.load(model, data=data, device=device, project=project)
    warn_of_learnt(learner.data.valid.digests, learner.data.split, "valid")
    other: Any = against
    if against is not None and str(against) != PRETRAINED:
        other = Learner.load(against, data=data, device=device, project=project)
        other.label = readable(Path(against).name)
    return look_inside(learner, path, wanted or Wanted(), against=other, label=readable(Path(model).name))


def _with_network(model: ModelBase) -> Learner:
    """The model, if it has layers."""
    from drivetrain.learner.learner import Learner  # noqa: PLC0415

    if isinstance(model, Learner):
        return model
    raise ModelError(
        f"{readable(model.label)} cannot be looked into: it is a {type(model).__name__}, expected a dt.Learner, which "
        "has a network with layers. To fix: train a dt.Learner on the same data."
    )


def _other(learner: Learner, against: Any) -> tuple[Learner, str]:
    """The model that is compared with, and what the page calls it."""
    from drivetrain.learner.learner import Learner  # noqa: PLC0415

    if isinstance(against, Learner):
        return against, against.label
    if not isinstance(against, str | os.PathLike):
        refuse("against", against, AGAINST)
    if str(against) == PRETRAINED:
        return _pretrained(learner)
    found = Learner.load(place("against", against), data=None, device=str(learner.place.device))
    return found, readable(Path(against).name)


def _pretrained(learner: Learner) -> tuple[Learner, str]:
    """The same body as it was before it was trained here."""
    from drivetrain.learner.learner import Learner  # noqa: PLC0415

    architecture = learner.kind.architecture
    if architecture.pretrained_from is None:
        raise SettingError(
            f"against='pretrained' cannot be used: {learner.label} was trained from scratch, expected a model with a "
            "pretrained body. To fix: give the folder of another saved model."
        )
    made = Learner(
        learner.data,
        architecture.pretrained_from,
        size=getattr(learner.kind.spec, "size_px", None),
        fit=getattr(learner.kind.spec, "fit", None),
        augment=False,
        device=str(learner.place.device),
    )
    return made, f"{without_folders(architecture.pretrained_from)} as pretrained"


@dataclass
class _Reading:
    """One model as it reads the validation rows of another."""

    data: Data
    network: Network
    kind: TrainingKind
    place: Place
    label: str


def _reading(other: Learner, learner: Learner) -> _Reading:
    learnt = set[str]() if other is learner else set(other.data.train.digests) & set(learner.data.valid.digests)
    if learnt:
        warn(
            f"{len(learnt)} of the {len(learner.data.valid)} rows looked at were training rows of {other.label}: what "
            "it says of them is what it has learnt by heart. To fix: compare models of one split."
        )
    return _Reading(learner.data, other.network, other.kind, other.place, other.label)
