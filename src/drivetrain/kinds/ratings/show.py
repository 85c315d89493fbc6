"""What a page shows of a rating: who and what."""

from drivetrain.kinds.tables.show import show_source

__all__ = ["show_source"]
