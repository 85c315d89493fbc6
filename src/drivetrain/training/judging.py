"""From raw outputs to the Predictions table that everything else reads."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from drivetrain.data.examples import Examples
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.targets import Target
from drivetrain.training.recipe.losses import Loss


def judge(outputs: NDArray[np.float32], examples: Examples, target: Target, loss: Loss | None) -> Predictions:
    """Predictions for rows whose targets are known, with each row's loss where the loss is known."""
    truth = target.encode(examples.values)
    losses = None
    if loss is not None:
        with torch.inference_mode():
            losses = loss(torch.from_numpy(outputs), torch.from_numpy(target.training_form(truth))).numpy()
    return Predictions.of(examples, target, target.activate(outputs), loss=losses)
