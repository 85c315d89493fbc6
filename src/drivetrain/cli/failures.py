"""What is said when something goes wrong: one line on standard error, and the exit status."""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TextIO

import typer

from drivetrain.cli.spelling import as_typed
from drivetrain.cli.streams import ReaderGoneError
from drivetrain.errors import DrivetrainError, DrivetrainWarning
from drivetrain.text import printable

DEBUG = "DRIVETRAIN_DEBUG"
"""Environment variable: any value but an empty one shows tracebacks."""

P = ParamSpec("P")

_options: ContextVar[tuple[str, ...]] = ContextVar("drivetrain_options", default=())
"""Of the command that runs, as Python names."""


def reported(command: Callable[P, None]) -> Callable[P, None]:
    """The same command, whose failures end in one line and exit status 1 instead of a traceback."""
    names = tuple(inspect.signature(command).parameters)

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        _options.set(names)
        try:
            command(*args, **kwargs)
        except (typer.Exit, typer.BadParameter, ReaderGoneError):
            raise  # typer knows them
        except KeyboardInterrupt as stopped:
            complain("error", "interrupted" + "".join(f": {note}" for note in stopped.args))
            raise typer.Exit(1) from stopped
        except Exception as error:
            if os.environ.get(DEBUG):
                raise
            complain("error", explain(error))
            raise typer.Exit(1) from error

    return run


def explain(error: Exception) -> str:
    """Cause and mend of an error.

    Example:
        >>> explain(FileNotFoundError(2, "No such file or directory", "pear.jpg"))
        'pear.jpg: No such file or directory'
        >>> explain(KeyError("pear"))
        "KeyError: 'pear' (unexpected; to see where it happened, set DRIVETRAIN_DEBUG=1 and run it again)"
    """
    if isinstance(error, DrivetrainError):
        return str(error)
    if isinstance(error, OSError):
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        return f"{where}{error.strerror or error or type(error).__name__}"
    return f"{type(error).__name__}: {error} (unexpected; to see where it happened, set {DEBUG}=1 and run it again)"


def complain(kind: str, message: str) -> None:
    """Print it on standard error, its arguments spelled as options; say nothing where that is closed or full.

    Somebody at a terminal gets its lines as they are, set in; a file or another program gets one line.
    """
    with suppress(OSError, ValueError):
        said = "\n  ".join(message.splitlines()) if getattr(sys.stderr, "isatty", bool)() else one_line(message)
        typer.echo(f"{kind}: {printable(as_typed(said, _options.get()))}", err=True)


def one_line(message: str) -> str:
    r"""Several lines as one.

    Example:
        >>> one_line("2 left out:\n  1 × file is empty: a.jpg\n  1 × not a picture: b.jpg")
        '2 left out: 1 × file is empty: a.jpg; 1 × not a picture: b.jpg'
    """
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    joints = [" " if line.endswith((":", ".", ",", ";")) else "; " for line in lines[:-1]]
    return "".join(line + joint for line, joint in zip(lines, [*joints, ""], strict=True))


@contextmanager
def warnings_as_lines() -> Generator[None]:
    """Inside this block a warning is one readable line, without the line of code it came from, and said once."""
    said: set[str] = set()

    def show(  # noqa: PLR0917 - as `warnings` calls it
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        source = "" if issubclass(category, DrivetrainWarning) else f"{category.__name__}: "
        text = f"{source}{message}"
        if text not in said:  # a command opens a model more than once
            complain("warning", text)
        said.add(text)

    with warnings.catch_warnings():
        warnings.simplefilter("always", DrivetrainWarning)
        warnings.showwarning = show
        yield
