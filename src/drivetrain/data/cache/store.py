"""What was loaded of a set of examples, once: kept on disk, or in memory while it fits."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
import psutil

from drivetrain.data.cache.arrays import ArrayCache
from drivetrain.data.cache.location import CachePlace
from drivetrain.data.inputs import Cells, Inputs
from drivetrain.errors import DrivetrainWarning, InputError
from drivetrain.runtime.cpus import usable_cpus
from drivetrain.runtime.spec import Arrays, InputSpec
from drivetrain.text import short_reason

MEMORY_SHARE = 0.25
"""Of the memory that is free when the store is made."""


class Store:
    """Loads inputs by row, in threads; decodes each once, and keeps it on disk or else in memory.

    With digests, what was loaded goes to the cache (see `ArrayCache`) and is found there by the next epoch and by
    the next run, if the spec has a key to keep it under. What does not fit there, or everything where the cache is
    off, is kept in memory as far as `memory_bytes` allows, and is decoded again each time beyond that.

    Args:
        inputs: One per row.
        spec: How an input is read.
        digests: Of the inputs' content, one per row, as the check of the source found them, and what is read has to
            have them; None uses no cache.
        memory_bytes: What may be kept in memory; None allows a quarter of what is free.
        cache: Where the cache is and how large; None takes what the environment says.
    """

    def __init__(
        self,
        inputs: Inputs,
        spec: InputSpec,
        *,
        digests: Sequence[str] | None = None,
        memory_bytes: int | None = None,
        cache: CachePlace | None = None,
    ) -> None:
        assert digests is None or len(digests) == len(inputs), "columns of different length"
        self.spec = spec
        self._inputs = inputs
        self._digests = digests
        self._room = free_memory_bytes() * MEMORY_SHARE if memory_bytes is None else memory_bytes
        self._kept: dict[int, Arrays] = {}
        self._unreadable: set[int] = set()
        self._counting = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=min(16, usable_cpus()))
        self._cache = None if digests is None else _open_cache(spec, cache or CachePlace.from_environment())
        self._to_decode = 0 if self._cache is None else sum(digest not in self._cache for digest in set(digests or ()))

    def __len__(self) -> int:
        """Rows."""
        return len(self._inputs)

    def name(self, row: int) -> str:
        """What people call a row."""
        return self._inputs.name(row)

    def get(self, rows: Sequence[int]) -> list[Arrays | None]:
        """What was loaded of the rows asked for, in that order; None where a row cannot be read any more.

        They are read-only, and may be views of a file: copy what has to be changed. Rows were checked when the data
        were described; one that has since vanished or changed is warned about once, unless the cache holds what it was.
        """
        if self._table is not None:
            return [tuple(array[row] for array in self._table) for row in rows]
        found = {row: self._at_hand(row) for row in rows}
        missing = [row for row, loaded in found.items() if loaded is None and row not in self._unreadable]
        for row, loaded in zip(missing, self._pool.map(self._load, missing), strict=True):
            found[row] = loaded
            if loaded is not None and not self._is_cached(row):
                n_bytes = sum(array.nbytes for array in loaded)
                if n_bytes <= self._room:
                    self._kept[row] = loaded
                    self._room -= n_bytes
        return [found[row] for row in rows]

    @cached_property
    def _table(self) -> Arrays | None:
        """All rows of a table at once, where the description loads whole columns and they fit into memory.

        A row that is not what it was, or cannot be read, is found and told of row by row.
        """
        load_many = getattr(self.spec, "load_many", None)
        if load_many is None or not isinstance(self._inputs, Cells):
            return None
        found = self._inputs.digests() if self._digests is not None else ()
        if any(now[:32] != then[:32] for now, then in zip(found, self._digests or (), strict=True)):
            return None
        try:
            loaded: Arrays = load_many(self._inputs.columns)
        except InputError:
            return None
        if sum(array.nbytes for array in loaded) > self._room:
            return None
        for array in loaded:
            array.flags.writeable = False
        return loaded

    def _at_hand(self, row: int) -> Arrays | None:
        if row in self._kept or self._cache is None or self._digests is None:
            return self._kept.get(row)
        return self._cache.ready(self._digests[row])

    def _is_cached(self, row: int) -> bool:
        return self._cache is not None and self._digests is not None and self._digests[row] in self._cache

    def _load(self, row: int) -> Arrays | None:
        try:
            if self._digests is None:
                loaded = self.spec.load(self._inputs[row])
            else:
                loaded = self._load_checked(row, self._digests[row])
        except InputError as error:
            self._unreadable.add(row)
            self._count_down()
            warnings.warn(f"a row is left out, it cannot be read as when it was checked: {error}", DrivetrainWarning, 2)
            return None
        for array in loaded:
            array.flags.writeable = False
        return loaded

    def _load_checked(self, row: int, expected: str) -> Arrays:
        """What was compared with the seals, and no other: a test row may have taken its place."""
        loaded = None if self._cache is None else self._cache.get(expected)
        if loaded is not None:
            return loaded
        loaded, digest = self._loaded_with_digest(row)
        if digest[:32] != expected[:32]:  # some kinds keep so many digits
            raise InputError(f"{self.name(row)} is not what it was any more. To fix: make the data again.")
        if self._cache is not None:
            self._cache.put(expected, loaded)
        self._count_down()
        return loaded

    def _loaded_with_digest(self, row: int) -> tuple[Arrays, str]:
        of_these_bytes = getattr(self.spec, "load_file", None)
        if of_these_bytes is not None:
            return of_these_bytes(self._inputs[row])
        try:
            digest = self._inputs.digest(row)
        except OSError as error:
            raise InputError(f"{self.name(row)} cannot be read: {short_reason(error)}.") from error
        return self.spec.load(self._inputs[row]), digest

    def _count_down(self) -> None:
        """When all rows were decoded once, other processes and later runs may have them."""
        with self._counting:
            self._to_decode -= 1
            done = self._to_decode == 0
        if done and self._cache is not None:
            self._cache.publish()


def views_of(spec: InputSpec, loaded: Sequence[Arrays]) -> Arrays:
    """A batch of views of what was loaded; of a table all rows at once, where the description can."""
    view_many = getattr(spec, "view_many", None)
    if view_many is None:
        return spec.stack([spec.view(one) for one in loaded])
    return view_many(tuple(np.stack(column) for column in zip(*loaded, strict=True)))


def _open_cache(spec: InputSpec, place: CachePlace) -> ArrayCache | None:
    key = spec.cache_key()
    return ArrayCache(place, key) if key is not None and place.limit_bytes > 0 else None


def free_memory_bytes(control_group: Path = Path("/sys/fs/cgroup")) -> int:
    """Memory that could be taken now: what the machine has to spare, or a container's limit where that is less."""
    available = int(psutil.virtual_memory().available)
    try:
        limit = int((control_group / "memory.max").read_text())  # "max" where there is none
        used = int((control_group / "memory.current").read_text())
    except (OSError, ValueError):
        return available
    return max(0, min(available, limit - used))
