"""What an artefact remembers of the validation rows: how to calibrate answers, and what life looked like."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from drivetrain.data.cache.store import Store
from drivetrain.evaluation.predictions import Predictions
from drivetrain.runtime.calibration import Calibration
from drivetrain.runtime.spec import Statistic
from drivetrain.runtime.targets import Array
from drivetrain.runtime.watching.reference import Reference

LEAST_ROWS = 30
"""Validation rows below which answers are not calibrated: a temperature fitted on fewer is mostly chance."""

MOST_LOOKED_AT = 1000
"""Validation pictures whose brightness, sharpness and so on are counted."""


def calibration_of(predictions: Predictions) -> Calibration | None:
    """Fitted on the validation rows; None where there are too few of them.

    Where they are too few to promise any error rate, nothing is promised and the model does not abstain: nobody asked
    for a model that never answers.
    """
    if len(predictions.judged) < LEAST_ROWS:
        return None
    from drivetrain.evaluation.calibration import calibrate  # noqa: PLC0415 - brings SciPy

    fitted = calibrate(predictions)
    return fitted if fitted.abstain_below is not None else fitted.model_copy(update={"max_error": None})


def reference_of(predictions: Predictions, store: Store, calibration: Calibration | None) -> Reference | None:
    """The validation rows counted as the deployed model says them, for `drivetrain watch`.

    Args:
        predictions: Of the validation set.
        store: Its working pictures, row by row.
        calibration: What the deployed model applies.
    """
    once = np.array(list({row_id: row for row, row_id in reversed(list(enumerate(predictions.ids)))}.values())[::-1])
    rows = np.unique(once[np.linspace(0, len(once) - 1, MOST_LOOKED_AT).astype(int)]).tolist()
    there: list[int] = []
    statistics: list[Mapping[str, Statistic]] = []
    for start in range(0, len(rows), 64):
        some = rows[start : start + 64]
        for row, picture in zip(some, store.get(some), strict=True):
            if picture is not None:
                there.append(row)
                statistics.append(store.spec.statistics(picture))
    if not there:
        return None
    said = as_deployed(predictions.subset(there), calibration)
    return Reference.of(predictions.target, said, statistics)


def as_deployed(predictions: Predictions, calibration: Calibration | None) -> Array:
    """What the deployed model says of these rows: its probabilities are calibrated, those of a table are bare."""
    if calibration is None or predictions.target.kind == "number":
        return predictions.output
    tiny = np.finfo(np.float32).tiny
    probs_NK = np.clip(predictions.output.astype(np.float64), tiny, None)
    logits_NK = np.log(probs_NK)
    if predictions.target.kind == "categories":
        logits_NK -= np.log(np.clip(1 - predictions.output.astype(np.float64), tiny, None))
    return calibration.probabilities(predictions.target, logits_NK)
