"""How a Learner judges itself on its own rows: the table of predictions, and the scores made from it."""

from __future__ import annotations

import math
import time
from typing import Literal

from drivetrain.calls import named
from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.data.store import Store
from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation.metrics import Metric
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Scores, score
from drivetrain.settings import choice
from drivetrain.training.evaluating import raw_outputs
from drivetrain.training.feeding import Feeder
from drivetrain.training.identity import parameters_sha256
from drivetrain.training.judging import judge
from drivetrain.training.kinds import PreparedKind
from drivetrain.training.looking import Looking
from drivetrain.training.losses import Loss
from drivetrain.training.measuring import Measuring
from drivetrain.training.network import Network
from drivetrain.training.place import Place


class Validating(Looking, Measuring):
    """The scores of a Learner on its training and validation rows."""

    data: Data
    feeder: Feeder
    kind: PreparedKind
    loss: Loss
    metrics: tuple[Metric, ...]
    network: Network
    place: Place
    judging_seconds: float
    _judged: tuple[str, Predictions] | None
    _last_judged: Predictions | None = None
    _validated: tuple[tuple[str, tuple[Metric, ...]], Scores] | None

    @named
    def predictions(self, part: Literal["train", "valid"] = "valid") -> Predictions:
        """The table of predictions that every score and figure is made from, in fp32 as the saved model answers.

        Raises:
            DataError: There are no such rows.
            SettingError: `part` is unknown; the test set is opened by `test` alone.
        """
        if choice("part", part, ("train", "valid", "test")) == "test":
            raise SettingError(
                "part='test' cannot be used: expected 'train' or 'valid'; the test set is opened by test() alone. To "
                "fix: learn.test(), once, at the end."
            )
        if part == "train":
            return self._judge(self.feeder.store, self.data.train)
        identity = parameters_sha256(self.network)
        if self._judged is None or self._judged[0] != identity:
            began = time.monotonic()
            self._judged = (identity, self._judge(self.valid_store, self.data.valid))
            self.judging_seconds = time.monotonic() - began
        return self._judged[1]

    @named
    def validate(self) -> Scores:
        """Each metric on the validation set with its interval, what a constant answer reaches, and the loss."""
        asked = (parameters_sha256(self.network), self.metrics)
        if self._validated is None or self._validated[0] != asked:  # saving asks again for what was just shown
            self._validated = (asked, self.scores_of(self.predictions()))
        return self._validated[1]

    def scores_of(self, found: Predictions) -> Scores:
        """The scores of predictions of the validation set, beside what a constant answer reaches."""
        return score(found, self.metrics, part="validation", baselines=self._without_model(found))

    def quick_predictions(self) -> Predictions:
        """Of the validation set, in the precision that trains: between epochs, where lower is faster."""
        if self.place.judging() is self.place:
            return self.predictions()  # the last epoch's are asked for again at the end
        return self._judge(self.valid_store, self.data.valid, place=self.place)

    def _judge(
        self, store: Store, examples: Examples, part: str = "validation", *, place: Place | None = None
    ) -> Predictions:
        if len(examples) == 0:
            setting = "test_pct" if part == "test" else "valid_pct"
            raise DataError(f"there is no {part} set. To fix: make the data with {setting} above 0.")
        outputs = raw_outputs(self.network, self.kind.reader, store, place or self.place.judging())
        return judge(outputs, examples, self.data.target, self.loss)

    def last_judged(self) -> Predictions:
        """What was said of the validation set after the last epoch that was judged."""
        assert self._last_judged is not None
        return self._last_judged

    def _validated_columns(self) -> list[str]:
        return ["valid_loss", *(metric.name for metric in self.metrics)] if len(self.data.valid) else []

    def _epoch_scores(self) -> dict[str, float | None]:
        if len(self.data.valid) == 0:
            return {}
        self._last_judged = self.quick_predictions()
        predictions = self._last_judged.judged
        assert predictions.loss is not None
        values = {metric.name: metric.value(predictions) for metric in self.metrics}
        defined = {name: None if math.isnan(value) else value for name, value in values.items()}
        return {"valid_loss": float(predictions.loss.mean()), **defined}
