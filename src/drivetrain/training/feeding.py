"""Batches for training, in an order that depends on the seed and the position alone.

Every random draw is a function of (seed, phase, epoch, step): nothing has to be remembered to resume a run, and
each process of several draws the same numbers and takes its own rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drivetrain.data.cache.store import Store, views_of
from drivetrain.errors import TrainingError
from drivetrain.runtime.spec import Arrays
from drivetrain.runtime.targets import Array
from drivetrain.training.fast.activations import Bank
from drivetrain.training.kind import TrainingKind
from drivetrain.training.lengths import lengths_of, steps_of

ORDER, VIEWS, LAYERS, STORED_VIEWS, WHICH_VIEW, STEPS = range(6)
"""Separate streams of random numbers."""
BANK_BATCH = 64


@dataclass(frozen=True)
class Loaded:
    """What was loaded of some rows, and the draws by which training views are made of it."""

    tensors: tuple[Tensor, ...]
    """As the kind collates them."""
    draws: Tensor

    def head(self, rows: int) -> Loaded:
        """The first rows."""
        return Loaded(tuple(tensor[:rows] for tensor in self.tensors), self.draws[:rows])

    def varied(self, kind: TrainingKind, device: torch.device) -> tuple[Tensor, ...]:
        """What the body reads, on the device."""
        return kind.vary(tuple(tensor.to(device, non_blocking=True) for tensor in self.tensors), self.draws)


@dataclass(frozen=True)
class MicroBatch:
    """The rows of one step that go through the network together, in this process."""

    inputs: Loaded | Tensor
    """What was loaded, or stored activations."""
    target: Tensor
    share: float
    """Weight of each row's loss, so that the step's loss is the mean over its rows in all processes."""


@dataclass(frozen=True)
class Step:
    """One step of the optimiser."""

    index: int
    """Within the epoch, from 0."""
    rows: int
    """In all processes."""
    seed: int
    """For what the network's layers draw (dropout)."""
    micro: list[MicroBatch]


class Feeder:
    """Turns the training rows into steps.

    An epoch sees every row once, or those that are drawn for it (`take`). The rows are spread evenly over its steps, so
    there is no runt at the end: 65 rows in batches of 64 make steps of 33 and 32.

    Args:
        store: What was loaded, by row.
        target: Training form of the targets, one per row.
        kind: Collates what was loaded.
        batch_size: Rows that go through the network together, over all processes.
        accumulate: Batches per step of the optimiser.
        seed: Of the order and of all draws.
        rank: This process.
        world: Number of processes.
    """

    def __init__(
        self,
        store: Store,
        target: Array,
        kind: TrainingKind,
        *,
        batch_size: int,
        accumulate: int,
        seed: int,
        rank: int,
        world: int,
    ) -> None:
        self.store = store
        self.target = torch.from_numpy(np.ascontiguousarray(target))
        self.kind = kind
        self.batch_size, self.accumulate = batch_size, accumulate
        self.seed = seed
        self.rank, self.world = rank, world
        self.spread: NDArray[np.int64] | None = None
        """(N,) what each row is of, such as old or new data; every batch then has its share of each."""
        self.steps = self._steps_for(len(target))
        self._draw: Draw | None = None

    def take(self, draw: Draw) -> None:
        """Let an epoch see the rows that are drawn for it, about as many each time, and not all.

        Raises:
            TrainingError: They are too few.
        """
        self._draw, self.steps = draw, self._steps_for(len(draw(self.random(ORDER))))

    def _steps_for(self, rows: int) -> int:
        steps = max(1, math.ceil(rows / (self.batch_size * self.accumulate)))
        smallest = rows // steps // self.accumulate // self.world
        if smallest < 2:
            raise TrainingError(
                f"{rows} training rows in batches of {self.batch_size}, {self.accumulate} to a step, over {self.world} "
                f"process(es) leave {smallest} row(s) at a time; batch normalisation needs at least 2. To fix: more "
                "examples, a larger batch_size, a smaller accumulate, or fewer processes."
            )
        return steps

    def random(self, stream: int, *position: int) -> np.random.Generator:
        """Random numbers that belong to a position alone."""
        return np.random.default_rng([self.seed, stream, *position])

    def epoch(self, phase: int, epoch: int, *, start: int = 0, bank: Bank | None = None) -> Iterator[Step]:
        """The steps of an epoch from step `start` on; the next one is decoded while this one is used.

        With a bank, the rows' stored activations take the place of their inputs: another view in every epoch,
        until all were used. Of inputs of any length the rows of a step are of similar length.
        """
        order = self._order(self.random(ORDER, phase, epoch))
        lengths = self._lengths if bank is None else None
        parts = steps_of(order, lengths, self.steps, self.random(STEPS, phase, epoch))
        source = self._loaded if bank is None else self._stored(bank, phase)
        return ahead(lambda index: self._step(source, phase, epoch, index, parts[index]), range(start, self.steps))

    def _order(self, random: np.random.Generator) -> NDArray[np.int64]:
        """The rows of an epoch; where they are spread, those of one sort at even distances, from a place by chance."""
        order = random.permutation(np.arange(len(self.target)) if self._draw is None else self._draw(random))
        if self.spread is None:
            return order
        at = np.empty(len(order))
        for sort in np.unique(self.spread):
            mine = np.flatnonzero(self.spread[order] == sort)
            at[mine] = (np.arange(len(mine)) + random.random()) / len(mine)
        return order[np.argsort(at, kind="stable")]

    def views(self, view: int) -> Iterator[tuple[NDArray[np.int64], Loaded]]:
        """One random view of every row, to be computed once and stored."""
        parts = np.array_split(np.arange(len(self.target)), math.ceil(len(self.target) / BANK_BATCH))

        def batch(index: int) -> tuple[NDArray[np.int64], Loaded]:
            shape = (len(parts[index]), self.kind.n_draws)
            draws = self.random(STORED_VIEWS, view, index).random(shape, dtype=np.float32)
            return parts[index], self._load(parts[index], draws)[1]

        return ahead(batch, range(len(parts)))

    def as_judged(self) -> Iterator[tuple[NDArray[np.int64], Arrays]]:
        """Every row that can be read, in batches of views, as validation sees it: not varied."""
        at_once = max(1, BANK_BATCH // getattr(self.kind.spec, "windows", 1))
        order = np.arange(len(self.target)) if self._lengths is None else np.argsort(self._lengths, kind="stable")
        parts = np.array_split(order, math.ceil(len(self.target) / at_once))

        def batch(index: int) -> tuple[NDArray[np.int64], Arrays]:
            there, loaded = self._read(parts[index])
            return parts[index][there], views_of(self.kind.spec, loaded)

        return ahead(batch, range(len(parts)))

    @cached_property
    def _lengths(self) -> NDArray[np.int64] | None:
        return lengths_of(self.kind.spec, self.store, range(len(self.target)))

    def _step(self, source: Source, phase: int, epoch: int, index: int, rows: NDArray[np.int64]) -> Step:
        draws = self.random(VIEWS, phase, epoch, index).random((len(rows), self.kind.n_draws), dtype=np.float32)
        seed = int(self.random(LAYERS, phase, epoch, index, self.rank).integers(2**63))
        pieces = zip(np.array_split(rows, self.accumulate), np.array_split(draws, self.accumulate), strict=True)
        mine = slice(self.rank, None, self.world)
        micro: list[MicroBatch] = []
        for piece, drawn in pieces:
            there, inputs = source(piece[mine], drawn[mine], epoch)
            micro.append(MicroBatch(inputs, self.target[there], self.world / len(rows)))
        return Step(index, len(rows), seed, micro)

    def _loaded(self, rows: NDArray[np.int64], draws: NDArray[np.float32], epoch: int) -> tuple[Any, Loaded]:
        return self._load(rows, draws)

    def _stored(self, bank: Bank, phase: int) -> Source:
        first = self.random(WHICH_VIEW, phase).integers(bank.views, size=len(self.target))

        def source(rows: NDArray[np.int64], draws: NDArray[np.float32], epoch: int) -> tuple[Any, Tensor]:
            there = bank.there(rows)
            return there, bank.get(there, (first[there] + epoch) % bank.views)

        return source

    def _load(self, rows: NDArray[np.int64], draws: NDArray[np.float32]) -> tuple[NDArray[np.int64], Loaded]:
        """The rows that can be read, and what was loaded of them."""
        there, loaded = self._read(rows)
        return rows[there], loaded_for(self.kind, loaded, draws[there])

    def _read(self, rows: NDArray[np.int64]) -> tuple[list[int], list[Arrays]]:
        """Which of the rows can be read, and what was loaded of them."""
        found = self.store.get(rows.tolist())
        there = [i for i, one in enumerate(found) if one is not None]
        if not there:
            raise TrainingError("none of the rows of a batch can be read any more: were the files moved?")
        return there, [one for one in found if one is not None]


def loaded_for(kind: TrainingKind, loaded: Sequence[Arrays], draws: NDArray[np.float32]) -> Loaded:
    """What was loaded of some rows, cut by their draws where the kind cuts, as a batch."""
    cut = getattr(kind, "cut", None)
    return Loaded(kind.collate(loaded if cut is None else cut(loaded, draws)), torch.from_numpy(draws))


T = TypeVar("T")

Draw = Callable[[np.random.Generator], NDArray[np.int64]]
"""Random numbers → the rows of an epoch."""
Source = Callable[[NDArray[np.int64], NDArray[np.float32], int], tuple[Any, Loaded | Tensor]]
"""Rows, their draws and the epoch → the rows that are there, and their inputs."""


def ahead(make: Callable[[int], T], indices: range) -> Iterator[T]:
    """What `make` gives for each index in turn; the next is made while this one is used."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        following: Future[T] | None = None
        for index in indices:
            made = following.result() if following else make(index)
            following = thread.submit(make, index + 1) if index + 1 in indices else None
            yield made
