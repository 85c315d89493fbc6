"""Shards of WebDataset: tar files whose members of one key are one sample, by github.com/webdataset/webdataset."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from drivetrain.data.labelled.table import Labelled
from drivetrain.data.labelled.unpacking import Unpacked, names_of
from drivetrain.data.notices import warn
from drivetrain.data.tables.labels import label_text
from drivetrain.data.tables.part_names import part_of
from drivetrain.errors import DataError, first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.below import CLASSES, SHARDS
from drivetrain.runtime.files.members import bytes_of, index_of, status_of
from drivetrain.runtime.files.packed_tar import packed_members
from drivetrain.runtime.files.tar_index import ShardError, TarIndex, packing_of
from drivetrain.text import counted, does, readable, short_reason

T = TypeVar("T")
WHAT = "WebDataset shards"
FOLDER = "/folder"
"""The column of the folders that samples are in: no field of JSON is called so."""
MOST_SAID = 1 << 26
"""Bytes of a member that says something of its sample."""
TEXTS = ("txt", "text", "caption")
NAMES = ("classnames.txt", "classes.txt", "labels.txt")
"""Files beside the shards that name the classes, one a line."""


def shards_in(place: Path, suffixes: frozenset[str] = frozenset()) -> list[Path]:
    """The shards that a path names: a tar file, those of a folder, or those in its folders of parts.

    A tar file beside folders of pictures is no shard: somebody's backup, perhaps.

    Args:
        place: File or folder.
        suffixes: Of pictures.
    """
    if place.is_file():
        return [place] if _is_shard(place) else []
    folders = [path for path in sorted(place.iterdir()) if path.is_dir() and not path.name.startswith((".", "_"))]
    if any(_holds_files(folder, suffixes) for folder in folders):
        return []
    parts = [folder for folder in folders if part_of(folder.name)]
    return _shards(place) or [shard for folder in parts for shard in _shards(folder)]


def _shards(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _is_shard(path))


def _is_shard(path: Path) -> bool:
    return path.name.lower().endswith(SHARDS) and not path.name.startswith((".", "_"))


def _holds_files(folder: Path, suffixes: frozenset[str]) -> bool:
    """Whether pictures or further folders are in a folder."""
    return any(path.suffix.lower() in suffixes or path.is_dir() for path in folder.iterdir())


@dataclass
class _Told:
    """What is found on the way and has to be said."""

    without: int = 0
    again: int = 0
    beside: Counter[str] = field(default_factory=Counter[str])
    packed: Counter[str] = field(default_factory=Counter[str])
    left_out: Counter[str] = field(default_factory=Counter[str])
    odd: dict[str, list[Path]] = field(default_factory=dict[str, list[Path]])

    def of(self, index: TarIndex, shard: Path) -> None:
        """What the index of a shard says."""
        self.left_out.update(index.left_out)
        for note in index.notes:
            self.odd.setdefault(note, []).append(shard)

    def warn(self) -> None:
        """Of what may be a loss."""
        if self.left_out:
            what = ", ".join(f"{n:,} × {why}" for why, n in self.left_out.items())
            warn(
                f"the shards have members that are not read: {what}. To fix: write them again with the files "
                "themselves, or go on without."
            )
        if self.again:
            warn(
                f"{counted(self.again, 'member')} of the shards {does(self.again, 'have')} the name of an earlier one "
                "in the same shard: each begins a sample of its own. To fix: give every sample another key, or go on."
            )
        for note, shards in self.odd.items():
            said = first_few(readable(shard.name) for shard in shards)
            warn(f"of {said}: {note}. To fix: get the shards again, or go on if they are whole.")

    @property
    def way(self) -> str:
        """How the files are read, for the record."""
        if not self.packed:
            return "they are read where they lie in the shards, by their places"
        n = self.packed.total()
        return (
            f"they are read where they lie in the shards; those of {counted(n, 'compressed shard')} "
            f"({', '.join(self.packed)}), which cannot be read by place, are written once into the cache folder"
        )


@dataclass(frozen=True)
class _Sample:
    """Members of one key, by their endings."""

    key: str
    endings: Collection[str]
    content: Callable[[str], bytes]
    place: Callable[[str], str]
    """The path of a member: its address in the shard, or that of a copy in the cache folder."""


def read_shards(shards: Sequence[Path], where: Path, suffixes: frozenset[str]) -> Labelled:
    """The samples of some shards; their files are read where they lie, those of compressed shards are written once.

    Args:
        shards: Tar files.
        where: What was passed.
        suffixes: Of the files that are inputs.

    Raises:
        DataError: A shard is damaged, or no sample has a file and a label.
    """
    rows: list[dict[str, Any]] = []
    told = _Told()
    for shard in shards:
        part = _part_of_shard(shard) if len(shards) > 1 else None
        for sample in _samples(shard, told):
            inputs = [ending for ending in sample.endings if f".{ending.split('.')[-1]}" in suffixes]
            row = _said(sample) if inputs else None
            if row is None:
                told.without += 1
                continue
            own = min(inputs, key=lambda ending: ending.count("."))  # "png" before "mask.png", its annotation
            row["path"] = sample.place(own)
            told.beside.update(ending for ending in inputs if ending != own)
            folders = [name for name in sample.key.split("/")[:-1] if name not in ("", ".", "..")]
            if found := part or next(filter(None, map(part_of, folders[:-1])), None):
                row["split"] = found
            if folders:
                row[FOLDER] = label_text(folders[-1])
            rows.append(row)
    told.warn()
    if not rows:
        raise DataError(
            f"{readable(where)} ({WHAT}) has no sample with such a file ({told.without:,} others); expected members "
            "such as 000.jpg and 000.cls. To fix: pass shards of pictures."
        )
    return _table(rows, where, shards, told)


def _part_of_shard(shard: Path) -> str | None:
    """The part that a shard's name says, as in `imagenet1k-train-000012.tar`, or else that of its folder."""
    words = re.split(r"[-_.]", shard.name.split(".")[0])
    said = [part for part in map(part_of, filter(None, words)) if part]
    return said[0] if len(set(said)) == 1 else part_of(shard.parent.name)


def _samples(shard: Path, told: _Told) -> Iterator[_Sample]:
    """Of a shard: by its index; of a compressed one, where nothing can be found again by its place, one by one."""
    try:
        packing = packing_of(shard)
        if packing is None:
            yield from _indexed(shard, told)
        else:
            told.packed[packing] += 1
            yield from _streamed(shard, packing, told)
    except (ShardError, OSError) as error:
        said = str(error) if isinstance(error, ShardError) else short_reason(error)
        raise DataError(f"{readable(shard)} cannot be read: {said}; expected {WHAT}. To fix: get it again.") from error


def _indexed(shard: Path, told: _Told) -> Iterator[_Sample]:
    """Members of one key wherever they lie; one whose ending its sample has already begins another sample."""
    index, address = index_of(shard), str(shard.absolute())
    told.of(index, shard)
    samples: list[tuple[str, dict[str, str]]] = []
    latest: dict[str, dict[str, str]] = {}
    for row, name in enumerate(index.names):
        if (found := _key_of(index.own_name(row))) is None:
            continue
        key, ending = found
        if key in latest and ending in latest[key]:
            told.again += 1
            del latest[key]
        if key not in latest:
            latest[key] = {}
            samples.append((key, latest[key]))
        latest[key][ending] = f"{address}/{name}"
    for key, members in (found for sample in samples for found in _told_apart(*sample)):
        yield _Sample(key, members, lambda ending, of=members: _content(of[ending]), members.__getitem__)


def _content(address: str) -> bytes:
    """What a label says; of what is too long for one, nothing."""
    return bytes_of(address) if status_of(address).st_size <= MOST_SAID else b""


def _streamed(shard: Path, packing: str, told: _Told) -> Iterator[_Sample]:
    """Members of one key that follow each other."""
    unpacked = Unpacked()
    at: str | None = None
    members: dict[str, bytes] = {}

    def samples(key: str) -> Iterator[_Sample]:
        for own, of in _told_apart(key, members):
            yield _Sample(own, of, of.__getitem__, lambda ending, of=of: str(unpacked.put(of[ending])))

    for name, content in packed_members(shard, packing, told.left_out):
        if (found := _key_of(name)) is None:
            continue
        key, ending = found
        if at is not None and key != at:
            yield from samples(at)
            members = {}
        at = key
        members[ending] = content
    if at is not None:
        yield from samples(at)


def _key_of(name: str) -> tuple[str, str] | None:
    """Key and ending of a member's name; None for hidden files."""
    folder, _, last = name.rpartition("/")
    if last.startswith((".", "_")):
        return None
    stem, _, ending = last.partition(".")
    return f"{folder}/{stem}" if folder else stem, ending.lower()


def _told_apart(key: str, members: Mapping[str, T]) -> Iterator[tuple[str, Mapping[str, T]]]:
    """The samples of one key: several where no member has a plain ending, as then their names themselves have dots.

    Example:
        >>> list(_told_apart("2024", {"01.jpg": 1, "01.cls": 2, "02.jpg": 3}))
        [('2024.01', {'jpg': 1, 'cls': 2}), ('2024.02', {'jpg': 3})]
        >>> list(_told_apart("7", {"jpg": 1, "mask.png": 2}))
        [('7', {'jpg': 1, 'mask.png': 2})]
    """
    if any("." not in ending for ending in members):
        yield key, members
        return
    found: dict[str, dict[str, T]] = {}
    for ending, member in members.items():
        stem, _, last = ending.rpartition(".")
        found.setdefault(f"{key}.{stem}", {})[last] = member
    yield from found.items()


def _said(sample: _Sample) -> dict[str, Any] | None:
    """What a sample says of its file; None where that is damaged."""
    row: dict[str, Any] = {}
    for ending in sample.endings:
        if ending not in (*CLASSES, *TEXTS, "json"):
            continue
        content = sample.content(ending)
        text = "" if ending == "json" else content.decode("utf-8", "replace").strip()
        if ending in CLASSES:
            row["label"] = label_text(int(text)) if text.isdecimal() else label_text(text)
        elif ending in TEXTS:
            row["text"] = text
        else:
            try:
                found = json.loads(content)
            except (ValueError, RecursionError):
                return None
            if isinstance(found, dict):
                said = cast("dict[str, Any]", found)
                row = {**{key: said[key] for key in said if _is_plain(key, said[key])}, **row}
            elif isinstance(found, str | int | list):
                row.setdefault("label", found)
    return row


def _is_plain(key: str, value: Any) -> bool:
    """Whether what JSON says is a cell of its own."""
    return key not in ("path", "split") and not isinstance(value, dict)


def _table(rows: Sequence[Mapping[str, Any]], where: Path, shards: Sequence[Path], told: _Told) -> Labelled:
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns: dict[str, list[Any]] = {name: [row.get(name) for row in rows] for name in names}
    decisions = {
        "read as": Decision(value=WHAT, reason=f"{counted(len(rows), 'sample')} in {counted(len(shards), 'shard')}")
    }
    folders = columns.pop(FOLDER, [None])
    others = [name for name in columns if name not in ("path", "split", "text")]
    if not others and any(folders):
        columns["label"] = folders
        decisions["labels"] = Decision(value="folders inside the shards", reason="samples say no class of their own")
    elif "label" in columns and (classes := _class_names(shards, columns["label"])) is not None:
        file, named = classes
        columns["label"] = named
        decisions["labels"] = Decision(value=readable(file.name), reason="names the classes of the numbers")
    elif not others and "text" not in columns:
        raise DataError(
            f"{readable(where)} ({WHAT}) has {counted(len(rows), 'file')} and no label; expected members such as "
            "000.cls or 000.json beside 000.jpg. To fix: pass shards with labels."
        )
    if told.without:
        decisions["not used"] = Decision(
            value=counted(told.without, "sample"), reason="without such a file, or with damaged JSON"
        )
    if told.beside:
        said = first_few(f"{n:,} × .{ending}" for ending, n in told.beside.most_common())
        reason = "more such files in a sample; one is taken, that with the shortest ending"
        decisions["beside"] = Decision(value=said, reason=reason)
    decisions["pictures"] = Decision(value=first_few(readable(shard.name) for shard in shards), reason=told.way)
    return Labelled(
        columns, where if where.is_dir() else where.parent, f"{WHAT} {readable(where)}", decisions, frozenset(["label"])
    )


def _class_names(shards: Sequence[Path], labels: Sequence[Any]) -> tuple[Path, list[str | None]] | None:
    """The file beside the shards that names the classes, and the labels by name; None without one."""
    if not all(isinstance(label, int) or str(label).isdecimal() for label in labels):
        return None
    numbers = [int(label) for label in labels]
    for folder in dict.fromkeys(place for shard in shards for place in (shard.parent, shard.parent.parent)):
        for name in NAMES:
            if (folder / name).is_file():
                lines = [
                    label_text(line)
                    for line in (folder / name).read_text("utf-8", "replace").splitlines()
                    if line.strip()
                ]
                if max(numbers) < len(lines) and min(numbers) >= 0:
                    return folder / name, names_of(numbers, lines)
    return None
