"""Files that lie inside tar files: named ``shards/000.tar/17.jpg``, and read where they lie, without unpacking.

Whatever opens the files of rows asks here, so that an address is as good as a path: it is text, goes through pickles
and into other processes, and says in messages which shard and which member. The process that needs a member reads its
bytes from the shard at the place that the shard's index (`tar_index`) says.
"""

from __future__ import annotations

import io
import os
import stat
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from drivetrain.runtime.files.tar_index import ShardError, TarIndex, packing_of, tar_index
from drivetrain.text import readable, short_reason

MARK = ".tar"
MOST_OPEN = 64
"""Shards that are kept open in each process."""
TRUSTED_S = 1.0
"""For so long nobody asks whether a shard that is open was replaced: over a network each question is a round trip."""
READ_ONLY = stat.S_IFREG | 0o444

if sys.platform == "win32":
    _reading = threading.Lock()

    def _read_at(file: int, size: int, start: int) -> bytes:
        with _reading:
            os.lseek(file, start, os.SEEK_SET)
            return os.read(file, size)

else:

    def _read_at(file: int, size: int, start: int) -> bytes:
        return os.pread(file, size, start)  # no position is shared with other threads or forked processes


def shard_of(path: str | os.PathLike[str]) -> tuple[str, str] | None:
    """The shard and the member that a path names; None where it names an ordinary file.

    Example:
        >>> shard_of("a.jpg") is None, shard_of("no/such.tar/cat/1.jpg")
        (True, ('no/such.tar', 'cat/1.jpg'))
    """
    text = os.fspath(path)
    if not isinstance(text, str) or MARK not in (lower := text.lower()):  # pyright: ignore[reportUnnecessaryIsInstance]
        return None
    at = 0
    while (at := lower.find(MARK, at)) >= 0:
        at += len(MARK)
        if at < len(text) and text[at] in (os.sep, "/") and text[at + 1 :]:
            shard = text[:at]
            if shard in _OPEN or not os.path.isdir(shard):  # noqa: PTH112 - a Path per row costs seconds
                return shard, text[at + 1 :].replace(os.sep, "/")
    return None


def bytes_of(path: str | os.PathLike[str]) -> bytes:
    """What is in a file, or in a member of a shard.

    Raises:
        ShardError: The shard is gone, damaged, or has no such member.
        OSError: It cannot be read.

    Example:
        >>> bytes_of("no/such.tar/1.jpg")
        Traceback (most recent call last):
        drivetrain.runtime.files.tar_index.ShardError: the shard such.tar cannot be opened: No such file or directory
    """
    found = shard_of(path)
    return Path(path).read_bytes() if found is None else _shard(found[0]).content(found[1])


def opened(path: str | os.PathLike[str]) -> io.BufferedReader | io.BytesIO:
    """A file, or a member of a shard, as a stream of bytes; raises OSError as `bytes_of` does."""
    found = shard_of(path)
    if found is None:
        return Path(path).open("rb")
    return io.BytesIO(_shard(found[0]).content(found[1]))


def status_of(path: str | os.PathLike[str]) -> os.stat_result:
    """As `os.stat`: of a member its size, and when the shard was changed. Raises OSError as `bytes_of` does."""
    found = shard_of(path)
    if found is None:
        return os.stat(path)  # noqa: PTH116 - a path as it was given, also one of bytes
    shard = _shard(found[0])
    _, size = shard.place(found[1])
    seconds = shard.modified_ns / 10**9
    fields = (READ_ONLY, 0, 0, 1, 0, 0, size, *(int(seconds),) * 3)
    return os.stat_result(fields, {"st_mtime": seconds, "st_mtime_ns": shard.modified_ns})


def index_of(shard: str | os.PathLike[str]) -> TarIndex:
    """What lies in a shard now.

    Raises:
        ShardError: It is gone, damaged or compressed.
    """
    path = os.path.abspath(shard)  # noqa: PTH100 - keeps links
    return _shard(path, ask=True).index


def names_in(folder: str) -> list[str]:
    """Names of what is directly in a shard, or in a folder inside it; none where it is neither.

    Example:
        >>> names_in("no/such.tar")
        []
    """
    shard, inner = shard_of(f"{folder}/.") or ("", "")
    try:
        return _shard(shard).index.folders.get(inner.removesuffix(".").rstrip("/"), []) if shard else []
    except OSError:
        return []


class _Shard:
    """A shard that is open; it is closed when nobody uses it any more."""

    def __init__(self, path: str) -> None:
        self.path, self.name = path, readable(os.path.basename(path))  # noqa: PTH119 - of text
        self._file = -1
        try:
            self._file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
            status = os.fstat(self._file)
            if not stat.S_ISREG(status.st_mode):
                raise ShardError(f"the shard {self.name} is no file")
            if packing := packing_of(Path(path)):
                raise ShardError(f"the shard {self.name} is compressed ({packing}), where no member can be read alone")
            self.size, self.modified_ns = status.st_size, status.st_mtime_ns
            self.index = tar_index(os.path.abspath(path), self.size, self.modified_ns)  # noqa: PTH100 - keeps links
        except ShardError:
            raise
        except OSError as error:
            fault = ShardError(f"the shard {self.name} cannot be opened: {short_reason(error)}")
            fault.errno = error.errno
            raise fault from error
        self._asked_s = time.monotonic()

    def __del__(self) -> None:
        if self._file >= 0:
            with suppress(OSError):
                os.close(self._file)

    def is_current(self, *, ask: bool = False) -> bool:
        """Whether this is still what the path leads to, as far as is known, or as the system says now."""
        if not ask and time.monotonic() - self._asked_s < TRUSTED_S:
            return True
        try:
            now = os.stat(self.path)  # noqa: PTH116 - a Path per row costs seconds
        except OSError:
            return False
        self._asked_s = time.monotonic()
        return (now.st_size, now.st_mtime_ns) == (self.size, self.modified_ns)

    def place(self, member: str) -> tuple[int, int]:
        """Where a member begins, and its size; raises ShardError."""
        found = self.index.find(member)
        if found is None:
            raise ShardError(f"the shard {self.name} has no member {readable(member)}")
        return found

    def content(self, member: str) -> bytes:
        """The bytes of a member; raises ShardError, or OSError where the disk cannot be read."""
        start, size = self.place(member)
        parts: list[bytes] = []
        while size and (part := _read_at(self._file, size, start)):
            parts.append(part)
            start, size = start + len(part), size - len(part)
        if size:
            raise ShardError(f"the shard {self.name} was cut short meanwhile: {size:,} bytes of it are missing")
        return parts[0] if len(parts) == 1 else b"".join(parts)


_OPEN: dict[str, _Shard] = {}
"""The shards that this process read last. What is done to it is safe in threads, and a forked process may go on with
it; where two threads open the same shard at once, one of both is closed again."""


def _shard(path: str, *, ask: bool = False) -> _Shard:
    found = _OPEN.get(path)
    if found is not None and found.is_current(ask=ask):
        return found
    _OPEN.pop(path, None)
    found = _OPEN[path] = _Shard(path)
    while len(_OPEN) > MOST_OPEN:
        with suppress(KeyError, StopIteration, RuntimeError):  # another thread was quicker
            del _OPEN[next(iter(_OPEN))]
    return found
