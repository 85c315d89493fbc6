"""What looking inside might find, made up: pictures of three colours, three layers, patches wherever they may lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import nn

from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.evaluation.scores import Score
from drivetrain.insight.parts import Box, Change, Check, Feature, Inside, Layer, Meaning, Patch, Subject, Top, Why
from drivetrain.insight.separable import ClassDepth, Separability
from drivetrain.runtime.targets import CategoryTarget
from drivetrain.training.network import Network

SIDE = 64
CLASSES = ("apple", "banana", "<script>alert(1)</script>")
COLOURS = ((200, 40, 40), (220, 200, 40), (80, 60, 160))


def accuracy(value: float, half: float = 0.05, label: str = "accuracy") -> Score:
    return Score(name="accuracy", label=label, value=value, low=value - half, high=value + half, n=100, percent=True)


def subject(n: int = 30, side: int = SIDE, label: str = "made-up.model") -> Subject:
    random = np.random.default_rng(0)
    pictures = []
    for i in range(n):
        picture = random.integers(90, 150, (side, side, 3), dtype=np.uint8)
        y, x = random.integers(0, side // 2, 2)
        picture[y : y + side // 3, x : x + side // 3] = COLOURS[i % 3]
        pictures.append(picture)
    target = CategoryTarget(name="fruit", vocab=CLASSES)
    values = tuple(CLASSES[i % 3] for i in range(n))
    names = tuple(Path(f"fruit/{'<b>' if i % 3 == 2 else CLASSES[i % 3]}/{i:03}.jpg") for i in range(n))
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Subject(
        label=label,
        network=Network(nn.Identity(), body, features=4, n_outputs=3, dropout=0.0),
        rows=Examples(Files(names), tuple(f"{i:02}" for i in range(n)), values),
        target=target,
        truth=target.encode(values),
        batch=lambda rows: (),
        picture=lambda row: pictures[row],
        size=(side, side),
    )


def layer(i: int, channels: int, field: int, places: int, of: int = 3) -> Layer:
    relu = "every activation below it is a ReLU" if i < 3 else "a SiLU lies below it, for which no deconvnet is defined"
    return Layer(
        name=f"body.{i}.conv",
        said=f"layer {i} of {of}: 3 × 3 convolution, then {'ReLU' if i < 3 else 'SiLU'}",
        depth=i / of,
        channels=channels,
        stride=2**i,
        receptive_field_px=field,
        offset_px=0.5,
        resolution=(places, places),
        projection="deconvnet" if i < 3 else "gradient × input",
        reason=relu,
    )


LAYERS = (layer(1, 6, 3, 32), layer(2, 8, 19, 16), layer(3, 12, 90, 4))


def inside(look: Subject, *, shown: int = 3, patches: int = 9, projections: bool = True) -> Inside:
    random = np.random.default_rng(1)
    n = len(look.rows)
    tops: dict[str, Top] = {}
    features: list[Feature] = []
    for one in LAYERS:
        strongest = random.gamma(2.0, 1.0, (n, one.channels)).astype(np.float32)
        order = np.argsort(-strongest, axis=0)[:patches].T
        values = np.take_along_axis(strongest.T, order, axis=1)
        places = random.integers(0, one.resolution[0], (*order.shape, 2))
        tops[one.name] = Top(one, values, order.astype(np.int64), places, strongest)
        for channel in range(shown):
            found = tuple(
                _patch(one, int(row), float(value), (int(y), int(x)))
                for row, value, (y, x) in zip(order[channel], values[channel], places[channel], strict=True)
            )
            side = min(one.receptive_field_px, 24)
            drawn = tuple(random.normal(0, 0.3, (side, side, 3)).clip(-1, 1).astype(np.float32) for _ in found)
            name = "banana 71 %, apple 18 %" if channel == 0 else ""
            shares = (("banana", 0.71, 0.4, 0.9), ("apple", 0.18, 0.05, 0.5), (CLASSES[2], 0.11, 0.02, 0.4))
            silenced = accuracy(-0.021, 0.01, "accuracy") if channel == 0 else None
            first = one.name == LAYERS[0].name
            features.append(
                Feature(
                    one.name,
                    channel,
                    ("most selective", "most used for banana", "drawn by chance (seed 1)")[channel % 3],
                    found,
                    drawn if projections else (),
                    {"gradient": drawn[:3]} if projections else {},
                    Meaning(shares, name, 0.93 if name else None, silenced),
                    random.normal(0, 1, (3, 3, 3)).astype(np.float32) if first else None,
                    0.25 if first else None,
                )
            )
    row = 1
    rng = np.linspace(0, 1, look.size[0], dtype=np.float32)
    checks = (
        Check("Grad-CAM", "randomised parameters", 0.12, 0.0, True, "other maps with random weights"),
        Check("guided backpropagation", "randomised parameters", 0.91, 0.0, False, "the same map with random weights"),
    )
    why = Why(
        row,
        "banana, 93 %",
        {"Grad-CAM": np.outer(rng, rng), "guided backpropagation": np.outer(rng, 1 - rng)},
        ((LAYERS[0].name, 0, 0.2), (LAYERS[2].name, 11, 0.4)),
        (Check("Grad-CAM", "deletion", 0.2, 0.4, True, "the answer falls faster than by chance"),),
    )
    probes = tuple((one.name, accuracy(value)) for one, value in zip(LAYERS, (0.5, 0.86, 0.88), strict=True))
    return Inside(
        look.label, LAYERS, tops, tuple(features), probes, why=(why,), checks=checks, rows=n, seconds=12.3,
        seconds_plain_pass=8.1, notes=("body.4.attention: has no places",),
        extras={"separability": separability(probes), "layers in all": 5},
    )  # fmt: skip


def separability(probes: tuple[tuple[str, Score], ...]) -> Separability:
    depths = (ClassDepth("banana", "body.1.conv", probes), ClassDepth(CLASSES[2], "body.3.conv", probes))
    said = "The task is solved at body.2.conv (layer 2 of the 3 shown)."
    return Separability(probes, accuracy(0.34), "body.2.conv", depths, 100, said)


def changes() -> tuple[Change, ...]:
    return tuple(
        Change(one.name, value, value - 0.02, min(value + 0.02, 1.0), np.arange(one.channels)[::-1].copy(),
               np.linspace(0, 1, one.channels, dtype=np.float32))
        for one, value in zip(LAYERS, (0.99, 0.9, 0.4), strict=True)
    )  # fmt: skip


def _patch(one: Layer, row: int, value: float, place: tuple[int, int]) -> Patch:
    side = one.receptive_field_px
    y, x = (round(at * one.stride + one.offset_px - side / 2) for at in place)
    inner = max(1, side // 2)
    effective = Box(x + side // 4, y + side // 4, inner, inner)
    return Patch(row, value, place, Box(x, y, side, side), effective)
