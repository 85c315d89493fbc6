"""Scaling and normalisation as the first layer of a network, so that they travel with it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Normalise(nn.Module):
    """Picture values 0 to 255 → the scale the body's weights were trained with.

    The statistics belong to the input's description, so they are not part of the saved parameters.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        mean_C, std_C = torch.tensor(mean, dtype=torch.float32), torch.tensor(std, dtype=torch.float32)
        self.register_buffer("scale", (1 / (255 * std_C))[:, None, None], persistent=False)
        self.register_buffer("shift", (mean_C / std_C)[:, None, None], persistent=False)

    def forward(self, pictures_BCHW: Tensor) -> Tensor:
        """Same shape, float32."""
        return pictures_BCHW.float() * self.scale - self.shift
