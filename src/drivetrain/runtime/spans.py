"""A span of a file: the part from one time to another, which is read without cutting the file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a file from `start` to `end`, in the unit of its kind: seconds, events.

    It can be opened like the path, so that what knows nothing of spans reads the whole file.

    Example:
        >>> Span(Path("a.wav"), 3.2, 4.1).name, Span(Path("a.wav")).is_whole
        ('a.wav 3.2–4.1', True)
    """

    path: Path
    start: float | None = None
    """None: from the beginning."""
    end: float | None = None
    """None: to the end."""

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __str__(self) -> str:
        return self.name

    @property
    def parent(self) -> Path:
        """The folder of the file."""
        return self.path.parent

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the file is left out."""
        return self.start is None and self.end is None

    @property
    def name(self) -> str:
        """The path, and from when to when."""
        return str(self.path) if self.is_whole else f"{self.path} {short(self.start or 0.0)}–{short(self.end)}"


def short(time: float | None) -> str:
    """A time without digits that say nothing.

    Example:
        >>> short(3.0), short(3.25), short(None)
        ('3', '3.25', 'end')
    """
    return "end" if time is None else np.format_float_positional(time, precision=3, trim="-")


Span.__module__ = "drivetrain"  # where people find it, so that messages and help say so
