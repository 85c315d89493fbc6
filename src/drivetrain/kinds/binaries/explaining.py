"""Which part of a file an answer rests on: stretches are zeroed one after another, and the model is asked again.

Source: occlusion sensitivity, Zeiler & Fergus, Visualizing and Understanding Convolutional Networks (2014), section 4,
here along the file.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from drivetrain.kinds.binaries.reading import MOST, PIECE, starts_of
from drivetrain.kinds.binaries.spec import Spec
from drivetrain.runtime.prediction import Prediction
from drivetrain.runtime.refusals import Refusal
from drivetrain.runtime.serve import Asked
from drivetrain.runtime.targets import NumberTarget

STRETCHES = 32
"""That a file is divided into."""
AT_ONCE = 8
"""Files that go through the network together: its memory is bounded by it."""


@dataclass(frozen=True)
class Explanation:
    """How much an answer changes when a stretch of the file is zeroed."""

    prediction: Prediction
    n_bytes: int
    stretches: list[tuple[int, int, float]]
    """First byte, byte behind the last, and how far the probability of what was said falls without them (for numbers:
    how far the first one moves, in standard deviations of the training set)."""

    def as_json(self) -> dict[str, Any]:
        """Beside the answer."""
        told = [{"start": start, "end": end, "change": change} for start, end, change in self.stretches]
        return {"bytes": self.n_bytes, "stretches": told}


def explain(model: Asked, data: bytes, *, until: float) -> Explanation | Refusal:
    """Answer for one file and say which parts of it the answer rests on; costs 33 predictions.

    Args:
        model: What to ask.
        data: The bytes of the file.
        until: On `time.monotonic`; what is not done by then is given up.
    """
    try:
        loaded = model.load(model.admit(data))
    except Refusal as refusal:
        return refusal
    reader: Spec = model.predictor.reader
    (view,) = reader.view(loaded)
    said = model.say(view[None])[0]
    edges = np.unique(np.linspace(0, len(loaded[0]), STRETCHES + 1).astype(int)).tolist()
    spans = list(pairwise(edges))
    change: list[float] = []
    for first in range(0, len(spans), AT_ONCE):
        if time.monotonic() > until:
            return Refusal(504, "the explanation took too long")
        views = [reader.view((_zeroed(loaded[0], *span),))[0] for span in spans[first : first + AT_ONCE]]
        change += _fallen(model.predictor.target, said.row_K, model.activated(np.stack(views)))
    found = [(*_in_file(span, len(data)), fall) for span, fall in zip(spans, change, strict=True)]
    return Explanation(said.prediction, len(data), found)


def _zeroed(content: Any, start: int, end: int) -> Any:
    covered = content.copy()
    covered[start:end] = 0
    return covered


def _fallen(target: Any, before_K: Any, after_NK: Any) -> list[float]:
    if isinstance(target, NumberTarget):
        return (np.abs(after_NK[:, 0] - before_K[0]) / target.std[0]).tolist()
    best = int(before_K.argmax())
    return (before_K[best] - after_NK[:, best]).astype(float).tolist()


def _in_file(span: tuple[int, int], size: int) -> tuple[int, int]:
    """Where in the file a stretch of what was read lies: of a huge file, from one of its pieces to another."""
    if size <= MOST:
        return span
    starts = starts_of(size)
    return starts[span[0] // PIECE] + span[0] % PIECE, starts[(span[1] - 1) // PIECE] + (span[1] - 1) % PIECE + 1
