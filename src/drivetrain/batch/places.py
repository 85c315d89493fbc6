"""Where inputs and answers lie: on this machine, or at an address that pyarrow knows a file system for."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from pyarrow import fs

from drivetrain.errors import DataError, SettingError
from drivetrain.settings import refuse
from drivetrain.text import readable, short_reason

UNFINISHED = "_unfinished"
"""Folder of files that are being written; readers of Parquet pass over names that begin so."""


@dataclass(frozen=True)
class Place:
    """A file or folder, and the file system it is in."""

    system: Any
    """One of pyarrow's."""
    path: str
    shown: str
    """As it was written."""

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
            return cls(fs.LocalFileSystem(), str(Path(written).absolute()), written)
        try:
            system, path = opened(written)
        except (pa.ArrowException, ValueError, NotImplementedError, OSError) as error:
            why = short_reason(error)
            return refuse(
                name, written, f"a path, or an address that pyarrow opens, such as s3:// or file:// ({why})",
                fix="To fix: copy it to a disk, or give an address of these.",
            )  # fmt: skip
        return cls(system, path, written)

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

    def holds(self, other: Place, path: str) -> bool:
        """Whether a file of another place lies in this folder."""
        return self.system.equals(other.system) and path.startswith(f"{self.path.rstrip('/')}/")

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
        except (OSError, ValueError, pa.ArrowException):
            return None

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
    return fs.FileSystem.from_uri(address)


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
