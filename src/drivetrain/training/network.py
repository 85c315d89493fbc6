"""The network a Learner trains: normalisation, body and head in one module."""

from __future__ import annotations

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
    """Normalisation, then the body (pretrained), then the head (new).

    The head standardises the pooled features (batch normalisation), drops some, and maps them linearly to the
    outputs: the logistic regression that a linear probe would fit, trained together with the rest.
    """

    def __init__(self, normalise: nn.Module, body: nn.Module, *, features: int, n_outputs: int, dropout: float) -> None:
        super().__init__()
        self.normalise = normalise
        self.body = body
        linear = nn.Linear(features, n_outputs)
        nn.init.normal_(linear.weight, std=HEAD_INIT_STD)
        self.head = nn.Sequential(nn.BatchNorm1d(features), nn.Dropout(dropout), linear)
        self.frozen: list[nn.Module] = []
        """Of the body: all of it, its lower part, or nothing."""
        self.fixed_statistics = False
        """Whether the body's batch norm keeps its statistics while its weights learn."""
        self._overwriting = [layer for layer in body.modules() if isinstance(layer, OVERWRITING) and layer.inplace]

    @torch.no_grad()
    def start_from(self, outputs: Array) -> None:
        """Let the new head begin near these outputs, (n_outputs,), whatever it sees."""
        self.head[-1].bias.copy_(torch.from_numpy(outputs))  # pyright: ignore[reportCallIssue, reportArgumentType]

    @property
    def body_frozen(self) -> bool:
        """Whether the head alone is trained."""
        return self.body in self.frozen

    def freeze(self, part: nn.Module | None) -> None:
        """Keep a part of the body as it is: no gradients, batch-norm statistics fixed, no dropout within it."""
        self.body.requires_grad_(True)
        self.frozen = [] if part is None else [part]  # in a list: not one more child of this module
        for module in self.frozen:
            module.requires_grad_(False)
        self.train(self.training)

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

    def forward(self, inputs: Tensor, start: nn.Module | None = None) -> Tensor:
        """Pictures (B, C, S, S), values 0 to 255, → (B, n_outputs) raw outputs.

        With `start`, the upper part of the body, the inputs are activations of the lower part.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.body_frozen):
            features = self.body(self.normalise(inputs)) if start is None else start(inputs)
        with torch.autocast(inputs.device.type, enabled=False):
            return self.head(features.float())  # the last layer decides: full precision costs nothing here
