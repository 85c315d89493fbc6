"""A kind of input without a face of its own in a service: JSON in, JSON out, and a plain page."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

from drivetrain.runtime.files.plain_json import read_json
from drivetrain.runtime.kinds import face, kind_name, packages
from drivetrain.runtime.refusals import Refusal
from drivetrain.runtime.serve import ServeKind, too_many_bytes
from drivetrain.serving.settings import Limits

JSON_STARTS = b'[{"-0123456789tfn'
"""First bytes of what is meant as JSON; no file format that is known begins with white space and one of these."""


@dataclass(frozen=True)
class Json:
    """An input: its bytes, and what the spec's `load` is given."""

    data: bytes
    value: Any
    suffix: str = ".json"
    large: bool = False


class PlainKind:
    """What the spec's `load` reads: as JSON (a list of numbers, an object of cells, a text), or else as bytes."""

    NOUN: str = "input"
    MEDIA_TYPES: tuple[str, ...] = ("application/json", "application/octet-stream")
    REFUSED: str = "Not a type of body that is taken."
    ENCODED: str = "inputs"
    EXAMPLES: tuple[str, str] = ("a.json", "b.json")
    PAGE: Any = files("drivetrain.serving") / "page"

    def admit(self, data: bytes, limits: Limits, spec: Any, /) -> Any:
        """The value that the bytes say as JSON; bytes that are none, such as those of an .npy file, as they are.

        Raises:
            Refusal: 413 too large, 422 begun as JSON and none.
        """
        if len(data) > limits.picture_bytes:
            raise too_many_bytes(self.NOUN, limits.picture_bytes)
        if not data.lstrip()[:1] or data.lstrip()[:1] not in JSON_STARTS:
            return Json(data, data, suffix=".bin")
        try:
            return Json(data, read_json(data, most_bytes=limits.picture_bytes))
        except ValueError as error:
            raise Refusal(422, f"the input is not read as JSON: {error}"[:300]) from error

    def source(self, admitted: Json, /) -> Any:
        """The value."""
        return admitted.value

    def about(self, spec: Any, /) -> dict[str, Any]:
        """Nothing more."""
        return {}


def serve_kind(kind: str) -> ServeKind:
    """The face of a kind, which may leave out what is as here; all of it where there is no such face."""
    made = PlainKind()
    if find_spec(f"{packages()[kind_name(kind)]}.serve") is not None:
        for name, value in vars(face(kind, "serve")).items():
            if not name.startswith("_"):
                setattr(made, name, value)
    return made
