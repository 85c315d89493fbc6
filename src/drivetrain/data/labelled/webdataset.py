"""Shards of WebDataset: tar files whose members of one key are one sample, by github.com/webdataset/webdataset."""

from __future__ import annotations

import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from drivetrain.data.labelled.table import Labelled
from drivetrain.data.labelled.unpacking import Unpacked, names_of
from drivetrain.data.tables.labels import label_text
from drivetrain.data.tables.part_names import part_of
from drivetrain.errors import DataError, first_few
from drivetrain.runtime.decisions import Decision
from drivetrain.text import counted, readable, short_reason

WHAT = "WebDataset shards"
FOLDER = "/folder"
"""The column of the folders that samples are in: no field of JSON is called so."""
MOST_BYTES = 1 << 30
"""Of one member."""
SHARDS = (".tar", ".tar.gz", ".tgz")
TEXTS = ("txt", "text", "caption")
CLASSES = ("cls", "cls2", "label", "class")
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


def read_shards(shards: Sequence[Path], where: Path, suffixes: frozenset[str]) -> Labelled:
    """The samples of some shards; their files are written once into the cache folder.

    Args:
        shards: Tar files.
        where: What was passed.
        suffixes: Of the files that are inputs.

    Raises:
        DataError: A shard is damaged, or no sample has a file and a label.
    """
    unpacked = Unpacked()
    rows: list[dict[str, Any]] = []
    without: int = 0
    others: Counter[str] = Counter()
    for shard in shards:
        part = _part_of_shard(shard) if len(shards) > 1 else None
        for key, members in _samples(shard):
            inputs = [ending for ending in members if f".{ending.split('.')[-1]}" in suffixes]
            if not inputs:
                without += 1
                continue
            row = _said(members)
            if row is None:
                without += 1
                continue
            own = min(inputs, key=lambda ending: ending.count("."))  # "png" before "mask.png", its annotation
            row["path"] = str(unpacked.put(members[own]))
            others.update(ending for ending in inputs if ending != own)
            folders = [name for name in key.split("/")[:-1] if name not in ("", ".", "..")]
            if found := part or next(filter(None, map(part_of, folders[:-1])), None):
                row["split"] = found
            if folders:
                row[FOLDER] = label_text(folders[-1])
            rows.append(row)
    if not rows:
        raise DataError(
            f"{readable(where)} ({WHAT}) has no sample with such a file ({without:,} others); expected members such as "
            "000.jpg and 000.cls. To fix: pass shards of pictures."
        )
    return _table(rows, where, shards, without, others)


def _part_of_shard(shard: Path) -> str | None:
    """The part that a shard's name says, as in `imagenet1k-train-000012.tar`, or else that of its folder."""
    words = re.split(r"[-_.]", shard.name.split(".")[0])
    said = [part for part in map(part_of, filter(None, words)) if part]
    return said[0] if len(set(said)) == 1 else part_of(shard.parent.name)


def _samples(shard: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Key → ending → content of each sample: members of one key follow each other."""
    at: str | None = None
    members: dict[str, bytes] = {}
    try:
        with tarfile.open(shard, "r|*") as archive:
            for member in archive:
                if not member.isfile() or member.size > MOST_BYTES:
                    continue
                folder, _, name = member.name.rpartition("/")
                if name.startswith((".", "_")):
                    continue
                stem, _, ending = name.partition(".")
                key = f"{folder}/{stem}" if folder else stem
                if at is not None and key != at:
                    yield at, members
                    members = {}
                at = key
                content = archive.extractfile(member)
                members[ending.lower()] = b"" if content is None else content.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(
            f"{readable(shard)} cannot be read as a tar file: {short_reason(error)}; expected {WHAT}. To fix: get it "
            "again."
        ) from error
    if at is not None:
        yield at, members


def _said(members: Mapping[str, bytes]) -> dict[str, Any] | None:
    """What a sample says of its file; None where that is damaged."""
    row: dict[str, Any] = {}
    for ending, content in members.items():
        text = content.decode("utf-8", "replace").strip() if ending in (*CLASSES, *TEXTS) else ""
        if ending in CLASSES:
            row["label"] = label_text(int(text)) if text.isdecimal() else label_text(text)
        elif ending in TEXTS:
            row["text"] = text
        elif ending == "json":
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


def _table(
    rows: Sequence[Mapping[str, Any]], where: Path, shards: Sequence[Path], without: int, beside: Mapping[str, int]
) -> Labelled:
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
    if without:
        decisions["not used"] = Decision(
            value=counted(without, "sample"), reason="without such a file, or with damaged JSON"
        )
    if beside:
        said = first_few(f"{n:,} × .{ending}" for ending, n in sorted(beside.items(), key=lambda item: -item[1]))
        reason = "more such files in a sample; one is taken, that with the shortest ending"
        decisions["beside"] = Decision(value=said, reason=reason)
    reason = "they are written once into the cache folder"
    decisions["pictures"] = Decision(value=first_few(readable(shard.name) for shard in shards), reason=reason)
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
