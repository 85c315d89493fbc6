"""The network of a Learner: what its modes change."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

from drivetrain.training.network import OVERWRITING, Network


def small(activation: nn.Module) -> Network:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 4, 3), activation, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Network(nn.Identity(), body, features=4, n_outputs=2, dropout=0.0)


def overwrites(network: Network) -> bool:
    return cast(Any, network.body)[1].inplace


def test_activations_write_elsewhere_only_while_training():
    for kind in OVERWRITING:
        network = small(kind(inplace=True))
        assert not overwrites(network.train())
        assert overwrites(network.eval())


def test_what_never_overwrote_never_does():
    assert not overwrites(small(nn.ReLU6()).eval())
    assert overwrites(small(nn.ReLU(inplace=True)).train())  # its gradient needs only what it wrote


def test_gradients_are_the_same():
    pictures = torch.rand(8, 3, 6, 6)

    def gradient(network: Network) -> torch.Tensor:
        network(pictures).square().sum().backward()
        found = cast(Any, network.body)[0].weight.grad
        assert found is not None
        return found

    over = small(nn.SiLU(inplace=True)).train()
    cast(Any, over.body)[1].inplace = True
    assert torch.equal(gradient(over), gradient(small(nn.SiLU(inplace=True)).train()))
