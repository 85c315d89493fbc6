"""A learning rate suggested by a short trial: rising rates until the loss explodes (Smith 2017, arXiv:1506.01186)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from drivetrain.errors import TrainingError
from drivetrain.training.feeding import Feeder
from drivetrain.training.stepping import Stepper

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMOOTHING = 0.9
EXPLODED = 4.0
"""The trial ends when the smoothed loss is this many times its best."""
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

    def plot(self) -> Figure:
        """Loss against rate, with the suggestion marked."""
        from drivetrain.evaluation.figures import lr_find  # noqa: PLC0415 - matplotlib only when drawing

        return lr_find(self.lrs, self.losses, self.lr)


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
            loss = stepper.take(step)
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
    """The rate at the steepest fall of the loss over log(rate), well before the lowest point.

    Example:
        >>> suggest([1e-3], [1.0], default=2e-3).lr
        0.002
    """
    if len(losses) < 5:
        return LrSuggestion(default, "the trial was too short to read; this is the default", lrs, losses)
    lowest = int(np.argmin(losses))
    if lowest < 2 or losses[0] - losses[lowest] < 0.02 * abs(losses[0]):
        return LrSuggestion(default, "the loss hardly fell in the trial; this is the default", lrs, losses)
    slope = np.gradient(np.array(losses[: lowest + 1]), np.log(np.array(lrs[: lowest + 1])))
    steepest = lrs[int(np.argmin(slope))]
    reason = "where the loss falls fastest in a trial of rising rates"
    return LrSuggestion(min(steepest, lrs[lowest] / 3), reason, lrs, losses)
