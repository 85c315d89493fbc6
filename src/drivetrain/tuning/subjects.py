"""Whose settings are searched for: a network, boosted trees, a model of yours; and how a trial makes one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drivetrain.data.data import Data
from drivetrain.errors import SettingError
from drivetrain.evaluation.metrics.metrics import Metric
from drivetrain.learner.base import ModelBase
from drivetrain.learner.learner import Learner
from drivetrain.learner.recipe import Recipe
from drivetrain.models.linear import Linear
from drivetrain.models.ratings.biases import Biases
from drivetrain.models.ratings.ease import Ease
from drivetrain.models.ratings.factors import Factors
from drivetrain.models.ratings.neighbours import ItemNeighbours
from drivetrain.models.ratings.popularity import Popularity
from drivetrain.models.texts.linear import TextLinear
from drivetrain.models.trees import Trees
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.kinds import kind_name
from drivetrain.runtime.predictor import Predictor
from drivetrain.settings import choice, refuse
from drivetrain.training.callbacks import Callback
from drivetrain.tuning import knobs
from drivetrain.tuning.knobs import Knob, Knobs

EPOCHS = 5
"""Of a network whose space does not say."""
Watcher = Callable[[Learner], Callback] | None
"""Makes what follows a training epoch by epoch."""


@dataclass(frozen=True)
class Subject:
    """A sort of model."""

    name: str
    """One word for the command line and the record."""
    fit: Callable[[Data, Sequence[Metric], Mapping[str, Any], Mapping[str, Decision], Watcher], ModelBase]
    """Data, metrics, settings, decisions to record with the model, and who watches → the model, fitted."""
    knobs: Knobs | None
    """None: it takes what it is given."""
    usual: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The space that is searched where none is named."""
    by_epoch: bool = False
    """Whether its training can be followed and stopped."""


WORDS: dict[str, dict[str, tuple[type[ModelBase], Knobs, Mapping[str, Any]]]] = {
    "table": {"trees": (Trees, knobs.TREES, knobs.SPACE_OF_TREES), "line": (Linear, knobs.LINE, {})},
    "texts": {"line": (TextLinear, knobs.TEXT_LINE, knobs.SPACE_OF_TEXT_LINE)},
    "ratings": {
        "factors": (Factors, knobs.FACTORS, knobs.SPACE_OF_FACTORS),
        "ease": (Ease, knobs.EASE, knobs.SPACE_OF_EASE),
        "neighbours": (ItemNeighbours, knobs.NEIGHBOURS, knobs.SPACE_OF_NEIGHBOURS),
        "popularity": (Popularity, knobs.POPULARITY, knobs.SPACE_OF_POPULARITY),
        "biases": (Biases, {}, {}),
    },
}
"""Kind of input → models beside the network, the usual one first."""
NETWORK = "network"
OTHER_WORDS = {"net": NETWORK, "learner": NETWORK, "boosted trees": "trees", "plain line": "line"}


def asked_subject(model: Any, data: Data, *, arch: bool) -> Subject:
    """What `model=` means for these data.

    Args:
        model: A word, a class or a function that takes the data and settings, or None for the kind's usual one.
        data: What it learns from.
        arch: Whether an architecture is named, which only networks have.

    Raises:
        SettingError: There is no such model of this kind.
    """
    kind = kind_name(data.kind)
    of_kind = WORDS.get(kind, {})
    words = [*of_kind, *([NETWORK] if kind != "ratings" else [])]
    if model is None:
        model = NETWORK if arch and NETWORK in words else words[0]
    if isinstance(model, str):
        word = choice("model", OTHER_WORDS.get(model.strip().casefold(), model), words)
        return _network(data) if word == NETWORK else _known(word, *of_kind[word], data)
    if isinstance(model, ModelBase):
        fix = f"To fix: pass the class, {type(model).__name__}, which each trial makes anew."
        refuse("model", model, "a class or a word, not a model that is fitted", fix=fix)
    if not callable(model) or isinstance(model, Predictor):
        refuse("model", model, f"one of {', '.join(map(repr, words))}, or a class derived from dt.ModelBase")
    if model is Learner:
        if NETWORK not in words:
            refuse("model", model, f"one of {', '.join(map(repr, words))}: that is no model of {kind}")
        return _network(data)
    for of_one in WORDS.values():
        for word, (own, has, usual) in of_one.items():
            if model is own:
                return _known(word, own, has, usual, data)
    return _of_class(getattr(model, "__name__", type(model).__name__), model, _by_signature(model), {})


def _network(data: Data) -> Subject:
    own = knobs.of_network(data)
    return Subject(NETWORK, _fine_tuned, own, knobs.space_of_network(data), by_epoch=True)


def _fine_tuned(
    data: Data,
    metrics: Sequence[Metric],
    settings: Mapping[str, Any],
    told: Mapping[str, Decision],
    watcher: Watcher,
) -> Learner:
    """A Learner with these settings, trained."""
    of_recipe = {name: value for name, value in settings.items() if name in knobs.RECIPE}
    of_training = {name: value for name, value in settings.items() if name in knobs.FINE_TUNED}
    own = {name: value for name, value in settings.items() if name not in of_recipe | of_training}
    learner = Learner(data, recipe=Recipe(**of_recipe), metrics=list(metrics), **own)
    learner.decisions |= dict(told)
    watching = [] if watcher is None else [watcher(learner)]
    epochs = of_training.pop("epochs", None)
    learner.fine_tune(EPOCHS if epochs is None else epochs, **of_training, callbacks=watching)
    return learner


def _known(word: str, own: type[ModelBase], has: Knobs, usual: Mapping[str, Any], data: Data) -> Subject:
    if own is Factors and "scale" not in data.options:
        usual = knobs.SPACE_OF_EVENTS
    return _of_class(word, own, has, usual)


def _of_class(name: str, made_by: Callable[..., Any], has: Knobs | None, usual: Mapping[str, Any]) -> Subject:
    takes = _parameters(made_by)

    def fitted(
        data: Data,
        metrics: Sequence[Metric],
        settings: Mapping[str, Any],
        told: Mapping[str, Decision],
        watcher: Watcher,
    ) -> ModelBase:
        given: dict[str, Any] = {"metrics": list(metrics)} if takes is None or "metrics" in takes else {}
        model = made_by(data, **given, **settings)
        if not isinstance(model, ModelBase):
            refuse("model(data, ...)", model, "a model derived from dt.ModelBase", fix="To fix: return one.")
        model.metrics = tuple(metrics)
        model.decisions |= dict(told)
        return model

    return Subject(name, fitted, has, usual)


def _parameters(made_by: Callable[..., Any]) -> dict[str, inspect.Parameter] | None:
    """Of a class or function, by name; None where it takes anything, or nobody can tell."""
    try:
        found = dict(inspect.signature(made_by).parameters)
    except (TypeError, ValueError):
        return None
    return None if any(each.kind is each.VAR_KEYWORD for each in found.values()) else found


def _by_signature(made_by: Callable[..., Any]) -> Knobs | None:
    takes = _parameters(made_by)
    if takes is None:
        return None
    first = next(iter(takes), None)
    if first is None:
        raise SettingError(
            "model takes nothing; expected a class or function that takes the data first, then settings by name. "
            "To fix: def model(data, *, strength): ..."
        )
    names = [
        name for name, each in takes.items() if name not in (first, "metrics") and each.kind is not each.VAR_POSITIONAL
    ]
    return {name: Knob("any", lambda value: value) for name in names}
