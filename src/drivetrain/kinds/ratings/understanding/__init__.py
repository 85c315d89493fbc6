"""What a model of ratings has learnt and recommends, for its report: a map of the items, biases, lists, one user."""

from drivetrain.kinds.ratings.understanding.section import model_sections

__all__ = ["model_sections"]
