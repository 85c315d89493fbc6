"""What lies where in a tar file: found by going through its headers once, and kept in the cache folder.

The index of a shard holds names, places and sizes, and nothing of what is in the members. It is found by the shard's
path, size and time of change; one that is lost, damaged or of an older state is made anew.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import tarfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.runtime.files.zipped import cache_folder
from drivetrain.text import counted, readable, short_reason

CACHE_GB = "DRIVETRAIN_CACHE_GB"
FOLDER = "shards"
VERSION = 1
BLOCK = tarfile.BLOCKSIZE
MOST_BYTES = 1 << 30
"""Of one member."""
MOST_HEADER = 1 << 24
"""Of what stands before a member and says long names and the like."""
MOST_BEHIND = 1 << 20
"""Looked through behind the end mark."""
LONGEST = 1000
"""Letters of a name."""
PLACE = np.dtype([("hash", "<u8"), ("start", "<i8"), ("size", "<i8"), ("again", "u1")])
PACKED = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"))
"""First bytes of compressed files, in which nothing is found by its place."""
LINKS, LARGE, SPARSE, DEVICES = (
    "links to what is not inside",
    "larger than 1 GiB",
    "sparse, with holes that are not stored",
    "pipes and devices",
)


class ShardError(OSError):
    """A shard, or what lies in it, cannot be read; the message names the shard."""


@dataclass(frozen=True)
class TarIndex:
    """The members of a shard that are files, in the order in which they lie there."""

    places: NDArray[Any]
    """(N,) of `PLACE`."""
    said: bytes
    """Names and what else was noticed, as JSON: whoever reads a member needs its place alone."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Each once, without steps that lead outside; of a name that occurs again, `@PLACE/NAME`."""
        return tuple(json.loads(self.said)["names"])

    @property
    def left_out(self) -> dict[str, int]:
        """Why members are not among them → how many."""
        return json.loads(self.said)["left_out"]

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd about the end of the file."""
        return tuple(json.loads(self.said)["notes"])

    def find(self, name: str) -> tuple[int, int] | None:
        """Where a member begins, and its size."""
        found = np.flatnonzero(self.places["hash"] == _hash(name))
        if not len(found):
            return None
        return int(self.places["start"][found[0]]), int(self.places["size"][found[0]])

    @cached_property
    def folders(self) -> dict[str, list[str]]:
        """Folder inside the shard, "" for the shard itself → the names directly in it."""
        found: dict[str, list[str]] = {}
        for name in self.names:
            folder, _, last = name.rpartition("/")
            while folder and folder not in found:
                found[folder] = [last]
                folder, _, last = folder.rpartition("/")
            found.setdefault(folder, []).append(last)
        return found

    def own_name(self, row: int) -> str:
        """What the member is called in the shard, whether or not the name occurs again."""
        name = self.names[row]
        return name.partition("/")[2] if self.places["again"][row] else name


def packing_of(shard: Path) -> str | None:
    """How a tar file is compressed; None for one whose members can be read by their place. Raises OSError."""
    with shard.open("rb") as file:
        start = file.read(BLOCK)
    if start[257:262] == b"ustar":
        return None
    return next((how for begins, how in PACKED if start.startswith(begins)), None)


def tar_index(shard: str, size: int, modified_ns: int) -> TarIndex:
    """The index of a tar file that is not compressed: as it is kept, or else made now and kept.

    Args:
        shard: Absolute path.
        size: Of the file, bytes.
        modified_ns: When it was changed, as the system says.

    Raises:
        ShardError: It is damaged, or no tar file.
        OSError: It cannot be opened.
    """
    place = _place(shard, size, modified_ns)
    with suppress(OSError, ValueError, KeyError, TypeError, EOFError):
        return _kept(place, size)
    found = _scanned(shard, size)
    if os.environ.get(CACHE_GB, "").strip() not in ("0", "0.0"):  # nothing of these data may lie elsewhere
        _keep(found, place)
    return found


def kept_indexes() -> list[Path]:
    """The indexes that lie in the cache folder; each can be deleted, and is made anew.

    Example:
        >>> [path.suffix for path in kept_indexes() if path.suffix != ".index"]
        []
    """
    return sorted((cache_folder() / FOLDER).glob("*.index"))


def _place(shard: str, size: int, modified_ns: int) -> Path:
    of_path = hashlib.sha256(os.fsencode(shard)).hexdigest()[:24]
    of_state = hashlib.sha256(f"{size} {modified_ns} {VERSION}".encode()).hexdigest()[:16]
    return cache_folder() / FOLDER / f"{of_path}-{of_state}.index"


def _kept(place: Path, size: int) -> TarIndex:
    content = place.read_bytes()
    digest, content = content[:32], content[32:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("damaged")
    stream = io.BytesIO(content)
    places: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    if places.dtype != PLACE or np.any(places["start"] + places["size"] > size):
        raise ValueError("of another form")
    return TarIndex(places, stream.read())


def _keep(index: TarIndex, place: Path) -> None:
    """Write the index, and drop those of earlier states of the shard; without room nothing is kept."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, index.places, allow_pickle=False)
    stream.write(index.said)
    content = stream.getvalue()
    partial = place.with_name(f".{place.stem}-{secrets.token_hex(4)}")
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            partial.write_bytes(hashlib.sha256(content).digest() + content)
            partial.replace(place)
        except OSError:
            partial.unlink(missing_ok=True)
            return
        for other in place.parent.glob(f"{place.stem.partition('-')[0]}-*.index"):
            if other != place:
                other.unlink(missing_ok=True)


class _Headers(io.FileIO):
    """A tar file of which headers alone are read, none of any length, whatever sizes it claims."""

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `MOST_HEADER` bytes."""
        if size is None or not 0 <= size <= MOST_HEADER:
            raise tarfile.ReadError(f"a header says that it has {size} bytes")
        return super().read(size)


class _Members:
    """Members as they are met, each under a name of its own."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, int]] = []
        self.names: list[str] = []
        self.left_out: Counter[str] = Counter()
        self._taken: set[int] = set()
        self._by_raw_name: dict[str, tuple[int, int]] = {}

    def add(self, name: str, start: int, size: int, at: int) -> None:
        """A file; of two that are called alike the second is told by the place of its header."""
        plain, again = plain_name(name), 0
        if not plain or _hash(plain) in self._taken:
            plain, again = f"@{at}/{plain[-100:] or 'unnamed'}", 1
            while _hash(plain) in self._taken:
                plain = f"@{plain}"
        self._taken.add(_hash(plain))
        self._by_raw_name[name] = (start, size)
        self.names.append(plain)
        self.rows.append((_hash(plain), start, size, again))

    def add_link(self, member: tarfile.TarInfo) -> None:
        """A link to a file that stands before it in the same shard; others are counted."""
        aim = member.linkname
        if member.issym() and not aim.startswith("/"):
            aim = os.path.normpath(f"{member.name.rpartition('/')[0] or '.'}/{aim}")
        found = self._by_raw_name.get(aim) or self._by_raw_name.get(f"./{aim}")
        if found is None:
            self.left_out[LINKS] += 1
        else:
            self.add(member.name, *found, member.offset)

    def add_any(self, member: tarfile.TarInfo) -> None:
        """Whatever a header says."""
        why = why_left_out(member)
        if why == LINKS:
            self.add_link(member)
        elif why is not None:
            self.left_out[why] += 1
        elif member.isreg():
            self.add(member.name, member.offset_data, member.size, member.offset)


def _scanned(shard: str, size: int) -> TarIndex:
    """Go through the headers; what a library reader passes over in silence, such as a damaged header, is an error."""
    found, notes, last = _Members(), list[str](), -1
    try:
        with _Headers(shard) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                end = member.offset_data + (member.size if member.isreg() and not member.issparse() else 0)
                if member.size < 0 or member.offset <= last or end > size:
                    raise tarfile.ReadError(f"the header at byte {member.offset:,} says {member.size:,} bytes")
                last = member.offset
                found.add_any(member)
                cast("Any", archive).members = []  # else it keeps every header
            notes += _end(file, archive.offset, size)
    except (tarfile.TarError, ValueError, EOFError, RecursionError) as error:
        name, n = readable(os.path.basename(shard)), counted(len(found.names), "member")  # noqa: PTH119 - of text
        raise ShardError(f"the shard {name} cannot be read as a tar file: {short_reason(error)}, behind {n}") from error
    said = {"names": found.names, "left_out": found.left_out, "notes": notes}
    return TarIndex(np.array(found.rows, PLACE), json.dumps(said).encode())


def _end(file: _Headers, at: int, size: int) -> list[str]:
    """What is odd behind the last member. Raises ReadError where a header stands there that is none."""
    file.seek(at)
    mark = file.read(BLOCK)
    if mark.strip(b"\0") or 0 < len(mark) < BLOCK:
        raise tarfile.ReadError(f"damaged at byte {at:,} of {size:,}")
    if not mark:
        return ["it ends without the mark that ends a tar file, and may have been cut short"]
    if file.read(MOST_BEHIND).strip(b"\0"):
        return ["behind its end mark there is more, which is not read; several tar files behind one another, perhaps"]
    return []


def why_left_out(member: tarfile.TarInfo) -> str | None:
    """Why a member is not read; None for files and folders."""
    if member.islnk() or member.issym():
        return LINKS
    if member.issparse():
        return SPARSE
    if member.isreg():
        return LARGE if member.size > MOST_BYTES else None
    return None if member.isdir() else DEVICES


def plain_name(name: str) -> str:
    r"""A member's name as the end of an address: no drive, root or `..`; empty where nothing is left, or too long.

    Example:
        >>> plain_name("../../etc/passwd"), plain_name("./cat/1.jpg"), plain_name("C:\\x\\a.jpg"), plain_name("..")
        ('etc/passwd', 'cat/1.jpg', 'x/a.jpg', '')
    """
    parts = name.replace("\\", "/").replace("\0", "").split("/")
    plain = "/".join(part for part in parts if part not in ("", ".", "..") and not part.endswith(":"))
    return plain if len(plain) <= LONGEST else ""


def _hash(name: str) -> int:
    said = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(said, "little")
