"""Scaling and normalisation as the first layer of a network, so that they travel with it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

NO_EPS = 1e-12
"""Added to 1 in float32 it changes nothing; some versions of torch refuse 0."""


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
        pictures = pictures_BCHW.float()
        if torch.onnx.is_in_onnx_export():
            # One node instead of two, and one that ONNX Runtime leaves in NCHW: in NHWC, where int8 is computed, it
            # multiplies three numbers at a time, which takes a seventh of ResNet-18's time.
            scale, shift = self.scale.flatten(), self.shift.flatten()
            zero, one = torch.zeros_like(scale), torch.ones_like(scale)
            return functional.batch_norm(pictures, zero, one, weight=scale, bias=-shift, eps=NO_EPS)
        return pictures * self.scale - self.shift
