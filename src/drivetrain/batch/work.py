"""What is to be done: all inputs, cut into pieces that do not depend on who does them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from drivetrain.batch.places import Place
from drivetrain.data.kind import source_kind
from drivetrain.errors import SettingError
from drivetrain.text import readable

PIECES = 64
"""Wanted: so many keep several processes busy to the end, and so little is done again after an interruption."""
FILES, ROWS = (16, 4096), (1_000, 50_000)
"""In a piece, at least and at most."""
PARQUET = (".parquet", ".pq")
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".txt")


@dataclass(frozen=True)
class Piece:
    """Some files, or some rows of one Parquet file."""

    number: int
    written: str
    """The place that somebody named, where these files are."""
    paths: tuple[str, ...]
    """In its file system."""
    start: int | None = None
    """First row, of a Parquet file; None: whole files."""
    n: int = 0
    """Rows of it."""

    @property
    def file(self) -> str:
        """The name of its part among the answers: of the same piece always the same."""
        digest = hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()
        return f"part-{self.number:06}-{digest[:10]}.parquet"


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
    facts: list[Any] = []
    suffixes = source_kind(kind).suffixes
    for written in inputs:
        place = Place.of(written, "FILE|FOLDER")
        info = place.info()
        if info.type.name == "NotFound":
            raise SettingError(
                f"{readable(written)} is not there; expected a file or a folder. To fix: look at how it is written."
            )
        below = [] if info.is_file else [each for each in place.below() if not out.holds(place, each.path)]
        found = [info] if info.is_file else [each for each in below if _fits(each.path, suffixes, of_rows)]
        if not found:
            raise SettingError(
                f"{readable(written)} holds no inputs of {kind}; expected files to answer. To fix: give the folder "
                "that holds them."
            )
        files += [(place, each.path) for each in found]
        facts += [[place.named(each.path), each.size, str(each.mtime_ns)] for each in found]
    pieces = tuple(_pieces(files, of_rows=of_rows))
    return Work(pieces, hashlib.sha256(json.dumps(facts).encode()).hexdigest(), len(files))


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
                yield Piece(number, place.shown, (path,), start, min(rows, size - start))
                number += 1
            at += 1
            continue
        some = [path for other, path in files[at : at + at_once] if other.shown == place.shown]
        yield Piece(number, place.shown, tuple(some))
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
