"""Compressed tar files: nothing in them is found by its place, and they are gone through from beginning to end."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from drivetrain.runtime.files.tar_index import BLOCK, ShardError, why_left_out
from drivetrain.text import counted, readable, short_reason

FAULTS = (tarfile.TarError, ValueError, EOFError, RecursionError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)


def packed_members(shard: Path, packing: str, left_out: Counter[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file in a compressed tar file, one after the other.

    Args:
        shard: The file.
        packing: How it is compressed, by `packing_of`.
        left_out: Counts what is passed over.

    Raises:
        ShardError: It is damaged.
        OSError: It cannot be read.
    """
    unpack: dict[str, Callable[[Path], Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
    n = 0
    try:
        with unpack.get(packing, _as_it_is)(shard) as file:
            stream = _Unpacking(file)
            with tarfile.open(fileobj=cast("Any", stream), mode="r|") as archive:
                for member in archive:
                    cast("Any", archive).members = []  # else it keeps every header
                    why = why_left_out(member)
                    content = archive.extractfile(member) if why is None and member.isreg() else None
                    if content is not None:
                        yield member.name, content.read()
                        n += 1
                    elif why is not None:
                        left_out[why] += 1
                if stream.block(archive.offset).strip(b"\0"):
                    raise tarfile.ReadError(f"damaged at byte {archive.offset:,} of what it unpacks to")
    except FAULTS as error:
        said = f"{short_reason(error)}, behind {counted(n, 'member')}"
        raise ShardError(f"the shard {readable(shard.name)} cannot be read as a tar file: {said}") from error


class _Unpacking:
    """What a file unpacks to, as a stream of which the last blocks can be looked at once more."""

    def __init__(self, file: Any) -> None:
        self._file, self._at, self._last = file, 0, b""

    def read(self, size: int) -> bytes:
        """The next bytes."""
        found: bytes = self._file.read(size)
        self._at, self._last = self._at + len(found), (self._last + found)[-4 * tarfile.RECORDSIZE :]
        return found

    def block(self, at: int) -> bytes:
        """The block that begins at a place that was read last."""
        start = at - self._at + len(self._last)
        return self._last[start : start + BLOCK]


def _as_it_is(path: Path) -> Any:
    return path.open("rb")
