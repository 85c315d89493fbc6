"""Standard input, output and error as commands need them: there, forgiving of odd letters, and quiet at their end."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TextIO

import typer

from drivetrain.text import printable

NAMES = {1: "standard output", 2: "standard error"}


class ReaderGoneError(BrokenPipeError):
    """Who read the results has gone, as `head` does: typer ends quietly, with status 1."""


class Closed(io.TextIOBase):
    """Stands where the shell closed a stream (``>&-``): what is written there is an error that says so.

    Example:
        >>> Closed("standard output").write("a")
        Traceback (most recent call last):
        OSError: [Errno 9] it is closed: 'standard output'
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def write(self, s: str, /) -> int:
        """Refuse."""
        raise OSError(errno.EBADF, "it is closed", self._name)


def prepare() -> None:
    """Have all three streams before a command opens files of its own.

    A closed stream leaves its number free. The next file opened, a model or a table, would get it, and what a library
    prints would land in that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] (Python's way to say that it is closed)
        sys.stdout = Closed(NAMES[1])
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison]
        sys.stderr = Closed(NAMES[2])
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file name that is not UTF-8 must not stop anything


def write_line(line: str, stream: TextIO) -> None:
    """Print a line of results at once.

    Raises:
        ReaderGoneError: Who read it has gone.
        OSError: It cannot be written; the error names the stream.
    """
    try:
        typer.echo(printable(line), file=stream)
    except BrokenPipeError as error:
        raise ReaderGoneError(error.errno, error.strerror) from error
    except OSError as error:
        raise OSError(error.errno, error.strerror, NAMES[1]) from error


def finish() -> bool:
    """Write what is still held back; False where it could not be. Nothing is printed when the process ends."""
    done = True
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            done = False
            _let_go(stream)
    return done


def _let_go(stream: TextIO) -> None:
    """Have what a stream still holds go nowhere, rather than fail again when Python ends."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # no file of the system, or closed
        pass
