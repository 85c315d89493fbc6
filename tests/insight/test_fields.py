"""Receptive fields are those that gradients show, and those that were published."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drivetrain.errors import ModelError
from drivetrain.insight.finding import find_layers
from drivetrain.insight.layers import shown_layers, tapped
from drivetrain.insight.parts import Box, Layer
from drivetrain.insight.projecting import Followed, shown_box
from drivetrain.training.network import Network

QUICK = ["ghostnet_050", "mobilenetv1_100", "mobilenetv3_small_050", "test_resnet"]
FAMILIES = [
    "convnext_atto",
    "cs3darknet_focus_s",
    "densenet121",
    "dla34",
    "dpn48b",
    "efficientnet_b0",
    "ese_vovnet19b_slim",
    "fasternet_t0",
    "fastvit_t8",
    "gernet_s",
    "hardcorenas_a",
    "hgnetv2_b0",
    "mambaout_femto",
    "mixnet_s",
    "regnetx_002",
    "repghostnet_050",
    "repvgg_a0",
    "repvit_m0_9",
    "res2net50_14w_8s",
    "resnetv2_18",
    "rexnet_100",
    "skresnet18",
    "starnet_s1",
    "tf_efficientnet_lite0",
]
PX = 64


def network_of(body: nn.Module) -> Network:
    return Network(nn.Identity(), body.eval(), features=1, n_outputs=1, dropout=0.0).eval()


def seen_by(network: Network, layer: Layer, place: tuple[int, int], pictures: Tensor) -> np.ndarray:
    """(height, width): which pixels change any channel at a place, on any of the pictures."""
    kept: list[Tensor] = []
    entry = pictures.clone().requires_grad_()

    def keep(_: Layer, values: Tensor) -> None:
        kept.append(values[:, :, *place].clone().square().sum())

    with Followed(), tapped(network, [layer], keep):
        network.body(entry.clone())
    (gradient,) = torch.autograd.grad(kept[0], entry)
    return gradient.abs().sum((0, 1)).numpy() > 0


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES)])
def test_fields_are_where_gradients_are(name: str) -> None:
    torch.manual_seed(0)
    network = network_of(timm.create_model(name, num_classes=0))
    layers = find_layers(network, (PX, PX), 3)
    assert len(shown_layers(layers)) >= 5 and all(layer.channels and min(layer.resolution) >= 1 for layer in layers)
    network.double()
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.ones_(parameter)  # scales that let nothing pass at first
    small = [layer for layer in shown_layers(layers) if 0 < layer.receptive_field_px < 2 * PX]
    assert small
    for layer in small:
        for place in ((0, 0), (layer.resolution[0] // 2, layer.resolution[1] // 2)):
            seen = seen_by(network, layer, place, torch.randn(2, 3, PX, PX, dtype=torch.float64))
            rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
            found = Box(columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1)
            assert found == shown_box(layer.field(place), (PX, PX)), (layer.name, place)


def alexnet() -> list[nn.Module]:
    return [
        nn.Conv2d(3, 2, 11, 4),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(2, 2, 5, padding=2),
        nn.MaxPool2d(3, 2),
        *(nn.Conv2d(2, 2, 3, padding=1) for _ in range(3)),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(2, 2, 1),
    ]


def vgg16() -> list[nn.Module]:
    made: list[nn.Module] = []
    for n in (2, 2, 3, 3, 3):
        made += [nn.Conv2d(2 if made else 3, 2, 3, padding=1), nn.ReLU()]
        made += [part for _ in range(n - 1) for part in (nn.Conv2d(2, 2, 3, padding=1), nn.ReLU())]
        made += [nn.MaxPool2d(2)]
    return [*made, nn.Conv2d(2, 2, 1)]


@pytest.mark.parametrize(("make", "field_px", "stride"), [(alexnet, 195, 32), (vgg16, 212, 32)])
def test_published_fields(make, field_px: int, stride: int) -> None:
    """After the last pooling, Araujo, Norris & Sim (2019), Computing Receptive Fields, table of architectures."""
    last = find_layers(network_of(nn.Sequential(*make())), (256, 256), 3)[-1]
    assert (last.receptive_field_px, last.stride) == (field_px, stride)


@pytest.mark.parametrize(("name", "field_px"), [("mobilenetv1_100", 315), ("resnet18", 435)])
def test_published_fields_of_timm(name: str, field_px: int) -> None:
    """The first from the same table, at any size; ResNet-18 as many compute it."""
    body = timm.create_model(name, num_classes=0)
    for px in (32, 224):
        last = find_layers(network_of(body), (px, px), 3)[-1]
        assert (last.receptive_field_px, last.stride, last.resolution) == (field_px, 32, (px // 32, px // 32))


class Odd(nn.Module):
    """A field that is wider than high, padded on one side alone, read through functions and views."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, (1, 5), padding=(0, 2))
        self.second = nn.Conv2d(4, 4, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x))
        x = x.flatten(2).transpose(1, 2).transpose(1, 2).unflatten(2, x.shape[2:])
        x = self.second(F.pad(x, (0, 1, 0, 1)))
        return x.mean((2, 3))


def test_fields_that_are_not_square() -> None:
    first, second = find_layers(network_of(Odd()), (32, 32), 3)
    assert first.field((10, 0)) == Box(-2, 10, 5, 1)
    assert second.field((0, 0)) == Box(-2, 0, 7, 3)
    assert second.field((15, 15)) == Box(28, 30, 7, 3)
    assert (second.stride, second.receptive_field_px) == (2, 7)
    assert first.projection == second.projection == "deconvnet"


class Gated(nn.Module):
    """Squeeze-and-excitation: every place depends on the whole view, through one number per channel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.squeeze = nn.Conv2d(8, 8, 1)
        self.last = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).relu()
        x = x * torch.sigmoid(self.squeeze(x.mean((2, 3), keepdim=True)))
        return self.last(x).amax((2, 3))


def test_gates_are_told_apart() -> None:
    layers = find_layers(network_of(Gated()), (32, 32), 3)
    assert [(layer.name, layer.receptive_field_px, layer.gates) for layer in layers] == [
        ("body.conv", 3, ""),
        ("body.last", 5, "pooling"),
    ]
    assert layers[-1].projection == "deconvnet"


def test_windows_of_attention_stay_within_them() -> None:
    """Windows of 7 × 7 tokens of 4 px, in the second block moved by 3: within the view these are what is reached."""
    body = timm.create_model("swin_tiny_patch4_window7_224", num_classes=0, depths=(2, 1, 1, 1), embed_dim=24)
    first, second = find_layers(network_of(body), (224, 224), 3)[1:3]
    assert first.field((0, 0)) == first.field((6, 6)) == Box(0, 0, 28, 28)
    assert first.field((7, 55)) == Box(196, 28, 28, 28)
    assert second.field((0, 0)) == Box(0, 0, 28, 28)  # tokens 0 to 3, each with the whole of its window
    assert second.field((4, 4)) == Box(0, 0, 56, 56)
    assert second.kind == "tokens" and second.projection == "gradient × input"


class Undecided(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise ValueError("pictures of this size are not read")


def test_what_cannot_be_followed_is_refused() -> None:
    with pytest.raises(ModelError, match=r"ValueError: pictures of this size.*32 × 16 px.*To fix:"):
        find_layers(network_of(Undecided()), (16, 32), 3)
    with pytest.raises(ModelError, match=r"no layer of this body.*To fix:"):
        find_layers(network_of(nn.Sequential(nn.Flatten(), nn.Linear(12, 3))), (2, 2), 3)
