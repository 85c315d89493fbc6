"""Where decoded pictures are kept on disk, how much of them, and what goes first when there is too much.

Below the place lies a folder for each way of decoding, and in it packs (see `packs`). Only files of our own making
are ever deleted.
"""

from __future__ import annotations

import math
import os
import shutil
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drivetrain.data.cache.packs import MAGIC, PACK, PARTIAL, TRAILER
from drivetrain.errors import MissingExtraError, SettingError
from drivetrain.files import lock

try:
    from platformdirs import user_cache_path
except ImportError as error:
    raise MissingExtraError(
        "the place of the cache of decoded inputs is found with platformdirs, which is not installed. "
        "To fix: pip install 'drivetrain[train]'"
    ) from error

CACHE_DIR, CACHE_GB = "DRIVETRAIN_CACHE_DIR", "DRIVETRAIN_CACHE_GB"
FOLDER = "pictures"
GB = 10**9
MOST_BYTES = 20 * GB
DISK_SHARE = 0.1
"""Of what is free, the cache itself counted as free."""
UNLOCKED_S, UNKNOWN_S = 60.0, 24 * 3600.0
"""A file that was being written is swept when its writer is known to be gone and it is this old (a writer makes the
file an instant before it locks it), or when it cannot be known and it is a day old."""


@dataclass(frozen=True)
class Usage:
    """What the cache holds now."""

    folder: Path
    n_pictures: int
    n_bytes: int
    limit_bytes: int
    """0: it is switched off."""


@dataclass(frozen=True)
class CachePlace:
    """A folder, and how many bytes may lie in it; `limit_bytes` 0 means off.

    Example:
        >>> CachePlace(Path("/no/such"), limit_bytes=0).usage().n_pictures
        0
    """

    folder: Path
    limit_bytes: int

    @classmethod
    def from_environment(cls) -> CachePlace:
        """As `DRIVETRAIN_CACHE_DIR` and `DRIVETRAIN_CACHE_GB` say.

        Unset, it is the user's cache folder and 20 GB (10⁹ bytes each) or a tenth of the free disk, whichever is
        less.

        Raises:
            SettingError: `DRIVETRAIN_CACHE_GB` is no number of at least 0.
        """
        named = os.environ.get(CACHE_DIR)
        folder = (Path(named) if named else user_cache_path("drivetrain", appauthor=False)) / FOLDER
        asked = os.environ.get(CACHE_GB)
        return cls(folder, _affordable(folder) if not asked else _gigabytes(asked))

    def usage(self) -> Usage:
        """Counts pictures and bytes, without reading any picture."""
        packs = [(path, size) for path, size, _ in self._files(PACK)]
        n_bytes = sum(size for _, size, _ in self._files(PACK, PARTIAL))
        return Usage(self.folder, sum(_n_entries(path, size) for path, size in packs), n_bytes, self.limit_bytes)

    def clear(self) -> Usage:
        """Delete everything, and say what it was. Programs that are using it go on; what they decode comes back."""
        before = self.usage()
        for path, _, _ in self._files(PACK, PARTIAL):
            _delete(path)
        for folder in self._folders():
            try:
                folder.rmdir()
            except OSError:
                continue  # not empty: what is left is not ours, or another process writes there
        return before

    def n_bytes(self) -> int:
        """Bytes that lie there, complete or not."""
        return sum(size for _, size, _ in self._files(PACK, PARTIAL))

    def make_room(self, n_bytes: int, *, spare: frozenset[Path] | set[Path]) -> int:
        """Delete packs, the least recently used first, until `n_bytes` more fit; how many bytes then lie there.

        Args:
            n_bytes: Wanted.
            spare: Packs that stay.
        """
        total = self.n_bytes()
        for path, size, _ in sorted(self._files(PACK), key=lambda file: file[2]):
            if total + n_bytes <= self.limit_bytes:
                break
            if path not in spare and _delete(path):
                total -= size
        return total

    def sweep(self) -> None:
        """Delete what processes that were killed have left half written."""
        for path, _, modified in self._files(PARTIAL):
            age_s = time.time() - modified
            if age_s < UNLOCKED_S:
                continue
            try:
                with path.open("r+b") as file:
                    abandoned = lock(file)
            except OSError:
                continue
            if abandoned or (abandoned is None and age_s > UNKNOWN_S):
                _delete(path)

    def _folders(self) -> list[Path]:
        try:
            return [path for path in self.folder.iterdir() if path.is_dir() and not path.is_symlink()]
        except OSError:
            return []

    def _files(self, *suffixes: str) -> Iterator[tuple[Path, int, float]]:
        """Path, size in bytes, and time of last use."""
        for folder in self._folders():
            try:
                paths = [path for path in folder.iterdir() if path.suffix in suffixes]
            except OSError:
                continue
            for path in paths:
                try:
                    status = path.stat()
                except OSError:
                    continue  # deleted by another process meanwhile
                yield path, status.st_size, status.st_mtime


def _gigabytes(asked: str) -> int:
    try:
        value = float(asked)
    except ValueError:
        value = math.nan
    if not 0 <= value < sys.maxsize / GB:
        raise SettingError(
            f"{CACHE_GB}={asked!r} is not a size: expected a number of gigabytes of at least 0. "
            "To fix: set it to 20, for instance, to 0 for no cache, or unset it."
        )
    return int(value * GB)


def _affordable(folder: Path) -> int:
    there = next((path for path in (folder, *folder.parents) if path.is_dir()), None)
    if there is None:
        return MOST_BYTES
    try:
        free = shutil.disk_usage(there).free
    except OSError:
        return MOST_BYTES
    held = CachePlace(folder, 0).n_bytes()
    return min(MOST_BYTES, int((free + held) * DISK_SHARE))


def _n_entries(path: Path, size: int) -> int:
    """Read from the trailer alone; 0 for a damaged pack."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, size - TRAILER.size))
            magic, begin, count, _ = TRAILER.unpack(file.read())
    except (OSError, struct.error):
        return 0
    return count if magic == MAGIC and begin <= size else 0


def _delete(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False  # Windows keeps files that are in use
    return True
