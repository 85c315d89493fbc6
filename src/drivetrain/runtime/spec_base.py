"""Descriptions of inputs to derive from, so that a kind of input says only what is its own."""

from __future__ import annotations

import hashlib
import io
import math
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from drivetrain.errors import InputError
from drivetrain.runtime.files.members import bytes_of, status_of
from drivetrain.runtime.files.plain_json import read_json
from drivetrain.runtime.spec import Arrays, Statistic, stacked
from drivetrain.text import readable, short_reason

NPY = b"\x93NUMPY"
"""First bytes of an .npy file."""


class SpecBase(BaseModel):
    """An `InputSpec` whose kind still has to say `kind`, `load`, `encode` and `signature`.

    What is loaded is what the network reads, nothing is cached, and a service is not watched by statistics, unless
    the kind says otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    def view(self, loaded: Arrays, /) -> Arrays:
        """What was loaded, as it is."""
        return loaded

    def stack(self, views: Sequence[Arrays], /) -> Arrays:
        """Views of one shape as a batch."""
        return stacked(views)

    def cache_key(self) -> str | None:
        """None: loading is cheap."""
        return None

    def statistics(self, loaded: Arrays, /) -> Mapping[str, Statistic]:
        """None."""
        return {}

    def files(self) -> Mapping[str, bytes]:
        """None."""
        return {}


class ArraySpec(SpecBase):
    """An input that is one array of finite numbers: in an .npy file, its bytes, JSON, a list, an array or a tensor.

    A kind says `kind` and `signature`, and may say what it calls one input (`noun`), what is wrong with an array
    (`wrong`) and what the network reads of it (`view`).

    Example:
        >>> from typing import Literal
        >>> class Sound(ArraySpec):
        ...     noun: ClassVar[str] = "sound"
        ...     kind: Literal["sound"] = "sound"
        >>> Sound().load([0.5, -1])[0].tolist()
        [0.5, -1.0]
        >>> Sound().load(b"[0.5, null]")
        Traceback (most recent call last):
        drivetrain.errors.InputError: not a sound: values of type object; expected an array of finite numbers. ...
    """

    noun: ClassVar[str] = "array"
    most_bytes: ClassVar[int] = 1 << 28

    def wrong(self, array: NDArray[Any], /) -> str | None:
        """What is wrong with an array of finite numbers, such as "shape (3, 4)"; None: nothing."""
        return None

    def load(self, source: Any, /) -> Arrays:
        """The array, float32.

        Raises:
            InputError: It cannot be read, is too large, or holds anything but finite numbers.
        """
        return self._loaded(self._content(source))

    def load_file(self, path: Path) -> tuple[Arrays, str]:
        """The array, and the SHA-256 of the bytes that it was read from."""
        content = self._content(path)
        return self._loaded(content), hashlib.sha256(content).hexdigest()

    def encode(self, loaded: Arrays, /) -> tuple[bytes, str]:
        """As an .npy file."""
        stream = io.BytesIO()
        np.save(stream, loaded[0], allow_pickle=False)
        return stream.getvalue(), ".npy"

    def _content(self, source: Any) -> Any:
        """The bytes of a file; what is no file as it is."""
        if not isinstance(source, str | os.PathLike):
            return bytes(source) if isinstance(source, bytearray | memoryview) else source
        path = cast("str | os.PathLike[str]", source)
        try:
            found = status_of(path)
            if not stat.S_ISREG(found.st_mode):
                raise ValueError("it is no file")
            if found.st_size > self.most_bytes:
                raise ValueError(f"it has {found.st_size:,} bytes, more than {self.most_bytes:,}")
            return bytes_of(path)
        except (OSError, ValueError) as error:
            raise self._refused(f"{readable(path)} cannot be read ({short_reason(error)})") from error

    def _loaded(self, content: Any) -> Arrays:
        try:
            if isinstance(content, bytes):
                content = self._decoded(content)
            for step in ("detach", "cpu"):  # a tensor
                content = getattr(content, step)() if hasattr(content, step) else content
            found: NDArray[Any] = np.asarray(content)
        except Exception as error:  # lists of different lengths, what offers itself as an array and fails
            raise self._refused(short_reason(error)) from error
        if found.dtype.kind not in "fiub":
            raise self._refused(f"values of type {found.dtype}")
        if not found.ndim or not found.size:
            raise self._refused(f"{'a single number' if not found.ndim else 'no numbers'}")
        with np.errstate(over="ignore"):
            array = found.astype(np.float32)
        if not np.isfinite(array).all():
            raise self._refused("values that are not finite")
        if problem := self.wrong(array):
            raise self._refused(problem)
        return (array,)

    def _decoded(self, content: bytes) -> Any:
        """Of an .npy file, never a pickle, or JSON."""
        if len(content) > self.most_bytes:
            raise ValueError(f"{len(content):,} bytes, more than {self.most_bytes:,}")
        if content.startswith(NPY):
            return read_npy(content)
        try:
            return read_json(content, most_bytes=self.most_bytes)
        except ValueError as error:
            raise ValueError("neither the bytes of an .npy file nor JSON") from error

    def _refused(self, what: str) -> InputError:
        return InputError(
            f"not a{'n' if self.noun[:1] in 'aeiou' else ''} {self.noun}: {what}; expected an array of finite "
            "numbers. To fix: give one, or an .npy file that holds one."
        )


def read_npy(content: bytes) -> NDArray[Any]:
    """The array in the bytes of an .npy file: numbers alone, and no more of them than there are bytes for.

    Raises:
        ValueError: It is none, is cut short, or holds objects.

    Example:
        >>> stream = io.BytesIO()
        >>> np.save(stream, np.array([1.5, 2.5]))
        >>> read_npy(stream.getvalue()).tolist()
        [1.5, 2.5]
    """
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an .npy file of version {version}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_column, dtype = read(stream)
    if dtype.kind not in "fiub":
        raise ValueError(f"values of type {dtype}")
    if any(side < 0 for side in shape) or math.prod(shape) * dtype.itemsize != len(content) - stream.tell():
        raise ValueError(f"its header says {shape} of {dtype}, which is not what it holds")
    found = np.frombuffer(content, dtype, offset=stream.tell())
    return found.reshape(shape, order="F" if by_column else "C")
