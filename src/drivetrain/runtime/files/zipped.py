"""Files inside a zip file: named ``clips.zip/1.flac``, unpacked once into the cache folder, and read there."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
from functools import lru_cache
from pathlib import Path, PurePosixPath

from drivetrain.errors import DataError
from drivetrain.text import readable, short_reason

CACHE_DIR = "DRIVETRAIN_CACHE_DIR"
MOST_BYTES = 50 * 10**9
"""Of what one zip file unpacks to."""
MOST_RATIO = 200
"""Of bytes unpacked to bytes packed: beyond, it was made to fill disks."""
MARK = ".zip"


def split_zip(path: str | os.PathLike[str]) -> tuple[Path, str] | None:
    """The zip file and the member that a path names; None where no part of it is a zip file that is there.

    Example:
        >>> split_zip("no/such.zip/1.flac") is None
        True
    """
    text = os.fsdecode(path)
    at = 0
    while (at := text.lower().find(MARK, at)) >= 0:
        at += len(MARK)
        if at == len(text) or text[at] in "/\\":
            try:
                found = os.stat(text[:at])  # noqa: PTH116 - a Path per row costs seconds
                if stat.S_ISREG(found.st_mode) and _is_zip(text[:at], found.st_mtime_ns, found.st_size):
                    return Path(text[:at]), text[at + 1 :].replace("\\", "/")
            except (OSError, ValueError):
                return None
    return None


@lru_cache(maxsize=256)
def _is_zip(path: str, _modified: int, _size: int) -> bool:
    return zipfile.is_zipfile(path)


def in_folder(path: str | os.PathLike[str]) -> Path | None:
    """Where the file that is named inside a zip file lies unpacked; None where the path names none."""
    found = split_zip(path)
    return None if found is None else unpacked(found[0]) / found[1]


def members(archive: Path) -> frozenset[str]:
    """The names of the files in a zip file; none where it is none."""
    try:
        with zipfile.ZipFile(archive) as file:
            return frozenset(each.filename for each in file.infolist() if not each.is_dir())
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
        return frozenset()


def unpacked(archive: Path) -> Path:
    """The folder that a zip file is unpacked into, under its own name; made once for each content.

    Raises:
        DataError: It cannot be read, is encrypted, unpacks to far more than it holds, or names files outside.
    """
    try:
        found = archive.stat()
        key = _identity(str(archive), found.st_mtime_ns, found.st_size)
        place = cache_folder() / "unpacked" / key / archive.name
        if not place.is_dir():
            _unpack(archive, place)
        return place
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError) as error:
        raise DataError(
            f"{readable(archive)} cannot be unpacked: {short_reason(error)}. To fix: unpack it yourself, and pass the "
            "folder or a table with the paths."
        ) from error


@lru_cache(maxsize=256)
def _identity(archive: str, _modified: int, size: int) -> str:
    """Of content, without reading gigabytes: size, and the zip file's directory with the checksum of each member."""
    with zipfile.ZipFile(archive) as file:
        said = hashlib.sha256(str(size).encode())
        for each in file.infolist():
            said.update(
                f"{each.filename}\0{each.CRC}\0{each.file_size}\0{each.header_offset}\n".encode("utf-8", "replace")
            )
    return said.hexdigest()[:16]


def cache_folder() -> Path:
    """Where what was unpacked or found out is kept: as the environment says, or the user's cache folder."""
    named = os.environ.get(CACHE_DIR)
    if named:
        return Path(named)
    usual = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - of text
    return Path(usual) / "drivetrain"


def _unpack(archive: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=place.parent))
    try:
        with zipfile.ZipFile(archive) as file:
            members = [each for each in file.infolist() if not each.is_dir()]
            _check(members)
            for each in members:
                target = partial.joinpath(*PurePosixPath(each.filename).parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with file.open(each) as inside, target.open("wb") as outside:
                    shutil.copyfileobj(inside, outside, 1 << 20)
        try:
            partial.rename(place)
        except OSError:
            if not place.is_dir():  # else another process was quicker
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check(members: list[zipfile.ZipInfo]) -> None:
    """Raises ValueError for what may not be unpacked."""
    packed, whole = sum(each.compress_size for each in members), sum(each.file_size for each in members)
    if whole > MOST_BYTES or whole > MOST_RATIO * packed + 10**7:
        raise ValueError(f"its {packed:,} bytes unpack to {whole:,}")
    for each in members:
        parts = PurePosixPath(each.filename).parts
        if each.filename.startswith(("/", "\\")) or ".." in parts or "\\" in each.filename or ":" in each.filename[:2]:
            raise ValueError(f"it names a file outside of itself: {each.filename[:100]!r}")
        if stat.S_ISLNK(each.external_attr >> 16):
            raise ValueError(f"it holds a link: {each.filename[:100]!r}")
        if each.flag_bits & 1:
            raise ValueError("it is encrypted")
