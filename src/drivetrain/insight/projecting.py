"""Strongest activations back in pixels: where each one looked, and what of it the network kept.

The rules are those of a backward pass. Rectifiers are found while the network runs, as functions that torch is asked
for, so that modules, functions and methods count alike, and a module that is used twice is met twice.

Sources: deconvnet: Zeiler & Fergus, Visualizing and Understanding Convolutional Networks (2014), section 2.1; guided
backpropagation: Springenberg et al., Striving for Simplicity (2015), section 3.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

from drivetrain.errors import SettingError
from drivetrain.insight.layers import tapped
from drivetrain.insight.parts import Box, Floats, Layer, Patch, Subject, Top
from drivetrain.settings import choice
from drivetrain.training.network import Network

Rule = Literal["gradient", "deconvnet", "guided backpropagation", "gradient × input"]
RULES: tuple[Rule, ...] = ("gradient", "deconvnet", "guided backpropagation", "gradient × input")
ONLY_RECTIFIERS: tuple[Rule, ...] = ("deconvnet", "guided backpropagation")

BATCH = 16
EFFECTIVE_MASS = 0.9
"""At least this share of the gradient's mass lies in the effective field: on each side 2.5 % are left out."""


class Spot(NamedTuple):
    """One activation."""

    row: int
    """Of `Subject.rows`."""
    channel: int
    place: tuple[int, int]
    """Row and column in the layer's map."""


@dataclass(frozen=True)
class Projected:
    """An activation in pixels."""

    effective: Box
    """The part of the view that holds most of the gradient's mass."""
    pixels: Mapping[Rule, Floats]
    """(height, width, 3) of the whole view, signed: of what the body takes, normalised pixels."""


def patches_of(
    subject: Subject, top: Top, channels: Sequence[int], *, rules: Sequence[Rule] | None = None
) -> dict[int, tuple[tuple[Patch, ...], dict[Rule, tuple[Floats, ...]]]]:
    """The patches of some channels, with their effective fields and projections.

    Args:
        subject: What is looked into.
        top: Of one layer, as `find_tops` gave it.
        channels: Of that layer.
        rules: How to project; None takes the layer's own (`Layer.projection`).

    Returns:
        Channel → its patches, strongest first, and by rule a projection of each: (height, width, 3), cut by
        `shown_box`, signed, scaled to −1 … 1.

    Raises:
        SettingError: A rule is not known, or not defined for this layer.

    Example:
        ::

            found = patches_of(subject, tops["body.conv1"], [7])
            patches, projections = found[7]
    """
    layer = top.layer
    asked: list[Rule] = [layer.projection] if rules is None else [choice("rules", rule, RULES) for rule in rules]
    spots = [
        Spot(int(top.rows[channel, i]), channel, (int(top.places[channel, i, 0]), int(top.places[channel, i, 1])))
        for channel in channels
        for i in range(top.rows.shape[1])
        if top.rows[channel, i] >= 0
    ]
    value_of = {
        (channel, int(top.rows[channel, i])): float(top.values[channel, i])
        for channel in channels
        for i in range(top.rows.shape[1])
    }
    found: dict[int, list[tuple[Patch, Projected]]] = {channel: [] for channel in channels}
    for spot, projected in zip(spots, project(subject, layer, spots, rules=asked), strict=True):
        value = value_of[spot.channel, spot.row]
        patch = Patch(spot.row, value, spot.place, layer.field(spot.place), projected.effective)
        cut = shown_box(patch.field, subject.size)
        cropped: dict[Rule, Floats] = {rule: scaled(cut_out(pixels, cut)) for rule, pixels in projected.pixels.items()}
        found[spot.channel].append((patch, Projected(projected.effective, cropped)))
    return {
        channel: (
            tuple(patch for patch, _ in pairs),
            {rule: tuple(made.pixels[rule] for _, made in pairs) for rule in asked},
        )
        for channel, pairs in found.items()
    }


def project(
    subject: Subject, layer: Layer, spots: Sequence[Spot], *, rules: Sequence[Rule] = (), batch: int = BATCH
) -> Iterable[Projected]:
    """Follow activations of a layer back to the pixels, one by one in order.

    Gates that pool the whole view (squeeze-and-excitation) are held fixed, as in receptive fields.

    Args:
        subject: What is looked into.
        layer: Of it.
        spots: Which activations.
        rules: "gradient", "gradient × input", and where all activations below are rectifiers "deconvnet" (signals pass
            a rectifier backwards where they are positive, max pooling by its switches) and "guided backpropagation"
            (where also what went forward was positive). ReLU6 counts as a rectifier: what comes back is not cut at 6.
        batch: Rows that pass together.

    Raises:
        SettingError: A rule is not defined for this layer.
    """
    for rule in rules:
        if rule in ONLY_RECTIFIERS and layer.projection != "deconvnet":
            raise SettingError(
                f"rules={rule!r} is not defined for {layer.name}: {layer.reason}. Expected 'gradient' or "
                "'gradient × input' there. To fix: leave it out."
            )
    for start in range(0, len(spots), batch):
        yield from _project(subject, layer, spots[start : start + batch], rules)


def _project(subject: Subject, layer: Layer, spots: Sequence[Spot], rules: Sequence[Rule]) -> list[Projected]:
    with torch.no_grad():
        (taken,) = subject.network.taken(*subject.batch([spot.row for spot in spots]))
    entry = taken.detach().clone().requires_grad_()
    followed = Followed()
    chosen = _chosen_sum(subject.network, layer, entry, spots, followed)
    plain = _backward(chosen, entry)
    made: dict[Rule, Floats] = {}
    for rule in rules:
        followed.rule = rule
        pixels = _backward(chosen, entry) if rule in ONLY_RECTIFIERS else plain
        made[rule] = _in_colour(pixels * entry.detach() if rule == "gradient × input" else pixels)
    mass = plain.abs().sum(1).cpu().numpy()
    found: list[Projected] = []
    for i, spot in enumerate(spots):
        own: dict[Rule, Floats] = {rule: pixels[i] for rule, pixels in made.items()}
        found.append(Projected(effective_box(mass[i], layer.field(spot.place)), own))
    return found


class _Read(Exception):
    """The layer has run: what comes after it is not needed."""


def _chosen_sum(network: Network, layer: Layer, entry: Tensor, spots: Sequence[Spot], followed: Followed) -> Tensor:
    """The sum of the activations asked for, one in each row."""
    kept: list[Tensor] = []
    at = [torch.tensor(numbers, device=entry.device) for numbers in _indices(spots)]

    def read(_: Layer, values: Tensor) -> None:
        kept.append(values[at[0], at[1], at[2], at[3]].sum())
        raise _Read

    with torch.enable_grad(), followed, tapped(network, [layer], read), suppress(_Read):
        network.body(entry.clone())  # a copy, which may be written over
    return kept[0]


def _indices(spots: Sequence[Spot]) -> tuple[list[int], ...]:
    rows = list(range(len(spots)))
    return (
        rows,
        [spot.channel for spot in spots],
        [spot.place[0] for spot in spots],
        [spot.place[1] for spot in spots],
    )


def _backward(chosen: Tensor, entry: Tensor) -> Tensor:
    found = torch.autograd.grad(chosen, [entry], retain_graph=True, allow_unused=True, materialize_grads=True)
    return found[0].detach()


# ── rules ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Rectified(torch.autograd.Function):
    """A rectifier that goes backwards by the rule of the moment."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Tensor:
        """ReLU, or up to a largest value."""
        given, most, ctx.followed = cast("tuple[Tensor, float | None, Followed]", args)
        ctx.save_for_backward(given > 0 if most is None else (given > 0) & (given < most))
        return given.clamp(min=0, max=most)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """See `project`."""
        (signal,) = cast("tuple[Tensor]", grad_outputs)
        (passed,) = ctx.saved_tensors
        rule = ctx.followed.rule
        if rule == "deconvnet":
            return signal.clamp(min=0), None, None
        return (signal.clamp(min=0) if rule == "guided backpropagation" else signal) * passed, None, None


RECTIFYING = frozenset(
    ["relu", "relu_", "relu6", "hardtanh", "hardtanh_", "clamp", "clamp_", "clamp_min", "clamp_min_"]
)
"""Names of the functions that may be rectifiers."""
POOLING = frozenset(["mean", "sum", "amax", "adaptive_avg_pool2d", "adaptive_max_pool2d", "avg_pool2d", "max_pool2d"])


class Followed(TorchFunctionMode):
    """Within this block rectifiers go backwards by `rule`, and what pools a whole view is held fixed."""

    def __init__(self) -> None:
        super().__init__()
        self.rule: Rule = "gradient"

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """What a function of torch gives."""
        kwargs = dict(kwargs or {})
        name = str(getattr(func, "__name__", ""))
        given = args[0] if args else kwargs.get("input")
        if isinstance(given, Tensor) and given.requires_grad:
            most = rectifies(name, tuple(args), kwargs) if name in RECTIFYING else NOT_ONE
            if most is not NOT_ONE:
                made = cast(Tensor, _Rectified.apply(given, most, self))
                return given.copy_(made) if name.endswith("_") or kwargs.get("inplace") else made
            if name in POOLING:
                made = func(*args, **kwargs)
                return made.detach() if _pools_all(given, made) else made
        return func(*args, **kwargs)


NOT_ONE: Any = object()


def rectifies(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> float | Any | None:
    """Where a call rectifies: the largest value that it lets through, None for no limit; else `NOT_ONE`.

    Example:
        >>> x = torch.zeros(1)
        >>> rectifies("relu", (x,), {}), rectifies("hardtanh", (x, 0.0, 6.0), {}), rectifies("relu6", (x,), {})
        (None, 6.0, 6.0)
        >>> rectifies("hardtanh", (x,), {}) is NOT_ONE
        True
    """
    name = name.removesuffix("_")
    if name in ("relu", "relu6"):
        return None if name == "relu" else 6.0
    low, high = ("min_val", "max_val") if name == "hardtanh" else ("min", "max")
    given = (*args, None, None)
    least, most = kwargs.get(low, given[1]), None if name == "clamp_min" else kwargs.get(high, given[2])
    if isinstance(least, Tensor) or isinstance(most, Tensor) or least is None or least != 0:
        return NOT_ONE
    return 1.0 if most is None and name == "hardtanh" else most


def _pools_all(given: Tensor, made: Any) -> bool:
    """Whether a map of several places became one number per channel."""
    if not isinstance(made, Tensor) or given.ndim != 4 or given.numel() == made.numel():
        return False
    batch, second, third, last = given.shape
    flat = made.shape[:1] + torch.Size([side for side in made.shape[1:] if side != 1])
    return (third * last > 1 and flat == (batch, second)) or (second * third > 1 and flat == (batch, last))


# ── boxes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def effective_box(mass_HW: NDArray[np.floating[Any]], field: Box) -> Box:
    """The part of a view that holds at least `EFFECTIVE_MASS` of the mass: its middle in each direction.

    Args:
        mass_HW: (height, width) not negative.
        field: What to give where there is no mass.

    Example:
        >>> mass = np.zeros((8, 8))
        >>> mass[2:4, 5] = 1
        >>> effective_box(mass, Box(0, 0, 8, 8))
        Box(left=5, top=2, width=1, height=2)
    """
    height, width = mass_HW.shape
    if not mass_HW.sum() > 0:
        return shown_box(field, (height, width))
    tail = (1 - EFFECTIVE_MASS) / 4

    def span(along: NDArray[np.floating[Any]]) -> tuple[int, int]:
        share = np.cumsum(along, dtype=np.float64) / along.sum(dtype=np.float64)
        first = int(np.searchsorted(share, tail, side="right"))
        last = int(np.searchsorted(share, 1 - tail, side="left"))
        return first, min(last, len(along) - 1)

    (top, bottom), (left, right) = span(mass_HW.sum(axis=1)), span(mass_HW.sum(axis=0))
    return Box(left, top, right - left + 1, bottom - top + 1)


def shown_box(box: Box, size: tuple[int, int]) -> Box:
    """The part of a box within a view of (height, width).

    Example:
        >>> shown_box(Box(-3, 60, 7, 7), (64, 64))
        Box(left=0, top=60, width=4, height=4)
    """
    left, top = min(max(box.left, 0), size[1] - 1), min(max(box.top, 0), size[0] - 1)
    right, bottom = min(box.left + box.width, size[1]), min(box.top + box.height, size[0])
    return Box(left, top, max(1, right - left), max(1, bottom - top))


def cut_out(pixels_HWC: NDArray[Any], box: Box) -> NDArray[Any]:
    """The pixels within a box, which lies within the picture."""
    return pixels_HWC[box.top : box.top + box.height, box.left : box.left + box.width]


def scaled(signed: Floats) -> Floats:
    """To −1 … 1 by the largest magnitude; 0 stays 0."""
    largest = float(np.abs(signed).max(initial=0.0))
    return (signed / largest if largest > 0 else signed).astype(np.float32)


def _in_colour(pixels_NCHW: Tensor) -> Floats:
    """(N, H, W, 3): other numbers of channels than 3 or 4 by their sum."""
    channels = pixels_NCHW.shape[1]
    if channels not in (3, 4):
        pixels_NCHW = pixels_NCHW.sum(1, keepdim=True).expand(-1, 3, -1, -1)
    return pixels_NCHW[:, :3].permute(0, 2, 3, 1).float().cpu().numpy()
