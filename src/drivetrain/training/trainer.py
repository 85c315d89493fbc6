"""What planning a run asks of whoever trains: a `Learner` is one, and this room does not know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from torchvision.transforms import v2

from drivetrain.data.data import Data
from drivetrain.evaluation.metrics.metrics import Metric
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.decisions import Decision
from drivetrain.training.callbacks import Callback
from drivetrain.training.feeding import Feeder
from drivetrain.training.kind import TrainingKind
from drivetrain.training.network import Network
from drivetrain.training.place import Place
from drivetrain.training.recipe.losses import Loss

if TYPE_CHECKING:
    from drivetrain.training.recipe.low_rank import Additions


class Trainer(Protocol):
    """A network with its data and all that decides how it is trained."""

    data: Data
    kind: TrainingKind
    network: Network
    feeder: Feeder
    loss: Loss
    place: Place
    mix: v2.Transform | None
    pretrained: bool
    weight_decay: float
    clip_norm: float | None
    store_activations: bool
    decisions: dict[str, Decision]
    additions: Additions | None
    """What the last run has trained beside the layers of the body, of one by additions of low rank."""
    callbacks: list[Callback]
    metrics: tuple[Metric, ...]
    judged_last: Predictions | None
    """What was said of the validation set after the last epoch that was judged."""
    judging_seconds: float
    """How long it took to judge the validation set, the last time."""

    def predictions(self) -> Predictions:
        """Of the validation set, as the saved model answers."""
        ...

    def quick_predictions(self) -> Predictions:
        """Of the validation set, between epochs: in the precision that trains, and by the windows of a row alone."""
        ...

    @property
    def judges_twice(self) -> bool:
        """Whether that differs from `predictions`."""
        ...
