"""The layers of a network: found by running it, named in plain words, chosen by a rule, and read.

A layer is a convolution together with what follows it place by place (batch norm, an addition, an activation), or a
block (of a transformer, a ConvNeXt) whose result is no convolution's. Gates (squeeze-and-excitation) are none.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from drivetrain.errors import ModelError, SettingError, did_you_mean
from drivetrain.insight.finding import FoundLayers, find_all
from drivetrain.insight.parts import Layer, Subject
from drivetrain.text import readable
from drivetrain.training.network import Network

FEWEST, MOST = 5, 7
"""Layers shown where nobody names them."""

_known: WeakKeyDictionary[nn.Module, dict[tuple[int, ...], FoundLayers]] = WeakKeyDictionary()


def layers_of(subject: Subject) -> tuple[Layer, ...]:
    """All layers of a network that has been taken up by `subject_of`, in the order in which they run.

    Raises:
        ModelError: The body cannot be followed, reads no pictures, or has no maps of places.

    Example:
        ::

            for layer in layers_of(subject):
                print(layer.name, layer.said, layer.receptive_field_px)
    """
    return _all_of(subject).layers


def notes_of(subject: Subject) -> tuple[str, ...]:
    """What was left out of `layers_of`, and why; raises as it does."""
    return _all_of(subject).notes


def _all_of(subject: Subject) -> FoundLayers:
    found = _known.setdefault(subject.network, {})
    with torch.no_grad():
        (taken, *more) = subject.network.taken(*subject.batch([0]))
    if more or taken.ndim != 4:
        raise ModelError(
            f"the layers of this body are not looked into: it takes {1 + len(more)} inputs, the first with "
            f"{taken.ndim - 1} dimensions; expected one picture of (channels, height, width). To fix: none; this kind "
            "of input has no places to cut patches from."
        )
    channels, *size = taken.shape[1:]
    key = (channels, *size)
    if key not in found:
        found[key] = find_all(subject.network, (size[0], size[1]), channels)
    return found[key]


def shown_layers(layers: Sequence[Layer], names: Sequence[str] | str | None = None) -> tuple[Layer, ...]:
    """The layers that a page shows: those asked for by name, or five to seven by a rule.

    The rule: the first one, and at each resolution the last one that ends a block; of fewer than five, further ones in
    the middle of the largest gap, by work done; of more than seven, without those that follow another most closely.

    Args:
        layers: All of them.
        names: With or without the leading ``body.``; None leaves it to the rule.

    Raises:
        SettingError: There is no layer of that name.
    """
    if names is not None:
        return tuple(layer_named(layers, name) for name in ([names] if isinstance(names, str) else names))
    ends = [i for i, layer in enumerate(layers) if layer.ends_block]
    stem = range(ends[0] if ends else len(layers))
    last_of = {layers[i].resolution: i for i in (*stem, *ends)}
    chosen = {0, *last_of.values()}
    while len(chosen) < min(FEWEST, len(layers)):
        chosen.add(_halving([layer.depth for layer in layers], sorted(chosen)))
    while len(chosen) > MOST:
        order = sorted(chosen)
        inner = range(1, len(order) - 1)
        chosen.remove(order[min(inner, key=lambda i: layers[order[i]].depth - layers[order[i - 1]].depth)])
    return tuple(layers[i] for i in sorted(chosen))


def layer_named(layers: Sequence[Layer], name: str) -> Layer:
    """The layer of that name, with or without the leading ``body.``; SettingError where there is none."""
    for layer in layers:
        if name in (layer.name, layer.name.removeprefix("body.")):
            return layer
    known = [layer.name for layer in layers]
    near = did_you_mean(f"body.{name.removeprefix('body.')}", known)
    raise SettingError(
        f"layer {readable(name)!r} is not known.{near} Expected one of {len(known)}: {', '.join(known[:4])}, …, "
        f"{known[-1]}. To fix: leave it out, and layers are chosen; dt.explore.layers(learn) lists all."
    )


@contextmanager
def tapped(
    network: Network,
    layers: Sequence[Layer],
    do: Callable[[Layer, Tensor], Tensor | None],
    *,
    all_tokens: bool = False,
) -> Generator[None]:
    """Within this block, `do` is called with each of the layers and what it gave, whenever the network runs.

    Args:
        network: Of the subject.
        layers: Of it.
        do: Takes a layer and its activations, (B, C, places high, places wide): a view of the network's own memory,
            which later layers may write over, so clone what you keep. What it returns takes their place; None leaves
            them.
        all_tokens: Also those that are no place, the class token and registers: tokens then come as (B, C, 1, N),
            these first. To change a channel everywhere, ask for it: a transformer that answers from its class token
            does not read the places of its last block any more.
    """
    calls: dict[tuple[str, bool], int] = {}
    at: dict[tuple[str, bool], list[Layer]] = {}
    for layer in layers:
        at.setdefault((layer.reading.module, layer.reading.given), []).append(layer)

    def read(key: tuple[str, bool], value: Tensor) -> Tensor | None:
        call = calls.get(key, 0)
        calls[key] = call + 1
        changed = None
        for layer in at[key]:
            if layer.reading.call == call:
                now = value if changed is None else changed
                whole = all_tokens and layer.reading.layout == "tokens"
                made = do(layer, now.transpose(1, 2).unsqueeze(2) if whole else as_map(now, layer))
                if made is not None:
                    changed = made.flatten(2).transpose(1, 2) if whole else from_map(made, now, layer)
        return changed

    def before(key: tuple[str, bool]) -> Callable[..., Any]:
        def hook(module: nn.Module, args: tuple[Any, ...]) -> Any:
            changed = read(key, args[0])
            return None if changed is None else (changed, *args[1:])

        return hook

    def after(key: tuple[str, bool]) -> Callable[..., Any]:
        part = at[key][0].reading.part

        def hook(module: nn.Module, args: Any, output: Any) -> Any:
            if not isinstance(output, tuple):
                return read(key, output)
            several = list(cast("tuple[Any, ...]", output))
            changed = read(key, several[part])
            several[part] = several[part] if changed is None else changed
            return None if changed is None else tuple(several)

        return hook

    handles: list[Any] = [network.body.register_forward_pre_hook(lambda *_: calls.clear())]
    for key in at:
        module = network.get_submodule(key[0])
        made = module.register_forward_pre_hook(before(key)) if key[1] else module.register_forward_hook(after(key))
        handles.append(made)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def activations(subject: Subject, layers: Sequence[Layer], rows: Sequence[int]) -> dict[str, Tensor]:
    """What layers give for some rows, by layer: (B, C, places high, places wide) each, on the subject's device."""
    kept: dict[str, Tensor] = {}

    def keep(layer: Layer, values: Tensor) -> None:
        kept[layer.name] = values.detach().clone()

    with torch.no_grad(), tapped(subject.network, layers, keep):
        subject.network.answer(*subject.batch(rows))
    return kept


def as_map(value: Tensor, layer: Layer) -> Tensor:
    """What is read of a layer, as (B, C, places high, places wide)."""
    reading = layer.reading
    if reading.layout == "tokens":
        return value[:, reading.prefix :].transpose(1, 2).unflatten(2, layer.resolution)
    return value.permute(0, 3, 1, 2) if reading.layout == "NHWC" else value


def from_map(made: Tensor, before: Tensor, layer: Layer) -> Tensor:
    """The other way round; tokens of no place stay as they were."""
    reading = layer.reading
    if reading.layout == "tokens":
        return torch.cat([before[:, : reading.prefix], made.flatten(2).transpose(1, 2)], 1)
    return made.permute(0, 2, 3, 1) if reading.layout == "NHWC" else made


def _halving(depths: Sequence[float], chosen: Sequence[int]) -> int:
    """The layer nearest to the middle of the largest gap between chosen ones that has layers in it."""
    gaps = [(depths[b] - depths[a], a, b) for a, b in pairwise(chosen) if b - a > 1]
    _, low, high = max(gaps)
    middle = (depths[low] + depths[high]) / 2
    return min(range(low + 1, high), key=lambda i: abs(depths[i] - middle))
