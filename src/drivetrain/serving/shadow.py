"""A second model that is asked beside the one that answers: its answers are compared and written down, never sent.

Callers must not notice it. It works in a thread of its own, and begins only while the desk has a thread to spare; what
it cannot keep up with is dropped and counted. The thread has no lower priority than others: on a busy machine it would
be put aside while it holds Python's lock, for which those that answer would wait.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drivetrain.errors import SettingError
from drivetrain.runtime.refusals import Refusal
from drivetrain.runtime.spec import Arrays, Statistic
from drivetrain.runtime.targets import NumberTarget
from drivetrain.runtime.watching.log import MODEL_DIGITS
from drivetrain.serving.desk import Desk
from drivetrain.serving.metrics import Metrics, ShadowMetrics
from drivetrain.serving.model import Answer, Model, Said
from drivetrain.serving.prediction_log import PredictionLog
from drivetrain.text import readable

MOST_WAITING = 256
"""Inputs that may wait for the second model. A request alone is taken whatever it holds, as nothing waits with it."""
MOST_BYTES = 16 * 2**20
"""Of these, together."""
AT_ONCE = 32
"""Inputs that go through the network together, before the desk is looked at again."""
LOOK_S = 0.005
"""Between two looks at a busy desk."""
LAST_S = 2.0
"""That the work under way gets when the service ends."""


@dataclass(frozen=True)
class _Question:
    """An input, and what was answered."""

    said: Said
    statistics: dict[str, Statistic]
    views: Arrays
    """As both networks read it; empty where the second one reads it in its own way."""
    data: bytes
    """As it was sent; empty where `views` are there."""

    @property
    def bytes(self) -> int:
        return len(self.data) + sum(view.nbytes for view in self.views)


class Shadow:
    """Asks a second model what the first has answered already.

    Args:
        model: The second model.
        answering: The first one.
        desk: Of the first one: what it has to do comes before.
        metrics: Where outcomes are counted, beside those of the first model.
        log: Gets a line for each comparison; None: outcomes are counted alone.
        tell: Says something on the record of the service.

    Raises:
        SettingError: The two models cannot be compared.
    """

    def __init__(
        self,
        model: Model,
        *,
        answering: Model,
        desk: Desk,
        metrics: Metrics,
        log: PredictionLog | None,
        tell: Callable[..., None],
    ) -> None:
        check_comparable(answering, model)
        self.model = model
        self.digits = model.manifest.parameters_sha256[:MODEL_DIGITS]
        self._answering, self._desk, self._log, self._tell = answering, desk, log, tell
        self._reads_alike = model.predictor.reader == answering.predictor.reader
        self._questions: deque[list[_Question]] = deque()
        self._waiting = self._bytes = 0
        self._changed = threading.Condition()
        self._closed = False
        self._told: set[str] = set()
        self.metrics = ShadowMetrics(metrics.registry, model, lambda: self._waiting)
        self._thread: threading.Thread | None = None

    @property
    def ready(self) -> bool:
        """Whether it is asked: it has answered its own golden examples as saved."""
        return self.model.proof is not None and self.model.proof.passed

    def prove(self) -> None:
        """Let it answer its golden examples; one that fails is asked nothing, and the service goes on without it."""
        proof = self.model.prove()
        if proof.passed:
            self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
            self._thread.start()
        known, more = vocabularies(self._answering, self.model)
        self._tell(
            "shadow" if proof.passed else "shadow not ready",
            model=self.model.name,
            reason=proof.reason,
            golden=proof.n,
            logged=self._log is not None,
            only_the_shadow_says=[readable(name) for name in more if name not in known],
            the_shadow_never_says=[readable(name) for name in known if name not in more],
            tensors="compared" if self._reads_alike else "not asked about: the shadow reads inputs in its own way",
        )

    def offer(self, answers: Sequence[Answer]) -> bool:
        """Have inputs of one request compared later; False: it is not asked about them. Never waits."""
        if not answers:
            return True
        if not self.ready:
            self.metrics.count("not ready", len(answers))
            return False
        return self._take([self._question(answer) for answer in answers])

    def offer_tensors(self, said: Sequence[Said], tensors: Arrays) -> bool:
        """The same of answers to tensors, (N, …) each, where both models read inputs in the same way."""
        if not self._reads_alike:
            self.metrics.count("not asked", len(said))
            return False
        if not self.ready:
            self.metrics.count("not ready", len(said))
            return False
        views = [tuple(tensor[row] for tensor in tensors) for row in range(len(said))]
        return self._take([_Question(one, {}, view, b"") for one, view in zip(said, views, strict=True)])

    def _take(self, asked: list[_Question]) -> bool:
        size = sum(one.bytes for one in asked)
        with self._changed:
            full = self._waiting + len(asked) > MOST_WAITING or self._bytes + size > MOST_BYTES
            if self._closed or (self._questions and full):
                taken = False
            else:
                taken = True
                self._questions.append(asked)
                self._waiting += len(asked)
                self._bytes += size
                self._changed.notify()
        if not taken:
            self.metrics.count("dropped", len(asked))
        return taken

    def close(self) -> None:
        """Ask nothing more; what still waits counts as dropped."""
        with self._changed:
            self._closed = True
            left, self._waiting = self._waiting, 0
            self._questions.clear()
            self._changed.notify()
        if left:
            self.metrics.count("dropped", left)
        if self._thread is not None:
            self._thread.join(LAST_S)
            if self._thread.is_alive():
                self._log = None  # its file is closed next
        if self.model.decoder:
            self.model.decoder.kill()

    def _question(self, answer: Answer) -> _Question:
        views = answer.views if self._reads_alike else ()
        data = b"" if views else answer.admitted.data
        return _Question(answer.said, dict(answer.statistics), views, data)

    # ── in the thread ───────────────────────────────────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        while (asked := self._next()) is not None:
            for start in range(0, len(asked), AT_ONCE):
                while self._desk.busy and not self._closed:
                    time.sleep(LOOK_S)
                if self._closed:
                    self.metrics.count("dropped", len(asked) - start)
                    return
                self._compare(asked[start : start + AT_ONCE])

    def _next(self) -> list[_Question] | None:
        with self._changed:
            while not self._questions and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            asked = self._questions.popleft()
            self._waiting -= len(asked)
            self._bytes -= sum(one.bytes for one in asked)
            return asked

    def _compare(self, asked: list[_Question]) -> None:
        began = time.perf_counter()
        try:
            found = self._ask(asked)
        except Exception as error:  # noqa: BLE001 - whatever the second model does, the first one answers
            reason = type(error).__name__
            self._tell_once(reason, str(error))
            found: Sequence[tuple[Said, dict[str, Statistic]] | str] = [reason] * len(asked)
        seconds = (time.perf_counter() - began) / len(asked)
        for one, said in zip(asked, found, strict=True):
            self._settle(one, said, seconds)

    def _ask(self, asked: list[_Question]) -> Sequence[tuple[Said, dict[str, Statistic]] | str]:
        """Of each input what is said and what it looked like, or why there is no answer."""
        alike = [one for one in asked if one.views]
        said = self.model.say(*self.model.predictor.reader.stack([one.views for one in alike])) if alike else []
        found: list[tuple[Said, dict[str, Statistic]] | str] = [
            (answer, one.statistics) for answer, one in zip(said, alike, strict=True)
        ]
        if len(alike) == len(asked):
            return found
        others = [one.data for one in asked if not one.views]
        answers = [self.model.answer(others[0])] if len(others) == 1 else self.model.answer_together(others)
        rest, first = map(self._said, answers), iter(found)
        return [next(first) if one.views else next(rest) for one in asked]

    def _said(self, answer: Answer | Refusal) -> tuple[Said, dict[str, Statistic]] | str:
        if isinstance(answer, Answer):
            return answer.said, dict(answer.statistics)
        reason = f"refused with {answer.status}"
        self._tell_once(reason, answer.message)
        return reason

    def _settle(self, one: _Question, found: tuple[Said, dict[str, Statistic]] | str, seconds: float) -> None:
        """Count the outcome and write its line; a full disk costs the line alone."""
        answering = self._answering.manifest.parameters_sha256[:MODEL_DIGITS]
        if isinstance(found, str):
            self.metrics.count("failed")
            said, statistics, agree = found, {}, None
        else:
            said, statistics = found
            agree = agrees(one.said, said)
            self.metrics.compared(one.said, said, agree, seconds)
        if self._log:
            try:
                self._log.write_shadow(said, statistics, agree, self.digits, beside=(answering, one.said))
            except (OSError, ValueError):
                self.metrics.lost_lines.inc()

    def _tell_once(self, reason: str, said: str) -> None:
        """The first failure of each sort: a model that fails at every input must not fill the disk."""
        if reason not in self._told:
            self._told.add(reason)
            self._tell("shadow failed", model=self.model.name, reason=f"{reason}: {readable(said)}"[:300])


def check_comparable(answering: Model, shadow: Model) -> None:
    """Whether both can be asked the same, and their answers compared; raises SettingError where not."""
    first, second = answering.manifest, shadow.manifest
    wrong = None
    if first.input.kind != second.input.kind:
        wrong = f"reads inputs of the kind {second.input.kind}; expected {first.input.kind}, as {answering.name} does"
    elif first.target.kind != second.target.kind:
        wrong = f"answers with a {second.target.kind}; expected a {first.target.kind}, as {answering.name} does"
    elif first.parameters_sha256 == second.parameters_sha256:
        wrong = f"has the same parameters as {answering.name}, so there is nothing to compare; expected another model"
    else:
        known, more = vocabularies(answering, shadow)
        shared = set(known) & set(more)
        if isinstance(first.target, NumberTarget) and len(shared) < len(known):
            missing = ", ".join(readable(name) for name in known if name not in shared)
            wrong = f"does not predict {missing}; expected all numbers of {answering.name}"
        elif not shared:
            wrong = f"knows none of the {len(known)} classes of {answering.name}; expected at least one of them"
    if wrong:
        raise SettingError(
            f"shadow: the model {shadow.name} {wrong}. To fix: give the model that is meant to take over."
        )


def vocabularies(answering: Model, shadow: Model) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What each of the two may say: classes, or names of numbers."""

    def words(model: Model) -> tuple[str, ...]:
        target = model.manifest.target
        return target.names if isinstance(target, NumberTarget) else target.vocab

    return words(answering), words(shadow)


def agrees(first: Said, second: Said) -> bool | None:
    """Whether two models say the same; of numbers whether the second lies within the first's intervals, None without.

    Example:
        >>> from drivetrain.runtime.prediction import Prediction
        >>> import numpy as np
        >>> pear, none = (Said(Prediction(labels=labels), 0.9, np.zeros(2)) for labels in (("pear",), ()))
        >>> agrees(pear, none)
        False
    """
    before, after = first.prediction, second.prediction
    if before.values is not None:
        if not before.intervals or after.values is None:
            return None
        return all(low <= after.values[name] <= high for name, (low, high) in before.intervals.items())
    if before.labels is not None:
        return set(before.labels) == set(after.labels or ())
    return before.label == after.label
