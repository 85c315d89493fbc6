"""What the network says of rows it is judged on: no augmentation, inference precision, every row once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray

from drivetrain.data.cache.store import Store, views_of
from drivetrain.errors import DataError
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
) -> NDArray[np.float32]:
    """(N, n_outputs) raw outputs for all rows of a store, or for some, in order; of a copy, see `for_inference`.

    With several processes each computes a contiguous share; the shares are padded to equal length for the exchange
    and cut afterwards, so no row counts twice.

    Raises:
        DataError: A file cannot be read any more; a score over the rest would be another score.
    """
    wanted = range(len(store)) if rows is None else rows
    share = math.ceil(len(wanted) / place.world)
    own = [wanted[min(i, len(wanted) - 1)] for i in range(place.rank * share, (place.rank + 1) * share)]
    order = _by_length(spec, store, own)
    batches = _batches(spec, store, [own[at] for at in order], batch_size)
    first = next(batches)
    copy, _ = for_inference(network, place, first)
    engine = TorchEngine(copy, place)
    parts = [engine.tensor(*views) for views in chain([first], batches)]
    back = torch.from_numpy(np.argsort(order)).to(place.device)
    return place.gather(torch.cat(parts)[back]).cpu().numpy()[: len(wanted)]


def engine_outputs(
    engine: Engine, spec: InputSpec, store: Store, *, batch_size: int = BATCH_SIZE
) -> NDArray[np.float32]:
    """The same of a saved model's own engine, in this process, each row once; raises DataError likewise."""
    order = _by_length(spec, store, list(range(len(store))))
    batches = _batches(spec, store, order.tolist(), batch_size)
    return np.concatenate([engine(*views) for views in batches])[np.argsort(order)]


def _by_length(spec: InputSpec, store: Store, rows: list[int]) -> NDArray[np.int64]:
    """Places of the rows, of inputs of any length the short ones first."""
    lengths = lengths_of(spec, store, rows)
    return np.arange(len(rows)) if lengths is None else np.argsort(lengths, kind="stable")


def _batches(spec: InputSpec, store: Store, rows: list[int], batch_size: int) -> Iterator[Arrays]:
    """Views of the rows, some at a time."""
    if hasattr(spec, "view_many"):  # rows are small
        batch_size = max(batch_size, BATCH_OF_A_TABLE)
    batch_size = max(1, batch_size // getattr(spec, "windows", 1))
    for start in range(0, len(rows), batch_size):
        wanted = rows[start : start + batch_size]
        there: list[Arrays] = []
        for row, loaded in zip(wanted, store.get(wanted), strict=True):
            if loaded is None:
                raise DataError(f"{store.name(row)} cannot be read any more. To fix: put it back and evaluate again.")
            there.append(loaded)
        yield views_of(spec, there)
