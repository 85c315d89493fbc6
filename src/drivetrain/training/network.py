"""The network a Learner trains: intake, body and head in one module."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from drivetrain.runtime.targets import Array

HEAD_INIT_STD = 0.01
"""Small: a new head begins near the base rates, see `start_from`."""

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)

OVERWRITING = (nn.ReLU6, nn.SiLU, nn.Hardswish, nn.Hardsigmoid, nn.Mish)
"""Activations whose gradient needs what they read: where they write over it, torch copies it first. So in training
they write elsewhere, which saved MobileNetV1 a tenth of a step; for answering they save memory as their family says."""


class Network(nn.Module):
    """The intake (of pictures: normalisation), then the body (pretrained), then the head (new).

    The head standardises the pooled features (batch normalisation), drops some, and maps them linearly to the
    outputs: the logistic regression that a linear probe would fit, trained together with the rest.

    Args:
        intake: A batch of views → what the body takes, a tensor or a tuple of them; it has no parameters.
        body: → (B, features).
        features: Width of what the body gives.
        n_outputs: Width of what the head gives.
        dropout: Of the head.
        head: Another head, (B, features) → (B, n_outputs); its weights are trained and not solved for.
    """

    def __init__(
        self,
        intake: nn.Module,
        body: nn.Module,
        *,
        features: int,
        n_outputs: int,
        dropout: float,
        head: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.intake = intake
        self.body = body
        self.solvable = head is None
        """Whether the best weights of the head can be solved for."""
        self.head = _linear_head(features, n_outputs, dropout) if head is None else head
        self.frozen: list[nn.Module] = []
        """Of the body: all of it, its lower part, or nothing."""
        self._held: list[nn.Parameter] = []
        self.fixed_statistics = False
        """Whether the body's batch norm keeps its statistics while its weights learn."""
        self._overwriting = [layer for layer in body.modules() if isinstance(layer, OVERWRITING) and layer.inplace]

    @torch.no_grad()
    def start_from(self, outputs: Array) -> None:
        """Let the new head begin near these outputs, (n_outputs,), whatever it sees; another one that can says how."""
        if hasattr(self.head, "start_from"):
            cast(Any, self.head).start_from(outputs)
        elif self.solvable:
            cast(nn.Linear, cast(nn.Sequential, self.head)[-1]).bias.copy_(torch.from_numpy(outputs))

    @property
    def body_frozen(self) -> bool:
        """Whether the head alone is trained."""
        return self.body in self.frozen

    def freeze(self, part: nn.Module | None) -> None:
        """Keep a part of the body as it is: no gradients, batch-norm statistics fixed, no dropout within it."""
        self.body.requires_grad_(True)
        for parameter in self._held:
            parameter.requires_grad_(False)
        self.frozen = [] if part is None else [part]  # in a list: not one more child of this module
        for module in self.frozen:
            module.requires_grad_(False)
        self.train(self.training)

    def hold(self, parameters: list[nn.Parameter]) -> None:
        """Keep these parameters of the body as they are, while what stands beside them learns; none: hold nothing."""
        self._held = parameters
        self.freeze(self.frozen[0] if self.frozen else None)

    def freeze_body(self, frozen: bool) -> None:
        """Keep the whole body as it is, or nothing of it."""
        self.freeze(self.body if frozen else None)

    def fix_statistics(self, fixed: bool) -> None:
        """Let the body's batch norm standardise with its own statistics in training too, or with each batch's."""
        self.fixed_statistics = fixed
        self.train(self.training)

    def train(self, mode: bool = True) -> Network:
        """Training mode for the head, and for what of the body is not frozen or fixed."""
        super().train(mode)
        for layer in self.body.modules() if self.fixed_statistics else ():
            if isinstance(layer, BATCH_NORMS):
                layer.eval()
        for layer in self._overwriting:
            layer.inplace = not mode
        for module in self.frozen:
            module.eval()
        return self

    def taken(self, *views: Tensor) -> tuple[Tensor, ...]:
        """What the body takes, of a batch of views."""
        given: Any = self.intake(*views)
        return cast("tuple[Tensor, ...]", given) if isinstance(given, tuple) else (given,)

    def answer(self, *views: Tensor) -> Tensor:
        """A batch of views → (B, n_outputs) raw outputs."""
        return self(*self.taken(*views))

    def forward(self, *inputs: Tensor, start: nn.Module | None = None) -> Tensor:
        """What the body takes → (B, n_outputs) raw outputs.

        With `start`, the upper part of the body, the inputs are activations of the lower part.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.body_frozen):
            features = (self.body if start is None else start)(*inputs)
        with torch.autocast(inputs[0].device.type, enabled=False):
            return self.head(features.float())  # the last layer decides: full precision costs nothing here


def _linear_head(features: int, n_outputs: int, dropout: float) -> nn.Sequential:
    linear = nn.Linear(features, n_outputs)
    nn.init.normal_(linear.weight, std=HEAD_INIT_STD)
    return nn.Sequential(nn.BatchNorm1d(features), nn.Dropout(dropout), linear)
