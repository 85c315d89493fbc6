"""What all models of texts share that are no network: how texts are read, how answers become predictions.

Legend: N rows, K outputs of the target.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.errors import DataError
from drivetrain.evaluation.predictions import Predictions
from drivetrain.kinds.texts.spec import Spec
from drivetrain.learner.base import MetricLike, ModelBase
from drivetrain.learner.saving.direct import Outputs, outputs_of
from drivetrain.models.identity import identity_of
from drivetrain.models.tabular import row_losses
from drivetrain.runtime.kinds import kind_name
from drivetrain.runtime.spec import Arrays


class TextModel(ModelBase):
    """A model of texts that is no network.

    A class says what it answers (`outputs`), its parameters (`parts`), and how it is written as an ONNX graph
    (`as_onnx`).
    """

    spec: Spec

    def __init__(self, data: Data, *, metrics: Sequence[MetricLike] | MetricLike | None = None) -> None:
        super().__init__(data, metrics=metrics)
        if kind_name(self.data.kind) != "texts":
            raise DataError(
                f"{type(self).__name__} reads texts, and these are {self.data.kind}. To fix: make the data with "
                "dt.texts(...), or use dt.Learner."
            )

    @abstractmethod
    def outputs(self, views: Arrays) -> Outputs:
        """(N, K) raw outputs, which the target activates, of a batch of views."""

    @abstractmethod
    def parts(self) -> Iterator[NDArray[Any]]:
        """All that was learnt, in a fixed order: what tells one model from another."""

    @abstractmethod
    def as_onnx(self) -> bytes:
        """The model as one ONNX graph: what `Spec.stack` gives → raw outputs."""

    def predict_rows(self, rows: Examples, /) -> Predictions:
        """What it says of rows whose target is known."""
        target = self.data.target
        found = outputs_of(self.outputs, self.spec, rows)
        raw = found if len(rows) else np.zeros((0, target.n_outputs), np.float32)
        truth = target.training_form(target.encode(rows.values))
        loss = row_losses(target, raw.astype(np.float64), truth)
        return Predictions.of(rows, target, target.activate(raw), loss=loss)

    def identity(self) -> str:
        """SHA-256 of all that it has learnt, and of how texts are read."""
        return self._identity

    @cached_property
    def _identity(self) -> str:
        """Found once: a model is fitted when it is made, and does not change."""
        return identity_of(self.spec, self.parts())
