"""How good a model is on rows that its members have not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from drivetrain.decisions.models.drawing import group_numbers
from drivetrain.evaluation.predictions import Predictions
from drivetrain.evaluation.scores import Score, score
from drivetrain.runtime.targets import CategoryTarget, NumberTarget, Target

if TYPE_CHECKING:
    from drivetrain.decisions.models.ensemble import Learned

OF_PROBABILITIES = ("log_loss", "brier", "roc_auc")
OF_NUMBERS = ("rmse", "mae", "r2")


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
