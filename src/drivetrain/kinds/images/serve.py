"""Pictures in a service: what a request may hold, what its page shows, and what an answer rests on."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from drivetrain.kinds.images import admission
from drivetrain.kinds.images.admission import Admitted
from drivetrain.kinds.images.explaining import explain
from drivetrain.kinds.images.spec import PictureInput

if TYPE_CHECKING:
    from drivetrain.serving.settings import Limits

__all__ = ["ENCODED", "EXAMPLES", "MEDIA_TYPES", "NOUN", "PAGE", "Explained", "about", "admit", "explain", "source"]

NOUN = "picture"
MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp")
REFUSED = "Not a JPEG, PNG or WebP picture, or not a type of body that is taken."
ENCODED = "pictures"
EXAMPLES = ("pear.jpg", "fig.jpg")
PAGE = files("drivetrain.kinds.images") / "page"


class Square(BaseModel):
    """What the network sees, as shares of the upright picture; what is padded lies below 0 and above 1."""

    left: float
    top: float
    width: float
    height: float


class Explained(BaseModel):
    """How far an answer falls when a part of the picture is covered."""

    change: list[list[float | None]]
    square: Square


def admit(data: bytes, limits: Limits, spec: PictureInput) -> Admitted:
    """Look at a picture's header; raises Refusal."""
    return admission.admit(data, limits, spec.working_px)


def source(admitted: Admitted) -> bytes:
    """What `PictureInput.load` reads."""
    return admitted.data


def about(spec: PictureInput) -> dict[str, Any]:
    """What the page says of the input."""
    return {"size_px": spec.size_px}
