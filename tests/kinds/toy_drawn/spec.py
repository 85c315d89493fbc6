"""How a row of numbers is drawn: each as a bar, 32 in a window."""

from typing import Literal

import numpy as np

from drivetrain.kinds.drawn.spec import DrawnSpec
from drivetrain.runtime.spec_base import ArraySpec


class Numbers(ArraySpec):
    def wrong(self, array, /):
        return None if array.ndim == 1 else f"shape {array.shape}"


class Spec(DrawnSpec):
    kind: Literal["toy_drawn"] = "toy_drawn"
    height_px: int = 32
    width_px: int = 32

    def load(self, source, /):
        return Numbers().load(source)

    def encode(self, loaded, /):
        return Numbers().encode(loaded)

    def made_up(self, n, /):
        return [(np.full(40, i / n, np.float32),) for i in range(n)]

    def length(self, loaded, /):
        return len(loaded[0])

    def window(self):
        return self.width_px

    def draw(self, loaded, start, /):
        bars = np.zeros(self.width_px, np.float32)
        seen = loaded[0][start : start + self.width_px]
        bars[: len(seen)] = seen
        filled = np.arange(self.height_px)[:, None] < np.clip(bars, 0, 1) * self.height_px
        return np.repeat(filled[None] * np.uint8(255), self.channels, axis=0)
