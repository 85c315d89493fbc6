"""Maps of what one answer rests on: Grad-CAM, integrated gradients, occlusion, plain gradient.

All read what the body takes (of pictures: normalised pixels, in which 0 is the colour that says least, the inputs'
mean) and one raw output. Compared with Captum 0.9 in tests/insight/why/test_methods.py.

Legend: H × W side of the view, D its channels, K outputs, B copies of the picture at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from drivetrain.errors import ModelError
from drivetrain.insight.parts import Floats, Layer, Subject
from drivetrain.insight.projecting import POOLING, Followed, Rule
from drivetrain.insight.reading import AT_ONCE, answer, array, in_batches, leading, watched
from drivetrain.kinds.images.explaining import CELLS, occluded
from drivetrain.runtime.targets import Target
from drivetrain.training.network import Network

FEWEST_STEPS, MOST_STEPS = 32, 288
COMPLETE = 0.05
"""Integrated gradients have to add up to what the picture changes in the output, but for so much of it; else each
step is cut in three, of which the middle one is known."""


@dataclass(frozen=True)
class Asked:
    """One picture and the output that is to be explained."""

    network: Network
    """In eval mode."""
    inputs: Tensor
    """(1, D, H, W) what the body takes."""
    output: int
    target: Target
    layer: Layer | None
    """Whose map Grad-CAM reads: the last one that has places which the answer is read from."""
    most_steps: int = MOST_STEPS
    """Of integrated gradients."""

    def raw(self, inputs: Tensor) -> Tensor:
        """(B,) the raw output of each."""
        return answer(self.network, inputs)[:, self.output]

    def degree(self, inputs: Tensor) -> Floats:
        """(B,) how much is said of the output: its probability, or of a number its standardised value."""
        with torch.inference_mode():
            raw = np.concatenate([array(answer(self.network, part)) for part in inputs.split(AT_ONCE)])
        said = raw if self.target.kind == "number" else self.target.activate(raw)
        return said[:, self.output].astype(np.float32)


Method = Callable[[Asked], Floats]
"""→ (H, W): where the map is above 0 the picture speaks for the output, below 0 against it."""


def asked(subject: Subject, row: int, layers: tuple[Layer, ...] | list[Layer], *, output: int | None = None) -> Asked:
    """A row as the methods take it.

    Args:
        subject: What is looked into.
        row: Of its rows.
        layers: Of its network, from pixels to answer.
        output: Which is explained; None: what is said (of several labels the most probable, of numbers the first).

    Raises:
        ModelError: The body takes something else than one picture.
    """
    with torch.inference_mode():
        taken = subject.network.taken(*subject.batch([row]))
        if len(taken) != 1 or taken[0].ndim != 4:
            raise ModelError(
                f"the body takes {len(taken)} inputs, the first of {taken[0].ndim} dimensions; expected one picture. "
                "To fix: explain a model of pictures."
            )
        raw = array(answer(subject.network, taken[0]))[0]
    if output is None:
        output = 0 if subject.target.kind == "number" else int(raw.argmax())
    inputs = taken[0].float().clone()
    about = Asked(subject.network, inputs, output, subject.target, None)
    with_places = [layer for layer in layers if min(layer.resolution) > 1]
    return replace(about, layer=next((one for one in reversed(with_places) if _read_from(about, one)), None))


def _read_from(about: Asked, layer: Layer) -> bool:
    """Whether an answer depends on the layer's places: one from a class token reads none of the last block's."""
    return not leading(layer) or bool(_places(about, layer)[1].any())


def _places(about: Asked, layer: Layer) -> tuple[Tensor, Tensor]:
    """(1, C, H, W) what a layer gives, and the gradient of the raw output with regard to it."""
    with torch.enable_grad(), watched(about.network, [layer]) as found:
        said = about.raw(about.inputs.clone().requires_grad_().clone())
        value = found[layer.name]
        [gradient] = torch.autograd.grad(said.sum(), [value])
    return value.detach(), gradient


def grad_cam(about: Asked) -> Floats:
    """Each channel of the last layer with places, weighted by its mean gradient; what speaks against is cut off.

    Source: Selvaraju et al., Grad-CAM (2017), eq. 1 and 2.

    Raises:
        ModelError: No layer has places that the answer is read from.
    """
    if about.layer is None:
        raise ModelError("no layer has places that the answer is read from. To fix: give larger pictures.")
    value, gradient = _places(about, about.layer)
    weighted = (value * gradient.mean((2, 3), keepdim=True)).sum(1, keepdim=True).relu()
    return _at_size(weighted, about)


def integrated_gradients(about: Asked) -> Floats:
    """The gradient, averaged on the way from the mean colour to the picture, times the picture.

    It is signed and summed over colours; steps are added until the map adds up to what the picture changes in the
    output (completeness).

    Source: Sundararajan, Taly & Yan, Axiomatic attribution for deep networks (2017), eq. 1; by the midpoint rule.
    """
    with torch.inference_mode():
        both = about.raw(torch.cat([about.inputs, torch.zeros_like(about.inputs)]))
        change = float(both[0] - both[1])
    steps, wanted = FEWEST_STEPS, list(range(FEWEST_STEPS))
    total = torch.zeros_like(about.inputs)
    while True:
        for some in in_batches(wanted):
            shares = (torch.tensor(some, device=about.inputs.device) + 0.5)[:, None, None, None] / steps
            total += _gradient(about, shares * about.inputs).sum(0, keepdim=True)
        found = about.inputs * total / steps
        if abs(float(found.sum()) - change) <= COMPLETE * max(abs(change), 1e-6) or steps >= about.most_steps:
            return array(found.sum((0, 1)))
        steps *= 3
        wanted = [step for step in range(steps) if step % 3 != 1]


def occlusion(about: Asked) -> Floats:
    """How far the probability falls (the number moves) when a square is covered with the mean colour.

    The squares are those of the service's explanations: 7 × 7, each two cells wide.

    Source: Zeiler & Fergus, Visualizing and understanding convolutional networks (2014), section 4.2.
    """
    pixels = np.moveaxis(array(about.inputs[0]), 0, -1)
    covers = occluded(cast(Any, pixels), cast(Any, np.zeros(pixels.shape[-1], dtype=np.float32)))
    before = float(about.degree(about.inputs)[0])
    after: list[Floats] = []
    for some in in_batches(range(len(covers))):
        batch = np.moveaxis(np.stack([covers[i]() for i in some]), -1, 1)
        after.append(about.degree(torch.from_numpy(np.ascontiguousarray(batch)).to(about.inputs)))
    change = before - np.concatenate(after)
    if about.target.kind == "number":
        change = np.abs(change)
    cells = torch.from_numpy(change.reshape(1, 1, CELLS, CELLS).astype(np.float32))
    return _at_size(cells, about)


def gradient(about: Asked) -> Floats:
    """Size of the output's gradient at each place, summed over colours (Simonyan et al. 2014)."""
    return array(_gradient(about, about.inputs).abs().sum((0, 1)))


def by_rule(rule: Rule) -> Method:
    """The same size, of a signal that goes back by the rule of the deconvnet or of guided backpropagation.

    They are how features are projected to pixels; as maps of an answer they are tested here, and not shown.

    Raises:
        ModelError: The network has other activations than rectifiers; raised by the method.
    """

    def method(about: Asked) -> Floats:
        if about.layer is None or about.layer.projection != "deconvnet":
            reason = "no layer has places" if about.layer is None else about.layer.reason
            raise ModelError(f"{rule} is not defined for this network: {reason}. To fix: take another method.")
        followed = _Answer()
        with torch.enable_grad(), followed:
            leaf = about.inputs.clone().requires_grad_()
            said = about.raw(leaf.clone()).sum()
        followed.rule = rule
        [found] = torch.autograd.grad(said, [leaf])
        return array(found.abs().sum((0, 1)))

    return method


class _Answer(Followed):
    """The rules of projection, but what pools the whole view passes signals, as the answer comes through it."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """What a function of torch gives."""
        if str(getattr(func, "__name__", "")) in POOLING:
            return func(*args, **(kwargs or {}))
        return super().__torch_function__(func, types, args, kwargs)


METHODS: Mapping[str, Method] = MappingProxyType(
    {"Grad-CAM": grad_cam, "integrated gradients": integrated_gradients, "occlusion": occlusion}
)
"""Those that a page shows, by the name that it shows."""
TESTED: Mapping[str, Method] = MappingProxyType(
    {
        **METHODS,
        "gradient": gradient,
        "deconvnet": by_rule("deconvnet"),
        "guided backpropagation": by_rule("guided backpropagation"),
    }
)
"""Those that are tested beside one another: how features are projected to pixels, too."""


def _gradient(about: Asked, inputs: Tensor) -> Tensor:
    """Of the raw output, (B, D, H, W)."""
    with torch.enable_grad():
        leaf = inputs.detach().requires_grad_()
        [found] = torch.autograd.grad(about.raw(leaf.clone()).sum(), [leaf])
    return found


def _at_size(maps: Tensor, about: Asked) -> Floats:
    """(1, 1, h, w) → (H, W), bilinear."""
    height, width = about.inputs.shape[2:]
    return array(functional.interpolate(maps.float(), (height, width), mode="bilinear", align_corners=False)[0, 0])
