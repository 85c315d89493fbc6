"""Tables in a packed file: one in gzip (`rows.csv.gz`), or the only one in a ZIP archive."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from drivetrain.errors import DataError, first_few
from drivetrain.text import readable, short_reason

PACKED_SUFFIXES = (".gz", ".zip")
MOST_BYTES = 8 << 30
"""That a packed file may hold: more would not fit into the memory of most machines, and a few KB can hold terabytes."""
STEP = 1 << 24


def inner_suffix(path: Path) -> str:
    """The suffix of the table itself, in lower case: of `rows.csv.gz` and of `rows.csv` it is ".csv"; of a ZIP ".zip".

    Example:
        >>> inner_suffix(Path("rows.CSV.gz")), inner_suffix(Path("rows.csv")), inner_suffix(Path("rows.gz"))
        ('.csv', '.csv', '')
    """
    return path.with_suffix("").suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()


def unpacked(path: Path, data: bytes, known: tuple[str, ...]) -> tuple[bytes, str]:
    """What a file holds, and the suffix of the table: both as they are where it is not packed.

    Args:
        path: The file.
        data: Its bytes.
        known: Suffixes of tables.

    Raises:
        DataError: It is damaged, holds too much, is encrypted, or an archive has no table or several.

    Example:
        >>> unpacked(Path("a.csv.gz"), gzip.compress(b"n,y"), (".csv",))
        (b'n,y', '.csv')
    """
    suffix, name = path.suffix.lower(), readable(path)
    if suffix not in PACKED_SUFFIXES:
        return data, suffix
    try:
        if suffix == ".gz":
            with gzip.open(io.BytesIO(data)) as stream:
                return _read(stream, name), inner_suffix(path)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            member = _only_table(archive, known, name)
            with archive.open(member) as stream:
                return _read(stream, name), PurePosixPath(member.filename).suffix.lower()
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise DataError(
            f"{name} cannot be unpacked: {short_reason(error)}. To fix: get the file again, or unpack it yourself and "
            "pass the table in it."
        ) from error


def _only_table(archive: zipfile.ZipFile, known: tuple[str, ...], name: str) -> zipfile.ZipInfo:
    there = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
    tables = [one for one in there if PurePosixPath(one.filename).suffix.lower() in known]
    if len(tables) != 1:
        found = first_few(readable(one.filename) for one in (tables or there)) or "nothing"
        raise DataError(
            f"{name} holds {f'{len(tables)} tables' if tables else 'no table'} ({found}); expected one file ending in "
            f"{', '.join(known)}. To fix: unpack it, and pass the folder or the table in it."
        )
    if tables[0].flag_bits & 1:
        raise DataError(f"{name} is encrypted; expected an open archive. To fix: unpack it, and pass the table in it.")
    return tables[0]


def _read(stream: IO[bytes] | gzip.GzipFile, name: str) -> bytes:
    parts: list[bytes] = []
    n = 0
    while part := stream.read(STEP):
        parts.append(part)
        n += len(part)
        if n > MOST_BYTES:
            raise DataError(
                f"{name} holds more than {MOST_BYTES >> 30} GiB; a table is read into memory. To fix: unpack it, and "
                "pass some of its rows."
            )
    return b"".join(parts)
