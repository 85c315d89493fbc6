"""Run one program and measure it from outside: its wall time, its processor time and the memory of its process tree.

Every program is measured alike, by the clock of whoever started it: seconds run from just before the start of the
process to the arrival of a line that it printed, so that imports and the start of the interpreter count.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

SECONDS_BETWEEN_SAMPLES = 0.25
SECONDS_BETWEEN_SHARES = 5.0
"""A process' share of pages held in common is dear to find out where gigabytes of a file are mapped."""
PROC = Path("/proc")


@dataclass(frozen=True)
class Line:
    """One line that a program printed."""

    seconds: float
    """Since the start of the program."""
    stream: str
    text: str


@dataclass
class Ran:
    """What a program did until it said that it was done, or ended."""

    command: list[str]
    code: int
    seconds: float
    lines: list[Line]
    memory_bytes: dict[str, int]
    """Peaks over the process tree. `pss`: pages shared by n processes count 1/n each; `pss_anonymous`: of these what
    no file backs; `rss`, `anonymous`: sums over the processes, so that shared pages count several times."""
    cpu_seconds: float
    load_before: float
    """Processes that wanted to run in the minute before the start: what else the machine was doing."""

    @property
    def output(self) -> str:
        return "\n".join(line.text for line in self.lines if line.stream == "stdout")

    @property
    def last_words(self) -> str:
        """The last line on standard error that says something."""
        said = [line.text for line in self.lines if line.stream == "stderr" and re.search(r"[a-z]{2}", line.text)]
        return said[-1].strip("│ ") if said else ""


@dataclass
class Watch:
    """Peaks of a process tree, sampled by a thread until stopped."""

    pid: int
    peaks: dict[str, int] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    stopped: threading.Event = field(default_factory=threading.Event)

    def start(self) -> Watch:
        if PROC.is_dir():
            threading.Thread(target=self._sample, daemon=True).start()
        return self

    def stop(self) -> None:
        if not self.stopped.is_set():
            self._take(shares=True)
            self.stopped.set()

    def _sample(self) -> None:
        shares_at = 0.0
        while not self.stopped.is_set():
            due = time.monotonic() >= shares_at
            if due:
                shares_at = time.monotonic() + SECONDS_BETWEEN_SHARES
            self._take(shares=due)
            self.stopped.wait(SECONDS_BETWEEN_SAMPLES)

    def _take(self, *, shares: bool) -> None:
        found = process_tree(self.pid)
        sizes = [fields_of(PROC / str(pid) / "status") for pid in found]
        seen = {"rss": "VmRSS", "anonymous": "RssAnon"}
        totals = {name: sum(size.get(key, 0) for size in sizes) for name, key in seen.items()}
        if shares:
            rolled = [fields_of(PROC / str(pid) / "smaps_rollup") for pid in found]
            for name, key in (("pss", "Pss"), ("pss_anonymous", "Pss_Anon")):
                totals[name] = sum(size.get(key, 0) for size in rolled)
        if self.stopped.is_set():
            return
        for name, total in totals.items():
            self.peaks[name] = max(self.peaks.get(name, 0), total)
        self.cpu_seconds = max(self.cpu_seconds, sum(processor_seconds(pid) for pid in found))


def run(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    done: Callable[[str], bool] = lambda line: False,
    show: bool = True,
) -> Ran:
    """Run a program to its end; measure it until it prints a line for which `done` holds, or else to its end."""
    load = os.getloadavg()[0]
    lines: list[Line] = []
    ended: list[float] = []
    began = time.monotonic()
    process = subprocess.Popen(
        list(command),
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    watch = Watch(process.pid).start()

    def read(stream: IO[str], name: str) -> None:
        for text in stream:
            lines.append(Line(time.monotonic() - began, name, text.rstrip("\n")))
            if not ended and done(lines[-1].text):
                ended.append(lines[-1].seconds)
                watch.stop()
            if show:
                print(f"    {text.rstrip()}", file=sys.stderr, flush=True)

    assert process.stdout
    assert process.stderr
    readers = [
        threading.Thread(target=read, args=pair) for pair in ((process.stdout, "stdout"), (process.stderr, "stderr"))
    ]
    for reader in readers:
        reader.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)  # with its own and its ended children's processor time
    except BaseException:
        process.kill()  # whoever stops a benchmark does not want what it started to go on
        raise
    seconds = time.monotonic() - began
    watch.stop()
    for reader in readers:
        reader.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if not ended:
        watch.cpu_seconds = usage.ru_utime + usage.ru_stime
    return Ran(
        command=list(command),
        code=process.returncode,
        seconds=ended[0] if ended else seconds,
        lines=sorted(lines, key=lambda line: line.seconds),
        memory_bytes=watch.peaks,
        cpu_seconds=watch.cpu_seconds,
        load_before=load,
    )


def process_tree(root: int) -> list[int]:
    """A process and all that descend from it, as far as they still run."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (stat := stat_of(int(entry.name))):
            children.setdefault(int(stat[1]), []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def stat_of(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on: the name before it may hold spaces."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def processor_seconds(pid: int) -> float:
    """Of the process and of those children that it has waited for."""
    stat = stat_of(pid)
    return sum(int(ticks) for ticks in stat[11:15]) / os.sysconf("SC_CLK_TCK") if stat else 0.0


def fields_of(path: Path) -> dict[str, int]:
    """The lines `Name:  123 kB` of a file under /proc, in bytes; nothing where the process has gone."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    parts = [line.split() for line in lines]
    return {part[0].rstrip(":"): int(part[1]) * 1024 for part in parts if len(part) == 3 and part[2] == "kB"}
