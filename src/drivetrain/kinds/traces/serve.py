"""Traces in a service: a file or points as JSON in; a page to move over; what each movement says."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel

from drivetrain.kinds.traces.points import X, Y
from drivetrain.kinds.traces.spec import Spec
from drivetrain.runtime.refusals import Refusal
from drivetrain.runtime.serve import Asked, too_many_bytes
from drivetrain.runtime.targets import NumberTarget

if TYPE_CHECKING:
    from drivetrain.serving.settings import Limits

NOUN = "trace"
MEDIA_TYPES = ("text/csv", "application/json", "application/inkml+xml")
REFUSED = "Not CSV, JSON, InkML or a type of body that is taken."
ENCODED = "traces"
EXAMPLES = ("session.csv", "signature.json")
PAGE = files("drivetrain.kinds.traces") / "page"
MOST_MOVEMENTS = 64
"""That an explanation tells of."""
MOST_PLACES = 60
"""Of the path of one of them."""
AT_ONCE = 16


class Movement(BaseModel):
    """What the model says of one window alone."""

    start: float
    """Seconds from the beginning of the trace."""
    end: float
    says: float
    """Probability of the answer, or the first number, of this window alone."""
    path: list[tuple[float, float]]
    """Places, as shares of the larger side of the whole trace."""


class Explained(BaseModel):
    """What each movement says."""

    of: str
    movements: list[Movement]


@dataclass(frozen=True)
class Admitted:
    """A trace that may be read."""

    data: bytes
    suffix: str = ".csv"
    large: bool = False


@dataclass(frozen=True)
class Explanation:
    """An answer, and what each movement says alone."""

    prediction: Any
    of: str
    movements: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """Beside the answer."""
        return {"of": self.of, "movements": self.movements}


def admit(data: bytes, limits: Limits, spec: Spec) -> Admitted:
    """Bytes that are not too many; what they are is told when they are read. Raises Refusal."""
    del spec
    if len(data) > limits.picture_bytes:
        raise too_many_bytes(NOUN, limits.picture_bytes)
    start = data.lstrip()[:1]
    return Admitted(data, ".json" if start in (b"{", b"[") else ".inkml" if start == b"<" else ".csv")


def source(admitted: Admitted) -> bytes:
    """What `Spec.load` reads."""
    return admitted.data


def about(spec: Spec) -> dict[str, Any]:
    """How a window is made, so that the page can say what to do."""
    return {"by": spec.by, "windows": spec.windows, "size": spec.size}


def explain(model: Asked, data: bytes, *, until: float) -> Explanation | Refusal:
    """Answer for one trace, and say what each of its windows says alone: the answer is the mean over them.

    Args:
        model: What to ask.
        data: The trace as it was sent.
        until: On `time.monotonic`; what is not done by then is given up.
    """
    try:
        loaded = model.load(model.admit(data))
    except Refusal as refusal:
        return refusal
    spec: Spec = model.predictor.reader
    points, windows, _ = loaded
    said = model.say(spec.view(loaded)[0][None])[0]
    target = model.predictor.target
    place = 0 if isinstance(target, NumberTarget) else int(np.argmax(said.row_K))
    chosen = np.unique(np.linspace(0, len(windows) - 1, min(MOST_MOVEMENTS, len(windows))).round().astype(int))
    rows: list[float] = []
    for at in range(0, len(chosen), AT_ONCE):
        if time.monotonic() > until:
            return Refusal(504, "the explanation took too long")
        drawn = np.stack([spec.draw(loaded, int(one))[None] for one in chosen[at : at + AT_ONCE]])
        rows += model.activated(drawn)[:, place].tolist()
    low = points[:, X : Y + 1].min(axis=0)
    reach = max(float(np.ptp(points[:, X])), float(np.ptp(points[:, Y])), 1e-9)
    movements: list[dict[str, Any]] = []
    for one, says in zip(chosen.tolist(), rows, strict=True):
        first, behind = windows[one].tolist()
        part = points[first:behind]
        every = max(1, -(-len(part) // MOST_PLACES))
        path = ((part[::every, X : Y + 1] - low) / reach).round(4).tolist()
        times = (round(float(part[0, 0]), 3), round(float(part[-1, 0]), 3))
        movements.append({"start": times[0], "end": times[1], "says": float(says), "path": path})
    name = target.names[0] if isinstance(target, NumberTarget) else target.vocab[place]
    return Explanation(said.prediction, str(name), movements)
