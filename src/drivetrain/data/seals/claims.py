"""Claims: a process that has divided its data by a seal says so for as long as it lives, and no longer.

It matters between the moment a test set is sealed and the moment the first training beside it is on record. A claim is
a shared lock on a file; the system drops it when the process ends, however it ends.
"""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

CLAIM = "claim"
MOST_CLAIMS = 32
"""Seals that one process claims at a time, the latest: each is an open file."""

_own: OrderedDict[str, int] = OrderedDict()
"""Files of this process, open."""

if sys.platform == "win32":

    def claim(folder: Path) -> None:
        """Nothing: the system has no shared locks in reach."""

    def claimed_elsewhere(folder: Path) -> bool:
        """Never known."""
        return False

else:
    import fcntl

    def claim(folder: Path) -> None:
        """Say that this process has divided data by the seal in this folder.

        Call it inside the lock of the project. Where the folder cannot be written to, nothing is said.
        """
        name = _name(folder)
        if name in _own:
            _own.move_to_end(name)
            return
        with suppress(OSError):
            opened = os.open(name, os.O_RDWR | os.O_CREAT, 0o644)
            _own[name] = opened
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        while len(_own) > MOST_CLAIMS:
            os.close(_own.popitem(last=False)[1])

    def claimed_elsewhere(folder: Path) -> bool:
        """Whether another process that is alive has claimed the seal in this folder."""
        name = _name(folder)
        own = _own.pop(name, None)
        if own is not None:
            os.close(own)
        try:
            opened = os.open(name, os.O_RDWR)
        except OSError:  # nobody ever has, or it is not ours to say
            return False
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            os.close(opened)
            if own is not None:
                claim(folder)
        return False


def _name(folder: Path) -> str:
    return os.path.realpath(folder / CLAIM)
