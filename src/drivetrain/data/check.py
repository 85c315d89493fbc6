"""Open every row once before training, so that none can fail in the middle of an epoch."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from drivetrain.data.inputs import DIGITS, Cells, Files, Inputs, Spans
from drivetrain.data.kind import SourceKind
from drivetrain.errors import InputError, first_few
from drivetrain.progress import track
from drivetrain.runtime.cpus import usable_cpus
from drivetrain.runtime.files.members import bytes_of
from drivetrain.runtime.spec import InputSpec
from drivetrain.runtime.trust.system_limits import raise_if_limit
from drivetrain.text import printable, short_reason

Found = TypeVar("Found")

FILES_PER_STEP = 64
NAMES_PER_REASON = 3
DETAILS_PER_REASON = 3
MOST_LINES = 12


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found when one row was opened."""

    digest: str = ""
    """Of its content, see `drivetrain.data.inputs.Inputs.digest`."""
    problem: str | None = None
    """None for a good row, else a short reason without the row's name."""
    signature: bytes = b""
    """What it shows, for `NearDuplicates`; b"" where nothing can be told."""
    facts: Any = None
    """What the kind of input itself noticed, for its `settle`."""


@dataclass(frozen=True)
class LeftOut:
    """A row that is not used, and why; `reason` reads "group: detail"."""

    path: str
    reason: str
    label: str = ""
    """Its class, where one category is known."""


@dataclass(frozen=True)
class CheckReport:
    """What was looked at, what was left out and why; prints as one readable text.

    Example:
        >>> print(CheckReport(n_rows=3, left_out=(LeftOut("a.jpg", "file is empty"),), ignored={".txt files": 2}))
        2 of 3 rows can be used; 1 left out:
          1 × file is empty: a.jpg
        not looked at: 2 × .txt files
    """

    n_rows: int = 0
    """Rows that the source names."""
    left_out: tuple[LeftOut, ...] = ()
    ignored: Mapping[str, int] = field(default_factory=dict[str, int])
    """What a folder holds besides its rows, counted."""
    used: Mapping[str, int] = field(default_factory=dict[str, int])
    """Class → rows that are used, where each row has one category."""
    notes: tuple[str, ...] = ()
    """What else was noticed that deserves a warning."""

    @property
    def left_out_of_class(self) -> dict[str, Counter[str]]:
        """Class → reason → rows left out of it."""
        found: dict[str, Counter[str]] = {}
        for row in self.left_out:
            if row.label:
                found.setdefault(row.label, Counter())[row.reason.split(":")[0]] += 1
        return found

    @property
    def losses(self) -> list[str]:
        """Of each class that lost more than half of its rows, how many and why.

        Example:
            >>> gone = (LeftOut("a.jpg", "file is empty", "pear"), LeftOut("b.jpg", "file is empty", "pear"))
            >>> CheckReport(n_rows=5, left_out=gone, used={"fig": 2, "pear": 1}).losses
            ["class 'pear' keeps 1 of its 3 rows (left out: 2 × file is empty)"]
        """
        lines: list[str] = []
        for label, reasons in self.left_out_of_class.items():
            used = self.used.get(label, 0)
            if reasons.total() > used:
                why = ", ".join(f"{n} × {reason}" for reason, n in reasons.most_common())
                kept = "none" if not used else str(used)
                lines.append(f"class {label!r} keeps {kept} of its {used + reasons.total()} rows (left out: {why})")
        return lines

    @property
    def deserves_warning(self) -> bool:
        """Whether anything was left out or noticed."""
        return bool(self.left_out or self.notes)

    @property
    def by_reason(self) -> dict[str, list[LeftOut]]:
        """Rows left out, grouped by the part of the reason before the colon; the largest group first."""
        counts = Counter(row.reason.split(":")[0] for row in self.left_out)
        return {
            reason: [row for row in self.left_out if row.reason.split(":")[0] == reason]
            for reason, _ in counts.most_common()
        }

    def __str__(self) -> str:
        lines = [f"{self.n_rows - len(self.left_out)} of {self.n_rows} rows can be used"]
        if self.left_out:
            lines[0] += f"; {len(self.left_out)} left out:"
        for reason, rows in self.by_reason.items():
            details = dict.fromkeys(row.reason.partition(":")[2].strip() for row in rows)
            several = [each for each in details if each]
            detail = "; ".join(several[:DETAILS_PER_REASON]) + ("; …" if len(several) > DETAILS_PER_REASON else "")
            names = first_few((row.path for row in rows), most=NAMES_PER_REASON)
            lines.append(f"  {len(rows)} × {reason}{f' ({detail})' if detail else ''}: {names}")
        lines += [f"  {line}" for line in first_lines(self.losses)]
        lines += [f"  note: {note}." for note in first_lines(self.notes)]
        if self.ignored:
            lines.append("not looked at: " + ", ".join(f"{n} × {what}" for what, n in sorted(self.ignored.items())))
        return printable("\n".join(lines))


def first_lines(lines: Sequence[str]) -> list[str]:
    """The first few lines, and how many more there are."""
    more = [f"… ({len(lines) - MOST_LINES} more)"] if len(lines) > MOST_LINES else []
    return [*lines[:MOST_LINES], *more]


def open_each(
    files: Sequence[Path], look: Callable[[Path], Found], *, noun: str = "files", workers: int | None = None
) -> list[Found]:
    """What `look` finds in each file, in a pool of threads; a path that occurs twice is read once.

    Args:
        files: Paths, in any order.
        look: Opens one; tells what is wrong in what it returns rather than raising.
        noun: What the files are called while they are looked at.
        workers: Threads; None takes one per CPU core that this process may use, at most 16.

    Example:
        >>> open_each([Path("a.jpg"), Path("b.png")], lambda path: path.suffix)
        ['.jpg', '.png']
    """
    distinct = list(dict.fromkeys(files))
    workers = workers or min(16, usable_cpus())
    found: dict[Path, Found] = {}
    with track(f"checking {noun}", len(distinct)) as advance, ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(distinct), FILES_PER_STEP):
            step = distinct[start : start + FILES_PER_STEP]
            found.update(zip(step, pool.map(look, step), strict=True))
            advance(len(step))
    return [found[path] for path in files]


def check_files(inputs: Any, spec: InputSpec, *, noun: str) -> list[Checked]:
    """Whether the description of a kind of input can load each file, and the digest of its content.

    Args:
        inputs: Files.
        spec: Of the kind.
        noun: What the files are called, in the plural.
    """

    def look(path: Path) -> Checked:
        try:
            content = bytes_of(path)
        except (OSError, ValueError) as error:
            raise_if_limit(error, path)
            return Checked(problem=f"cannot be opened: {short_reason(error)}")
        try:
            spec.load(content)
        except InputError as error:
            return Checked(problem=str(error).partition(". To fix:")[0].partition("; expected")[0])
        return Checked(hashlib.sha256(content).hexdigest()[:DIGITS])

    found = open_each(inputs.paths, look, noun=noun)
    if not isinstance(inputs, Spans):
        return found
    return [
        one if one.problem else replace(one, digest=inputs.digest_of(row, one.digest)) for row, one in enumerate(found)
    ]


def check_cells(cells: Cells) -> list[Checked]:
    """The digest of each row of a table; nothing can be wrong with it.

    Example:
        >>> import numpy as np
        >>> len(check_cells(Cells({"age": np.array([30.0, 41.0])}))[0].digest)
        32
    """
    return [Checked(digest) for digest in cells.digests()]


def check_unknown(
    kind: SourceKind, inputs: Inputs, options: Mapping[str, Any], known: Container[str] = ()
) -> list[Checked]:
    """What the kind finds in each row; of contents that are known the digest alone, and these are not opened."""
    if known == ():
        return kind.check(inputs, **options)
    checked = [Checked(digest or "") for digest in _digests(inputs)]
    rest = [row for row, one in enumerate(checked) if one.digest not in known]
    for row, found in zip(rest, kind.check(inputs.take(rest), **options), strict=True):
        checked[row] = found
    return checked


def _digests(inputs: Inputs) -> Sequence[str | None]:
    """Of each row; None where a file cannot be read, which opening it will explain."""
    if isinstance(inputs, Cells):
        return inputs.digests()
    paths = cast("Files", inputs).paths

    def digest(path: Path) -> str | None:
        try:
            return Files([path]).digest(0)
        except (OSError, ValueError) as error:
            raise_if_limit(error, path)
            return None

    found = open_each(paths, digest)
    if not isinstance(inputs, Spans):
        return found
    return [None if one is None else inputs.digest_of(row, one) for row, one in enumerate(found)]


def problems(inputs: Inputs, checked: Sequence[Checked]) -> dict[int, LeftOut]:
    """The rows among them that cannot be used.

    Example:
        >>> from drivetrain.data.inputs import Files
        >>> problems(Files([Path("a.jpg")]), [Checked(problem="file is empty")])
        {0: LeftOut(path='a.jpg', reason='file is empty', label='')}
    """
    return {
        row: LeftOut(inputs.name(row), found.problem) for row, found in enumerate(checked) if found.problem is not None
    }
