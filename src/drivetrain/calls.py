"""Calls whose arguments have names that are not known, or whose values a description does not allow."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from drivetrain.errors import SettingError, did_you_mean
from drivetrain.settings import flag, number, shown, whole
from drivetrain.text import readable

P = ParamSpec("P")
R = TypeVar("R")

IMAGES, LEARNER, RECIPE, FINE_TUNE = "dt.images", "dt.Learner", "dt.Recipe", "fine_tune"
MEANT = {
    **dict.fromkeys(("augmentation", "augmentations", "data_augmentation"), ("augment",)),
    **dict.fromkeys(("base_lr", "learning_rate", "lr0", "lr_max", "max_lr"), ("lr", FINE_TUNE)),
    **dict.fromkeys(("batch_tfms", "item_tfms", "tfms", "transform", "transforms"), ("augment", LEARNER)),
    **dict.fromkeys(("batch", "bs"), ("batch_size", RECIPE)),
    **dict.fromkeys(("callback", "cbs"), ("callbacks", LEARNER)),
    **dict.fromkeys(("class_weight", "weight"), ("class_weights", RECIPE)),
    "delimiter": ("label_delim", IMAGES),
    "description": ("use", "learn.report"),
    **dict.fromkeys(("data_dir", "df", "directory", "folder", "root", "root_dir"), ("source", IMAGES)),
    **dict.fromkeys(("drop_rate", "dropout_rate", "ps"), ("dropout", RECIPE)),
    **dict.fromkeys(("dataset", "dls"), ("data", LEARNER)),
    **dict.fromkeys(("fn_col", "image_col", "x_col"), ("path", IMAGES)),
    "freeze_epochs": ("head_epochs", FINE_TUNE),
    **dict.fromkeys(("image_size", "img_size", "imgsz", "input_shape", "input_size", "target_size"), ("size", LEARNER)),
    **dict.fromkeys(("label", "label_col", "labels", "y_col"), ("target", IMAGES)),
    **dict.fromkeys(("backbone", "base_model", "model", "model_name"), ("arch", LEARNER)),
    **dict.fromkeys(("epoch", "max_epochs", "n_epoch", "n_epochs", "num_epochs"), ("epochs", FINE_TUNE)),
    **dict.fromkeys(("criterion", "loss_fn", "loss_func"), ("loss", LEARNER)),
    "metric": ("metrics",),
    **dict.fromkeys(("class_mode", "label_mode", "problem_type"), ("task", IMAGES)),
    **dict.fromkeys(("color_mode", "in_chans", "num_channels"), ("channels", IMAGES)),
    "groups": ("group", IMAGES),
    **dict.fromkeys(("accumulate_grad_batches", "gradient_accumulation_steps"), ("accumulate", RECIPE)),
    **dict.fromkeys(("clipnorm", "grad_clip", "gradient_clip_val", "max_norm"), ("clip_norm", RECIPE)),
    **dict.fromkeys(("amp", "fp16", "half", "mixed_precision"), ("precision", LEARNER)),
    "random_state": ("seed",),
    **dict.fromkeys(("splitter", "valid_col"), ("split", IMAGES)),
    "test_size": ("test_pct", IMAGES),
    **dict.fromkeys(("val_pct", "val_split", "valid_size", "validation_split"), ("valid_pct", IMAGES)),
    "wd": ("weight_decay", RECIPE),
}
"""What other libraries call an argument → what it is called here, and by whom, where only one call has it."""
INSTEAD = {
    **dict.fromkeys(("early_stopping", "patience"), "callbacks=dt.EarlyStopping(patience=3)"),
    **dict.fromkeys(("get_items", "get_x", "get_y", "label_func", "pat", "pattern"), "dt.images([(path, label), ...])"),
    "freeze": "head_epochs= and unfreeze= of fine_tune",
    "max_n": "n=",
    "n_splits": "k=",
    **dict.fromkeys(("train_pct", "train_size"), "valid_pct= and test_pct=; the rest trains"),
    "valid_name": "a folder called valid beside train, which is found, or split=",
    "weights": "pretrained= for those of the body, class_weights= for those of the classes",
}
"""What other libraries ask for → what to write here, where it is no other name of the same."""
_THREADS = "pictures are decoded in as many threads as there are processors"
_CLASSES = "the classes are those of the data"
_OPTIMISER = "AdamW trains, at a rate that rises and falls"
_SCALED = "pixels are scaled and normalised as the pretrained weights expect"
NOT_NEEDED = {
    **dict.fromkeys(("num_workers", "pin_memory", "workers"), _THREADS),
    **dict.fromkeys(("class_names", "classes", "n_classes", "n_out", "nc", "num_classes"), _CLASSES),
    "include_top": "a new head for your classes is put on the body",
    **dict.fromkeys(("moms", "momentum", "opt", "opt_func", "optim", "optimizer"), _OPTIMISER),
    **dict.fromkeys(("normalize", "preprocess", "preprocessing_function", "rescale"), _SCALED),
    "shuffle": "training rows are in another order every epoch",
    "steps_per_epoch": "an epoch is one pass over the training rows",
    "subset": "training, validation and test rows are made at once",
    "validation_data": "validation rows are set apart by dt.images",
    "verbose": "`with dt.quiet():` prints nothing",
}
"""What other libraries ask for → why it is not asked for here."""


def named(call: Callable[P, R]) -> Callable[P, R]:
    """The same call, for which an argument that it does not know, or misses, is a SettingError that says what it knows.

    Example:
        >>> @named
        ... def fit(epochs: int, *, lr: float = 1e-3) -> int:
        ...     return epochs
        >>> fit(2)
        2
        >>> fit(2, learning_rate=0.1)
        Traceback (most recent call last):
        drivetrain.errors.SettingError: fit() has no learning_rate; expected lr. To fix: write lr=.
    """
    signature = inspect.signature(call)

    @wraps(call)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise SettingError(_misnamed(call, signature, args, kwargs, str(error))) from None
        return call(*args, **kwargs)

    return checked


def _misnamed(
    call: Callable[..., Any],
    signature: inspect.Signature,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    reason: str,
) -> str:
    """What is wrong with the arguments of a call, and what it expects."""
    known = [name for name in signature.parameters if name not in ("self", "cls")]
    title = call.__qualname__.removesuffix(".__init__").rsplit(".", 1)[-1]
    unknown = [name for name in kwargs if name not in known]
    if unknown:
        return unknown_name(f"{title}()", unknown[0], known)
    usual = [p for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    own = len(signature.parameters) - len(known)
    if len(args) > len(usual):
        first = [p.name for p in usual[own:]]
        others = [name for name in known if name not in first] or ["name"]
        return (
            f"{title}() was given {len(args) - own} values without a name, the last {shown(args[-1])}; expected at "
            f"most {len(first)}: {', '.join(first) or 'none'}. To fix: write the others with their names, such as "
            f"{others[0]}=."
        )
    expected = ", ".join(known) or "nothing"
    return f"{title}() cannot be called so: {reason}; expected {expected}. To fix: give each once, by its name."


def unknown_name(where: str, name: str, known: list[str]) -> str:
    """The message about an argument, or a key of settings, that is not known.

    Example:
        >>> unknown_name("fit()", "wd", ["epochs", "lr"])
        'fit() has no wd; expected weight_decay of dt.Recipe. To fix: pass weight_decay= there.'
    """
    said = readable(str(name))
    if name in NOT_NEEDED:
        return f"{where} has no {said}; expected none: {NOT_NEEDED[name]}. To fix: leave it out."
    if name in INSTEAD:
        return f"{where} has no {said}; expected {INSTEAD[name]}. To fix: write it so."
    meant, *others = MEANT.get(name, ("",))
    if meant in known:
        return f"{where} has no {said}; expected {meant}. To fix: write {meant}=."
    if meant and others:
        there = others[0]
        return f"{where} has no {said}; expected {meant} of {there}. To fix: pass {meant}= there."
    home = next((place for place, names in HOMES.items() if name in names), None)
    near = did_you_mean(said, known)
    if home is not None and not near:
        return f"{where} has no {said}; expected {said} of {home}. To fix: pass {said}= there."
    fix = "To fix: write it so." if near else "To fix: leave it out, or take one of these."
    return f"{where} has no {said}; expected among {', '.join(known) or 'nothing'}.{near} {fix}"


HOMES = {
    LEARNER: (
        "arch", "augment", "callbacks", "device", "loss", "metrics", "precision", "pretrained", "recipe", "size",
    ),
    RECIPE: (
        "accumulate", "batch_size", "class_weights", "clip_norm", "cutmix", "dropout", "label_smoothing", "mixup",
        "store_activations", "weight_decay",
    ),
    FINE_TUNE: ("budget", "checkpoint", "epochs", "head_epochs", "lr", "unfreeze"),
    IMAGES: ("channels", "group", "gap", "label_delim", "stratify", "test_pct", "time", "valid_pct"),
    "Learner.save": ("golden", "worst_change"),
    "dt.load": ("top_k", "threads"),
}  # fmt: skip
"""A call → its own arguments that are asked of others by mistake."""


class _Checking(type(BaseModel)):
    if not TYPE_CHECKING:

        def __call__(cls, *args: Any, **settings: Any) -> Any:
            title = cls.__name__
            if args:
                raise SettingError(
                    f"{title}({shown(args[0])}) cannot be used: expected settings with their names, among "
                    f"{', '.join(cls.model_fields)}. To fix: write {title}({next(iter(cls.model_fields))}=...)."
                )
            numbers = {name: _plain(name, value, cls.model_fields.get(name)) for name, value in settings.items()}
            try:
                return super().__call__(**numbers)
            except ValidationError as error:
                raise SettingError(said_of(title, error, list(cls.model_fields))) from error


def _plain(name: str, value: Any, field: FieldInfo | None) -> Any:
    """A number or truth value as the gate reads it: pydantic takes True for 1, and "yes" for True."""
    kind: Any = None if field is None else field.annotation
    if value is None or kind not in (bool, int, float, int | None, float | None):
        return value
    if kind is bool:
        return flag(name, value)
    return whole(name, value) if kind in (int, int | None) else number(name, value)


class CheckedModel(BaseModel, metaclass=_Checking):
    """A description that people write: what it does not allow is a SettingError, not pydantic's own.

    Example:
        >>> class Size(CheckedModel):
        ...     width: int = 1
        >>> Size(width="wide")
        Traceback (most recent call last):
        drivetrain.errors.SettingError: Size(width='wide') cannot be used: input should be a valid integer, ...
    """


def said_of(title: str, error: ValidationError, known: list[str]) -> str:
    """What pydantic says of the first fault, in three parts."""
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return unknown_name(title, name, known)
    if not name:  # what goes with what
        why = first["msg"].removeprefix("Value error, ").removesuffix(".")
        return f"{title}({shown(first['input'])}) cannot be used: expected that {why}. To fix: change one of them."
    expected = first["msg"].replace("Input should be", "expected", 1).removesuffix(".")
    for bound in ("greater", "less"):
        expected = expected.replace(f"expected {bound}", f"expected a value {bound}", 1)
    if first["type"] == "missing":
        return f"{title}() was called without {name}; expected a value of it. To fix: add {name}=."
    if not expected.startswith("expected"):
        expected = f"expected another value: {expected[:1].lower()}{expected[1:]}"
    received = f"{title}({name}={shown(first['input'])})"
    return f"{received} cannot be used: {expected}. To fix: pass such a value, or leave it out."
