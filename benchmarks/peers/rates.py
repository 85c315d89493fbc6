"""Pictures per second of a training loop, batch by batch; the first batch of an epoch only warms up."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from report import tell


@dataclass
class Steps:
    """One list per epoch of (moment, pictures) at the end of each batch."""

    epochs: list[list[tuple[float, int]]] = field(default_factory=list)

    def begin(self) -> None:
        self.epochs.append([])

    def took(self, pictures: int) -> None:
        self.epochs[-1].append((time.perf_counter(), pictures))

    def rates(self) -> list[float]:
        """Of each epoch, from the end of its first batch to the end of its last."""
        long_enough = [steps for steps in self.epochs if len(steps) > 1]
        return [sum(n for _, n in steps[1:]) / (steps[-1][0] - steps[0][0]) for steps in long_enough]


def tell_rates(steps: Steps, validate: Callable[[], object], n_valid: int) -> None:
    """Say how fast each epoch was, and how fast the validation set is judged, once and when it is known already."""
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        validate()
        seconds.append(time.perf_counter() - began)
    tell("rates", training=steps.rates(), validating=n_valid / statistics.median(seconds), n_valid=n_valid)
