"""The arguments of calls that judge predictions, checked before anything is computed."""

from __future__ import annotations

from typing import Any

from drivetrain.evaluation.predictions import Predictions
from drivetrain.settings import number, refuse, whole


def asked_predictions(value: Any, name: str = "predictions") -> Predictions:
    """A table of predictions; of a Learner or another model, of its validation set.

    Raises:
        SettingError: It is something else.

    Example:
        >>> asked_predictions([0, 1])
        Traceback (most recent call last):
        drivetrain.errors.SettingError: predictions=[0, 1] cannot be used: expected dt.Predictions, ... To fix: ...
    """
    if isinstance(value, Predictions):
        return value
    if callable(getattr(value, "predictions", None)) and not isinstance(value, type):
        return asked_predictions(value.predictions(), f"{name}.predictions()")
    fix = "To fix: dt.Predictions(ids=..., target=..., output=...)."
    return refuse(name, value, "dt.Predictions, or a model", fix=fix)


def asked_level(level: Any) -> float:
    """Coverage of an interval.

    Raises:
        SettingError: It is not between 0 and 1.
    """
    return number("level", level, above=0, below=1)


def asked_seed(seed: Any) -> int:
    """Of random draws.

    Raises:
        SettingError: It is no whole number of at least 0.
    """
    return whole("seed", seed, least=0)
