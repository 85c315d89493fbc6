"""Files as the source of rows: which cannot be read, which share their bytes, and what their size and entropy say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drivetrain.data.check import Checked, open_each
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import DIGITS, Files, Inputs
from drivetrain.data.kind import Candidate, Settled
from drivetrain.errors import InputError
from drivetrain.kinds.binaries import fuzzy
from drivetrain.kinds.binaries.drawing import Layout, entropy_of
from drivetrain.kinds.binaries.formats import format_of
from drivetrain.kinds.binaries.reading import MOST, PIECES, read, read_file
from drivetrain.runtime.files.members import status_of
from drivetrain.runtime.files.scanning import ANY
from drivetrain.text import does

__all__ = [
    "METRICS",
    "VERSIONS",
    "check",
    "contents",
    "groupings",
    "metadata",
    "name",
    "near",
    "noun",
    "settle",
    "suffixes",
]

METADATA = "size, entropy and format"
"""What `metadata` gives, in words."""
METRICS = ("f1", "accuracy", "log_loss")
"""Where nothing is asked: F1 of each family first, averaged, because families are seldom of equal size."""
VERSIONS = True
"""The next version of a program is a near-duplicate of the last, and what a split by time is to be judged on."""
name = "binaries"
noun = "files"
_SUFFIXES = """
bin bz2 class com dat dex dll doc docx dylib elf exe gz hex img jar ko msi o obj pdf pyc pyd rom scr so sys wasm xz zip
"""
suffixes = frozenset((ANY, *(f".{suffix}" for suffix in _SUFFIXES.split())))
"""Any file of a folder; the others tell which column of a table names files."""
SHARED = 0.5
"""Of the sequences of the smaller file, that a second look has to find in the other."""
PACKED = frozenset(("zip", "gzip", "xz", "bzip2", "7z", "zstd", "rar"))
contents = frozenset({"size", "entropy"})
"""Columns of `metadata` that may rightly tell classes apart."""


@dataclass(frozen=True)
class Facts:
    """What was noticed of a file."""

    size: int
    format: str


def check(inputs: Files, /, *, layout: Layout = "width", pieces: int = 1, pairs: bool = True) -> list[Checked]:
    """Open each file once: its digest, its fingerprint, and what is wrong with it; none is run or unpacked."""
    del layout, pieces, pairs  # how they are drawn does not change what is in them

    def look(path: Path) -> Checked:
        try:
            content, digest = read_file(path, digest=True)
            size = status_of(path).st_size
        except (InputError, OSError) as error:
            return Checked(problem=_problem(error))
        return Checked(
            digest[:DIGITS], signature=fuzzy.fingerprint(content), facts=Facts(size, format_of(content[:512].tobytes()))
        )

    return open_each(inputs.paths, look, noun=noun)


def _problem(error: Exception) -> str:
    said = str(error).partition("; expected")[0]
    return (
        said.partition(" cannot be read: ")[2].join(("cannot be read: ", "")) if " cannot be read: " in said else said
    )


def settle(inputs: Files, checked: Sequence[Checked], options: Mapping[str, Any], *, decide: bool) -> Settled:
    """What deserves a word: huge files, of which pieces are read, and archives, whose bytes hide what is in them."""
    del inputs, decide
    facts = [one.facts for one in checked if isinstance(one.facts, Facts)]
    notes: list[str] = []
    if huge := sum(each.size > MOST for each in facts):
        notes.append(
            f"{huge} of {len(facts)} files {does(huge, 'are')} larger than a mebibyte; of each, {PIECES:,} pieces "
            "of 1,024 bytes are "
            "read, spread evenly from its beginning to its end, and what lies between is not seen"
        )
    if packed := sum(each.format in PACKED for each in facts):
        notes.append(
            f"{packed} of {len(facts)} files {does(packed, 'are')} archives; they are read as bytes and never "
            "unpacked, so that the "
            "model sees how they were compressed rather than what is in them (unpack them yourself to change that)"
        )
    return Settled(checked, options, notes=tuple(notes))


def groupings() -> Mapping[str, Callable[[Examples], Sequence[str]]]:
    """None; "near-duplicates" go by the fingerprint."""
    return {}


def metadata(rows: Examples, /) -> dict[str, list[Any]]:
    """Size, entropy and format of each file: what a triage by hand looks at first."""
    found: dict[str, list[Any]] = {"size": [], "entropy": [], "format": []}
    for path in rows.inputs:
        try:
            content, size = read(path), status_of(path).st_size
        except (InputError, OSError):
            for column in found.values():
                column.append(None)
            continue
        found["size"].append(float(size))
        found["entropy"].append(float(entropy_of(content).mean()))
        found["format"].append(format_of(content[:512].tobytes()))
    return found


class _Near:
    version = fuzzy.VERSION
    sure = fuzzy.SURE

    def fingerprints(self, inputs: Inputs, /, **options: Any) -> list[bytes]:
        """Of each file; b"" where it cannot be read."""
        return [one.signature for one in check(Files(list(inputs)), **options)]

    def pairs(self, rows: Examples, /) -> list[tuple[int, int]]:
        """Pairs that share at least half of what either holds."""
        return [(first, second) for first, second in fuzzy.near_pairs(rows.signatures)[0].tolist()]

    def candidates(self, fingerprints: Sequence[bytes], /) -> list[Candidate]:
        """The same with how far apart they are."""
        pairs, distances = fuzzy.near_pairs(fingerprints)
        return [
            Candidate(first, second, apart / fuzzy.BINS, f"{apart} of {fuzzy.BINS} parts of the fuzzy hash differ")
            for (first, second), apart in zip(pairs.tolist(), distances.tolist(), strict=True)
        ]

    def tells(self, fingerprint: bytes, /) -> bool:
        """Whether the file has enough different sequences of bytes."""
        return fuzzy.tells(fingerprint)

    def copies(self, fingerprints: Sequence[bytes], others: Sequence[bytes], /) -> fuzzy.Pairs:
        """Files of two lists that are near."""
        return fuzzy.near_copies(fingerprints, others)

    def same(self, one: Any, other: Any, /, *, turn: int = 0) -> bool:
        """Whether the smaller one is in the larger one for the most part."""
        del turn
        try:
            return fuzzy.shared(np.asarray(read(one)), np.asarray(read(other))) >= SHARED
        except InputError:
            return False


near = _Near()
