"""A learning rate suggested by a short trial: rising rates until the loss explodes (Smith 2017, arXiv:1506.01186)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from drivetrain.errors import TrainingError
from drivetrain.training.checkpoint import snapshot
from drivetrain.training.fast.memory import kept_memory
from drivetrain.training.feeding import Feeder
from drivetrain.training.recipe import defaults
from drivetrain.training.recipe.fine_tuning import rates_of_fit
from drivetrain.training.recipe.plan import FIXED
from drivetrain.training.stepping import Stepper, make_optimizer
from drivetrain.training.trainer import Trainer

if TYPE_CHECKING:
    from drivetrain.pages.chart import Chart

SMOOTHING = 0.9
EXPLODED = 4.0
"""The trial ends when the smoothed loss is this many times its best."""
SHORTEST, WINDOW = 7, 5
"""Points that can be read at all, and that are averaged against noise."""
LEAST_FALL = 0.1
"""Of the first loss; less is taken for noise."""
TRIAL_PHASE = 1_000_003
"""Its own place in the random numbers, so that a trial never repeats the batches of the training to come."""


@dataclass(frozen=True)
class LrSuggestion:
    """The suggested rate with the curve it was read from.

    Example:
        >>> print(LrSuggestion(1e-3, "steepest fall", [1e-4, 1e-3], [2.0, 1.0]))
        learning rate 0.001 (steepest fall)
    """

    lr: float
    reason: str
    lrs: list[float] = field(repr=False)
    losses: list[float] = field(repr=False)
    """Smoothed loss at each rate."""

    def __str__(self) -> str:
        return f"learning rate {self.lr:.2g} ({self.reason})"

    def plot(self) -> Chart:
        """Loss against rate, with the suggestion marked."""
        from drivetrain.evaluation.figures import lr_find  # noqa: PLC0415 - only where something is drawn

        return lr_find(self.lrs, self.losses, self.lr)


def find_rate(learner: Trainer, start: float, end: float, steps: int) -> LrSuggestion:
    """A trial on the network itself, whose parameters are put back afterwards."""
    network, before = learner.network, snapshot(learner.network)
    default = defaults.choose_lr(None, learner.data.target)
    rates, statistics = rates_of_fit(learner, default)
    network.fix_statistics(statistics == FIXED)
    network.train()
    stepper = Stepper(
        network,
        make_optimizer(network, learner.kind.depth, rates, learner.weight_decay),
        learner.loss,
        learner.kind,
        learner.place,
        clip_norm=learner.clip_norm,
        mix=learner.mix,
    )
    try:
        with learner.place.own_randomness(), kept_memory():
            return try_rates(stepper, learner.feeder, start=start, end=end, steps=steps, default=default)
    finally:
        network.load_state_dict(before)
        network.zero_grad(set_to_none=True)


def try_rates(
    stepper: Stepper, feeder: Feeder, *, start: float, end: float, steps: int, default: float
) -> LrSuggestion:
    """Take steps at rising rates; parameters change, so the caller restores them.

    Every group keeps its rate relative to the head's.
    """
    relative = [group["peak_lr"] for group in stepper.optimizer.param_groups]
    top = max(relative)
    lrs: list[float] = []
    losses: list[float] = []
    smoothed, best, epoch = 0.0, math.inf, 0
    batches = feeder.epoch(TRIAL_PHASE, epoch)
    for i in range(steps):
        lr = start * (end / start) ** (i / max(steps - 1, 1))
        for group, peak in zip(stepper.optimizer.param_groups, relative, strict=True):
            group["lr"] = lr * peak / top
        step = next(batches, None)
        if step is None:
            epoch += 1
            batches = feeder.epoch(TRIAL_PHASE, epoch)
            step = next(batches)
        try:
            loss = stepper.place.sum(stepper.take(step))  # all processes see one curve, and end at the same step
        except TrainingError:
            break
        smoothed = SMOOTHING * smoothed + (1 - SMOOTHING) * loss
        unbiased = smoothed / (1 - SMOOTHING ** (i + 1))
        lrs.append(lr)
        losses.append(unbiased)
        best = min(best, unbiased)
        if unbiased > EXPLODED * best:
            break
    return suggest(lrs, losses, default)


def suggest(lrs: list[float], losses: list[float], default: float) -> LrSuggestion:
    """The rate where the loss falls fastest over log(rate), or, where it hardly falls, well below where it rises.

    Example:
        >>> suggest([1e-3], [1.0], default=2e-3).lr
        0.002
    """
    if len(losses) < SHORTEST:
        return LrSuggestion(default, "the trial was too short to read; this is the default", lrs, losses)
    curve = np.convolve(np.pad(losses, WINDOW // 2, mode="edge"), np.ones(WINDOW) / WINDOW, mode="valid")
    lowest = int(np.argmin(curve))
    if curve[0] - curve[lowest] < LEAST_FALL * abs(curve[0]):
        bearable = int(np.flatnonzero(curve <= curve[lowest] + LEAST_FALL * abs(curve[lowest]))[-1])
        reason = "the loss hardly falls any more; a tenth of the rate that it still bears"
        return LrSuggestion(min(default, lrs[bearable] / 10), reason, lrs, losses)
    slope = np.gradient(curve[: lowest + 1], np.log(np.array(lrs[: lowest + 1])))
    reason = "where the loss falls fastest in a trial of rising rates"
    return LrSuggestion(min(lrs[int(np.argmin(slope))], lrs[lowest] / 3), reason, lrs, losses)
