"""A safetensors file read and written without a library for it: its header, and where each tensor lies.

Source: https://huggingface.co/docs/safetensors, "Format".
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from drivetrain.runtime.files.plain_json import read_json

MOST_HEADER_BYTES = 32 * 2**20
BYTES_OF = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
}  # fmt: skip


class Described(NamedTuple):
    """One tensor, as the header of a file describes it."""

    dtype: str
    shape: tuple[int, ...]
    begins: int
    """Byte of the file."""
    ends: int

    @property
    def size(self) -> int:
        """In bytes."""
        return self.ends - self.begins


class Tensor(NamedTuple):
    """One tensor that is written."""

    dtype: str
    shape: tuple[int, ...]
    size: int
    """In bytes."""


class Stream(Protocol):
    """What can be read from; a file that is open, or bytes as one."""

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or fewer at the end."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a byte."""
        ...


def described_file(file: Path) -> dict[str, Described]:
    """Name → where every tensor of a safetensors file lies; see `described`."""
    with file.open("rb") as stream:
        return described(stream, file.stat().st_size)


def described(stream: Stream, size: int) -> dict[str, Described]:
    """Name → where every tensor lies, from the header alone.

    Args:
        stream: At its beginning.
        size: Of the file, in bytes.

    Raises:
        ValueError: The header is damaged, or says other sizes than the file has.

    Example:
        >>> from io import BytesIO
        >>> content = header({"bias": Tensor("F32", (2,), 8)}) + bytes(8)
        >>> described(BytesIO(content), len(content))["bias"].shape
        (2,)
    """
    length = int.from_bytes(stream.read(8), "little")
    if not 2 <= length <= min(size - 8, MOST_HEADER_BYTES):
        raise ValueError(f"its header is said to have {length:,} bytes")
    said = read_json(stream.read(length), most_bytes=MOST_HEADER_BYTES)
    if not isinstance(said, dict):
        raise ValueError("its header is no object")
    found = {
        name: _described(name, one, 8 + length)
        for name, one in cast("dict[str, Any]", said).items()
        if name != "__metadata__"
    }
    end = max((one.ends for one in found.values()), default=8 + length)
    if end != size:
        told, there = end - 8 - length, size - 8 - length
        raise ValueError(f"its tensors are said to take {told:,} bytes, and there are {there:,}")
    if sum(one.size for one in found.values()) > size - 8 - length:
        raise ValueError("some of its tensors are said to lie in the same bytes")
    return found


def _described(name: str, said: Any, start: int) -> Described:
    try:
        dtype, shape, (begins, ends) = said["dtype"], tuple(said["shape"]), said["data_offsets"]
        width = BYTES_OF[dtype]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{name[:60]!r} is not described as a tensor") from error
    whole = [*shape, begins, ends]
    if len(shape) > 8 or any(type(number) is not int or not 0 <= number < 2**48 for number in whole):
        raise ValueError(f"{name[:60]!r} has an odd shape")
    count = math.prod(shape) * width
    if ends - begins != count:
        raise ValueError(f"{name[:60]!r} is said to take {ends - begins:,} bytes, and its shape takes {count:,}")
    return Described(dtype, shape, start + begins, start + ends)


def in_order(tensors: Mapping[str, Any]) -> list[str]:
    """Names as the tensors lie one after the other: wide numbers first, so that all are aligned; then by name."""
    return sorted(tensors, key=lambda name: (-BYTES_OF[tensors[name].dtype], name))


def header(tensors: Mapping[str, Tensor]) -> bytes:
    """The beginning of a file that holds these tensors `in_order`; the same bytes on any machine."""
    said: dict[str, dict[str, Any]] = {}
    at = 0
    for name in in_order(tensors):
        one = tensors[name]
        said[name] = {"dtype": one.dtype, "shape": list(one.shape), "data_offsets": [at, at + one.size]}
        at += one.size
    text = json.dumps(said, separators=(",", ":"), ensure_ascii=True).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def pieces_of(stream: Stream, one: Described, *, at_once: int = 1 << 24) -> Iterator[bytes]:
    """The bytes of a tensor, some at a time.

    Raises:
        ValueError: The file ends within it.
    """
    stream.seek(one.begins)
    left = one.size
    while left:
        piece = stream.read(min(left, at_once))
        if not piece:
            raise ValueError("it ends within a tensor")
        left -= len(piece)
        yield piece
