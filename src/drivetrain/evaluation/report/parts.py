"""What a report can say: one bundle of results, all but the predictions and their scores optional.

Nothing here computes; a section whose results are absent is left out of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Score, Scores
from drivetrain.pages.html import Html
from drivetrain.runtime.calibration import Calibration
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.lineage import Update

ShowRow = Callable[[int, str], Html | None]
"""Position of a row in the predictions, and what stands for it where it cannot be seen → what its kind of input shows
of it; None where it cannot be read any more."""

PICTURES = "pictures"
"""What rows are called where nobody says."""
Level = Literal["stop", "warning", "note", "fine"]


@dataclass(frozen=True)
class Finding:
    """Something a check found, in words, with the rows that show it.

    Example:
        >>> Finding("warning", "2 near-duplicates across parts", "a.jpg (training) looks like b.jpg (validation)").level
        'warning'
    """

    level: Level
    title: str
    text: str = ""
    mend: str = ""
    """What to do about it."""
    rows: Sequence[tuple[Html, str]] = ()
    """Side by side: what is shown of each, and its caption."""


@dataclass(frozen=True)
class Look:
    """One opening of the sealed test set."""

    when: str
    """UTC, ISO 8601."""
    score: Score | None
    """The headline metric on the test rows."""
    predicted: str = ""
    """What was expected from validation, and whether it held."""
    held: bool | None = None
    """Whether it held; None where nothing was expected."""


@dataclass(frozen=True)
class Seal:
    """The sealed test set: its size, and each time it was opened."""

    n: int
    looks: Sequence[Look] = ()
    identity: str = ""


@dataclass(frozen=True)
class ReportParts:
    """All that `render` and `model_card` can show.

    Example:
        >>> from drivetrain.evaluation import score
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> fruit = CategoryTarget(name="fruit", vocab=("apple", "pear"))
        >>> said = Predictions(ids=("a", "b"), target=fruit, truth=[0, 1], output=[[0.9, 0.1], [0.4, 0.6]])
        >>> parts = ReportParts("fruit.model", said, score(said, ["accuracy"]))
        >>> print(parts.headline)
        accuracy 100.0 % [34.2, 100.0], n = 2
    """

    title: str
    """What the model is called."""
    predictions: Predictions
    """Labelled rows that the model was not trained on."""
    scores: Scores
    """Of these rows; the first is the headline."""
    baselines: Sequence[Score] = ()
    """The headline metric for simpler ways to answer, each under its own label."""
    decisions: Mapping[str, Decision] = field(default_factory=dict[str, Decision])
    history: Sequence[Mapping[str, float | int | str | None]] = ()
    """One row per epoch: epoch, phase, train_loss, valid_loss, a column per metric, seconds."""
    verdict: str | None = None
    """How training went, in a sentence."""
    show: ShowRow | None = None
    audit: Sequence[Finding] | None = None
    """None: no audit was made. Empty: one was made, and found nothing."""
    seal: Seal | None = None
    n: Mapping[str, int] = field(default_factory=dict[str, int])
    """Rows in ``train``, ``valid`` and ``test``."""
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    """What identifies model, split and versions, for who wants to check."""
    calibration: Calibration | None = None
    """What the saved model applies to its answers."""
    sections: Sequence[tuple[str, Html]] = ()
    """Further sections: a title, and what `drivetrain.pages` made."""
    warnings: Sequence[str] = ()
    """What a reader has to know before the numbers, such as rows that could not be found."""
    created: str = ""
    """UTC, ISO 8601."""
    noun: str = PICTURES
    """What the rows are called, in the plural."""
    example: str = "picture.jpg"
    """Name of a file that could be asked about; empty of inputs that are no files."""
    use: str = ""
    """What the model is meant for, in the words of who made it."""
    lineage: Sequence[Update] = ()
    """Its updates, the newest one last."""

    @property
    def headline(self) -> Score | None:
        """The first of the scores; None where there are none."""
        return next(iter(self.scores.values()), None)
