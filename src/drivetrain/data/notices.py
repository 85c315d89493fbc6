"""`warn`, as the rest of the room imports it."""

from __future__ import annotations

from drivetrain.notices import warn

__all__ = ["warn"]
