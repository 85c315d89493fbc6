"""Maps of what an answer rests on: by hand, and by Captum where it is installed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import drivetrain as dt
from drivetrain.insight.reading import answer
from drivetrain.insight.why.methods import (
    METHODS,
    asked,
    by_rule,
    grad_cam,
    gradient,
    integrated_gradients,
    occlusion,
)
from drivetrain.training.network import Network

from ..colours import FIRST, SECOND, layer, subject, with_target

RED = 2


def convolutional(seed: int = 0) -> Network:
    torch.manual_seed(seed)
    body = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, padding=1),
        nn.ReLU6(inplace=True),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
    )
    return Network(nn.Identity(), body, features=48, n_outputs=3, dropout=0.0, head=nn.Linear(48, 3)).eval()


MIDDLE = layer("body.4", 12, (8, 8))


def square_of(base, row: int) -> np.ndarray:
    """Where the coloured square is."""
    return base.picture(row).max(2) > 150


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_the_square_is_found(method):
    base = subject(12)
    about = asked(base, RED, [FIRST, SECOND])
    assert about.output == 2 and about.layer == SECOND
    found = method(about)
    assert found.shape == (16, 16) and found.dtype == np.float32
    inside = square_of(base, RED)
    assert found[inside].mean() > 3 * np.abs(found[~inside]).mean()


def test_grad_cam_by_hand():
    """Above body.3 the network is linear: each channel's weight is that of the head, divided by the places."""
    base = subject(12)
    found = grad_cam(asked(base, RED, [SECOND]))
    maps = base.network.body[:4](base.batch([RED])[0]).detach()
    expected = (maps[:, 2:3] * 40 / 64).relu()
    expected = nn.functional.interpolate(expected, (16, 16), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(found, expected[0, 0].numpy(), rtol=1e-5)


def test_integrated_gradients_add_up():
    base = subject(12, convolutional())
    about = asked(base, 3, [MIDDLE])
    with torch.no_grad():
        change = float(about.raw(about.inputs) - about.raw(torch.zeros_like(about.inputs)))
    assert integrated_gradients(about).sum() == pytest.approx(change, rel=0.05, abs=1e-6)


def test_occlusion_by_hand():
    base = subject(12)
    about = asked(base, RED, [SECOND])
    covered = about.inputs.clone()
    covered[..., :2, :2] = 0  # the first cell reaches from the corner to 1.5 cells of 16 / 7 px; half a cell is outside
    before, after = about.degree(about.inputs)[0], about.degree(covered)[0]
    assert abs(before - after) <= abs(occlusion(about)[0, 0]) + 1e-5
    assert occlusion(about).max() > 0.2


def test_what_is_explained_may_be_chosen():
    base = subject(12)
    blue = grad_cam(asked(base, RED, [SECOND], output=0))
    red = grad_cam(asked(base, RED, [SECOND]))
    assert blue.max() < 0.2 * red.max()


def test_rules_of_projection_by_hand():
    """The deconvnet passes back what is positive, guided backpropagation where what went forward was, too."""
    base = subject(12, convolutional())
    about = asked(base, RED, [replace(MIDDLE, projection="deconvnet")])
    body, inputs = base.network.body, about.inputs
    first = body[0](inputs)
    pooled, switches = nn.functional.max_pool2d(first.relu(), 2, return_indices=True)
    second = body[3](pooled)
    signal = (
        base.network.head.weight[about.output].reshape(1, 12, 2, 2).repeat_interleave(4, 2).repeat_interleave(4, 3) / 16
    )
    for rule, guided in (("deconvnet", False), ("guided backpropagation", True)):
        back = signal.clamp(min=0) * ((second > 0) & (second < 6) if guided else 1)
        back = nn.functional.conv_transpose2d(back, body[3].weight, padding=1)
        back = nn.functional.max_unpool2d(back, switches, 2).clamp(min=0) * ((first > 0) if guided else 1)
        back = nn.functional.conv_transpose2d(back, body[0].weight, padding=1)
        expected = back.abs().sum((0, 1)).detach().numpy()
        np.testing.assert_allclose(by_rule(rule)(about), expected, rtol=1e-4, atol=1e-6)


def test_rules_are_for_rectifiers_alone():
    about = asked(subject(12), RED, [replace(SECOND, projection="gradient × input", reason="SiLU below: not defined")])
    with pytest.raises(dt.ModelError, match=r"SiLU below: not defined.*To fix"):
        by_rule("deconvnet")(about)


def test_numbers_and_labels():
    base = subject(12)
    amounts = dt.NumberTarget(names=("a", "b", "c"), mean=(0.0,) * 3, std=(2.0,) * 3)
    about = asked(with_target(base, amounts, [(0.0, 0.0, 0.0)] * 12), RED, [SECOND], output=2)
    assert occlusion(about).min() >= 0 and occlusion(about).max() > 0.1
    assert asked(with_target(base, amounts, [(0.0, 0.0, 0.0)] * 12), RED, [SECOND]).output == 0
    tags = dt.CategoriesTarget(name="tags", vocab=("blue", "green", "red"))
    assert asked(with_target(base, tags, [("red",)] * 12), RED, [SECOND]).output == 2


def test_without_places_there_is_no_grad_cam():
    flat = layer("body.5", 4, (1, 1))
    about = asked(subject(12), RED, [flat])
    assert about.layer is None
    with pytest.raises(dt.ModelError, match=r"no layer has places.*To fix"):
        grad_cam(about)
    assert asked(subject(12), RED, [SECOND, flat]).layer == SECOND


def test_two_inputs_are_refused():
    base = subject(12)
    two = replace(base, batch=lambda rows: (base.batch(rows)[0],) * 2)
    two.network.intake = _Both()
    with pytest.raises(dt.ModelError, match=r"the body takes 2 inputs.*To fix"):
        asked(two, 0, [SECOND])


class _Both(nn.Module):
    def forward(self, one, other):
        return one, other


def test_a_frozen_body_is_explained_as_well():
    base = subject(12)
    expected = integrated_gradients(asked(base, RED, [SECOND]))
    base.network.freeze_body(True)
    np.testing.assert_allclose(integrated_gradients(asked(base, RED, [SECOND])), expected)


@pytest.mark.parametrize("row", [0, 4])
def test_captum_finds_the_same(row):
    attr = pytest.importorskip("captum.attr")
    base = subject(12, convolutional(row))
    about = asked(base, row, [MIDDLE])
    inputs = about.inputs.clone().requires_grad_()

    def forward(inputs):
        return answer(base.network, inputs)

    theirs = attr.LayerGradCam(forward, base.network.body[4]).attribute(
        inputs, target=about.output, relu_attributions=True
    )
    theirs = nn.functional.interpolate(theirs, (16, 16), mode="bilinear", align_corners=False)[0, 0]
    np.testing.assert_allclose(grad_cam(about), theirs.detach().numpy(), rtol=1e-4, atol=1e-7)
    plain = attr.Saliency(forward).attribute(inputs, target=about.output).sum(1)[0].detach()
    np.testing.assert_allclose(gradient(about), plain.numpy(), rtol=1e-4, atol=1e-7)
    whole = attr.IntegratedGradients(forward).attribute(inputs, target=about.output, n_steps=300)
    np.testing.assert_allclose(
        integrated_gradients(about), whole.sum(1)[0].detach().numpy(), atol=0.02 * float(whole.abs().max())
    )


def test_no_step_of_integrated_gradients_is_taken_twice(monkeypatch):
    from drivetrain.insight.why import methods

    base = subject(12, convolutional())
    about = asked(base, RED, [MIDDLE])
    sizes = []
    handle = base.network.body.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    monkeypatch.setattr(methods, "COMPLETE", -1.0)  # never complete: all steps are taken
    found = integrated_gradients(about)
    handle.remove()
    assert sum(sizes) == 2 + 288
    shares = (torch.arange(288) + 0.5)[:, None, None, None] / 288
    leaf = (shares * about.inputs).requires_grad_()
    [slope] = torch.autograd.grad(about.raw(leaf.clone()).sum(), [leaf])
    np.testing.assert_allclose(found, (about.inputs * slope.mean(0, keepdim=True)).sum((0, 1)), atol=1e-5)
    few = integrated_gradients(replace(about, most_steps=32))
    assert few.shape == found.shape and not np.array_equal(few, found)
