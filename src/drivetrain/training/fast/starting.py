"""What the steps of a phase begin with: inputs, or activations that were stored before the phase.

Legend: a phase starts at the inputs (`PICTURES`), behind a layer of the body (a cut), or at the features that the whole
frozen body gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from drivetrain.errors import TrainingError
from drivetrain.progress import track
from drivetrain.text import short_reason
from drivetrain.training.fast.activations import Bank, Produce, fill_bank
from drivetrain.training.fast.cuts import CutBody, CuttableBody
from drivetrain.training.fast.inference import on_device, part_for_inference
from drivetrain.training.feeding import BANK_BATCH, Feeder
from drivetrain.training.kind import TrainingKind
from drivetrain.training.network import Network
from drivetrain.training.place import Place
from drivetrain.training.recipe.plan import FEATURES, PICTURES, Phase

JUDGED = "judged"
"""Name of the bank of features that a head is solved on."""
EXAMPLE_ROWS = 8
"""That a body is traced with."""


@dataclass(frozen=True)
class Start:
    """Where a phase enters the network."""

    bank: Bank | None = None
    """None for inputs."""
    part: nn.Module | None = None
    """What of the body comes behind; None where all of it does."""


class Starts:
    """Makes what the phases of a run start from, when it is needed.

    Args:
        network: Of the run.
        kind: Makes views.
        feeder: Gives rows and draws.
        place: Device and precision.
        folder: Where stored activations go while the run lasts; None keeps them in memory.
    """

    def __init__(self, network: Network, kind: TrainingKind, feeder: Feeder, place: Place, folder: Path | None) -> None:
        self._network, self._kind, self._feeder, self._place = network, kind, feeder, place
        self._folder = folder
        self._banks: dict[str, Bank] = {}
        self._parts: dict[str, CutBody] = {}

    @cached_property
    def body(self) -> CuttableBody:
        """The network's, with the places where it can be cut; raises ModelError where it cannot."""
        return CuttableBody(self._network.body, *self._example(EXAMPLE_ROWS))

    def _answering(self, part: nn.Module) -> nn.Module:
        """A copy that only answers, with batch norm folded: for what is frozen, and so computed once."""
        return part_for_inference(self._network, part, self._place, self._example(1))

    def _example(self, rows: int) -> tuple[Tensor, ...]:
        """What the body takes of the first rows."""
        _, loaded = next(iter(self._feeder.views(0)))
        return loaded.head(rows).varied(self._kind, self._place.device)

    def prepare(self, phases: Sequence[Phase], index: int) -> Start:
        """Freeze what phase `index` leaves as it is, and store what it starts from."""
        phase = phases[index]
        if phase.start == PICTURES:
            self._network.freeze_body(phase.freeze_body)
            return Start()
        if phase.start != FEATURES:
            body = self._cut(phase.start)
            self._network.freeze(body.lower)
            return Start(self._behind(phase), body.upper) if phase.views else Start()
        self._network.freeze_body(True)
        later = next(
            (other for other in phases[index:] if other.start not in (PICTURES, FEATURES) and other.views), None
        )
        return Start(self._features(phase, later), nn.Identity())

    def judged(self, phase: str) -> Bank:
        """(1, N, F) features that the body gives of each row as it is judged: whole, not varied; in a phase."""
        return self._bank(f"{JUDGED}-{phase}", 1, self._as_judged)

    def close(self) -> None:
        """Delete what was stored."""
        self._banks.clear()
        for file in self._folder.glob("*.bank*") if self._folder else ():
            file.unlink(missing_ok=True)

    def _cut(self, name: str) -> CutBody:
        if name not in self._parts:
            self._parts[name] = self.body.cut(name)
        return self._parts[name]

    def _behind(self, phase: Phase) -> Bank:
        """Activations at the phase's cut."""
        return self._bank(
            phase.start,
            phase.views,
            lambda: self._of_inputs(self._cut(phase.start).lower, phase.views, "storing activations"),
        )

    def _features(self, phase: Phase, later: Phase | None) -> Bank:
        """Features of the frozen body, from the activations that a later phase will start from where there is one."""
        if later is None or later.views < phase.views:
            return self._bank(
                FEATURES, phase.views, lambda: self._of_inputs(self._network.body, phase.views, "storing features")
            )
        below = self._behind(later)
        upper = self._cut(later.start).upper
        return self._bank(FEATURES, phase.views, lambda: self._of_stored(upper, below, phase.views))

    def _bank(self, name: str, views: int, produce: Callable[[], Produce]) -> Bank:
        if name not in self._banks:
            path = self._folder / f"{name}-{views}.bank" if self._folder else None
            try:
                self._banks[name] = fill_bank(path, produce, rows=len(self._feeder.target), views=views)
            except OSError as error:
                raise TrainingError(
                    f"activations cannot be stored in {self._folder}: {short_reason(error)}. To fix: make room there; "
                    "name another folder with project=, DRIVETRAIN_PROJECT or checkpoint=; or compute them anew each "
                    "time with store_activations=False."
                ) from error
        return self._banks[name]

    def _of_inputs(self, part: nn.Module, views: int, doing: str) -> Produce:
        rows, part = len(self._feeder.target), self._answering(part)
        with track(doing, rows * views) as advance:
            for view in range(views):
                for which, loaded in self._feeder.views(view):
                    yield which, view, self._through(part, *loaded.varied(self._kind, self._place.device))
                    advance(len(which))

    def _as_judged(self) -> Produce:
        part = self._answering(self._network.body)
        with track("storing features", len(self._feeder.target)) as advance:
            for which, views in self._feeder.as_judged():
                yield which, 0, self._through(part, *self._network.taken(*on_device(views, self._place)))
                advance(len(which))

    def _of_stored(self, part: nn.Module, below: Bank, views: int) -> Produce:
        rows, part = below.there(np.arange(below.rows)), self._answering(part)
        with track("storing features", len(rows) * views) as advance:
            for view in range(views):
                for which in np.array_split(rows, math.ceil(len(rows) / BANK_BATCH)):
                    yield which, view, self._through(part, below.get(which, np.full(len(which), view)))
                    advance(len(which))

    def _through(self, part: nn.Module, *inputs: Tensor) -> Tensor:
        with torch.no_grad(), self._place.autocast():
            return part(*(tensor.to(self._place.device) for tensor in inputs))
