"""The model behind the service: from the bytes of a picture to an answer, in one of the desk's threads.

Legend: N pictures, S side in px, C channels, K outputs.
"""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import PictureError
from drivetrain.runtime.golden import SelfTest
from drivetrain.runtime.inputs import Pixels
from drivetrain.runtime.manifest import Manifest
from drivetrain.runtime.predictor import Prediction, Predictor
from drivetrain.runtime.reference import confidences, picture_statistics
from drivetrain.serving.admission import Admitted, admit
from drivetrain.serving.decoding import Decoder, OverdueError
from drivetrain.serving.desk import need_heavy_thread
from drivetrain.serving.refusals import Refusal
from drivetrain.serving.settings import Limits


@dataclass(frozen=True)
class Said:
    """What the model says of one picture."""

    prediction: Prediction
    confidence: float | None
    """None for numbers."""
    row_K: NDArray[Any]
    """Probabilities, or values in the user's units."""


@dataclass(frozen=True)
class Answer:
    """What was said of one picture, and what it cost."""

    said: Said
    picture: Admitted = field(repr=False)
    statistics: dict[str, float]
    """`picture_statistics`, where answers are logged."""
    decode_s: float
    inference_s: float


class Model:
    """A predictor, its name, and whether it has proved itself.

    Args:
        predictor: It must come from an artefact: the page and the metadata are made from its manifest.
        name: How callers name the model.
        sha256: Content hash of the artefact's manifest, which holds those of all other files.
        limits: What may be decoded.
        watched: Whether statistics of the pictures are taken.
        decoder: Decodes large pictures; None decodes them here, one at a time.
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

    def answer(self, data: bytes) -> Answer | Refusal:
        """Decode one picture and answer; what is wrong with the picture is returned, not raised."""
        began = time.perf_counter()
        try:
            picture = self.admit(data)
            working = self.load(picture)
        except Refusal as refusal:
            return refusal
        pixels_HWC = self.predictor.reader.view(working)
        statistics = picture_statistics(working) if self.watched else {}
        decoded = time.perf_counter()
        said = self.say(pixels_HWC[None])[0]
        done = time.perf_counter()
        return Answer(said, picture, statistics, decoded - began, done - decoded)

    def admit(self, data: bytes) -> Admitted:
        """Look at a picture's header; raises Refusal."""
        return admit(data, self.limits, self.predictor.reader.working_px)

    def load(self, picture: Admitted) -> Pixels:
        """The working picture.

        Raises:
            HeavyError: It is large, and this is a thread for light work.
            Refusal: 422 it cannot be read, 504 that took too long.
        """
        if picture.large:
            need_heavy_thread()
        try:
            if picture.large and self.decoder is not None:
                return self.decoder.load(picture.data)
            with self._one_large if picture.large else nullcontext():
                return self.predictor.reader.load(picture.data)
        except PictureError as error:
            raise Refusal(422, str(error)) from error
        except OverdueError:
            raise Refusal(504, "the picture could not be decoded in the time and memory there are") from None

    def say(self, pixels_NSSC: NDArray[np.uint8]) -> list[Said]:
        """Answers for pictures as the network reads them."""
        outputs_NK = self.predictor.run(pixels_NSSC)
        activated_NK = self.predictor.activated(outputs_NK)
        sure = confidences(self.predictor.target, activated_NK)
        sure_N: list[float | None] = [None] * len(outputs_NK) if sure is None else list(sure.tolist())
        predictions = self.predictor.answers(outputs_NK)
        return [Said(*one) for one in zip(predictions, sure_N, activated_NK, strict=True)]

    def activated(self, pixels_NSSC: NDArray[np.uint8]) -> NDArray[Any]:
        """(N, K) probabilities, or values in the user's units."""
        return self.predictor.activated(self.predictor.run(pixels_NSSC))


def answer_as_json(prediction: Prediction) -> dict[str, Any]:
    """Without the path, which a caller knows better.

    Example:
        >>> answer_as_json(Prediction(values={"grams": 150.0}))
        {'values': {'grams': 150.0}, 'intervals': {}}
    """
    fields = prediction.as_json()
    fields.pop("path", None)
    return fields
