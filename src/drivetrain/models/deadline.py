"""How long a model may take to be fitted."""

from __future__ import annotations

import math
import time
from datetime import timedelta

from drivetrain.runtime.times import seconds_of

Budget = str | float | timedelta | None
"""A time such as "90s"; None: as long as it takes."""


class Deadline:
    """A moment after which nothing new is begun.

    Args:
        seconds: From now on; infinity: never.

    Example:
        >>> Deadline(math.inf).over, Deadline(0).over
        (False, True)
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @classmethod
    def of(cls, budget: Budget) -> Deadline:
        """The end of a budget that somebody named.

        Raises:
            SettingError: It is no time.
        """
        return cls(math.inf if budget is None else seconds_of(budget))

    @property
    def left(self) -> float:
        """Seconds, below 0 afterwards."""
        return self._end - time.monotonic()

    @property
    def over(self) -> bool:
        """Whether it has passed."""
        return self.left <= 0

    @property
    def never(self) -> bool:
        """Whether there is none."""
        return math.isinf(self._end)

    def less(self, seconds: float) -> Deadline:
        """The same but for so many seconds that were spent elsewhere."""
        return Deadline(self.left - seconds)

    def part(self, share: float) -> Deadline:
        """The end of that share of the time that is left."""
        return Deadline(max(0.0, self.left) * share)
