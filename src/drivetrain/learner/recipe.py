"""How a Learner is trained, apart from what it learns: the settings that most people leave as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, cast

from drivetrain.calls import named, unknown_name
from drivetrain.data.notices import warn
from drivetrain.errors import SettingError
from drivetrain.settings import flag, instance, number, shown, whole
from drivetrain.training.recipe.class_weights import ClassWeights

DROPOUT = 0.2
MOST_RANK = 1024
"""Of additions beside linear layers."""


def _share(name: str, value: float | None) -> float | None:
    return None if value is None else number(name, value, least=0, below=1)


@dataclass(frozen=True, eq=False)
class Recipe:
    """How a `Learner` is trained; a dict of some of these settings does as well.

    Raises:
        SettingError: A setting cannot be used.

    Example:
        >>> Recipe(batch_size=16, mixup=0.2)
        Recipe(batch_size=16, mixup=0.2)
    """

    batch_size: int | None = None
    """Rows that go through the network together (over all processes); None chooses."""
    accumulate: int = 1
    """Batches per step of the optimiser."""
    mixup: float = 0.0
    """Strength α of MixUp (Zhang et al. 2018); 0 is off. Not together with `cutmix`."""
    cutmix: float = 0.0
    """Strength α of CutMix (Yun et al. 2019); 0 is off."""
    label_smoothing: float | None = None
    """Share of probability spread over all categories; None takes 0.1 for single categories."""
    class_weights: ClassWeights = None
    """For classes of unequal size or importance: "balanced", category → weight (1 where none is named), or a list,
    array or tensor of a weight per category in their order. With several labels per row, rows with a label are weighed
    against those without it: "balanced" gives both the same weight in all, a number says what a row with the label
    counts, beside 1. Probabilities then no longer are frequencies."""
    dropout: float | None = None
    """Of the head, 0 ≤ dropout < 1; None takes 0.2, of a saved model what it was trained with."""
    weight_decay: float = 0.01
    """Decoupled, on weights of more than one dimension."""
    clip_norm: float | None = None
    """Largest norm of the gradient, above 0; None does not clip."""
    lora: int | None = None
    """Rank of small matrices beside the linear layers of a pretrained transformer (LoRA, Hu et al. 2021), which are
    trained in place of its body and added up at the end; 8 or 16 are usual. None trains the body itself."""
    store_activations: bool = True
    """Compute what is frozen once, for some random views of each row, and keep it while a run lasts; or in every epoch
    anew."""

    def __post_init__(self) -> None:
        checked = {
            "batch_size": None if self.batch_size is None else whole("batch_size", self.batch_size, least=1),
            "accumulate": whole("accumulate", self.accumulate, least=1),
            "mixup": number("mixup", self.mixup, least=0),
            "cutmix": number("cutmix", self.cutmix, least=0),
            "label_smoothing": _share("label_smoothing", self.label_smoothing),
            "dropout": _share("dropout", self.dropout),
            "weight_decay": number("weight_decay", self.weight_decay, least=0),
            "clip_norm": None if self.clip_norm is None else number("clip_norm", self.clip_norm, above=0),
            "lora": None if self.lora is None else whole("lora", self.lora, least=1, most=MOST_RANK),
            "store_activations": flag("store_activations", self.store_activations),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"Recipe({', '.join(f'{name}={value!r}' for name, value in self.asked().items())})"

    def asked(self) -> dict[str, Any]:
        """The settings that are not as they are by themselves."""
        found = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {name: value for name, (value, usual) in found.items() if not (value is usual or value == usual)}


Recipe.__init__ = named(Recipe.__init__)  # what it does not know is a SettingError too
Recipe.__module__ = "drivetrain"  # where people find it, so that messages and help say so
NAMES = tuple(field.name for field in fields(Recipe))


def asked_recipe(recipe: Any, older: Mapping[str, Any] | None = None, *, known: Sequence[str] = ()) -> Recipe:
    """What `recipe=` means, together with settings of it that were passed to the Learner itself, as they once were.

    Args:
        recipe: `Recipe`, a dict of its settings, or None.
        older: Name → value, as passed to the Learner.
        known: Arguments of the Learner, for the message about a name that is none.

    Raises:
        SettingError: It is no recipe, a setting is unknown, or stands in both places.

    Example:
        >>> asked_recipe({"mixup": 0.2})
        Recipe(mixup=0.2)
        >>> asked_recipe({"mixup": 0.2}, {"wd": 0.1})
        Traceback (most recent call last):
        drivetrain.errors.SettingError: Learner() has no wd; expected weight_decay of dt.Recipe. ...
    """
    older = older or {}
    unknown = [name for name in older if name not in NAMES]
    if unknown:
        raise SettingError(
            unknown_name("Learner()", unknown[0], [name for name in known if name not in ("self", "older")])
        )
    if isinstance(recipe, Mapping):
        recipe = Recipe(**{str(name): value for name, value in cast("Mapping[Any, Any]", recipe).items()})
    expected = "dt.Recipe(...), a dict of its settings, or None"
    found = Recipe() if recipe is None else instance("recipe", recipe, Recipe, expected)
    if not older:
        return found
    twice = [name for name in older if name in found.asked()]
    if twice:
        raise SettingError(
            f"{twice[0]} stands in recipe and beside it; expected one of them. To fix: leave out {twice[0]}= beside it."
        )
    changed = replace(found, **older)
    written = ", ".join(f"{name}={shown(value)}" for name, value in {**found.asked(), **older}.items())
    warn(
        f"{', '.join(older)} of dt.Learner moved into its recipe, and the old way goes with the next version. To fix: "
        f"dt.Learner(data, ..., recipe=dt.Recipe({written}))."
    )
    return changed
