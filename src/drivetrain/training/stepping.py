"""One step of the optimiser: views, forward, backward, update."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torchvision.transforms import v2

from drivetrain.errors import SettingError, TrainingError
from drivetrain.runtime.targets import Target
from drivetrain.training.fast.depthwise import FastDepthwiseGradients
from drivetrain.training.feeding import Loaded, MicroBatch, Step
from drivetrain.training.kind import TrainingKind
from drivetrain.training.network import Network
from drivetrain.training.place import Place
from drivetrain.training.recipe.holding import Hold
from drivetrain.training.recipe.losses import Loss
from drivetrain.training.recipe.low_rank import placed
from drivetrain.training.recipe.plan import Phase, Rates

BETA2, EPS = 0.99, 1e-5
DEPTH_LEVELS = 16


def make_optimizer(network: Network, depth: Mapping[str, float], rates: Rates, weight_decay: float) -> Optimizer:
    """AdamW with one parameter group per depth of the body, and one for the head.

    Weight decay spares what has one dimension: biases and the scales of normalisations. Source: Loshchilov and
    Hutter (2019), arXiv:1711.05101.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = rates.head
        if name.startswith("body."):
            within, faster = placed(name.removeprefix("body."))
            rate = rates.at(round(depth[within] * DEPTH_LEVELS) / DEPTH_LEVELS) * faster
        decay = weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    fused = all(p.device.type in ("cpu", "cuda") for p in network.parameters())
    return torch.optim.AdamW(
        [{"params": ps, "lr": rate, "peak_lr": rate, "weight_decay": decay} for (rate, decay), ps in groups.items()],
        betas=(0.95, BETA2),
        eps=EPS,
        fused=fused,
    )


def set_schedule(optimizer: Optimizer, phase: Phase, step: int, steps: int) -> None:
    """Rate and momentum of every group for one step; a function of the position alone."""
    factor, momentum = phase.factor(step, steps), phase.momentum(step, steps)
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor
        group["betas"] = (momentum, BETA2)


def make_mix(mixup: float, cutmix: float, target: Target) -> v2.Transform | None:
    """What blends pairs of rows; None where neither strength is above 0."""
    if mixup and cutmix:
        raise SettingError(
            f"mixup={mixup:g} and cutmix={cutmix:g} are both set: expected one of them. To fix: choose one."
        )
    if not mixup and not cutmix:
        return None
    classes = target.n_outputs if target.kind == "category" else None
    return v2.MixUp(alpha=mixup, num_classes=classes) if mixup else v2.CutMix(alpha=cutmix, num_classes=classes)


class Stepper:
    """Takes steps with one optimiser.

    Args:
        network: The Learner's network.
        optimizer: Over its trainable parameters.
        loss: One number per row.
        kind: Makes the training views.
        place: Device and precision.
        clip_norm: Largest norm of the gradient; None leaves it as it is.
        mix: MixUp or CutMix, which blend pairs of rows and their targets.
        start: The part of the body that the inputs enter, where they are stored activations; None: all of it.
        hold: What the training holds on to, where it starts from a saved model.
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        loss: Loss,
        kind: TrainingKind,
        place: Place,
        *,
        clip_norm: float | None = None,
        mix: v2.Transform | None = None,
        start: nn.Module | None = None,
        hold: Hold | None = None,
    ) -> None:
        self.start = start
        self.network = network
        self.distributed = place.distribute(network)
        self.optimizer = optimizer
        self.loss = loss
        self.kind = kind
        self.place = place
        self.clip_norm = clip_norm
        self.mix = mix
        self.hold = hold
        self._teacher = hold.teacher_of(start) if hold is not None and hold.distil else None
        self.scaler = torch.amp.GradScaler(place.device.type, enabled=place.dtype is torch.float16)

    def take(self, step: Step) -> float:
        """Update the parameters once; returns this process's share of the step's mean loss.

        Raises:
            TrainingError: The loss is not a finite number; the parameters are left as they were.
        """
        torch.manual_seed(step.seed)
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for i, micro in enumerate(step.micro):
            with self._sync_only_on(i == len(step.micro) - 1):
                total += self._backward(micro)
        self.scaler.unscale_(self.optimizer)
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.hold is not None:
            self.hold.pull(self.network, self.optimizer)
        for group in self.optimizer.param_groups:  # a fused step is not counted, and by that a changed model is known
            torch.autograd.graph.increment_version(group["params"])
        return total / self.place.world

    def _sync_only_on(self, last: bool) -> AbstractContextManager[Any]:
        """Gradients are exchanged between processes once a step; where they lie split as well, once a batch."""
        if self.place.world == 1 or self.place.split or last:
            return nullcontext()
        return self.place.accelerator.no_sync(self.distributed)

    def _backward(self, micro: MicroBatch) -> float:
        device = self.place.device
        inputs = self.inputs(micro.inputs)
        target = micro.target.to(device, non_blocking=True)
        if self.mix is not None:
            inputs, target = self._blended(inputs, target)
        with self.place.autocast(), FastDepthwiseGradients():
            outputs: Tensor = self.distributed(*inputs, start=self.start)
        losses = self.loss(outputs if self.hold is None else self.hold.present(outputs.float()), target)
        if self.hold is not None and self._teacher is not None:
            losses = losses + self.hold.distil * self.hold.distance(self._teacher, inputs, outputs)
        loss = losses.sum() * micro.share
        value = float(loss.detach())
        (broken,) = self.place.any(not math.isfinite(value))  # known to all: none waits for another one's gradient
        if broken:
            raise TrainingError(self._not_finite(value))
        self.scaler.scale(loss).backward()
        return value

    def _blended(self, inputs: tuple[Tensor, ...], target: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        assert self.mix is not None
        if len(inputs) != 1 or inputs[0].ndim != 4:
            raise SettingError(
                "mixup or cutmix was asked for, which blend pictures; expected inputs of shape (B, C, H, W). "
                "To fix: leave both out."
            )
        blended, target = self.mix(inputs[0], target)
        return (blended,), target

    def inputs(self, given: Loaded | Tensor) -> tuple[Tensor, ...]:
        """What the body, or a part of it, reads, on the device."""
        if isinstance(given, Tensor):
            return (given.to(self.place.device, non_blocking=True),)
        return given.varied(self.kind, self.place.device)

    def _not_finite(self, value: float) -> str:
        rate = max(group["lr"] for group in self.optimizer.param_groups)
        hints = [f"a lower learning rate (it was {rate:.2g}; try lr={rate / 10:.2g}, or find_lr())"]
        if self.clip_norm is None:
            hints.append("clip_norm=1.0")
        if self.place.dtype is not torch.float32:
            hints.append("precision='fp32'")
        hints.append("targets without extreme values")
        became = "not finite in another process" if math.isfinite(value) else str(value)
        return f"training stopped: the loss became {became}. To fix: train a new Learner with {', '.join(hints)}."
