"""The models of texts that `drivetrain.train` lets compete."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from drivetrain.data.data import Data
from drivetrain.errors import did_you_mean
from drivetrain.kinds.texts.bodies.word_vectors import word_vectors
from drivetrain.models.deadline import Budget
from drivetrain.models.texts.linear import LABELS, Features, TextLinear
from drivetrain.settings import place, refuse, text

TFIDF, STATIC, BOTH = "tfidf", "static", "both"
LINES: dict[str, tuple[Features, ...]] = {
    TFIDF: ("terms",),
    STATIC: ("terms", "static"),
    BOTH: ("terms", "static", "both"),
}
"""What is asked for → the lines that compete: the one on terms always, so that every other is held to it."""
SHARES: dict[Features, float] = {"terms": 0.25, "static": 0.2, "both": 0.4}
"""Of the time that is left when a line begins; mostly it takes less."""
EXPECTED = "'tfidf', 'static', 'both', the folder of an encoder, or its name on the hub"


class TextEntrant(NamedTuple):
    """One that may take part."""

    name: str
    fit: Callable[[Budget], TextLinear]
    """In a time."""
    share: float
    """Of the time that is left."""


class TextEntrants(NamedTuple):
    """What takes part by what was asked for."""

    features: tuple[Features, ...]
    encoder: str | None = None
    """The folder or the hub's name of an encoder."""

    @property
    def plain(self) -> str:
        """The name of the line that every other is held to."""
        return LABELS["terms"]

    def lines(self, data: Data, metrics: Any) -> list[TextEntrant]:
        """The lines, the simplest first."""

        def entrant(features: Features) -> TextEntrant:
            def fit(left: Budget) -> TextLinear:
                return TextLinear(data, features=features, metrics=metrics, budget=left)

            return TextEntrant(LABELS[features], fit, SHARES[features])

        return [entrant(each) for each in self.features]


def asked_architecture(arch: Any) -> TextEntrants:
    """What takes part; None: the three lines.

    Raises:
        SettingError: It is no text and no path.
        MissingExtraError: Word vectors were asked for, and the package that brings them is not installed.

    Example:
        >>> asked_architecture("tfidf").features, asked_architecture("some/encoder").encoder
        (('terms',), 'some/encoder')
    """
    if arch is None:
        return TextEntrants(LINES[BOTH])
    if isinstance(arch, os.PathLike):
        return TextEntrants(LINES[BOTH], place("arch", arch, what=EXPECTED))
    if not isinstance(arch, str):
        refuse("arch", arch, EXPECTED)
    said = text("arch", arch, what=EXPECTED)
    known = said.strip().casefold().replace("-", "").replace("_", "")
    if known in LINES:
        if known != TFIDF:
            word_vectors()  # where they cannot be had, that is said before anything is fitted
        return TextEntrants(LINES[known])
    if (near := did_you_mean(said, LINES)) and not Path(said).is_dir():
        refuse("arch", arch, EXPECTED, fix=f"{near.strip()} To fix: correct the word.")
    return TextEntrants(LINES[BOTH], said)


def encoder_name(arch: str) -> str:
    """What a candidate is called: without the folders that it lies in.

    Example:
        >>> encoder_name("weights/minilm/"), encoder_name("sentence-transformers/all-MiniLM-L6-v2")
        ('minilm', 'all-MiniLM-L6-v2')
    """
    return Path(arch.removeprefix("local-dir:").rstrip("/\\")).name or arch
