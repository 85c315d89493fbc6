"""Audits before training: what is wrong with data, and what a model could learn from anything but the pictures."""

from __future__ import annotations

from drivetrain.auditing.audit import Audit, audit
from drivetrain.auditing.findings import Finding, Pair, RowRef

__all__ = ["Audit", "Finding", "Pair", "RowRef", "audit"]
