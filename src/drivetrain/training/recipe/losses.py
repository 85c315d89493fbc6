"""Losses: what the optimiser reads. Each gives one number per row, so that rows can be weighted and ranked."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from drivetrain.errors import SettingError
from drivetrain.runtime.targets import Array, CategoriesTarget, CategoryTarget, Target
from drivetrain.settings import choice, number, refuse, shown
from drivetrain.text import short_reason
from drivetrain.training.recipe.class_weights import ReadWeights

LossFunction = Callable[[Tensor, Tensor], Tensor]
SMALLEST_WEIGHT = 1e-6
"""What a weight of 0 counts as where its logarithm is asked for."""
TRIED_ROWS = 2
"""That a loss of the user's is tried on before anything is trained."""


@dataclass(frozen=True)
class Loss:
    """A name and a function from (N, n_outputs) outputs and encoded targets to (N,) losses."""

    name: str
    rows: LossFunction
    built_in: bool = True
    """Not a function of the user's, which may be slow, or not smooth."""
    tilt_K: Array | None = None
    """What class weights add to the raw outputs of the best constant answer; None: without weights."""
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
        class_weights: "balanced" weighs categories inversely to their frequency; or category → weight. With several
            labels per row it is the rows with and without a label that are weighed, label by label: "balanced" gives
            both the same weight in all, label → weight says what a row with it counts, beside 1 without.
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
            f"loss={loss!r} does not suit a target of the task {target.task!r}: expected one of {names} or a function. "
            f"To fix: loss={names[0]!r}, or leave it out."
        )
    name = names[0] if loss is None else choice("loss", loss, names)
    if target.kind != "category":
        _refuse_options(name, label_smoothing, class_weights if target.kind == "number" else None)
    weights = _weights(class_weights, target, training_rows)
    return Loss(
        name,
        _function(name, weights, label_smoothing),
        tilt_K=_tilt(weights),
        weights=() if weights is None else tuple(_by_category(weights).tolist()),
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
        if weights is None:
            return functional.cross_entropy(outputs, target, label_smoothing=label_smoothing, reduction="none")
        weight_K = weights.to(outputs.device)
        losses = functional.cross_entropy(outputs, target, weight=weight_K, reduction="none")
        if not label_smoothing:
            return losses
        # torch would weigh what is smoothed by its category, too: the constant answer to balanced classes leaned
        # towards the rare ones. Here a row weighs as its own category does, and nothing goes to one that weighs 0.
        spread_K = (weight_K > 0).to(outputs.dtype) / (weight_K > 0).sum()
        row_weight = weight_K[target] if target.ndim == 1 else target @ weight_K
        smooth = functional.cross_entropy(outputs, spread_K.expand_as(outputs), reduction="none")
        return (1 - label_smoothing) * losses + label_smoothing * row_weight * smooth

    def binary_cross_entropy(outputs: Tensor, target: Tensor) -> Tensor:
        target, weight = target.float(), None
        if weights is not None:
            without_K, having_K = weights.to(outputs.device)
            weight = having_K * target + without_K * (1 - target)  # MixUp's targets lie between
        losses = functional.binary_cross_entropy_with_logits(outputs, target, weight, reduction="none")
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
    """(K,) weights of categories, or (2, K) of rows without and with each label; their mean over the rows is 1."""
    if class_weights is None:
        return None
    assert target.kind != "number"
    n = len(training_rows)
    if isinstance(target, CategoryTarget):
        counts_K = np.bincount(training_rows, minlength=target.n_outputs).astype(np.float64)
        return _with_mean_one(_asked(class_weights, target, balanced_K=1 / np.maximum(counts_K, 1)), counts_K, n)
    having_K = training_rows.sum(axis=0).astype(np.float64)
    without_K = n - having_K
    varies_K = (having_K > 0) & (without_K > 0)  # else there is nothing to balance
    balanced_K = np.where(varies_K, without_K / np.maximum(having_K, 1), 1.0)
    asked_K = _asked(class_weights, target, balanced_K=balanced_K)
    columns = zip(asked_K, without_K, having_K, strict=True)
    return torch.stack([_with_mean_one(np.array([1.0, asked]), np.array(counts), n) for asked, *counts in columns], 1)


def _asked(
    class_weights: str | dict[str, float],
    target: CategoryTarget | CategoriesTarget,
    *,
    balanced_K: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(K,) weights as they are meant, on any scale."""
    if isinstance(class_weights, dict):
        return np.array([class_weights.get(name, 1.0) for name in target.vocab])
    return balanced_K


def _with_mean_one(weights: NDArray[np.float64], counts: NDArray[np.float64], n: int) -> Tensor:
    """The weights on such a scale that their mean over the rows is 1: the loss keeps its own."""
    return torch.tensor(weights * n / max((weights * counts).sum(), SMALLEST_WEIGHT), dtype=torch.float32)


def _by_category(weights: Tensor) -> Tensor:
    """(K,) what a row of a category weighs; with several labels what one with the label weighs, beside 1 without."""
    return weights if weights.ndim == 1 else weights[1] / weights[0].clamp(min=SMALLEST_WEIGHT)


def _tilt(weights: Tensor | None) -> Array | None:
    """(K,) by how much the weights move the raw outputs of the best constant answer."""
    if weights is None:
        return None
    return _by_category(weights).clamp(min=SMALLEST_WEIGHT).log().double().numpy()


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
