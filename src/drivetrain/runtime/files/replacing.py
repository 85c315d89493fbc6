"""Put a finished folder where another stands, so that a kill at any moment leaves one of the two, whole.

On Linux and macOS the two change places in one step of the system. Elsewhere there are two steps, and whoever opens the
folder next finishes what was interrupted between them (`recover`).
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: what a killed save leaves behind stays until someone deletes it
    fcntl = None

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_RENAME_SWAP = 2
_FRESH, _OLD = "fresh", "old"


@contextmanager
def fresh_folder(target: Path) -> Generator[Path]:
    """A new empty folder beside `target`, gone again when the block ends unless it was put elsewhere.

    The folders above it are made where they are not there yet.
    What an earlier save left behind when it was killed is cleared away first.
    """
    target.absolute().parent.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(target)
    fresh = Path(tempfile.mkdtemp(prefix=_prefix(target, _FRESH), dir=target.absolute().parent))
    fresh.chmod(0o755)
    held = _hold(fresh)
    try:
        yield fresh
    finally:
        if held is not None:
            os.close(held)
        shutil.rmtree(fresh, ignore_errors=True)


def replace_folder(fresh: Path, target: Path) -> None:
    """Put a finished folder at `target`; what stood there is deleted, or left in the place of `fresh` to be."""
    flush_folder(fresh)
    if not target.exists():
        fresh.rename(target)
    elif not exchange(fresh, target):
        _replace_in_two_steps(fresh, target)
    flush_folder(target.absolute().parent)


def exchange(one: Path, other: Path) -> bool:
    """Let two names change places in one step; False where the system or the file system cannot."""
    library = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None
    first, second = os.fsencode(one), os.fsencode(other)
    if sys.platform == "linux" and hasattr(library, "renameat2"):
        return library.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE) == 0
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        return library.renamex_np(first, second, _RENAME_SWAP) == 0
    return False


def recover(target: Path) -> None:
    """Finish a replacement in two steps that was killed between them: put the old folder back."""
    if target.exists() or not target.absolute().parent.is_dir():
        return
    for old in sorted(target.absolute().parent.glob(_escaped(_prefix(target, _OLD)) + "*")):
        if (old / target.name).is_dir():
            (old / target.name).rename(target)
            shutil.rmtree(old, ignore_errors=True)
            return


def flush_folder(folder: Path) -> None:
    """Have the names in a folder written to the disk, where the system allows it."""
    if os.name != "posix":
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError:  # some network file systems cannot
        pass
    finally:
        os.close(opened)


def _replace_in_two_steps(fresh: Path, target: Path) -> None:
    old = Path(tempfile.mkdtemp(prefix=_prefix(target, _OLD), dir=target.absolute().parent))
    target.rename(old / target.name)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _prefix(target: Path, what: str) -> str:
    return f".{target.name}.{what}-"


def _escaped(text: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text)


def _hold(folder: Path) -> int | None:
    """Keep a lock on a folder that is being filled, so that no other save takes it for a leftover."""
    if fcntl is None:
        return None
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # a file system without locks
        os.close(opened)
        return None
    return opened


def _clear_leftovers(target: Path) -> None:
    recover(target)
    for old in target.absolute().parent.glob(_escaped(_prefix(target, _OLD)) + "*"):
        shutil.rmtree(old, ignore_errors=True)  # what it held is in its place again, or was replaced
    for leftover in target.absolute().parent.glob(_escaped(_prefix(target, _FRESH)) + "*"):
        try:
            held = _hold(leftover)
        except OSError:  # gone already
            continue
        if held is not None:
            shutil.rmtree(leftover, ignore_errors=True)
            os.close(held)
