"""What the layers of a network say of some rows, read in passing or replaced by something else.

Legend: R rows, B of them at once, C channels, H × W places, K outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from drivetrain.errors import ModelError
from drivetrain.evaluation.predictions import Predictions
from drivetrain.insight.layers import tapped
from drivetrain.insight.parts import Floats, Layer, Subject
from drivetrain.training.network import Network

AT_ONCE = 32
"""Rows that go through the network together: memory is bounded by it, and nothing else depends on it."""


def in_batches(rows: Sequence[int] | range, size: int = AT_ONCE) -> Iterator[list[int]]:
    """The rows, some at a time.

    Example:
        >>> list(in_batches(range(5), 2))
        [[0, 1], [2, 3], [4]]
    """
    for start in range(0, len(rows), size):
        yield [int(row) for row in rows[start : start + size]]


def answer(network: Network, *inputs: Tensor) -> Tensor:
    """What the body takes → (B, K) raw outputs, with gradients also through a body that is kept frozen in training."""
    return network.head(network.body(*inputs).float())


def activated(layer: Layer) -> Layer:
    """The same layer, read after its activation.

    The search for patches reads layers before an activation that cuts large values off (ReLU6). What follows reads what
    comes out of it: that is what is averaged, silenced and compared.
    """
    return replace(layer, reading=replace(layer.reading, given=False))


@contextmanager
def watched(network: Network, layers: Sequence[Layer], *, all_tokens: bool = False) -> Generator[dict[str, Tensor]]:
    """Keep what the layers give in each pass, by name, as (B, C, H, W); with `all_tokens` as `tapped` has it.

    A later layer that writes over its input does not change it, and gradients reach it.

    Raises:
        ModelError: The network has no such layer.
    """
    found: dict[str, Tensor] = {}

    def keep(layer: Layer, values: Tensor) -> Tensor:
        found[layer.name] = values
        return values.clone()

    with tapped(network, known(network, layers), keep, all_tokens=all_tokens):
        yield found


@contextmanager
def replaced(network: Network, layer: Layer, change: Callable[[Tensor], Tensor]) -> Generator[None]:
    """Let what follows a layer read `change` of its (B, C, H, W) instead, of the same shape.

    Of tokens it gets all, (B, C, 1, N), those of no place first: a class token is what an answer is read from.
    """
    with tapped(network, known(network, [layer]), lambda _, values: change(values), all_tokens=True):
        yield


def known(network: Network, layers: Sequence[Layer]) -> list[Layer]:
    """The layers as they are read here.

    Raises:
        ModelError: The network has no module of that name.
    """
    modules = {name for name, _ in network.named_modules()}
    missing = [layer.name for layer in layers if layer.reading.module not in modules]
    if missing:
        raise ModelError(
            f"the network has no layer {missing[0]!r}; expected layers that were found in this network. To fix: find "
            "the layers of this network anew, as another model's are called otherwise."
        )
    return [activated(layer) for layer in layers]


@dataclass(frozen=True)
class Passed:
    """What one pass over some rows gave."""

    rows: tuple[int, ...]
    outputs: Floats
    """(R, K) raw."""
    means: dict[str, Floats]
    """Layer → (R, C): each channel's mean over its places."""
    leads: dict[str, Floats]
    """Layer → (R, C, T): its tokens of no place (class token, registers); T is 0 where there are none."""


def passed(subject: Subject, layers: Sequence[Layer], rows: Sequence[int] | range | None = None) -> Passed:
    """One pass over the rows (None: all) that keeps the mean of every channel of some layers, and leading tokens."""
    wanted = range(len(subject.rows)) if rows is None else rows
    network = subject.network
    means: dict[str, list[Floats]] = {layer.name: [] for layer in layers}
    leads: dict[str, list[Floats]] = {layer.name: [] for layer in layers}

    def average(layer: Layer, values: Tensor) -> None:
        flat, prefix = values.float().flatten(2), leading(layer)
        means[layer.name].append(array(flat[:, :, prefix:].mean(2)))
        leads[layer.name].append(array(flat[:, :, :prefix]))

    with torch.inference_mode(), tapped(network, known(network, layers), average, all_tokens=True):
        outputs = [array(answer(network, *network.taken(*subject.batch(some)))) for some in in_batches(wanted)]
    return Passed(
        tuple(int(row) for row in wanted),
        np.concatenate(outputs),
        {name: np.concatenate(parts) for name, parts in means.items()},
        {name: np.concatenate(parts) for name, parts in leads.items()},
    )


def leading(layer: Layer) -> int:
    """Tokens of no place that come before the others; 0 of maps."""
    return layer.reading.prefix if layer.reading.layout == "tokens" else 0


def predictions(subject: Subject, outputs: Floats, rows: Sequence[int] | range) -> Predictions:
    """The table that judging reads, of raw outputs of some rows."""
    return Predictions.of(subject.rows.subset(list(rows)), subject.target, subject.target.activate(outputs))


def spread_rows(subject: Subject, most: int, *, seed: int = 0) -> list[int]:
    """At most so many rows, in order, drawn at random: each class in turn gives one, so that rare ones are there.

    All rows where they are no more; rows of number targets and of several labels are drawn alike.
    """
    n = len(subject.rows)
    if n <= most:
        return list(range(n))
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(n)
    if subject.target.kind != "category":
        return sorted(drawn[:most].tolist())
    truth = np.asarray(subject.truth)[drawn]
    turn = np.empty(n, dtype=np.int64)  # the how-manieth of its class each drawn row is
    for label in np.unique(truth):
        own = np.flatnonzero(truth == label)
        turn[own] = np.arange(len(own))
    return sorted(drawn[np.argsort(turn, kind="stable")[:most]].tolist())


def array(tensor: Tensor) -> Floats:
    """float32 on the CPU."""
    return tensor.detach().float().cpu().numpy()
