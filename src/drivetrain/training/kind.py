"""What training asks of a kind of input; its face `training` gives it with `prepare` and `restore`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor, nn

from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.manifest import Architecture
from drivetrain.runtime.spec import Arrays, InputSpec


class TrainingKind(Protocol):
    """A kind of input together with a network's body that reads it."""

    spec: InputSpec
    architecture: Architecture
    decisions: Mapping[str, Decision]
    """What was chosen for the input and the body: at least `arch`."""
    intake: nn.Module
    """Views (a batch of them, as the spec stacks them) → what the body takes; exported with the network."""
    body: nn.Module
    head: nn.Module | None
    """None: batch norm, dropout and a linear layer, whose best weights can be solved for."""
    depth: Mapping[str, float]
    """Body parameter → 0 (nearest the input) to 1 (nearest the head)."""
    n_draws: int
    """Uniform random numbers that one training view takes."""

    def collate(self, loaded: Sequence[Arrays], /) -> tuple[Tensor, ...]:
        """What was loaded, as tensors of one batch."""
        ...

    def vary(self, batch: tuple[Tensor, ...], draws: Tensor, /) -> tuple[Tensor, ...]:
        """What the body reads in training: random views, one by row of `draws` (B, n_draws)."""
        ...
