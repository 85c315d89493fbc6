"""What each model has that can be searched for, each with its check, and a space for whoever names none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from drivetrain.data.data import Data
from drivetrain.learner import arguments as asking
from drivetrain.learner.recipe import Recipe
from drivetrain.models.texts.linear import LABELS
from drivetrain.settings import choice, flag, instance, number, whole
from drivetrain.settings import device as asked_device
from drivetrain.settings import precision as asked_precision
from drivetrain.training.kind import asked_augmentation
from drivetrain.training.recipe.class_weights import asked_weights

Ranged = Literal["whole", "number", "any", "no"]
"""Whether a range makes sense: of whole numbers, of numbers, as its ends are, or not at all."""


@dataclass(frozen=True)
class Knob:
    """A setting."""

    ranged: Ranged
    check: Callable[[Any], Any]
    """The value as the model takes it; SettingError where it takes none such."""


Knobs = Mapping[str, Knob]


def _whole(name: str, *, least: int, most: int | None = None) -> Knob:
    return Knob("whole", _or_none(lambda value: whole(name, value, least=least, most=most)))


def _number(name: str, **bounds: float) -> Knob:
    return Knob("number", _or_none(lambda value: number(name, value, **bounds)))


def _chosen(check: Callable[[Any], Any]) -> Knob:
    return Knob("no", check)


def _checked(check: Callable[[Any], Any]) -> Knob:
    """Choices that are checked, and passed on as they were written."""

    def unchanged(value: Any) -> Any:
        check(value)
        return value

    return Knob("no", unchanged)


def _flag(name: str) -> Knob:
    return _chosen(partial(flag, name))


def _or_none(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """None: as the model has it by itself."""
    return lambda value: None if value is None else check(value)


def _recipe(name: str) -> Callable[[Any], Any]:
    return lambda value: getattr(Recipe(**{name: value}), name)


FINE_TUNED = ("epochs", "lr", "head_epochs", "unfreeze", "statistics")
"""Settings of `Learner.fine_tune`; those of `Recipe` and of the Learner itself are the others."""
RECIPE = (
    "batch_size", "accumulate", "mixup", "cutmix", "label_smoothing", "class_weights", "dropout", "weight_decay",
    "clip_norm", "lora", "store_activations",
)  # fmt: skip
LEARNER = ("arch", "augment", "device", "fit", "loss", "precision", "pretrained", "seed", "size")


def of_network(data: Data) -> dict[str, Knob]:
    """Those of a `Learner`, its recipe and `fine_tune`."""
    ranged: dict[str, Ranged] = dict.fromkeys(("batch_size", "accumulate", "lora"), "whole")
    ranged |= dict.fromkeys(("mixup", "cutmix", "label_smoothing", "dropout", "weight_decay", "clip_norm"), "number")
    recipe = {name: Knob(ranged.get(name, "no"), _or_none(_recipe(name))) for name in RECIPE}
    recipe["class_weights"] = _checked(lambda value: asked_weights(value, data.target))
    return recipe | {
        "arch": _chosen(asking.asked_arch),
        "augment": _checked(lambda value: asked_augmentation(data, value)),
        "device": _chosen(asked_device),
        "fit": _chosen(lambda value: choice("fit", value, asking.FITS)),
        "loss": _chosen(lambda value: value),
        "precision": _chosen(lambda value: asked_precision(value, ("auto", "fp32", "bf16", "fp16"))),
        "pretrained": _flag("pretrained"),
        "seed": _whole("seed", least=0),
        "size": Knob("whole", asking.asked_size),
        "epochs": _whole("epochs", least=0),
        "lr": _number("lr", above=0),
        "head_epochs": _whole("head_epochs", least=0),
        "unfreeze": _number("unfreeze", above=0, most=1),
        "statistics": _chosen(lambda value: choice("statistics", value, (None, "fixed", "batch"))),
    }


TREES: Knobs = {
    "members": _whole("members", least=1),
    "pairs": _flag("pairs"),
    "monotone": _chosen(_or_none(lambda value: instance("monotone", value, dict, "a dict of column and sign"))),
    "quantile": _number("quantile", above=0, below=1),
    "leaves": _whole("leaves", least=2, most=65_536),
    "least_rows": _whole("least_rows", least=1),
    "shrink": _number("shrink", least=0),
    "share": _number("share", above=0, most=1),
    "rate": _number("rate", above=0, most=1),
    "seed": _whole("seed", least=0),
}
LINE: Knobs = {"seed": _whole("seed", least=0)}
TEXT_LINE: Knobs = {
    "features": _chosen(lambda value: choice("features", value, tuple(LABELS))),
    "strength": _number("strength", above=0),
}
FACTORS: Knobs = {
    "factors": _whole("factors", least=1, most=512),
    "implicit": _chosen(_or_none(partial(flag, "implicit"))),
    "features": _flag("features"),
    "sweeps": _whole("sweeps", least=1),
    "alpha": _number("alpha", above=0),
    "strength": _number("strength", above=0),
    "seed": _whole("seed", least=0),
}
EASE: Knobs = {"strength": _number("strength", above=0), "seed": _whole("seed", least=0)}
NEIGHBOURS: Knobs = {
    "neighbours": _whole("neighbours", least=1),
    "shrink": _number("shrink", least=0),
    "seed": _whole("seed", least=0),
}
POPULARITY: Knobs = {"recent": _flag("recent")}
NAMES: Mapping[str, frozenset[str]] = {
    "network": frozenset((*FINE_TUNED, *RECIPE, *LEARNER)),
    **{
        word: frozenset(of_one)
        for word, of_one in {
            "trees": TREES, "line": {**LINE, **TEXT_LINE}, "factors": FACTORS, "ease": EASE, "neighbours": NEIGHBOURS,
            "popularity": POPULARITY,
        }.items()
    },
}  # fmt: skip
"""Word of a model → its settings, to say whose one is that another model does not have."""


def space_of_network(data: Data) -> dict[str, Any]:
    """What is searched of a network where no space is named."""
    space: dict[str, Any] = {
        "lr": (5e-4, 1e-2, "log"),
        "epochs": (2, 8),
        "unfreeze": [0.3, 1.0],
        "weight_decay": (1e-3, 0.3, "log"),
        "dropout": (0.0, 0.5),
    }
    return space | ({"mixup": [0.0, 0.2]} if data.target.kind == "category" else {})


SPACE_OF_TREES = {
    "leaves": (4, 63, "log"),
    "least_rows": (5, 100, "log"),
    "shrink": [0.0, 1.0, 10.0],
    "share": (0.2, 1.0),
    "rate": (0.02, 0.2, "log"),
}
SPACE_OF_TEXT_LINE = {"strength": (0.01, 100.0, "log")}
SPACE_OF_FACTORS = {"factors": (4, 64, "log")}
"""Of ratings: the rest is told by the data (variational Bayes)."""
SPACE_OF_EVENTS = {"factors": (8, 128, "log"), "strength": (0.01, 10.0, "log"), "alpha": (1.0, 40.0, "log")}
"""Of factors of events."""
SPACE_OF_EASE = {"strength": (1.0, 2000.0, "log")}
SPACE_OF_NEIGHBOURS = {"neighbours": (5, 400, "log"), "shrink": (0.0, 100.0)}
SPACE_OF_POPULARITY = {"recent": [False, True]}
