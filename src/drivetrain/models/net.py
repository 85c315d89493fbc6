"""A network of a table as one of several models: what a blend asks of its members.

Legend: N rows, K outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.examples import Examples
from drivetrain.evaluation.predictions import Predictions
from drivetrain.kinds.tables.spec import Spec
from drivetrain.learner.learner import Learner
from drivetrain.models.tabular import Outputs, TabularModel
from drivetrain.runtime.artefact import MODEL
from drivetrain.runtime.spec import Arrays
from drivetrain.training.exporting import ExportPlan, export_trained
from drivetrain.training.fast.inference import TorchEngine

ROWS_AT_ONCE = 4096


class Net(TabularModel):
    """A trained Learner of a table, which stays as it is.

    Args:
        learner: Trained.
    """

    label = "net"

    def __init__(self, learner: Learner) -> None:
        super().__init__(learner.data, metrics=learner.metrics, spec=cast(Spec, learner.kind.spec))
        self.learner = learner

    def outputs(self, views: Arrays) -> Outputs:
        """(N, K) raw outputs, in fp32."""
        engine = TorchEngine(self.learner.network, self.learner.place.judging())
        starts = range(0, len(views[0]), ROWS_AT_ONCE)
        said = [engine(*(view[start : start + ROWS_AT_ONCE] for view in views)) for start in starts]
        return np.concatenate(said) if said else np.zeros((0, self.data.target.n_outputs), np.float32)

    def predict_rows(self, rows: Examples, /) -> Predictions:
        """What the Learner says."""
        return self.learner.predict_rows(rows)

    def identity(self) -> str:
        """Of the Learner: both are one trial."""
        return self.learner.identity()

    def parts(self) -> Iterator[NDArray[Any]]:
        """All parameters."""
        for value in self.learner.network.state_dict().values():
            yield value.detach().cpu().numpy()

    def as_onnx(self) -> bytes:
        """The network as it is exported."""
        return self._onnx

    @cached_property
    def _onnx(self) -> bytes:
        learner, data = self.learner, self.data
        plan = ExportPlan()
        made = export_trained(learner.network, learner.kind.spec, data.target, data.valid, data.train, plan=plan)
        return bytes(made.files[MODEL])
