"""Which part of a picture an answer rests on: parts are covered one after another, and the model is asked again.

Source: occlusion sensitivity, Zeiler & Fergus, Visualizing and Understanding Convolutional Networks (2014), section 4.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.kinds.images.spec import PictureInput
from drivetrain.runtime.prediction import Prediction
from drivetrain.runtime.refusals import Refusal
from drivetrain.runtime.serve import Asked
from drivetrain.runtime.targets import NumberTarget, Target

CELLS = 7
"""The map has this many rows and columns."""
COVER = 2.0
"""Side of what is covered, in cells: neighbours overlap, which makes the map smoother and the cover large enough."""
AT_ONCE = 7
"""Pictures that go through the network together: its memory is bounded by it."""


@dataclass(frozen=True)
class Explanation:
    """How much an answer changes when a part is covered."""

    prediction: Prediction
    change: list[list[float]]
    """Rows from top to bottom: how far the probability of what was said falls when the cell and half its neighbours
    are covered (for numbers: how far the first one moves, in standard deviations of the training set)."""
    square: tuple[float, float, float, float]
    """Left, top, width and height of what the network sees, as shares of the upright picture; padding lies outside."""

    def as_json(self) -> dict[str, Any]:
        """Beside the answer."""
        square = dict(zip(("left", "top", "width", "height"), self.square, strict=True))
        return {"change": self.change, "square": square}


def explain(model: Asked, data: bytes, *, until: float) -> Explanation | Refusal:
    """Answer for one picture and say what the answer rests on; costs 50 predictions.

    Args:
        model: What to ask.
        data: The encoded picture.
        until: On `time.monotonic`; what is not done by then is given up.
    """
    try:
        picture = model.admit(data)
        working = model.load(picture)
    except Refusal as refusal:
        return refusal
    reader: PictureInput = model.predictor.reader
    (pixels_HWC,) = reader.view(working)
    said = model.say(pixels_HWC[None])[0]
    covered = occluded(pixels_HWC, fill_of(reader))
    rows: list[NDArray[Any]] = []
    for start in range(0, len(covered), AT_ONCE):
        if time.monotonic() > until:
            return Refusal(504, "the explanation took too long")
        rows.append(model.activated(np.stack([cover() for cover in covered[start : start + AT_ONCE]])))
    change = change_of(model.predictor.target, said.row_K, np.concatenate(rows))
    return Explanation(said.prediction, change.reshape(CELLS, CELLS).tolist(), square_of(reader, *picture.upright))


def fill_of(reader: PictureInput) -> NDArray[np.uint8]:
    """(C,): the colour that says least to the network, its inputs' mean."""
    return np.round(np.clip(np.array(reader.mean), 0, 1) * 255).astype(np.uint8)


def occluded(pixels_HWC: NDArray[np.uint8], fill: NDArray[np.uint8]) -> list[Callable[[], NDArray[np.uint8]]]:
    """For each cell, row by row, what makes the picture with the cell and half of its neighbours covered."""
    height, width = pixels_HWC.shape[:2]

    def span(cell: int, side: int) -> slice:
        centre, half = (cell + 0.5) * side / CELLS, COVER * side / CELLS / 2
        return slice(max(0, round(centre - half)), min(side, round(centre + half)))

    def cover(row: int, column: int) -> NDArray[np.uint8]:
        picture = pixels_HWC.copy()
        picture[span(row, height), span(column, width)] = fill
        return picture

    return [lambda r=row, c=column: cover(r, c) for row in range(CELLS) for column in range(CELLS)]


def change_of(target: Target, before_K: NDArray[Any], after_NK: NDArray[Any]) -> NDArray[np.float64]:
    """(N,): what covering took from the answer.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> change_of(fruit, np.array([0.25, 0.75]), np.array([[0.75, 0.25], [0.25, 0.75]])).tolist()
        [0.5, 0.0]
    """
    if isinstance(target, NumberTarget):
        return np.abs(after_NK[:, 0] - before_K[0]) / target.std[0]
    said = int(before_K.argmax())
    return np.asarray(before_K[said] - after_NK[:, said], dtype=np.float64)


def square_of(reader: PictureInput, height: int, width: int) -> tuple[float, float, float, float]:
    """What the network sees of an upright picture, as shares of its sides; padding lies outside of 0 to 1.

    Example:
        >>> reader = PictureInput(channels=1, size_px=8, crop_pct=0.5, mean=(0.5,), std=(0.5,))
        >>> square_of(reader, 16, 32)
        (0.375, 0.25, 0.25, 0.5)
        >>> square_of(reader.model_copy(update={"fit": "pad"}), 16, 32)
        (0.0, -0.5, 1.0, 2.0)
    """
    if reader.fit == "squeeze":
        return 0.0, 0.0, 1.0, 1.0
    side = max(height, width) if reader.fit == "pad" else min(height, width) * reader.size_px / reader.working_px
    return (width - side) / 2 / width, (height - side) / 2 / height, side / width, side / height
