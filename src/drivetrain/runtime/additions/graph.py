"""The ONNX file of an updated model without its parameters, and with them put back.

An exporter writes the parameters into the graph as they are, or with rows and columns exchanged. Whatever it wrote,
those bytes that are a parameter's are taken out, and everything else stays: nothing is guessed from names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from drivetrain.runtime.additions.record import Place
from drivetrain.runtime.additions.weights import TensorFile
from drivetrain.runtime.files.tensor_file import Described
from drivetrain.runtime.onnx.wire import Message, understood, written

LEAST_BYTES = 256
"""Smaller parameters stay in the graph."""
MOST_TIMES = 2
"""That the parameters may stand in the graph: some are shared by two layers; a few bytes must not become gigabytes."""
FLOAT = 1
"""TensorProto data type of 32-bit numbers."""


def taken_out(content: bytes, weights: TensorFile) -> tuple[bytes, bytes, tuple[Place, ...]]:
    """An ONNX file in drivetrain's own writing, the same without the parameters, and where these belong.

    Raises:
        ValueError: The file is not one as drivetrain writes them.
    """
    message = understood(content)
    whole = written(message)
    known = _by_content(weights)
    places: list[Place] = []
    for index, tensor in enumerate(_initialisers(message)):
        raw = bytes(tensor.get("raw_data", b""))
        shape = tuple(tensor.get("dims", []))
        found = known.get((shape, hashlib.sha256(raw).digest())) if len(raw) >= LEAST_BYTES else None
        if found is not None and tensor.get("data_type") == FLOAT:
            tensor["raw_data"] = b""
            places.append(Place(index=index, parameter=found[0], turned=found[1]))
    return whole, written(message), tuple(places)


def put_back(
    graph: bytes, places: Sequence[Place], size: int, content: Callable[[str], bytes], tensors: TensorFile
) -> bytes:
    """The whole ONNX file.

    Args:
        graph: Without the parameters.
        places: Where they belong.
        size: Of the whole file in bytes, which is not exceeded.
        content: Name of a parameter → its bytes.
        tensors: What the parameters are.

    Raises:
        ValueError: A parameter does not fit its place, or they are larger than the whole file.
    """
    message = understood(graph)
    holes = _initialisers(message)
    fits = [_checked(place, holes, tensors.tensors.get(place.parameter)) for place in places]
    put, held = sum(one.size for one in fits), sum(one.size for one in tensors.tensors.values())
    twice = len({place.index for place in places}) != len(places)
    if twice or len(graph) + put > size or put > MOST_TIMES * held:
        raise ValueError("the parameters in its graph are larger than the whole")
    for place, one in zip(places, fits, strict=True):
        raw = content(place.parameter)
        if place.turned:
            raw = np.ascontiguousarray(np.frombuffer(raw, "<f4").reshape(one.shape).T).tobytes()
        holes[place.index]["raw_data"] = raw
    return written(message)


def _initialisers(message: Message) -> list[Message]:
    return message.get("graph", {}).get("initializer", [])


def _checked(place: Place, holes: Sequence[Message], one: Described | None) -> Described:
    """What a parameter is, where it fits its place."""
    hole = holes[place.index] if place.index < len(holes) else None
    if hole is None or one is None or one.dtype != "F32" or hole.get("data_type") != FLOAT:
        raise ValueError(f"{place.parameter[:60]!r} has no place in its graph")
    shape = one.shape[::-1] if place.turned else one.shape
    if tuple(hole.get("dims", [])) != shape or (place.turned and len(shape) != 2) or len(hole.get("raw_data", b"")):
        raise ValueError(f"{place.parameter[:60]!r} does not fit its place in its graph")
    return one


def _by_content(weights: TensorFile) -> dict[tuple[tuple[int, ...], bytes], tuple[str, bool]]:
    """Shape and hash of what an exporter may have written → the parameter, and whether it was turned."""
    found: dict[tuple[tuple[int, ...], bytes], tuple[str, bool]] = {}
    for name, one in weights.tensors.items():
        if one.dtype != "F32" or one.size < LEAST_BYTES:
            continue
        raw = weights.content(name)
        if len(one.shape) == 2:
            turned = np.ascontiguousarray(np.frombuffer(raw, "<f4").reshape(one.shape).T).tobytes()
            found.setdefault((one.shape[::-1], hashlib.sha256(turned).digest()), (name, True))
        found[one.shape, hashlib.sha256(raw).digest()] = (name, False)
    return found
