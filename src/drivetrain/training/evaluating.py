"""What the network says of rows it is judged on: no augmentation, inference precision, every row once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drivetrain.data.cache.store import Store, views_of
from drivetrain.errors import DataError
from drivetrain.runtime.over_time import AT_ONCE
from drivetrain.runtime.predictor import Engine
from drivetrain.runtime.spec import Arrays, InputSpec
from drivetrain.training.fast.inference import TorchEngine, for_inference
from drivetrain.training.fast.memory import kept_memory
from drivetrain.training.lengths import lengths_of
from drivetrain.training.network import Network
from drivetrain.training.place import Place

BATCH_SIZE = 64
BATCH_OF_A_TABLE = 1024


@kept_memory()
def raw_outputs(
    network: Network,
    spec: InputSpec,
    store: Store,
    place: Place,
    *,
    rows: range | None = None,
    batch_size: int = BATCH_SIZE,
    over_time: bool = True,
) -> NDArray[np.float32]:
    """(N, n_outputs) raw outputs for all rows of a store, or for some, in order; of a copy, see `for_inference`.

    With several processes, all of which have to ask, each computes a contiguous share; the shares are padded to equal
    length for the exchange and cut afterwards, so no row counts twice.

    Args:
        network: On the device of `place`.
        spec: How an input is read.
        store: Of the rows.
        place: Where, and in which precision.
        rows: Some of them; None: all.
        batch_size: Rows that go through the network together.
        over_time: Whether what is longer than the view of a row is answered by all of its pieces, as `predict` does.

    Raises:
        DataError: A file cannot be read any more; a score over the rest would be another score.
    """
    wanted = range(len(store)) if rows is None else rows
    share = math.ceil(len(wanted) / place.world)
    own = [wanted[min(i, len(wanted) - 1)] for i in range(place.rank * share, (place.rank + 1) * share)]
    order = _by_length(spec, store, own)
    batches = _batches(spec, store, [own[at] for at in order], batch_size, over_time=over_time)
    first = next(batches)
    if place.split:
        asked = _InStep(network, place, first.example())
        parts = [batch.said(asked) for batch in chain([first], batches)]
        asked.wait()
    else:
        copy, _ = for_inference(network, place, first.example())
        engine = TorchEngine(copy, place)
        parts = [batch.said(engine.tensor) for batch in chain([first], batches)]
    back = torch.from_numpy(np.argsort(order)).to(place.device)
    return place.gather(torch.cat(parts)[back]).cpu().numpy()[: len(wanted)]


class _InStep:
    """A network that lies split over processes, asked as often in each: whoever has fewer batches asks along.

    It answers as it is, without a copy in which batch norm is folded: that would have to be whole.
    """

    def __init__(self, network: Network, place: Place, example: Arrays) -> None:
        self._engine, self._place, self._example = TorchEngine(network, place), place, example

    def __call__(self, *views: NDArray[Any]) -> Tensor:
        self._place.any(True)
        return self._engine.tensor(*views)

    def wait(self) -> None:
        """Until no process has a batch left."""
        while any(self._place.any(False)):
            self._engine.tensor(*self._example)


def engine_outputs(
    engine: Engine, spec: InputSpec, store: Store, *, batch_size: int = BATCH_SIZE
) -> NDArray[np.float32]:
    """The same of a saved model's own engine, in this process, each row once; raises DataError likewise."""
    order = _by_length(spec, store, list(range(len(store))))
    batches = _batches(spec, store, order.tolist(), batch_size, over_time=True)
    found = [batch.said(lambda *views: torch.from_numpy(engine(*views))) for batch in batches]
    return torch.cat(found).numpy()[np.argsort(order)]


def any_over_time(spec: InputSpec, store: Store) -> bool:
    """Whether some row of a store is longer than its view, so that it is answered by all of its pieces."""
    pieces_of = getattr(spec, "over_time", None)
    if pieces_of is None:
        return False
    chunks = (range(start, min(start + BATCH_SIZE, len(store))) for start in range(0, len(store), BATCH_SIZE))
    loaded = (one for rows in chunks for one in store.get(rows))
    return any(one is not None and pieces_of(one) is not None for one in loaded)


def _by_length(spec: InputSpec, store: Store, rows: list[int]) -> NDArray[np.int64]:
    """Places of the rows, of inputs of any length the short ones first."""
    lengths = lengths_of(spec, store, rows)
    return np.arange(len(rows)) if lengths is None else np.argsort(lengths, kind="stable")


@dataclass
class _Batch:
    """Rows that are answered together, and among them those that are answered piece by piece."""

    spec: InputSpec
    views: Arrays | None
    """Of the rows that are read in one view; None where there are none."""
    pieces: Mapping[int, Iterator[Arrays]]
    """Place among the rows → the views of its pieces."""
    n: int

    def example(self) -> Arrays:
        """A batch of views of one row, or of more."""
        if self.views is not None:
            return self.views
        at, views = next(iter(self.pieces.items()))
        first = next(views)
        self.pieces = {**self.pieces, at: chain([first], views)}
        return self.spec.stack([first])

    def said(self, run: Callable[..., Tensor]) -> Tensor:
        """(n, K): the answers of the network, of a row in pieces the mean of theirs."""
        whole = None if self.views is None else run(*self.views)
        if not self.pieces:
            assert whole is not None, "an empty batch"
            return whole
        rows = iter(() if whole is None else whole)
        return torch.stack([self._mean(run, at) if at in self.pieces else next(rows) for at in range(self.n)])

    def _mean(self, run: Callable[..., Tensor], at: int) -> Tensor:
        found: list[Tensor] = []
        while few := list(islice(self.pieces[at], AT_ONCE)):
            found.append(run(*self.spec.stack(few)))
        return torch.cat(found).double().mean(dim=0).float()


def _batches(spec: InputSpec, store: Store, rows: list[int], batch_size: int, *, over_time: bool) -> Iterator[_Batch]:
    """The rows, some at a time."""
    if hasattr(spec, "view_many"):  # rows are small
        batch_size = max(batch_size, BATCH_OF_A_TABLE)
    batch_size = max(1, batch_size // getattr(spec, "windows", 1))
    pieces_of = getattr(spec, "over_time", None) if over_time else None
    for start in range(0, len(rows), batch_size):
        wanted = rows[start : start + batch_size]
        there: list[Arrays] = []
        pieces: dict[int, Iterator[Arrays]] = {}
        for at, (row, loaded) in enumerate(zip(wanted, store.get(wanted), strict=True)):
            if loaded is None:
                raise DataError(f"{store.name(row)} cannot be read any more. To fix: put it back and evaluate again.")
            found: Iterator[Arrays] | None = None if pieces_of is None else pieces_of(loaded)
            if found is None:
                there.append(loaded)
            else:
                pieces[at] = found
        yield _Batch(spec, views_of(spec, there) if there else None, pieces, len(wanted))
