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


def normalised(fixed: bool) -> Network:
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    network = Network(nn.Identity(), nn.Sequential(*layers), features=4, n_outputs=2, dropout=0.0)
    network.fix_statistics(fixed)
    return network.train()


def test_fixed_statistics_are_those_of_the_body_and_stay():
    pictures = 5 + 3 * torch.rand(8, 3, 6, 6)
    for fixed in (True, False):
        network = normalised(fixed)
        norm = cast(Any, network.body)[1]
        network(pictures).square().sum().backward()
        assert torch.equal(norm.running_mean, torch.zeros(4)) is fixed
        assert norm.weight.grad is not None, "its scale and shift learn either way"
        assert cast(Any, network.body)[2].training, "the rest of the body is in training"
        assert network.head[0].training


def test_the_mode_of_statistics_is_put_back():
    network = normalised(True)
    norm = cast(Any, network.body)[1]
    assert not norm.training
    network.freeze_body(True)
    network.freeze_body(False)
    network.eval().train()
    assert not norm.training
    network.fix_statistics(False)
    assert norm.training
    network.eval()
    network.fix_statistics(True)
    assert not network.training
