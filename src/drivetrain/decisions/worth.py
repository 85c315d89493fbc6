"""What something is worth, and how far that number may be off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drivetrain.text import in_digits


@dataclass(frozen=True)
class Worth:
    """Mean of the objective per row, with its interval.

    Example:
        >>> print(Worth(12.5, 11.0, 14.0, n=200))
        12.5 [11, 14], n = 200
        >>> print(Worth(-15412.34, n=3))
        -15,412, n = 3
    """

    value: float
    low: float | None = None
    """None where nothing is known of the uncertainty (one member, no logged outcome)."""
    high: float | None = None
    n: int = 0
    """Rows."""
    method: str = ""
    """How it was found, in words."""
    level: float = 0.95

    def __str__(self) -> str:
        span = "" if self.low is None or self.high is None else f" [{in_digits(self.low)}, {in_digits(self.high)}]"
        return f"{in_digits(self.value)}{span}, n = {self.n:,}"

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {name: getattr(self, name) for name in ("value", "low", "high", "n", "method", "level")}
