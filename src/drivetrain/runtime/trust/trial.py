"""The process that a model from elsewhere is tried in: ``python -m drivetrain.runtime.trust.trial TASK``.

See `quarantine`.

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

from drivetrain.errors import DrivetrainError
from drivetrain.runtime.kinds import add_kind, face, kind_name, packages
from drivetrain.runtime.spec import random_views
from drivetrain.runtime.trust.quarantine import Engine, within_trial

ROWS = (1, 12)
"""Tried beside the largest number, where shapes rise with the number of rows."""


_LIBRARY: dict[Engine, str] = {
    "torch": "drivetrain.learner.saving.torch_predictor",
    "onnxruntime": "drivetrain.runtime.onnx.engine",
}


def main(task: str) -> str:
    """Try one model; gives what is printed."""
    asked: dict[str, Any] = json.loads(task)
    engine: Engine = asked["engine"]
    kind: str = asked["kind"]
    if kind_name(kind) not in packages():
        add_kind(kind_name(kind), asked["package"])
    for name in ("drivetrain.runtime.loading", _LIBRARY[engine]):
        import_module(name)  # before the bounds: what libraries take is not the model's
    for which in ("spec", "training") if engine == "torch" else ("spec",):
        face(kind, which)
    bound(asked["seconds"], asked["bytes"])
    try:
        with within_trial():
            _try(Path(asked["path"]), engine)
    except DrivetrainError as error:
        return json.dumps({"refused": str(error)})
    return json.dumps("passed")


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
    from drivetrain.runtime.onnx.engine import MOST_ROWS, OnnxEngine  # noqa: PLC0415

    predictor = load_with(open_artefact(path), engine)
    signature = predictor.reader.signature()
    runs = predictor.engine
    rising = not isinstance(runs, OnnxEngine) or runs.rising
    most = runs.most_rows if isinstance(runs, OnnxEngine) else MOST_ROWS
    for n in (*ROWS, most) if rising else range(1, most + 1):
        predictor.run(*random_views(signature, n, seed=n))
    if predictor.golden is not None:
        predictor.self_test()


if __name__ == "__main__":
    print(main(sys.argv[1]))  # noqa: T201 - the answer, to the process that asked
