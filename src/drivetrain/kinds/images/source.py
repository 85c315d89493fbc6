"""Images as the source of rows."""

from __future__ import annotations

from drivetrain.kinds.images.metadata import contents, metadata
from drivetrain.kinds.images.near import near
from drivetrain.runtime.formats import PICTURE_SUFFIXES

__all__ = ["contents", "metadata", "name", "near", "noun", "suffixes"]

name = "images"
noun = "pictures"
suffixes = PICTURE_SUFFIXES
