"""A network that answers from its class token: its last block's places say nothing to the answer."""

import numpy as np
import pytest
import torch
from torch import nn

import drivetrain as dt
from drivetrain.insight.features.choosing import uses
from drivetrain.insight.features.silencing import silenced
from drivetrain.insight.separable import separable
from drivetrain.insight.why.explaining import explain
from drivetrain.insight.why.methods import asked, grad_cam
from drivetrain.training.network import Network

from .colours import layer, subject

RED = 2


class Patches(nn.Module):
    """A class token that says nothing yet, and 16 patches with their colours."""

    def forward(self, x):
        places = nn.functional.avg_pool2d(x, 4).flatten(2).transpose(1, 2)
        return torch.cat([torch.zeros_like(places[:, :1]), places], 1)


class Gather(nn.Module):
    """The class token learns the mean of the places, which say nothing from here on."""

    def forward(self, x):
        return torch.cat([x[:, 1:].mean(1, keepdim=True), 0 * x[:, 1:]], 1)


class First(nn.Module):
    def forward(self, x):
        return x[:, 0]


BEFORE, LAST = (layer(f"body.{i}", 3, (4, 4), layout="tokens", prefix=1) for i in range(2))


@pytest.fixture
def base():
    head = nn.Linear(3, 3)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[0.0, 0, 9], [0, 9, 0], [9, 0, 0]]))
        head.bias.copy_(torch.tensor([0.7, 0.0, 0.0]))
    network = Network(nn.Identity(), nn.Sequential(Patches(), Gather(), First()), features=3, n_outputs=3, dropout=0,
                      head=head)  # fmt: skip
    return subject(60, network.eval())


def test_a_channel_of_the_last_block_is_silenced_in_the_class_token(base):
    found = silenced(base, {BEFORE: [0], LAST: [0]})
    # at its mean, red is said less than blue is where nothing is seen
    assert found["body.0", 0].value == found["body.1", 0].value == pytest.approx(-1 / 3)


def test_a_class_token_is_set_to_its_own_mean(base):
    """Green is the same in every class token and tells nothing, though the head counts on it; its places are at 0."""

    def same_green(_, given, made):
        changed = made.clone()
        changed[:, 0, 1] = 5.0
        return changed

    base.network.body[1].register_forward_hook(same_green)
    with torch.no_grad():
        base.network.head.bias[1] = -45 + 1.5  # said where neither of the others is seen
    assert silenced(base, {LAST: [1]})["body.1", 1].value == 0


def test_use_is_read_from_the_class_token(base):
    found = uses(base, [BEFORE, LAST])
    assert found["body.1"].shares[RED, 0] > 0.5
    np.testing.assert_allclose(found["body.1"].moved, found["body.0"].moved, rtol=1e-4, atol=1e-5)


def test_grad_cam_reads_the_last_places_that_the_answer_is_read_from(base):
    about = asked(base, RED, [BEFORE, LAST])
    assert about.layer == BEFORE and grad_cam(about).max() > 0
    alone = asked(base, RED, [LAST])
    with pytest.raises(dt.ModelError, match="no layer has places that the answer is read from"):
        grad_cam(alone)
    found = explain(base, RED, [BEFORE, LAST], tested=False)
    assert "Grad-CAM" in found.maps and "Grad-CAM" not in explain(base, RED, [LAST], tested=False).maps
    assert [step[:2] for step in found.path if step[0] == "body.1"][:1] == [("body.1", 0)]


def test_a_linear_model_reads_the_class_token(base):
    scores = dict(separable(base, [BEFORE, LAST]).scores)
    assert scores["body.1"].value == scores["body.0"].value > 0.9
