"""Warnings that point at the user's own line, from however deep inside the package they come."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path

from drivetrain.errors import DrivetrainWarning

PACKAGE = str(Path(__file__).parent)


def warn(message: str) -> None:
    """Tell the user, at the line that called into drivetrain.

    Example:
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     warn("look here")
        >>> str(caught[0].message)
        'look here'
    """
    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, DrivetrainWarning, stacklevel=level)
