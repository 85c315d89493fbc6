"""One worker of a tuning, as a process of its own: `python -m tests.tuning.worker STORAGE PROJECT MARKS [slow]`.

Each fit leaves an empty file in MARKS whose name says the worker, the time and what it tried, so that nobody reads half
of it; a slow one then never ends.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import drivetrain as dt
from drivetrain.data.examples import Examples
from drivetrain.tuning import storage
from tests.tuning.rows import rows

TRIALS = 4


class Threshold(dt.ModelBase):
    """Says yes where a column of numbers is above a cut."""

    label = "threshold"

    def __init__(self, data: Any, *, cut: float, marks: str, slow: bool = False) -> None:
        super().__init__(data)
        self.cut = cut
        (Path(marks) / f"{os.getpid()} {time.time_ns()} {cut!r}").touch()
        time.sleep(600 if slow else 0.05)

    def predict_rows(self, rows: Examples, /) -> dt.Predictions:
        a = np.array([float(row["a"]) for row in rows.inputs])
        yes = 1 / (1 + np.exp(-5 * (a - self.cut)))
        return dt.Predictions.of(rows, self.data.target, np.stack([1 - yes, yes], axis=1))

    def identity(self) -> str:
        return hashlib.sha256(repr(self.cut).encode()).hexdigest()


def tuned(where: str, project: str, marks: str, *, slow: bool = False, trials: int = TRIALS) -> dt.Tuning:
    storage.HEARTBEAT_S, storage.GRACE_S = 1, 6  # with less, a busy machine takes the living for dead
    data = dt.table(rows(), target="y", project=project)

    def model(data: Any, *, cut: float) -> Threshold:
        return Threshold(data, cut=cut, marks=marks, slow=slow)

    return dt.tune(data, {"cut": (-1.0, 1.0)}, model=model, trials=trials, storage=where)


if __name__ == "__main__":
    found = tuned(*sys.argv[1:4], slow=len(sys.argv) > 4)
    print(json.dumps({str(trial.number): [trial.state, trial.settings["cut"], trial.value] for trial in found.trials}))
