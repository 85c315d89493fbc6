"""Counts for Prometheus, in a registry of their own: two services in one process do not add up."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest

from drivetrain import __version__
from drivetrain.runtime.watching.reference import CONFIDENCE_EDGES
from drivetrain.serving.desk import Desk
from drivetrain.serving.model import Answer, Model, Said

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """What an operator wants to know.

    Args:
        model: Named in the artefact's metric.
        desk: Whose queue is shown.
    """

    def __init__(self, model: Model, desk: Desk) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "drivetrain_requests", "Requests, by route and status code.", ["route", "method", "code"], registry=registry
        )
        self.request_seconds = Histogram(
            "drivetrain_request_seconds", "From headers to answer.", ["route"], buckets=SECONDS, registry=registry
        )
        stages = Histogram(
            "drivetrain_predict_seconds",
            "One input: waiting for a thread, decoding, the network.",
            ["stage"],
            buckets=SECONDS,
            registry=registry,
        )
        self._queue, self._decode, self._inference = (stages.labels(name) for name in ("queue", "decode", "inference"))
        depth = Gauge("drivetrain_queue_depth", "Pictures admitted and waiting.", registry=registry)
        depth.set_function(lambda: desk.waiting)
        running = Gauge("drivetrain_running", "Pictures being worked on.", registry=registry)
        running.set_function(lambda: desk.running)
        self.refused = Counter(
            "drivetrain_refused_pictures", "Inputs that got no answer, by status code.", ["code"], registry=registry
        )
        self._predicted = Counter(
            "drivetrain_predictions", "Answers, by what was said; numbers count as one.", ["label"], registry=registry
        )
        self._abstained = Counter("drivetrain_abstained", "Answers marked as not sure.", registry=registry)
        self._confidence = Histogram(
            "drivetrain_confidence",
            "How sure answers were; compare with the reference of validation.",
            buckets=(*CONFIDENCE_EDGES, 1.0),
            registry=registry,
        )
        self.lost_lines = Counter(
            "drivetrain_log_lines_lost", "Lines of the prediction log that could not be written.", registry=registry
        )
        Info("drivetrain_artefact", "What is served.", registry=registry).info(
            {"model": model.name, "sha256": model.sha256, "drivetrain": __version__}
        )
        ready = Gauge("drivetrain_ready", "1 where the golden examples came out as saved.", registry=registry)
        ready.set_function(lambda: float(model.proof is not None and model.proof.passed))

    def count(self, answer: Answer, queue_s: float) -> None:
        """One answer."""
        self._queue.observe(queue_s)
        self._decode.observe(answer.decode_s)
        self._inference.observe(answer.inference_s)
        self.count_said(answer.said)

    def count_said(self, found: Said) -> None:
        """What was said, whatever it cost."""
        for label in _labels(found):
            self._predicted.labels(label).inc()
        if found.prediction.abstained:
            self._abstained.inc()
        if found.confidence is not None:
            self._confidence.observe(found.confidence)

    def page(self) -> bytes:
        """In the text format of Prometheus."""
        return generate_latest(self.registry)


class ShadowMetrics:
    """What an operator wants to know of a second model that is asked beside the one that answers.

    Args:
        registry: Of the metrics of the one that answers.
        model: The second one.
        waiting: Inputs that wait for it.
    """

    def __init__(self, registry: CollectorRegistry, model: Model, waiting: Callable[[], int]) -> None:
        self._outcomes = Counter(
            "drivetrain_shadow_inputs",
            "Answered inputs, by what the second model made of them: agrees, disagrees, compared (numbers without an "
            "interval), dropped, failed, not asked, not ready.",
            ["outcome"],
            registry=registry,
        )
        self._disagreements = Counter(
            "drivetrain_shadow_disagreements",
            "Answers that the second model disagrees with, by what was answered; numbers count as one.",
            ["label"],
            registry=registry,
        )
        self._confidence = Histogram(
            "drivetrain_shadow_confidence",
            "How sure the second model was.",
            buckets=(*CONFIDENCE_EDGES, 1.0),
            registry=registry,
        )
        self._seconds = Histogram(
            "drivetrain_shadow_seconds", "One input of the second model.", buckets=SECONDS, registry=registry
        )
        depth = Gauge("drivetrain_shadow_waiting", "Inputs that wait for the second model.", registry=registry)
        depth.set_function(waiting)
        ready = Gauge("drivetrain_shadow_ready", "1 where the second model is asked.", registry=registry)
        ready.set_function(lambda: float(model.proof is not None and model.proof.passed))
        self.lost_lines = Counter(
            "drivetrain_shadow_lines_lost", "Lines of the second model that could not be written.", registry=registry
        )
        Info("drivetrain_shadow_artefact", "What is asked beside.", registry=registry).info(
            {"model": model.name, "sha256": model.sha256}
        )

    def count(self, outcome: str, times: int = 1) -> None:
        """Inputs without a comparison."""
        self._outcomes.labels(outcome).inc(times)

    def compared(self, answered: Said, shadow: Said, agree: bool | None, seconds: float) -> None:
        """One comparison."""
        self._outcomes.labels("compared" if agree is None else "agrees" if agree else "disagrees").inc()
        self._seconds.observe(seconds)
        if shadow.confidence is not None:
            self._confidence.observe(shadow.confidence)
        if agree is False:
            for label in _labels(answered):
                self._disagreements.labels(label).inc()


def _labels(found: Said) -> tuple[str, ...]:
    """What was said; a single empty text for numbers."""
    said = found.prediction
    return said.labels if said.labels is not None else (said.label,) if said.label is not None else ("",)
