"""A tensor that holds, instead of numbers, how far each of them reaches into the input.

A network is run on four "pictures" whose pixels hold their own row, their column, minus their row and minus their
column, and every operation takes the largest of what it would have mixed. What comes out of a layer is then the last
row and column, and minus the first row and column, that can change each of its places: its receptive field, whatever
the operations were and however they were written (modules, functions, methods, views, windows, attention).

Borders are continued rather than cut (`continued`): a field reaches as far beyond the border as padding does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

NOTHING = float("-inf")
"""Reach of what no pixel changes: a parameter."""


@dataclass(frozen=True)
class Source:
    """The convolution whose output a tensor is, but for what follows it place by place."""

    module: str
    """In the network."""
    call: int
    """0 for the first time that this module runs in a pass."""
    kernel: tuple[int, int]
    grouped: bool
    """Each channel is read from its own channel alone."""
    order: int
    """How many operations ran before it."""


@dataclass(frozen=True)
class Facts:
    """What is known of a tensor besides its reach."""

    activations: frozenset[str] = frozenset()
    """That lie between the input and it: "ReLU", "SiLU", …; not those inside gates."""
    gates: frozenset[str] = frozenset()
    """What made some of it depend, place by place alike, on the whole view: "pooling" of squeeze-and-excitation."""
    mixed: bool = False
    """Whether something looks at the whole view or at windows of it: attention."""
    source: Source | None = None
    then: tuple[str, ...] = ()
    """What came after `source`, in words: "ReLU6"."""
    serial: int = 0
    """Another one for every operation: two tensors with the same one are the same."""


class Reach(Tensor):
    """See the module. `held` has the tensor's shape; a dimension along which it is all the same is expanded."""

    held: Tensor
    facts: Facts

    @staticmethod
    def __new__(cls: type[Reach], held: Tensor, facts: Facts) -> Reach:
        """As a tensor of the shape, type and device of `held`."""
        make: Any = Tensor._make_wrapper_subclass  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
        return make(cls, held.shape, dtype=held.dtype, device=held.device)

    def __init__(self, held: Tensor, facts: Facts) -> None:
        self.held = held
        self.facts = facts

    def __repr__(self, **_: Any) -> str:
        return f"Reach({tuple(self.held.shape)}, {self.facts})"

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """What an operation makes of reaches."""
        from drivetrain.insight.tracing.rules import interpret  # noqa: PLC0415 - the rules make such tensors

        return interpret(func, tuple(args), dict(kwargs or {}))


def coordinates(channels: int, height: int, width: int, device: torch.device) -> Reach:
    """(4, channels, height, width): the input."""
    rows = torch.arange(height, dtype=torch.float32, device=device)[:, None].expand(height, width)
    columns = torch.arange(width, dtype=torch.float32, device=device)[None].expand(height, width)
    held = torch.stack([rows, columns, -rows, -columns])[:, None].expand(4, channels, height, width)
    return Reach(held, Facts())


def lean(held: Tensor) -> Tensor:
    """Without the repetition along expanded dimensions: each has length 1."""
    for dim, (length, step) in enumerate(zip(held.shape, held.stride(), strict=True)):
        if length > 1 and step == 0:
            held = held.narrow(dim, 0, 1)
    return held


def largest(tensors: Sequence[Tensor], shape: Sequence[int]) -> Tensor:
    """The largest of tensors that broadcast to `shape`."""
    found = lean(tensors[0])
    for other in tensors[1:]:
        found = torch.maximum(found, lean(other))
    return found.expand(tuple(shape))


def continued(held: Tensor, dim: int, before: int, after: int) -> Tensor:
    """Longer along a dimension; what is added goes on as the outermost two do."""
    parts = [held]
    length = held.shape[dim]
    shape = [1] * held.ndim
    shape[dim] = -1
    for count, edge, inner in ((before, 0, 1), (after, length - 1, length - 2)):
        if count > 0 and length:
            steps = torch.arange(1, count + 1, dtype=held.dtype, device=held.device).reshape(shape)
            last = held.narrow(dim, edge, 1)
            growth = last - held.narrow(dim, inner, 1) if length > 1 else torch.zeros_like(last)
            more = last + growth.nan_to_num(nan=0.0) * steps
            parts = [more.flip(dim), *parts] if edge == 0 else [*parts, more]
    made = torch.cat(parts, dim) if len(parts) > 1 else held
    if min(before, after) < 0:  # negative padding crops
        made = made.narrow(dim, max(0, -before), made.shape[dim] - max(0, -before) - max(0, -after))
    return made


@dataclass(frozen=True)
class Window:
    """What a convolution or pooling reads, high and wide."""

    kernel: Sequence[int]
    stride: Sequence[int] = (1, 1)
    padding: Sequence[int] = (0, 0)
    dilation: Sequence[int] = (1, 1)


def windowed(held: Tensor, window: Window, out: Sequence[int]) -> Tensor:
    """(N, C, H, W) → (N, C, *out): the largest of each window, the border continued."""
    kernel, stride, padding, dilation = window.kernel, window.stride, window.padding, window.dilation
    for axis in (0, 1):
        reach = (out[axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1
        after = max(0, reach - padding[axis] - held.shape[2 + axis])
        held = continued(held, 2 + axis, padding[axis], after)
    single = tuple(kernel) == (1, 1)
    if single:
        made = held[:, :, :: stride[0], :: stride[1]]
    else:
        made = torch.nn.functional.max_pool2d(held, tuple(kernel), tuple(stride), 0, tuple(dilation))
    return made[:, :, : out[0], : out[1]]


def varies(held: Tensor, dims: Sequence[int]) -> bool:
    """Whether reaches differ along any of these dimensions: whether they are dimensions of the view."""
    thin = lean(held)
    return any(thin.shape[dim] > 1 and bool((thin.amax(dim) != thin.amin(dim)).any()) for dim in dims)


def lie(held: Tensor) -> tuple[float, float]:
    """How far apart the middles of fields lie, down and across, px: of (4 × …, …), the four one after another."""
    thin = lean(held)
    if thin.shape[0] % 4:
        return 0.0, 0.0
    bottom, right, up, left = thin.reshape(4, -1)
    spans: list[float] = []
    for far, near in ((bottom, up), (right, left)):
        middles = (far - near)[torch.isfinite(far) & torch.isfinite(near)] / 2
        spans.append(float(middles.amax() - middles.amin()) if middles.numel() else 0.0)
    return spans[0], spans[1]


def on_nothing(value: Any) -> Any:
    """The same nest of arguments on tensors without memory, from which an operation tells the shape of its result."""

    def bare(part: Any) -> Any:
        return torch.empty(part.shape, dtype=part.dtype, device="meta") if isinstance(part, Tensor) else part

    return tree_map(bare, value)


def shape_of(func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What an operation would give, without memory."""
    kwargs = {name: torch.device("meta") if name == "device" else on_nothing(each) for name, each in kwargs.items()}
    return func(*on_nothing(tuple(args)), **kwargs)


def joined(tensors: Sequence[Reach], serial: int) -> Facts:
    """Facts of what is made of several tensors at each place; its source is that of the widest reach, if it has one."""
    facts = [each.facts for each in tensors]
    widest = tensors[0]
    for other in tensors[1:]:
        if _rank(other) > _rank(widest):
            widest = other
    source, then = widest.facts.source, widest.facts.then
    if source is not None and len(tensors) > 1:
        then = (*then, "added")
    return Facts(
        frozenset[str]().union(*(each.activations for each in facts)),
        frozenset[str]().union(*(each.gates for each in facts)),
        any(each.mixed for each in facts),
        source,
        then,
        serial,
    )


def without_source(facts: Facts) -> Facts:
    """The same for a tensor that is no longer, place by place, what a convolution gave."""
    return replace(facts, source=None, then=())


def _rank(reach: Reach) -> tuple[float, bool, int]:
    """Side of the widest field; of equal ones first what no convolution gave, then the later."""
    held, source = lean(reach.held), reach.facts.source
    side = 0.0
    if held.ndim and held.shape[0] == 4 and bool(torch.isfinite(held).any()):
        side = float((held[0] + held[2]).amax())
    return side, source is None, reach.facts.serial
