"""The description of a file that is read as bytes and drawn as a picture: see `drawing` for what it shows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from drivetrain.errors import InputError, SettingError
from drivetrain.kinds.binaries.drawing import (
    Layout,
    channels_of,
    entropy_of,
    pairs_picture,
    piece_picture,
    whole_picture,
)
from drivetrain.kinds.binaries.reading import read, read_file
from drivetrain.kinds.drawn.spec import DrawnSpec, evenly_spread
from drivetrain.runtime.files.zipped import in_folder, split_zip
from drivetrain.runtime.spec import Arrays
from drivetrain.text import readable, short_reason

PAIRS = -1
"""Stands for the picture of pairs, where others begin at a byte."""


class Spec(DrawnSpec):
    r"""How a file becomes pictures: all of it in one, or pieces with a pixel for each byte; and one of its pairs.

    Example:
        >>> spec = Spec(height_px=32, width_px=32)
        >>> loaded = spec.load(b"\x7fELF" + bytes(2000))
        >>> loaded[0].shape, spec.view(loaded)[0].shape
        ((2004,), (2, 3, 32, 32))
    """

    kind: Literal["binaries"] = "binaries"
    layout: Layout = "width"
    """"width": rows of bytes, as many in each as the size of the file says; "hilbert": along a Hilbert curve."""
    pieces: int = Field(default=1, ge=1, le=63)
    """1: the whole file in one picture; more: so many pieces of it, spread evenly, with a pixel for each byte."""
    pairs: bool = True
    """Whether there is a picture of which byte follows which as well."""
    windows: int = Field(default=2, ge=1, le=64)
    height_px: int = Field(default=128, ge=8, le=1024)
    width_px: int = Field(default=128, ge=8, le=1024)

    @model_validator(mode="after")
    def _windows_are_these(self) -> Spec:
        if self.windows != self.pieces + self.pairs:
            raise ValueError("windows must be the pieces, and one more with pairs")
        return self

    def load(self, source: Any, /) -> Arrays:
        """(n,) uint8: the bytes, of a huge file pieces of it; raises InputError."""
        return (read(self.source(source)),)

    def load_file(self, path: str | os.PathLike[str], /) -> tuple[Arrays, str]:
        """`load`, and the SHA-256 of the whole file."""
        content, digest = read_file(path, digest=True)
        return (content,), digest

    def encode(self, loaded: Arrays, /) -> tuple[bytes, str]:
        """The bytes as they are."""
        return loaded[0].tobytes(), ".bin"

    def length(self, loaded: Arrays, /) -> int:
        """Bytes."""
        return len(loaded[0])

    def window(self) -> int:
        """Bytes of a piece."""
        return self.height_px * self.width_px

    def starts(self, loaded: Arrays, /) -> NDArray[np.int64]:
        """Where the pieces begin; of a whole file at 0; `PAIRS` for the picture of pairs."""
        n = self.length(loaded) if self.pieces > 1 else 0
        return np.append(evenly_spread(n, self.window(), self.pieces), [PAIRS] * self.pairs)

    def draw(self, loaded: Arrays, start: int, /) -> NDArray[Any]:
        """(3, H, W) uint8."""
        size = self.height_px, self.width_px
        if start == PAIRS:
            return pairs_picture(loaded[0], *size)
        if self.pieces == 1:
            return whole_picture(loaded[0], self.layout, *size)
        return piece_picture(loaded[0][start : start + self.window()], self.layout, *size)

    def statistics(self, loaded: Arrays, /) -> Mapping[str, float]:
        """Numbers by which a service is watched: size, entropy, and the shares of classes of bytes."""
        content = loaded[0]
        classes = channels_of(content)[2]
        return {
            "bytes read": float(len(content)),
            "entropy": float(entropy_of(content).mean()),
            "zeros": float((content == 0).mean()),
            "printable": float((classes == 128).mean()),
            "high": float((content >= 128).mean()),
        }

    def source(self, given: Any, /) -> Any:
        """One file in a form that stays what it is; a zip file is bytes like any other. Raises InputError."""
        if isinstance(given, str | os.PathLike):
            path = cast("str | os.PathLike[str]", given)
            found = split_zip(path)
            return path if found is None or not found[1] else in_folder(path)
        if not callable(getattr(given, "read", None)):
            return given
        try:
            return given.read()
        except Exception as error:  # a file opened for writing, a connection that broke
            raise InputError(
                f"an open file cannot be read: {short_reason(error)}; expected one opened with 'rb'. To fix: pass such "
                "a file, or its bytes."
            ) from error

    def sources(self, given: Any, /) -> Iterator[Any]:
        """Many files one by one: all below a folder, or what a list or a generator holds; else the one given.

        Raises:
            SettingError: A folder holds no files.
        """
        if isinstance(given, str | os.PathLike):
            folder = Path(self.source(cast("str | os.PathLike[str]", given)))
            if not os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir raises for long names
                return iter([given])
            files = [file for file in sorted(folder.rglob("*")) if file.is_file() and not file.name.startswith(".")]
            if not files:
                raise SettingError(
                    f"{readable(folder)} holds no files; expected some. To fix: give the folder that holds them."
                )
            return iter(files)
        flat = isinstance(given, np.ndarray) and given.ndim < 2
        one = flat or isinstance(given, bytes | bytearray | memoryview) or callable(getattr(given, "read", None))
        return iter([given]) if one or not isinstance(given, Iterable) else iter(cast("Iterable[Any]", given))

    def made_up(self, n: int, /) -> list[Arrays]:
        """Files of random bytes, each of its own length."""
        rng = np.random.default_rng(0)
        return [(rng.integers(0, 256, 3000 + 500 * i, dtype=np.uint8),) for i in range(n)]
