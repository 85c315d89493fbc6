"""Working pictures of a set of examples, decoded once: kept on disk, or in memory while they fit."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import psutil

from drivetrain.data.cache import PictureCache
from drivetrain.data.cache_place import CachePlace
from drivetrain.data.inputs import Inputs
from drivetrain.data.packs import Pixels
from drivetrain.errors import DrivetrainWarning, PictureError
from drivetrain.runtime.cpus import usable_cpus
from drivetrain.text import readable

MEMORY_SHARE = 0.25
"""Of the memory that is free when the store is made."""


class Reader(Protocol):
    """The part of an input description that the store needs."""

    @property
    def working_identity(self) -> str:
        """All that a working array depends on besides the file's content."""
        ...

    def load(self, source: Any, /) -> Pixels:
        """One input as a working array."""
        ...

    def load_file(self, path: Path, /) -> tuple[Pixels, str]:
        """The same, and the digest of the bytes it was made of."""
        ...


class Store:
    """Loads working arrays by row, in threads; decodes each once, and keeps it on disk or else in memory.

    With digests, arrays go to the picture cache (see `PictureCache`) and are found there by the next epoch and by
    the next run. What does not fit there, or everything where the cache is off, is kept in memory as far as
    `memory_bytes` allows, and is decoded again each time beyond that.

    Args:
        paths: One file per row.
        reader: How a file is read.
        digests: Of the files' content, one per row, as `check_pictures` found them, and what is read has to have them;
            None uses no cache.
        memory_bytes: What may be kept in memory; None allows a quarter of what is free.
        cache: Where the cache is and how large; None takes what the environment says.
    """

    def __init__(
        self,
        paths: Inputs,
        reader: Reader,
        *,
        digests: Sequence[str] | None = None,
        memory_bytes: int | None = None,
        cache: CachePlace | None = None,
    ) -> None:
        assert digests is None or len(digests) == len(paths), "columns of different length"
        self.paths = paths
        self._reader = reader
        self._digests = digests
        self._room = free_memory_bytes() * MEMORY_SHARE if memory_bytes is None else memory_bytes
        self._kept: dict[int, Pixels] = {}
        self._unreadable: set[int] = set()
        self._counting = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=min(16, usable_cpus()))
        self._cache = None if digests is None else _open_cache(reader, cache or CachePlace.from_environment())
        self._to_decode = 0 if self._cache is None else sum(digest not in self._cache for digest in set(digests or ()))

    def get(self, rows: Sequence[int]) -> list[Pixels | None]:
        """Working arrays of the rows asked for, in that order; None where a file cannot be read any more.

        They are read-only, and may be views of a file: copy what has to be changed. Files were checked when the data
        were described; one that has since vanished or changed is warned about once, unless the cache holds what it was.
        """
        found = {row: self._at_hand(row) for row in rows}
        missing = [row for row, array in found.items() if array is None and row not in self._unreadable]
        for row, array in zip(missing, self._pool.map(self._load, missing), strict=True):
            found[row] = array
            if array is not None and not self._is_cached(row) and array.nbytes <= self._room:
                self._kept[row] = array
                self._room -= array.nbytes
        return [found[row] for row in rows]

    def _at_hand(self, row: int) -> Pixels | None:
        if row in self._kept or self._cache is None or self._digests is None:
            return self._kept.get(row)
        return self._cache.ready(self._digests[row])

    def _is_cached(self, row: int) -> bool:
        return self._cache is not None and self._digests is not None and self._digests[row] in self._cache

    def _load(self, row: int) -> Pixels | None:
        try:
            if self._digests is None:
                array = self._reader.load(self.paths[row])
            else:
                array = self._load_checked(row, self._digests[row])
        except PictureError as error:
            self._unreadable.add(row)
            self._count_down()
            warnings.warn(f"a row is left out, it cannot be read as when it was checked: {error}", DrivetrainWarning, 2)
            return None
        array.flags.writeable = False
        return array

    def _load_checked(self, row: int, expected: str) -> Pixels:
        """The picture that was compared with the seals, and no other: a test picture may have taken its place."""
        array = None if self._cache is None else self._cache.get(expected)
        if array is not None:
            return array
        array, digest = self._reader.load_file(self.paths[row])
        if digest != expected:
            raise PictureError(
                f"{readable(self.paths[row])} is not the picture any more that it was. To fix: make the data again."
            )
        if self._cache is not None:
            self._cache.put(expected, array)
        self._count_down()
        return array

    def _count_down(self) -> None:
        """When all rows were decoded once, other processes and later runs may have them."""
        with self._counting:
            self._to_decode -= 1
            done = self._to_decode == 0
        if done and self._cache is not None:
            self._cache.publish()


def _open_cache(reader: Reader, place: CachePlace) -> PictureCache | None:
    return PictureCache(place, reader.working_identity) if place.limit_bytes > 0 else None


def free_memory_bytes(control_group: Path = Path("/sys/fs/cgroup")) -> int:
    """Memory that could be taken now: what the machine has to spare, or a container's limit where that is less."""
    available = int(psutil.virtual_memory().available)
    try:
        limit = int((control_group / "memory.max").read_text())  # "max" where there is none
        used = int((control_group / "memory.current").read_text())
    except (OSError, ValueError):
        return available
    return max(0, min(available, limit - used))
