"""The default recipe: every automatic choice of training in one place, each with its reason.

The numbers were chosen on a part of the validation rows of one set of photographs and are the same for all data;
benchmarks/ holds what they give on others.
"""

from __future__ import annotations

import math

from torch import nn

from drivetrain.runtime.decisions import Decision
from drivetrain.training.plan import Phase, Rates

HEAD_LR = 2e-3
BODY_SHARE_BATCH_NORM = 1 / 4
"""Of the head's rate, for the body's last layers: batch-normalised (convolutional) bodies."""
BODY_SHARE_LAYER_NORM = 1 / 20
"""The same for bodies without batch normalisation, mostly transformers: larger steps undo their pretraining."""
STEM_SHARE = 0.3
"""Rate of the first layers over that of the last: early features are general and need less change."""
HEAD_STEPS = 80
"""A new head is nearly settled after this many steps with the body frozen (at the default batch size)."""
MOST_HEAD_EPOCHS = 20
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
LABEL_SMOOTHING = 0.1
STEPS_PER_EPOCH = 20
"""Small data get smaller batches, so that an epoch still makes about this many steps."""


def choose_batch_size(n_train: int, device: str) -> Decision:
    """A power of two between 8 and 32 (64 on a GPU)."""
    most = 32 if device == "cpu" else 64
    fitting = 2 ** int(math.log2(max(n_train / STEPS_PER_EPOCH, 1)))
    size = max(8, min(most, fitting))
    if size == most:
        return Decision(value=size, reason=f"the default on {device}")
    return Decision(value=size, reason=f"{n_train} training rows: about {max(1, n_train // size)} steps an epoch")


def choose_head_epochs(steps_per_epoch: int, pretrained: bool) -> Decision:
    """How long the new head is trained alone, before everything is."""
    if not pretrained:
        return Decision(value=0, reason="the body is not pretrained: there is nothing to protect from a new head")
    epochs = min(MOST_HEAD_EPOCHS, max(1, math.ceil(HEAD_STEPS / steps_per_epoch)))
    return Decision(value=epochs, reason=f"{steps_per_epoch} steps an epoch; a new head needs about {HEAD_STEPS}")


def choose_rates(lr: float, body: nn.Module, pretrained: bool) -> tuple[Rates, Decision]:
    """Peak rates of head and body for a run that trains both."""
    if not pretrained:
        return Rates(lr, lr, lr), Decision(value=lr, reason="the body is not pretrained: one rate for all layers")
    batch_norm = any(isinstance(module, BATCH_NORMS) for module in body.modules())
    share = BODY_SHARE_BATCH_NORM if batch_norm else BODY_SHARE_LAYER_NORM
    rates = Rates(lr, lr * share, lr * share * STEM_SHARE)
    normalised = "batch-normalised" if batch_norm else "without batch normalisation"
    reason = f"head {lr:.2g}; a pretrained body {normalised} takes {rates.body_stem:.2g} to {rates.body_top:.2g}"
    return rates, Decision(value=lr, reason=reason)


def fine_tune_phases(head_epochs: int, epochs: int, lr: float, rates: Rates) -> list[Phase]:
    """The new head first, then everything."""
    head = Phase("head", head_epochs, True, Rates(lr, 0.0, 0.0))
    everything = Phase("all", epochs, False, rates, start_div=5.0)
    return [phase for phase in (head, everything) if phase.epochs > 0]
