"""The model that is updated: what it is, and those of its rows that are at hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file
from torch import Tensor

from drivetrain.data.data import Sealed
from drivetrain.data.examples import Examples
from drivetrain.data.listing import SourceSpec
from drivetrain.data.record import SavedData, saved_data, seal_of
from drivetrain.data.reopen import locations_of, reopen
from drivetrain.data.seals.sealed_set import SealedSet
from drivetrain.data.splitting.split import Split
from drivetrain.errors import DrivetrainError
from drivetrain.learner.saving.network_or_not import refuse_what_is_no_network
from drivetrain.learner.updating.exemplars import Exemplars, exemplars_of, judged_and_rehearsed
from drivetrain.runtime.artefact import WEIGHTS, Artefact
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Architecture, Manifest
from drivetrain.runtime.spec import InputSpec
from drivetrain.runtime.targets import Target
from drivetrain.runtime.trust.quarantine import ensure_tried
from drivetrain.text import readable
from drivetrain.training.kind import rebuild_network, to_device
from drivetrain.training.network import Network
from drivetrain.training.place import Place
from drivetrain.training.shapes import check_shapes

if TYPE_CHECKING:
    from drivetrain.data.sources import Source
    from drivetrain.learner.learner import Learner

FOUND, CARRIED, NEITHER = "found", "exemplars", "none"
"""Where the old rows are from: the data the model was made with, what the artefact carries, or nowhere."""


@dataclass(frozen=True)
class OldModel:
    """A trained network as it is before the update, with its rows."""

    name: str
    """What people call it: its folder."""
    spec: InputSpec
    target: Target
    architecture: Architecture
    decisions: Mapping[str, Decision]
    metrics: tuple[str, ...]
    state: Mapping[str, Tensor]
    identity: str
    """`parameters_sha256`."""
    source: SourceSpec
    """How its data were read."""
    split: Split
    seal: SealedSet | None
    train: Examples = field(default_factory=Examples)
    valid: Examples = field(default_factory=Examples)
    test: Sealed = field(default_factory=Sealed)
    rows: Decision = field(default_factory=lambda: Decision(value=NEITHER, reason="no old rows are at hand"))
    """Where the rows are from: `FOUND`, `CARRIED` or `NEITHER`."""
    exemplars: Exemplars | None = None
    """What the model carries, for where the rows are not at hand."""
    locations: tuple[str, ...] = ()
    """Absolute paths of the sources that hold the rows."""

    def manifest(self, target: Target) -> Manifest:
        """Its description with another target, which a Learner takes up."""
        return Manifest(
            created="", versions={}, input=self.spec, target=target, architecture=self.architecture,
            decisions=dict(self.decisions), split_identity=self.split.identity, n={}, parameters_sha256=self.identity,
            metrics=self.metrics, files={},
        )  # fmt: skip

    def network(self, place: Place) -> Network:
        """The old network itself, which is not trained any more."""
        with place.own_randomness():
            network = rebuild_network(self.manifest(self.target))
        network.load_state_dict(dict(self.state))
        to_device(network, place.device)
        return network.requires_grad_(False).eval()


def old_artefact(artefact: Artefact) -> OldModel:
    """The model of an artefact, as yet without its rows.

    Args:
        artefact: Opened and verified.

    Raises:
        ArtefactError: The artefact holds no network, or is damaged.
    """
    refuse_what_is_no_network(artefact, "its parameters cannot be trained once more")
    saved, manifest = saved_data(artefact), artefact.manifest
    check_shapes(artefact)
    ensure_tried(artefact, "torch")
    return OldModel(
        name=readable(artefact.path.name),
        spec=manifest.input,
        target=manifest.target,
        architecture=manifest.architecture,
        decisions=manifest.decisions,
        metrics=manifest.metrics,
        state=load_file(artefact.file(WEIGHTS)),
        identity=manifest.parameters_sha256,
        source=saved.spec,
        split=saved.split,
        seal=seal_of(artefact),
        exemplars=exemplars_of(artefact),
    )


def with_old_rows(bare: OldModel, artefact: Artefact, old: Source | Sequence[Source] | bool | None) -> OldModel:
    """The same with the rows that are in `old`, or where it was trained from.

    Args:
        bare: Of the artefact.
        artefact: Opened and verified.
        old: Sources that hold the rows now; None looks where they were trained from; False looks nowhere.

    Raises:
        DataError: `old` holds none of the training rows.
    """
    if old is False:
        return replace(bare, rows=Decision(value=NEITHER, reason="as asked"))
    if old is None or old is True:
        return _where_it_was(bare, saved_data(artefact))
    return with_rows(bare, old)


def _where_it_was(bare: OldModel, saved: SavedData) -> OldModel:
    """With the rows of the place it was trained from, where that is here and still holds them."""
    try:
        found = with_rows(bare, saved.places())
    except DrivetrainError as error:
        told = str(error).partition(" To fix:")[0].removesuffix(".")
        why = _by_name(told, [place for place in (saved.record.source, *saved.record.further_sources) if place])
        return replace(bare, rows=Decision(value=NEITHER, reason=why))
    told = f"{found.rows.reason}, where it was trained from"
    return replace(found, rows=Decision(value=FOUND, reason=told))


def with_rows(bare: OldModel, old: Any) -> OldModel:
    """The same with those of its rows that some sources hold, found by content, each in the part that it had.

    Raises:
        DataError: They hold none of the training rows.
    """
    reopened = reopen(old, bare.source, bare.target, split=bare.split)
    found = reopened.parts(bare.name)
    train, valid = found["train"], found["valid"]
    where = locations_of(old)
    to_rehearse, to_judge = _of(train, bare.split.find("train")), _of(valid, bare.split.find("valid"))
    told = f"{to_rehearse} to rehearse and {to_judge} to judge by, in {_by_name(reopened.description, where)}"
    return replace(
        bare,
        train=train,
        valid=valid,
        test=Sealed(found["test"]),
        rows=Decision(value=FOUND, reason=told),
        locations=tuple(where),
    )


def _of(there: Examples, made_with: Collection[str]) -> str:
    """How many rows are there, and of how many where some are missing; copies are rows, too."""
    missing = len(made_with) - len(set(there.digests))
    return f"{len(there)} of {len(there) + missing}" if missing > 0 else f"{len(there)}"


def _by_name(said: str, places: Sequence[str]) -> str:
    """What was said, with the names of places instead of their paths: a model that is passed on names no machine."""
    for place in sorted(places, key=len, reverse=True):
        for written in (place, readable(place)):
            said = said.replace(written, readable(Path(place).name))
    return said


def with_exemplars(bare: OldModel, beside: Examples, *, rehearse: bool) -> OldModel:
    """The same with the rows that the model carries, where its own are not at hand.

    Some of each class judge and the others are rehearsed, so that no row does both; all judge where none is rehearsed.

    Args:
        bare: Without rows.
        beside: The new rows, beside which these will stand.
        rehearse: Whether some are trained on again.
    """
    if bare.rows.value != NEITHER or bare.exemplars is None:
        return bare
    rows = bare.exemplars.examples(beside.inputs, beside.kind, beside.options, bare.spec)
    judged, rehearsed = judged_and_rehearsed(rows) if rehearse else (list(range(len(rows))), [])
    told = (
        f"{len(rehearsed)} to rehearse and {len(judged)} to judge by, of those that {bare.name} carries: it was "
        f"trained on both, so that what is lost looks larger than it is; {bare.rows.reason}"
    )
    return replace(
        bare, train=rows.subset(rehearsed), valid=rows.subset(judged), rows=Decision(value=CARRIED, reason=told)
    )


def old_learner(learner: Learner, old: Any) -> OldModel:
    """A Learner as it is now, with its own rows, or those in `old`."""
    state = {name: value.detach().cpu().clone() for name, value in learner.network.state_dict().items()}
    data = learner.data
    bare = OldModel(
        name=learner.label,
        spec=learner.kind.spec,
        target=data.target,
        architecture=learner.kind.architecture,
        decisions=learner.decisions,
        metrics=tuple(metric.name for metric in learner.metrics),
        state=state,
        identity=learner.identity(),
        source=data.spec,
        split=data.split,
        seal=data.seal,
        exemplars=learner.carried,
    )
    if old is False:
        return replace(bare, rows=Decision(value=NEITHER, reason="as asked"))
    if old is not None and old is not True:
        return with_rows(bare, old)
    where = () if data.location is None else (data.location,)
    told = Decision(
        value=FOUND, reason=f"{len(data.train)} to rehearse and {len(data.valid)} to judge by, of the Learner"
    )
    return replace(bare, train=data.train, valid=data.valid, test=data.sealed_test, rows=told, locations=where)
