"""Opening the sealed test set: nothing is asked, everything is recorded, and the prediction is written down first.

An opening leaves two lines in the project's log (see `data.seals.ledger`): what the score should be, before any
test row was judged, and what it was. Every opening of the same test set counts, whatever model it was for.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from drivetrain.data.notices import warn
from drivetrain.data.seals.elsewhere import opened_elsewhere
from drivetrain.data.seals.ledger import Entry, Head, Ledger
from drivetrain.data.seals.project import Project
from drivetrain.data.seals.seal import SealedSet, Seals
from drivetrain.errors import SealError
from drivetrain.evaluation.metrics.metrics import Metric
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.record.records import opening_of, score_records
from drivetrain.evaluation.scores import Score, Scores, score
from drivetrain.runtime.manifest import Expected, Manifest, Opening, ScoreRecord
from drivetrain.text import counted, does, printable

LEVEL = 0.95


@dataclass(frozen=True)
class Opened:
    """What an opening of the test set said."""

    scores: Scores
    predictions: Predictions
    opening: Opening
    head: Head | None
    """Last line of the log, to be kept in the artefact; None where there is no log."""

    def __str__(self) -> str:
        return printable("\n".join(describe(self.opening, self.scores)))


def open_test_set(
    judge: Callable[[], Predictions],
    metrics: Sequence[Metric],
    *,
    sealed: SealedSet,
    project: Project,
    parameters_sha256: str,
    expected: Expected | None,
    earlier: Sequence[Opening] = (),
    heads: Sequence[Head] = (),
    memory: Memory | None = None,
    main: bool = True,
) -> Opened:
    """Write down what is expected, judge the test rows, write down what came out.

    Of several processes that open a test set at once each counts those that have ended before it: counting and writing
    are one step, under the locks of the project and of what else remembers.

    Args:
        judge: Gives the predictions of the test rows; called once, after the prediction was recorded.
        metrics: What is reported.
        sealed: The test set.
        project: Where the log is.
        parameters_sha256: The model, frozen.
        expected: What its first metric should say.
        earlier: Openings that the artefact or the Learner remembers; those the log has too count once.
        heads: Lines that the log must hold, such as the artefact remembers.
        memory: What else keeps openings, and may be shared with other processes; asked instead of `earlier`.
        main: Whether this process is the one that writes.

    Raises:
        SealError: The log was tampered with, or the rows judged are not those that were sealed.
    """
    record = _Record(project, sealed, heads) if main else None
    prediction = None if record is None else record.write("predicted", _predicted(parameters_sha256, expected))
    predictions = judge()
    outside = len(predictions) - len(sealed.rows_of(predictions.ids))
    if outside:
        raise SealError(
            f"{outside} of {counted(len(predictions), 'test row')} {does(outside, 'are')} not in the seal {sealed.id}: "
            "the split or the seal was changed. To fix: train again, or put the artefact back from a backup."
        )
    scores = score(predictions, metrics, part="test")
    bare = opening_of(scores, parameters_sha256).model_copy(update={"seal": sealed.id})

    def opening(count: int) -> Opening:
        wide = None if count == 1 else score(predictions, metrics, part="test", level=simultaneous_level(count))
        return _opening(scores, wide, expected, bare.model_copy(update={"count": count}))

    if record is None:
        return Opened(scores, predictions, opening(1), None)
    memory = memory or _Remembered(earlier)
    count = record.count(memory.openings()) + 1
    while True:
        said = opening(count)  # the intervals take a while: they are computed before others are kept waiting
        with memory.locked(), record.locked():
            now = record.count(memory.openings()) + 1
            if now == count:
                entry = record.write("opened", _facts(said, prediction))
                opened = Opened(scores, predictions, said.model_copy(update={"entry": entry}), record.head())
                memory.keep(opened.opening, opened.head)
                return opened
        count = now


class Memory(Protocol):
    """What remembers openings besides the log, such as an artefact that several people share."""

    def locked(self) -> AbstractContextManager[None]:
        """Inside this block no other process changes it."""
        ...

    def openings(self) -> Sequence[Opening]:
        """Openings of this test set that it knows of now."""
        ...

    def keep(self, opening: Opening, head: Head | None) -> None:
        """Add one, and the last line of the log."""
        ...


@dataclass(frozen=True)
class _Remembered:
    """Openings that somebody told us of."""

    known: Sequence[Opening]

    def locked(self) -> AbstractContextManager[None]:
        return nullcontext()

    def openings(self) -> Sequence[Opening]:
        return self.known

    def keep(self, opening: Opening, head: Head | None) -> None:
        """Whoever told us gets it as the result."""


def _facts(opening: Opening, prediction: str | None) -> dict[str, object]:
    return {**opening.model_dump(mode="json", exclude={"when", "entry", "seal"}), "predicted": prediction}


def simultaneous_level(count: int) -> float:
    """Coverage of each of `count` intervals such that all hold together at least 95 times of 100 (Bonferroni).

    Example:
        >>> simultaneous_level(5)
        0.99
    """
    return round(1 - (1 - LEVEL) / count, 12)


def describe(opening: Opening, scores: Scores) -> list[str]:
    """What a person should read beside the scores of the test set, one sentence a line.

    Example:
        >>> accuracy = Score(name="accuracy", label="accuracy", value=0.9, low=0.8, high=0.95, n=80, percent=True)
        >>> opening = Opening(when="", parameters_sha256="", scores={}, held=True, gap=-0.02, expected=Expected(
        ...     metric="accuracy", value=0.92, low=0.84, high=0.98, raw=0.93, n=100, n_test=80, trials=3))
        >>> for line in describe(opening, Scores({"accuracy": accuracy}, part="test", n=80)):
        ...     print(line)
        predicted from validation: accuracy 92.0 % [84.0, 98.0] (93.0 % before correction for the choice among 3)
        the prediction held: the test score is 2.0 points lower, which is within its interval
        opening 1 of this test set
    """
    return [*_prediction_lines(opening, scores), *_count_lines(opening, scores)]


def warn_of_earlier(openings: Sequence[Opening | Entry], parameters_sha256: str) -> None:
    """Say so where the test set was opened before for other models than this one."""
    models = [o.parameters_sha256 if isinstance(o, Opening) else o.facts["parameters_sha256"] for o in openings]
    others = [model for model in models if model != parameters_sha256]
    if others:
        warn(
            f"the test set was opened {len(others)} time(s) before, for other parameters: what it says of these is no "
            "longer a judgement on unseen data."
        )


def earlier_openings(sealed: SealedSet, project: Project, earlier: Sequence[Opening] = ()) -> list[Opening | Entry]:
    """Openings of a test set that the log, another project of this user or the artefact has on record, each once."""
    logged = Seals(project).openings(sealed)
    logged += opened_elsewhere(project, sealed)
    hashes = {entry.hash for entry in logged}
    return [*logged, *(opening for opening in earlier if opening.entry not in hashes)]


def head_in(manifest: Manifest) -> Head | None:
    """The line of the project's log that an artefact remembers."""
    seal = manifest.seal
    if seal is None or seal.log is None or seal.log_head is None:
        return None
    return Head(seal.log_lines, seal.log_head, seal.log)


class _Record:
    """The log of a project, as far as it can be written."""

    def __init__(self, project: Project, sealed: SealedSet, heads: Sequence[Head]) -> None:
        self.project = project
        self.sealed = sealed
        self.ledger = Ledger(project)
        self.ledger.entries(*heads)
        self.writable = True
        seals = Seals(project)
        try:
            if sealed.id not in {known.sealed.id for known in seals.known()}:
                seals.add(sealed)  # taken over from the artefact
        except OSError as error:
            self._cannot(error)

    def count(self, earlier: Sequence[Opening]) -> int:
        return len(earlier_openings(self.sealed, self.project, earlier))

    def write(self, kind: str, facts: Mapping[str, object]) -> str | None:
        """Hash of the line, or None where it cannot be written."""
        if not self.writable:
            return None
        try:
            return self.ledger.append(kind, {"seal": self.sealed.id, **facts}).hash
        except OSError as error:
            self._cannot(error)
            return None

    def head(self) -> Head | None:
        return self.ledger.head()

    @contextmanager
    def locked(self) -> Generator[None]:
        with ExitStack() as stack:
            if self.writable:
                try:
                    stack.enter_context(self.project.locked())
                except OSError as error:
                    self._cannot(error)
            yield

    def _cannot(self, error: OSError) -> None:
        self.writable = False
        warn(
            f"this opening of the test set is recorded in the model alone: {self.project.folder} cannot be written "
            f"({error.strerror or error}). To fix: name another folder with project=, or DRIVETRAIN_PROJECT."
        )


def _predicted(parameters_sha256: str, expected: Expected | None) -> dict[str, object]:
    said = None if expected is None else expected.model_dump(mode="json")
    return {"parameters_sha256": parameters_sha256, "expected": said}


def _opening(scores: Scores, wide: Scores | None, expected: Expected | None, like: Opening) -> Opening:
    """The record of an opening; `like` says of which model and seal, and how many there were."""
    value = None if expected is None or expected.metric not in scores else scores[expected.metric].value
    judged = {} if expected is None or value is None else _held(value, expected)
    records: dict[str, ScoreRecord] = {} if wide is None else score_records(wide)
    return like.model_copy(update={"expected": expected, "simultaneous": records, **judged})


def _held(value: float, expected: Expected) -> dict[str, object]:
    rounding = 1e-9
    held = expected.low - rounding <= value <= expected.high + rounding
    return {"held": held, "gap": value - expected.value}


def _prediction_lines(opening: Opening, scores: Scores) -> list[str]:
    expected = opening.expected
    if expected is None or expected.metric not in scores:
        return ["nothing was predicted: what this model said of its validation rows is not on record here"]
    found = scores[expected.metric]
    value, interval = _shown(found, expected.value, expected.low, expected.high)
    raw = _shown(found, expected.raw)[0]
    choice = f" ({raw} before correction for the choice among {expected.trials})" if expected.trials > 1 else ""
    lines = [f"predicted from validation: {found.label} {value} {interval}{choice}"]
    if opening.held is None or opening.gap is None:
        return lines
    gap = f"{abs(100 * opening.gap):.1f} points" if found.percent else f"{abs(opening.gap):.3g}"
    side = "as predicted" if opening.gap == 0 else f"{gap} {'higher' if opening.gap > 0 else 'lower'}"
    where = "which is within its interval" if opening.held else "outside its interval"
    verdict = "the prediction held" if opening.held else "the prediction did not hold"
    return [*lines, f"{verdict}: the test score is {side}{'' if opening.gap == 0 else f', {where}'}"]


def _count_lines(opening: Opening, scores: Scores) -> list[str]:
    if opening.count == 1:
        return ["opening 1 of this test set"]
    level = 100 * simultaneous_level(opening.count)
    lines = [
        f"opening {opening.count} of this test set, counted over all models; with {level:.4g} % intervals, which hold "
        f"for all {opening.count} together 95 times of 100:"
    ]
    for name, wide in opening.simultaneous.items():
        if name in scores and wide.value is not None:
            value, interval = _shown(scores[name], wide.value, wide.low, wide.high)
            lines.append(f"  {scores[name].label} {value} {interval}".rstrip())
    return lines


def _shown(like: Score, value: float, low: float | None = None, high: float | None = None) -> tuple[str, str]:
    """A value and an interval as they are shown for a metric."""
    return like.model_copy(update={"value": value, "low": low, "high": high}).shown()
