"""The strongest activations of every channel, in one pass over the rows.

Legend: B rows of a batch, R rows, C channels, P places kept per channel.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drivetrain.insight.layers import tapped
from drivetrain.insight.parts import Layer, Subject, Top
from drivetrain.progress import track
from drivetrain.settings import whole
from drivetrain.training.fast.memory import kept_memory

BATCH = 32
N_PATCHES = 9
LARGEST_HALF = float(np.finfo(np.float16).max)


@kept_memory()
def find_tops(
    subject: Subject, layers: Sequence[Layer], *, patches: int = N_PATCHES, batch: int = BATCH
) -> dict[str, Top]:
    """For every channel of every layer the strongest activations, each on another row, in one pass.

    Memory does not grow with the rows, but for the maximum of each channel on each row. Of equal activations that on
    the earlier row counts as the stronger one. What the size of a batch changes is rounding (of convolutions, about
    1e-6 of the largest).

    Args:
        subject: What is looked into.
        layers: Of it, as `layers_of` or `shown_layers` gave them.
        patches: How many per channel.
        batch: Rows that pass together.

    Returns:
        Layer's name → its `Top`.

    Example:
        ::

            tops = find_tops(subject, shown_layers(layers_of(subject)))
            tops["body.conv1"].rows[7]  # the nine rows that excite channel 7 most
    """
    patches, batch = whole("patches", patches, least=1), whole("batch", batch, least=1)
    kept = {layer.name: _Kept(layer, len(subject.rows), patches) for layer in layers}
    at = np.arange(0)

    def read(layer: Layer, values: Tensor) -> None:
        kept[layer.name].take(values, at)

    n = len(subject.rows)
    with torch.inference_mode(), tapped(subject.network, layers, read), track("looking inside", n) as advance:
        for start in range(0, n, batch):
            at = np.arange(start, min(start + batch, n))
            subject.network.answer(*subject.batch(at.tolist()))
            advance(len(at))
    return {name: one.top() for name, one in kept.items()}


class _Kept:
    """The strongest activations of one layer's channels so far."""

    def __init__(self, layer: Layer, rows: int, patches: int) -> None:
        self._layer = layer
        shape = (layer.channels, patches)
        self._values = np.full(shape, -np.inf, np.float32)
        self._rows = np.full(shape, -1, np.int64)
        self._places = np.full(shape, -1, np.int64)
        self._strongest = np.zeros((rows, layer.channels), np.float16)

    def take(self, values: Tensor, rows: NDArray[np.int64]) -> None:
        """Take in (B, C, places high, places wide) of some rows."""
        maxima = values.amax((2, 3))
        maxima_BC = maxima.float().cpu().numpy()
        if self._strongest.dtype == np.float16 and np.abs(maxima_BC).max() > LARGEST_HALF:
            self._strongest = self._strongest.astype(np.float32)
        self._strongest[rows] = maxima_BC
        better = maxima_BC > self._values[:, -1]
        if not better.any():
            return
        row_of, channel_of = np.nonzero(better)
        planes = values[torch.from_numpy(row_of).to(values.device), torch.from_numpy(channel_of).to(values.device)]
        places = np.full(better.shape, -1, np.int64)
        places[row_of, channel_of] = planes.flatten(1).argmax(1).cpu().numpy()
        self._merge(np.where(better, maxima_BC, -np.inf), places, rows)

    def _merge(self, maxima_BC: NDArray[np.float32], places_BC: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        """Rows come in order, so that a stable order lets the earlier of equals stay in front."""
        channels = np.flatnonzero(np.isfinite(maxima_BC).any(axis=0))
        n = self._values.shape[1]
        new_rows = np.broadcast_to(rows, (len(channels), len(rows)))
        values = np.concatenate([self._values[channels], maxima_BC[:, channels].T], axis=1)
        all_rows = np.concatenate([self._rows[channels], new_rows], axis=1)
        places = np.concatenate([self._places[channels], places_BC[:, channels].T], axis=1)
        order = np.argsort(-values, axis=1, kind="stable")[:, :n]
        self._values[channels] = np.take_along_axis(values, order, axis=1)
        self._rows[channels] = np.where(
            np.isfinite(self._values[channels]), np.take_along_axis(all_rows, order, axis=1), -1
        )
        self._places[channels] = np.take_along_axis(places, order, axis=1)

    def top(self) -> Top:
        """As it stands."""
        wide = self._layer.resolution[1]
        places = np.stack([self._places // wide, self._places % wide], axis=-1)
        places[self._rows < 0] = -1
        return Top(self._layer, self._values, self._rows, places, self._strongest)


@kept_memory()
def plain_pass_seconds(subject: Subject, *, rows: int = 256, batch: int = BATCH) -> float:
    """What a plain pass over all rows would take, measured on some of them: what looking inside is compared with."""
    wanted = min(rows, len(subject.rows))
    with torch.inference_mode():
        subject.network.answer(*subject.batch(range(min(batch, wanted))))  # caches are filled, memory is at hand
        begun = time.perf_counter()
        for start in range(0, wanted, batch):
            subject.network.answer(*subject.batch(range(start, min(start + batch, wanted))))
    return (time.perf_counter() - begun) * len(subject.rows) / wanted


def strongest_of(tops: Mapping[str, Top], layer: str) -> NDArray[np.float32]:
    """(R, C) in float32: the maximum of each channel of a layer on each row."""
    return tops[layer].strongest.astype(np.float32)
