"""Where inputs and answers lie: on this machine, or at an address that pyarrow knows a file system for."""

from __future__ import annotations

import json
import re
import secrets
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qsl, quote

import pyarrow as pa
from pyarrow import fs

from drivetrain.errors import DataError, SettingError
from drivetrain.settings import refuse
from drivetrain.text import readable, short_reason, without_secrets

UNFINISHED = "_unfinished"
"""Folder of files that are being written; readers of Parquet pass over names that begin so."""


@dataclass(frozen=True)
class Place:
    """A file or folder, and the file system it is in."""

    system: Any
    """One of pyarrow's."""
    path: str
    shown: str
    """As it was written, without keys and passwords."""
    written: str = field(repr=False)

    @classmethod
    def of(cls, written: str, name: str) -> Place:
        """The place of a path, or of an address such as s3://bucket/folder.

        Args:
            written: What somebody wrote.
            name: Of the setting, for the message.

        Raises:
            SettingError: There is no file system for it here.
        """
        if "://" not in written:
            return cls(fs.LocalFileSystem(), str(Path(written).absolute()), written, written)
        hidden = without_secrets(written)
        try:
            system, path = opened(written)
        except (pa.ArrowException, ValueError, NotImplementedError, OSError) as error:
            fix = "To fix: copy it to a disk, or give an address of these."
            why = f" ({short_reason(error)})"
            if hidden != written:  # the reason repeats the address
                why, fix = "", "To fix: write / and @ in a key as %2F and %40; or leave it out, and set AWS_PROFILE."
            expected = f"a path, or an address that pyarrow opens, such as s3:// or file://{why}"
            return refuse(name, hidden, expected, fix=fix)
        return cls(system, path.rstrip("/") or path, hidden, written)

    @property
    def local(self) -> bool:
        """Whether it is on this machine."""
        return isinstance(self.system, fs.LocalFileSystem)

    def info(self) -> Any:
        """What is there; DataError where nobody can tell."""
        try:
            return self.system.get_file_info(self.path)
        except (OSError, pa.ArrowException) as error:
            raise self._unreached(error) from error

    def below(self) -> list[Any]:
        """All files below it, by path; hidden ones apart."""
        try:
            found = self.system.get_file_info(fs.FileSelector(self.path, recursive=True, allow_not_found=True))
        except (OSError, pa.ArrowException) as error:
            raise self._unreached(error) from error
        start = len(self.path.rstrip("/")) + 1
        plain = [each for each in found if each.is_file and not _hidden(each.path[start:])]
        return sorted(plain, key=lambda each: each.path)

    @property
    def store(self) -> tuple[str, str]:
        """What tells whether two places with the same path are the same: not with which key they are opened."""
        asked = dict(parse_qsl(self.written.partition("?")[2])) if "://" in self.written else {}
        return self.system.type_name, asked.get("endpoint_override", "")

    def holds(self, other: Place, path: str) -> bool:
        """Whether a file of another place lies in this folder."""
        return self.store == other.store and path.startswith(f"{self.path.rstrip('/')}/")

    def named(self, path: str) -> str:
        """How a file of this file system is called in the answers."""
        if "://" not in self.shown:
            inner = path[len(self.path) :] if path.startswith(self.path) else None
            return path if inner is None else f"{self.shown.rstrip('/')}{inner}"
        return f"{self.shown.partition('://')[0]}://{path}"

    def commit(self, name: str, write: Callable[[Any], None]) -> None:
        """Write a file in this folder, and let it appear whole or not at all."""
        fresh, final = f"{self.path}/{UNFINISHED}/{secrets.token_hex(8)}", f"{self.path}/{name}"
        try:
            self.system.create_dir(f"{self.path}/{UNFINISHED}", recursive=True)
            with self.system.open_output_stream(fresh) as stream:
                write(stream)
            self.system.move(fresh, final)
        except (OSError, pa.ArrowException) as error:
            raise DataError(
                f"{readable(self.shown)} cannot be written: {short_reason(error)}; expected a folder with room. To "
                "fix: make room or name another one; the same command goes on."
            ) from error

    def read_json(self, name: str) -> Any:
        """A file of this folder as JSON; None where it is not there or none."""
        try:
            with self.system.open_input_stream(f"{self.path}/{name}") as stream:
                return json.loads(stream.read())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        except (OSError, pa.ArrowException) as error:
            raise self._unreached(error) from error

    def tidy(self) -> None:
        """Remove what was never finished."""
        with suppress(OSError, pa.ArrowException):
            self.system.delete_dir(f"{self.path}/{UNFINISHED}")

    def _unreached(self, error: BaseException) -> SettingError:
        return SettingError(
            f"{readable(self.shown)} cannot be read: {short_reason(error)}; expected files or a folder. To fix: look "
            "whether it is there, and whether you may read it."
        )


def opened(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it."""
    return fs.FileSystem.from_uri(quoted(address))


def quoted(address: str) -> str:
    """An address as pyarrow takes it, of one that holds names as people write them.

    What `%20` and the like stand for is left to pyarrow; a # is a letter, as in names of S3, and no mark.

    Example:
        >>> quoted("s3a://bucket/my pictures/größe #1 100%/?region=eu-1")
        's3://bucket/my%20pictures/gr%C3%B6%C3%9Fe%20%231%20100%25/?region=eu-1'
        >>> quoted("s3://bucket/a%20b")
        's3://bucket/a%20b'
    """
    scheme, _, rest = address.partition("://")
    scheme = scheme.lower()
    path, mark, query = rest.partition("?")
    path = quote(re.sub("%(?![0-9A-Fa-f]{2})", "%25", path), safe="/%:@!$&'()*+,;=~[]")
    return f"{'s3' if scheme in ('s3a', 's3n') else scheme}://{path}{mark}{query}"


@contextmanager
def on_disk(system: Any, path: str) -> Generator[Path]:
    """A file as one of this machine: itself, or a copy for as long as the block lasts."""
    if isinstance(system, fs.LocalFileSystem):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / PurePosixPath(path).name
        with system.open_input_stream(path) as stream, copy.open("wb") as here:
            while block := stream.read(1 << 22):
                here.write(block)
        yield copy


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))
