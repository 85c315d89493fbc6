"""What a run will do: phases of epochs, each with its one-cycle of learning rate and momentum."""

from __future__ import annotations

import math
from dataclasses import dataclass

PLAN = "plan.json"
"""File of a plan that was made for a time, beside the checkpoints."""

MOST_EPOCHS = 60
"""That a budget is spent on: after so many there is little left to learn from the same rows."""

PICTURES, FEATURES = "pictures", "features"
"""Where a phase may start, besides behind a layer of the body."""

HEAD, ALL, TOP, SETTLE = "head", "all", "top", "settle"
"""Names of phases: what of the network is trained; `SETTLE` moves the head half way to the one
that is best on the trained body."""

FIXED, BATCH = "fixed", "batch"
"""What the body's batch normalisation standardises with: its own statistics, or those of each batch."""

MOMENTUM_HIGH, MOMENTUM_LOW = 0.95, 0.85


@dataclass(frozen=True)
class Rates:
    """Peak learning rates of the head, of the body next to the head (top) and next to the picture (stem)."""

    head: float
    body_top: float
    body_stem: float

    def at(self, depth: float) -> float:
        """Peak rate of a body parameter; geometric between stem (depth 0) and top (depth 1)."""
        if self.body_top == 0 or self.body_stem == 0:
            return 0.0
        return self.body_stem * (self.body_top / self.body_stem) ** depth


@dataclass(frozen=True)
class Phase:
    """Some epochs with one schedule: a warm-up to the peak rate, then a cosine down to almost nothing.

    The momentum mirrors the rate: high where the rate is low.

    Source: one-cycle, Smith (2018), arXiv:1803.09820; cosine form as in the fastai library.
    """

    name: str
    epochs: int
    freeze_body: bool
    rates: Rates
    start: str = PICTURES
    """`PICTURES`; `FEATURES` of the frozen body; or the layer of the body up to which it is frozen."""
    views: int = 0
    """Random views of every row for which what is frozen is computed once and stored; 0 computes it every time."""
    solved: bool = False
    """The head's best weights on those features are solved for; there are no steps, and it counts as one epoch."""
    statistics: str = BATCH
    """Of the body's batch normalisation, where it is trained: `FIXED` or `BATCH`."""
    warmup: float = 0.3
    """Share of the steps spent rising."""
    start_div: float = 25.0
    """The first rate is the peak divided by this."""
    end_div: float = 1e5
    """The last rate is the peak divided by this."""

    def factor(self, step: int, steps: int) -> float:
        """Share of the peak rate at a step (0 ≤ step < steps)."""
        progress = (step + 1) / steps
        if progress < self.warmup:
            return _cosine(1 / self.start_div, 1.0, progress / self.warmup)
        return _cosine(1.0, 1 / self.end_div, (progress - self.warmup) / max(1 - self.warmup, 1e-9))

    def momentum(self, step: int, steps: int) -> float:
        """First beta of AdamW at a step."""
        return MOMENTUM_HIGH - (MOMENTUM_HIGH - MOMENTUM_LOW) * self.factor(step, steps)


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * share))
