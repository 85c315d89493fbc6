"""The answer that looks at no column: how often each category is true, or the mean. Every other model is held to it.

Legend: N rows, K outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.data import Data
from drivetrain.evaluation.baselines import constant_answer
from drivetrain.learner.base import MetricLike
from drivetrain.models.linear import line_as_onnx
from drivetrain.models.tabular import Floats, Outputs, TabularModel
from drivetrain.runtime.spec import Arrays
from drivetrain.runtime.targets import CategoryTarget, NumberTarget

RAREST = 1e-6
"""A share below it is taken for it: its logarithm must be a number."""


class Constant(TabularModel):
    """The best answer that is the same for all rows.

    Args:
        data: What `drivetrain.table` gave.
        metrics: What people read; None takes what suits the target.
    """

    label = "constant answer"

    def __init__(self, data: Data, *, metrics: Sequence[MetricLike] | MetricLike | None = None) -> None:
        super().__init__(data, metrics=metrics)
        target = self.data.target
        answer = constant_answer(target, target.encode(self.data.train.values))
        self.answer: Floats
        """(K,) raw outputs."""
        if isinstance(target, NumberTarget):
            self.answer = target.training_form(answer[None])[0].astype(np.float64)
        else:
            share = np.clip(answer, RAREST, 1 - RAREST)
            self.answer = np.log(share) if isinstance(target, CategoryTarget) else np.log(share / (1 - share))

    def outputs(self, views: Arrays) -> Outputs:
        """(N, K) the same for all rows."""
        return np.tile(self.answer, (len(views[0]), 1)).astype(np.float32)

    def parts(self) -> Iterator[NDArray[Any]]:
        """The answer."""
        yield self.answer

    def as_onnx(self) -> bytes:
        """A line whose weights are all 0."""
        width = 2 * len(self.spec.number_names) + sum(self.spec.n_codes)
        return line_as_onnx(self.spec, np.zeros((width, len(self.answer)), np.float32), self.answer)
