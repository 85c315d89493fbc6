"""What the network says of rows it is judged on: no augmentation, inference precision, every row once."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drivetrain.data.store import Store
from drivetrain.errors import DataError
from drivetrain.runtime.inputs import Input
from drivetrain.training.network import Network
from drivetrain.training.place import Place

BATCH_SIZE = 64


class TorchEngine:
    """Runs a network on pictures as they were read: (N, S, S, C) uint8 → (N, n_outputs) float32."""

    def __init__(self, network: Network, place: Place) -> None:
        self.network = network
        self.place = place

    def __call__(self, pictures: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Raw outputs, one row per picture."""
        return self.tensor(pictures).cpu().numpy()

    def tensor(self, pictures: NDArray[np.uint8]) -> Tensor:
        """The same, left on the device; the network's mode is put back afterwards."""
        training = self.network.training
        self.network.eval()
        try:
            with torch.inference_mode(), self.place.autocast():
                batch = torch.from_numpy(pictures).to(self.place.device).permute(0, 3, 1, 2)
                return self.network(batch.float().contiguous(memory_format=torch.channels_last)).float()
        finally:
            self.network.train(training)


def raw_outputs(
    network: Network, reader: Input, store: Store, place: Place, *, batch_size: int = BATCH_SIZE
) -> NDArray[np.float32]:
    """(N, n_outputs) raw outputs for all rows of a store, in order.

    With several processes each computes a contiguous share; the shares are padded to equal length for the exchange
    and cut afterwards, so no row counts twice.

    Raises:
        DataError: A file cannot be read any more; a score over the rest would be another score.
    """
    engine = TorchEngine(network, place)
    share = math.ceil(len(store.paths) / place.world)
    rows = [min(row, len(store.paths) - 1) for row in range(place.rank * share, (place.rank + 1) * share)]
    parts = [engine.tensor(np.stack([reader.view(a) for a in arrays])) for arrays in _batches(store, rows, batch_size)]
    return place.gather(torch.cat(parts)).cpu().numpy()[: len(store.paths)]


def _batches(store: Store, rows: list[int], batch_size: int) -> Iterator[list[NDArray[np.uint8]]]:
    for start in range(0, len(rows), batch_size):
        wanted = rows[start : start + batch_size]
        arrays = store.get(wanted)
        for row, array in zip(wanted, arrays, strict=True):
            if array is None:
                raise DataError(f"{store.paths[row]} cannot be read any more. Mend it: put it back and evaluate again.")
        yield [array for array in arrays if array is not None]
