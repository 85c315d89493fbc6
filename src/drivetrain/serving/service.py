"""All that a running service holds, and the few things it does with a request's inputs."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from drivetrain.runtime.refusals import Refusal, busy
from drivetrain.runtime.serve import Explanation
from drivetrain.runtime.spec import Arrays
from drivetrain.serving.bodies import Intake
from drivetrain.serving.desk import Desk, Done
from drivetrain.serving.metrics import Metrics
from drivetrain.serving.model import Answer, Model, Said
from drivetrain.serving.prediction_log import PredictionLog, Sampler
from drivetrain.serving.settings import Settings
from drivetrain.serving.shadow import Shadow
from drivetrain.serving.wire import dumps

T = TypeVar("T")


class Service:
    """A model, a desk that works for it, and what is counted and written down.

    Args:
        model: What answers.
        settings: How it runs.
        shadow: A second model, asked beside the first; None asks none.

    Raises:
        SettingError: The second model cannot be compared with the first, or a file or folder not be written to.
    """

    def __init__(self, model: Model, settings: Settings, shadow: Model | None = None) -> None:
        self.model = model
        self.settings = settings
        self.desk = Desk(settings.threads, settings.queue, settings.deadline_s)
        self.intake = Intake(settings.limits)
        self.metrics = Metrics(model, self.desk)
        self.log = (
            PredictionLog(settings.log_predictions, model.manifest.parameters_sha256)
            if settings.log_predictions
            else None
        )
        self.sampler = (
            Sampler(settings.sample_dir, settings.sample_pct, settings.sample_most) if settings.sample_dir else None
        )
        self.shadow = shadow and Shadow(
            shadow, answering=model, desk=self.desk, metrics=self.metrics, log=self.log, tell=say
        )
        self._explaining = False
        self.draining = False

    @property
    def kept_share(self) -> float:
        """Share of the inputs that are kept."""
        return self.settings.sample_pct if self.sampler else 0.0

    @property
    def unready(self) -> str | None:
        """Why the service should get no requests; None: it is ready."""
        if self.draining:
            return "shutting down"
        proof = self.model.proof
        if proof is None:
            return "starting"
        if self.desk.stuck:
            noun = self.model.kind.NOUN
            return f"every thread has been busy with one {noun} for more than {self.settings.deadline_s:g} seconds"
        return None if proof.passed else f"the golden examples do not come out as saved: {proof.reason}"

    async def start(self) -> None:
        """Let the model prove itself; what it says to that decides about readiness."""
        proof = await asyncio.to_thread(self.model.prove)
        say("ready" if proof.passed else "not ready", reason=proof.reason, golden=proof.n)
        if self.shadow:
            await asyncio.to_thread(self.shadow.prove)

    def drain(self) -> None:
        """Take no more inputs; what was taken goes on."""
        self.draining = True
        self.desk.close()

    async def stop(self) -> None:
        """Finish what was taken, then close files."""
        self.drain()
        await asyncio.to_thread(self.desk.finish)
        if self.model.decoder:
            self.model.decoder.kill()
        if self.shadow:
            await asyncio.to_thread(self.shadow.close)
        if self.log:
            self.log.close()

    async def predict(self, inputs: list[bytes]) -> list[Answer | Refusal]:
        """Answers in the order given; raises Refusal where there is no room, no time, or no proof."""
        self._check_ready()
        futures = self.desk.take([partial(self.answer, data) for data in inputs])
        return [self._counted(done) for done in await self.desk.wait(futures)]

    async def predict_rows(self, rows: list[bytes]) -> list[Answer | Refusal]:
        """The same of many small inputs of one request, which are answered together in one thread."""
        self._check_ready()
        done = (await self.desk.wait(self.desk.take([partial(self._answer_rows, rows)])))[0]
        return [self._counted(Done(one, done.queue_s)) for one in done.value]

    async def explain(self, data: bytes) -> Explanation | Refusal:
        """What an answer rests on; one at a time, as it costs as much as 50 answers."""
        explain: Any = self.model.kind.explain  # pyright: ignore[reportAttributeAccessIssue] - there is no route else
        if self._explaining:
            raise busy("another explanation is being computed; come again", 1)
        self._explaining = True
        try:
            until = time.monotonic() + self.settings.deadline_s
            return await self.do(partial(explain, self.model, data, until=until))
        finally:
            self._explaining = False

    async def do(self, work: Callable[[], T]) -> T:
        """Other work, in one of the desk's threads."""
        self._check_ready()
        return (await self.desk.wait(self.desk.take([work])))[0].value

    def answer(self, data: bytes) -> Answer | Refusal:
        """In a thread: one input's answer, written down where that was asked for."""
        answer = self.model.answer(data, until=time.monotonic() + self.settings.deadline_s)
        self._remember([answer])
        return answer

    def _answer_rows(self, rows: list[bytes]) -> list[Answer | Refusal]:
        found = self.model.answer_together(rows)
        self._remember(found)
        return found

    def _check_ready(self) -> None:
        reason = self.unready
        if reason is not None:
            raise busy(f"not ready: {reason}", 5)

    def offer_tensors(self, said: Sequence[Said], tensors: Arrays) -> None:
        """Have answers to what a caller has read itself compared by the second model; they get no line of their own."""
        if self.shadow:
            self.shadow.offer_tensors(said, tensors)

    def _remember(self, found: list[Answer | Refusal]) -> None:
        """Write a line of each answer and keep its input, where asked for; a full disk must not stop answers."""
        answers = [one for one in found if isinstance(one, Answer)]
        shadow = (self.shadow.digits, self.shadow.offer(answers)) if self.shadow else None
        for answer in answers:
            try:
                sample = self.sampler.offer(answer.admitted) if self.sampler else None
                if self.log:
                    self.log.write(answer, sample, shadow)
            except (OSError, ValueError):
                self.metrics.lost_lines.inc()

    def _counted(self, done: Done[Answer | Refusal]) -> Answer | Refusal:
        if isinstance(done.value, Answer):
            self.metrics.count(done.value, done.queue_s)
        else:
            self.metrics.refused.labels(str(done.value.status)).inc()
        return done.value


def say(event: str, **fields: object) -> None:
    """One line of JSON on standard error."""
    line = dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **fields}).decode()
    print(line, file=sys.stderr, flush=True)  # noqa: T201
