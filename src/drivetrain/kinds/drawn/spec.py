"""The description of an input that is drawn as pictures: one, or several windows of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from drivetrain.runtime.spec import Arrays, TensorSpec
from drivetrain.runtime.spec_base import SpecBase


class DrawnSpec(SpecBase):
    """An `InputSpec` whose view is a fixed number of pictures of equal size: (windows, C, H, W).

    A kind says `kind`, `load`, `encode` and `length`, and draws one window (`draw`). What is longer than a window is
    read in windows spread evenly over it, what is shorter in one; the network answers with the mean over windows. The
    number of windows is the same for all rows, so that a batch needs no padding. Where it is not 1 the network takes
    any number of them: what a single window says is asked with a batch of shape (B, 1, C, H, W).
    """

    channels: int = Field(default=3, ge=1, le=64)
    height_px: int = Field(default=64, ge=8, le=2048)
    width_px: int = Field(default=64, ge=8, le=2048)
    windows: int = Field(default=1, ge=1, le=64)
    """Read of each row when it is judged."""
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    """Per channel, of values from 0 to 1."""
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    dtype: Literal["uint8", "float32"] = "uint8"
    """Of the pictures: "uint8", values from 0 to 255, which `mean` and `std` are for; "float32", read as they are."""

    @model_validator(mode="after")
    def _one_statistic_per_channel(self) -> DrawnSpec:
        if self.dtype == "uint8" and not self.channels == len(self.mean) == len(self.std):
            raise ValueError("mean and std need one value per channel")
        if not all(1e-9 < value < 1e6 for value in self.std) or not all(abs(value) < 1e6 for value in self.mean):
            raise ValueError("mean and std must be of ordinary size, std above 0")
        return self

    def length(self, loaded: Arrays, /) -> int:
        """How long a row is, in the unit of `draw`'s start: samples, events."""
        raise NotImplementedError

    def window(self) -> int:
        """How long a window is, in the same unit."""
        raise NotImplementedError

    def draw(self, loaded: Arrays, start: int, /) -> NDArray[Any]:
        """The picture of the window that begins there: (C, H, W) of `dtype`; silence behind the end of the row."""
        raise NotImplementedError

    def starts(self, loaded: Arrays, /) -> NDArray[np.int64]:
        """Where the windows begin that are read when a row is judged, (windows,)."""
        return evenly_spread(self.length(loaded), self.window(), self.windows)

    def view(self, loaded: Arrays, /) -> Arrays:
        """(windows, C, H, W); windows that begin at the same place are drawn once."""
        return (drawn(lambda start: self.draw(loaded, start), self.starts(loaded)),)

    def signature(self) -> tuple[TensorSpec, ...]:
        """One tensor: the windows of a row, exactly one or any number of them."""
        windows = 1 if self.windows == 1 else None
        return (TensorSpec("windows", self.dtype, (windows, self.channels, self.height_px, self.width_px)),)


def evenly_spread(length: int, window: int, n: int) -> NDArray[np.int64]:
    """Where n windows begin that are spread evenly from the beginning to the end; all at 0 where one holds everything.

    Example:
        >>> evenly_spread(100, 20, 5).tolist(), evenly_spread(10, 20, 2).tolist(), evenly_spread(100, 20, 1).tolist()
        ([0, 20, 40, 60, 80], [0, 0], [40])
    """
    spare = max(length - window, 0)
    if n == 1:
        return np.array([spare // 2])
    return np.round(np.linspace(0, spare, n)).astype(np.int64)


def drawn(draw: Callable[[int], NDArray[Any]], starts: NDArray[np.int64]) -> NDArray[Any]:
    """The pictures of windows, each different one drawn once, (windows, C, H, W)."""
    known = {start: draw(start) for start in dict.fromkeys(starts.tolist())}
    return np.stack([known[start] for start in starts.tolist()])
