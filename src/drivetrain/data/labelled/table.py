"""The table that a reader of somebody else's labels gives, and how its pictures are found."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from drivetrain.errors import DataError, first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.text import counted, readable

MOST_FOLDERS = 200
"""Looked through for the pictures."""
SAMPLED = 200
"""Names by which the folder is chosen."""
PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Labelled:
    """Columns that somebody else's labels become: `path`, `label`, `split` and what else is known."""

    columns: Mapping[str, Sequence[Any]]
    base: Path
    description: str
    """What was read, in words."""
    decisions: Mapping[str, Decision] = field(default_factory=dict[str, Decision])
    stated: frozenset[str] = frozenset()
    """Columns that are categories, however their cells look."""


class Rows:
    """Rows as they are read, each with a name of its file and its labels, and what was left out.

    Args:
        what: The format, for messages.
        where: The file or folder, for messages.
    """

    def __init__(self, what: str, where: Path) -> None:
        self.what, self.where = what, where
        self.names: list[str] = []
        self.labels: list[tuple[str, ...]] = []
        self.parts: list[str] = []
        self.groups: list[int] = []
        self.folders: list[list[Path]] = []
        self.left_out: Counter[str] = Counter()

    def below(self, *folders: Path) -> None:
        """Where the pictures of the rows that follow may lie."""
        self.folders.append(list(dict.fromkeys(folder.absolute() for folder in folders)))

    def add(self, name: str, labels: Iterable[str], part: str = "") -> None:
        """One picture; its labels, each once."""
        self.names.append(name)
        self.labels.append(tuple(dict.fromkeys(labels)))
        self.parts.append(part)
        self.groups.append(len(self.folders) - 1)

    def table(self, *, of_shapes: bool, how: str) -> Labelled:
        """The rows as a table.

        Args:
            of_shapes: Whether labels come from boxes or outlines, so that a picture may have none, one or several.
            how: What was read as the labels.

        Raises:
            DataError: No row has a label, or none of the pictures is found.
        """
        if not any(self.labels):
            raise DataError(
                f"{readable(self.where)} ({self.what}) has {counted(len(self.names), 'picture')} and no label of one; "
                "expected labels of whole pictures, boxes or outlines. To fix: label some, and export again."
            )
        self._merge()
        several = any(len(one) > 1 for one in self.labels)
        if not several:  # one category each; what has none cannot be learnt from
            keep = [row for row, one in enumerate(self.labels) if one]
            self.left_out["without a label"] += len(self.labels) - len(keep)
        else:
            keep = list(range(len(self.labels)))
        paths, chosen = self._paths(keep)
        columns: dict[str, Sequence[Any]] = {"path": paths}
        columns["label"] = [list(self.labels[row]) if several else self.labels[row][0] for row in keep]
        if any(self.parts):
            columns["split"] = [self.parts[row] or None for row in keep]
        of = "boxes and outlines count once for each picture" if of_shapes else "labels of whole pictures"
        said = "several labels per picture" if several else "one label per picture"
        decisions = {
            "read as": Decision(value=self.what, reason=f"{counted(len(keep), 'picture')} from {how}"),
            "labels": Decision(value=said, reason=of),
            "pictures": Decision(value=first_few(map(readable, chosen)), reason="where most names are found"),
        }
        if gone := {reason: n for reason, n in self.left_out.items() if n}:
            told = ", ".join(f"{n:,} {reason}" for reason, n in gone.items())
            decisions["not used"] = Decision(value=told, reason="as the labels say")
        return Labelled(columns, chosen[0], f"{self.what} {readable(self.where)}", decisions)

    def _merge(self) -> None:
        """Give a picture that is listed more than once one row, with all of its labels."""
        first: dict[tuple[str, str, int], int] = {}
        again: set[int] = set()
        for row, key in enumerate(zip(self.names, self.parts, self.groups, strict=True)):
            if (at := first.setdefault(key, row)) != row:
                again.add(row)
                self.labels[at] = tuple(dict.fromkeys((*self.labels[at], *self.labels[row])))
        if again:
            self.left_out["listed again"] += len(again)
            for listed in (self.names, self.labels, self.parts, self.groups):
                listed[:] = [value for row, value in enumerate(listed) if row not in again]  # pyright: ignore

    def _paths(self, keep: Sequence[int]) -> tuple[list[str], list[Path]]:
        """The place of each row's picture, and the folders in which they lie."""
        paths = {row: self.names[row] for row in keep}
        chosen: list[Path] = []
        for group, folders in enumerate(self.folders):
            rows = [row for row in keep if self.groups[row] == group]
            folder, rule = _folder_of([self.names[row] for row in rows], folders)
            if folder is None:
                continue
            chosen.append(folder)
            paths |= {row: str(folder / rule(self.names[row])) for row in rows}
        if not chosen:
            tried = first_few(readable(one) for folders in self.folders for one in folders)
            raise DataError(
                f"none of the {len(keep):,} pictures that {readable(self.where)} ({self.what}) names is found, such as "
                f"{readable(self.names[keep[0]])}; expected them in {tried} or the folders in them. To fix: put the "
                "pictures beside the labels, called as they were when they were labelled."
            )
        return list(paths.values()), chosen


def _folder_of(names: Sequence[str], folders: Sequence[Path]) -> tuple[Path | None, Any]:
    """The folder and the rule by which most of some names are found: as written, or by the last part alone.

    The last part says nothing where two names share it: one file would stand for both.
    """
    step = max(1, len(names) // SAMPLED)
    some = names[::step][:SAMPLED]
    likely: list[Path] = []
    for folder in folders:
        likely.append(folder)
        try:
            inside = sorted(Path(entry.path) for entry in os.scandir(folder) if entry.is_dir())
        except OSError:
            continue
        likely += inside[:MOST_FOLDERS]
        deeper = [sorted(one.iterdir()) for one in inside if one.name in ("images", "data")]
        likely += [path for paths in deeper for path in paths if path.is_dir()]
    rules = [lambda name: name, lambda name: PurePosixPath(name).name]
    rules = rules if len({rules[1](name) for name in names}) == len(set(names)) else rules[:1]
    best: tuple[int, Path | None, Any] = (0, None, None)
    for folder in list(dict.fromkeys(likely))[: 4 * MOST_FOLDERS]:
        for rule in rules:
            found = sum(_is_file(folder, rule(name)) for name in some)
            if found > best[0]:
                best = (found, folder, rule)
        if best[0] == len(some):
            break
    return best[1], best[2]


def _is_file(folder: Path, name: str) -> bool:
    try:
        return (folder / name).is_file()
    except (OSError, ValueError):
        return False


def inside(name: str) -> str:
    r"""A name that leads nowhere but into a folder: without drive, root and `..`.

    Example:
        >>> inside("../../etc/passwd"), inside("/data/a.jpg"), inside("C:\\x\\a.jpg")
        ('etc/passwd', 'data/a.jpg', 'x/a.jpg')
    """
    parts = name.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", "..") and not part.endswith(":"))
