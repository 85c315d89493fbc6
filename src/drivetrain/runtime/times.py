"""Times as people write them."""

from __future__ import annotations

import math
import re
from datetime import timedelta

from drivetrain.errors import SettingError
from drivetrain.settings import number, refuse

_UNITS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def seconds_of(budget: str | float | timedelta) -> float:
    """Seconds of a time such as "90s", "5min", "1.5h" or a plain number of seconds.

    Raises:
        SettingError: It is not such a time.

    Example:
        >>> seconds_of("5min")
        300.0
    """
    expected = "a time above 0: '90s', '5min', '1.5h', a timedelta or a number of seconds"
    if isinstance(budget, timedelta):
        seconds = budget.total_seconds()
    elif isinstance(budget, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|sec|m|min|h)?\s*", budget.lower())
        seconds = float(found[1]) * _UNITS[found[2] or "s"] if found else -1.0
    else:
        try:
            seconds = number("budget", budget)
        except SettingError:
            seconds = -1.0
    return seconds if 0 < seconds < math.inf else refuse("budget", budget, expected)
