"""Losses: what the optimiser reads. Each gives one number per row, so that rows can be weighted and ranked."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from drivetrain.errors import SettingError
from drivetrain.runtime.targets import Array, CategoryTarget, Target
from drivetrain.settings import choice, number, refuse, shown
from drivetrain.text import short_reason
from drivetrain.training.class_weights import ReadWeights

LossFunction = Callable[[Tensor, Tensor], Tensor]
TRIED_ROWS = 2
"""That a loss of the user's is tried on before anything is trained."""


@dataclass(frozen=True)
class Loss:
    """A name and a function from (N, n_outputs) outputs and encoded targets to (N,) losses."""

    name: str
    rows: LossFunction
    built_in: bool = True
    """Not a function of the user's, which may be slow, or not smooth."""
    weights: tuple[float, ...] = ()
    """Of the categories, in their order, where they are weighed."""

    def __call__(self, outputs: Tensor, target: Tensor) -> Tensor:
        """(N,) losses, in float32."""
        return self.rows(outputs.float(), target)


_BY_KIND = {
    "category": ("cross_entropy",),
    "categories": ("binary_cross_entropy",),
    "number": ("mse", "l1", "huber"),
}


def make_loss(
    loss: str | LossFunction | None,
    target: Target,
    *,
    label_smoothing: float,
    class_weights: ReadWeights,
    training_rows: Array,
) -> Loss:
    """Resolve the `loss` argument of a Learner.

    Args:
        loss: None (what suits the target), a name, or a function (or module of torch) of outputs and targets that
            gives one loss per row or their mean.
        target: Kind of target.
        label_smoothing: Share of the probability spread over all categories, for cross-entropy only.
        class_weights: "balanced" weighs categories inversely to their frequency; or category → weight.
        training_rows: Encoded targets of the training set, for "balanced".

    Raises:
        SettingError: The name does not fit the target, or an option would be ignored.
    """
    label_smoothing = number("label_smoothing", label_smoothing, least=0, below=1)
    names = _BY_KIND[target.kind]
    if isinstance(loss, type):
        words = f"a name ({', '.join(names)}), a function, or a module of torch, not its class"
        refuse("loss", loss, words, fix=f"To fix: loss={loss.__name__}().")
    if callable(loss):
        _refuse_options(getattr(loss, "__name__", "your loss"), label_smoothing, class_weights)
        own = Loss(getattr(loss, "__name__", type(loss).__name__), _per_row(loss), built_in=False)
        _try(own, loss, target, training_rows)
        return own
    if isinstance(loss, str) and any(loss in others for others in _BY_KIND.values()) and loss not in names:
        raise SettingError(
            f"loss={loss!r} does not suit a target of kind {target.kind!r}: expected one of {names} or a function. "
            f"To fix: loss={names[0]!r}, or leave it out."
        )
    name = names[0] if loss is None else choice("loss", loss, names)
    if target.kind != "category":
        _refuse_options(name, label_smoothing, class_weights if target.kind == "number" else None)
    weights = _weights(class_weights, target, training_rows)
    return Loss(
        name, _function(name, weights, label_smoothing), weights=() if weights is None else tuple(weights.tolist())
    )


def _refuse_options(name: str, label_smoothing: float, class_weights: ReadWeights) -> None:
    if label_smoothing or class_weights is not None:
        option = "label_smoothing" if label_smoothing else "class_weights"
        raise SettingError(f"{option} has no effect on {name}; expected none. To fix: leave it out.")


def _try(own: Loss, asked: Any, target: Target, training_rows: Array) -> None:
    """Two rows through a loss of the user's, before anything is trained; SettingError where it cannot be used."""
    rows = torch.from_numpy(np.ascontiguousarray(target.training_form(training_rows)[:TRIED_ROWS]))
    outputs = torch.zeros(len(rows), target.n_outputs, requires_grad=True)
    expected = (
        f"a function or module that takes outputs {tuple(outputs.shape)} float32 and targets {tuple(rows.shape)} "
        f"{str(rows.dtype).removeprefix('torch.')}, and gives a loss per row or their mean"
    )
    try:
        said: Any = own(outputs, rows)
    except Exception as error:
        why = f"It said {type(error).__name__}: {short_reason(error)}."
        raise SettingError(
            f"loss={shown(asked)} cannot be used: expected {expected}. {why} To fix: wrap it in a function."
        ) from error
    if not isinstance(said, Tensor) or said.shape != (len(rows),) or not said.requires_grad:
        gave = f"of shape {tuple(said.shape)}" if isinstance(said, Tensor) else f"a {type(said).__name__}"
        blind = ", which does not depend on the outputs" if isinstance(said, Tensor) and not said.requires_grad else ""
        refuse("loss", asked, expected, fix=f"It gave a result {gave}{blind}. To fix: compute it with torch.")


def _function(name: str, weights: Tensor | None, label_smoothing: float) -> LossFunction:
    def cross_entropy(outputs: Tensor, target: Tensor) -> Tensor:
        weight = None if weights is None else weights.to(outputs.device)
        return functional.cross_entropy(
            outputs, target, weight=weight, label_smoothing=label_smoothing, reduction="none"
        )

    def binary_cross_entropy(outputs: Tensor, target: Tensor) -> Tensor:
        weight = None if weights is None else weights.to(outputs.device)
        losses = functional.binary_cross_entropy_with_logits(outputs, target.float(), weight, reduction="none")
        return losses.mean(dim=1)

    by_name: dict[str, LossFunction] = {
        "cross_entropy": cross_entropy,
        "binary_cross_entropy": binary_cross_entropy,
        "mse": lambda outputs, target: functional.mse_loss(outputs, target, reduction="none").mean(dim=1),
        "l1": lambda outputs, target: functional.l1_loss(outputs, target, reduction="none").mean(dim=1),
        "huber": lambda outputs, target: functional.huber_loss(outputs, target, reduction="none").mean(dim=1),
    }
    return by_name[name]


def _weights(class_weights: ReadWeights, target: Target, training_rows: Array) -> Tensor | None:
    """(K,) weights whose mean over the training rows is 1, so that the loss keeps its scale."""
    if class_weights is None:
        return None
    assert target.kind != "number"
    if isinstance(target, CategoryTarget):
        counts = np.bincount(training_rows, minlength=target.n_outputs).astype(np.float64)
    else:
        counts = training_rows.sum(axis=0).astype(np.float64)
    if isinstance(class_weights, dict):
        weights = np.array([class_weights.get(name, 1.0) for name in target.vocab])
    else:
        weights = counts.sum() / (len(counts) * np.maximum(counts, 1))
    return torch.tensor(weights * counts.sum() / (weights * counts).sum(), dtype=torch.float32)


def _per_row(function: LossFunction) -> LossFunction:
    """Make a user's loss give one number per row, whichever way it was written."""
    if isinstance(function, nn.Module):
        function = _unreduced(function)

    def rows(outputs: Tensor, target: Tensor) -> Tensor:
        losses = function(outputs, target)
        if losses.ndim == 0:  # a mean: the same function on one row at a time gives the parts
            return torch.stack([function(outputs[i : i + 1], target[i : i + 1]) for i in range(len(outputs))])
        return losses.flatten(1).mean(dim=1) if losses.ndim > 1 else losses

    return rows


def _unreduced(module: nn.Module) -> LossFunction:
    """A loss of torch's for each row, on the device of the outputs.

    Its mean over one row would lose what the row's class weighs, and its sum over a batch would grow with it.
    """
    own: Any = copy.copy(module)  # what it holds is shared, what it is set to is not
    if getattr(own, "reduction", None) in ("mean", "sum"):
        own.reduction = "none"

    def rows(outputs: Tensor, target: Tensor) -> Tensor:
        return own.to(outputs.device)(outputs, target)

    return rows
