"""A Learner's runs: phases of training, saved while they go on and put on record when they end."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from drivetrain.data.seals.sealing import begin_trial
from drivetrain.learner.arguments import CheckpointPlace
from drivetrain.learner.runs import put_on_record
from drivetrain.learner.updating.since_saved import judge_since, remember
from drivetrain.progress import say
from drivetrain.training.callbacks import Callback, Row
from drivetrain.training.recipe.budget import Used
from drivetrain.training.recipe.fine_tuning import Recipe, budget_plan, keep_plan
from drivetrain.training.recipe.holding import Hold
from drivetrain.training.recipe.keep_head import Guard, guard_of
from drivetrain.training.recipe.low_rank import check_low_rank, low_rank
from drivetrain.training.recipe.plan import Phase
from drivetrain.training.run import Run, Setup
from drivetrain.training.splitting import NOT_UPDATED, refuse_split

if TYPE_CHECKING:
    from drivetrain.learner.learner import Learner


_spent: ContextVar[Used] = ContextVar("drivetrain_spent", default=MappingProxyType({}))
"""Seconds of a budget that are used elsewhere, by what for."""


@contextmanager
def spent_elsewhere(seconds: Used) -> Generator[None]:
    """Inside this block so much of a budget counts as used: by what came before the training, or will come after it.

    The command line's budget is for its whole process.

    Args:
        seconds: What for → how many.
    """
    token = _spent.set(seconds)
    try:
        yield
    finally:
        _spent.reset(token)


def seconds_spent() -> float:
    """Seconds of a budget that are used elsewhere, see `spent_elsewhere`."""
    return sum(_spent.get().values())


def run_within(
    learner: Learner,
    seconds: float,
    recipe: Recipe,
    checkpoint: CheckpointPlace,
    callbacks: Sequence[Callback],
) -> None:
    """Plan for a time and train; a run that was stopped goes on with the plan that it had."""
    used, spent = _spent.get(), seconds_spent()
    began = time.monotonic() - spent
    remember(learner)
    folder = checkpoint_folder(learner, f"within {seconds} s", checkpoint, callbacks)
    phases, decisions = keep_plan(folder, learner.place, lambda: budget_plan(learner, seconds, recipe, folder, used))
    learner.decisions |= decisions
    # the trained model is judged once more, in fp32, where that is not how the epochs were
    judging = learner.place.first(learner.judging_seconds) if learner.judges_twice else 0.0
    left = seconds - (time.monotonic() - began) - judging
    run_phases(learner, phases, folder, callbacks, seconds=left, guard=guard_of(learner, callbacks))


def run_phases(
    learner: Learner,
    phases: list[Phase],
    folder: Path | None,
    callbacks: Sequence[Callback],
    *,
    seconds: float | None = None,
    guard: Guard | None = None,
    hold: Hold | None = None,
) -> None:
    """Train through some phases; a run that was stopped is taken up where it was.

    One that holds on to a saved model is judged and put on record by whoever updates: between its epochs nothing is
    chosen by validation rows, so they are validated only where callbacks ask for it.
    """
    if hold is not None:
        refuse_split(learner.place, "update", NOT_UPDATED)
    if learner.recipe.lora is not None:
        refuse_split(learner.place, f"lora={learner.recipe.lora}", "leave it out, or train without --use_fsdp.")
    columns = _validated_columns(learner)
    skips = hold is not None and not (learner.callbacks or callbacks)
    for name, decision in learner.decisions.items():
        if learner.place.main:
            say(f"{name}: {decision}")
    check_low_rank(learner, learner.recipe.lora, phases, asked="lora" if hold is None else "low_rank")
    learner.phases_run = phases
    run = Run(
        Setup(
            network=learner.network,
            kind=learner.kind,
            feeder=learner.feeder,
            loss=learner.loss,
            place=learner.place,
            weight_decay=0.0 if hold is not None and hold.anchor else learner.weight_decay,
            clip_norm=learner.clip_norm,
            mix=learner.mix,
            validate=lambda: dict.fromkeys(columns) if skips else _epoch_scores(learner),
            recorded=("train_loss", *columns),
            better={metric.name: metric.higher_is_better is not False for metric in learner.metrics},
            hold=hold,
        ),
        phases,
        [*learner.callbacks, *callbacks],
        folder,
        first_epoch=len(learner.history) + 1,
        seconds=seconds,
        guard=guard,
    )
    if hold is None:
        remember(learner)
    start = learner.checkpoints.start(learner.identity())
    try:
        if learner.place.main:
            begin_trial(learner.data)
        with low_rank(learner, learner.recipe.lora, learner.seed):
            epochs = run.execute()
    except BaseException:
        if learner.split is None:  # else all processes would have to ask, and one of them may have failed alone
            learner.checkpoints.stopped(learner.identity(), start)
        raise
    finally:
        learner.checkpoints.release()
    learner.history = [*learner.history, *epochs]
    learner.phases_run = run.phases  # a limited time changes their length
    if guard is not None and guard.kept is not None:
        learner.decisions["kept"] = guard.kept
    if hold is None:
        log_trial(learner, epochs)
        judge_since(learner)


def checkpoint_folder(
    learner: Learner, plan: list[Phase] | str, checkpoint: CheckpointPlace, callbacks: Sequence[Callback]
) -> Path | None:
    """Where a run is saved while it goes on; only the same run is taken up there again."""
    facts = {
        **learner.settings,
        "split": learner.data.split.identity,
        "values": repr(learner.data.train.values),
        "start": learner.checkpoints.start(learner.identity()),
        "phases": repr(plan),
        "callbacks": [type(callback).__qualname__ for callback in (*learner.callbacks, *callbacks)],
    }
    return learner.checkpoints.folder(facts, checkpoint, learner.project, alone=learner.place.world == 1)


def _validated_columns(learner: Learner) -> list[str]:
    return ["valid_loss", *(metric.name for metric in learner.metrics)] if len(learner.data.valid) else []


def _epoch_scores(learner: Learner) -> dict[str, float | None]:
    if len(learner.data.valid) == 0:
        return {}
    learner.judged_last = learner.quick_predictions()
    predictions = learner.judged_last.judged
    assert predictions.loss is not None
    values = {metric.name: metric.value(predictions) for metric in learner.metrics}
    defined = {name: None if math.isnan(value) else value for name, value in values.items()}
    return {"valid_loss": float(predictions.loss.mean()), **defined}


def log_trial(learner: Learner, epochs: Sequence[Row]) -> None:
    """Put what was just trained on record, with what it says of each validation row."""
    if not len(learner.data.valid):
        return
    predictions = learner.predictions()  # takes part in all processes
    if learner.main:
        settings = json.loads(json.dumps(learner.settings, default=repr))
        put_on_record(learner, predictions, epochs, settings=settings)
