"""Activations computed once, kept in a file, and read back in any order.

What lies below a cut of the body and is frozen gives the same activations in every epoch, for the same view of a
picture. Computed once for a few random views of every row, they replace the picture: an epoch then costs only what
is trained.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Produce = Iterator[tuple[NDArray[np.int64], int, Tensor]]
"""Rows, the number of the view, and their activations (B, ...)."""


class Bank:
    """Activations of some views of every row.

    Args:
        stored: (views, rows, ...) with channels last, mapped from a file or in memory.
        channels_last: Whether what is stored is a picture-like (H, W, C), read back as (C, H, W).
    """

    def __init__(self, stored: Tensor, *, channels_last: bool) -> None:
        self._flat = stored.flatten(0, 1)
        self.views, self.rows = stored.shape[:2]
        self._channels_last = channels_last

    def get(self, rows: NDArray[np.int64], views: NDArray[np.int64]) -> Tensor:
        """(B, ...) activations of one view of each row."""
        taken = self._flat[torch.from_numpy(views * self.rows + rows)]
        return taken.permute(0, 3, 1, 2) if self._channels_last else taken

    def there(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows that could be read when the bank was filled."""
        first = self._flat.flatten(1)[:, 0][torch.from_numpy(rows)]  # one number a row, not the whole rows
        return rows[~first.isnan().numpy()]


def fill_bank(path: Path | None, produce: Callable[[], Produce], *, rows: int, views: int) -> Bank:
    """The bank in the file, made if it is not there.

    Args:
        path: The file; None keeps the bank in memory. A file that is there was completed and is taken as it is.
        produce: Gives every view of every row once, in any order: (B, C, H, W), (B, tokens, C) or (B, features).
        rows: N.
        views: Views of each row.

    Raises:
        OSError: There is no room for it.
    """
    if path is not None and path.is_file():
        return _open(path)
    given = produce()
    first = next(given)
    kept = _channels_last(first[2])
    whole = (views, rows, *kept.shape[1:])
    partial = None if path is None else path.with_name(path.name + ".partial")
    stored = torch.empty(whole, dtype=kept.dtype) if partial is None else _create(partial, whole, kept.dtype)
    missing = np.ones((views, rows), bool)
    for which, view, activations in chain([first], given):
        stored[view, torch.from_numpy(which)] = _channels_last(activations).cpu()
        missing[view, which] = False
    stored[:, torch.from_numpy(missing.any(axis=0))] = torch.nan
    if partial is not None and path is not None:
        path.with_name(path.name + ".json").write_text(json.dumps([whole, str(kept.dtype)]))
        partial.replace(path)
    return Bank(stored, channels_last=first[2].ndim == 4)


def _channels_last(activations: Tensor) -> Tensor:
    return activations.permute(0, 2, 3, 1) if activations.ndim == 4 else activations


def _create(path: Path, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    _reserve(path, math.prod(shape) * dtype.itemsize)
    return _map(path, shape, dtype)


def _open(path: Path) -> Bank:
    shape, dtype = json.loads(path.with_name(path.name + ".json").read_text())
    stored = _map(path, tuple(shape), getattr(torch, dtype.removeprefix("torch.")))
    return Bank(stored, channels_last=len(shape) == 5)


def _reserve(path: Path, size: int) -> None:
    """Take the room on the disk now: a mapped file that finds none later would end the process."""
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)


def _map(path: Path, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return torch.from_file(str(path), shared=True, size=math.prod(shape), dtype=dtype).view(shape)
