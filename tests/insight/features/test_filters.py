"""First-layer filters: the weights, their frequency and colours."""

import numpy as np
import pytest
import timm
import torch
from torch import nn

from drivetrain.insight.features.filters import colour_of, first_filters, frequency_of
from drivetrain.training.network import Network

from ..colours import FIRST, SECOND, layer, subject


def network_of(*layers: nn.Module, channels: int) -> Network:
    body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Network(nn.Identity(), body, features=channels, n_outputs=3, dropout=0).eval()


def test_the_weights_of_the_first_layer_alone():
    base = subject(3)
    found = first_filters(base, FIRST)
    assert found is not None and found.shape == (5, 1, 1, 3)
    np.testing.assert_allclose(found[2, 0, 0], [1.0, -0.5, -0.5])  # red against the others
    assert first_filters(base, SECOND) is None


@pytest.mark.parametrize("at", ["body.0", "body.1", "body.2"])
def test_batch_normalisation_turns_a_filter_round(at):
    norm = nn.BatchNorm2d(4)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, -2.0, 1.0, 0.0]))
        norm.running_var.fill_(4.0)
    convolution = nn.Conv2d(3, 4, 3, padding=1, bias=False)
    base = subject(3, network_of(convolution, norm, nn.ReLU(), channels=4))
    found = first_filters(base, layer(at, 4, (16, 16)))
    gain = np.array([0.5, -1.0, 0.5, 0.0]) if at != "body.0" else np.ones(4)
    expected = convolution.weight.detach().permute(0, 2, 3, 1).numpy() * gain[:, None, None, None]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_layers_that_read_anything_else_have_no_filters():
    depthwise = nn.Conv2d(3, 6, 3, padding=1, groups=3)
    two = (nn.Conv2d(3, 4, 1), nn.PReLU(4), nn.Conv2d(4, 4, 1))
    assert first_filters(subject(3, network_of(depthwise, channels=6)), layer("body.0", 6, (16, 16))) is None
    assert first_filters(subject(3, network_of(*two, channels=4)), layer("body.2", 4, (16, 16))) is None
    normed = (nn.Conv2d(3, 4, 1), nn.GroupNorm(2, 4))  # what it multiplies by is another for every picture
    assert first_filters(subject(3, network_of(*normed, channels=4)), layer("body.1", 4, (16, 16))) is None


def test_a_net_of_timm_and_its_block():
    body = timm.create_model("test_resnet", num_classes=0).eval()
    base = subject(3, Network(nn.Identity(), body, features=body.num_features, n_outputs=3, dropout=0).eval())
    stem = first_filters(base, layer("body.conv1.0", body.conv1[0].out_channels, (8, 8)))
    assert stem is not None and stem.shape[-1] == 3
    assert first_filters(base, layer("body.layer1", 32, (4, 4))) is None


@pytest.mark.parametrize(("period", "angle"), [(4, 0), (8, 90), (5, 45), (3, 30)])
def test_stripes_have_their_frequency(period, angle):
    rows, columns = np.mgrid[:21, :21] - 10.0
    along = columns * np.cos(np.radians(angle)) + rows * np.sin(np.radians(angle))
    stripes = np.cos(2 * np.pi * along / period) * np.exp(-(rows**2 + columns**2) / 40)
    assert frequency_of(np.repeat(stripes[..., None], 3, -1)) == pytest.approx(1 / period, abs=0.02)


def test_blobs_have_none_and_edges_have_some():
    assert frequency_of(np.full((7, 7, 1), -0.3)) == 0
    edge = np.sign(np.arange(7) - 3.0)[None, :, None] * np.ones((7, 1, 1))
    assert 0.05 < frequency_of(edge) < 0.15
    assert frequency_of(np.zeros((1, 1, 3))) == 0


@pytest.mark.parametrize(
    ("colour", "said"),
    [
        ((1, -1, -1), "red and cyan"),
        ((-1, 1, -1), "green and magenta"),
        ((-1, -1, 1), "blue and yellow"),
        ((1, 1, -1), "yellow and blue"),
        ((1, 0.1, -1), "orange and azure"),
        ((1, 1, 1), "black and white"),
        ((1, 0.9, 0.95), "black and white"),
    ],
)
def test_colours(colour, said):
    spot = np.exp(-((np.mgrid[:5, :5] - 2.0) ** 2).sum(0))[..., None] * np.array(colour, float)
    share, words = colour_of(spot)
    assert words == said and (share > 0.1) == (said != "black and white")


def test_grey_and_empty_filters():
    assert colour_of(np.ones((3, 3, 1)))[1] == colour_of(np.zeros((3, 3, 3)))[1] == "black and white"
    assert colour_of(np.ones((3, 3, 4)))[1] == "black and white"
