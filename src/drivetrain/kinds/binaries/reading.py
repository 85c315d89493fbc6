"""Bytes read from a file, its content or an array: all of them, or of a huge file pieces spread evenly over it."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from typing import Any, BinaryIO, cast

import numpy as np

from drivetrain.errors import InputError
from drivetrain.kinds.binaries.drawing import Bytes
from drivetrain.runtime.files.members import opened, status_of
from drivetrain.text import readable, short_reason

MOST = 1 << 20
"""Bytes that are read of a file; of a larger one `PIECES` pieces of `PIECE` bytes, spread evenly to its very end."""
PIECE = 1 << 10
PIECES = MOST // PIECE
LFS = b"version https://git-lfs.github.com/spec/"
"""How a pointer of Git LFS begins, which stands where a file should be."""
FIX = "To fix: give a file, its bytes, or a one-dimensional array of uint8."


def read(source: Any) -> Bytes:
    """(n,) uint8 of a path, of bytes or of an array; at least 1 and at most `MOST` bytes.

    Raises:
        InputError: It cannot be read, is empty, or is no file but a pointer to one.
    """
    if isinstance(source, str | os.PathLike):
        return read_file(cast("str | os.PathLike[str]", source))[0]
    if isinstance(source, bytes | bytearray | memoryview):
        return sampled(io.BytesIO(source), len(bytes(source)))
    return _of_array(source)


def read_file(path: str | os.PathLike[str], *, digest: bool = False) -> tuple[Bytes, str]:
    """The bytes of a file, and the SHA-256 of all of it where it is asked for; raises InputError."""
    try:
        status = status_of(path)  # before a pipe is opened, which would wait
        if stat.S_ISDIR(status.st_mode):
            raise InputError("it is a folder; expected a file. To fix: give the files in it.")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"it is no file but a device or a pipe; expected a file. {FIX}")
        with opened(path) as file:
            said = hashlib.file_digest(file, "sha256").hexdigest() if digest else ""
            return sampled(file, status.st_size), said
    except InputError as error:  # what is wrong with it is told already
        raise InputError(f"{readable(path)} cannot be read: {error}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{readable(path)} cannot be read: {short_reason(error)}; expected a file. {FIX}") from error


def sampled(file: BinaryIO, size: int) -> Bytes:
    """The bytes, or where there are too many the same number of pieces from everywhere; raises InputError."""
    file.seek(0)
    content = file.read(MOST) if size <= MOST else b"".join(_piece(file, start) for start in starts_of(size))
    if not content:
        raise InputError("the file is empty; expected at least one byte. To fix: leave it out.")
    if content.startswith(LFS):
        raise InputError(
            "the file is a Git LFS pointer, which stands where the file should be; expected the file itself. "
            "To fix: git lfs pull."
        )
    return np.frombuffer(content, np.uint8)


def starts_of(size: int) -> list[int]:
    """Where the pieces of a huge file begin.

    Example:
        >>> starts = starts_of(10 * MOST)
        >>> len(starts), starts[0], starts[-1] + PIECE == 10 * MOST
        (1024, 0, True)
    """
    return np.round(np.linspace(0, size - PIECE, PIECES)).astype(np.int64).tolist()


def _piece(file: BinaryIO, start: int) -> bytes:
    file.seek(start)
    return file.read(PIECE)


def _of_array(source: Any) -> Bytes:
    try:
        for step in ("detach", "cpu"):  # a tensor
            source = getattr(source, step)() if hasattr(source, step) else source
        array = np.asarray(source)
    except Exception as error:  # what offers itself as an array and fails
        raise InputError(f"an input cannot be read as bytes: {short_reason(error)}; expected a file. {FIX}") from error
    if array.dtype != np.uint8 or array.ndim != 1:
        what = (
            f"an array of {array.dtype} and shape {array.shape}"
            if array.ndim
            else f"a value of type {type(source).__name__}"
        )
        raise InputError(f"{what} is no file; expected bytes. {FIX}")
    return sampled(io.BytesIO(array.tobytes()), array.size)
