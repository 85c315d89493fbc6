"""What is known of how members were fitted, and how good they are on rows that they have not seen.

Legend: N logged rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.models.drawing import Draws, group_numbers
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Score, score
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import CategoryTarget, NumberTarget, Target

Array = NDArray[np.float64]
OF_PROBABILITIES = ("log_loss", "brier", "roc_auc")
OF_NUMBERS = ("rmse", "mae", "r2")


@dataclass(frozen=True)
class Learned:
    """What is known of how members were fitted; of members handed over, nothing."""

    outcome: str | None = None
    logged: pd.DataFrame | None = None
    half_of_row: NDArray[np.int64] | None = None
    group: str | None = None
    held_out: Array | None = None
    """(N,) what the members of the other half say of each logged row: the mean, calibrated."""
    truth: Array | None = None
    """(N,) outcome as numbers, NaN where it is missing."""
    decisions: Mapping[str, Decision] = field(default_factory=dict[str, Decision])
    draws: Draws | None = None


def scores_of(learned: Learned, *, is_probability: bool) -> Mapping[str, Score]:
    """Each logged row judged by the mean of the members of the other half; empty where there are no logged rows."""
    said, truth = learned.held_out, learned.truth
    if said is None or truth is None or learned.logged is None:
        return {}
    known = np.flatnonzero(np.isfinite(truth))
    y, p = truth[known], said[known]
    name = learned.outcome or "outcome"
    target: Target
    if is_probability:
        target = CategoryTarget(name=name, vocab=("0", "1"))
        p = np.clip(p, 0.0, 1.0)
        output, true = np.column_stack([1 - p, p]), y.astype(np.int64)
    else:
        target = NumberTarget.fit((name,), [(float(v),) for v in y])
        output, true = p[:, None], y[:, None]
    groups = None if learned.group is None else group_numbers(learned.logged[learned.group])[known]
    table = Predictions(ids=tuple(map(str, known.tolist())), target=target, truth=true, output=output, groups=groups)
    return dict(score(table, OF_PROBABILITIES if is_probability else OF_NUMBERS).scores)
