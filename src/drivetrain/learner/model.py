"""A model, whatever made it: what report, test set, runs, comparison, baselines and save ask of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from drivetrain.data.data import Data
from drivetrain.data.examples import Examples
from drivetrain.evaluation.metrics.metrics import Metric
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.decisions import Decision


class Model(Protocol):
    """A Learner, boosted trees, matrix factors, a scikit-learn estimator in twenty lines."""

    @property
    def data(self) -> Data:
        """What it was trained on."""
        ...

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What people read of it, the headline first."""
        ...

    @property
    def history(self) -> Sequence[Mapping[str, Any]]:
        """One row per epoch or round; may be empty."""
        ...

    @property
    def decisions(self) -> Mapping[str, Decision]:
        """What was chosen, and why."""
        ...

    @property
    def label(self) -> str:
        """What people call it: "resnet34", "boosted trees"."""
        ...

    def predict_rows(self, rows: Examples, /) -> Predictions:
        """What it says of rows whose target is known."""
        ...

    def identity(self) -> str:
        """SHA-256 of what it has learnt: another one whenever it answers differently."""
        ...

    def artefact_files(self) -> Mapping[str, bytes]:
        """Its weights as files of the artefact, beside `model.onnx`; may be empty."""
        ...
