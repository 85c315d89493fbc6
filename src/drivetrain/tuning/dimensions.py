"""What one setting may be in a search: a range, one of several values, or the same in every trial."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivetrain.settings import shown

if TYPE_CHECKING:
    from optuna.trial import Trial

Label = str | int | float | bool | None
"""A value as a storage keeps it and a table shows it."""
PLAIN = (str, int, float, bool)


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    Example:
        >>> Range(1e-4, 1e-2, log=True).words
        '0.0001 to 0.01, by factors'
        >>> Range(2, 8, whole=True).n
        7
    """

    low: float
    high: float
    whole: bool = False
    log: bool = False
    """Drawn by factors: from 0.001 to 0.01 as often as from 0.01 to 0.1."""
    step: float | None = None

    @property
    def n(self) -> float:
        """How many values there are; infinity of real numbers."""
        if self.whole or self.step is not None:
            return math.floor((self.high - self.low) / (self.step or 1)) + 1
        return math.inf

    @property
    def words(self) -> str:
        """As people read it."""
        kind = "whole numbers " if self.whole else ""
        step = "" if self.step in (None, 1) else f", in steps of {self.step:g}"
        return f"{kind}{self.low:g} to {self.high:g}{', by factors' if self.log else ''}{step}"

    def suggest(self, trial: Trial, name: str) -> int | float:
        """Ask Optuna for a value."""
        if self.whole:
            step = int(self.step or 1)
            return trial.suggest_int(name, int(self.low), int(self.high), step=step, log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def label(self, value: Any) -> Label:
        """The number itself."""
        return value


@dataclass(frozen=True)
class Choices:
    """One of several values.

    Example:
        >>> Choices(("fp32", {"strength": 2})).words
        "'fp32' or {'strength': 2}"
    """

    values: tuple[Any, ...]

    @property
    def n(self) -> float:
        """How many values there are."""
        return len(self.values)

    @property
    def labels(self) -> list[Label]:
        """What a storage keeps of each value: plain ones as they are, others as text."""
        labels: list[Label] = []
        for value in self.values:
            label = label_of(value)
            labels.append(f"{label} #{len(labels) + 1}" if _is_among(label, labels) else label)
        return labels

    @property
    def words(self) -> str:
        """As people read it."""
        said = [shown(value) for value in self.values]
        return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} or {said[-1]}"

    def suggest(self, trial: Trial, name: str) -> Any:
        """Ask Optuna for a value."""
        return self.value_of(trial.suggest_categorical(name, self.labels))

    def value_of(self, label: Label) -> Any:
        """The value that a storage has kept under a label."""
        return self.values[next(at for at, known in enumerate(self.labels) if _same(known, label))]

    def label(self, value: Any) -> Label:
        """The label of one of the values."""
        return next(label for label, known in zip(self.labels, self.values, strict=True) if known is value)


@dataclass(frozen=True)
class Fixed:
    """The same in every trial."""

    value: Any

    @property
    def n(self) -> float:
        """One."""
        return 1

    @property
    def words(self) -> str:
        """As people read it."""
        return shown(self.value)

    def suggest(self, trial: Trial, name: str) -> Any:
        """The value; Optuna is not asked."""
        return self.value

    def label(self, value: Any) -> Label:
        """As a table shows it."""
        return label_of(value)


Dimension = Range | Choices | Fixed


def label_of(value: Any) -> Label:
    """A value as a storage keeps it: plain values as they are, others as text.

    Example:
        >>> label_of(3), label_of({"a": 1}), label_of(None)
        (3, '{"a": 1}', None)
    """
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        value = value.item()
    if value is None or isinstance(value, PLAIN):
        return value
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError):
        return shown(value)


def _same(one: Label, other: Label) -> bool:
    """Whether two labels are the same: True is not 1, and 1 is 1.0 where Optuna made it so."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _is_among(label: Label, labels: Sequence[Label]) -> bool:
    return any(_same(label, known) for known in labels)
