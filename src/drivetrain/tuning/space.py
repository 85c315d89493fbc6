"""The space that is searched: each setting's range, choices or fixed value, read from plain words and checked."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import getsource
from numbers import Real
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from drivetrain.calls import MEANT, unknown_name
from drivetrain.errors import DataError, SettingError
from drivetrain.learner.base import ModelBase
from drivetrain.settings import refuse, shown
from drivetrain.tuning.dimensions import Choices, Dimension, Fixed, Label, Range, label_of
from drivetrain.tuning.foreign import translated

if TYPE_CHECKING:
    from optuna.trial import Trial

    from drivetrain.tuning.knobs import Knob, Knobs

FORMS = "(low, high), (low, high, 'log'), a list of choices, or one value for all trials"
SCALES = {"log": True, "linear": False}
REFUSED = {
    "budget": "tune's own budget is for all trials together: trials that stop by the clock cannot be compared",
    "callbacks": "tune watches over each training itself",
    "data": "all trials learn from the same data",
    "metrics": "all trials are compared by the same one",
    "project": "it is that of the data",
    "recipe": "its settings have names of their own",
}
"""Names that people may write in a space, and why they are no settings of a trial."""


@dataclass(frozen=True)
class Settings:
    """What a trial tries."""

    settings: Mapping[str, Any]
    """As the model takes them."""
    labels: Mapping[str, Label]
    """Those that differ between trials, as a storage keeps them and a table shows them."""
    model: ModelBase | None = None
    """Where a function of the trial has fitted one itself."""


@dataclass(frozen=True)
class Space:
    """Settings by name, each with what it may be."""

    dimensions: Mapping[str, Dimension]

    @property
    def n(self) -> float:
        """Combinations; infinity where a real number is among them."""
        return math.prod(each.n for each in self.dimensions.values())

    @property
    def identity(self) -> str:
        """The same for the same space."""
        said = {name: repr((type(each).__name__, _facts(each))) for name, each in self.dimensions.items()}
        return _digest(json.dumps(said, sort_keys=True))

    @property
    def words(self) -> dict[str, str]:
        """What each setting may be, for people."""
        return {name: each.words for name, each in self.dimensions.items()}

    @property
    def varied(self) -> list[str]:
        """The settings that differ between trials."""
        return [name for name, each in self.dimensions.items() if not isinstance(each, Fixed)]

    def draw(self, trial: Trial) -> Settings:
        """Ask Optuna for all settings of a trial."""
        found = {name: each.suggest(trial, name) for name, each in self.dimensions.items()}
        return Settings(found, {name: self.dimensions[name].label(found[name]) for name in self.varied})

    def of_labels(self, labels: Mapping[str, Label]) -> dict[str, Any]:
        """The settings of a trial by what a storage has kept of them."""
        found: dict[str, Any] = {}
        for name, each in self.dimensions.items():
            if isinstance(each, Fixed):
                found[name] = each.value
            elif isinstance(each, Range):
                found[name] = labels[name]
            else:
                found[name] = each.value_of(labels[name])
        return found


@dataclass(frozen=True)
class Asking:
    """A function of the trial, for those who know Optuna."""

    function: Callable[[Trial], Any]
    knobs: Knobs | None

    n = math.inf
    varied: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """By its name and, where it can be had, its text."""
        try:
            written = getsource(self.function)
        except (OSError, TypeError):
            written = ""
        return _digest(f"{getattr(self.function, '__qualname__', type(self.function).__name__)}\n{written}")

    @property
    def words(self) -> dict[str, str]:
        """Nothing: the function says it trial by trial."""
        return {}

    def draw(self, trial: Trial) -> Settings:
        """Ask the function.

        Raises:
            SettingError: It gave neither settings nor a model, or settings that the model does not have.
        """
        found = self.function(trial)
        asked: dict[str, Label] = {name: label_of(value) for name, value in trial.params.items()}
        if isinstance(found, ModelBase):
            return Settings({}, asked, found)
        if not isinstance(found, Mapping):
            expected = "a dict of settings, or a model that it has fitted"
            refuse("space(trial)", found, expected, fix="To fix: return {'lr': trial.suggest_float('lr', 1e-4, 1e-2)}.")
        given = {str(name): value for name, value in cast("Mapping[Any, Any]", found).items()}
        settings = {name: knob_of(name, self.knobs).check(value) for name, value in given.items()}
        return Settings(settings, {name: label_of(value) for name, value in given.items()})

    def of_labels(self, labels: Mapping[str, Label]) -> dict[str, Any]:
        """The settings again.

        Raises:
            DataError: They cannot be had from what was kept.
        """
        raise DataError(
            f"the space is a function, and the settings of a trial ({shown(dict(labels))}) are what it returned then. "
            "To fix: make the model with these settings yourself."
        )


def asked_space(space: Any, knobs: Knobs | None, usual: Mapping[str, Any], fixed: Mapping[str, Any]) -> Space | Asking:
    """What `space=` means.

    Args:
        space: A dict of settings, a function of the trial, or None for the usual space.
        knobs: Settings that the model has; None: any, of a class that takes what it is given.
        usual: The space where none is named.
        fixed: Settings that stand outside the space, the same in all trials.

    Raises:
        SettingError: A setting is unknown, or what it may be cannot be used.

    Example:
        >>> from drivetrain.tuning.knobs import TREES
        >>> asked_space({"members": (1, 4), "pairs": [True, False]}, TREES, {}, {}).words
        {'members': 'whole numbers 1 to 4', 'pairs': 'True or False'}
    """
    if callable(space) and not isinstance(space, Mapping):
        if fixed:
            refuse(next(iter(fixed)), next(iter(fixed.values())), "None: the function of the trial says it")
        return Asking(space, knobs)
    if space is None:
        if not usual:
            refuse("space", None, "a space: for this model there is no usual one", fix=f"To fix: name → {FORMS}.")
        space = {name: value for name, value in usual.items() if name not in fixed}
    if not isinstance(space, Mapping):
        refuse("space", space, f"a dict of a setting's name → {FORMS}; or a function of Optuna's trial")
    given = {str(name): value for name, value in cast("Mapping[Any, Any]", space).items()}
    twice = [name for name in fixed if name in given]
    if twice:
        raise SettingError(
            f"{twice[0]} stands in the space and beside it; expected one of them. To fix: leave out one."
        )
    dimensions = {name: _dimension(name, value, knob_of(name, knobs)) for name, value in {**fixed, **given}.items()}
    found = Space(dimensions)
    if not found.varied:
        refuse("space", space, f"at least one setting that differs between trials, as {FORMS}")
    return found


def knob_of(name: str, knobs: Knobs | None) -> Knob:
    """The setting of that name.

    Raises:
        SettingError: The model has none such.
    """
    from drivetrain.tuning.knobs import NAMES, Knob  # noqa: PLC0415 - brings torch

    if name in REFUSED and (knobs is None or name not in knobs):
        raise SettingError(f"space has {name}; expected settings of one trial: {REFUSED[name]}. To fix: leave it out.")
    if knobs is None:
        return Knob("any", lambda value: value)
    if name in knobs:
        return knobs[name]
    meant = next((each for each in (name, *MEANT.get(name, ())[:1]) if each in knobs), name)
    others = [word for word, has in NAMES.items() if (MEANT.get(name) or (name,))[0] in has]
    if meant not in knobs and others:
        raise SettingError(
            f"space has {name}, a setting of {' and '.join(others)}; expected settings of the model that is tuned: "
            f"{', '.join(knobs) or 'none'}. To fix: take one of these, or model={others[0]!r}."
        )
    raise SettingError(unknown_name("space", name, list(knobs)))


def _dimension(name: str, value: Any, knob: Knob) -> Dimension:
    """What a setting may be: every value that can be drawn passes the setting's own gate, or a range's both ends."""
    found = translated(name, value)
    if found is None and isinstance(value, tuple):
        found = _of_tuple(name, cast("tuple[Any, ...]", value))
    if found is None and isinstance(value, list):
        found = Choices(tuple(cast("list[Any]", value)))
    if found is None and isinstance(value, set | frozenset):
        refuse(name, value, FORMS, fix="A set has no order. To fix: write a list.")
    if found is None:
        return Fixed(knob.check(value))
    if isinstance(found, Range):
        return _checked_range(name, value, found, knob)
    if not isinstance(found, Choices) or not found.values:
        refuse(name, value, f"at least one choice, or {FORMS}")
    return Choices(tuple(_each_once([knob.check(each) for each in found.values])))


def _each_once(values: list[Any]) -> list[Any]:
    """What is written twice is one choice; True is not 1."""
    kept: list[Any] = []
    for value in values:
        if not any(type(value) is type(known) and label_of(value) == label_of(known) for known in kept):
            kept.append(value)
    return kept


def _of_tuple(name: str, value: tuple[Any, ...]) -> Dimension:
    """(low, high), (low, high, "log"), or choices where they are no numbers."""
    numbers = [isinstance(each, Real) and not _is_flag(each) for each in value]
    if not all(numbers[:2]) or len(value) < 2:
        return Choices(value)
    low, high, *rest = value
    if len(rest) > 1 or (rest and not (isinstance(rest[0], str) and rest[0] in SCALES)):
        fix = f"To fix: {name}={list(value)} for choices, or {name}=({low}, {high}) for a range."
        refuse(name, value, "(low, high) or (low, high, 'log'); choices are a list", fix=fix)
    whole = all(isinstance(each, int) or type(each).__name__.startswith("int") for each in (low, high))
    return Range(low, high, whole=whole, log=bool(rest) and SCALES[rest[0]])


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def _checked_range(name: str, value: Any, found: Range, knob: Knob) -> Range:
    if knob.ranged == "no":
        refuse(name, value, "choices in a list: there is nothing between two of its values")
    low, high = found.low, found.high
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        refuse(name, value, "a lower end below the upper one, both finite", fix=f"To fix: {name}=(low, high).")
    if found.log and low <= 0:
        refuse(name, value, "a lower end above 0: factors never reach 0", fix="To fix: leave 'log' out, or raise it.")
    low, high = knob.check(low), knob.check(high)
    whole = knob.ranged == "whole" or (knob.ranged == "any" and found.whole)
    if whole:
        low, high = int(low), int(high)
    elif knob.ranged == "number":
        low, high = float(low), float(high)
    if found.log and found.step is not None:
        refuse(name, value, "steps or factors, not both", fix="To fix: leave one out.")
    return Range(low, high, whole=whole, log=found.log, step=found.step)


def _facts(each: Dimension) -> Any:
    if isinstance(each, Range):
        return each.low, each.high, each.whole, each.log, each.step
    return each.labels if isinstance(each, Choices) else label_of(each.value)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
