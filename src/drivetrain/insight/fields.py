"""Receptive fields of everything that a body computes, by running it on places instead of pixels.

Nothing is asked of how a body is written: `drivetrain.insight.tracing.reach` follows its operations while it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from drivetrain.errors import ModelError
from drivetrain.insight.tracing.reach import Facts, Reach, coordinates, lean
from drivetrain.insight.tracing.rules import Ledger, ledger
from drivetrain.text import short_reason
from drivetrain.training.network import Network

Layout = Literal["NCHW", "NHWC", "tokens"]
LARGE_PX = 192
"""A small view is traced on a multiple of it that has about this side, where the body lets us: on maps of a single
place nothing tells how fields go on."""
MOST_PREFIX = 16
"""Tokens beside those of places, at most: class token, registers."""


@dataclass(frozen=True)
class Boxes:
    """The receptive field of every place of a map."""

    sides_HW4: NDArray[np.int64]
    """(places high, places wide, 4): left, top, right, bottom, px, the last two inside; beyond the border, too."""
    everywhere_alike: bool
    """Whether they are one box, moved on by the stride from place to place."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the largest."""
        sides = self.sides_HW4
        return int((sides[..., 3] - sides[..., 1]).max()) + 1, int((sides[..., 2] - sides[..., 0]).max()) + 1

    def whole(self, height: int, width: int) -> bool:
        """Whether each of them holds all of a view."""
        s = self.sides_HW4
        inside = (s[..., :2] <= 0).all() and (s[..., 2] >= width - 1).all() and (s[..., 3] >= height - 1).all()
        return bool(inside)


@dataclass(frozen=True)
class Seen:
    """What a module gave while it ran, or was given."""

    module: str
    """In the network."""
    call: int
    """0 for the first time in a pass."""
    given: bool
    """What went into it, rather than what came out."""
    kind: type[nn.Module]
    shape: tuple[int, ...]
    """Of one row."""
    facts: Facts
    work: float
    """Done so far."""
    held: Tensor
    """(4, …): reaches; expanded dimensions cut to length 1."""
    part: int = 0
    """Which one, where it gives several."""


@dataclass(frozen=True)
class Traced:
    """A run of a body on places."""

    seen: tuple[Seen, ...]
    """In the order in which modules were entered and left."""
    work: float
    """Of the whole body."""
    unknown: frozenset[str]
    """Operations that no rule names; they were taken to mix everything."""


def trace(network: Network, size: tuple[int, int], channels: int) -> Traced:
    """Run a network's body on places.

    Args:
        network: In evaluation mode; it is not changed.
        size: Height and width of a view, px.
        channels: Of what the body takes.

    Raises:
        ModelError: The body does not run on pictures of that size, or does what places cannot follow.
    """
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    notes = Ledger(module=lambda: ("", 0))
    token = ledger.set(notes)
    try:
        with torch.no_grad(), torch.autocast(device.type, enabled=False), _watched(network, notes) as seen:
            network.body(coordinates(channels, *size, device))
    except Exception as error:  # bodies are other people's code
        raise ModelError(
            f"the layers of this body cannot be followed: {type(error).__name__}: {short_reason(error)}. Expected a "
            f"body that reads one picture of {size[1]} × {size[0]} px. To fix: look inside another architecture."
        ) from error
    finally:
        ledger.reset(token)
    return Traced(tuple(seen), notes.work, frozenset(notes.unknown))


@contextmanager
def _watched(network: Network, notes: Ledger) -> Generator[list[Seen]]:
    """Note what goes into every module of the body and what comes out."""
    seen: list[Seen] = []
    running: list[tuple[str, int]] = []
    calls: dict[str, int] = {}
    notes.module = lambda: running[-1] if running else ("", 0)

    def note(name: str, call: int, module: nn.Module, values: Any, given: bool) -> None:
        parts = cast("tuple[Any, ...]", values) if isinstance(values, tuple) else (values,)
        # windows that are rows of the batch are left alone
        usable = (i for i, each in enumerate(parts) if isinstance(each, Reach) and each.ndim > 1 and len(each) == 4)
        part = next(usable, None)
        if part is not None:
            value = cast(Reach, parts[part])
            shape, held = tuple(value.shape[1:]), lean(value.held)
            seen.append(Seen(name, call, given, type(module), shape, value.facts, notes.work, held, part))

    def before(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...]) -> None:
            running.append((name, calls.get(name, 0)))
            calls[name] = calls.get(name, 0) + 1
            if args:
                note(*running[-1], module, args[:1], True)

        return hook

    def after(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        name, call = running.pop()
        note(name, call, module, output, False)

    handles: list[Any] = []
    for name, module in network.body.named_modules(prefix="body"):
        handles += [module.register_forward_pre_hook(before(name)), module.register_forward_hook(after)]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


class Lies(NamedTuple):
    """How the dimensions of what a module gives lie."""

    layout: Layout
    places: tuple[int, int]
    """High and wide."""
    prefix: int = 0
    """Tokens before those of places."""


def boxes_of(seen: Seen, lies: Lies) -> Boxes | None:
    """The fields of a map's places; None where no pixel reaches it."""
    held = seen.held.expand(4, *seen.shape)
    if lies.layout == "tokens":
        held = held[:, lies.prefix :].transpose(1, 2).reshape(4, -1, *lies.places)
    elif lies.layout == "NHWC":
        held = held.permute(0, 3, 1, 2)
    top = held.amax(1)
    if not bool(torch.isfinite(top).all()):
        return None
    bottom, right, up, left = top.cpu().numpy().round().astype(np.int64)
    sides = np.stack([-left, -up, right, bottom], axis=-1)
    return Boxes(sides, _alike(sides))


def in_order(boxes: Boxes) -> bool:
    """Whether fields go from left to right and from top to bottom, as places do: else tokens lie in another order."""
    middles = boxes.sides_HW4[..., :2] + boxes.sides_HW4[..., 2:]
    return bool((np.diff(middles[..., 0], axis=1) >= 0).all() and (np.diff(middles[..., 1], axis=0) >= 0).all())


def _alike(sides: NDArray[np.int64]) -> bool:
    """Whether each place's box is its neighbour's, moved on by a stride above 0."""
    down, over = np.diff(sides, axis=0), np.diff(sides, axis=1)
    for steps, own, other in ((down, (1, 3), (0, 2)), (over, (0, 2), (1, 3))):
        if not steps.size:
            continue
        moved = steps[..., own]
        if (steps[..., other] != 0).any() or (moved != moved.flat[0]).any() or moved.flat[0] <= 0:
            return False
    return True


def lies(seen: Seen, size: tuple[int, int], grids: Sequence[tuple[int, int]]) -> Lies | None:
    """How the dimensions of a module's result lie; None where it has no places.

    Args:
        seen: What came out.
        size: Height and width of the view.
        grids: Heights and widths of the maps before it, the latest last.
    """
    shape, held = seen.shape, seen.held
    if len(shape) == 2:
        return _tokens(shape[0], held.expand(4, *shape)[:2].amax(-1), grids)
    if len(shape) != 3:
        return None
    rows, columns = held[0].expand(shape), held[1].expand(shape)
    first, last = (shape[0], shape[1]), (shape[1], shape[2])
    if _differs(columns, 2) or (_differs(rows, 1) and not _differs(rows, 0)):
        return Lies("NCHW", last) if _of_the_view(last, size) else None
    if _of_the_view(first, size) and (_differs(rows, 0) or _differs(columns, 1) or not _of_the_view(last, size)):
        return Lies("NHWC", first)
    return Lies("NCHW", last) if _of_the_view(last, size) else None


def _tokens(n: int, reach_2N: Tensor, grids: Sequence[tuple[int, int]]) -> Lies | None:
    """Tokens as a map: of a grid that was seen before, or as they reach, each its own part of the view."""
    fits = [grid for grid in grids if 0 <= n - grid[0] * grid[1] <= MOST_PREFIX and grid != (1, 1)]
    if fits:
        return Lies("tokens", fits[-1], n - fits[-1][0] * fits[-1][1])
    own = reach_2N[:, torch.isfinite(reach_2N).all(0)]
    grid = (len(own[0].unique()), len(own[1].unique()))
    if min(grid) > 1 and grid[0] * grid[1] == own.shape[1]:
        rows, columns = own[0].reshape(grid), own[1].reshape(grid)
        if bool((rows == rows[:, :1]).all()) and bool((columns == columns[:1]).all()):
            return Lies("tokens", grid, n - grid[0] * grid[1])
    return None


def _of_the_view(places: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether so many places, high and wide, could be a map of the view: its sides in proportion, but for rounding."""
    return abs(places[0] * size[1] - places[1] * size[0]) <= max(size) and places[0] <= size[0]


def _differs(values: Tensor, dim: int) -> bool:
    return values.shape[dim] > 1 and bool((values.amax(dim) != values.amin(dim)).any())
