"""What the training rooms ask of a kind of input.

A new kind adds a folder and a line to the table below, and changes nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.inputs import Input
from drivetrain.runtime.manifest import Architecture, Manifest

if TYPE_CHECKING:
    from drivetrain.data.data import Data

_KINDS = {"picture": "drivetrain.vision.kind", "images": "drivetrain.vision.kind"}

WorkingArrays = Sequence[NDArray[np.uint8]]


class PreparedKind(Protocol):
    """A kind of input together with a body that reads it."""

    reader: Input
    body: nn.Module
    architecture: Architecture
    decisions: Mapping[str, Decision]
    """What was chosen for the input and the body: at least `arch`, the body's name, and why it was taken."""
    depth: dict[str, float]
    """Body parameter → 0 (nearest the input) to 1 (nearest the head)."""
    n_draws: int
    """Uniform random numbers that one training view takes."""

    def normalise(self) -> nn.Module:
        """First layer of the network."""
        ...

    def collate(self, working: WorkingArrays) -> tuple[Tensor, Tensor]:
        """Working arrays → one padded tensor, and the true size of each."""
        ...

    def training_views(self, working: Tensor, sizes: Tensor, draws: Tensor) -> Tensor:
        """What the network reads in training: random views."""
        ...


def asked_augmentation(data: Data, augment: Any) -> Any:
    """True, False, or settings of the kind's own: what `augment=` means; SettingError where it means nothing."""
    return import_module(_KINDS[data.kind]).asked_augmentation(augment)


def prepare_kind(data: Data, *, arch: str | Manifest | None, augment: Any, **options: Any) -> PreparedKind:
    """Build the body and the input description that suit the data; options as of the kind's `prepare`.

    Of a saved model's manifest instead of an architecture both are what they were, whatever the other options say.
    """
    kind = import_module(_KINDS[data.kind])
    if isinstance(arch, Manifest):
        return kind.restore(arch, data=data, augment=augment)
    return kind.prepare(data, arch=arch, augment=augment, **options)


def rebuild_kind(reader: Input, architecture: Architecture) -> tuple[nn.Module, nn.Module]:
    """Normalisation layer and body of a saved model, the body with random parameters."""
    return import_module(_KINDS[reader.kind]).rebuild(reader, architecture)
