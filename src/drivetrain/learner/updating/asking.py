"""How a model is updated: what was asked for, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from drivetrain.data.seals.project import ProjectPlace
from drivetrain.data.splitting.split import asked_fractions
from drivetrain.errors import SettingError
from drivetrain.learner.arguments import (
    CheckpointPlace,
    asked_callbacks,
    asked_checkpoint,
    asked_length,
)
from drivetrain.learner.recipe import MOST_RANK
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import flag, number, shown, whole
from drivetrain.training.callbacks import Callback

EPOCHS = 5
EXEMPLARS = 20
"""Old rows of each class that an epoch takes again, where nothing was asked for."""
DISTIL, DISTIL_ALONE = 0.0, 1.0
"""Weight of the distance to the old model's answers, beside rehearsed rows, and without any."""
ANCHOR, ANCHOR_ALONE = 0.0, 0.0
MAX_FLIPS = 0.1
"""Share of old rows that may turn from right to wrong, where nothing was asked for."""


@dataclass(frozen=True)
class How:
    """Settings of an update."""

    epochs: int | None
    seconds: float | None
    """Instead of epochs: what the training may take."""
    exemplars: int
    alpha: float | None
    """As asked; None chooses."""
    distil: float | None
    """As asked; None chooses, and so does `anchor`."""
    anchor: float | None
    max_flips: float
    noise: bool
    lr: float | None
    unfreeze: float | None
    checkpoint: CheckpointPlace
    callbacks: list[Callback]
    low_rank: int | None = None
    """Of additions beside the body's linear layers, which are trained in place of its weights; None: there are none."""
    decisions: Mapping[str, Decision] = field(default_factory=dict[str, Decision])

    def settled(self, *, rehearsed: int) -> How:
        """With what holds on to the old model chosen, where nothing was asked for."""
        alone = "no old row is rehearsed, so that the old model's answers hold the place of the rows"
        usual = "old rows are rehearsed" if rehearsed else alone
        chosen = {
            name: Decision(value=asked, reason="as asked")
            if asked is not None
            else Decision(value=default if rehearsed else without, reason=usual)
            for name, asked, default, without in (
                ("distil", self.distil, DISTIL, DISTIL_ALONE),
                ("anchor", self.anchor, ANCHOR, ANCHOR_ALONE),
            )
        }
        distil, anchor = (float(cast(float, one.value)) for one in chosen.values())
        return replace(self, distil=distil, anchor=anchor, decisions=chosen)


@dataclass(frozen=True)
class Cut:
    """How the new rows are divided, and where that is remembered."""

    valid_pct: float | None
    test_pct: float | None
    project: ProjectPlace


def asked_cut(valid_pct: float | None, test_pct: float | None, project: ProjectPlace) -> Cut:
    """The same, checked; SettingError where a share cannot be used."""
    return Cut(*asked_fractions(valid_pct, test_pct), project)


def asked_how(
    *,
    epochs: int | None,
    budget: str | float | None,
    exemplars: int | None,
    alpha: float | None,
    distil: float | None,
    anchor: float | None,
    max_flips: float | None,
    noise: bool,
    lr: float | None,
    unfreeze: float | None,
    checkpoint: CheckpointPlace,
    callbacks: Sequence[Callback] | Callback | None,
    low_rank: int | None = None,
) -> How:
    """The settings of an update; SettingError where one cannot be used."""
    if low_rank is not None and unfreeze is not None:
        raise SettingError(
            f"low_rank={shown(low_rank)} was given together with unfreeze={shown(unfreeze)}: expected one of them, "
            "since the additions lie in all layers of the body. To fix: leave one of them out."
        )
    if epochs is None and budget is None:
        epochs = EPOCHS
    n_epochs, seconds = asked_length(epochs, budget)
    return How(
        epochs=n_epochs,
        seconds=seconds,
        exemplars=EXEMPLARS if exemplars is None else whole("exemplars", exemplars, least=0),
        alpha=None if alpha is None else number("alpha", alpha, least=0, most=1),
        distil=None if distil is None else number("distil", distil, least=0),
        anchor=None if anchor is None else number("anchor", anchor, least=0),
        max_flips=MAX_FLIPS if max_flips is None else number("max_flips", max_flips, least=0, most=1),
        noise=flag("noise", noise),
        lr=None if lr is None else number("lr", lr, above=0),
        unfreeze=None if unfreeze is None else number("unfreeze", unfreeze, above=0, most=1),
        checkpoint=asked_checkpoint(checkpoint),
        callbacks=asked_callbacks(callbacks),
        low_rank=None if low_rank is None else whole("low_rank", low_rank, least=1, most=MOST_RANK),
    )
