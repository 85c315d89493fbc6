"""Folders that repeat what other folders hold: backups and copies that lie inside the data."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from drivetrain.text import readable

LEAST_SHARE = 0.5
LEAST_ROWS = 2
COPY_WORDS = re.compile(r"copy|copies|copie|kopie|backup|bak\b|dup|\(\d+\)|\bold\b", re.IGNORECASE)


def folders_that_repeat(
    paths: Sequence[Path], digests: Sequence[str], most: int = 5, *, noun: str = "pictures"
) -> list[str]:
    """A line for each folder at least half of whose files another folder has, too.

    Example:
        >>> paths = [Path("cat/1.jpg"), Path("cat/2.jpg"), Path("backup/cat/1.jpg"), Path("backup/cat/2.jpg")]
        >>> folders_that_repeat(paths, ["00", "11", "00", "11"])
        ['backup/cat repeats 2 of its 2 pictures from cat']
    """
    holds: dict[Path, set[str]] = defaultdict(set)
    where: dict[str, set[Path]] = defaultdict(set)
    for path, digest in zip(paths, digests, strict=True):
        holds[path.parent].add(digest)
        where[digest].add(path.parent)
    shared: Counter[tuple[Path, Path]] = Counter()
    for folders in where.values():
        if 1 < len(folders) <= 20:
            first = sorted(folders, key=_likelihood_of_copy)[0]
            shared.update((folder, first) for folder in folders if folder != first)
    root = _root(holds)
    lines: list[str] = []
    for (copy, original), n in shared.most_common():
        if n >= LEAST_ROWS and n >= LEAST_SHARE * len(holds[copy]):
            name, source = (readable(os.path.relpath(folder, root)) for folder in (copy, original))
            lines.append(f"{name} repeats {n} of its {len(holds[copy])} {noun} from {source}")
    more = [f"… ({len(lines) - most} more)"] if len(lines) > most else []
    return [*lines[:most], *more]


def _likelihood_of_copy(folder: Path) -> tuple[bool, int, str]:
    """Sorts originals first."""
    return bool(COPY_WORDS.search(str(folder))), len(folder.parts), str(folder)


def _root(folders: Iterable[Path]) -> str:
    try:
        return os.path.commonpath(list(folders)) or "."
    except ValueError:  # there are none, or on different drives
        return "."
