"""The network a Learner trains: normalisation, body and head in one module."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from drivetrain.runtime.targets import Array

HEAD_INIT_STD = 0.01
"""Small: a new head begins near the base rates, see `start_from`."""


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
        self.body_frozen = False

    @torch.no_grad()
    def start_from(self, outputs: Array) -> None:
        """Let the new head begin near these outputs, (n_outputs,), whatever it sees."""
        self.head[-1].bias.copy_(torch.from_numpy(outputs))  # pyright: ignore[reportCallIssue, reportArgumentType]

    def freeze_body(self, frozen: bool) -> None:
        """Keep the body as it is: no gradients, batch-norm statistics fixed, no dropout within it."""
        self.body_frozen = frozen
        self.body.requires_grad_(not frozen)
        self.train(self.training)

    def train(self, mode: bool = True) -> Network:
        """Training mode for the head, and for the body unless it is frozen."""
        super().train(mode)
        if self.body_frozen:
            self.body.eval()
        return self

    def forward(self, pictures_BCHW: Tensor) -> Tensor:
        """(B, C, S, S) values 0 to 255 → (B, n_outputs) raw outputs."""
        normalised = self.normalise(pictures_BCHW)
        if self.body_frozen:
            with torch.no_grad():
                features = self.body(normalised)
        else:
            features = self.body(normalised)
        with torch.autocast(pictures_BCHW.device.type, enabled=False):
            return self.head(features.float())  # the last layer decides: full precision costs nothing here
