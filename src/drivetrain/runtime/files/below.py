"""The inputs that a place stands for: the files below a folder, or the members of tar shards."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from drivetrain.errors import SettingError
from drivetrain.notices import warn
from drivetrain.runtime.files.members import index_of
from drivetrain.runtime.files.tar_index import ShardError
from drivetrain.text import counted, readable

TAR, PACKED_TAR = ".tar", (".tar.gz", ".tgz")
SHARDS = (TAR, *PACKED_TAR)
"""How tar files are called."""
EVERY = "(members)"
"""Stands for the members of a shard that cannot be listed: whoever reads this address is told why."""
CLASSES = ("cls", "cls2", "label", "class")
"""Endings of members that say the class of another one."""


def is_shard(path: str | os.PathLike[str]) -> bool:
    """Whether a file is there that is called as tar files are.

    Example:
        >>> is_shard("no/such.tar")
        False
    """
    text = os.fspath(path)
    return isinstance(text, str) and text.lower().endswith(SHARDS) and os.path.isfile(text)  # noqa: PTH113  # pyright: ignore[reportUnnecessaryIsInstance] - a path of bytes, one that is too long


def holds_inputs(place: str | os.PathLike[str]) -> bool:
    """Whether it is a folder or a tar file."""
    return os.path.isdir(place) or is_shard(place)  # noqa: PTH112 - Path.is_dir raises for long names


def inputs_below(place: Path, files: Callable[[Path], list[Path]], fits: Callable[[str], bool]) -> list[Path]:
    """The members of a tar file; or the files below a folder and, where there are none, the members of its shards.

    Args:
        place: A tar file or a folder.
        files: Lists the inputs below a folder.
        fits: Whether a member is an input, by its name in lower case.

    Returns:
        By path; members in the order in which they lie in their shard. Of a damaged shard its address with `(members)`.

    Raises:
        SettingError: A shard is compressed.
    """
    if is_shard(place):
        return members_of([place], fits)
    found = files(place)
    shards = shards_below(place)
    if not found:
        return members_of(shards, fits)
    if shards:
        warn_of_shards(place, len(shards))
    return found


def shards_below(folder: Path) -> list[Path]:
    """The tar files below a folder, by path; hidden ones apart."""
    found: list[Path] = []
    for inner, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        shards = (Path(inner, name) for name in names if not name.startswith(".") and name.lower().endswith(SHARDS))
        found += [shard for shard in shards if shard.is_file() or shard.is_symlink()]  # of a dead link it is told
    return sorted(found)


def warn_of_shards(place: str | os.PathLike[str], n: int) -> None:
    """Say that tar files lie beside inputs and are not looked into."""
    warn(
        f"{readable(place)}: {counted(n, 'tar file')} beside the inputs, and what is in such files is passed over. To "
        "fix: name them as inputs of their own, or go on without."
    )


def members_of(shards: Collection[Path], fits: Callable[[str], bool]) -> list[Path]:
    """The members of shards that are inputs, see `inputs_below`."""
    found: list[Path] = []
    odd = Counter[str]()
    refuse_packed(shards)
    for shard in shards:
        try:
            index = index_of(shard)
        except ShardError:
            found.append(shard / EVERY)
            continue
        names = enumerate(index.names)
        last = ((name, index.own_name(row).rpartition("/")[2].lower()) for row, name in names)
        found += [shard / name for name, own in last if not own.startswith(".") and fits(own)]
        odd.update({f"members are passed over: {why}": n for why, n in index.left_out.items()})
        odd.update(index.notes)
    for what, n in odd.items():
        warn(f"{readable(next(iter(shards)).parent)}: {n:,} × {what}. To fix: get the shards again, or go on without.")
    return found


def refuse_packed(shards: Iterable[str | Path]) -> None:
    """Raise SettingError where a shard is called as compressed ones are."""
    for shard in (each for each in shards if str(each).lower().endswith(PACKED_TAR)):
        raise SettingError(
            f"{readable(shard)} is compressed, where no member can be read alone; expected tar files that are not. "
            "To fix: unpack it into a folder, or gunzip it."
        )
