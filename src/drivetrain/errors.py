"""Every error a user can meet, as one tree.

DrivetrainError
├── DataError            the examples cannot be used as they are
│   ├── InputError       one row's input cannot be read
│   │   └── PictureError one picture cannot be read
│   └── SplitError       training, validation and test set cannot be made as asked
│       └── SealError    they, or the record, go against a sealed test set
├── ModelError           the architecture or its pretrained weights cannot be had
├── TrainingError        training cannot start or go on (NaN loss, out of memory, ...)
│   └── CheckpointError  a checkpoint cannot be written or read
├── ArtefactError        a saved model is missing, altered, or of an unknown format
│   └── ExportError      a trained network cannot be turned into one that runs without torch
├── HubError             the hub cannot be reached, or refuses
├── SystemLimitError     the system refuses what is needed (too many open files)
├── SettingError         an argument has a value that cannot be used
└── MissingExtraError    an optional part of drivetrain is not installed

A message has three parts: what was received, what was expected, how to mend it. A mistake of the user's
raises one of these; a broken promise of our own code raises ``AssertionError``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from drivetrain.text import printable


class DrivetrainError(Exception):
    """Base of all errors raised on purpose; the command line prints it as one line and exits with 1."""

    def __str__(self) -> str:
        """The message, safe to print: it repeats names of files and labels that others have chosen."""
        return printable(super().__str__())


class DataError(DrivetrainError, ValueError):
    """The examples cannot be used as they are."""


class InputError(DataError):
    """One row's input cannot be read."""


class PictureError(InputError):
    """One picture cannot be read."""


class SplitError(DataError):
    """The training, validation and test sets cannot be made as asked."""


class SealError(SplitError):
    """A row that would be trained on is sealed as test row, or the record of a sealed test set was changed."""


class ModelError(DrivetrainError):
    """The architecture or its pretrained weights cannot be had."""


class ForgettingError(ModelError):
    """An update would harm what the old model could do, and nobody has accepted that."""


class TrainingError(DrivetrainError, RuntimeError):
    """Training cannot start, or cannot go on."""


class CheckpointError(TrainingError):
    """A checkpoint cannot be written or read."""


class ArtefactError(DrivetrainError):
    """A saved model is missing, altered, or of an unknown format."""


class ExportError(ArtefactError):
    """A trained network cannot be turned into one that runs without torch."""


class HubError(DrivetrainError):
    """The hub cannot be reached, or refuses."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        """Of the hub's answer, where there was one."""


class SystemLimitError(DrivetrainError):
    """The system refuses what is needed, whatever the data are: too many open files."""


class SettingError(DrivetrainError, ValueError):
    """An argument has a value that cannot be used."""


class MissingExtraError(DrivetrainError, ImportError):
    """An optional part of drivetrain is not installed."""


class DrivetrainWarning(UserWarning):
    """Something was decided or left out that the user should know about."""

    def __str__(self) -> str:
        """The message, safe to print: it repeats names of files and labels that others have chosen."""
        return printable(super().__str__())


def did_you_mean(received: str, known: Iterable[str]) -> str:
    """A suggestion to append to an error, or an empty string where nothing is near.

    Example:
        >>> did_you_mean("acuracy", ["accuracy", "f1"])
        " Did you mean 'accuracy'?"
        >>> did_you_mean("zzz", ["accuracy", "f1"])
        ''
    """
    near = difflib.get_close_matches(received, list(known), n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""


def first_few(items: Iterable[object], most: int = 5) -> str:
    """Join a few items for a message and count the rest.

    Example:
        >>> first_few(["a", "b", "c"], most=2)
        'a, b, … (1 more)'
    """
    listed = [str(item) for item in items]
    shown = ", ".join(listed[:most])
    return shown if len(listed) <= most else f"{shown}, … ({len(listed) - most} more)"


for _public in (
    ArtefactError,
    CheckpointError,
    DataError,
    DrivetrainError,
    DrivetrainWarning,
    ExportError,
    ForgettingError,
    HubError,
    InputError,
    MissingExtraError,
    ModelError,
    PictureError,
    SealError,
    SettingError,
    SplitError,
    SystemLimitError,
    TrainingError,
):
    _public.__module__ = "drivetrain"  # where people find them, so that messages and help say so
