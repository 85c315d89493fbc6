"""Projections are what a network in the mirror gives, written down by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.errors import SettingError
from drivetrain.insight.finding import find_layers
from drivetrain.insight.parts import Box, Subject
from drivetrain.insight.projecting import (
    Rule,
    Spot,
    effective_box,
    patches_of,
    project,
    rectifies,
)
from drivetrain.insight.tops import find_tops
from drivetrain.runtime.targets import CategoryTarget
from drivetrain.training.network import Network

PX = 47


class Small(nn.Module):
    """AlexNet in small: overlapping pooling, ReLU once as a module used twice, once as a function, once a method."""

    def __init__(self, rectify: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 5, stride=2, padding=1)
        self.conv2 = nn.Conv2d(8, 12, 3, padding=1)
        self.conv3 = nn.Conv2d(12, 10, 3, padding=1)
        self.conv4 = nn.Conv2d(10, 6, 3)
        self.relu = nn.ReLU(inplace=True)
        self.rectify = rectify

    def forward(self, x: Tensor) -> Tensor:
        own = self.rectify
        x = F.max_pool2d(self.relu(self.conv1(x)) if own is None else own(self.conv1(x)), 3, 2)
        x = F.max_pool2d(self.relu(self.conv2(x)) if own is None else own(self.conv2(x)), 3, 2)
        x = F.relu(self.conv3(x)) if own is None else own(self.conv3(x))
        x = self.conv4(x).relu() if own is None else own(self.conv4(x))
        return x.mean((2, 3))


def mirrored(net: Small, picture: Tensor, channel: int, place: tuple[int, int], *, most: float | None = None) -> Tensor:
    """Zeiler & Fergus, section 2.1, step by step: unpool by switches, rectify, filter with the transposed weights."""
    steps: list[tuple[str, Any]] = []
    x = picture
    for conv, pooled in ((net.conv1, True), (net.conv2, True), (net.conv3, False), (net.conv4, False)):
        size = x.shape[2:]
        x = conv(x).clamp(min=0, max=most)
        steps.append(("filter", (conv, size)))
        if pooled:
            before = x.shape
            x, switches = F.max_pool2d(x, 3, 2, return_indices=True)
            steps.append(("unpool", (before, switches)))
    signal = torch.zeros_like(x)
    signal[0, channel, *place] = 1
    for what, (one, two) in reversed(steps):
        if what == "unpool":  # windows overlap: what several of them took from one place adds up
            signal = torch.zeros(one).flatten(2).scatter_add(2, two.flatten(2), signal.flatten(2)).reshape(one)
        else:
            signal = signal.clamp(min=0)
            over = [
                side - ((out - 1) * one.stride[0] - 2 * one.padding[0] + one.kernel_size[0])
                for side, out in zip(two, signal.shape[2:], strict=True)
            ]
            signal = F.conv_transpose2d(signal, one.weight, None, one.stride, one.padding, tuple(over))
    return signal[0].permute(1, 2, 0)


def subject_of(body: nn.Module, pictures: Tensor) -> Subject:
    n = len(pictures)
    network = Network(nn.Identity(), body.eval(), features=6, n_outputs=2, dropout=0.0, head=nn.Flatten()).eval()
    rows = Examples(Files([]), values=()) if n == 0 else Examples(_Rows(n), values=("x",) * n)  # pyright: ignore[reportArgumentType]
    return Subject(
        label="small",
        network=network,
        rows=rows,
        target=CategoryTarget(name="kind", vocab=("x", "y")),
        truth=np.zeros(n, np.int64),
        batch=lambda wanted: (pictures[list(wanted)],),
        picture=lambda row: np.zeros((PX, PX, 3), np.uint8),
        size=(PX, PX),
    )


class _Rows:
    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n


def one(subject: Subject, body: nn.Module, spot: Spot, rule: Rule) -> np.ndarray:
    last = find_layers(subject.network, (PX, PX), 3)[-1]
    assert last.name == "body.conv4" and last.projection == "deconvnet"
    (found,) = project(subject, last, [spot], rules=[rule])
    return found.pixels[rule]


@pytest.mark.parametrize("channel", [0, 3, 5])
def test_the_deconvnet_is_the_mirrored_network(channel: int) -> None:
    torch.manual_seed(channel)
    body, pictures = Small(), torch.randn(3, 3, PX, PX)
    with torch.no_grad():
        expected = mirrored(body, pictures[1:2], channel, (2, 1)).numpy()
    found = one(subject_of(body, pictures), body, Spot(1, channel, (2, 1)), "deconvnet")
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


FORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "function": F.relu,
    "method": Tensor.relu,
    "in place": torch.relu_,
    "written over": lambda x: x.relu_(),
    "argument": lambda x: F.relu(x, inplace=True),
    "clamp": lambda x: x.clamp(min=0),
    "clamp_min": lambda x: torch.clamp_min(x, 0),
}
SIX: dict[str, Callable[[Tensor], Tensor]] = {
    "relu6": F.relu6,
    "module": nn.ReLU6(inplace=True),
    "hardtanh": lambda x: F.hardtanh(x, 0.0, 6.0),
    "clamp": lambda x: x.clamp(0, 6),
}


@pytest.mark.parametrize(("form", "most"), [*((f, None) for f in FORMS), *((f, 6.0) for f in SIX)])
def test_rectifiers_count_however_they_are_written(form: str, most: float | None) -> None:
    torch.manual_seed(1)
    body, pictures = Small(FORMS[form] if most is None else SIX[form]), 20 * torch.randn(1, 3, PX, PX)
    with torch.no_grad():
        expected = mirrored(body, pictures, 2, (1, 1), most=most).numpy()
    found = one(subject_of(body, pictures), body, Spot(0, 2, (1, 1)), "deconvnet")
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_gradient_is_that_of_autograd() -> None:
    torch.manual_seed(2)
    body, picture = Small(nn.ReLU6()), 20 * torch.randn(1, 3, PX, PX)
    entry = picture.clone().requires_grad_()
    x = F.max_pool2d(F.relu6(body.conv1(entry)), 3, 2)
    x = F.max_pool2d(F.relu6(body.conv2(x)), 3, 2)
    F.relu6(body.conv4(F.relu6(body.conv3(x))))[0, 4, 0, 2].backward()
    assert entry.grad is not None
    expected = entry.grad[0].permute(1, 2, 0).numpy()
    spot = Spot(0, 4, (0, 2))
    subject = subject_of(body, picture)
    np.testing.assert_allclose(one(subject, body, spot, "gradient"), expected, atol=1e-6 * np.abs(expected).max())
    times = expected * picture[0].permute(1, 2, 0).numpy()
    found = one(subject, body, spot, "gradient × input")
    np.testing.assert_allclose(found, times, atol=1e-5 * np.abs(times).max())


def test_guided_backpropagation_wants_both_ways_positive() -> None:
    """One channel, one weight: forward x is positive, backwards the sign of the second weight decides."""
    for weight, expected in ((2.0, 2.0), (-2.0, 0.0)):
        body = Small()
        for conv in (body.conv1, body.conv2, body.conv3, body.conv4):
            nn.init.zeros_(conv.weight)
            nn.init.zeros_(conv.bias)
        body.conv1.weight.data[0, 0, 2, 2] = 1
        body.conv2.weight.data[0, 0, 1, 1] = 1
        body.conv3.weight.data[0, 0, 1, 1] = 1
        body.conv4.weight.data[0, 0, 1, 1] = weight
        body.conv4.bias.data[0] = 10.0
        found = one(subject_of(body, torch.ones(1, 3, PX, PX)), body, Spot(0, 0, (0, 0)), "guided backpropagation")
        assert found.sum() == pytest.approx(expected)
        assert np.count_nonzero(found) == (expected > 0)


def test_patches_lie_where_they_were_found() -> None:
    """A network that sees bright dots, and pictures with one dot each: the brightest dots are the patches."""
    body = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.ReLU())
    nn.init.zeros_(body[0].weight)
    nn.init.zeros_(body[0].bias)
    body[0].weight.data[0, :, 1, 1] = 1
    body[0].weight.data[1, 0] = 1
    pictures = torch.zeros(5, 3, PX, PX)
    for row in range(5):
        pictures[row, 0, 3 * row, 46 - row] = float(row)
    subject = subject_of(body, pictures)
    (layer,) = find_layers(subject.network, (PX, PX), 3)
    top = find_tops(subject, [layer], patches=3, batch=2)[layer.name]
    (patches, projections) = patches_of(subject, top, [0, 1])[0]
    assert [(patch.row, patch.value, patch.place) for patch in patches] == [
        (4, 4.0, (12, 42)),
        (3, 3.0, (9, 43)),
        (2, 2.0, (6, 44)),
    ]
    assert patches[0].field == Box(41, 11, 3, 3)
    assert patches[0].effective == Box(42, 12, 1, 1)
    assert projections["deconvnet"][0].shape == (3, 3, 3)
    assert projections["deconvnet"][0][1, 1].tolist() == [1, 1, 1]
    assert np.count_nonzero(projections["deconvnet"][0]) == 3


@pytest.mark.parametrize(
    ("act", "word"), [(nn.SiLU(), "SiLU"), (nn.GELU(), "GELU"), (nn.LeakyReLU(0.1), "leaky ReLU"), (nn.Tanh(), "tanh")]
)
def test_where_there_is_no_rectifier_the_deconvnet_is_refused(act: nn.Module, word: str) -> None:
    body = nn.Sequential(nn.Conv2d(3, 4, 3), act, nn.Conv2d(4, 4, 3), nn.ReLU())
    subject = subject_of(body, torch.randn(2, 3, PX, PX))
    layer = find_layers(subject.network, (PX, PX), 3)[-1]
    assert layer.projection == "gradient × input" and word in layer.reason
    top = find_tops(subject, [layer])[layer.name]
    with pytest.raises(SettingError, match=rf"deconvnet.*{word}.*To fix:"):
        patches_of(subject, top, [0], rules=["deconvnet"])
    with pytest.raises(SettingError, match="rules"):
        patches_of(subject, top, [0], rules=["saliency"])  # pyright: ignore[reportArgumentType]
    (patches, made) = patches_of(subject, top, [0])[0]
    assert len(patches) == 2 and [*made] == ["gradient × input"]


def test_effective_field_of_a_bell() -> None:
    """A normal distribution of 10 px: up to the pixel at −20 lie 2.6 %, up to that at −21 fewer than 2.5."""
    x = np.arange(101) - 50
    bell = np.exp(-(x**2) / 200)
    assert effective_box(np.outer(bell, bell), Box(0, 0, 101, 101)) == Box(30, 30, 41, 41)
    assert effective_box(np.zeros((8, 8)), Box(-2, 3, 5, 5)) == Box(0, 3, 3, 5)


def test_what_is_no_rectifier() -> None:
    x = torch.zeros(1)
    refused: Any = rectifies("hardtanh", (x, -1.0, 1.0), {})
    for name, args, kwargs in [
        ("clamp", (x, -1, 1), {}),
        ("clamp", (x,), {"max": 3}),
        ("clamp", (x, torch.zeros(1)), {}),
        ("hardtanh", (x,), {"min_val": -2.0}),
    ]:
        assert rectifies(name, args, kwargs) is refused
    assert rectifies("clamp", (x,), {"min": 0, "max": 4}) == 4
