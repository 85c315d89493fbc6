"""What is to be done: all inputs, cut into pieces that do not depend on who does them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from drivetrain.batch.places import Place
from drivetrain.data.kind import source_kind
from drivetrain.errors import SettingError
from drivetrain.notices import warn
from drivetrain.runtime.files.below import SHARDS, members_of, refuse_packed, warn_of_shards
from drivetrain.runtime.files.members import shard_of
from drivetrain.text import counted, readable

PIECES = 64
"""Wanted: so many keep several processes busy to the end, and so little is done again after an interruption."""
FILES, ROWS = (16, 4096), (1_000, 50_000)
"""In a piece, at least and at most."""
PART = "part-"
"""What the names of parts begin with."""
PARQUET = (".parquet", ".pq")
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".txt")


@dataclass(frozen=True)
class Piece:
    """Some files, or some rows of one Parquet file."""

    number: int
    written: str = field(repr=False)
    """The place that somebody named, where these files are; may hold a key."""
    named: tuple[str, ...]
    """The files as the answers call them."""
    paths: tuple[str, ...]
    """In its file system."""
    start: int | None = None
    """First row, of a Parquet file; None: whole files."""
    n: int = 0
    """Rows of it."""

    @property
    def file(self) -> str:
        """The name of its part among the answers: of the same piece always the same."""
        of = [self.number, self.named, self.start, self.n]  # not how the place was written: a key is changed
        digest = hashlib.sha256(json.dumps(of).encode()).hexdigest()
        return f"{PART}{self.number:06}-{digest[:10]}.parquet"


@dataclass(frozen=True)
class Work:
    """All pieces."""

    pieces: tuple[Piece, ...]
    identity: str
    """Over all files with their sizes and times: another one where an input was changed."""
    n_files: int


def work_of(inputs: Sequence[str], kind: str, out: Place, *, of_rows: bool) -> Work:
    """List the inputs and cut them into pieces.

    Args:
        inputs: Files, folders and addresses.
        kind: Of input.
        out: Where answers go: what lies there is no input, also where it is a folder in the one that is answered.
        of_rows: Whether the model reads rows, so that a table holds many inputs.

    Raises:
        SettingError: A place does not exist, or holds no inputs.
    """
    files: list[tuple[Place, str]] = []
    facts: dict[Any, list[Any]] = {}
    seen: set[tuple[tuple[str, str], str]] = set()
    n_again = 0
    suffixes = source_kind(kind).suffixes
    for written in inputs:
        place = Place.of(written, "FILE|FOLDER")
        known, paths = _below(place, out, suffixes, of_rows)
        if not paths:
            raise SettingError(
                f"{readable(place.shown)} holds no inputs of {kind}; expected files to answer. To fix: give the folder "
                "that holds them."
            )
        fresh = [path for path in paths if (place.store, path) not in seen]
        n_again += len(paths) - len(fresh)
        seen |= {(place.store, path) for path in fresh}
        files += [(place, path) for path in fresh]
        for each in known:
            facts.setdefault((place.store, each.path), [place.named(each.path), each.size, str(each.mtime_ns)])
    if n_again:
        warn(f"{counted(n_again, 'file')} named more than once: each is answered once.")
    pieces = tuple(_pieces(files, of_rows=of_rows))
    identity = hashlib.sha256(json.dumps(list(facts.values())).encode()).hexdigest()
    return Work(pieces, identity, len(files))


def _below(place: Place, out: Place, suffixes: frozenset[str], of_rows: bool) -> tuple[list[Any], list[str]]:
    """The files that a place stands for, and the paths of the inputs: the same or, of tar files, their members."""
    info = place.info()
    if info.type.name == "NotFound":
        if place.local and (found := shard_of(place.path)) is not None and Path(found[0]).is_file():
            return [place.system.get_file_info(found[0])], [place.path]  # a member of a shard
        raise SettingError(
            f"{readable(place.shown)} is not there; expected a file or a folder. To fix: look at how it is written."
        )
    below = [info] if info.is_file else [each for each in place.below() if not out.holds(place, each.path)]
    shards = [each for each in below if each.path.lower().endswith(SHARDS)] if suffixes and "*" not in suffixes else []
    if info.is_file and not shards:
        return [info], [info.path]
    files = [each for each in below if _fits(each.path, suffixes, of_rows)]
    if not files:
        return shards, _members(place, [each.path for each in shards], suffixes)
    if shards:
        warn_of_shards(place.shown, len(shards))
    return files, [each.path for each in files]


def _members(place: Place, shards: Sequence[str], suffixes: frozenset[str]) -> list[str]:
    """What lies in shards on this machine; of others the shards, each of which a worker fetches whole."""
    if place.local:
        found = members_of(list(map(Path, shards)), lambda name: name.endswith(tuple(suffixes)))
        return list(map(str, found))
    refuse_packed(shards)
    return list(shards)


def _fits(path: str, suffixes: frozenset[str], of_rows: bool) -> bool:
    name = path.lower()
    if of_rows and name.endswith((*PARQUET, *TABLES)):
        return True
    return "*" in suffixes or any(name.endswith(suffix) for suffix in suffixes)


def _pieces(files: Sequence[tuple[Place, str]], *, of_rows: bool) -> Iterator[Piece]:
    """In the order of the files, as the answers are."""
    sizes = [_n_rows(*each) if of_rows and each[1].lower().endswith(PARQUET) else None for each in files]
    rows = _between(sum(size or 0 for size in sizes) // PIECES, *ROWS)
    at_once = 1 if of_rows else _between(len(files) // PIECES, *FILES)
    number = at = 0
    while at < len(files):
        (place, path), size = files[at], sizes[at]
        if size is not None:
            for start in range(0, max(size, 1), rows):
                yield Piece(number, place.written, (place.named(path),), (path,), start, min(rows, size - start))
                number += 1
            at += 1
            continue
        together = takewhile(lambda each: each[0].written == place.written, files[at : at + at_once])  # noqa: B023
        some = [path for _, path in together]
        yield Piece(number, place.written, tuple(map(place.named, some)), tuple(some))
        number, at = number + 1, at + len(some)


def _n_rows(place: Place, path: str) -> int | None:
    """Of a Parquet file; None where it cannot be read, which its answer will say."""
    try:
        with place.system.open_input_file(path) as stream:
            return int(pq.ParquetFile(stream).metadata.num_rows)
    except (OSError, pa.ArrowException):
        return None


def _between(value: int, least: int, most: int) -> int:
    return max(least, min(most, value))
