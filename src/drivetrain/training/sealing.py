"""What a Learner owes to honesty: trials on record, a test set that is opened on record, a verdict on its training."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.ledger import Head, Ledger
from drivetrain.data.matching import warn_of_learnt
from drivetrain.data.notices import warn
from drivetrain.data.project import Project, ProjectPlace
from drivetrain.data.seal import SealedSet, identity_of
from drivetrain.data.store import Store
from drivetrain.errors import DataError, SealError
from drivetrain.evaluation.fitting import Verdict, judge_training
from drivetrain.evaluation.metrics import Metric, metric_named
from drivetrain.evaluation.openings import (
    Opened,
    earlier_openings,
    head_in,
    open_test_set,
    warn_of_earlier,
)
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.runs import RunLog, selection_of
from drivetrain.evaluation.scores import Scores
from drivetrain.evaluation.selection import expect, expect_of_others
from drivetrain.files import locked_place
from drivetrain.progress import say
from drivetrain.runtime.artefact import CARD, SEAL, Artefact, open_artefact, update_artefact, update_manifest
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Expected, Manifest, Opening
from drivetrain.training.callbacks import Row
from drivetrain.training.identity import parameters_sha256
from drivetrain.training.kinds import PreparedKind
from drivetrain.training.network import Network
from drivetrain.training.place import Place
from drivetrain.training.plan import SETTLE
from drivetrain.training.reading import read_reading
from drivetrain.training.reporting import card_after_opening


class Sealing:
    """The sealed test set and the run log of a Learner."""

    data: Data
    metrics: tuple[Metric, ...]
    network: Network
    kind: PreparedKind
    place: Place
    history: list[Row]
    decisions: dict[str, Decision]
    test_openings: list[Opening]
    _settings: dict[str, Any]

    def predictions(self) -> Predictions:
        """Of the validation set."""
        raise NotImplementedError

    def store_of(self, examples: Examples) -> Store:
        """Working pictures of some examples."""
        raise NotImplementedError

    def _judge(self, store: Store, examples: Examples, part: str = "validation") -> Predictions:
        raise NotImplementedError

    @property
    def project(self) -> Project:
        """Where seals, openings and trials are kept."""
        return Project.find(self.data.project)

    @named
    def test(self) -> Scores:
        """Open the sealed test set: each metric on it with its interval. Every opening is recorded.

        What the first metric should be is computed from the validation set and written down before the test rows are
        judged; then what it is, and whether the prediction held. Both are printed, kept in `test_openings`, in the
        artefact and in the log of the project. From the second opening on, of this test set by any model, so are the
        count and intervals that hold for all of them together.

        Do this once, at the end. Choosing between models by their test scores makes the test set a second
        validation set.

        Raises:
            DataError: There is no test set.
            SealError: The log of the project was tampered with.
        """
        examples = self.data.sealed_test.open()
        if not len(examples):
            raise DataError("there is no test set. To fix: make the data with test_pct above 0.")
        sealed = self.data.seal or SealedSet.of(examples, source=self.data.source, split=self.data.split)
        identity = parameters_sha256(self.network)
        warn_of_learnt(examples.digests, self.data.split, "test")
        warn_of_earlier(earlier_openings(sealed, self.project, self.test_openings), identity)
        opened = open_test_set(
            lambda: self._judge(self.store_of(examples), examples, "test"),
            self.metrics,
            sealed=sealed,
            project=self.project,
            parameters_sha256=identity,
            expected=self.expected_test_score(),
            earlier=self.test_openings,
            main=self.place.main,
        )
        self.test_openings.append(opened.opening)
        if self.place.main:
            say(str(opened))
        return opened.scores

    def expected_test_score(self, own: Predictions | None = None) -> Expected | None:
        """What the first metric should say of the test set, by the validation set and all trials on record.

        Without a test set, of one as large as the validation set: somebody else may hold one. None where there is no
        validation set, or where the metric is a function of the user's.

        Args:
            own: What is said of the validation set by the model that will be tested; None takes this one's own.
        """
        if not len(self.data.valid):
            return None
        own, measure = own or self.predictions(), self.metrics[0]
        trials = RunLog(self.project).on(identity_of(own.ids), own.target.name)
        selection = selection_of(own, parameters_sha256(self.network), trials, measure)
        return None if selection is None else expect(selection, measure, own, self._n_judging() or selection.n)

    def _n_judging(self) -> int:
        """Rows of the test set, each content once: as the seal counts them, without a look at them."""
        return self.data.n_test if self.data.seal is None else self.data.seal.n

    @named
    def verdict(self) -> Verdict:
        """Whether training still improved the model, levelled off, or made it worse: by the validation set."""
        first = self.metrics[0]
        steps = [row for row in self.history if row.get("phase") != SETTLE]  # what settles the head is no training
        return judge_training(steps, first.name, higher_is_better=first.higher_is_better is not False)

    def _log_trial(self, epochs: Sequence[Row]) -> None:
        """Put what was just trained on record, with what it says of each validation row."""
        if not len(self.data.valid):
            return
        predictions = self.predictions()  # takes part in all processes
        if not self.place.main:
            return
        RunLog(self.project).add(
            predictions,
            self.metrics,
            arch=self.kind.architecture.label,
            split=self.data.split.identity,
            seal=self.data.seal.id if self.data.seal else None,
            n_train=len(self.data.train),
            parameters_sha256=parameters_sha256(self.network),
            history=epochs,
            settings=json.loads(json.dumps(self._settings, default=repr)),
            decisions=self.decisions,
        )


def head_of_log(project: Project) -> Head | None:
    """The last line of a project's log; a log that was tampered with must not keep a trained model from being saved."""
    try:
        return Ledger(project).head()
    except SealError as error:
        warn(f"the model is saved without the state of the log: {error}")
        return None


def seal_of(artefact: Artefact) -> SealedSet | None:
    """The seal that an artefact carries; None for one without, or of an earlier drivetrain.

    Raises:
        SealError: It is another one than the manifest says.
    """
    if SEAL not in artefact.manifest.files:
        return None
    sealed, said = SealedSet.read(artefact.file(SEAL)), artefact.manifest.seal
    if said is not None and (said.identity, said.n) != (sealed.identity, sealed.n):
        raise SealError(
            f"{artefact.path / SEAL} is of {sealed.n} pictures ({sealed.id}), and the manifest says {said.n} "
            f"({said.id}): one was altered. To fix: put the artefact back from a backup."
        )
    return sealed


def open_saved(
    artefact: Artefact,
    judge: Callable[[], Predictions],
    metrics: Sequence[Metric],
    *,
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
        expected=_expected_of_saved(artefact, sealed, metrics[0], place),
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
        found = open_artefact(self.artefact.path).manifest
        return found if found.parameters_sha256 == self.artefact.manifest.parameters_sha256 else None


def _record_opening(artefact: Artefact, metrics: Sequence[Metric], changes: Mapping[str, Any]) -> None:
    """In the manifest, and in the card where there is one and its folder may be written anew."""
    card = card_after_opening(artefact, changes["test_openings"], metrics)
    if card is not None:
        with suppress(OSError):
            update_artefact(artefact, {CARD: card}, **changes)
            return
    update_manifest(artefact, **changes)


def _expected_of_saved(artefact: Artefact, sealed: SealedSet, first: Metric, project: Project) -> Expected | None:
    """What the first metric should say: by the trials on record here, or as it was when the model was saved."""
    manifest = artefact.manifest
    own_set = manifest.seal is not None and manifest.seal.id == sealed.id
    n_test = sealed.n if not own_set or manifest.n.get("test", 0) else 0
    reading = read_reading(artefact)
    rows = identity_of(reading.split.find("valid"))
    trials = RunLog(project).on(rows, manifest.target.name)
    own = next((r for r in trials.runs if r.record.parameters_sha256 == manifest.parameters_sha256), None)
    lowered = manifest.export is not None and manifest.export.precision != "fp32"  # trials are on record in fp32
    if own is not None and own.predictions is not None and metric_named(first.name) and not lowered:
        selection = selection_of(own.predictions, manifest.parameters_sha256, trials, first)
        return None if selection is None else expect(selection, first, own.predictions, n_test)
    said, grouped = manifest.expected, reading.split.group is not None
    if said is None or said.metric != first.name or not n_test:
        return None
    return said if said.n_test == n_test else expect_of_others(said, first, n_test, grouped=grouped)
