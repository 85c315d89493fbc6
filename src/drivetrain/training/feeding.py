"""Batches for training, in an order that depends on the seed and the position alone.

Every random draw is a function of (seed, phase, epoch, step): nothing has to be remembered to resume a run, and
each process of several draws the same numbers and takes its own rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drivetrain.data.store import Store
from drivetrain.errors import SettingError, TrainingError
from drivetrain.runtime.targets import Array
from drivetrain.training.kinds import PreparedKind

ORDER, VIEWS, LAYERS = range(3)
"""Separate streams of random numbers."""


@dataclass(frozen=True)
class MicroBatch:
    """The rows of one step that go through the network together, in this process."""

    working: Tensor
    sizes: Tensor
    draws: Tensor
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

    An epoch sees every row once. The rows are spread evenly over its steps, so there is no runt at the end: 65
    rows in batches of 64 make steps of 33 and 32.

    Args:
        store: Working arrays by row.
        target: Training form of the targets, one per row.
        kind: Collates working arrays.
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
        kind: PreparedKind,
        *,
        batch_size: int,
        accumulate: int,
        seed: int,
        rank: int,
        world: int,
    ) -> None:
        if batch_size < 1 or accumulate < 1:
            raise SettingError(f"batch_size={batch_size} and accumulate={accumulate} must be at least 1.")
        self.store = store
        self.target = torch.from_numpy(np.ascontiguousarray(target))
        self.kind = kind
        self.accumulate = accumulate
        self.seed = seed
        self.rank, self.world = rank, world
        self.steps = max(1, math.ceil(len(target) / (batch_size * accumulate)))
        smallest = len(target) // self.steps // accumulate // world
        if smallest < 2:
            raise TrainingError(
                f"{len(target)} training rows in batches of {batch_size}, {accumulate} to a step, over {world} "
                f"process(es) leave {smallest} row(s) at a time; batch normalisation needs at least 2. Mend it: more "
                "examples, a larger batch_size, a smaller accumulate, or fewer processes."
            )

    def random(self, stream: int, *position: int) -> np.random.Generator:
        """Random numbers that belong to a position alone."""
        return np.random.default_rng([self.seed, stream, *position])

    def epoch(self, phase: int, epoch: int, *, start: int = 0) -> Iterator[Step]:
        """The steps of an epoch from step `start` on; the next one is decoded while this one is used."""
        order = self.random(ORDER, phase, epoch).permutation(len(self.target))
        parts = np.array_split(order, self.steps)
        with ThreadPoolExecutor(max_workers=1) as ahead:
            following: Future[Step] | None = None
            for index in range(start, self.steps):
                step = following.result() if following else self._step(phase, epoch, index, parts[index])
                if index + 1 < self.steps:
                    following = ahead.submit(self._step, phase, epoch, index + 1, parts[index + 1])
                yield step

    def _step(self, phase: int, epoch: int, index: int, rows: NDArray[np.int64]) -> Step:
        draws = self.random(VIEWS, phase, epoch, index).random((len(rows), self.kind.n_draws), dtype=np.float32)
        seed = int(self.random(LAYERS, phase, epoch, index, self.rank).integers(2**63))
        pieces = zip(np.array_split(rows, self.accumulate), np.array_split(draws, self.accumulate), strict=True)
        mine = slice(self.rank, None, self.world)
        micro = [self._micro(r[mine], d[mine], self.world / len(rows)) for r, d in pieces]
        return Step(index, len(rows), seed, micro)

    def _micro(self, rows: NDArray[np.int64], draws: NDArray[np.float32], share: float) -> MicroBatch:
        arrays = self.store.get(rows.tolist())
        there = [i for i, array in enumerate(arrays) if array is not None]
        if not there:
            raise TrainingError("none of the pictures of a batch can be read any more: were the files moved?")
        working, sizes = self.kind.collate([array for array in arrays if array is not None])
        return MicroBatch(working, sizes, torch.from_numpy(draws[there]), self.target[rows[there]], share)
