"""A folder with one sub-folder per class, or the same inside train/, valid/ and test/."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from drivetrain.data.check import LeftOut
from drivetrain.data.listing import Listed, SourceSpec
from drivetrain.data.split import SYNONYMS, Part
from drivetrain.errors import DataError, SplitError, first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.pictures import PICTURE_SUFFIXES
from drivetrain.text import readable

JUNK = ("__MACOSX", "__pycache__")
TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
FileId = tuple[int, int]
"""Device and inode: the same for a folder and every link to it."""


@dataclass
class _Scan:
    """What has been found so far."""

    paths: list[Path] = field(default_factory=list[Path])
    classes: list[str] = field(default_factory=list[str])
    parts: list[Part] = field(default_factory=list[Part])
    left_out: list[LeftOut] = field(default_factory=list[LeftOut])
    ignored: Counter[str] = field(default_factory=Counter[str])

    def entries(self, folder: Path) -> list[os.DirEntry[str]]:
        """Visible entries by name; a folder that cannot be listed is reported."""
        try:
            with os.scandir(folder) as found:
                listed = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            self.left_out.append(LeftOut(readable(folder), f"folder cannot be read: {error.strerror}"))
            return []
        visible = [entry for entry in listed if not entry.name.startswith(".") and entry.name not in JUNK]
        self.ignored["hidden files"] += len(listed) - len(visible)
        return visible


def read_folder(root: Path) -> Listed:
    """List the pictures below `root`, each with the name of its class folder.

    Pictures deeper inside a class folder belong to that class. Hidden files and other suffixes are counted, not
    listed; links to folders are followed once, never in circles.

    Raises:
        DataError: No class folder holds a picture.
        SplitError: There are folders for validation or test, but none for training.

    Example:
        >>> read_folder(Path("/no/such/folder"))
        Traceback (most recent call last):
        drivetrain.errors.DataError: /no/such/folder cannot be read: ...
    """
    root = root.absolute()
    scan = _Scan()
    folders, loose = _folders_and_loose(scan, root)
    if scan.left_out:
        raise DataError(f"{scan.left_out[0].path} cannot be read: {scan.left_out[0].reason}.")
    given: dict[Path, Part] = {
        folder: SYNONYMS[folder.name.casefold()] for folder in folders if folder.name.casefold() in SYNONYMS
    }
    has_split = _is_split(folders, given, readable(root))
    if has_split:
        for folder in folders:
            if folder in given:
                classes, stray = _folders_and_loose(scan, folder)
                scan.ignored["pictures outside class folders"] += stray
                _read_classes(scan, classes, given[folder], above=(root, folder))
            else:
                scan.ignored[f"folder {readable(folder.name)!r} beside train"] += 1
    else:
        _read_classes(scan, folders, "train", above=(root,))
    scan.ignored["pictures outside class folders"] += loose
    if not scan.paths:
        raise DataError(_nothing_found(root, folders, loose))
    reason = "folders " + ", ".join(readable(folder.name) for folder in given) if has_split else ""
    return Listed(
        description=f"folder {readable(root)}",
        spec=SourceSpec(layout="folder"),
        paths=tuple(scan.paths),
        values=tuple(scan.classes),
        parts=tuple(scan.parts) if has_split else None,
        root=root,
        left_out=tuple(scan.left_out),
        ignored={what: n for what, n in scan.ignored.items() if n},
        decisions={"kind": Decision(value="category", reason="a folder names one class per picture")}
        | ({"parts": Decision(value="given", reason=reason)} if has_split else {}),
    )


def _folders_and_loose(scan: _Scan, folder: Path) -> tuple[list[Path], int]:
    """The visible sub-folders, and how many pictures lie beside them."""
    entries = scan.entries(folder)
    folders = [Path(entry.path) for entry in entries if _is_folder(entry)]
    loose = sum(_suffix(entry) in PICTURE_SUFFIXES for entry in entries if not _is_folder(entry))
    return folders, loose


def _is_split(folders: list[Path], given: dict[Path, Part], root: str) -> bool:
    """Whether the top folders are parts rather than classes (a class may be called "train", too)."""
    if not given:
        return False
    if set(given.values()) >= {"train", "valid"} or set(given.values()) >= {"train", "test"}:
        return True
    if len(given) < len(folders):
        return False
    if "train" not in given.values():
        names = first_few(readable(folder.name) for folder in folders)
        raise SplitError(f"{root} has {names} but no folder train. To fix: add train/ with one sub-folder per class.")
    return True


def _read_classes(scan: _Scan, classes: list[Path], part: Part, *, above: tuple[Path, ...]) -> None:
    """List every class folder; links back to `above` or to another class are not followed."""
    roots = {identity for folder in (*above, *classes) if (identity := _identity(folder))}
    for folder in classes:
        label = readable(folder.name)
        seen = set(roots)
        waiting = [folder]
        while waiting:
            for entry in scan.entries(waiting.pop()):
                path = Path(entry.path)
                if _is_folder(entry):
                    identity = _identity(path)
                    if identity is None or identity in seen:
                        scan.ignored["links to a folder that was read already"] += 1
                    else:
                        seen.add(identity)
                        waiting.append(path)
                elif _suffix(entry) in PICTURE_SUFFIXES:
                    scan.paths.append(path)
                    scan.classes.append(label)
                    scan.parts.append(part)
                else:
                    scan.ignored[f"{readable(_suffix(entry)) or 'no-suffix'} files"] += 1


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """False too for a link that leads nowhere or in a circle: reading it will say so."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _identity(folder: Path) -> FileId | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _suffix(entry: os.DirEntry[str]) -> str:
    return os.path.splitext(entry.name)[1].lower()  # noqa: PTH122  a Path per file costs more than the scan


def _nothing_found(root: Path, folders: list[Path], loose: int) -> str:
    tables = [path.name for path in sorted(root.iterdir()) if path.suffix.lower() in TABLE_SUFFIXES]
    if tables:
        mend = f"pass the table in it: {readable(root / tables[0])}"
    elif loose:
        mend = "sort the pictures into one sub-folder per class, or pass a table with a path and a target column"
    else:
        mend = "check the path, or pass a table with a path and a target column"
    return (
        f"{readable(root)} has {len(folders)} sub-folders and {loose} pictures beside them, but no picture inside a "
        f"sub-folder; expected one sub-folder per class, with pictures. To fix: {mend}."
    )
