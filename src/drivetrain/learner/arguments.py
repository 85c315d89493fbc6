"""The arguments of a Learner, in the forms that people have them in, checked before anything is loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import nn

from drivetrain.data.data import Data
from drivetrain.data.notices import warn
from drivetrain.errors import SettingError
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Manifest
from drivetrain.runtime.times import seconds_of
from drivetrain.settings import instance, place, refuse, several, text, whole
from drivetrain.training.callbacks import Callback, KeepBest

CheckpointPlace = str | os.PathLike[str] | Literal[False] | None
"""Where a run is saved while it goes on: a folder, False for nowhere, None for the project folder."""

FITS = (None, "crop", "squeeze", "pad")
"""What may become of pictures that are not square; None: what would lose least."""
LOCAL = "local-dir:"
HOOKS = ("on_epoch_end", "on_train_begin", "after_epoch", "on_train_epoch_end", "before_fit")
"""Of callbacks, in this library and in others."""


@dataclass(frozen=True)
class TakenUp:
    """A saved model whose parameters the Learner is about to be given."""

    manifest: Manifest


def asked_data(data: Any) -> Data:
    """What `drivetrain.images` gave.

    Raises:
        SettingError: It is something else.
    """
    if isinstance(data, Data):
        return data
    path = isinstance(data, str | os.PathLike)
    fix = "pass dt.images(...) of it, dt.table(...), or the function of another kind" if path else "call it first"
    raise SettingError(
        f"data is a {type(data).__name__}: expected what drivetrain.images(...), drivetrain.table(...) or the function "
        f"of another kind gives. To fix: {fix}."
    )


def asked_exemplars(exemplars: Any) -> int | None:
    """How many training rows of each class travel with a model; None was not asked for."""
    return None if exemplars is None else whole("exemplars", exemplars, least=0, most=1000)


def asked_arch(arch: Any) -> str | None:
    """The name of an architecture; of a folder on this machine, the name that says so.

    Raises:
        SettingError: It is no name; of a network the message says its name.
    """
    if arch is None:
        return None
    expected = "the name of an architecture, such as 'resnet18'"
    if isinstance(arch, os.PathLike):
        return LOCAL + place("arch", arch, what=expected)
    if isinstance(arch, str):
        return text("arch", arch, what=expected)
    name = _timm_name(arch)
    if isinstance(arch, nn.Module):
        received = f"a network ({type(arch).__name__})"
        how = f"arch={name!r} builds and loads it anew" if name else "pass the timm name it was created with"
    elif name:
        received, how = f"the function {name}", f"arch={name!r}, if timm.list_models() has it"
    else:
        refuse("arch", arch, expected, fix="To fix: arch='resnet18', or a name that `drivetrain bodies` lists.")
    raise SettingError(
        f"arch is {received}; expected {expected}: a saved model says how its network is built. To fix: {how}."
    )


def _timm_name(arch: Any) -> str | None:
    """What timm calls a network, with the tag of its weights; or the name of a function that makes one."""
    config = getattr(arch, "pretrained_cfg", None) or getattr(arch, "default_cfg", None)
    if isinstance(config, Mapping):
        name, tag = config.get("architecture"), config.get("tag")
        return f"{name}.{tag}" if name and tag else name or None
    return getattr(arch, "__name__", None) if callable(arch) and not isinstance(arch, nn.Module) else None


def asked_manifest(arch: Manifest | TakenUp, size: Any) -> tuple[Manifest, Decision | None]:
    """A saved model's manifest, and what is said of it where nobody brings the parameters.

    Raises:
        SettingError: `size` is given, which the saved model fixes.
    """
    if size is not None:
        refuse("size", size, "None: a saved model has its own", fix="To fix: leave it out.")
    if isinstance(arch, TakenUp):
        return arch.manifest, None
    how = "random weights: a manifest holds none; dt.Learner.load(PATH) takes up the trained model"
    warn(f"arch is the manifest of a saved model, which starts from {how}.")
    return arch, Decision(value=arch.architecture.name, reason=how)


def asked_size(size: Any) -> int | None:
    """Side of the pictures in px; a square's (height, width) is its side.

    Raises:
        SettingError: It is no whole number from 8 to 2048, or of no square.

    Example:
        >>> asked_size((64, 64)), asked_size("96")
        (64, 96)
        >>> asked_size((64, 48))
        Traceback (most recent call last):
        drivetrain.errors.SettingError: size=(64, 48) cannot be used: expected one side in px, ... To fix: size=64.
    """
    if size is None or not isinstance(size, tuple | list):
        return None if size is None else whole("size", size, least=8, most=2048)
    sides = [whole("size", side, least=1) for side in several("size", size, "one side in px")]
    if len(sides) == 3 and sides[0] in (1, 3, 4):
        sides = sides[1:]  # channels first, as timm writes it
    if not sides or len(sides) > 2 or len(set(sides)) > 1:
        larger = min(max(sides, default=224), 2048)
        refuse(
            "size", size, "one side in px, since a network reads square views", fix=f"To fix: size={max(larger, 8)}."
        )
    return whole("size", sides[0], least=8, most=2048)


def asked_callbacks(callbacks: Any) -> list[Callback]:
    """Callbacks, or a single one.

    Raises:
        SettingError: Something among them is none of drivetrain's; the message says what it is.

    Example:
        >>> asked_callbacks(Callback())  # doctest: +ELLIPSIS
        [<drivetrain.Callback object at ...>]
    """
    if callbacks is None:
        return []
    expected = "objects of classes that derive from dt.Callback, such as [dt.KeepBest()]"
    single = isinstance(callbacks, Callback | type) or callable(callbacks) or not hasattr(callbacks, "__iter__")
    asked: list[Any] = [callbacks] if single else several("callbacks", callbacks, expected)
    found: list[Callback] = []
    for each in asked:
        fix = ""
        if any(hasattr(each, hook) for hook in HOOKS) and not isinstance(each, type):
            fix = f"{type(each).__name__} is another library's. To fix: derive a class from dt.Callback that does it."
        elif callable(each) and not isinstance(each, type):
            fix = "To fix: make the function on_epoch_end(self, run) of a class that derives from dt.Callback."
        found.append(instance("callbacks", each, Callback, expected, fix=fix))
    return found


def keeping(usual: Mapping[str, Decision], data: Data) -> list[Callback]:
    """What ends a run with its best epoch, where that is usual and there are rows to tell by."""
    kept = usual.get("kept epoch")
    return [KeepBest()] if kept is not None and kept.value == "best" and len(data.valid) else []


def asked_checkpoint(checkpoint: Any) -> Path | Literal[False] | None:
    """Where a run is saved: a folder, False for nowhere, None for the project folder.

    Raises:
        SettingError: It is none of these.
    """
    if checkpoint is None or checkpoint is False:
        return checkpoint
    return Path(place("checkpoint", checkpoint, what="a folder, False for nowhere, or None for the project folder"))


def asked_length(epochs: Any, budget: Any) -> tuple[int | None, float | None]:
    """Epochs, or else the seconds of a budget.

    Raises:
        SettingError: Neither or both are given, or one cannot be used.

    Example:
        >>> asked_length(4, None), asked_length(None, "5min")
        ((4, None), (None, 300.0))
    """
    if (epochs is None) == (budget is None):
        raise SettingError(
            f"fine_tune() was given {'neither' if budget is None else 'both'} of epochs and budget; expected one of "
            "them. To fix: fine_tune(4), or fine_tune(budget='5min')."
        )
    return (None, seconds_of(budget)) if epochs is None else (whole("epochs", epochs, least=0), None)
