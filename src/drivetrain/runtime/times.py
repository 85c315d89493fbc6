"""Times as people write them."""

from __future__ import annotations

import math
import re

from drivetrain.errors import SettingError

_UNITS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def seconds_of(budget: str | float) -> float:
    """Seconds of a time such as "90s", "5min", "1.5h" or a plain number of seconds.

    Raises:
        SettingError: It is not such a time.

    Example:
        >>> seconds_of("5min")
        300.0
    """
    if isinstance(budget, (int, float)) and not isinstance(budget, bool):
        seconds = float(budget)
    else:
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|sec|m|min|h)?\s*", str(budget).lower())
        seconds = float(found[1]) * _UNITS[found[2] or "s"] if found else -1.0
    if not 0 < seconds < math.inf:
        raise SettingError(f"budget={budget!r} is not a time: expected '90s', '5min', '1.5h' or a number of seconds.")
    return seconds
