"""A network whose channels are known: each sees one colour, one sees nothing, and the head weighs them by hand.

Its pictures are noise of low contrast with a square of the class's colour.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.insight.parts import Layer, Reading, Subject, Top
from drivetrain.runtime.targets import CategoryTarget, Target
from drivetrain.training.network import Network

NAMES = ("blue", "green", "red")
SIDE = 16


def layer(
    name: str,
    channels: int,
    resolution: tuple[int, int],
    *,
    stride: int = 1,
    depth: float = 0.5,
    layout: str = "NCHW",
    prefix: int = 0,
) -> Layer:
    return Layer(
        name=name,
        said=name,
        depth=depth,
        channels=channels,
        stride=stride,
        receptive_field_px=3,
        offset_px=0.0,
        resolution=resolution,
        projection="deconvnet",
        reason="",
        reading=Reading(name, layout=layout, prefix=prefix),
    )


FIRST = layer("body.1", 5, (SIDE, SIDE), depth=0.3)
SECOND = layer("body.3", 4, (SIDE // 2, SIDE // 2), stride=2, depth=0.9)


def colour_net() -> Network:
    """body.1: blue, green, red, never active, always the same; body.3: blue, green, red, brightness."""
    first = nn.Conv2d(3, 5, 1)
    second = nn.Conv2d(5, 4, 2, stride=2)
    with torch.no_grad():
        first.weight.zero_()
        for channel, colour in enumerate((2, 1, 0)):  # of red, green, blue
            first.weight[channel, :, 0, 0] = -0.5
            first.weight[channel, colour, 0, 0] = 1.0
        first.bias.copy_(torch.tensor([0.0, 0.0, 0.0, -1.0, 1.0]))
        second.weight.zero_()
        for channel in range(3):
            second.weight[channel, channel] = 0.25
        second.weight[3, :3] = 0.05
        second.bias.zero_()
    body = nn.Sequential(first, nn.ReLU(inplace=True), second, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    head = nn.Linear(4, 3)
    with torch.no_grad():
        head.weight.zero_()
        for k in range(3):
            head.weight[k, k] = 40.0
        head.bias.copy_(torch.tensor([3.5, 0.0, 0.0]))  # where it sees nothing it says blue
    return Network(nn.Identity(), body, features=4, n_outputs=3, dropout=0.0, head=head).eval()


def pictures(classes: np.ndarray, *, seed: int = 0) -> torch.Tensor:
    """(N, 3, 16, 16) with a square of 6 × 6 in the colour of the class at a place by chance."""
    rng = np.random.default_rng(seed)
    found = rng.uniform(-0.1, 0.1, (len(classes), 3, SIDE, SIDE)).astype(np.float32)
    for picture, label in zip(found, classes, strict=True):
        top, left = rng.integers(0, SIDE - 6, 2)
        picture[2 - label, top : top + 6, left : left + 6] += 1.0
    return torch.from_numpy(found)


def rows_of(values: list, **columns: tuple) -> Examples:
    n = len(values)
    paths = Files([Path(f"{i}.png") for i in range(n)])
    return Examples(paths, columns.pop("digests", tuple(f"{i:04}" for i in range(n))), tuple(values), **columns)


def subject(n: int = 60, network: Network | None = None, *, seed: int = 0, **columns: tuple) -> Subject:
    """Classes in turn; a fresh network whose channels are known unless another is given."""
    classes = np.arange(n) % 3
    views = pictures(classes, seed=seed)
    target = CategoryTarget(name="colour", vocab=NAMES)
    return Subject(
        label="colours",
        network=colour_net() if network is None else network,
        rows=rows_of([NAMES[k] for k in classes], **columns),
        target=target,
        truth=classes,
        batch=lambda rows: (views[list(rows)],),
        picture=lambda row: ((views[row].permute(1, 2, 0).numpy() + 0.2).clip(0, 1) * 255).astype(np.uint8),
        size=(SIDE, SIDE),
    )


def with_target(base: Subject, target: Target, values: list) -> Subject:
    """The same pictures with something else to say of them."""
    return replace(base, target=target, truth=target.encode(values), rows=rows_of(values))


def top_of(base: Subject, at: Layer, n: int = 9) -> Top:
    """The strongest activations by brute force."""
    from drivetrain.insight.reading import answer, watched

    with torch.inference_mode(), watched(base.network, [at]) as found:
        answer(base.network, *base.network.taken(*base.batch(range(len(base.rows)))))
        maps = found[at.name].flatten(2)
    strongest, places = maps.max(2)
    values, rows = strongest.sort(dim=0, descending=True, stable=True)
    rows = rows[:n].T
    flat = torch.gather(places, 0, rows.T).T
    width = at.resolution[1]
    return Top(
        layer=at,
        values=values[:n].T.numpy(),
        rows=rows.numpy(),
        places=torch.stack([flat // width, flat % width], -1).numpy(),
        strongest=strongest.numpy(),
    )
