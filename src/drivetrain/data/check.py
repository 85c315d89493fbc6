"""Read every picture once before training, so that none can fail in the middle of an epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from drivetrain.errors import first_few
from drivetrain.progress import track
from drivetrain.runtime.cpus import usable_cpus
from drivetrain.runtime.pictures import Probe, probe_picture
from drivetrain.text import printable, readable

Checked = Probe
"""What was found for one file: digest, height, width (pixels, upright), and a problem or None."""

FILES_PER_STEP = 64
NAMES_PER_REASON = 3
MOST_LINES = 12


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
    """What a folder holds besides pictures, counted."""
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
            detail = ("such as " if len(details) > 1 and next(iter(details)) else "") + next(iter(details))
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


def check_pictures(
    paths: Sequence[Path],
    *,
    channels: int = 3,
    workers: int | None = None,
    value_range: tuple[int, int] | None = None,
    known: Container[str] = (),
) -> list[Checked]:
    """Digest and decode each file in a pool of threads; a bad file gets a `problem`, nothing is raised.

    Args:
        paths: Files, in any order; a path that occurs twice is read once.
        channels: As for `read_picture`.
        value_range: As for `read_picture`.
        known: Digests of contents that could be decoded before: these files are read, and not decoded.
        workers: Threads; None takes one per CPU core that this process may use, at most 16.

    Raises:
        SystemLimitError: Too many files are open.

    Returns:
        One `Checked` per path, in the order given.

    Example:
        >>> [checked.problem for checked in check_pictures([Path("/no/such.jpg")])]
        ['file is missing']
    """
    distinct = list(dict.fromkeys(paths))
    workers = workers or min(16, usable_cpus())
    found: dict[Path, Checked] = {}

    def check(path: Path) -> Checked:
        return probe_picture(path, channels=channels, value_range=value_range, known=known)

    with track("checking pictures", len(distinct)) as advance, ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(distinct), FILES_PER_STEP):
            step = distinct[start : start + FILES_PER_STEP]
            found.update(zip(step, pool.map(check, step), strict=True))
            advance(len(step))
    return [found[path] for path in paths]


def problems(
    paths: Sequence[Path], checked: Sequence[Checked], values: Sequence[object] | None = None
) -> list[LeftOut]:
    """The bad ones among the checked files; of `values`, the targets, text is their class.

    Example:
        >>> problems([Path("a.jpg")], [Checked(problem="file is empty")])
        [LeftOut(path='a.jpg', reason='file is empty', label='')]
    """
    values = [""] * len(paths) if values is None else values
    return [
        LeftOut(readable(path), found.problem, value if isinstance(value, str) else "")
        for path, found, value in zip(paths, checked, values, strict=True)
        if found.problem is not None
    ]
