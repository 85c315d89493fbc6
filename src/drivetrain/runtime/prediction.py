"""`Prediction`: what a model says of one input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drivetrain.attributes import OneAnswer
from drivetrain.runtime.over_time import TimeSpan


@dataclass(frozen=True)
class Prediction(OneAnswer):
    """The answer for one input; what does not apply to the kind of target is None or empty.

    Example:
        >>> Prediction(label="pear", probability=0.8).label
        'pear'
    """

    path: str | None = None
    """Of the input, where it came from a file."""
    label: str | None = None
    """The most probable category."""
    labels: tuple[str, ...] | None = None
    """For several categories: those at or above the threshold."""
    values: dict[str, float] | None = None
    """For numbers: column name → value in the user's units."""
    probability: float | None = None
    """Of `label`, calibrated on the validation rows where the model is (see `Predictor.calibration`)."""
    top: tuple[tuple[str, float], ...] = ()
    """The most probable categories, best first."""
    set: tuple[str, ...] = ()
    """Categories that may be true: of rows like the validation rows these sets hold the truth as often as
    `Calibration.coverage` says. Empty where the model is not calibrated, and for numbers."""
    abstained: bool = False
    """Not sure enough to be right as often as was asked for; the answer is still there to read."""
    intervals: dict[str, tuple[float, float]] | None = None
    """For numbers of a calibrated model: column name → low, high, which hold the truth as often as said above."""
    error: str | None = None
    """Why there is no answer."""
    row: int | None = None
    """Of a table in a file: which of its rows, from 1."""
    spans: tuple[TimeSpan, ...] = ()
    """What holds from when to when in an input that is longer than the network reads at once, such as a recording."""

    @property
    def value(self) -> float | None:
        """The number, for models that predict a single one."""
        return next(iter(self.values.values())) if self.values and len(self.values) == 1 else None

    def as_json(self) -> dict[str, Any]:
        """Only the fields that apply, ready for `json.dumps`."""
        fields: dict[str, Any] = {"path": self.path} | ({} if self.row is None else {"row": self.row})
        if self.error is not None:
            return {**fields, "error": self.error}
        if self.values is not None:
            intervals = {name: list(ends) for name, ends in (self.intervals or {}).items()}
            return {**fields, "values": self.values, "intervals": intervals}
        if self.labels is not None:
            fields["labels"] = list(self.labels)
        else:
            fields |= {"label": self.label, "probability": self.probability}
        top = [{"label": label, "probability": p} for label, p in self.top]
        times = {"spans": [span._asdict() for span in self.spans]} if self.spans else {}
        return {**fields, "top": top, "set": list(self.set), "abstained": self.abstained, **times}
