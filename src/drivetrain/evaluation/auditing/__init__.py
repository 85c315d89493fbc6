"""Audits before training: what is wrong with data, and what a model could learn from anything but the pictures."""

from __future__ import annotations

from drivetrain.data.audit.findings import Finding, Pair, RowRef
from drivetrain.evaluation.auditing.audit import Audit, audit

__all__ = ["Audit", "Finding", "Pair", "RowRef", "audit"]
