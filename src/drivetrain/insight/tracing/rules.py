"""What each of torch's operations makes of reaches (`Reach`): it takes the largest of what it would have mixed.

An operation that no rule names is taken to mix everything with everything, which is never too small.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

from drivetrain.insight.tracing.operations import (
    ACTIVATIONS,
    ADAPTIVE,
    ATTENDING,
    COPYING,
    ENLARGING,
    MASKED,
    MOVING,
    MULTIPLYING,
    NORMS,
    NUMBERS_WRITTEN,
    PADDING,
    POOLING,
    REDUCING,
    SOFTMAX,
)
from drivetrain.insight.tracing.reach import (
    NOTHING,
    Facts,
    Reach,
    Source,
    Window,
    continued,
    joined,
    largest,
    lean,
    lie,
    shape_of,
    varies,
    windowed,
    without_source,
)


@dataclass
class Ledger:
    """What a run notes beside the tensors."""

    module: Callable[[], tuple[str, int]]
    """The module that is running now, and how often it ran before in this pass."""
    work: float = 0.0
    """Operations done and numbers written so far, for one input."""
    unknown: set[str] = field(default_factory=set[str])
    """Operations that no rule names."""
    order: itertools.count[int] = field(default_factory=lambda: itertools.count(1))


ledger: ContextVar[Ledger] = ContextVar("ledger")


@dataclass(frozen=True)
class Call:
    """One operation on reaches."""

    func: Any
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    given: list[Reach]
    facts: Facts

    def bare(self, *, empty: bool) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments with what reaches hold; parameters of real numbers as nothing, where `empty` says so."""

        def one(part: Any) -> Any:
            if isinstance(part, Reach):
                return part.held
            if empty and isinstance(part, Tensor) and part.is_floating_point():
                return torch.full((1,) * part.ndim, NOTHING, device=part.device).expand(part.shape)
            return part

        return tree_map(one, self.args), tree_map(one, self.kwargs)

    def shapes(self) -> Any:
        """The result, without memory."""
        return shape_of(self.func, self.args, self.kwargs)


def interpret(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of an operation on tensors some of which are reaches."""
    given = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, Reach)]
    name = str(func.overloadpacket.__name__)
    in_place = func._schema.is_mutable and name.endswith("_") and not name.startswith("__")
    notes = ledger.get()
    name = name.removesuffix("_") if in_place else name
    call = Call(func, name, args, kwargs, given, joined(given, next(notes.order)))
    result = _rule_of(call)(call)
    for made in result if isinstance(result, tuple | list) else (result,):
        if isinstance(made, Reach) and name not in MOVING | COPYING:
            notes.work += NUMBERS_WRITTEN * made.numel() / 4
            break
    if in_place and isinstance(args[0], Reach) and isinstance(result, Reach):
        args[0].held, args[0].facts = result.held.expand(args[0].shape), result.facts
        return args[0]
    return result


def _rule_of(call: Call) -> Callable[[Call], Any]:
    name = call.name
    if name in ("max", "min") and len(call.given) > 1:
        return _each
    for names, rule in _KINDS:
        if name in names:
            return rule
    if name.startswith(ATTENDING):
        return _attend
    return _each if torch.Tag.pointwise in call.func.tags else _all


def _all(call: Call) -> Any:
    ledger.get().unknown.add(call.name)
    return _mix_all(call)


def _mix_all(call: Call) -> Any:
    """Everything with everything, picture by picture: the four lie one after another in the first dimension."""
    tops = [lean(each.held) for each in call.given]
    per = [each.reshape(4, -1).amax(1) if each.shape[0] % 4 == 0 else each.amax().expand(4) for each in tops]
    top = torch.stack(per).amax(0)
    facts = replace(without_source(call.facts), mixed=True)

    def made(shape: Any) -> Any:
        if not isinstance(shape, Tensor):
            return shape
        if not shape.is_floating_point():
            return torch.zeros(shape.shape, dtype=shape.dtype, device=call.given[0].device)
        if shape.ndim and shape.shape[0] % 4 == 0:
            spread = top.repeat_interleave(shape.shape[0] // 4).reshape(-1, *[1] * (shape.ndim - 1))
        else:
            spread = top.amax().reshape([1] * shape.ndim)
        return Reach(spread.expand(shape.shape), facts)

    return tree_map(made, call.shapes())


def _each(call: Call) -> Any:
    """Number by number. Of a product with what comes from a gate, or from parameters, the other factor is left."""
    shape = call.shapes()
    if not shape.is_floating_point():
        return torch.zeros(shape.shape, dtype=shape.dtype, device=call.given[0].device)
    wide = [each for each in call.given if not _void(each)] or call.given
    facts = joined(wide, call.facts.serial)
    gates = frozenset[str]().union(*(each.facts.gates for each in call.given))
    made = largest([each.held for each in wide], shape.shape)
    return Reach(_left_out(call, made), replace(facts, gates=gates))


def _left_out(call: Call, held: Tensor) -> Tensor:
    """Nothing where a mask of attention says so: a very low number is added or put."""
    mask = [*call.args, None][1]
    if not call.facts.mixed or not isinstance(mask, Tensor) or isinstance(mask, Reach):
        return held
    put = call.args[-1]
    if call.name == "masked_fill" and not isinstance(put, Tensor) and put < MASKED:
        return held.masked_fill(mask, NOTHING)
    if call.name == "add" and mask.is_floating_point() and bool((mask < MASKED).any()):
        return held.masked_fill(mask < MASKED, NOTHING)
    return held


def _void(reach: Reach) -> bool:
    """Whether no pixel reaches it: it comes from a gate."""
    return not bool((lean(reach.held) > NOTHING).any())


def _activate(call: Call) -> Reach:
    word = ACTIVATIONS.get(call.name) or _clipped(call)
    (only, *_) = call.given
    facts = call.facts
    if word and not _void(only):
        facts = replace(facts, activations=facts.activations | {word}, then=(*facts.then, word))
    return Reach(only.held, facts)


def _clipped(call: Call) -> str:
    """ReLU6 and its kin, which come as `hardtanh` or `clamp`."""
    bounds = {"hardtanh": (-1.0, 1.0), "clamp": (None, None)}.get(call.name, (None, None))
    given = [*call.args[1:3], *(None,) * 2][:2]
    low, high = (call.kwargs.get(key, given[i]) for i, key in enumerate(("min", "max")))
    if call.name == "clamp_max":
        low, high = None, low if low is not None else high
    if call.name == "hardtanh":
        low = call.kwargs.get("min_val", low if low is not None else bounds[0])
        high = call.kwargs.get("max_val", high if high is not None else bounds[1])
    if isinstance(low, Tensor) or isinstance(high, Tensor) or (low is None and high is None):
        return ""
    if low == 0:
        return "ReLU" if high is None else "ReLU6" if high == 6 else "clipped ReLU"
    return "hard tanh"


def _copy(call: Call) -> Any:
    made = Reach(call.given[0].held, replace(call.facts, serial=call.given[0].facts.serial))
    return (made, torch.ones(made.shape, dtype=torch.bool)) if call.name == "native_dropout" else made


def _move(call: Call) -> Any:
    args, kwargs = call.bare(empty=True)
    if call.name in ("view", "_unsafe_view", "reshape"):
        made: Any = args[0].reshape(args[1])
    elif call.name == "index" and any(isinstance(each, Reach) for each in tree_flatten(call.args[1])[0]):
        return _all(call)
    else:
        made = call.func(*args, **kwargs)
    facts = without_source(call.facts)
    if call.name in ("permute", "transpose", "view", "_unsafe_view", "reshape", "unsqueeze", "squeeze"):
        facts = call.facts

    def wrapped(part: Any) -> Any:
        return Reach(part, facts) if isinstance(part, Tensor) and part.is_floating_point() else part

    return tree_map(wrapped, made)


def _pad(call: Call) -> Reach:
    held, sides = call.given[0].held, call.args[1]
    for i in range(len(sides) // 2):
        held = continued(held, held.ndim - 1 - i, int(sides[2 * i]), int(sides[2 * i + 1]))
    return Reach(held, call.facts)


def _reduce(call: Call) -> Any:
    """Over channels or neighbours: the largest. Over all of the view: a gate, which tells places nothing apart."""
    held = call.given[0].held
    dims = _dims_of(call, held.ndim)
    shapes = call.shapes()
    facts = without_source(call.facts)
    top = held.amax(dims, keepdim=True)
    if _over_the_view(held, top, dims):
        facts = Facts(gates=facts.gates | {"pooling"}, serial=facts.serial)
        top = torch.full_like(top, NOTHING)

    def made(shape: Any) -> Any:
        if not isinstance(shape, Tensor):
            return shape
        if not shape.is_floating_point():
            return torch.zeros(shape.shape, dtype=shape.dtype, device=held.device)
        return Reach(top.reshape(shape.shape), facts)

    return tree_map(made, shapes)


def _over_the_view(held: Tensor, top: Tensor, dims: Sequence[int]) -> bool:
    """Whether the largest along dimensions no longer says where it is, while what it was taken of did.

    What is made of neighbours, or along one side of the view, still lies somewhere; maps of several kernels, side by
    side, differ in how far they reach, but not in where they lie.
    """
    if held.ndim < 2 or held.shape[0] % 4:
        return varies(held, [dim for dim in dims if dim]) and not varies(top, range(1, top.ndim))
    before, after = lie(held), lie(top)
    return max(before) > 0 and all(now < was / 2 for was, now in zip(before, after, strict=True) if was)


def _dims_of(call: Call, ndim: int) -> list[int]:
    where = 2 if call.name in ("linalg_vector_norm", "norm") else 1
    given = call.kwargs.get("dim", call.args[where] if len(call.args) > where else None)
    if given is None or given == []:
        return list(range(ndim))
    return [int(dim) % ndim for dim in (given if isinstance(given, list | tuple) else [given])]


def _normalise(call: Call) -> Any:
    """Statistics of one place are the place's own; those of the view count as a gate."""
    held, gates = call.given[0].held, frozenset[str]()
    if call.name == "native_layer_norm":
        own = list(range(held.ndim - len(call.args[1]), held.ndim))
        top = held.amax(own, keepdim=True)
        if _over_the_view(held, top, own):
            gates = frozenset({"layer norm over the view"})
        else:
            held = top.expand(held.shape)
    elif call.name == "native_group_norm" and varies(held, range(2, held.ndim)):
        gates = frozenset({"group norm"})
    facts = without_source(call.facts) if "added" in call.facts.then else call.facts  # it belongs to the next layer
    made = Reach(held, replace(facts, gates=facts.gates | gates))
    shapes = call.shapes()
    return (made, *(torch.empty(0) for _ in shapes[1:])) if isinstance(shapes, tuple) else made


def _convolve(call: Call) -> Any:
    entry, weight, _, stride, padding, dilation, transposed, _, groups = call.args
    shape = call.shapes()
    if not isinstance(entry, Reach) or isinstance(weight, Reach) or transposed or entry.ndim != 4:
        if isinstance(entry, Reach) and _void(entry):
            return Reach(torch.full((1,) * shape.ndim, NOTHING).expand(shape.shape), without_source(call.facts))
        return _convolve_otherwise(call, shape)
    held = entry.held
    _count(shape.numel() / 4 * 2 * weight[0].numel())
    alike = held.stride(1) == 0 or held.shape[1] == 1
    n_groups = 1 if alike else groups
    held = held[:, :1] if alike else held
    per_group = held.reshape(held.shape[0], n_groups, -1, *held.shape[2:]).amax(2)
    made = windowed(per_group, Window(weight.shape[2:], stride, padding, dilation), shape.shape[2:])
    made = (
        made[:, :, None]
        .expand(-1, -1, shape.shape[1] // n_groups, -1, -1)
        .reshape(shape.shape[0], -1, *shape.shape[2:])
    )
    if n_groups == 1:
        made = made[:, :1].expand(shape.shape)
    facts = call.facts
    if not _void(entry):
        module, before = ledger.get().module()
        kernel = (int(weight.shape[2]), int(weight.shape[3]))
        facts = replace(
            facts, then=(), source=Source(module, before, kernel, groups > 1 and weight.shape[1] == 1, facts.serial)
        )
    return Reach(made, facts)


def _convolve_otherwise(call: Call, shape: Tensor) -> Any:
    """Weights that depend on the input count as a gate; one dimension or three, or transposed: everything is mixed."""
    entry = call.args[0]
    if isinstance(entry, Reach) and isinstance(call.args[1], Reach):
        weight = cast(Tensor, call.args[1])
        plain = replace(call, args=(entry, torch.empty(weight.shape), None, *call.args[3:]), given=[entry])
        made = cast(Reach, _convolve(plain))
        return Reach(made.held, replace(made.facts, gates=made.facts.gates | {"weights chosen by the view"}))
    return _all(call)


def _pool(call: Call) -> Any:
    shapes = call.shapes()
    first: Tensor = shapes[0] if isinstance(shapes, tuple) else shapes
    if call.given[0].ndim != 4:
        return _all(call)
    given = [*call.args[1:], *[None] * 6]
    kernel, stride, padding = _pair(given[0]), _pair(given[1] or given[0]), _pair(given[2] or 0)
    dilation = _pair(given[3]) if call.name.startswith("max") and given[3] is not None else (1, 1)
    held = windowed(call.given[0].held, Window(kernel, stride, padding, dilation), first.shape[2:])
    return _with_indices(Reach(held, without_source(call.facts)), shapes)


def _adaptive(call: Call) -> Any:
    shapes = call.shapes()
    first: Tensor = shapes[0] if isinstance(shapes, tuple) else shapes
    held, facts = call.given[0].held, without_source(call.facts)
    if held.ndim != 4:
        return _all(call)
    if tuple(first.shape[2:]) == (1, 1) and varies(held, (2, 3)):
        made = torch.full((1, 1, 1, 1), NOTHING, device=held.device).expand(first.shape)
        facts = Facts(gates=facts.gates | {"pooling"}, serial=facts.serial)
    else:
        made = torch.nn.functional.adaptive_max_pool2d(held, tuple(first.shape[2:]))
    return _with_indices(Reach(made, facts), shapes)


def _with_indices(made: Reach, shapes: Any) -> Any:
    return (made, torch.zeros(made.shape, dtype=torch.int64)) if isinstance(shapes, tuple) else made


def _pair(value: Any) -> tuple[int, int]:
    listed = [int(each) for each in value] if isinstance(value, list | tuple) else [int(value)]
    return (listed[0], listed[-1])


def _upsample(call: Call) -> Any:
    shape, held = call.shapes(), call.given[0].held
    if held.ndim != 4:
        return _all(call)
    if "nearest" not in call.name:  # reads the neighbours, too
        held = windowed(held, Window((3, 3), padding=(1, 1)), held.shape[2:])
    made = torch.nn.functional.interpolate(held.float(), tuple(shape.shape[2:]), mode="nearest")
    return Reach(made, without_source(call.facts))


def _softmax(call: Call) -> Reach:
    held = call.given[0].held
    dim = int(call.args[1])
    made = held.amax(dim, keepdim=True).expand(held.shape)
    if not _void(call.given[0]):
        made = made.masked_fill(held == NOTHING, NOTHING)  # pairs that a mask leaves out
    facts = without_source(call.facts)
    word = "softmax" if varies(held, [dim]) or facts.mixed else ""
    return Reach(made, replace(facts, activations=facts.activations | {word}) if word else facts)


def _multiply(call: Call) -> Any:
    """Matrix products; `addmm` and `baddbmm` name what is added first."""
    first, second = call.args[-2:] if call.name in ("mm", "bmm", "mv", "dot") else call.args[1:3]
    shape = call.shapes()
    _count(shape.numel() / 4 * 2 * first.shape[-1])
    parts: list[Tensor] = []
    facts = without_source(call.facts)
    if call.name == "bmm" and isinstance(first, Reach) and isinstance(second, Reach) and _masked(first):
        pairs = torch.maximum(first.held, second.held.amax(-1)[:, None, :])
        kept = pairs.masked_fill(first.held == NOTHING, NOTHING).amax(-1, keepdim=True)
        return Reach(kept.expand(shape.shape), replace(facts, mixed=True))
    if isinstance(first, Reach):
        parts.append(lean(first.held).amax(-1, keepdim=True))
    if isinstance(second, Reach):
        parts.append(lean(second.held).amax(-2, keepdim=True) if second.ndim > 1 else second.held.amax())
        facts = replace(facts, mixed=True) if isinstance(first, Reach) else facts
    if call.name.startswith(("add", "badd")) and isinstance(call.args[0], Reach):
        parts.append(call.args[0].held)
    return Reach(largest(parts, shape.shape), facts)


def _masked(reach: Reach) -> bool:
    """Whether some pairs of tokens are left out, and not all."""
    nothing = lean(reach.held) == NOTHING
    return bool(nothing.any()) and not bool(nothing.all())


def _attend(call: Call) -> Any:
    shapes = call.shapes()
    query, *read = (lean(each.held) if isinstance(each, Reach) else None for each in call.args[:3])
    reached = [each for each in read if each is not None]
    parts = [each.amax((-2, -1), keepdim=True) for each in reached]
    mask = call.kwargs.get("attn_mask", ([*call.args, None])[3])
    if isinstance(mask, Tensor) and not isinstance(mask, Reach) and parts:
        tokens = torch.stack(torch.broadcast_tensors(*(each.amax(-1) for each in reached))).amax(0)
        kept = mask if mask.dtype is torch.bool else mask >= MASKED
        parts = [tokens[..., None, :].masked_fill(~kept, NOTHING).amax(-1, keepdim=True)]
    if query is not None:
        parts.append(query.amax(-1, keepdim=True))
    first: Tensor = shapes[0] if isinstance(shapes, tuple) else shapes
    _count(first.numel() * _tokens_read(call))
    facts = without_source(call.facts)
    facts = replace(facts, mixed=True, activations=facts.activations | {"softmax"})
    made = Reach(largest(parts, first.shape), facts)
    return (made, *(torch.empty(0) for _ in shapes[1:])) if isinstance(shapes, tuple) else made


def _tokens_read(call: Call) -> int:
    """How many tokens are read."""
    _, key, *_ = call.args
    return int(key.shape[-2])


def _count(operations: float) -> None:
    ledger.get().work += operations


_KINDS: list[tuple[Collection[str], Callable[[Call], Any]]] = [
    ({*ACTIVATIONS, "hardtanh", "clamp", "clamp_min", "clamp_max"}, _activate),
    (COPYING, _copy),
    (MOVING, _move),
    (REDUCING, _reduce),
    (NORMS, _normalise),
    ({"convolution"}, _convolve),
    (PADDING, _pad),
    (POOLING, _pool),
    (ADAPTIVE, _adaptive),
    (ENLARGING, _upsample),
    (SOFTMAX, _softmax),
    (MULTIPLYING, _multiply),
]
