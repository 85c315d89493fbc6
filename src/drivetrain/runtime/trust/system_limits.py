"""Limits of the system that have nothing to do with the file at hand: they stop the work, and leave no row out."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from typing import TypeVar

from drivetrain.errors import SystemLimitError
from drivetrain.text import readable

Result = TypeVar("Result")

LIMITS = frozenset({errno.EMFILE, errno.ENFILE})
"""Too many open files, in this process or on this machine."""
PAUSES_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Other threads and programs may close some of theirs meanwhile."""
HOPELESS_S = 0.2
"""For so long after all pauses were in vain nobody pauses again: the other files of a batch would each wait as long."""
_hopeless_until = [0.0]


def patiently(work: Callable[[], Result], path: str | os.PathLike[str]) -> Result:
    """Do what opens files; where there are too many open, try again for about two seconds.

    Raises:
        SystemLimitError: There still are.

    Example:
        >>> patiently(lambda: 3, "a.jpg")
        3
    """
    for pause_s in () if time.monotonic() < _hopeless_until[0] else PAUSES_S:
        try:
            return work()
        except OSError as error:
            if error.errno not in LIMITS:
                raise
            time.sleep(pause_s)
    try:
        return work()
    except OSError as error:
        if error.errno in LIMITS:
            _hopeless_until[0] = time.monotonic() + HOPELESS_S
            raise SystemLimitError(too_many(path, error)) from error
        raise


def raise_if_limit(error: Exception, path: str | os.PathLike[str]) -> None:
    """Raise SystemLimitError where that is what went wrong, for code that forgives everything else."""
    if isinstance(error, OSError) and error.errno in LIMITS:
        raise SystemLimitError(too_many(path, error)) from error


def too_many(path: str | os.PathLike[str], error: OSError) -> str:
    """What to say of it."""
    whose = "this process" if error.errno == errno.EMFILE else "this machine"
    return (
        f"{readable(path)} cannot be opened, since {whose} has too many open files; nothing is wrong with the file. "
        "To fix: raise the limit (`ulimit -n 4096`), or close what else holds files open, and run it again."
    )
