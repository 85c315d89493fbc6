"""What the network says of rows it is judged on: no augmentation, inference precision, every row once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray

from drivetrain.data.store import Store
from drivetrain.errors import DataError
from drivetrain.runtime.inputs import Input
from drivetrain.runtime.predictor import Engine
from drivetrain.training.inference import TorchEngine, for_inference
from drivetrain.training.memory import kept_memory
from drivetrain.training.network import Network
from drivetrain.training.place import Place

BATCH_SIZE = 64


@kept_memory()
def raw_outputs(
    network: Network,
    reader: Input,
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
    wanted = range(len(store.paths)) if rows is None else rows
    share = math.ceil(len(wanted) / place.world)
    own = [wanted[min(i, len(wanted) - 1)] for i in range(place.rank * share, (place.rank + 1) * share)]
    batches = (np.stack([reader.view(a) for a in arrays]) for arrays in _batches(store, own, batch_size))
    first = next(batches)
    copy, _ = for_inference(network, place, first)
    engine = TorchEngine(copy, place)
    parts = [engine.tensor(pictures) for pictures in chain([first], batches)]
    return place.gather(torch.cat(parts)).cpu().numpy()[: len(wanted)]


def engine_outputs(engine: Engine, reader: Input, store: Store, *, batch_size: int = BATCH_SIZE) -> NDArray[np.float32]:
    """The same of a saved model's own engine, in this process, each row once; raises DataError likewise."""
    batches = _batches(store, list(range(len(store.paths))), batch_size)
    return np.concatenate([engine(np.stack([reader.view(a) for a in arrays])) for arrays in batches])


def _batches(store: Store, rows: list[int], batch_size: int) -> Iterator[list[NDArray[np.uint8]]]:
    for start in range(0, len(rows), batch_size):
        wanted = rows[start : start + batch_size]
        arrays = store.get(wanted)
        for row, array in zip(wanted, arrays, strict=True):
            if array is None:
                raise DataError(f"{store.paths[row]} cannot be read any more. To fix: put it back and evaluate again.")
        yield [array for array in arrays if array is not None]
