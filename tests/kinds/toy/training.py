"""A small 1-D convolutional network that reads curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Architecture, Manifest
from drivetrain.runtime.spec import Arrays
from tests.kinds.toy.spec import Spec


class Intake(nn.Module):
    def forward(self, curve: Tensor) -> Tensor:
        return curve[:, None, :]


def make_body() -> nn.Module:
    conv = [nn.Conv1d(1, 8, 5, padding=2), nn.BatchNorm1d(8), nn.ReLU(), nn.Conv1d(8, 16, 5, stride=2), nn.ReLU()]
    return nn.Sequential(*conv, nn.AdaptiveAvgPool1d(1), nn.Flatten())


class ToyKind:
    n_draws, head = 1, None

    def __init__(self, spec: Spec, architecture: Architecture, decisions: Mapping[str, Decision], varied: bool) -> None:
        self.spec, self.architecture, self.decisions, self.varied = spec, architecture, decisions, varied
        self.intake, self.body = Intake(), make_body()
        self.depth = {name: 0.5 for name, _ in self.body.named_parameters()}

    def collate(self, loaded: Sequence[Arrays], /) -> tuple[Tensor, ...]:
        return (torch.from_numpy(np.stack([self.spec.view(one)[0] for one in loaded])),)

    def vary(self, batch: tuple[Tensor, ...], draws: Tensor, /) -> tuple[Tensor, ...]:
        curve = batch[0] * (0.9 + 0.2 * draws.to(batch[0].device)) if self.varied else batch[0]
        return (self.intake(curve),)


def prepare(data: Any, *, arch: str | None, pretrained: bool, augment: bool, dropout: float) -> ToyKind:
    architecture = Architecture(name="conv1d", pretrained_from=None, features=16, dropout=dropout)
    return ToyKind(Spec(), architecture, {"arch": Decision(value="conv1d", reason="the only one")}, augment)


def restore(manifest: Manifest, *, data: Any, augment: bool) -> ToyKind:
    return ToyKind(manifest.input, manifest.architecture, {"arch": manifest.decisions["arch"]}, augment)


def rebuild(spec: Spec, architecture: Architecture, n_outputs: int) -> tuple[nn.Module, nn.Module, None]:
    return Intake(), make_body(), None
