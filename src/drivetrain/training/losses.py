"""Losses: what the optimiser reads. Each gives one number per row, so that rows can be weighted and ranked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from drivetrain.errors import SettingError, did_you_mean
from drivetrain.runtime.targets import Array, CategoriesTarget, CategoryTarget, Target

LossFunction = Callable[[Tensor, Tensor], Tensor]
ClassWeights = Literal["balanced"] | dict[str, float] | None


@dataclass(frozen=True)
class Loss:
    """A name and a function from (N, n_outputs) outputs and encoded targets to (N,) losses."""

    name: str
    rows: LossFunction
    built_in: bool = True
    """Not a function of the user's, which may be slow, or not smooth."""
    tilt_K: Array | None = None
    """What class weights add to the raw outputs of the best constant answer; None: without weights."""

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
    class_weights: ClassWeights,
    training_rows: Array,
) -> Loss:
    """Resolve the `loss` argument of a Learner.

    Args:
        loss: None (what suits the target), a name, or a function of outputs and targets that gives one loss per
            row or their mean.
        target: Kind of target.
        label_smoothing: Share of the probability spread over all categories, for cross-entropy only.
        class_weights: "balanced" weighs categories inversely to their frequency; or category → weight. With several
            labels per row it is the rows with and without a label that are weighed, label by label: "balanced" gives
            both the same weight in all, label → weight says what a row with it counts, beside 1 without.
        training_rows: Encoded targets of the training set, for "balanced".

    Raises:
        SettingError: The name does not fit the target, or an option would be ignored.
    """
    if not 0 <= label_smoothing < 1:
        raise SettingError(f"label_smoothing={label_smoothing} is out of range: expected 0 ≤ label_smoothing < 1.")
    if callable(loss):
        _refuse_options(getattr(loss, "__name__", "your loss"), label_smoothing, class_weights)
        return Loss(getattr(loss, "__name__", type(loss).__name__), _per_row(loss), built_in=False)
    names = _BY_KIND[target.kind]
    name = loss or names[0]
    if name not in names:
        raise SettingError(
            f"loss={name!r} does not suit a target of kind {target.kind!r}: expected one of {names} or a function."
            + did_you_mean(name, names)
        )
    if target.kind != "category":
        _refuse_options(name, label_smoothing, class_weights if target.kind == "number" else None)
    weights = _weights(class_weights, target, training_rows)
    return Loss(name, _function(name, weights, label_smoothing), tilt_K=_tilt(weights))


def _refuse_options(name: str, label_smoothing: float, class_weights: ClassWeights) -> None:
    if label_smoothing or class_weights is not None:
        option = "label_smoothing" if label_smoothing else "class_weights"
        raise SettingError(f"{option} has no effect on {name}: leave it out.")


def _function(name: str, weights: Tensor | None, label_smoothing: float) -> LossFunction:
    def cross_entropy(outputs: Tensor, target: Tensor) -> Tensor:
        weight = None if weights is None else weights.to(outputs.device)
        return functional.cross_entropy(
            outputs, target, weight=weight, label_smoothing=label_smoothing, reduction="none"
        )

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


def _weights(class_weights: ClassWeights, target: Target, training_rows: Array) -> Tensor | None:
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
    class_weights: Literal["balanced"] | dict[str, float],
    target: CategoryTarget | CategoriesTarget,
    *,
    balanced_K: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(K,) weights as they are meant, on any scale."""
    if isinstance(class_weights, dict):
        unknown = [name for name in class_weights if name not in target.vocab]
        if unknown:
            raise SettingError(
                f"class_weights names {unknown[0]!r}, which is no category.{did_you_mean(unknown[0], target.vocab)}"
            )
        weights = np.array([class_weights.get(name, 1.0) for name in target.vocab])
        if not (weights > 0).all():
            raise SettingError("class_weights must be above 0.")
        return weights
    return balanced_K


def _with_mean_one(weights: NDArray[np.float64], counts: NDArray[np.float64], n: int) -> Tensor:
    """The weights on such a scale that their mean over the rows is 1: the loss keeps its own."""
    return torch.tensor(weights * n / (weights * counts).sum(), dtype=torch.float32)


def _tilt(weights: Tensor | None) -> Array | None:
    """(K,) by how much the weights move the raw outputs of the best constant answer."""
    if weights is None:
        return None
    return (weights.log() if weights.ndim == 1 else (weights[1] / weights[0]).log()).double().numpy()


def _per_row(function: LossFunction) -> LossFunction:
    """Make a user's loss give one number per row, whichever way it was written."""

    def rows(outputs: Tensor, target: Tensor) -> Tensor:
        losses = function(outputs, target)
        if losses.ndim == 0:  # a mean: the same function on one row at a time gives the parts
            return torch.stack([function(outputs[i : i + 1], target[i : i + 1]) for i in range(len(outputs))])
        return losses.flatten(1).mean(dim=1) if losses.ndim > 1 else losses

    return rows
