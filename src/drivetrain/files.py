"""Locks between processes: who reads, decides and writes does so alone.

The system holds them, so a process that is killed lets go of its locks with its last breath, and nothing stale is left
behind. On a file system that has no locks none is held, and work goes on as if it were alone.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from drivetrain.errors import DataError
from drivetrain.text import readable

LOCK_WAIT_S = 60.0
"""How long a process waits for another one's lock; they are held for the time of a small write."""
BETWEEN_TRIES_S = 0.01

_held = threading.local()
"""Which files this thread has locked, and how often: a lock may be asked for inside itself."""

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 40
    """The byte that is locked lies behind every content: Windows keeps others from reading a byte that is locked."""

    def lock(file: IO[bytes] | int) -> bool | None:
        """Whether this process now holds the file; None where the system has no such locks."""
        opened = file if isinstance(file, int) else file.fileno()
        place = os.lseek(opened, 0, os.SEEK_CUR)
        try:
            os.lseek(opened, _FAR, os.SEEK_SET)
            msvcrt.locking(opened, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        except OSError:
            return None
        finally:
            os.lseek(opened, place, os.SEEK_SET)
        return True

else:
    import fcntl

    def lock(file: IO[bytes] | int) -> bool | None:
        """Whether this process now holds the file, open as a stream or a number; None where there are no such locks.

        Example:
            >>> import tempfile
            >>> with tempfile.NamedTemporaryFile() as file:
            ...     lock(file)
            True
        """
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True


@contextmanager
def locked(file: Path, *, wait_s: float | None = None) -> Generator[None]:
    """Inside this block no other process and no other thread is in a block with the same file.

    The file is made where it is missing, and stays: a lock on a file that somebody deletes protects nothing.

    Args:
        file: What stands for the thing that is changed; its folder must exist.
        wait_s: How long to wait; None takes `LOCK_WAIT_S`.

    Raises:
        DataError: Another process holds it for longer than that.
        OSError: The file cannot be made.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, locked(Path(folder) / "lock"), locked(Path(folder) / "lock"):
        ...     print("once more, by the same thread")
        once more, by the same thread
    """
    with _alone(os.path.realpath(file), os.O_RDWR | os.O_CREAT | os.O_APPEND, wait_s):
        yield


@contextmanager
def locked_place(place: Path, *, wait_s: float | None = None) -> Generator[None]:
    """Inside this block no other process changes what stands at `place`, be it there yet or replaced meanwhile.

    What is locked is the folder above, which leaves no file behind; on Windows, which has no locks of folders, a file
    beside the place. Where neither can be had, none is held.

    Args:
        place: A file or folder.
        wait_s: As of `locked`.

    Raises:
        DataError: Another process holds it for longer than that.
    """
    above = Path(os.path.realpath(place.absolute().parent))
    with ExitStack() as stack:
        with suppress(OSError):
            if sys.platform == "win32":
                stack.enter_context(locked(above / f".{place.name}.lock", wait_s=wait_s))
            else:
                stack.enter_context(_alone(str(above), os.O_RDONLY, wait_s))
        yield


@contextmanager
def _alone(name: str, flags: int, wait_s: float | None) -> Generator[None]:
    """Hold the lock of a file or folder, once per thread however often it is asked for."""
    depth: dict[str, int] = _held.__dict__.setdefault("depth", {})
    if name in depth:
        depth[name] += 1
        try:
            yield
        finally:
            depth[name] -= 1
        return
    opened = os.open(name, flags, 0o644)
    try:
        _wait_for(opened, name, LOCK_WAIT_S if wait_s is None else wait_s)
        depth[name] = 1
        try:
            yield
        finally:
            del depth[name]
    finally:
        os.close(opened)


def _wait_for(opened: int, name: str, wait_s: float) -> None:
    give_up = time.monotonic() + wait_s
    while lock(opened) is False:
        if time.monotonic() > give_up:
            raise DataError(
                f"another process has held {readable(name)} for {wait_s:.0f} s, so nothing was written; expected a "
                "moment. To fix: wait for that process, or end it, and try again."
            )
        time.sleep(BETWEEN_TRIES_S)
