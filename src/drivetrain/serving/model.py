"""The model behind the service: from the bytes of an input to an answer, in one of the desk's threads.

Legend: N rows, K outputs.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import InputError, SettingError
from drivetrain.runtime.golden import SelfTest
from drivetrain.runtime.manifest import Manifest
from drivetrain.runtime.over_time import Pieces, answer_of, spans_of
from drivetrain.runtime.prediction import Prediction
from drivetrain.runtime.predictor import Predictor
from drivetrain.runtime.refusals import Refusal
from drivetrain.runtime.serve import Admitted
from drivetrain.runtime.spec import Arrays, Statistic
from drivetrain.runtime.watching.reference import confidences
from drivetrain.serving.decoding import Decoder, OverdueError
from drivetrain.serving.desk import need_heavy_thread
from drivetrain.serving.plain import serve_kind
from drivetrain.serving.settings import Limits


@dataclass(frozen=True)
class Said:
    """What the model says of one input."""

    prediction: Prediction
    confidence: float | None
    """None for numbers."""
    row_K: NDArray[Any]
    """Probabilities, or values in the user's units."""


@dataclass(frozen=True)
class Answer:
    """What was said of one input, and what it cost."""

    said: Said
    admitted: Admitted = field(repr=False)
    statistics: Mapping[str, Statistic]
    """As of `InputSpec.statistics`, where answers are logged."""
    decode_s: float
    inference_s: float
    views: Arrays = field(default=(), repr=False)
    """As the network read it; empty of an input that was answered window by window."""


class Model:
    """A predictor, its name, and whether it has proved itself.

    Args:
        predictor: It must come from an artefact: the page and the metadata are made from its manifest.
        name: How callers name the model.
        sha256: Content hash of the artefact's manifest, which holds those of all other files.
        limits: What may be decoded.
        watched: Whether statistics of the inputs are taken.
        decoder: Decodes large inputs; None decodes them here, one at a time.
    """

    def __init__(
        self,
        predictor: Predictor,
        *,
        name: str,
        sha256: str,
        limits: Limits,
        watched: bool = False,
        decoder: Decoder | None = None,
    ) -> None:
        assert predictor.manifest is not None, "a service needs an artefact"
        self.predictor = predictor
        self.manifest: Manifest = predictor.manifest
        self.name = name
        self.sha256 = sha256
        self.kind = serve_kind(self.manifest.input.kind)
        self.limits = limits
        self.watched = watched
        self.decoder = decoder
        self.proof: SelfTest | None = None
        """None until `prove` was called."""
        self._one_large = threading.Lock()

    def prove(self) -> SelfTest:
        """Answer the golden examples; takes as long as predicting them."""
        self.proof = self.predictor.self_test()
        return self.proof

    def answer(self, data: bytes, *, until: float = math.inf) -> Answer | Refusal:
        """Decode one input and answer; what is wrong with the input is returned, not raised.

        Args:
            data: The encoded input.
            until: On `time.monotonic`; a long input that is not answered by then is given up.
        """
        began = time.perf_counter()
        spec = self.predictor.reader
        try:
            admitted = self.admit(data)
            pieces = self.pieces(admitted)
            loaded = self.load(admitted) if pieces is None or self.watched else None
            statistics = spec.statistics(loaded) if self.watched and loaded is not None else {}
            view = spec.view(loaded) if pieces is None and loaded is not None else ()
            batch = spec.stack([view]) if view else ()
            decoded = time.perf_counter()
            said = self.say(*batch)[0] if pieces is None else self.say_over_time(pieces, until=until)
        except Refusal as refusal:
            return refusal
        done = time.perf_counter()
        return Answer(said, admitted, statistics, decoded - began, done - decoded, view)

    def answer_together(self, inputs: Sequence[bytes]) -> list[Answer | Refusal]:
        """The same of many small inputs, in one batch."""
        began = time.perf_counter()
        spec = self.predictor.reader
        found: list[Answer | Refusal | None] = [None] * len(inputs)
        read: dict[int, tuple[Admitted, Arrays]] = {}
        for at, data in enumerate(inputs):
            try:
                admitted = self.admit(data)
                read[at] = admitted, self.load(admitted)
            except Refusal as refusal:
                found[at] = refusal
        if read:
            views = [spec.view(loaded) for _, loaded in read.values()]
            batch = spec.stack(views)
            decoded = time.perf_counter()
            said = self.say(*batch)
            decode_s, inference_s = (decoded - began) / len(read), (time.perf_counter() - decoded) / len(read)
            for (at, (admitted, loaded)), one, view in zip(read.items(), said, views, strict=True):
                statistics = spec.statistics(loaded) if self.watched else {}
                found[at] = Answer(one, admitted, statistics, decode_s, inference_s, view)
        return [one for one in found if one is not None]

    def admit(self, data: bytes) -> Admitted:
        """Look at an input before it is decoded; raises Refusal."""
        return self.kind.admit(data, self.limits, self.predictor.reader)

    def load(self, admitted: Admitted) -> Arrays:
        """What the spec loads of it.

        Raises:
            HeavyError: It is large, and this is a thread for light work.
            Refusal: 422 it cannot be read, 504 that took too long.
        """
        if admitted.large:
            need_heavy_thread()
        try:
            if admitted.large and self.decoder is not None:
                return self.decoder.load(admitted.data)
            with self._one_large if admitted.large else nullcontext():
                return self.predictor.reader.load(self.kind.source(admitted))
        except (InputError, SettingError) as error:
            raise Refusal(422, str(error)) from error
        except OverdueError:
            said = f"the {self.kind.NOUN} could not be decoded in the time and memory there are"
            raise Refusal(504, said) from None

    def pieces(self, admitted: Admitted) -> Pieces | None:
        """The pieces of an input that is longer than the network reads at once; None of others, and of other kinds.

        Raises:
            HeavyError: They are many, and this is a thread for light work.
            Refusal: 422 it cannot be read.
        """
        stretches = getattr(self.predictor.reader, "stretches", None)
        if stretches is None:
            return None
        try:
            found: Pieces | None = stretches(self.kind.source(admitted))
        except (InputError, SettingError) as error:
            raise Refusal(422, str(error)) from error
        if found is not None and not found.covered:
            need_heavy_thread()
        return found

    def say_over_time(self, pieces: Pieces, /, *, until: float = math.inf) -> Said:
        """The answer to a long input, with what holds when, as `Predictor.predict` gives it.

        Raises:
            Refusal: 504; it takes longer than there is time.
        """
        whole_1K, times, outputs_NK = answer_of(pieces, partial(self._run_until, until))
        [said] = self._said(whole_1K)
        spans = spans_of(self.predictor.target, times, self.predictor.activated(outputs_NK))
        return replace(said, prediction=replace(said.prediction, spans=spans))

    def _run_until(self, until: float, views: Sequence[Arrays]) -> NDArray[np.float32]:
        if time.monotonic() > until:
            raise Refusal(504, f"the {self.kind.NOUN} is too long to be answered in time: send a shorter part of it")
        return self.predictor.run(*self.predictor.reader.stack(views))

    def say(self, *views: NDArray[Any]) -> list[Said]:
        """Answers for a batch of inputs as the network reads them."""
        return self._said(self.predictor.run(*views))

    def _said(self, outputs_NK: NDArray[np.float32]) -> list[Said]:
        activated_NK = self.predictor.activated(outputs_NK)
        sure = confidences(self.predictor.target, activated_NK)
        sure_N: list[float | None] = [None] * len(outputs_NK) if sure is None else list(sure.tolist())
        predictions = self.predictor.answers(outputs_NK)
        return [Said(*one) for one in zip(predictions, sure_N, activated_NK, strict=True)]

    def activated(self, *views: NDArray[Any]) -> NDArray[Any]:
        """(N, K) probabilities, or values in the user's units."""
        return self.predictor.activated(self.predictor.run(*views))


def answer_as_json(prediction: Prediction) -> dict[str, Any]:
    """Without the path, which a caller knows better.

    Example:
        >>> answer_as_json(Prediction(values={"grams": 150.0}))
        {'values': {'grams': 150.0}, 'intervals': {}}
    """
    fields = prediction.as_json()
    fields.pop("path", None)
    return fields
