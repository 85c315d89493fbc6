"""Layers are named, chosen and read as it is said."""

from __future__ import annotations

from itertools import pairwise

import pytest
import timm
import torch
from timm.models._registry import _model_to_module  # pyright: ignore[reportPrivateUsage]
from torch import Tensor, nn
from torch.nn import functional as F

from drivetrain.errors import SettingError
from drivetrain.insight.finding import find_all, find_layers
from drivetrain.insight.layers import layer_named, shown_layers, tapped
from drivetrain.insight.parts import Layer
from drivetrain.training.network import Network
from tests.insight.test_fields import FAMILIES, QUICK


def network_of(body: nn.Module) -> Network:
    return Network(nn.Identity(), body.eval(), features=1, n_outputs=1, dropout=0.0, head=nn.Identity()).eval()


def layers_of_timm(name: str, px: int, **options: object) -> tuple[Network, tuple[Layer, ...]]:
    torch.manual_seed(0)
    network = network_of(timm.create_model(name, num_classes=0, **options))
    return network, find_layers(network, (px, px), 3)


def test_layers_are_said_in_plain_words() -> None:
    _, layers = layers_of_timm("mobilenetv1_100", 64)
    assert [layer.said for layer in layers[:3]] == [
        "layer 1 of 27: 3 × 3 convolution, then ReLU6",
        "layer 2 of 27: 3 × 3 depthwise convolution, then ReLU6",
        "layer 3 of 27: 1 × 1 convolution, then ReLU6",
    ]
    assert [layer.name for layer in layers[:2]] == ["body.conv_stem", "body.blocks.0.0.conv_dw"]
    assert (layers[0].channels, layers[0].stride, layers[0].resolution) == (32, 2, (32, 32))
    assert all(a.depth < b.depth for a, b in pairwise(layers)) and layers[-1].depth == pytest.approx(1, abs=0.01)
    _, layers = layers_of_timm("test_resnet", 64)
    assert layers[-1].said == "layer 15 of 15: 3 × 3 convolution, added to what the block read, then ReLU"
    assert layers[-1].reason == "all activations below are ReLU"


@pytest.mark.parametrize(
    ("name", "px", "expected"),
    [
        ("resnet18", 64, ["conv1", "layer1.1.conv2", "layer2.1.conv2", "layer3.1.conv2", "layer4.1.conv2"]),
        (
            "mobilenetv1_100",
            64,
            ["conv_stem", *(f"blocks.{stage}.conv_pw" for stage in ("0.0", "1.1", "2.1", "3.5", "4.1"))],
        ),
        ("test_vit", 160, ["patch_embed.proj", "blocks.0", "blocks.2", "blocks.3", "blocks.5"]),
    ],
)
def test_stages_are_chosen_by_the_rule(name: str, px: int, expected: list[str]) -> None:
    _, layers = layers_of_timm(name, px)
    assert [layer.name.removeprefix("body.") for layer in shown_layers(layers)] == expected


def test_five_to_seven_are_shown() -> None:
    class Deep(nn.Module):
        """Nine resolutions."""

        def __init__(self) -> None:
            super().__init__()
            self.rows = nn.Sequential(*(nn.Sequential(nn.Conv2d(3, 3, 3, 2, 1), nn.ReLU()) for _ in range(8)))

        def forward(self, x: Tensor) -> Tensor:
            return self.rows(x).flatten(1)

    layers = find_layers(network_of(Deep()), (256, 256), 3)
    shown = shown_layers(layers)
    assert (len(layers), len(shown)) == (7, 7)  # the eighth has a single place
    two = find_layers(network_of(nn.Sequential(nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3))), (32, 32), 3)
    assert shown_layers(two) == two


def test_layers_by_name() -> None:
    _, layers = layers_of_timm("test_resnet", 32)
    assert shown_layers(layers, ["body.conv1.0", "layer1.0.conv1"]) == (layers[0], layers[3])
    assert shown_layers(layers, "layer4.0.conv2") == layers[-1:]
    assert layer_named(layers, "conv1.3") is layers[1]
    with pytest.raises(SettingError, match=r"'layer1.0.conv9' is not known. Did you mean .*layer1.0.conv.*To fix:"):
        shown_layers(layers, ["layer1.0.conv9"])


class Reused(nn.Module):
    """One ReLU and one convolution, both used twice, the second time with an addition."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv(x))
        return self.relu(self.conv(x) + x).mean((2, 3))


def test_a_module_that_runs_twice_is_two_layers() -> None:
    torch.manual_seed(0)
    body, x = Reused(), torch.randn(2, 3, 16, 16)
    network = network_of(body)
    layers = find_layers(network, (16, 16), 3)
    assert [(layer.name, layer.receptive_field_px, layer.reading.call) for layer in layers] == [
        ("body.conv", 3, 0),
        ("body.conv (run 2)", 5, 1),
    ]
    kept: dict[str, Tensor] = {}

    def keep(layer: Layer, values: Tensor) -> None:
        kept[layer.name] = values.clone()

    with torch.no_grad():
        for _ in range(2):  # calls are counted anew in every pass
            with tapped(network, layers, keep):
                network.body(x)
                network.body(x)
        first = F.relu(body.conv(x))
        torch.testing.assert_close(kept["body.conv"], first)
        torch.testing.assert_close(kept["body.conv (run 2)"], F.relu(body.conv(first) + first))


@pytest.mark.parametrize(
    ("name", "px"), [("test_resnet", 64), ("test_vit", 160), ("test_convnext", 64), ("mobilenetv1_100", 64)]
)
def test_what_do_returns_takes_the_place(name: str, px: int) -> None:
    """Nothing changed is nothing changed; a channel that is raised everywhere changes what comes after it."""
    network, layers = layers_of_timm(name, px)
    shown, x = shown_layers(layers), torch.randn(1, 3, px, px)
    with torch.no_grad():
        expected = network.body(x)
        with tapped(network, shown, lambda layer, values: values * 1):
            torch.testing.assert_close(network.body(x), expected)

        def raised(layer: Layer, values: Tensor) -> Tensor:
            tokens = (1, 1 + layer.resolution[0] * layer.resolution[1])
            assert values.shape[2:] == (tokens if layer.kind == "tokens" else layer.resolution)
            changed = values.clone()
            changed[:, 0] += 5
            return changed

        for layer in shown:
            with tapped(network, [layer], raised, all_tokens=True):
                assert not torch.equal(network.body(x), expected), layer.name
        torch.testing.assert_close(network.body(x), expected)


TINY = ["test_byobnet", "test_convnext", "test_convnext2", "test_efficientnet", "test_efficientnet_ln"]
TINY += ["test_mambaout", "test_maxvit", "test_nfnet", "test_resnet", "test_vit", "test_vit2", "test_vit3", "test_vit4"]


@pytest.mark.parametrize("name", TINY)
def test_miniatures_of_families_have_layers(name: str) -> None:
    network, layers = layers_of_timm(name, 160)
    shown = shown_layers(layers)
    assert 5 <= len(shown) <= 7
    shapes: dict[str, torch.Size] = {}

    def note(layer: Layer, values: Tensor) -> None:
        shapes[layer.name] = values.shape

    with torch.no_grad(), tapped(network, layers, note):
        network.body(torch.randn(2, 3, 160, 160))
    for layer in layers:
        assert shapes[layer.name] == (2, layer.channels, *layer.resolution), layer.name
        assert layer.reason and layer.said.startswith("layer ")


def families() -> dict[str, str]:
    """One small architecture of each family that timm knows, as tests/vision chooses them."""
    members: dict[str, list[str]] = {}
    for name in timm.list_models():
        members.setdefault(_model_to_module[name], []).append(name)
    small = ("test_", "tiny", "nano", "atto", "pico", "small", "_s", "18", "_t", "xxs", "b0")
    return {f: min(names, key=lambda n: (not any(s in n for s in small), len(n))) for f, names in members.items()}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore")
def test_every_family_has_layers_or_a_reason() -> None:
    """Of views up to 384 px: larger ones take minutes of attention alone. Families of test_fields are seen there."""
    few: dict[str, str] = {}
    seen = {_model_to_module[name] for name in (*QUICK, *FAMILIES)}
    assert len(seen) > 20
    for family, name in families().items():
        if family in seen:
            continue
        config = timm.get_pretrained_cfg(name)
        px = 224 if config is None else config.input_size[-1]
        if px > 384:
            continue
        found = find_all(network_of(timm.create_model(name, num_classes=0)), (px, px), 3)
        if len(shown_layers(found.layers)) < 5:
            few[family] = " ".join(found.notes)
        for layer in found.layers:
            assert layer.receptive_field_px >= 0 and layer.channels and min(layer.resolution) >= 1, (name, layer)
    assert [*few] == ["hiera"]
    assert "tokens lie in another order" in few["hiera"]
