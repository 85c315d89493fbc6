"""What long work says while it runs: a bar on a terminal, a plain line now and then in a log.

Everything goes to standard error, so standard output stays free for results.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from drivetrain.text import printable

_quiet: ContextVar[bool] = ContextVar("drivetrain_quiet", default=False)

SECONDS_BETWEEN_LINES = 10.0


class Advance(Protocol):
    """Tell how many items were just finished, and optionally a short note to show."""

    def __call__(self, done: int, note: str = "") -> None:
        """Count `done` more items."""


@contextmanager
def quiet() -> Generator[None]:
    """Inside this block drivetrain prints nothing (warnings still reach you).

    Example:
        >>> with quiet():
        ...     say("never seen")
    """
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def say(message: str) -> None:
    """Print one line on standard error, unless inside `quiet`; control sequences in it are shown, not obeyed.

    Work does not stop because nobody can be told about it: where standard error is closed or full, nothing is said.
    """
    if not _quiet.get() and sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison] (None if closed)
        with suppress(OSError, ValueError):
            print(printable(message), file=sys.stderr, flush=True)  # noqa: T201


@contextmanager
def track(label: str, total: int) -> Generator[Advance]:
    """Show how far a piece of work is; call what it yields with the number of items just done and a short note.

    Example:
        >>> with quiet(), track("counting", total=2) as advance:
        ...     advance(1, note="first")
        ...     advance(1, "second")
    """
    if _quiet.get() or total == 0:
        yield lambda done, note="": None
    elif sys.stderr is not None and sys.stderr.isatty():  # pyright: ignore[reportUnnecessaryComparison] (None if closed)
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(printable(label), total=total, note="")
            yield lambda done, note="": bar.update(task, advance=done, note=printable(note))
    else:
        yield _lines(label, total)


def _lines(label: str, total: int) -> Advance:
    """Count items and print a line at most every `SECONDS_BETWEEN_LINES`."""
    done_so_far = 0
    last = time.monotonic()

    def advance(done: int, note: str = "") -> None:
        nonlocal done_so_far, last
        done_so_far += done
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            say(f"{label}: {done_so_far} of {total}{'  ' + note if note else ''}")

    return advance
