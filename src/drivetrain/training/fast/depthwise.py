"""A faster gradient for strided depthwise convolutions in bf16 on a CPU.

oneDNN, which computes torch's convolutions on CPUs, falls back to a reference loop for the input's gradient of such a
convolution: measured (torch 2.15, Zen 4) 54 to 80 ms where its twin without stride takes 1 to 9 ms, four times in every
step of a MobileNet. The gradient of a convolution with a stride is that of one without, fed with the outgoing gradient
spread out and zeros between; computed so it is the same sum without the detour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.grad import conv2d_weight
from torch.overrides import TorchFunctionMode

Pair = tuple[int, int]


class _StridedDepthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None, geometry: tuple[Pair, Pair]) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        stride, padding = geometry
        ctx.save_for_backward(inputs, weight)
        ctx.stride, ctx.padding, ctx.biased = stride, padding, bias is not None
        return functional.conv2d(inputs, weight, bias, stride, padding, groups=weight.shape[0])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        inputs, weight = cast(tuple[Tensor, Tensor], ctx.saved_tensors)
        of_inputs = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_inputs = _gradient_of_inputs(gradient, inputs, weight, ctx.stride, ctx.padding)
        if ctx.needs_input_grad[1]:
            of_weight = conv2d_weight(inputs, list(weight.shape), gradient, ctx.stride, ctx.padding, 1, weight.shape[0])
        if ctx.biased and ctx.needs_input_grad[2]:
            of_bias = gradient.sum((0, 2, 3))
        return of_inputs, of_weight, of_bias, None


def _gradient_of_inputs(gradient: Tensor, inputs: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    kernel = weight.shape[2:]
    high, wide = (size + 2 * pad - side + 1 for size, pad, side in zip(inputs.shape[2:], padding, kernel, strict=True))
    spread = gradient.new_zeros(gradient.shape[0], high, wide, gradient.shape[1]).permute(0, 3, 1, 2)
    spread[:, :, : gradient.shape[2] * stride[0] : stride[0], : gradient.shape[3] * stride[1] : stride[1]] = gradient
    around = [side - 1 - pad for side, pad in zip(kernel, padding, strict=True)]
    return functional.conv2d(spread, weight.flip(2, 3), None, 1, around, 1, weight.shape[0])


class FastDepthwiseGradients(TorchFunctionMode):
    """Inside this block, bf16 convolutions on the CPU that are strided and depthwise have the faster gradient."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        if func is torch.conv2d and torch.is_grad_enabled():
            mine = _mine(*args, **(kwargs or {}))
            if mine is not None:
                return _StridedDepthwise.apply(*mine)
        return func(*args, **(kwargs or {}))


def _mine(  # noqa: PLR0917 - torch's own signature
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> tuple[Any, ...] | None:
    """What `_StridedDepthwise` takes, in the precision that autocast would choose; None for another convolution."""
    strides = _pair(stride)
    depthwise = groups > 1 and groups == weight.shape[0] and weight.shape[1] == 1
    if strides == (1, 1) or not depthwise or _pair(dilation) != (1, 1) or isinstance(padding, str):
        return None
    pads = _pair(padding)
    if inputs.device.type != "cpu" or inputs.ndim != 4 or pads[0] >= weight.shape[2] or pads[1] >= weight.shape[3]:
        return None
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        inputs, weight, bias = inputs.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
    if inputs.dtype is not torch.bfloat16:
        return None
    return inputs, weight, bias, (strides, pads)


def _pair(value: int | Sequence[int]) -> Pair:
    if isinstance(value, int):
        return value, value
    return (value[0], value[-1])
