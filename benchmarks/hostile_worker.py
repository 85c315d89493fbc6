"""Loads artefacts for `hostile.py`, one after the other, and says what came of each.

Reads lines of JSON from standard input, {"path": …, "way": "onnx" | "torch" | "evaluate" | "learner", "data": …}, and
answers each with a line: what came of it, and the most memory that this process or a child of it has taken so far.
"""

from __future__ import annotations

import json
import resource
import sys
import traceback
import warnings
from collections.abc import Callable

import numpy as np

import drivetrain as dt
from drivetrain.errors import DrivetrainError

PICTURE = np.full((40, 40, 3), 120, np.uint8)


def predict(path: str, data: str) -> None:
    model = dt.load(path)
    model.self_test()
    model.predict(PICTURE)


def with_torch(path: str, data: str) -> None:
    dt.load(path, precision="bf16", device="cpu").predict(PICTURE)


def evaluate(path: str, data: str) -> None:
    refused: list[str] = []
    for place in (None, data):
        try:
            dt.evaluate(path, data=place)
        except DrivetrainError as error:
            refused.append(str(error))
    if len(refused) == 2:
        raise DrivetrainError(refused[1])


def learner(path: str, data: str) -> None:
    dt.Learner.load(path, data=data)


WAYS: dict[str, Callable[[str, str], None]] = {
    "onnx": predict,
    "torch": with_torch,
    "evaluate": evaluate,
    "learner": learner,
}


def main() -> None:
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        asked = json.loads(line)
        said = ""
        try:
            WAYS[asked["way"]](asked["path"], asked["data"])
            outcome = "answered"
        except DrivetrainError as error:
            outcome, said = "refused", str(error)[:300]
        except BaseException:  # noqa: BLE001 - this is what is looked for
            outcome, said = "traceback", traceback.format_exc()[-1500:]
        most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        print(json.dumps({"outcome": outcome, "said": said, "peak_gb": most / 2**20}), flush=True)


if __name__ == "__main__":
    main()
