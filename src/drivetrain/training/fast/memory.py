"""Freed memory is kept for the next step instead of being handed back to the system.

The C library gives large blocks back as soon as they are freed, and the system clears each page of a new one when it
is first written. A training step frees and takes the same gigabyte again and again: on a CPU some 67,000 page faults
per step of MobileNetV1 (32 pictures of 160 px), a quarter of the step's time (docs/decisions).
"""

from __future__ import annotations

import ctypes
import platform
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Settings of glibc's mallopt(3): free memory above which the heap shrinks, and size from which a block is a mapping
of its own, both in bytes."""
KEEP = 2**31 - 1
"""As much as mallopt takes: never."""
GIVE_BACK = {M_MMAP_THRESHOLD: 2**25, M_TRIM_THRESHOLD: 2**26}
"""Where glibc's own, moving thresholds end once blocks of that size have been freed."""
AT_ONCE = {M_MMAP_THRESHOLD: 2**20, M_TRIM_THRESHOLD: 2**20}

_lock = threading.Lock()
_users = 0
_at_once = False


@contextmanager
def kept_memory() -> Generator[None]:
    """Inside this block freed memory stays with the process; afterwards what is free goes back to the system.

    Blocks may be nested and run in several threads: the last one to end gives back. Only glibc has such settings; with
    another C library, or on another system, nothing changes.

    Example:
        >>> with kept_memory():
        ...     sum(len(bytearray(100_000_000)) for _ in range(3))
        300000000
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def give_back_at_once() -> None:
    """From now on freed blocks of a megabyte and more go back to the system at once, inside `kept_memory` too.

    For a process that holds a share of a network: blocks that are gathered, and gradients that are shared out, come in
    so many sizes that what is kept of them seldom fits what is asked for next, and grows: to 1.2 GB in two steps of a
    vit_base in two processes, more than splitting it had saved.
    """
    global _at_once  # noqa: PLW0603 - the setting is one for the whole process
    with _lock:
        _at_once = True
        _set(AT_ONCE)


def _enter() -> None:
    global _users  # noqa: PLW0603
    with _lock:
        _users += 1
        if _users == 1 and not _at_once:
            _set(dict.fromkeys(GIVE_BACK, KEEP))


def _leave() -> None:
    global _users  # noqa: PLW0603
    with _lock:
        _users -= 1
        if _users == 0:
            _set(AT_ONCE if _at_once else GIVE_BACK)
            if libc := _glibc():
                libc.malloc_trim(0)


def _set(settings: Mapping[int, int]) -> None:
    if libc := _glibc():
        for setting, value in settings.items():
            libc.mallopt(setting, value)


@cache
def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
