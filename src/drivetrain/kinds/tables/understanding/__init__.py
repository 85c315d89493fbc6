"""What a model of a table goes by: which columns carry it, and how its answers move with each."""

from drivetrain.kinds.tables.understanding.section import Understanding, model_sections, report_sections

__all__ = ["Understanding", "model_sections", "report_sections"]
