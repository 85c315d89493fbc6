"""Small networks and pictures for the export room, without a Learner."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.export.exporting import Trained
from drivetrain.kinds.images.spec import PictureInput
from drivetrain.runtime.targets import CategoryTarget, Target

SIZE_PX = 16
READER = PictureInput(channels=3, size_px=SIZE_PX, crop_pct=1.0, mean=(0.5,) * 3, std=(0.25,) * 3)
FRUIT = CategoryTarget(name="fruit", vocab=("apple", "fig", "pear"))


class Scale(nn.Module):
    """(N, S, S, C) uint8 → (N, C, S, S), scaled."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.permute(0, 3, 1, 2).float() / 63.75 - 2.0


def read(source: object) -> np.ndarray:
    """A picture as the network reads it."""
    return READER.view(READER.load(source))[0]  # pyright: ignore[reportArgumentType]


def small_net(n_outputs: int = 3, channels: int = 3, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    body = nn.Sequential(
        nn.Conv2d(channels, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU6(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    return nn.Sequential(Scale(), body, nn.Linear(16, n_outputs)).eval()


def engine_of(network: nn.Module):
    def run(pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return network(torch.from_numpy(pixels)).numpy()

    return run


def paint(folder: Path, n: int, values: Sequence, seed: int = 0) -> Examples:
    """Pictures of smooth colour fields; the values are taken by turns."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for i in range(n):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        paths.append(folder / f"{i:03}.png")
        coarse.resize((20, 24), Image.Resampling.BICUBIC).save(paths[-1])
    return Examples(
        Files(paths), tuple(f"{seed}-{i}" for i in range(n)), tuple(values[i % len(values)] for i in range(n))
    )


def trained(network: nn.Module, examples: Examples, target: Target = FRUIT, **changes: object) -> Trained:
    reference = engine_of(network)
    pixels = np.stack([read(path) for path in examples.inputs.paths])
    settings = {
        "network": network,
        "reader": READER,
        "target": target,
        "reference": reference,
        "paths": examples.inputs.paths,
    }
    return Trained(**(settings | {"expected_NK": reference(pixels), "n_held_out": len(examples)} | changes))
