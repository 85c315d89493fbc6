"""What the epochs say about training, judged by how well the model does on the validation set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["improving", "levelled off", "worse since", "unknown"]

NOT_OVERFITTING = (
    "Training loss below validation loss is no overfitting by itself: a model always fits the rows it was trained on "
    "better; it overfits when it gets worse on the validation set."
)
NOISE = 0.02
"""Changes of less than this share of the lowest validation loss say nothing."""
STILL = 0.25
"""Share of the epochs, the last ones, in which a model that is still improving has improved."""


@dataclass(frozen=True)
class Verdict:
    """How training went.

    Example:
        >>> print(judge_training([{"epoch": 1, "valid_loss": 0.9}, {"epoch": 2, "valid_loss": 0.5}]))
        Still improving: validation loss fell to its lowest, 0.500, in the last epoch (2). Training loss below ...
    """

    state: State
    text: str
    """One sentence."""
    best_epoch: int | None = None
    """The epoch with the lowest validation loss."""

    def __str__(self) -> str:
        return f"{self.text} {NOT_OVERFITTING}" if self.state != "unknown" else self.text


def judge_training(
    history: Sequence[Mapping[str, float | int | str | None]],
    metric: str | None = None,
    *,
    higher_is_better: bool = True,
) -> Verdict:
    """Whether a model still improves, has levelled off, or got worse, by the validation loss.

    Args:
        history: One row per epoch: ``epoch``, ``valid_loss`` (None in epochs that were not validated), metrics.
        metric: A metric to name beside the loss where the two disagree.
        higher_is_better: Of that metric.

    Example:
        >>> losses = [0.9, 0.6, 0.5, 0.7, 0.8]
        >>> judge_training([{"epoch": i, "valid_loss": loss} for i, loss in enumerate(losses, 1)]).text
        'Best at epoch 3 (validation loss 0.500), and worse since: 0.800 after epoch 5, so it overfits.'
    """
    rows = [(int(row.get("epoch") or 0), _number(row.get("valid_loss"))) for row in history]
    known = [(epoch, loss) for epoch, loss in rows if loss is not None]
    if len(known) < 2:
        why = "only one epoch was validated" if known else "no epoch was validated" if rows else "no epoch was trained"
        return Verdict("unknown", f"Nothing can be said of overfitting: {why}.")
    best_epoch, best = min(known, key=lambda point: point[1])
    last_epoch, last = known[-1]
    noise = NOISE * abs(best)
    if last - best > noise:
        but = _metric_since(history, metric, higher_is_better, best_epoch)
        overfits = but or "so it overfits"
        text = f"Best at epoch {best_epoch} (validation loss {best:.3f}), and worse since: {last:.3f} after epoch "
        return Verdict("worse since", f"{text}{last_epoch}, {overfits}.", best_epoch)
    late = max(1, round(STILL * len(known)))
    before = min(loss for _, loss in known[:-late])
    if before - last > noise:
        where = f"in the last epoch ({last_epoch})" if best_epoch == last_epoch else f"in epoch {best_epoch}"
        text = f"Still improving: validation loss fell to its lowest, {best:.3f}, {where}."
        return Verdict("improving", text, best_epoch)
    text = f"Levelled off: validation loss has hardly moved in the last {_epochs(late)} ({last:.3f})."
    return Verdict("levelled off", text, best_epoch)


def _metric_since(
    history: Sequence[Mapping[str, float | int | str | None]], metric: str | None, higher: bool, best_epoch: int
) -> str:
    """What to add where the metric went on improving while the loss rose."""
    if metric is None:
        return ""
    of = {int(row.get("epoch") or 0): _number(row.get(metric)) for row in history}
    last = [value for value in of.values() if value is not None]
    then = of.get(best_epoch)
    if then is None or not last or not ((last[-1] > then) if higher else (last[-1] < then)):
        return ""
    return f"while {metric} still improved: it becomes too sure of its mistakes"


def _epochs(n: int) -> str:
    return "epoch" if n == 1 else f"{n} epochs"


def _number(value: float | int | str | None) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
