"""A curve in a request: the bytes of an `.npy` file, or JSON."""

from __future__ import annotations

from typing import Any, NamedTuple

from drivetrain.runtime.refusals import Refusal

NOUN = "curve"
EXAMPLES = ("a.npy", "b.npy")


class Admitted(NamedTuple):
    data: bytes
    suffix: str = ".npy"
    large: bool = False


def admit(data: bytes, limits: Any, spec: Any) -> Admitted:
    if len(data) > limits.picture_bytes:
        raise Refusal(413, "the curve has too many bytes")
    return Admitted(data)


def source(admitted: Admitted) -> bytes:
    return admitted.data
