"""The sealed test set of a model, opened on the record: what is expected is written down first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

from drivetrain.data.examples import Examples
from drivetrain.data.notices import warn
from drivetrain.data.record import SavedData
from drivetrain.data.reopen import warn_of_learnt
from drivetrain.data.seals.ledger import Head, Ledger
from drivetrain.data.seals.project import Project, ProjectPlace
from drivetrain.data.seals.seal import SealedSet, identity_of
from drivetrain.errors import DataError, SealError
from drivetrain.evaluation.metrics.metrics import Metric, metric_named
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.record.openings import (
    Opened,
    earlier_openings,
    head_in,
    open_test_set,
    warn_of_earlier,
)
from drivetrain.evaluation.record.runs import RunLog, selection_of
from drivetrain.evaluation.record.selection import expect, expect_of_others
from drivetrain.files import locked_place
from drivetrain.learner.model import Model
from drivetrain.learner.report import card_after_opening
from drivetrain.runtime.artefact import CARD, Artefact, manifest_now, update_artefact, update_manifest
from drivetrain.runtime.manifest import Expected, Manifest, Opening


def open_test(
    model: Model,
    judge: Callable[[Examples], Predictions],
    expect_score: Callable[[], Expected | None],
    earlier: Sequence[Opening],
    *,
    main: bool = True,
) -> Opened:
    """Open the sealed test set for a model; see `ModelBase.test`.

    Args:
        model: As it will be used.
        judge: What it says of the test rows; called once, after what is expected was written down.
        expect_score: What its first metric should say of them.
        earlier: Openings that the model remembers.
        main: Whether this process is the one that writes.

    Raises:
        DataError: There is no test set.
        SealError: The log of the project was tampered with.
    """
    data, project, identity = model.data, Project.find(model.data.project), model.identity()
    examples = data.sealed_test.open()
    if not len(examples):
        raise DataError("there is no test set. To fix: make the data with test_pct above 0.")
    sealed = data.seal or SealedSet.of(examples, source=data.source, split=data.split)
    warn_of_learnt(examples.digests, data.split, "test")
    warn_of_earlier(earlier_openings(sealed, project, earlier), identity)
    return open_test_set(
        lambda: judge(examples),
        model.metrics,
        sealed=sealed,
        project=project,
        parameters_sha256=identity,
        expected=expect_score(),
        earlier=earlier,
        main=main,
    )


def expected_test_score(model: Model, own: Predictions) -> Expected | None:
    """What the first metric should say of the test set, by the validation set and all trials on record.

    Args:
        model: That will be tested.
        own: What it says of the validation set.
    """
    measure, data = model.metrics[0], model.data
    trials = RunLog(Project.find(data.project)).on(identity_of(own.ids), own.target.name)
    selection = selection_of(own, model.identity(), trials, measure)
    n_test = data.n_test if data.seal is None else data.seal.n  # each content once, without a look at them
    return None if selection is None else expect(selection, measure, own, n_test or selection.n)


def head_of_log(project: Project) -> Head | None:
    """The last line of a project's log; a log that was tampered with must not keep a trained model from being saved."""
    try:
        return Ledger(project).head()
    except SealError as error:
        warn(f"the model is saved without the state of the log: {error}")
        return None


def open_saved(
    artefact: Artefact,
    judge: Callable[[], Predictions],
    metrics: Sequence[Metric],
    *,
    saved: SavedData,
    sealed: SealedSet,
    project: ProjectPlace,
    main: bool,
) -> Opened:
    """Open a test set for a saved model; the opening is recorded in the artefact too."""
    manifest, place = artefact.manifest, Project.find(project)
    memory = _ArtefactMemory(artefact, sealed, metrics)
    warn_of_earlier(earlier_openings(sealed, place, memory.openings()), manifest.parameters_sha256)
    head = head_in(manifest)
    return open_test_set(
        judge,
        metrics,
        sealed=sealed,
        project=place,
        parameters_sha256=manifest.parameters_sha256,
        expected=_expected_of_saved(artefact, saved, sealed, metrics[0], place),
        memory=memory,
        heads=[] if head is None else [head],
        main=main,
    )


class _ArtefactMemory:
    """The openings that an artefact has on record, which other processes may add to at any time."""

    def __init__(self, artefact: Artefact, sealed: SealedSet, metrics: Sequence[Metric]) -> None:
        self.artefact = artefact
        self.sealed = sealed
        self.metrics = metrics

    def locked(self) -> AbstractContextManager[None]:
        return locked_place(self.artefact.path)

    def openings(self) -> Sequence[Opening]:
        manifest = self._now() or self.artefact.manifest
        return [opening for opening in manifest.test_openings if opening.seal in (None, self.sealed.id)]

    def keep(self, opening: Opening, head: Head | None) -> None:
        manifest = self._now()
        if manifest is None:
            warn(
                f"this opening is recorded in the project alone: another model was saved to {self.artefact.path} "
                "meanwhile."
            )
            return
        changes: dict[str, Any] = {"test_openings": (*manifest.test_openings, opening)}
        if manifest.seal is not None and manifest.seal.id == self.sealed.id and head is not None:
            changes["seal"] = self.sealed.brief(head)
        _record_opening(Artefact(self.artefact.path, manifest), self.metrics, changes)

    def _now(self) -> Manifest | None:
        """What the manifest says now; None where another model has taken its place."""
        found = manifest_now(self.artefact)
        return found if found.parameters_sha256 == self.artefact.manifest.parameters_sha256 else None


def _record_opening(artefact: Artefact, metrics: Sequence[Metric], changes: Mapping[str, Any]) -> None:
    """In the manifest, and in the card where there is one and its folder may be written anew."""
    card = card_after_opening(artefact, changes["test_openings"], metrics)
    if card is not None:
        with suppress(OSError):
            update_artefact(artefact, {CARD: card}, **changes)
            return
    update_manifest(artefact, **changes)


def _expected_of_saved(
    artefact: Artefact, saved: SavedData, sealed: SealedSet, first: Metric, project: Project
) -> Expected | None:
    """What the first metric should say: by the trials on record here, or as it was when the model was saved."""
    manifest = artefact.manifest
    own_set = manifest.seal is not None and manifest.seal.id == sealed.id
    n_test = sealed.n if not own_set or manifest.n.get("test", 0) else 0
    rows = identity_of(saved.split.find("valid"))
    trials = RunLog(project).on(rows, manifest.target.name)
    own = next((r for r in trials.runs if r.record.parameters_sha256 == manifest.parameters_sha256), None)
    lowered = manifest.export is not None and manifest.export.precision != "fp32"  # trials are on record in fp32
    if own is not None and own.predictions is not None and metric_named(first.name) and not lowered:
        selection = selection_of(own.predictions, manifest.parameters_sha256, trials, first)
        return None if selection is None else expect(selection, first, own.predictions, n_test)
    said, grouped = manifest.expected, saved.split.group is not None
    if said is None or said.metric != first.name or not n_test:
        return None
    return said if said.n_test == n_test else expect_of_others(said, first, n_test, grouped=grouped)
