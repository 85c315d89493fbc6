"""The process that a model from elsewhere is tried in: ``python -m drivetrain.runtime.trial TASK``; see `quarantine`.

Prints ``"passed"``, or ``{"refused": reason}``; says nothing where it ran out of memory or time.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from drivetrain.errors import DrivetrainError
from drivetrain.runtime.quarantine import Engine, within_trial

ROWS = (1, 12)
"""Tried beside the largest number, where shapes rise with the number of pictures."""


def main(task: str) -> str:
    """Try one model; gives what is printed."""
    asked: dict[str, Any] = json.loads(task)
    engine: Engine = asked["engine"]
    for name in ("drivetrain.runtime.loading", *_libraries(engine)):
        import_module(name)  # before the bounds: what libraries take is not the model's
    bound(asked["seconds"], asked["bytes"])
    try:
        with within_trial():
            _try(Path(asked["path"]), engine)
    except DrivetrainError as error:
        return json.dumps({"refused": str(error)})
    return json.dumps("passed")


def _libraries(engine: str) -> tuple[str, ...]:
    if engine == "torch":
        return ("drivetrain.learner.torch_predictor", "drivetrain.vision.kind")
    return ("drivetrain.runtime.onnx_engine",)


def bound(seconds: float, most_bytes: int) -> None:
    """From now on: so many seconds, so many bytes more, no files."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)  # ends the process: nothing of ours handles it
    else:
        watch = threading.Timer(seconds, os._exit, (124,))
        watch.daemon = True
        watch.start()
    with contextlib.suppress(ImportError, OSError, ValueError):  # Windows has none of these
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        taken = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + most_bytes, taken + most_bytes))


def _try(path: Path, engine: Engine) -> None:
    from drivetrain.runtime.artefact import open_artefact  # noqa: PLC0415 - imported under its bounds
    from drivetrain.runtime.loading import load_with  # noqa: PLC0415
    from drivetrain.runtime.onnx_engine import MOST_ROWS, OnnxEngine  # noqa: PLC0415

    predictor = load_with(open_artefact(path), engine)
    size, channels = predictor.reader.size_px, predictor.reader.channels
    runs = predictor.engine
    rising = not isinstance(runs, OnnxEngine) or runs.rising
    for n in (*ROWS, MOST_ROWS) if rising else range(1, MOST_ROWS + 1):
        noise = np.random.default_rng(n).integers(0, 256, (n, size, size, channels), dtype=np.uint8)
        predictor.run(noise)
    if predictor.golden is not None:
        predictor.self_test()


if __name__ == "__main__":
    print(main(sys.argv[1]))  # noqa: T201 - the answer, to the process that asked
