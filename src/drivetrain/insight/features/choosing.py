"""Which channels of a layer are shown: by a stated rule, never by eye.

Legend: R rows, C channels, K outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drivetrain.errors import SettingError, did_you_mean
from drivetrain.insight.features.selective import Selectivity
from drivetrain.insight.parts import Change, Floats, Layer, Subject, Top
from drivetrain.insight.reading import answer, in_batches, watched
from drivetrain.settings import whole

SHOWN = 9
"""Features of each layer, as in Zeiler & Fergus (2014)."""
MOST_ROWS = 256
"""Rows whose gradients say what is used: drawn evenly from the classes."""


class Chosen(NamedTuple):
    """A channel that is shown, and the rule that chose it."""

    channel: int
    why: str
    """"most selective", "most used for Banana", "most changed", "drawn by chance (seed 1)"."""


@dataclass(frozen=True)
class Use:
    """What the channels of a layer do for each output."""

    names: tuple[str, ...]
    """Of the K outputs."""
    moved: Floats
    """(K, C) activation × gradient, summed over places, mean over the rows that the output is true of; NaN where there
    are none. For categories of what lies above the mean of all outputs, as only that changes a probability; for numbers
    the mean amount, in standard deviations of the training set."""
    n_rows: int
    """Rows that it was measured on."""

    @property
    def shares(self) -> Floats:
        """(K, C) of all that the layer's channels do for or against an output; 0 where nothing is known."""
        whole_K1 = np.abs(self.moved).sum(axis=1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.nan_to_num(self.moved / whole_K1)


def uses(subject: Subject, layers: Sequence[Layer], *, most_rows: int = MOST_ROWS, seed: int = 0) -> Mapping[str, Use]:
    """Layer → what each channel does for each output, by activation × gradient.

    One pass forward and back. Source: activation × gradient as a first-order estimate of what removing a channel does,
    Molchanov et al., Pruning convolutional neural networks for resource efficient inference (2017), eq. 6; choosing by
    it instead of by activation, Achtibat et al. (2023, relevance maximisation).

    Args:
        subject: What is looked into.
        layers: Of its network.
        most_rows: Pairs of a row and an output that is true of it; each output in turn gives one.
        seed: Of the draw.
    """
    whole("most_rows", most_rows, least=1)
    pairs = _pairs(subject, most_rows, seed)
    kind, n_outputs = subject.target.kind, subject.target.n_outputs
    sums = {layer.name: np.zeros((n_outputs, layer.channels)) for layer in layers}
    counts = np.zeros(n_outputs)
    with torch.enable_grad(), watched(subject.network, layers, all_tokens=True) as found:
        for some in in_batches(range(len(pairs))):
            rows, outputs = pairs[some, 0], pairs[some, 1]
            given = inputs_with_gradient(subject, rows.tolist())
            said = worth(subject, answer(subject.network, *given))[range(len(some)), outputs.tolist()]
            held = [found[layer.name] for layer in layers]
            for layer, value, gradient in zip(layers, held, torch.autograd.grad(said.sum(), held), strict=True):
                moved = (value * gradient).detach().float().sum((2, 3)).cpu().numpy()
                np.add.at(sums[layer.name], outputs, np.abs(moved) if kind == "number" else moved)
            np.add.at(counts, outputs, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            name: Use(subject.target.output_names, (total / counts[:, None]).astype(np.float32), len(pairs))
            for name, total in sums.items()
        }


def inputs_with_gradient(subject: Subject, rows: Sequence[int]) -> tuple[Tensor, ...]:
    """What the body takes of these rows; every layer above has a gradient, also where no weight is learning."""
    taken = subject.network.taken(*subject.batch(rows))
    return tuple(tensor.detach().requires_grad_().clone() if tensor.is_floating_point() else tensor for tensor in taken)


def worth(subject: Subject, outputs: Tensor) -> Tensor:
    """(B, K) raw outputs as they are told apart: of categories, of which one is said, above the mean of all."""
    return outputs - outputs.mean(1, keepdim=True) if subject.target.kind == "category" else outputs


def most_selective(found: Selectivity, n: int = SHOWN) -> list[Chosen]:
    """Channels whose maximum tells some label from the rest most clearly: the largest AUC above what chance shows."""
    best = found.margin.max(axis=0, initial=-np.inf)
    order = np.argsort(-best, kind="stable")
    return [Chosen(int(channel), "most selective") for channel in order[:n] if np.isfinite(best[channel])]


def most_used(found: Use, n: int = SHOWN, *, label: str | None = None) -> list[Chosen]:
    """Channels that do the largest share of what their layer does for an output, by activation × gradient.

    Args:
        found: Of the layer.
        n: So many at most.
        label: For this one alone; None takes every output once before any of them a second time.

    Raises:
        SettingError: There is no such output.
    """
    if label is not None and label not in found.names:
        raise SettingError(
            f"label={label!r} cannot be used: expected one of the {len(found.names)} outputs."
            f"{did_you_mean(label, found.names)} To fix: choose one, such as {found.names[0]!r}."
        )
    shares = found.shares
    outputs = range(len(found.names)) if label is None else [found.names.index(label)]
    queues = {k: [int(c) for c in np.argsort(-shares[k], kind="stable") if shares[k, c] > 0] for k in outputs}
    chosen: dict[int, str] = {}
    while len(chosen) < n and any(queues.values()):
        for k in sorted((k for k in outputs if queues[k]), key=lambda k: -float(shares[k, queues[k][0]])):
            queues[k] = [channel for channel in queues[k] if channel not in chosen]
            if queues[k] and len(chosen) < n:
                chosen[queues[k].pop(0)] = f"most used for {found.names[k]}"
    return [Chosen(channel, why) for channel, why in chosen.items()]


def most_changed(change: Change, n: int = SHOWN) -> list[Chosen]:
    """Channels of the network before that correlate least with their match after fine-tuning."""
    order = np.argsort(-change.moved, kind="stable")
    return [Chosen(int(channel), "most changed") for channel in order[:n] if change.moved[channel] > 0]


def by_chance(n_channels: int, n: int = SHOWN, *, seed: int = 0) -> list[Chosen]:
    """Any channels, also such as are never active: what the layer is like on the whole.

    Example:
        >>> by_chance(4, 2, seed=1)
        [Chosen(channel=0, why='drawn by chance (seed 1)'), Chosen(channel=1, why='drawn by chance (seed 1)')]
    """
    drawn: NDArray[np.int64] = np.random.default_rng(seed).permutation(n_channels)[:n]
    return [Chosen(int(channel), f"drawn by chance (seed {seed})") for channel in drawn]


def choose(
    top: Top,
    found: Selectivity,
    use: Use | None = None,
    change: Change | None = None,
    *,
    n: int = SHOWN,
    seed: int = 0,
) -> tuple[Chosen, ...]:
    """The channels of a layer that are shown: the rules take turns, each with its best that no other has taken.

    Most selective, most used, most changed (where there is a before and after), drawn by chance, and again; so nine
    are three each without a change. A channel is shown once, for the rule that came first.
    """
    whole("n", n, least=1)
    width = top.layer.channels
    rules = [most_selective(found, width)]
    rules += [most_used(use, min(width, n * 2))] if use is not None else []
    rules += [most_changed(change, width)] if change is not None else []
    turns: list[Iterator[Chosen]] = [iter(rule) for rule in (*rules, by_chance(width, width, seed=seed))]
    taken: dict[int, Chosen] = {}
    while turns and len(taken) < min(n, width):
        for rule in list(turns):
            following = next((each for each in rule if each.channel not in taken), None)
            if following is None:
                turns.remove(rule)
            elif len(taken) < n:
                taken[following.channel] = following
    return tuple(taken.values())


def _pairs(subject: Subject, most: int, seed: int) -> NDArray[np.int64]:
    """(P, 2) rows and an output that is true of each, evenly over the outputs, at random within each."""
    truth, rng = np.asarray(subject.truth), np.random.default_rng(seed)
    n, n_outputs = len(subject.rows), subject.target.n_outputs
    if subject.target.kind == "category":
        pairs = np.stack([np.arange(n), truth], axis=1)
    elif subject.target.kind == "categories":
        pairs = np.argwhere(truth > 0.5)
    else:
        pairs = np.stack([np.tile(np.arange(n), n_outputs), np.repeat(np.arange(n_outputs), n)], axis=1)
    pairs = pairs[rng.permutation(len(pairs))].astype(np.int64)
    turn = np.empty(len(pairs), dtype=np.int64)
    for k in range(n_outputs):
        own = np.flatnonzero(pairs[:, 1] == k)
        turn[own] = np.arange(len(own))
    kept = pairs[np.argsort(turn, kind="stable")[:most]]
    return kept[np.lexsort((kept[:, 1], kept[:, 0]))]
