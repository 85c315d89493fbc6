"""Working pictures of a set of examples, decoded once and kept in memory while they fit."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psutil
from numpy.typing import NDArray

from drivetrain.errors import DrivetrainWarning, PictureError
from drivetrain.runtime.cpus import usable_cpus

MEMORY_SHARE = 0.25
"""Of the memory that is free when the store is made."""


class Reader(Protocol):
    """The part of an input description that the store needs."""

    def load(self, source: Any, /) -> NDArray[np.uint8]:
        """One input as a working array."""
        ...


class Store:
    """Loads working arrays by row, in threads, and remembers as many as `memory_bytes` allows.

    Args:
        paths: One file per row.
        reader: How a file is read.
        memory_bytes: What may be kept; None allows a quarter of the free memory.
    """

    def __init__(self, paths: Sequence[Path], reader: Reader, *, memory_bytes: int | None = None) -> None:
        self.paths = paths
        self._reader = reader
        self._room = free_memory_bytes() * MEMORY_SHARE if memory_bytes is None else memory_bytes
        self._kept: dict[int, NDArray[np.uint8]] = {}
        self._unreadable: set[int] = set()
        self._pool = ThreadPoolExecutor(max_workers=min(16, usable_cpus()))

    def get(self, rows: Sequence[int]) -> list[NDArray[np.uint8] | None]:
        """Working arrays of the rows asked for, in that order; None where a file cannot be read any more.

        Files were checked when the data were described; one that has since vanished is warned about once.
        """
        missing = [row for row in dict.fromkeys(rows) if row not in self._kept and row not in self._unreadable]
        loaded = dict(zip(missing, self._pool.map(self._load, missing), strict=True))
        for row, array in loaded.items():
            if array is not None and array.nbytes <= self._room:
                self._kept[row] = array
                self._room -= array.nbytes
        return [self._kept[row] if row in self._kept else loaded.get(row) for row in rows]

    def _load(self, row: int) -> NDArray[np.uint8] | None:
        try:
            return self._reader.load(self.paths[row])
        except PictureError as error:
            self._unreadable.add(row)
            warnings.warn(f"a row is left out, its file changed since it was checked: {error}", DrivetrainWarning, 2)
            return None


def free_memory_bytes(control_group: Path = Path("/sys/fs/cgroup")) -> int:
    """Memory that could be taken now: what the machine has to spare, or a container's limit where that is less."""
    available = int(psutil.virtual_memory().available)
    try:
        limit = int((control_group / "memory.max").read_text())  # "max" where there is none
        used = int((control_group / "memory.current").read_text())
    except (OSError, ValueError):
        return available
    return max(0, min(available, limit - used))
