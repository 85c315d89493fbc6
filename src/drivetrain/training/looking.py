"""What a Learner can show: its pictures, its answers, its training."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.store import Store
from drivetrain.evaluation.predictions import Predictions
from drivetrain.settings import whole
from drivetrain.training import look
from drivetrain.training.callbacks import Row
from drivetrain.training.feeding import Feeder
from drivetrain.training.kinds import PreparedKind
from drivetrain.training.plan import Phase

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Looking:
    """The figures of a Learner."""

    data: Data
    kind: PreparedKind
    feeder: Feeder
    history: list[Row]
    phases_run: list[Phase]

    def predictions(self) -> Predictions:
        """Of the validation set."""
        raise NotImplementedError

    @cached_property
    def valid_store(self) -> Store:
        """Working pictures of the validation set."""
        return self.store_of(self.data.valid)

    def store_of(self, examples: Examples) -> Store:
        """Working pictures of some examples."""
        return Store(examples.inputs, self.kind.reader, digests=examples.digests)

    @named
    def show_batch(self, n: int = 9) -> Figure:
        """Training pictures as the network sees them: augmented."""
        return look.show_batch(self.feeder, self.kind, self.data.train, n)

    @named
    def show_results(self, n: int = 9, *, seed: int = 0) -> Figure:
        """Validation pictures with what the model says of them and what is true."""
        n, seed = whole("n", n, least=1), whole("seed", seed, least=0)
        return look.show_results(self.predictions(), self.valid_store, self.kind.reader, n, seed)

    @named
    def plot_top_losses(self, n: int = 9) -> Figure:
        """The validation pictures that the model is most wrong about."""
        n = whole("n", n, least=1)
        return look.top_losses(self.predictions(), self.valid_store, self.kind.reader, n)

    @named
    def plot_confusion(self, *, most: int = 20) -> Figure:
        """Which categories are taken for which, on the validation set."""
        return look.confusion(self.predictions(), whole("most", most, least=2))

    @named
    def plot_losses(self) -> Figure:
        """Training and validation loss, epoch by epoch."""
        return look.losses(self.history)

    @named
    def plot_lr(self) -> Figure:
        """The head's learning rate, step by step, in the last run."""
        return look.learning_rates(self.phases_run, self.feeder.steps)
