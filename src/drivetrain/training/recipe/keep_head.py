"""The last safeguard of a fine-tuning: it never ends below the head that it began with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from drivetrain.errors import DataError
from drivetrain.evaluation.comparing import compare
from drivetrain.evaluation.intervals import group_codes, student
from drivetrain.evaluation.metrics.metrics import Metric
from drivetrain.evaluation.predictions import Predictions
from drivetrain.progress import say
from drivetrain.runtime.decisions import Decision
from drivetrain.training.callbacks import Callback, KeepBest, RunView
from drivetrain.training.checkpoint import snapshot
from drivetrain.training.recipe.plan import HEAD

if TYPE_CHECKING:
    from drivetrain.training.trainer import Trainer

LEVEL = 0.8
"""Of the intervals of the differences: chance alone takes the end for worse once in ten times. The head is what there
was, so a doubt speaks for it; at 95 % thirty rows would pass an end that is fifteen points worse."""
OUTPUT, LOSS = "judged.output", "judged.loss"
"""Names of what was said of the validation rows, among the parameters in a checkpoint."""


class Guard(Callback):
    """What watches over a run for its own sake: it does not ask that every epoch is validated."""

    kept: Decision | None = None
    """What was kept, and why; None where there was nothing to compare."""


class KeepHead(Guard):
    """End with the head alone, the body as pretrained, where training the body has ended below it.

    Both are compared row by row on the validation set: what is common to all trainings of a set, easy and hard rows,
    does not count. Below means worse by more than chance in the metric; or in the loss, where the metric is not better
    by more than chance. The epochs between do not compete: their rate is still high, and of many noisy numbers the
    largest is large by luck.

    Args:
        metric: What people read.
        judged: Gives the predictions of the validation rows after the last epoch that was judged.
    """

    def __init__(self, metric: Metric, judged: Callable[[], Predictions]) -> None:
        self._metric, self._judged = metric, judged
        self._head: dict[str, Tensor] = {}
        self.kept = None

    def on_run_start(self, run: RunView) -> None:
        self._head, self.kept = {}, None

    def on_epoch_end(self, run: RunView) -> None:
        if run.history[-1]["phase"] == HEAD and _was_judged(run):
            said = self._judged()
            assert said.loss is not None
            outputs = {OUTPUT: torch.from_numpy(said.output.copy()), LOSS: torch.from_numpy(said.loss.copy())}
            self._head = snapshot(run.network) | outputs

    def on_run_end(self, run: RunView) -> None:
        kept, self._head = self._head, {}
        if not kept or run.history[-1]["phase"] == HEAD or not _was_judged(run):
            return
        end = self._judged()
        head = replace(end, output=kept.pop(OUTPUT).numpy(), loss=kept.pop(LOSS).numpy())
        higher = run.better[self._metric.name]
        why = worse(head, end, self._metric, higher_is_better=higher)
        values = f"{self._metric.label} {self._metric.value(head.judged):.4g} of the head alone, "
        values += f"{self._metric.value(end.judged):.4g} with the body trained"
        self.kept = Decision(value="all", reason=values)
        if why is not None:
            run.network.load_state_dict(kept)
            self.kept = Decision(value="head", reason=f"{why} worse on validation by more than chance: {values}")
        if run.main:
            say(f"kept: {self.kept}")

    def tensors(self) -> dict[str, Tensor]:
        return self._head

    def restore(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        self._head = tensors


def guard_of(learner: Trainer, callbacks: Sequence[Callback]) -> KeepHead | None:
    """The safeguard of a Learner's run; none without validation rows, or where the best of all epochs is kept."""
    if not len(learner.data.valid) or any(isinstance(each, KeepBest) for each in (*learner.callbacks, *callbacks)):
        return None

    def judged() -> Predictions:
        assert learner.judged_last is not None
        return learner.judged_last

    return KeepHead(learner.metrics[0], judged)


def worse(head: Predictions, end: Predictions, metric: Metric, *, higher_is_better: bool) -> str | None:
    """In what the end is worse than the head by more than chance: the metric's label, "loss", or None.

    Example:
        >>> from drivetrain.evaluation.metrics.metrics import resolve_metrics
        >>> from drivetrain.runtime.targets import NumberTarget
        >>> size = NumberTarget(names=("size",), mean=(0.0,), std=(1.0,))
        >>> ids, truth = tuple("abcdefghij"), np.arange(10.0)[:, None]
        >>> good, bad = (Predictions(ids=ids, target=size, truth=truth, output=truth + by) for by in (0.1, 5.0))
        >>> good, bad = (replace(said, loss=(said.output - truth)[:, 0] ** 2) for said in (good, bad))
        >>> worse(good, bad, resolve_metrics("mae", size)[0], higher_is_better=False)
        'MAE'
    """
    try:
        found = compare(head, end, metric, higher_is_better=higher_is_better, level=LEVEL)
    except DataError:  # the metric is undefined on these rows
        found = None
    if found is not None and found.low is not None and found.high is not None:
        low, high = (found.low, found.high) if higher_is_better else (-found.high, -found.low)
        if low > 0:
            return found.label
        if high < 0:
            return None
    return "loss" if _loss_is_worse(head.judged, end.judged) else None


def _loss_is_worse(head: Predictions, end: Predictions) -> bool:
    """By Student's t of the rows' differences, or of their groups' sums."""
    assert head.loss is not None and end.loss is not None
    rise = (end.loss - head.loss).astype(np.float64)
    groups = group_codes(end.groups)
    if groups is not None:
        rise = np.bincount(groups, weights=rise)
    if len(rise) < 2:
        return False
    error = float(rise.std(ddof=1)) / len(rise) ** 0.5
    return float(rise.mean()) > student(LEVEL, len(rise) - 1) * error


def _was_judged(run: RunView) -> bool:
    return run.history[-1].get("valid_loss") is not None
