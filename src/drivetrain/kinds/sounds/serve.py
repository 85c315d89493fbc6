"""Sounds in a service: what a request may hold, what its page shows, and what an answer rests on."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from drivetrain.kinds.sounds import admission
from drivetrain.kinds.sounds.admission import Admitted
from drivetrain.kinds.sounds.explaining import explain

if TYPE_CHECKING:
    from drivetrain.kinds.sounds.spec import Spec
    from drivetrain.serving.settings import Limits

__all__ = [
    "ENCODED", "EXAMPLES", "MEDIA_TYPES", "MICROPHONE", "NOUN", "PAGE", "REFUSED", "Explained", "about", "admit",
    "explain", "source",
]  # fmt: skip

NOUN = "sound"
MEDIA_TYPES = (
    "audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/flac", "audio/x-flac", "audio/ogg", "audio/mpeg",
    "audio/mp3",
)  # fmt: skip
REFUSED = "Not a WAV, FLAC, OGG or MP3 sound, or not a type of body that is taken."
ENCODED = "sounds"
EXAMPLES = ("bark.wav", "meow.flac")
MICROPHONE = True
PAGE = files("drivetrain.kinds.sounds") / "page"


class Explained(BaseModel):
    """How far an answer falls when a part of the sound is silenced."""

    change: list[list[float | None]]
    seconds: list[list[float]]
    hertz: list[list[float]]


def admit(data: bytes, limits: Limits, spec: Spec) -> Admitted:
    """Look at a sound's first bytes, and how long it is; raises Refusal."""
    return admission.admit(data, limits, spec.sample_rate)


def source(admitted: Admitted) -> bytes:
    """What the spec's `load` reads."""
    return admitted.data


def about(spec: Spec) -> dict[str, Any]:
    """What the page says of the input."""
    rate = spec.front.sample_rate
    return {"sample_rate": rate, "window_s": spec.window() / rate, "windows": spec.windows}
