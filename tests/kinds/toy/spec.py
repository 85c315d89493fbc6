"""How a curve is read: numbers, drawn out or together to so many points."""

from typing import ClassVar, Literal

import numpy as np

from drivetrain.runtime.spec import TensorSpec
from drivetrain.runtime.spec_base import ArraySpec


class Spec(ArraySpec):
    noun: ClassVar[str] = "curve"
    kind: Literal["toy"] = "toy"
    points: int = 64
    least: int = 2

    def wrong(self, array, /):
        return None if array.ndim == 1 and len(array) >= self.least else f"shape {array.shape}"

    def view(self, loaded, /):
        curve = loaded[0].astype(np.float64)
        drawn = np.interp(np.linspace(0, len(curve) - 1, self.points), np.arange(len(curve)), curve)
        return (((drawn - drawn.mean()) / max(drawn.std(), 1e-6)).astype(np.float32),)

    def signature(self):
        return (TensorSpec("curve", "float32", (self.points,)),)

    def statistics(self, loaded, /):
        return {"mean": float(loaded[0].mean()), "points": float(len(loaded[0]))}
