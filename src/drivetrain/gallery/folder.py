"""The folder that a guided notebook runs in: empty at first, and its own; what others have put there is left alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from drivetrain.errors import DataError, first_few
from drivetrain.runtime.files.own_output import GUIDE_RECORD
from drivetrain.text import readable, short_reason


@contextmanager
def own_folder(folder: Path, name: str) -> Generator[Path]:
    """An empty folder, what an earlier run of the same notebook has left there taken away; afterwards its files listed.

    Raises:
        DataError: It holds what no notebook wrote, or cannot be made.
    """
    try:
        _empty(folder, name)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{readable(folder)} cannot be used: {short_reason(error)}. To fix: give another --out."
        ) from error
    try:
        yield folder
    finally:
        record = {"name": name, "files": sorted(_files(folder))}
        (folder / GUIDE_RECORD).write_text(json.dumps(record), encoding="utf-8")


def _empty(folder: Path, name: str) -> None:
    if not folder.is_dir():
        return
    try:
        record = json.loads((folder / GUIDE_RECORD).read_text(encoding="utf-8"))
        known = set(record["files"]) if record["name"] == name else set[str]()
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        known = set[str]()
    strange = sorted(_files(folder) - known)
    if strange:
        raise DataError(
            f"{readable(folder)} holds {first_few(map(readable, strange))}, which the demo did not write; expected an "
            "empty folder, or one of an earlier run. To fix: pass another folder with --out."
        )
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _files(folder: Path) -> set[str]:
    """All files below, as the record names them."""
    paths = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {path.relative_to(folder).as_posix() for path in paths} - {GUIDE_RECORD}
