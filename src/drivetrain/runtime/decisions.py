"""An automatic choice and the reason for it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from drivetrain.text import printable


class Decision(BaseModel):
    """What was chosen and why; printed once, stored in the artefact.

    Example:
        >>> str(Decision(value="bf16", reason="this CPU has AMX: bf16 is native"))
        'bf16 (this CPU has AMX: bf16 is native)'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: str | int | float | bool | None
    reason: str

    def __str__(self) -> str:
        return printable(f"{self.value} ({self.reason})")


Decision.__module__ = "drivetrain"  # where people find it, so that messages and help say so
