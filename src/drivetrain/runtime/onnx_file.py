"""A look into an ONNX file without ONNX Runtime: whether all of it lies in this one file.

ONNX allows tensors to lie in other files, named by paths within the model; opening a foreign model would then read
whatever files it names. Here they are found before the runtime sees them. An ONNX file is a protocol buffer: numbered
fields, each a number or a run of bytes that may be a message itself. Only the fields that lead to tensors are followed.

Source: onnx.proto3 of ONNX 1.23, field numbers of ModelProto and below; https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator

from drivetrain.errors import ArtefactError

_WITHIN = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse tensor", 23: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""Message → field number → what kind of message lies there."""

_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_VARINT, _EIGHT_BYTES, _RUN, _FOUR_BYTES = 0, 1, 2, 5

Field = tuple[int, int | memoryview]
"""Number, and value: a whole number or a run of bytes."""


def check_self_contained(model: bytes, name: str) -> None:
    """Refuse a model that reads other files, or that is no ONNX file at all.

    Args:
        model: Content of the file.
        name: Of the file, for the message.

    Raises:
        ArtefactError: A tensor lies in another file, or the content is damaged.

    Example:
        >>> check_self_contained(b"no model", "model.onnx")
        Traceback (most recent call last):
        drivetrain.errors.ArtefactError: model.onnx is not an ONNX file: ...
    """
    try:
        external = any(_tensors_elsewhere(memoryview(model)))
    except ValueError as error:
        raise ArtefactError(f"{name} is not an ONNX file: {error}.") from error
    if external:
        raise ArtefactError(
            f"{name} keeps weights in other files, which is refused: a model could name any file of this machine. "
            "To fix: export it with its weights inside."
        )


def _tensors_elsewhere(model: memoryview) -> Iterator[bool]:
    """For every tensor of the model whether it lies in another file."""
    found_graph = False
    waiting: list[tuple[str, memoryview]] = [("model", model)]
    while waiting:
        kind, message = waiting.pop()
        for number, value in _fields(message):
            if kind == "tensor":
                yield number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)
            elif number in _WITHIN[kind]:
                if isinstance(value, int):
                    raise ValueError(f"field {number} of a {kind} is a number")
                found_graph = found_graph or _WITHIN[kind][number] == "graph"
                waiting.append((_WITHIN[kind][number], value))
    if not found_graph:
        raise ValueError("it holds no graph")


def _fields(message: memoryview) -> Iterator[Field]:
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == _RUN:
            length, at = _varint(message, at)
        elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
            length = 8 if wire == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"field {number} has the unknown wire type {wire}")
        if at + length > len(message):
            raise ValueError(f"it ends within field {number}")
        yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A whole number in groups of seven bits, lowest first, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("it ends within a number")
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
    raise ValueError("a number is longer than ten bytes")
