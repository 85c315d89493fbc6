"""An ONNX file read and written without ONNX Runtime, by the one reading of a protocol buffer that both agree on.

An ONNX file is a protocol buffer: numbered fields, each a number or a run of bytes that may be a message itself. Two
programs may read a crooked one differently: a number with needless zeros, a field that stands twice, a field number
beyond 32 bits. What our checks then see is not what the runtime does. So only what every program reads in the same
way is understood here, everything else is refused, and `written` gives bytes that hold what was understood and nothing
more: those go to the runtime.

Source: onnx.proto of ONNX 1.23; https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

Message = dict[str, Any]
"""Field name → int, memoryview (text, bytes, numbers in a row), Message, or a list of these."""


class _Field(NamedTuple):
    name: str
    kind: str
    """int, bytes, four (bytes), numbers (whole, one by one or packed), fours, eights, drop, refuse, or a message."""
    repeated: bool = False


_SCHEMA: dict[str, dict[int, _Field]] = {
    "model": {
        1: _Field("ir_version", "int"),
        2: _Field("producer_name", "drop"),
        3: _Field("producer_version", "drop"),
        4: _Field("domain", "drop"),
        5: _Field("model_version", "int"),
        6: _Field("doc_string", "drop"),
        7: _Field("graph", "graph"),
        8: _Field("opset_import", "opset", repeated=True),
        14: _Field("metadata_props", "drop"),
        20: _Field("training_info", "refuse"),
        25: _Field("functions", "refuse"),
    },
    "opset": {1: _Field("domain", "bytes"), 2: _Field("version", "int")},
    "graph": {
        1: _Field("node", "node", repeated=True),
        2: _Field("name", "bytes"),
        5: _Field("initializer", "tensor", repeated=True),
        10: _Field("doc_string", "drop"),
        11: _Field("input", "value", repeated=True),
        12: _Field("output", "value", repeated=True),
        13: _Field("value_info", "drop"),
        14: _Field("quantization_annotation", "drop"),
        15: _Field("sparse_initializer", "refuse"),
        16: _Field("metadata_props", "drop"),
    },
    "node": {
        1: _Field("input", "bytes", repeated=True),
        2: _Field("output", "bytes", repeated=True),
        3: _Field("name", "bytes"),
        4: _Field("op_type", "bytes"),
        5: _Field("attribute", "attribute", repeated=True),
        6: _Field("doc_string", "drop"),
        7: _Field("domain", "bytes"),
        8: _Field("overload", "refuse"),
        9: _Field("metadata_props", "drop"),
    },
    "attribute": {
        1: _Field("name", "bytes"),
        2: _Field("f", "four"),
        3: _Field("i", "int"),
        4: _Field("s", "bytes"),
        5: _Field("t", "tensor"),
        6: _Field("g", "refuse"),
        7: _Field("floats", "fours", repeated=True),
        8: _Field("ints", "numbers", repeated=True),
        9: _Field("strings", "bytes", repeated=True),
        10: _Field("tensors", "refuse"),
        11: _Field("graphs", "refuse"),
        13: _Field("doc_string", "drop"),
        14: _Field("tp", "refuse"),
        15: _Field("type_protos", "refuse"),
        20: _Field("type", "int"),
        21: _Field("ref_attr_name", "refuse"),
        22: _Field("sparse_tensor", "refuse"),
        23: _Field("sparse_tensors", "refuse"),
    },
    "tensor": {
        1: _Field("dims", "numbers", repeated=True),
        2: _Field("data_type", "int"),
        3: _Field("segment", "refuse"),
        4: _Field("float_data", "fours", repeated=True),
        5: _Field("int32_data", "numbers", repeated=True),
        6: _Field("string_data", "refuse"),
        7: _Field("int64_data", "numbers", repeated=True),
        8: _Field("name", "bytes"),
        9: _Field("raw_data", "bytes"),
        10: _Field("double_data", "eights", repeated=True),
        11: _Field("uint64_data", "numbers", repeated=True),
        12: _Field("doc_string", "drop"),
        13: _Field("external_data", "elsewhere"),
        14: _Field("data_location", "place"),
        16: _Field("metadata_props", "drop"),
    },
    "value": {
        1: _Field("name", "bytes"),
        2: _Field("type", "type"),
        3: _Field("doc_string", "drop"),
        4: _Field("metadata_props", "drop"),
    },
    "type": {1: _Field("tensor_type", "tensor type"), 6: _Field("denotation", "drop")},
    "tensor type": {1: _Field("elem_type", "int"), 2: _Field("shape", "shape")},
    "shape": {1: _Field("dim", "dim", repeated=True)},
    "dim": {1: _Field("dim_value", "int"), 2: _Field("dim_param", "bytes"), 3: _Field("denotation", "drop")},
}

_NUMBERS_OF = {kind: {field.name: number for number, field in fields.items()} for kind, fields in _SCHEMA.items()}
_VARINT, _EIGHT_BYTES, _RUN, _FOUR_BYTES = 0, 1, 2, 5
_WIRE = {"int": _VARINT, "place": _VARINT, "four": _FOUR_BYTES}


class ElsewhereError(ValueError):
    """A tensor lies in another file."""


def understood(content: bytes | memoryview, kind: str = "model") -> Message:
    r"""The fields of a message, and of those within it; runs of bytes are views, nothing is copied.

    Raises:
        ElsewhereError: A tensor lies in another file.
        ValueError: The content is damaged, or not everybody would read it in the same way.

    Example:
        >>> understood(b"\x08\x0a")
        {'ir_version': 10}
    """
    view = memoryview(content)
    found: Message = {}
    fields = _SCHEMA[kind]
    for number, wire, value in _fields(view):
        field = fields.get(number)
        if field is None:
            raise ValueError(f"a {kind} has a field {number} that is not known")
        _take(found, field, wire, value, kind)
    return found


def _take(found: Message, field: _Field, wire: int, value: int | memoryview, kind: str) -> None:
    name, expected, repeated = field
    if expected == "refuse":
        raise ValueError(f"a {kind} has {name}, which models of drivetrain have not")
    if expected == "elsewhere":
        raise ElsewhereError("a tensor has external data")
    if expected in ("numbers", "fours", "eights"):
        _take_numbers(found, name, expected, wire, value)
        return
    if wire != _WIRE.get(expected, _RUN):
        raise ValueError(f"{name} of a {kind} has the wire type {wire}")
    if expected == "drop":
        return
    if expected == "place":
        if value != 0:
            raise ElsewhereError("a tensor is said to lie elsewhere")
        return
    taken = value if expected in ("int", "four", "bytes") else understood(_run(value), expected)
    if repeated:
        found.setdefault(name, []).append(taken)
    elif name in found:
        raise ValueError(f"{name} of a {kind} stands twice")
    else:
        found[name] = taken


def _run(value: int | memoryview) -> memoryview:
    assert isinstance(value, memoryview)
    return value


def _take_numbers(found: Message, name: str, expected: str, wire: int, value: int | memoryview) -> None:
    """Numbers that may stand one by one or packed: whole ones as ints, the others as their bytes."""
    single = {"numbers": _VARINT, "fours": _FOUR_BYTES, "eights": _EIGHT_BYTES}[expected]
    if wire not in (single, _RUN):
        raise ValueError(f"{name} has the wire type {wire}")
    there: list[Any] = found.setdefault(name, [])
    if wire == single:
        there.append(value)
        return
    packed = _run(value)
    if expected == "numbers":
        at = 0
        while at < len(packed):
            number, at = _varint(packed, at)
            there.append(number)
        return
    if len(packed) % (4 if expected == "fours" else 8):
        raise ValueError(f"{name} ends within a number")
    there.append(packed)


def _fields(message: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Field number, wire type, and value: a whole number or a run of bytes."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if not 0 < number < 2**29:
            raise ValueError(f"the field number {number} is out of range")
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, wire, value
            continue
        if wire == _RUN:
            length, at = _varint(message, at)
        elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
            length = 8 if wire == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"field {number} has the unknown wire type {wire}")
        if length > end - at:
            raise ValueError(f"it ends within field {number}")
        yield number, wire, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A whole number in groups of seven bits, lowest first, in as few bytes as it needs, and where it ends."""
    if at < len(message) and message[at] < 0x80:
        return message[at], at + 1
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("it ends within a number")
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            if byte == 0 or value >= 2**64:
                raise ValueError("a number is longer than it needs to be")
            return value, at
    raise ValueError("a number is longer than ten bytes")


def written(message: Message, kind: str = "model") -> bytes:
    r"""The bytes of a message: every field that was understood, each in its shortest form.

    Example:
        >>> written(understood(b"\x08\x0a"))
        b'\x08\n'
    """
    pieces: list[bytes | memoryview] = []
    _write(message, kind, pieces)
    return b"".join(pieces)


def _write(message: Message, kind: str, pieces: list[bytes | memoryview]) -> int:
    """Append the bytes of a message; gives how many."""
    size = 0
    for name, value in message.items():
        number = _NUMBERS_OF[kind][name]
        for one in _runs(_SCHEMA[kind][number], value):
            size += _write_field(number, _SCHEMA[kind][number].kind, one, pieces)
    return size


def _runs(field: _Field, value: Any) -> list[Any]:
    """The values of a field as they are written: numbers in a row in one run."""
    if field.kind == "numbers":
        return [b"".join(map(_number, value))] if value else []
    if field.kind in ("fours", "eights"):
        return [b"".join(value)] if value else []
    return value if field.repeated else [value]


def _write_field(number: int, kind: str, value: Any, pieces: list[bytes | memoryview]) -> int:
    if kind == "int":
        head = _number(number << 3 | _VARINT) + _number(value)
        pieces.append(head)
        return len(head)
    if kind == "four":
        pieces.append(_number(number << 3 | _FOUR_BYTES))
        pieces.append(value)
        return len(pieces[-2]) + 4
    if kind in _SCHEMA:
        place = len(pieces)
        pieces.append(b"")
        size = _write(value, kind, pieces)
        pieces[place] = head = _number(number << 3 | _RUN) + _number(size)
        return len(head) + size
    head = _number(number << 3 | _RUN) + _number(len(value))
    pieces.append(head)
    pieces.append(value)
    return len(head) + len(value)


def _number(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    groups = bytearray()
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)
