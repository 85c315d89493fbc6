"""The extension `binary_tensor_data` of the Open Inference Protocol: values as raw bytes behind the JSON of a body.

A header says how long the JSON is; behind it follow the values of each tensor whose `binary_data_size` says how many
bytes they are, in the order of the tensors. Numbers are little-endian, rows first; a string is its length in four
bytes, then its bytes. A client of Triton sends this unless it is told not to.

Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from starlette.responses import Response

from drivetrain.runtime.refusals import Refusal
from drivetrain.serving.wire import dumps

EXTENSION = "binary_tensor_data"
HEADER = "inference-header-content-length"
MEDIA_TYPE = "application/octet-stream"
_LENGTH = 4
"""Bytes that say how long a string is."""
_NUMPY = {"FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}


def json_length(said: str | None, body: bytes) -> int:
    """How many bytes of a body are JSON; all of them where no header says another number.

    Raises:
        Refusal: 400 the header is no number, or larger than the body.

    Example:
        >>> json_length("2", b"{}rest"), json_length(None, b"{}")
        (2, 2)
    """
    if said is None:
        return len(body)
    number = said.strip()
    if not (number.isascii() and number.isdigit() and len(number) < 11 and int(number) <= len(body)):
        raise Refusal(400, f"{HEADER} is not the number of bytes of JSON at the beginning of the body")
    return int(number)


def shared_out(rest: bytes, sizes: Sequence[int | None]) -> list[memoryview | None]:
    """The bytes of each tensor; None for one whose values are in the JSON.

    Raises:
        Refusal: 400 there are more or fewer bytes than the tensors say.

    Example:
        >>> [part and bytes(part) for part in shared_out(b"abc", [1, None, 2])]
        [b'a', None, b'bc']
    """
    if sum(size or 0 for size in sizes) != len(rest):
        raise Refusal(400, "binary_data_size of the inputs does not add up to the bytes behind the JSON")
    parts: list[memoryview | None] = []
    whole, at = memoryview(rest), 0
    for size in sizes:
        parts.append(None if size is None else whole[at : at + size])
        at += size or 0
    return parts


def strings(data: memoryview, n: int) -> list[bytes] | None:
    r"""The strings of a tensor; None where the bytes are not n of them.

    Example:
        >>> strings(memoryview(b"\x02\0\0\0hi\0\0\0\0"), 2), strings(memoryview(b"\x09\0\0\0hi"), 1)
        ([b'hi', b''], None)
    """
    found: list[bytes] = []
    at = 0
    while at < len(data) and len(found) < n:
        length = int.from_bytes(data[at : at + _LENGTH], "little")
        at += _LENGTH + length
        found.append(bytes(data[at - length : at]))
    return found if at == len(data) and len(found) == n else None


def packed(datatype: str, data: Iterable[Any]) -> bytes:
    r"""The values of an output as bytes.

    Example:
        >>> packed("BYTES", ["é"]), len(packed("FP32", [0.5, 1.0]))
        (b'\x02\x00\x00\x00\xc3\xa9', 8)
    """
    if datatype != "BYTES":
        return np.fromiter(data, _NUMPY[datatype]).tobytes()
    words = [str(word).encode("utf-8", "replace") for word in data]
    return b"".join(len(word).to_bytes(_LENGTH, "little") + word for word in words)


def response(said: Mapping[str, Any], binary: set[str]) -> Response:
    """What is said, the values of the outputs named in `binary` as bytes behind it."""
    outputs: list[dict[str, Any]] = []
    parts: list[bytes] = []
    for output in said["outputs"]:
        if output["name"] not in binary:
            outputs.append(output)
            continue
        parts.append(packed(output["datatype"], output["data"]))
        described = {name: value for name, value in output.items() if name != "data"}
        outputs.append({**described, "parameters": {"binary_data_size": len(parts[-1])}})
    head = dumps({**said, "outputs": outputs})
    return Response(head + b"".join(parts), 200, {HEADER: str(len(head))}, MEDIA_TYPE)
