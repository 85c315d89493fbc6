"""Where the files are that a column names: as written, or by one rule for all rows that finds most of them."""

from __future__ import annotations

import itertools
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from drivetrain.data.tables.cells import written
from drivetrain.data.tables.columns import UnusableError
from drivetrain.runtime.files.members import names_in
from drivetrain.text import counted, readable

ROWS_TRIED = 300
ROWS_FIRST = 12
MOST_FOLDERS = 40
MOST_LEADING = 8


@dataclass(frozen=True)
class Rule:
    """How a name becomes a path, the same way for every row."""

    base: Path
    windows: bool = False
    """Backslashes are separators."""
    leading: int = 0
    """Folders to drop from the front of the name."""
    folder: str = ""
    suffix: str = ""
    """Put behind the name."""
    any_case: bool = False
    digits: int = 0
    """Numbers are filled with zeros to this length."""

    def path(self, name: str) -> str:
        """The path by this rule; `Folders.find` says whether it is there."""
        name = name.replace("\\", "/") if self.windows else name
        if self.leading:
            steps = name.strip("/").split("/")
            name = "/".join(steps[min(self.leading, len(steps) - 1) :])
        name = name.zfill(self.digits) if self.digits else name
        return os.path.join(self.base, self.folder, name + self.suffix)  # noqa: PTH118 - a Path per row costs seconds

    def said(self, usual: Path) -> str:
        """In words.

        Example:
            >>> Rule(Path("/a"), folder="images", suffix=".jpg").said(Path("/a"))
            "in the folder 'images', with '.jpg' behind the name"
        """
        words = [
            f"in {readable(self.base)}" if self.base != usual else "",
            f"in the folder {readable(self.folder)!r}" if self.folder else "",
            "with \\ between folders" if self.windows else "",
            f"without the first {counted(self.leading, 'folder')} of the path" if self.leading else "",
            f"filled with zeros to {counted(self.digits, 'digit')}" if self.digits else "",
            f"with {self.suffix!r} behind the name" if self.suffix else "",
            "whatever the case of letters" if self.any_case else "",
        ]
        return ", ".join(word for word in words if word) or "as written"


@dataclass
class Folders:
    """Names of files by folder, each folder listed once. Paths are text: a Path per row costs seconds."""

    _names: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    _loose: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    def names(self, folder: str) -> dict[str, str]:
        """The entries of a folder, or of a shard, by their composed names; empty where it cannot be listed."""
        if folder not in self._names:
            try:
                entries = os.listdir(folder)  # noqa: PTH208 - names are all that is needed
            except (NotADirectoryError, FileNotFoundError):
                entries = names_in(folder)
            except (OSError, ValueError):
                entries = []
            self._names[folder] = {_composed(name): name for name in entries} | {name: name for name in entries}
        return self._names[folder]

    def find(self, path: str, *, any_case: bool = False) -> str | None:
        """The path of what is there, in the spelling that it has on disk; None where there is nothing."""
        folder, name = os.path.split(path)
        if name in ("", ".", "..") or "/." in folder or "//" in folder:
            path = os.path.normpath(path)
            folder, name = os.path.split(path)
        found = self.names(folder)
        above = os.path.dirname(folder)  # noqa: PTH120 - of text
        if not found and above != folder:
            known = self.find(folder, any_case=any_case)
            if known is None or known == folder:
                return _unlisted(path)
            folder, found = known, self.names(known)
        real = found.get(name) or found.get(_composed(name))
        if real is None and any_case:
            if folder not in self._loose:
                self._loose[folder] = {each.casefold(): real for each, real in found.items()}
            real = self._loose[folder].get(_composed(name).casefold())
        return None if real is None else f"{folder.rstrip('/')}/{real}"


@dataclass(frozen=True)
class Found:
    """The rule that finds most files, and how many."""

    rule: Rule
    n_found: int
    n_names: int
    n_as_written: int
    tried: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    """Other folders or suffixes where most of the names are files as well."""


def find_files(names: Sequence[str], bases: Sequence[Path], folders: Folders, suffixes: frozenset[str]) -> Found:
    """The rule by which most of the names are files; as they are written, where no other finds more.

    Args:
        names: What a column of paths says, without missing cells.
        bases: Where relative names may start; the usual place first.
        folders: What is on disk.
        suffixes: What may stand behind a name.

    Example:
        >>> find_files(["no.jpg"], [Path("/no/such")], Folders(), frozenset({".jpg"})).n_found
        0
    """
    distinct = list(dict.fromkeys(map(_tidy, names)))
    some = distinct[:: max(1, len(distinct) // ROWS_TRIED)][:ROWS_TRIED]
    plain = Rule(bases[0])
    n_plain = _count(plain, some, folders)
    if n_plain == len(some):
        n = _count(plain, distinct, folders)
        return Found(plain, n, len(distinct), n)
    best, n_best = plain, n_plain
    tried = [plain.said(bases[0])]
    few = some[:: max(1, len(some) // ROWS_FIRST)][:ROWS_FIRST]
    for rule in _rules(some, bases, folders, suffixes):
        if len(tried) < 400:
            tried.append(rule.said(bases[0]))
        if not _count(rule, few, folders):
            continue
        n = _count(rule, some, folders)
        if n > n_best:
            best, n_best = rule, n
        if n == len(some):
            break
    n_best = _count(best, distinct, folders)
    n_plain = n_best if best is plain else _count(plain, distinct, folders)
    also = _as_good(best, few, folders, suffixes) if best is not plain else ()
    return Found(best, n_best, len(distinct), n_plain, tuple(dict.fromkeys(tried)), also)


def resolved(names: Sequence[str], rule: Rule, folders: Folders) -> list[Path]:
    """A path per name by one rule, in the spelling that it has on disk where it is there.

    Example:
        >>> resolved(["a.jpg"], Rule(Path("/no/such")), Folders())
        [PosixPath('/no/such/a.jpg')]
    """
    paths: dict[str, Path] = {}
    for name in names:
        if name not in paths:
            path = rule.path(name)
            found = _find(rule, name, folders)
            is_other = found is not None and found not in (path, os.path.normpath(path))
            paths[name] = Path(found if found is not None and is_other else path)
    return [paths[name] for name in names]


def _as_good(rule: Rule, names: Sequence[str], folders: Folders, known: frozenset[str]) -> tuple[str, ...]:
    """Other folders, or suffixes in the same folder, where most of these names are files too."""
    others = [replace(rule, folder=each) for each in ["", *_sub_folders(rule.base, folders)] if each != rule.folder]
    if not rule.folder:
        others = []
    held = folders.names(os.path.dirname(rule.path(names[0])))  # noqa: PTH120 - of text
    suffixes = sorted({os.path.splitext(each)[1] for each in held}) if rule.suffix else []  # noqa: PTH122 - of a name
    others += [replace(rule, suffix=each) for each in suffixes if each not in ("", rule.suffix)]
    first = next((name for name in names if _find(rule, name, folders)), names[0])
    usual = [each for each in others if not each.suffix or each.suffix.lower() in known]
    return tuple(
        os.path.relpath(each.path(first), rule.base) for each in usual if 2 * _count(each, names, folders) > len(names)
    )


def _tidy(name: str) -> str:
    """Without steps that lead nowhere: ./a is a."""
    return os.path.normpath(name) if name.startswith("./") or "//" in name or "/./" in name else name


def _count(rule: Rule, names: Sequence[str], folders: Folders) -> int:
    """Files found, each once: a rule that leads from two names to one file has lost what tells them apart."""
    return len({_find(rule, name, folders) for name in names} - {None})


def _find(rule: Rule, name: str, folders: Folders) -> str | None:
    if "\0" in name or len(name) > 4096:
        return None
    return folders.find(rule.path(name), any_case=rule.any_case)


def _rules(names: Sequence[str], bases: Sequence[Path], folders: Folders, known: frozenset[str]) -> Iterator[Rule]:
    """From what changes least of a name to what changes most."""
    windows = any("\\" in name for name in names)
    depth = max(len(re.split(r"[\\/]" if windows else "/", name.strip("/\\"))) for name in names)
    ways: list[tuple[tuple[int, ...], Rule]] = []
    numbers = all(name.isdigit() for name in names)
    for base in dict.fromkeys(bases):
        inner = ["", *_sub_folders(base, folders)]
        for sep, leading, folder in itertools.product(
            (False, True) if windows else (False,), range(min(depth, MOST_LEADING)), inner
        ):
            if sep != windows and (leading or folder):
                continue
            first = Rule(base, windows=sep, leading=leading, folder=folder)
            held = folders.names(os.path.dirname(first.path(names[0])))  # noqa: PTH120 - of text
            suffixes = sorted({os.path.splitext(each)[1] for each in held})  # noqa: PTH122 - of a name, many times
            endings = ["", *(suffix for suffix in suffixes if suffix.lower() in known)]
            digits = sorted({len(stem) for each in held if (stem := os.path.splitext(each)[0]).isdigit()})  # noqa: PTH122
            for suffix, any_case in itertools.product(endings, (False, True)):
                for width in (0, *(digits if numbers and len(digits) == 1 else ())):
                    rule = Rule(base, sep, leading, folder, suffix, any_case, width)
                    cost = (any_case, width > 0, bool(suffix), bool(folder), leading, bases.index(base))
                    ways.append((tuple(map(int, cost)), rule))
    for _, rule in sorted(ways, key=lambda way: (sum(map(bool, way[0])), way[0])):
        yield rule


def _unlisted(path: str) -> str | None:
    """A path in a folder that may be entered but not listed."""
    try:
        return path if os.path.lexists(path) else None
    except (OSError, ValueError):
        return None


def _sub_folders(base: Path, folders: Folders) -> list[str]:
    """Folders inside, and inside those, by name; hidden ones apart."""
    found: list[str] = []
    for name in _folders_in(base, folders):
        found += [name, *(f"{name}/{each}" for each in _folders_in(base / name, folders))]
        if len(found) >= MOST_FOLDERS:
            break
    return found[:MOST_FOLDERS]


def _folders_in(folder: Path, folders: Folders) -> list[str]:
    names = sorted(set(folders.names(str(folder)).values()))
    plain = (name for name in names if not name.startswith(".") and "." not in name[-5:])  # few files are asked
    return list(itertools.islice((name for name in plain if (folder / name).is_dir()), MOST_FOLDERS))


def _composed(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def nothing_found(found: Found, column: str, names: Sequence[str], base: Path) -> str:
    """What to say where no file was found, and how to fix it."""
    example = names[0]
    none = "the one file" if found.n_names == 1 else f"none of the {found.n_names} files"
    there = "is not there" if found.n_names == 1 else "is there"
    more = f"; … ({len(found.tried) - 6} more)" if len(found.tried) > 6 else ""
    return (
        f"{none} that column {column!r} names {there}; {readable(example[:100])!r}, for example, was looked for as "
        f"{readable(base / example[:200])}. Tried for all rows: {'; '.join(found.tried[:6])}{more}. "
        "To fix: write paths that start at the folder of the table (of a DataFrame: at the working directory), or "
        "absolute ones; or name another column by path=."
    )


def path_texts(cells: Sequence[Any], column: str) -> list[str | UnusableError]:
    """What each cell says of its path; numbers are names as well, such as 7 for 7.jpg."""
    are_numbers = all(cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool)) for cell in cells)
    if are_numbers:
        return [UnusableError(f"path is missing: {column}") if cell is None else str(cell) for cell in written(cells)]
    texts: list[str | UnusableError] = []
    for cell in cells:
        try:
            texts.append(_path_text(cell, column))
        except UnusableError as fault:
            texts.append(fault)
    return texts


def _path_text(cell: Any, column: str) -> str:
    if cell is None:
        raise UnusableError(f"path is missing: {column}")
    if not isinstance(cell, str | PurePath):
        raise UnusableError(f"path is not text: {type(cell).__name__}")
    text = str(cell).strip()
    if text.startswith("file://"):
        text = url2pathname(urlsplit(text).path)
    if "://" in text[:12]:
        raise UnusableError("path is a web address: nothing is ever fetched")
    return text
