"""The default recipe: every automatic choice of training in one place, each with its reason.

The numbers were chosen on a part of the validation rows of one set of photographs and are the same for all data;
benchmarks/ holds what they give on others.
"""

from __future__ import annotations

import math

import numpy as np
from torch import nn

from drivetrain.errors import SettingError
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import Array, Target
from drivetrain.settings import choice, number
from drivetrain.training.network import BATCH_NORMS
from drivetrain.training.recipe.plan import BATCH, FIXED, Rates

HEAD_LR = {"category": 2e-3, "categories": 2e-3, "number": 5e-4}
"""Peak rate of the head. Adam's first steps move an output by about rate × features: far less than a logit can bear,
but more than a standardised number can."""
BODY_SHARE_BATCH_NORM = 2.5
"""Of the head's rate, for the body's last layers, times the size of their weights: batch-normalised (convolutional)
bodies. Such layers give the same whatever the size of their weights, so what a step changes is its share of that size,
and Adam's steps are as large as the rate (van Laarhoven 2017, arXiv:1706.05350; relative steps as in Shazeer & Stern
2018, arXiv:1804.04235, section 8)."""
LEAST_SHARE, MOST_SHARE = 1 / 20, 1 / 2
FIXED_STATISTICS_SHARE = 1 / 2
"""Of that, for a body whose statistics are fixed: nothing takes the size out of its weights any more, and what a step
changes is handed on from layer to layer."""
SOLVED_HEAD_SHARE = 1 / 2
"""Of its rate, for a head whose weights were solved for: it has little left to learn."""
BODY_SHARE_LAYER_NORM = 1 / 20
"""The same for bodies without batch normalisation, mostly transformers: larger steps undo their pretraining."""
STEM_SHARE = 0.3
"""Rate of the first layers over that of the last: early features are general and need less change."""
HEAD_STEPS = 80
"""A new head is nearly settled after this many steps with the body frozen (at the default batch size)."""
MOST_HEAD_EPOCHS = 20
LABEL_SMOOTHING = 0.1
"""Of bodies from scratch. A solved head on a pretrained one is too unsure of itself as it is."""
SMALLEST_BATCH = 16
"""Batch normalisation gets noisy below."""
STEPS_PER_EPOCH = 10
"""Small data get smaller batches, so that an epoch still makes about this many steps."""


def choose_batch_size(n_train: int, device: str) -> Decision:
    """A power of two between 16 and 32 (64 on a GPU)."""
    most = 32 if device == "cpu" else 64
    fitting = 2 ** int(math.log2(max(n_train / STEPS_PER_EPOCH, 1)))
    size = max(SMALLEST_BATCH, min(most, fitting))
    if size == most:
        return Decision(value=size, reason=f"the default on {device}")
    return Decision(value=size, reason=f"{n_train} training rows: about {max(1, n_train // size)} steps an epoch")


def choose_head_epochs(steps_per_epoch: int, pretrained: bool, *, solved: bool = False) -> Decision:
    """How long the new head is trained alone, before everything is; `solved`: its best weights are solved for."""
    if not pretrained:
        return Decision(value=0, reason="the body is not pretrained: there is nothing to protect from a new head")
    if solved:
        return Decision(value=1, reason="its best weights on what the frozen body sees are solved for")
    epochs = min(MOST_HEAD_EPOCHS, max(1, math.ceil(HEAD_STEPS / steps_per_epoch)))
    return Decision(value=epochs, reason=f"{steps_per_epoch} steps an epoch; a new head needs about {HEAD_STEPS}")


def choose_statistics(asked: str | None, body: nn.Module, pretrained: bool) -> Decision:
    """What the body's batch normalisation standardises with while it is trained: its own statistics or each batch's.

    Raises:
        SettingError: It is asked for statistics that the body does not have.
    """
    asked = None if asked is None else choice("statistics", asked, (FIXED, BATCH))
    if not has_batch_norm(body):
        return Decision(value=asked or BATCH, reason="without effect: the body has no batch normalisation")
    if asked == FIXED and not pretrained:
        raise SettingError(
            "statistics='fixed' cannot be used: expected 'batch', since this body is not pretrained, and has no "
            "statistics yet. To fix: leave it out."
        )
    if asked is not None:
        return Decision(value=asked, reason="as asked")
    if not pretrained:
        return Decision(value=BATCH, reason="the body is not pretrained: it has no statistics yet")
    return Decision(value=FIXED, reason="the pretrained ones: a new head fits them, and few rows estimate no better")


def choose_rates(
    lr: float, body: nn.Module, pretrained: bool, *, solved: bool = False, statistics: str = BATCH
) -> tuple[Rates, Decision]:
    """Peak rates of head and body for a run that trains both.

    Args:
        lr: Of the head.
        body: To be trained.
        pretrained: Whether its weights are.
        solved: The head's weights were solved for.
        statistics: Of the body's batch normalisation, `FIXED` or `BATCH`.
    """
    if not pretrained:
        return Rates(lr, lr, lr), Decision(value=lr, reason="the body is not pretrained: one rate for all layers")
    size = weight_size(body)
    if size is None:
        share, kind = BODY_SHARE_LAYER_NORM, "without batch normalisation"
    else:
        share = min(max(BODY_SHARE_BATCH_NORM * size, LEAST_SHARE), MOST_SHARE)
        kind = f"batch-normalised with weights of about {size:.2g}"
        if statistics == FIXED:
            share, kind = share * FIXED_STATISTICS_SHARE, f"{kind} and fixed statistics"
    head = lr * SOLVED_HEAD_SHARE if solved else lr
    rates = Rates(head, lr * share, lr * share * STEM_SHARE)
    reason = f"head {head:.2g}; a pretrained body {kind} takes {rates.body_stem:.2g} to {rates.body_top:.2g}"
    return rates, Decision(value=lr, reason=reason)


def has_batch_norm(body: nn.Module) -> bool:
    """Whether any layer of a body is normalised over batches."""
    return any(isinstance(module, BATCH_NORMS) for module in body.modules())


def weight_size(body: nn.Module) -> float | None:
    """Root mean square of a batch-normalised body's convolution weights, the median of its layers; None of others.

    Depthwise layers are left out: their few weights are larger by nature.
    """
    if not has_batch_norm(body):
        return None
    convolutions = [module for module in body.modules() if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d)]
    whole = [module for module in convolutions if module.groups == 1] or convolutions
    sizes = [float(module.weight.detach().float().square().mean().sqrt()) for module in whole]
    return float(np.median(sizes)) if sizes else None


def choose_label_smoothing(asked: float | None, suits: bool, usual: Decision | None) -> float:
    """Share of the probability that is spread over all categories.

    Args:
        asked: By the user.
        suits: Whether the default counts: of one category per row, a body from scratch, and no loss of the user's.
        usual: What the kind of input takes instead.

    Example:
        >>> choose_label_smoothing(None, True, None), choose_label_smoothing(None, False, None)
        (0.1, 0.0)
    """
    if asked is not None:
        return asked
    return (LABEL_SMOOTHING if usual is None else float(usual.value or 0)) if suits else 0.0


def choose_lr(lr: float | None, target: Target, usual: Decision | None = None) -> float:
    """The rate asked for, or what is usual, by the kind of input or of target; SettingError unless it is above 0."""
    if lr is None:
        return HEAD_LR[target.kind] if usual is None else float(usual.value or 0)
    return number("lr", lr, above=0)


def base_rates(target: Target, training_rows: Array) -> Array:
    """(n_outputs,) first biases of a new head, so that it begins by saying what is true on average.

    With many rare categories this saves the first epochs from unlearning "every label is as likely as not".
    Source: the prior of Lin et al. (2017), arXiv:1708.02002, section 4.1, with the training set's own frequencies.

    Example:
        >>> from drivetrain.runtime.targets import CategoriesTarget
        >>> tags = CategoriesTarget(name="tags", vocab=("rare", "half"))
        >>> rows = np.array([[0, 1], [0, 0], [1, 1], [0, 0]])
        >>> base_rates(tags, rows).round(2).tolist()
        [-1.1, 0.0]
    """
    if target.kind == "number":
        return np.zeros(target.n_outputs)
    if target.kind == "category":
        counts = np.bincount(training_rows, minlength=target.n_outputs)
        return np.log(np.maximum(counts, 1) / len(training_rows))
    rate = np.clip(training_rows.mean(axis=0), 1 / (len(training_rows) + 1), 1 - 1 / (len(training_rows) + 1))
    return np.log(rate / (1 - rate))


def asked(value: int | None) -> Decision | None:
    """A decision the user took."""
    return None if value is None else Decision(value=value, reason="as asked")
