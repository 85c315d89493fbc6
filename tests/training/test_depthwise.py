"""The faster gradient of strided depthwise convolutions is the gradient."""

import pytest
import torch
from torch.nn import functional

from drivetrain.training.fast import depthwise
from drivetrain.training.fast.depthwise import FastDepthwiseGradients


def gradients(inputs, weight, bias, *, fast, **options):
    leaves = [t.detach().clone().requires_grad_() for t in (inputs, weight) if t is not None]
    b = None if bias is None else bias.detach().clone().requires_grad_()
    if fast:
        with FastDepthwiseGradients():
            out = functional.conv2d(*leaves, b, **options)
    else:
        out = functional.conv2d(*leaves, b, **options)
    weights = torch.linspace(-1, 1, out.numel()).reshape(out.shape).to(out.dtype)
    (out * weights).sum().backward()
    return [out.detach(), *(leaf.grad for leaf in leaves), None if b is None else b.grad]


@pytest.mark.parametrize("size", [(8, 8), (9, 7), (5, 12)])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 2, 1), (3, 2, 0), (5, 2, 2), (3, (2, 1), 1), (2, 3, 0)])
@pytest.mark.parametrize("biased", [True, False])
def test_equals_the_exact_gradient(size, kernel, stride, padding, biased):
    torch.manual_seed(0)
    channels = 6
    inputs = torch.randn(3, channels, *size).bfloat16()
    weight = torch.randn(channels, 1, kernel, kernel).bfloat16()
    bias = torch.randn(channels).bfloat16() if biased else None
    options = {"stride": stride, "padding": padding, "groups": channels}
    fast = gradients(inputs, weight, bias, fast=True, **options)
    exact = gradients(inputs.double(), weight.double(), None if bias is None else bias.double(), fast=False, **options)
    for mine, true in zip(fast, exact, strict=True):
        if true is None:
            assert mine is None
        else:
            assert mine.dtype is torch.bfloat16
            torch.testing.assert_close(mine.double(), true, rtol=2e-2, atol=2e-2 * float(true.abs().max()))


def test_takes_only_the_convolutions_it_is_for(monkeypatch):
    taken = []
    monkeypatch.setattr(depthwise._StridedDepthwise, "apply", lambda *a: taken.append(a) or torch.zeros(1))
    bf16, fp32 = torch.zeros(1, 4, 8, 8).bfloat16(), torch.zeros(1, 4, 8, 8)
    one, full = torch.zeros(4, 1, 3, 3), torch.zeros(4, 4, 3, 3)
    with FastDepthwiseGradients():
        functional.conv2d(bf16, one.bfloat16(), stride=1, groups=4)
        functional.conv2d(bf16, full.bfloat16(), stride=2)
        functional.conv2d(fp32, one, stride=2, groups=4)
        functional.conv2d(bf16, one.bfloat16(), stride=2, groups=4, dilation=2)
        with torch.no_grad():
            functional.conv2d(bf16, one.bfloat16(), stride=2, groups=4)
        assert not taken
        functional.conv2d(bf16, one.bfloat16(), stride=2, groups=4)
        with torch.autocast("cpu", torch.bfloat16):
            functional.conv2d(fp32, one, stride=2, groups=4)
    assert len(taken) == 2
