"""Pack files: what was loaded of many inputs in one file, mapped into memory and checked before it is believed.

A pack is written once, under another name, and takes its own name when it is complete::

    array bytes, one after the other │ index: one ENTRY per array │ trailer: magic, index place, count, checksum

There is nothing to parse but numbers, so a damaged or foreign pack is refused and can do no harm. Of an input that is
not one (H, W, C) array of uint8, as a picture is, the array bytes are those of `.npy` files, one behind the other.
"""

from __future__ import annotations

import io
import mmap
import os
import secrets
import struct
import threading
import zlib
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivetrain.files import lock
from drivetrain.runtime.spec import Arrays

Pixels = NDArray[np.uint8]

PACK, PARTIAL = ".pack", ".partial"
MAGIC = b"dtpack01"
TRAILER = struct.Struct("<8sQQI")
"""Magic, where the index begins, number of entries, checksum of the index and of the pack's purpose."""
ENTRY = np.dtype(
    [("digest", "S32"), ("offset", "<u8"), ("height", "<u4"), ("width", "<u4"), ("channels", "<u4"), ("crc", "<u4")]
)
DIGEST_BYTES = 32
NPY = 1 << 63
"""Added to the offset of an entry whose bytes are `.npy` files; height says how many bytes."""


class DamagedPackError(Exception):
    """The file is not what was written."""


class Packed(NamedTuple):
    """What was loaded of one input, as bytes."""

    data: Pixels
    shape: tuple[int, int, int]
    npy: bool

    @classmethod
    def of(cls, loaded: Arrays) -> Packed:
        """The bytes of a picture as they are; of anything else as `.npy` files.

        Example:
            >>> there = Packed.of((np.arange(3.0), np.array(["a"])))
            >>> there.npy, [array.tolist() for array in there.arrays()]
            (True, [[0.0, 1.0, 2.0], ['a']])
        """
        first = loaded[0]
        if len(loaded) == 1 and first.ndim == 3 and first.dtype == np.uint8:
            height, width, channels = first.shape
            return cls(np.ascontiguousarray(first).reshape(-1), (height, width, channels), False)
        stream = io.BytesIO()
        for array in loaded:
            np.lib.format.write_array(stream, array, allow_pickle=False)
        data = np.frombuffer(stream.getvalue(), np.uint8)
        return cls(data, (len(data), 1, 1), True)

    def arrays(self) -> Arrays:
        """What was loaded, read-only; raises DamagedPackError."""
        if not self.npy:
            return (self.data.reshape(self.shape),)
        stream, found = io.BytesIO(self.data.data), list[NDArray[np.generic]]()
        try:
            while stream.tell() < len(self.data):
                found.append(np.lib.format.read_array(stream, allow_pickle=False))
        except ValueError as error:
            raise DamagedPackError("an input in it was altered") from error
        for array in found:
            array.flags.writeable = False
        return tuple(found)


class Pack:
    """A published pack: finds arrays by the digest of the file they came from, as views of the mapped file.

    Args:
        path: The pack.
        purpose: What its arrays were made for; a pack made for something else is refused.

    Raises:
        DamagedPackError: It is cut short, altered, or was made for something else.
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path, purpose: str) -> None:
        self.path = path
        with path.open("rb") as file:
            self.n_bytes = os.fstat(file.fileno()).st_size
            if self.n_bytes < TRAILER.size:
                raise DamagedPackError("shorter than a trailer")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._bytes: Pixels = np.frombuffer(self._map, np.uint8)
        self._index = self._read_index(purpose)
        self._checked = np.zeros(len(self._index), np.bool_)

    def _read_index(self, purpose: str) -> NDArray[np.void]:
        magic, begin, count, crc = TRAILER.unpack(self._bytes[-TRAILER.size :].tobytes())
        if magic != MAGIC or begin + count * ENTRY.itemsize + TRAILER.size != self.n_bytes:
            raise DamagedPackError("cut short, or not a pack")
        raw = self._bytes[begin : self.n_bytes - TRAILER.size]
        if zlib.crc32(raw.data, zlib.crc32(purpose.encode())) != crc:
            raise DamagedPackError("its index was altered, or it was made for something else")
        index = raw.view(ENTRY)
        sizes = index["height"].astype(np.uint64) * index["width"] * index["channels"]
        if np.any((index["offset"] & np.uint64(NPY - 1)) + sizes > begin):
            raise DamagedPackError("its index points outside")
        return index

    def digests(self) -> list[bytes]:
        """Of all arrays, in the order of `get`'s `place`."""
        return self._index["digest"].tolist()

    def is_checked(self, place: int) -> bool:
        """Whether the array was compared with its checksum since the pack was opened."""
        return bool(self._checked[place])

    def get(self, place: int) -> Arrays:
        """The arrays at `place`; of a picture a read-only view, no copy. Their bytes are checked the first time.

        Raises:
            DamagedPackError: They are not what was written.
        """
        marked, height, width, channels, crc = self._index[place].item()[1:]
        offset = marked & (NPY - 1)
        flat = self._bytes[offset : offset + height * width * channels]
        if not self._checked[place]:
            if zlib.crc32(flat.data) != crc:
                raise DamagedPackError("an input in it was altered")
            self._checked[place] = True
        return Packed(flat, (height, width, channels), marked >= NPY).arrays()


class PackWriter:
    """A pack that is being written; nobody else sees it until `publish`. For one thread at a time, but see `get`.

    Args:
        folder: Where; must exist.
        purpose: As of `Pack`.

    Raises:
        OSError: The folder cannot be written to.
    """

    def __init__(self, folder: Path, purpose: str) -> None:
        self._purpose = purpose
        self._pid = os.getpid()
        self.partial = folder / (secrets.token_hex(8) + PARTIAL)
        self._file: IO[bytes] = self.partial.open("x+b")
        lock(self._file)  # tells others that the writer lives; the system lets go when it dies
        self._entries: dict[bytes, tuple[int, int, int, int, int]] = {}
        self._places = threading.Lock()
        self.n_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._entries

    @property
    def mine(self) -> bool:
        """False in a forked child: file and position belong to its parent."""
        return self._pid == os.getpid()

    def put(self, digest: bytes, packed: Packed) -> None:
        """Append what was loaded of an input.

        Raises:
            OSError: The disk is full or gone; the writer must be discarded.
        """
        assert len(digest) <= DIGEST_BYTES
        data = packed.data
        crc = zlib.crc32(data.data)
        with self._places:
            self._file.seek(self.n_bytes)
            self._file.write(data.data)
            self._file.flush()
            self._entries[digest] = (self.n_bytes + (NPY if packed.npy else 0), *packed.shape, crc)
            self.n_bytes += data.nbytes

    def get(self, digest: bytes) -> Arrays | None:
        """A read-only copy of what was written earlier. May be called from several threads."""
        with self._places:
            if digest not in self._entries or self._file.closed or not self.mine:
                return None
            marked, *shape, _ = self._entries[digest]
            self._file.seek(marked & (NPY - 1))
            data = self._file.read(shape[0] * shape[1] * shape[2])
        return Packed(np.frombuffer(data, np.uint8), (shape[0], shape[1], shape[2]), marked >= NPY).arrays()

    def publish(self) -> Path | None:
        """Complete the pack and give it its name; None where there was nothing to publish.

        Raises:
            OSError: The disk is full, or someone has emptied the folder.
        """
        if not self.mine or not self._entries:
            self.discard()
            return None
        index = np.array([(digest, *entry) for digest, entry in self._entries.items()], dtype=ENTRY)
        raw = index.tobytes()
        crc = zlib.crc32(raw, zlib.crc32(self._purpose.encode()))
        try:
            with self._places:
                self._file.seek(self.n_bytes)
                self._file.write(raw + TRAILER.pack(MAGIC, self.n_bytes, len(index), crc))
                self._file.close()  # before renaming: some systems cannot rename an open file
            place = self.partial.with_suffix(PACK)
            self.partial.replace(place)
        except OSError:
            self.discard()
            raise
        return place

    def discard(self) -> None:
        """Drop what was written. A forked child only forgets it: the file belongs to its parent."""
        if not self.mine:
            return
        with suppress(OSError):  # what could not be flushed is not wanted
            self._file.close()
        with suppress(OSError):  # a later sweep takes it
            self.partial.unlink(missing_ok=True)
