"""Sections of a report of a model of sounds: claims, where the classes are people."""

from __future__ import annotations

from drivetrain.kinds.drawn.people import claims_of_people as model_sections

__all__ = ["model_sections"]
