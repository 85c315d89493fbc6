"""What a folder holds: pictures, and everything else counted by what it is. Nothing is decoded.

One scanner for all that read folders, so that each takes the same files: training, audit, evaluation and prediction.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from drivetrain.names import is_litter
from drivetrain.notices import warn
from drivetrain.runtime.files.formats import PICTURE_SUFFIXES
from drivetrain.runtime.files.own_output import is_own_figure, own_output
from drivetrain.runtime.files.sniffing import DRAWINGS, OTHER_SUFFIXES, UNREAD, begins_like_a_picture, head
from drivetrain.runtime.trust.system_limits import patiently
from drivetrain.text import readable, short_reason

FileId = tuple[int, int]
"""Device and inode: the same for a folder and every link to it."""

LITTER_FOLDERS = frozenset(
    {
        "__macosx",
        "__pycache__",
        "@eadir",
        "@recycle",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        ".ipynb_checkpoints",
        ".appledouble",
        ".trashes",
        ".spotlight-v100",
        ".fseventsd",
        ".temporaryitems",
        ".thumbnails",
    }
)
UNFINISHED = (
    ".crdownload",
    ".part",
    ".partial",
    ".download",
    ".opdownload",
    ".tmp",
    ".temp",
    ".swp",
    ".aria2",
    "~",
)

FIGURES = (".png", ".jpg", ".jpeg")
"""Suffixes of files that may be a figure which drivetrain saved."""

LITTER = "litter of the operating system"
UNFINISHED_FILES = "unfinished downloads and temporary files"
HIDDEN = "hidden files"
LINKS_AGAIN = "links to a folder that was read already"
LINKED = "linked folders"


@dataclass
class Folder:
    """A folder that was listed, and what is in it."""

    path: Path
    name: str
    folders: list[Folder] = field(default_factory=list["Folder"])
    pictures: list[Path] = field(default_factory=list[Path])
    """By suffix, or where the suffix does not tell by the first bytes; also those of formats that are not read."""
    other: Counter[str] = field(default_factory=Counter[str])
    """Other files, such as ".txt files"."""
    n_below: int = 0
    """Pictures in it and in all folders below."""

    def walk(self) -> Iterator[Folder]:
        """This folder and all below, by name."""
        waiting: list[Folder] = [self]
        while waiting:
            folder = waiting.pop()
            yield folder
            waiting.extend(reversed(folder.folders))

    @property
    def live(self) -> list[Folder]:
        """Sub-folders with a picture in them or below."""
        return [folder for folder in self.folders if folder.n_below]


@dataclass
class Scan:
    """What lies below a folder."""

    root: Folder
    own: list[tuple[Path, str]] = field(default_factory=list[tuple[Path, str]])
    """Folders that drivetrain has written, which are never input, and what each is."""
    unreadable: list[tuple[Path, str]] = field(default_factory=list[tuple[Path, str]])
    """Folders that cannot be listed, and why."""
    ignored: Counter[str] = field(default_factory=Counter[str])
    """Everything else that is no picture, counted."""


ANY = "*"
"""Among suffixes: files are listed whatever their name ends in."""


def scan_folder(root: Path, *, follow_links: bool = True, suffixes: frozenset[str] = PICTURE_SUFFIXES) -> Scan:
    """List everything below `root`; 100,000 names take about a second.

    Args:
        root: The folder.
        follow_links: Enter links to folders, each folder once and never in circles; else they are counted.
        suffixes: Of the files that are listed, "*" for any; pictures are also taken by how they begin.

    Raises:
        SystemLimitError: The system has no more room for open files; nothing is left out for that.

    Example:
        >>> [reason for _, reason in scan_folder(Path("/no/such/folder")).unreadable]
        ['No such file or directory']
    """
    scan = Scan(Folder(root, root.name))
    seen: set[FileId] = set()
    real, links = deque([scan.root]), deque[tuple[Folder, Folder]]()
    every: list[Folder] = []
    while real or links:
        if real:
            folder = real.popleft()
            if not _first_time(folder.path, seen):
                scan.ignored[LINKS_AGAIN] += 1
                continue
        else:
            parent, folder = links.popleft()
            if not _first_time(folder.path, seen):
                scan.ignored[LINKS_AGAIN] += 1
                continue
            parent.folders.append(folder)
            parent.folders.sort(key=lambda each: each.name)
        every.append(folder)
        for inner, is_link in _list(scan, folder, suffixes, is_root=folder is scan.root):
            if not is_link:
                folder.folders.append(inner)
                real.append(inner)
            elif follow_links:
                links.append((folder, inner))
            else:
                scan.ignored[LINKED] += 1
    _count(scan)
    return scan


def folder_pictures(folder: Path) -> list[Path]:
    """All pictures below a folder, sorted by path; and sub-folders that cannot be listed, which reading then explains.

    Hidden files and linked folders are passed over. What drivetrain itself has written is no input; a warning says
    what of it, and what other files, were passed over.
    """
    scan = scan_folder(folder, follow_links=False)
    found = [path for inner in scan.root.walk() for path in inner.pictures]
    figures = {path for path in found if path.suffix.lower() in FIGURES and is_own_figure(head(path))}
    drawings = {path for path in found if path.suffix.lower() in DRAWINGS}
    told = [f"{readable(path)} ({what})" for path, what in scan.own]
    told += [f"{readable(path)} (a figure that drivetrain saved)" for path in sorted(figures)]
    told += [f"{len(drawings)} × drawings and documents (.svg, .pdf, …)"] if drawings else []
    passed = {what: n for what, n in scan.ignored.items() if what == LINKED}
    told += [f"{n} × {what}" for what, n in passed.items()]
    if told:
        shown = ", ".join(told[:5]) + (f", … ({len(told) - 5} more)" if len(told) > 5 else "")
        warn(f"{readable(folder)}: no input, and passed over: {shown}.")
    kept = [path for path in found if path not in figures and path not in drawings]
    return sorted(kept + [path for path, _ in scan.unreadable])


def _list(scan: Scan, folder: Folder, suffixes: frozenset[str], *, is_root: bool) -> list[tuple[Folder, bool]]:
    """Fill in the files of one folder; its sub-folders, and whether each is a link."""
    try:
        entries = patiently(lambda: _entries(folder.path), folder.path)
    except OSError as error:
        scan.unreadable.append((folder.path, short_reason(error)))
        return []
    what = own_output(folder.path, {entry.name for entry in entries})
    if what and not is_root:
        scan.own.append((folder.path, what))
        return []
    inner: list[tuple[Folder, bool]] = []
    for entry in entries:
        is_folder = _is_folder(entry)
        passed = _passed_over(entry.name, is_folder)
        if passed:
            scan.ignored[passed] += 1
        elif is_folder:
            inner.append((Folder(Path(entry.path), entry.name), entry.is_symlink()))
        else:
            _take(folder, entry, suffixes)
    scan.ignored.update(folder.other)
    return inner


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        return sorted(found, key=lambda entry: entry.name)


def _take(folder: Folder, entry: os.DirEntry[str], suffixes: frozenset[str]) -> None:
    """A file, listed or counted."""
    suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122  a Path per file costs more than the scan
    if suffix in suffixes or ANY in suffixes or (suffixes == PICTURE_SUFFIXES and _seems_a_picture(suffix, entry)):
        folder.pictures.append(Path(entry.path))
    else:
        folder.other[f"{readable(suffix) or 'no-suffix'} files"] += 1


def _seems_a_picture(suffix: str, entry: os.DirEntry[str]) -> bool:
    unknown = suffix not in OTHER_SUFFIXES and _is_regular(entry)
    return suffix in UNREAD or (unknown and begins_like_a_picture(entry.path))


def _passed_over(name: str, is_folder: bool) -> str:
    """What a name alone says to pass over, or an empty string."""
    lower = name.lower()
    if (is_folder and lower in LITTER_FOLDERS) or is_litter(name):
        return LITTER
    if not is_folder and (lower.endswith(UNFINISHED) or name.startswith(("~$", ".~lock", "~lock"))):
        return UNFINISHED_FILES
    return HIDDEN if name.startswith(".") else ""


def _count(scan: Scan) -> None:
    """Take out folders that are not entered, and count the pictures below each."""
    own = {path for path, _ in scan.own}
    for folder in reversed(list(scan.root.walk())):
        folder.folders = [inner for inner in folder.folders if inner.path not in own]
        folder.n_below = len(folder.pictures) + sum(inner.n_below for inner in folder.folders)


def _first_time(folder: Path, seen: set[FileId]) -> bool:
    """Whether this folder was not met before; one that cannot be looked at is listed, which says why."""
    try:
        status = folder.stat()
    except OSError:
        return True
    identity = status.st_dev, status.st_ino
    if identity in seen:
        return False
    seen.add(identity)
    return True


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """False too for a link that leads nowhere or in a circle: reading it will say so."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_regular(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False
