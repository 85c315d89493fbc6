"""What was loaded of inputs, on disk, decoded once for all epochs and all later runs.

The cache is found by content: what the file's bytes are and how they are decoded, never by name or date. It lies
outside memory: pictures come back as views of mapped files, which the system drops and reads again as it sees fit.
Losing any part of it costs time and nothing else, so whatever goes wrong here is a warning at most.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
import warnings
import weakref
from contextlib import suppress
from pathlib import Path

from drivetrain.data.cache.location import GB, CachePlace
from drivetrain.data.cache.packs import DIGEST_BYTES, PACK, DamagedPackError, Pack, Packed, PackWriter
from drivetrain.errors import DrivetrainWarning
from drivetrain.runtime.spec import Arrays
from drivetrain.text import readable

PACK_BYTES = 256 * 2**20
PACK_SHARE = 1 / 8
"""Of the limit, at most, so that there are packs to choose between when something has to go."""
SECONDS_BETWEEN_SCANS = 5.0


class ArrayCache:
    """Arrays by the digest of the file they were decoded from; safe in threads and beside other processes.

    Args:
        place: Where, and how much.
        identity: All that the arrays depend on besides the file's bytes, as text.
    """

    def __init__(self, place: CachePlace, identity: str) -> None:
        self._place = place
        self._identity = identity
        self._folder = place.folder / hashlib.sha256(identity.encode()).hexdigest()[:16]
        self._pack_bytes = min(PACK_BYTES, int(place.limit_bytes * PACK_SHARE))
        self._packs: dict[Path, Pack] = {}
        self._where: dict[bytes, tuple[Pack, int]] = {}
        self._damaged: set[Path] = set()
        self._used: set[Path] = set()
        self._writer: list[PackWriter] = []
        """One or none; a list because what tidies up at the end must not hold on to the cache itself."""
        self._written_elsewhere = 0
        """Bytes of the cache that are not in the pack being written, as last counted."""
        self._off = False
        self._lock = threading.RLock()
        self._scanned_s = -SECONDS_BETWEEN_SCANS
        place.sweep()
        place.make_room(0, spare=self._used)
        self._scan()
        self._finish = weakref.finalize(self, _publish_quietly, self._writer)

    def __contains__(self, digest: str) -> bool:
        name = _name(digest)
        return name in self._where or any(name in writer for writer in self._writer)

    def ready(self, digest: str) -> Arrays | None:
        """The arrays, if they can be had at once: published, and checked since this process opened it."""
        found = self._where.get(_name(digest))
        return found[0].get(found[1]) if found and found[0].is_checked(found[1]) else None

    def get(self, digest: str) -> Arrays | None:
        """The arrays, read-only, or None where they have to be decoded."""
        name = _name(digest)
        if name not in self._where:
            with self._lock:
                for writer in self._writer:
                    if name in writer:
                        return writer.get(name)
                self._scan()
        found = self._where.get(name)
        if found is None:
            return None
        pack, place = found
        try:
            array = pack.get(place)
        except DamagedPackError as fault:
            self._drop(pack.path, fault)
            return None
        self._touch(pack.path)
        return array

    def put(self, digest: str, loaded: Arrays) -> bool:
        """Keep what was loaded; whether it is kept now. False where there is no room or the disk does not take it."""
        name = _name(digest)
        if any(array.dtype.hasobject for array in loaded):
            return False
        with self._lock:
            if digest in self:
                return True
            if self._off:
                return False
            try:
                return self._put(name, Packed.of(loaded))
            except OSError as error:
                self._give_up(error)
                return False

    def publish(self) -> None:
        """Let other processes and later runs see what was written so far."""
        with self._lock:
            if not self._writer:
                return
            try:
                place = self._writer.pop().publish()
            except FileNotFoundError:
                return  # someone has emptied the cache
            except OSError as error:
                self._give_up(error)
                return
            if place is not None:
                self._used.add(place)
                self._open(place)

    def _put(self, name: bytes, packed: Packed) -> bool:
        if self._writer and not self._writer[0].mine:
            self._writer.clear()
        if self._writer and self._writer[0].n_bytes + packed.data.nbytes > self._pack_bytes:
            self.publish()
        if not self._fits(packed.data.nbytes):
            self._off = True
            self.publish()
            self._warn_full()
            return False
        if not self._writer:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._writer.append(PackWriter(self._folder, self._identity))
        self._writer[0].put(name, packed)
        return True

    def _fits(self, n_bytes: int) -> bool:
        """Whether there is room, after making some. What this cache itself uses stays: it would be missed soon."""
        written = self._writer[0].n_bytes if self._writer else 0
        if written == 0 or self._written_elsewhere + written + n_bytes > self._place.limit_bytes:
            total = self._place.make_room(n_bytes, spare=self._used)
            self._written_elsewhere = total - written
        return self._written_elsewhere + written + n_bytes <= self._place.limit_bytes

    def _scan(self) -> None:
        """Open packs that appeared since the last look; look every few seconds at most."""
        if time.monotonic() - self._scanned_s < SECONDS_BETWEEN_SCANS:
            return
        try:
            paths = sorted(path for path in self._folder.iterdir() if path.suffix == PACK)
        except OSError:
            paths = []
        for path in paths:
            if path not in self._packs and path not in self._damaged:
                self._open(path)
        self._scanned_s = time.monotonic()

    def _open(self, path: Path) -> None:
        try:
            pack = Pack(path, self._identity)
        except DamagedPackError as fault:
            self._drop(path, fault)
        except OSError:
            pass  # deleted by another process meanwhile
        else:
            self._packs[path] = pack
            for place, name in enumerate(pack.digests()):
                self._where.setdefault(name, (pack, place))

    def _drop(self, path: Path, fault: DamagedPackError) -> None:
        with self._lock:
            if path in self._damaged:
                return
            self._damaged.add(path)
            self._packs.pop(path, None)
            self._where = {name: found for name, found in self._where.items() if found[0].path != path}
        with suppress(OSError):  # it is refused again next time
            path.unlink(missing_ok=True)
        warnings.warn(
            f"{readable(path)} in the cache of decoded inputs is damaged ({fault}); it is deleted, and what it held is "
            "decoded again.",
            DrivetrainWarning,
            stacklevel=2,
        )

    def _touch(self, path: Path) -> None:
        """Once per process: what was used last is deleted last."""
        if path in self._used:
            return
        self._used.add(path)
        with suppress(OSError):  # read-only or gone: it is used all the same
            os.utime(path)

    def _warn_full(self) -> None:
        warnings.warn(
            f"the cache of decoded inputs is full: these need more than its {self._place.limit_bytes / GB:.3g} GB. "
            "What does not fit there or in memory is decoded every epoch. To fix: set DRIVETRAIN_CACHE_GB higher, if "
            f"{readable(self._place.folder)} has the room.",
            DrivetrainWarning,
            stacklevel=2,
        )

    def _give_up(self, error: OSError) -> None:
        self._off = True
        while self._writer:
            self._writer.pop().discard()
        warnings.warn(
            f"decoded inputs cannot be kept in {readable(self._folder)}: {error.strerror or error}. Training goes "
            "on and decodes what does not fit in memory every epoch. To fix: free some space, or set "
            "DRIVETRAIN_CACHE_DIR to another folder, or DRIVETRAIN_CACHE_GB=0 for no cache.",
            DrivetrainWarning,
            stacklevel=2,
        )


def _name(digest: str) -> bytes:
    return digest.encode()[:DIGEST_BYTES]  # 128 bits of a longer one are enough


def _publish_quietly(writers: list[PackWriter]) -> None:
    while writers:
        try:
            writers.pop().publish()
        except OSError:
            continue  # at the end there is nobody left to tell, and nothing lost but time
