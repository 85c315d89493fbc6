"""Read every picture once before training, so that none can fail in the middle of an epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from drivetrain.errors import first_few
from drivetrain.progress import track
from drivetrain.runtime.cpus import usable_cpus
from drivetrain.runtime.pictures import Probe, probe_picture
from drivetrain.text import readable

Checked = Probe
"""What was found for one file: digest, height, width (pixels, upright), and a problem or None."""

FILES_PER_STEP = 64
NAMES_PER_REASON = 3


@dataclass(frozen=True)
class LeftOut:
    """A row that is not used, and why; `reason` reads "group: detail"."""

    path: str
    reason: str


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
        if self.ignored:
            lines.append("not looked at: " + ", ".join(f"{n} × {what}" for what, n in sorted(self.ignored.items())))
        return "\n".join(lines)


def check_pictures(paths: Sequence[Path], *, channels: int = 3, workers: int | None = None) -> list[Checked]:
    """Digest and decode each file in a pool of threads; a bad file gets a `problem`, nothing is raised.

    Args:
        paths: Files, in any order; a path that occurs twice is read once.
        channels: As for `read_picture`.
        workers: Threads; None takes one per CPU core that this process may use, at most 16.

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
        return probe_picture(path, channels=channels)

    with track("checking pictures", len(distinct)) as advance, ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(distinct), FILES_PER_STEP):
            step = distinct[start : start + FILES_PER_STEP]
            found.update(zip(step, pool.map(check, step), strict=True))
            advance(len(step))
    return [found[path] for path in paths]


def problems(paths: Iterable[Path], checked: Iterable[Checked]) -> list[LeftOut]:
    """The bad ones among the checked files.

    Example:
        >>> problems([Path("a.jpg")], [Checked(problem="file is empty")])
        [LeftOut(path='a.jpg', reason='file is empty')]
    """
    return [
        LeftOut(readable(path), found.problem)
        for path, found in zip(paths, checked, strict=True)
        if found.problem is not None
    ]
