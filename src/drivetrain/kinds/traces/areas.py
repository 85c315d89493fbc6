"""A body without weights: what lies in each area of the pictures of a trace, for a linear head to read.

With a few hundred movements of each person or class there is too little to train a network on, and bodies trained on
photographs know nothing of thin lines; the mean ink of areas, and a linear head, is then hard to beat.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drivetrain.kinds.images.bodies.load import Body
from drivetrain.runtime.manifest import Architecture

NAME = "areas"
CELLS = 8
"""Along each side of a picture."""
FAINT = 0.06
"""The head standardises features; those that hardly vary, as at the rim, stay faint beside the eps of its norm."""
SIGNED = ("right", "down")
"""Channels whose middle grey says nothing."""


class Areas(nn.Module):
    """(B, C, S, S) normalised pictures → (B, C · 66): roots of the means of cells and of the whole, and deviations."""

    base: Tensor

    def __init__(self, shows: Sequence[str]) -> None:
        super().__init__()
        base = torch.tensor([[[[0.0 if name in SIGNED else -1.0]] for name in shows]]).reshape(1, len(shows), 1, 1)
        self.register_buffer("base", base, persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures run from -1 (black) to 1; a root keeps faint areas apart, as counts are compared."""
        said = (pictures - self.base) / 2
        cells = F.avg_pool2d(said, (pictures.shape[-2] // CELLS, pictures.shape[-1] // CELLS))
        mean = said.mean((2, 3))
        deviation = F.relu((said * said).mean((2, 3)) - mean * mean).sqrt()
        values = torch.cat([cells.flatten(1), mean, deviation], dim=1)
        return FAINT * (F.relu(values).sqrt() - F.relu(-values).sqrt())


def areas_body(shows: Sequence[str], side_px: int, dropout: float) -> Body:
    """The body, which can always be had; mean and deviation .5, as its pictures are meant."""
    channels = len(shows)
    features = channels * (CELLS**2 + 2)
    # it is as it is before training, like a pretrained body: so the best head on it is solved for
    architecture = Architecture(name=NAME, pretrained_from=NAME, features=features, dropout=dropout)
    half = (0.5,) * channels
    config = {"input_size": (channels, side_px, side_px), "mean": half, "std": half}
    return Body(Areas(shows), architecture, config, {}, False)
