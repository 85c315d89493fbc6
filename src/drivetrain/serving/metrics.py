"""Counts for Prometheus, in a registry of their own: two services in one process do not add up."""

from __future__ import annotations

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
            "One picture: waiting for a thread, decoding, the network.",
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
            "drivetrain_refused_pictures", "Pictures that got no answer, by status code.", ["code"], registry=registry
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
        said = found.prediction
        labels = said.labels if said.labels is not None else (said.label,) if said.label is not None else ("",)
        for label in labels:
            self._predicted.labels(label).inc()
        if said.abstained:
            self._abstained.inc()
        if found.confidence is not None:
            self._confidence.observe(found.confidence)

    def page(self) -> bytes:
        """In the text format of Prometheus."""
        return generate_latest(self.registry)
