"""What a model of texts goes by: the words that tell, its mistakes as texts, and where it does well."""

from drivetrain.kinds.texts.understanding.section import model_sections

__all__ = ["model_sections"]
