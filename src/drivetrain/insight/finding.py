"""Where the layers of a network end, told from a run on places, and what is said of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from drivetrain.errors import ModelError
from drivetrain.insight.fields import LARGE_PX, Boxes, Lies, Seen, Traced, boxes_of, in_order, lies, trace
from drivetrain.insight.parts import Layer, ProjectionName, Reading
from drivetrain.insight.tracing.operations import RECTIFIERS, SATURATING
from drivetrain.training.network import BATCH_NORMS, Network


@dataclass(frozen=True)
class _Place:
    """What a module gave, and how its dimensions lie."""

    seen: Seen
    lies: Lies


@dataclass(frozen=True)
class _Found:
    """A layer before it is numbered."""

    name: str
    words: str
    seen: Seen
    """What is read."""
    lies: Lies
    ends_block: bool


@dataclass(frozen=True)
class FoundLayers:
    """The layers of a network, and what was left out."""

    layers: tuple[Layer, ...]
    notes: tuple[str, ...]
    """What is no layer though it looks like one, and why."""


def find_layers(network: Network, size: tuple[int, int], channels: int) -> tuple[Layer, ...]:
    """All layers of a network for views of a size (height, width); raises ModelError where there are none."""
    return find_all(network, size, channels).layers


def find_all(network: Network, size: tuple[int, int], channels: int) -> FoundLayers:
    """The same, with what was left out."""
    actual = trace(network, size, channels)
    factor, large = _enlarged(network, size, channels) or (1, actual)
    by_place = {(seen.module, seen.call, seen.given): seen for seen in actual.seen}
    layers: list[Layer] = []
    for one in _found(network, large, (size[0] * factor, size[1] * factor)):
        seen = by_place.get((one.seen.module, one.seen.call, one.seen.given))
        if seen is None or one.lies.places == (1, 1):  # a gate, or what follows the last pooling
            continue
        layer = _layer(one, seen, size, factor, actual.work)
        if layer is not None and not _between_places(layer, layers):
            layers.append(layer)
    if not layers:
        raise ModelError(
            "no layer of this body has maps of places: what its modules give has neither height and width nor tokens "
            "of places. Expected convolutions, or blocks of a transformer. To fix: look inside another architecture."
        )
    n = len(layers)
    numbered = tuple(replace(layer, said=f"layer {i} of {n}: {layer.said}") for i, layer in enumerate(layers, 1))
    return FoundLayers(numbered, _notes(network, actual, numbered))


def _notes(network: Network, traced: Traced, layers: Sequence[Layer]) -> tuple[str, ...]:
    """What was left out: blocks of tokens in another order than places, and operations that are not known."""
    shown = [layer.reading.module for layer in layers] + [layer.name.partition(" ")[0] for layer in layers]
    notes: list[str] = []
    blocks = {
        seen.module: seen.kind.__name__
        for seen in traced.seen
        if not seen.given and len(seen.shape) == 2 and seen.shape[0] > 1 and seen.module in _in_rows(network)
    }
    missing = [name for name in blocks if not any(f"{one}.".startswith(f"{name}.") for one in shown)]
    if missing:
        notes.append(
            f"{len(missing)} blocks ({missing[0]}, … {blocks[missing[0]]}) are left out: their tokens lie in another "
            "order than the places of a picture, so that there is nothing to cut patches by"
        )
    if traced.unknown:
        notes.append(
            f"receptive fields above {', '.join(sorted(traced.unknown))} may be given too large: how these operations "
            "mix places is not known here, and they were taken to mix all of them"
        )
    return tuple(notes)


def _between_places(layer: Layer, before: Sequence[Layer]) -> bool:
    """Whether a map is one of attention, of a place with a place."""
    high, wide = layer.resolution
    return high == wide > 1 and any(high == other.resolution[0] * other.resolution[1] for other in before)


def _enlarged(network: Network, size: tuple[int, int], channels: int) -> tuple[int, Traced] | None:
    """Where the view is small: its multiple, and a run on that; None where the body reads one size alone."""
    factor = -(-LARGE_PX // min(size))
    if factor == 1:
        return None
    try:
        return factor, trace(network, (size[0] * factor, size[1] * factor), channels)
    except ModelError:
        return None


def _found(network: Network, traced: Traced, size: tuple[int, int]) -> list[_Found]:
    """Where layers end, in the order in which they run."""
    grids: list[tuple[int, int]] = []
    outputs: list[_Place] = []
    for seen in traced.seen:
        place = None if seen.given else lies(seen, size, grids)
        if place is not None:
            outputs.append(_Place(seen, place))
            if place.places not in grids[-1:]:
                grids.append(place.places)
    rows = _in_rows(network)
    found = [*_convolutions(network, traced, outputs, rows), *_blocks(outputs, rows)]
    return sorted(found, key=lambda one: one.seen.work)


def _convolutions(network: Network, traced: Traced, outputs: list[_Place], rows: set[str]) -> list[_Found]:
    """Each convolution, read at the end of what follows it place by place."""
    ends: dict[int, list[_Place]] = {}
    for place in outputs:
        if place.seen.facts.source is not None and place.lies.layout == "NCHW":
            ends.setdefault(place.seen.facts.source.order, []).append(place)
    found: list[_Found] = []
    for reached in ends.values():
        in_rows = [place.seen.facts.serial for place in reached if place.seen.module in rows]
        last = max(in_rows or [place.seen.facts.serial for place in reached])  # what follows a block is the next one's
        same = [place for place in reached if place.seen.facts.serial == last]
        end = next((place for place in same if not _within_norm(network, place.seen.module)), same[0])
        seen, source = end.seen, end.seen.facts.source
        if seen.facts.then[-1:] and seen.facts.then[-1] in SATURATING:
            seen = _before(traced, same[0].seen) or seen
        if source is not None and source.module:
            name = source.module if source.call == 0 else f"{source.module} (run {source.call + 1})"
            ends_block = bool(in_rows) or "added" in seen.facts.then
            found.append(_Found(name, _words_of(end.seen), seen, end.lies, ends_block))
    return found


def _before(traced: Traced, seen: Seen) -> Seen | None:
    """What went into the activation that gave this, where it is a module of its own."""
    for other in traced.seen:
        if other.given and (other.module, other.call) == (seen.module, seen.call):
            return other if other.facts.source == seen.facts.source else None
    return None


def _within_norm(network: Network, name: str) -> bool:
    return isinstance(network.get_submodule(name.rpartition(".")[0]), BATCH_NORMS)


def _words_of(seen: Seen) -> str:
    """As "3 × 3 convolution, then ReLU6"."""
    source = seen.facts.source
    assert source is not None
    kind = "depthwise convolution" if source.grouped else "convolution"
    added = ", added to what the block read" if "added" in seen.facts.then else ""
    activated = [word for word in seen.facts.then if word != "added"]
    return f"{source.kernel[0]} × {source.kernel[1]} {kind}{added}" + (f", then {activated[-1]}" if activated else "")


def _in_rows(network: Network) -> set[str]:
    """Names of blocks: modules with parts and parameters that follow one another in a row."""
    return {
        f"{name}.{child}"
        for name, module in network.named_modules()
        if isinstance(module, nn.Sequential | nn.ModuleList)
        for child, part in module.named_children()
        if next(part.children(), None) is not None and next(part.parameters(), None) is not None
    }


def _blocks(outputs: list[_Place], rows: set[str]) -> list[_Found]:
    """Blocks whose result is no convolution's: of transformers and their kin, and those that put maps side by side."""
    ends = [place for place in outputs if place.seen.facts.source is None and place.seen.module in rows]
    names = {place.seen.module for place in ends}
    deepest = [place for place in ends if not any(name.startswith(f"{place.seen.module}.") for name in names)]
    return [_Found(place.seen.module, _block_words(place.seen), place.seen, place.lies, True) for place in deepest]


def _block_words(seen: Seen) -> str:
    if issubclass(seen.kind, BATCH_NORMS):
        return "batch norm of all maps so far"
    return f"{'transformer block' if seen.facts.mixed else 'block'} ({seen.kind.__name__})"


def _layer(one: _Found, seen: Seen, size: tuple[int, int], factor: int, work: float) -> Layer | None:
    """A layer as it is with views of `size`; `one` was seen with views that many times as large."""
    layout, large, prefix = one.lies
    if layout == "tokens":
        places = (max(1, large[0] // factor), max(1, large[1] // factor))
    else:
        places = (seen.shape[1], seen.shape[2]) if layout == "NCHW" else (seen.shape[0], seen.shape[1])
    if layout == "tokens" and seen.shape[0] != prefix + places[0] * places[1]:
        return None
    boxes = boxes_of(one.seen, one.lies)
    if boxes is not None and not boxes.everywhere_alike:
        boxes = boxes_of(seen, Lies(layout, places, prefix))
    if boxes is None or not in_order(boxes):
        return None
    projection, reason = _projection(seen)
    return Layer(
        name=one.name,
        said=one.words,
        depth=min(1.0, seen.work / work),
        channels=int(seen.shape[0] if layout == "NCHW" else seen.shape[-1]),
        resolution=places,
        projection=projection,
        reason=reason,
        kind="tokens" if layout == "tokens" or seen.facts.mixed else "convolution",
        reading=Reading(one.seen.module, one.seen.call, one.seen.given, layout, prefix, one.seen.part),
        ends_block=one.ends_block,
        view=size,
        gates=", ".join(sorted(seen.facts.gates)),
        **_geometry(boxes, size, places, seen.facts.mixed),
    )


def _geometry(boxes: Boxes, size: tuple[int, int], resolution: tuple[int, int], mixed: bool) -> dict[str, Any]:
    """stride, receptive_field_px, offset_px and boxes of a layer."""
    sides = boxes.sides_HW4
    stride = max(1, round(size[1] / resolution[1]))
    mixed = boxes.whole(*size) if mixed else False
    left, top, right, bottom = (int(side) for side in sides[0, 0])
    if boxes.everywhere_alike and not mixed:
        steps = [int(step) for step in (*np.diff(sides[0, :, 0])[:1], *np.diff(sides[:, 0, 1])[:1])]
        square = right - left == bottom - top and left == top and len(set(steps)) <= 1
        stride = steps[0] if steps else stride
        if square:
            return {
                "stride": stride,
                "receptive_field_px": right - left + 1,
                "offset_px": (left + right) / 2,
                "boxes": None,
            }
    if boxes.whole(*size):
        return {"stride": stride, "receptive_field_px": 0, "offset_px": (size[1] - 1) / 2, "boxes": None}
    sides = sides[: resolution[0], : resolution[1]]
    widths = sides[..., 2:] - sides[..., :2] + 1
    return {
        "stride": stride,
        "receptive_field_px": int(widths.max()),
        "offset_px": (left + right) / 2,
        "boxes": np.concatenate([sides[..., :2], widths], axis=-1),
    }


def _projection(seen: Seen) -> tuple[ProjectionName, str]:
    """How patches of a layer are projected to pixels, and why so."""
    below = sorted(seen.facts.activations)
    others = [word for word in below if word not in RECTIFIERS]
    if seen.facts.mixed:
        return "gradient × input", (
            "attention lies below: the deconvnet says how rectifiers and pooling are turned back, and nothing of "
            "attention, so that it is not defined here"
        )
    if others:
        return "gradient × input", (
            f"{' and '.join(others)} below: the deconvnet passes back what is positive, as ReLU does forward; where "
            "negative values pass, too, it is not defined"
        )
    if not below:
        return "deconvnet", "no activation lies below: the projection is the filter itself"
    return "deconvnet", f"all activations below are {' and '.join(below)}"
