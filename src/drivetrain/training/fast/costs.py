"""What training costs here, measured on a few batches before a plan is made."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from drivetrain.errors import ModelError
from drivetrain.training.checkpoint import snapshot
from drivetrain.training.fast.cuts import Cut, CuttableBody
from drivetrain.training.fast.depthwise import FastDepthwiseGradients
from drivetrain.training.fast.inference import part_for_inference
from drivetrain.training.fast.memory import kept_memory
from drivetrain.training.feeding import Feeder, Loaded
from drivetrain.training.kind import TrainingKind
from drivetrain.training.network import Network
from drivetrain.training.place import Place

CANDIDATE_DEPTHS = (0.28, 0.4, 0.53, 0.7, 0.85)
"""Shares of the forward pass below which a body may be frozen: few, since each is tried for some seconds."""

TRIALS = 2
FEW = 4
"""Rows that are tried first."""
SLOW_S = 1.0
"""A step on so few rows that takes longer, as of long documents on a CPU, is not tried with more, nor repeated."""


@dataclass(frozen=True)
class Way:
    """A way to train, with its seconds per row."""

    cut: Cut | None
    """None trains the whole body."""
    store: float
    """Computing what is stored, once for each view."""
    step: float
    """One training step, once for each epoch."""
    row_bytes: int
    """What one view takes in store."""

    @property
    def trained(self) -> float:
        """Share of the body."""
        return 1.0 if self.cut is None else 1 - self.cut.below


@dataclass(frozen=True)
class Costs:
    """Measured on this machine, with this network and these inputs."""

    forward: float
    """Seconds per row, of computing features of a view."""
    ways: tuple[Way, ...]
    """From the whole body to the smallest part."""


def measure_costs(network: Network, kind: TrainingKind, feeder: Feeder, place: Place, *, cut: bool) -> Costs:
    """Try the ways to train on one batch each, cut bodies among them or not; the network is as before afterwards."""
    batch = next(iter(feeder.views(0)))[1].head(feeder.batch_size)
    before, frozen = snapshot(network), list(network.frozen)
    try:
        with place.own_randomness(), kept_memory():
            few = _Trial(network, kind, place, batch.head(FEW))
            return (few if few.slow else _Trial(network, kind, place, batch)).costs(cut)
    finally:
        network.load_state_dict(before)
        network.zero_grad(set_to_none=True)
        network.freeze(frozen[0] if frozen else None)


class _Trial:
    def __init__(self, network: Network, kind: TrainingKind, place: Place, batch: Loaded) -> None:
        self._network, self._kind, self._place, self._batch = network, kind, place, batch
        self._rows = len(batch.draws)

    @property
    def slow(self) -> bool:
        """Whether one step on these rows takes long, also once things are set up."""
        inputs = self._views()
        self._network.freeze(None)
        self._network.train()
        return all(self._place.first(self._timed(lambda: self._step(inputs, None)) > SLOW_S) for _ in range(2))

    def costs(self, cut: bool) -> Costs:
        inputs = self._views()
        view = self._seconds(self._views)
        self._network.freeze(None)
        self._network.train()
        whole = Way(None, 0.0, view + self._seconds(lambda: self._step(inputs, None)), 0)
        self._network.eval()
        answering = part_for_inference(self._network, self._network.body, self._place, inputs)
        forward = view + self._seconds(lambda: self._through(answering, *inputs))
        return Costs(forward, (whole, *(self._cuts(inputs, view) if cut else ())))

    def _cuts(self, inputs: tuple[Tensor, ...], view: float) -> list[Way]:
        try:
            body = CuttableBody(self._network.body, *(tensor[:8] for tensor in inputs))
        except ModelError:
            return []
        ways: list[Way] = []
        for cut in candidates(body.cuts):
            try:
                parts = body.cut(cut.name)
            except ModelError:
                continue
            self._network.freeze(parts.lower)
            self._network.train()
            lower = part_for_inference(self._network, parts.lower, self._place, inputs)
            activations = self._through(lower, *inputs)
            store = view + self._seconds(lambda lower=lower: self._through(lower, *inputs))
            step = self._seconds(lambda parts=parts, stored=activations: self._step((stored,), parts.upper))
            ways.append(Way(cut, store, step, activations[0].numel() * activations.element_size()))
        return ways

    def _views(self) -> tuple[Tensor, ...]:
        return self._batch.varied(self._kind, self._place.device)

    def _through(self, part: nn.Module, *inputs: Tensor) -> Tensor:
        with torch.no_grad(), self._place.autocast():
            return part(*inputs)

    def _step(self, inputs: tuple[Tensor, ...], start: nn.Module | None) -> None:
        with self._place.autocast(), FastDepthwiseGradients():
            outputs = self._network(*(tensor.clone() for tensor in inputs), start=start)
        outputs.sum().backward()

    def _seconds(self, work: Callable[[], object]) -> float:
        """Per row, the best of `TRIALS`: what disturbs a trial only ever makes it longer."""
        first = self._timed(work)  # sets things up, which takes long on an accelerator alone
        if self._place.device.type == "cpu" and self._place.first(first > SLOW_S):
            return first / self._rows
        return min(self._timed(work) for _ in range(TRIALS)) / self._rows

    def _timed(self, work: Callable[[], object]) -> float:
        self._wait()
        began = time.perf_counter()
        work()
        self._wait()
        return time.perf_counter() - began

    def _wait(self) -> None:
        if self._place.device.type != "cpu":
            torch.accelerator.synchronize()


def candidates(cuts: Sequence[Cut]) -> list[Cut]:
    """The cuts nearest to `CANDIDATE_DEPTHS`, each once."""
    if not cuts:
        return []
    nearest = [min(cuts, key=lambda cut: abs(cut.below - depth)) for depth in CANDIDATE_DEPTHS]
    return list(dict.fromkeys(nearest))
