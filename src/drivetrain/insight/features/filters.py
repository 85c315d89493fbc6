"""The filters of the first layer: its weights as little pictures, their frequency, and their colours.

Of the first layer alone the weights can be read: they multiply pixels. Above it they multiply other features.

Legend: C channels, h × w side of a filter, D channels of the view (red, green, blue).
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from drivetrain.insight.parts import Floats, Layer, Subject
from drivetrain.insight.reading import answer, known
from drivetrain.training.network import BATCH_NORMS

_PADDED = 64
"""Side of the Fourier transform: its steps of 1/64 cycles per px are finer than any filter tells apart."""
_GREY = 0.1
"""Below this share of its power off the grey axis, a filter is called black and white."""
_HUES = (
    "red",
    "orange",
    "yellow",
    "yellow-green",
    "green",
    "turquoise",
    "cyan",
    "azure",
    "blue",
    "violet",
    "magenta",
    "pink",
)
"""Every 30 degrees of the colour circle."""


def first_filters(subject: Subject, layer: Layer) -> Floats | None:
    """(C, h, w, D) the weights of a layer that reads the view itself; None of any other layer.

    A layer reads the view if one convolution alone, of all the view's channels, has run when it has; what follows it
    before the layer's end (batch normalisation) multiplies its filters, so that their signs are those of the answer.
    """
    convolution, gain = _convolution_before(subject, layer)
    if convolution is None or convolution.groups != 1 or convolution.out_channels != layer.channels:
        return None
    weights = convolution.weight.detach()
    if gain is not None:
        weights = weights * gain[:, None, None, None]
    return weights.float().cpu().permute(0, 2, 3, 1).contiguous().numpy()


def frequency_of(filter_hwD: Floats) -> float:
    """Cycles per px of a filter's strongest frequency, 0 to 0.71; 0 is a blob, which has no stripes.

    The filter is put in a field of zeros and transformed (fast Fourier transform); power is summed over the channels of
    the view.

    Example:
        >>> stripes = np.tile(np.cos(2 * np.pi * np.arange(16) / 4), (16, 1))[:, :, None]
        >>> round(frequency_of(stripes), 2), frequency_of(np.ones((3, 3, 3)))
        (0.25, 0.0)
    """
    side = max(_PADDED, *filter_hwD.shape[:2])
    power = (np.abs(np.fft.fft2(filter_hwD, s=(side, side), axes=(0, 1))) ** 2).sum(axis=-1)
    row, column = np.unravel_index(int(power.argmax()), power.shape)
    along = np.fft.fftfreq(side)
    return float(np.hypot(along[row], along[column]))


def colour_of(filter_hwD: Floats) -> tuple[float, str]:
    """Share of a filter's power that is colour rather than light and dark, and the two colours it sets apart.

    The colours are the ends of the axis that holds most of the power (the first singular vector of its pixels); a
    filter of one channel, or with less than a tenth of colour, is "black and white".

    Example:
        >>> yellow_blue = np.array([[[1.0, 1.0, -1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]])
        >>> colour_of(yellow_blue)[1], colour_of(np.ones((3, 3, 3)))
        ('yellow and blue', (0.0, 'black and white'))
    """
    pixels = filter_hwD.reshape(-1, filter_hwD.shape[-1]).astype(np.float64)
    power = float((pixels**2).sum())
    if pixels.shape[1] != 3 or power == 0:
        return 0.0, "black and white"
    grey = float((pixels.sum(axis=1) ** 2).sum()) / 3
    share = max(0.0, 1 - grey / power)
    if share < _GREY:
        return round(share, 6), "black and white"
    axis = np.linalg.svd(pixels, full_matrices=False)[2][0]
    axis = axis if (pixels @ axis).sum() >= 0 else -axis
    return share, f"{_hue(axis)} and {_hue(-axis)}"


def _hue(colour: NDArray[np.float64]) -> str:
    red, green, blue = colour - colour.mean()
    degrees = np.degrees(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)) % 360
    return _HUES[round(float(degrees) / 30) % len(_HUES)]


def _convolution_before(subject: Subject, layer: Layer) -> tuple[nn.Conv2d | None, Tensor | None]:
    """The one convolution that has run when the layer has, and what a batch normalisation after it multiplies by."""
    [read] = known(subject.network, [layer])
    last, seen, done = subject.network.get_submodule(read.reading.module), list[nn.Module](), list[bool]()

    def note(module: nn.Module, _inputs: Any, _output: Any) -> None:
        if not done:
            seen.append(module)
        if module is last:
            done.append(True)

    leaves = [each for each in subject.network.body.modules() if not list(each.children()) or each is last]
    handles = [each.register_forward_hook(note) for each in leaves]
    try:
        with torch.inference_mode():
            taken = subject.network.taken(*subject.batch([0]))
            answer(subject.network, *taken)
    finally:
        for handle in handles:
            handle.remove()
    learnt = [each for each in seen if any(True for _ in each.parameters(recurse=False))]
    first = learnt[0] if learnt else None
    others = learnt[1:]
    reads_view = isinstance(first, nn.Conv2d) and taken[0].ndim == 4 and first.in_channels == taken[0].shape[1]
    if not reads_view or any(not isinstance(each, BATCH_NORMS) for each in others):
        return None, None
    gain: Tensor | None = None
    for norm in others:
        own = cast(nn.BatchNorm2d, norm)
        spread = cast(Tensor, own.running_var).add(own.eps).sqrt()
        scale = (own.weight.detach() if own.affine else 1.0) / spread
        gain = scale if gain is None else gain * scale
    return cast(nn.Conv2d, first), gain
