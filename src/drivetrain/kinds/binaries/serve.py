"""Files in a service: any bytes up to the limit; they are read, never run or unpacked."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from drivetrain.kinds.binaries.explaining import explain
from drivetrain.kinds.binaries.spec import Spec
from drivetrain.runtime.refusals import Refusal
from drivetrain.runtime.serve import too_many_bytes

if TYPE_CHECKING:
    from drivetrain.serving.settings import Limits

__all__ = ["ENCODED", "EXAMPLES", "MEDIA_TYPES", "NOUN", "PAGE", "REFUSED", "Explained", "about", "admit", "explain",
           "source"]  # fmt: skip

NOUN = "file"
MEDIA_TYPES = ("application/octet-stream",)
REFUSED = "Not a type of body that is taken."
ENCODED = "files"
EXAMPLES = ("a.bin", "b.so")
PAGE = files("drivetrain.kinds.binaries") / "page"


class Stretch(BaseModel):
    """A part of the file, and how far the answer falls without it."""

    start: int
    end: int
    change: float


class Explained(BaseModel):
    """What an answer rests on: parts of the file from its beginning to its end, each zeroed alone."""

    bytes: int
    stretches: list[Stretch]


@dataclass(frozen=True)
class File:
    """The bytes of a file."""

    data: bytes
    suffix: str = ".bin"
    large: bool = False


def admit(data: bytes, limits: Limits, spec: Spec) -> File:
    """The bytes as they are; raises Refusal where there are none, or too many."""
    del spec
    if not data:
        raise Refusal(422, "the file is empty: there are no bytes in it")
    if len(data) > limits.picture_bytes:
        raise too_many_bytes(NOUN, limits.picture_bytes)
    return File(data)


def source(admitted: File) -> bytes:
    """What `Spec.load` reads."""
    return admitted.data


def about(spec: Spec) -> dict[str, Any]:
    """What the page says of the input."""
    return {"size_px": spec.height_px, "pieces": spec.pieces, "layout": spec.layout}
