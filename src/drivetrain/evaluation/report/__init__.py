"""The report of a model: one page for who decides and who checks, and a card for who uses it. Never imports torch."""

from drivetrain.evaluation.report.card import model_card, with_openings
from drivetrain.evaluation.report.page import render
from drivetrain.evaluation.report.parts import Finding, Look, ReportParts, Seal

__all__ = ["Finding", "Look", "ReportParts", "Seal", "model_card", "render", "with_openings"]
