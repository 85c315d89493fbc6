"""The training of an update: the recipe of a fine-tuning, holding on to the old model."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from drivetrain.learner.fitting import checkpoint_folder, run_phases
from drivetrain.learner.updating.asking import How
from drivetrain.learner.updating.joining import Joined
from drivetrain.learner.updating.old import OldModel
from drivetrain.training.callbacks import RunView
from drivetrain.training.checkpoint import snapshot
from drivetrain.training.recipe import defaults
from drivetrain.training.recipe.fine_tuning import (
    Recipe,
    budget_plan,
    choose_rates,
    epochs_plan,
    keep_plan,
    solves_head,
)
from drivetrain.training.recipe.holding import Hold, absent_of, grown
from drivetrain.training.recipe.keep_head import Guard
from drivetrain.training.recipe.low_rank import without_additions
from drivetrain.training.recipe.plan import HEAD

if TYPE_CHECKING:
    from drivetrain.learner.learner import Learner


class KeepStart(Guard):
    """Keeps the parameters with which the training of the body began: the old body, and a head that knows all classes.

    Args:
        start: Where no head is trained first.
    """

    def __init__(self, start: Mapping[str, Tensor]) -> None:
        self.start = dict(start)

    def on_epoch_end(self, run: RunView) -> None:
        """See `Callback`."""
        if run.history[-1]["phase"] == HEAD:
            self.start = without_additions(snapshot(run.network))

    def tensors(self) -> dict[str, Tensor]:
        """See `Callback`."""
        return self.start

    def restore(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """See `Callback`."""
        self.start = tensors


def take_over(learner: Learner, old: OldModel) -> None:
    """Give the Learner's network the old parameters; outputs of new classes keep those that they were made with."""
    network = learner.network
    network.load_state_dict(grown(old.state, network.state_dict()))


def _absent(learner: Learner) -> Tensor | None:
    """Classes that no training row has, where the loss is one in which classes compete and nothing is smoothed."""
    own = learner.loss.name == "cross_entropy" and not learner.recipe.label_smoothing and learner.mix is None
    found = absent_of(learner.feeder.target, learner.data.target.n_outputs, learner.data.target.task) if own else None
    return None if found is None else found.to(learner.place.device)


def train(learner: Learner, old: OldModel, joined: Joined, how: How) -> tuple[KeepStart, list[dict[str, Any]]]:
    """Train the grown network; gives where the body began, and the rows of the history."""
    began = time.monotonic()
    hold = Hold(
        old.network(learner.place),
        old.target.task,
        old.target.n_outputs,
        anchor=how.anchor or 0.0,
        absent=_absent(learner),
        distil=how.distil or 0.0,
        rehearsed=joined.n_rehearsed > 0,
    )
    if joined.n_rehearsed:
        learner.feeder.spread = joined.sorts
        learner.feeder.take(joined.drawn)
    learner.settings["update"] = [old.identity, joined.n_rehearsed, joined.per_class, *hold.facts]
    lr = defaults.choose_lr(how.lr, learner.data.target, learner.usual.get("lr"))
    solved = solves_head(learner, None)
    rates, statistics = choose_rates(learner, lr, None, solved=solved)
    recipe = Recipe(lr, rates, None, how.unfreeze, statistics)
    keep = KeepStart(snapshot(learner.network))
    before = len(learner.history)
    if how.seconds is None:
        phases, decisions = epochs_plan(learner, how.epochs or 1, recipe)
        folder, left = checkpoint_folder(learner, phases, how.checkpoint, how.callbacks), None
    else:
        seconds = how.seconds
        folder = checkpoint_folder(learner, f"within {seconds} s", how.checkpoint, how.callbacks)
        used = {"preparing the update": time.monotonic() - began}
        phases, decisions = keep_plan(
            folder, learner.place, lambda: budget_plan(learner, seconds, recipe, folder, used)
        )
        left = seconds - (time.monotonic() - began)
    learner.decisions |= decisions
    run_phases(learner, phases, folder, how.callbacks, seconds=left, guard=keep, hold=hold)
    return keep, [dict(row) for row in learner.history[before:]]
