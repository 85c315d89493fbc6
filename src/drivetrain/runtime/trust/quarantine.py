"""A model from elsewhere is tried in a process of its own, with bounded memory and time, before it runs in this one.

Once per content: what passed is remembered (`known_models`), and what this user saved is not tried at all.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Literal

from drivetrain.errors import ArtefactError, SettingError
from drivetrain.runtime.artefact import MODEL, WEIGHTS, Artefact
from drivetrain.runtime.kinds import kind_name, packages
from drivetrain.runtime.trust.known_models import How, is_known, remember

TRIAL = "DRIVETRAIN_TRIAL"
"""Environment: ``off`` tries no model; or seconds and gigabytes, such as ``120,8``."""

SECONDS, GIGABYTES = 20.0, 1.5
"""For loading, the golden examples, and a full batch; memory comes on top of four times the model's own size."""

START_S = 120.0
"""For the process to start, on a machine that is busy; the seconds above count from then on."""

LATE = 124
"""Exit status of a trial that took too long."""
IDLE_SHARE, PATIENCE = 0.75, 5
"""A trial that was late and got less than this share of a processor is made once more, with so many times the time."""

Engine = Literal["onnxruntime", "torch"]

_state = {"within": False}


def ensure_tried(artefact: Artefact, engine: Engine) -> None:
    """Try a model that is not known here; gives back nothing where it may be run in this process.

    Args:
        artefact: Opened and verified.
        engine: What is going to run it.

    Raises:
        ArtefactError: It took too much memory or time, crashed, or is not a model of what its manifest describes.
    """
    how: How = "tried with torch" if engine == "torch" else "tried with onnxruntime"
    bounds = _bounds()
    if bounds is None or _state["within"]:
        return
    if is_known(artefact.manifest, "saved") or is_known(artefact.manifest, how):
        return
    _try(artefact, engine, *bounds)
    remember(artefact.manifest, how)


@contextlib.contextmanager
def within_trial() -> Generator[None]:
    """In the process of the trial itself nothing is tried again."""
    _state["within"] = True
    try:
        yield
    finally:
        _state["within"] = False


def _bounds() -> tuple[float, float] | None:
    said = os.environ.get(TRIAL, "").strip()
    if said == "off":
        return None
    if not said:
        return SECONDS, GIGABYTES
    try:
        seconds, gigabytes = map(float, said.split(","))
    except ValueError:
        seconds, gigabytes = 0.0, 0.0
    if not (0 < seconds < 1e6 and 0 < gigabytes < 1e6):
        raise SettingError(
            f"{TRIAL}={said[:60]!r} cannot be used: expected 'off', or seconds and gigabytes such as '120,8'. "
            f"To fix: unset it for {SECONDS:g} seconds and {GIGABYTES:g} GB."
        )
    return seconds, gigabytes


def _try(artefact: Artefact, engine: Engine, seconds: float, gigabytes: float) -> None:
    size = sum(artefact.manifest.files[name].bytes for name in (MODEL, WEIGHTS) if name in artefact.manifest.files)
    task = {
        "path": str(artefact.path.absolute()),
        "engine": engine,
        "kind": (kind := artefact.manifest.input.kind),
        "package": packages()[kind_name(kind)],
        "seconds": seconds,
        "bytes": int(gigabytes * 2**30) + 4 * size,
    }
    before = _cpu_s_of_children()
    code, said = _run(json.dumps(task))
    if code == LATE and _cpu_s_of_children() - before < IDLE_SHARE * seconds:  # others had the processor meanwhile
        code, said = _run(json.dumps({**task, "seconds": PATIENCE * seconds}))
    with contextlib.suppress(ValueError):
        answer = json.loads(said.strip().splitlines()[-1] if said.strip() else "")
        if code == 0 and answer == "passed":
            return
        if isinstance(answer, dict) and isinstance(answer.get("refused"), str):
            raise ArtefactError(answer["refused"])
    how = {LATE: "took longer than that"}.get(
        code, "ended without an answer, as a program does that has no more memory"
    )
    raise ArtefactError(
        f"{artefact.path} is not loaded: it comes from elsewhere, was tried in a process of its own, and {how}. "
        f"Expected an answer within {seconds:g} seconds and {gigabytes:g} GB beside its weights. "
        f"To fix: only if you trust who made it, set {TRIAL} to more, such as {TRIAL}=120,8 (seconds, gigabytes)."
    )


def _cpu_s_of_children() -> float:
    """Seconds of processor that the ended processes of this one have taken; infinite where the system does not say."""
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return float("inf")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(task: str) -> tuple[int, str]:
    """Exit status (LATE: too late) and output of the process that tries a model."""
    if not sys.executable:
        raise ArtefactError(
            "the model comes from elsewhere and is to be tried in a process of its own, but this program has no Python "
            f"to start. To fix: load it once with the drivetrain command, or set {TRIAL}=off if you trust who made it."
        )
    package = str(Path(__file__).parents[3])
    paths = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-P", "-B", "-m", "drivetrain.runtime.trust.trial", task]
    with tempfile.TemporaryDirectory() as empty:
        try:
            done = subprocess.run(
                command,
                cwd=empty,
                env={**os.environ, "PYTHONPATH": paths, "PYTHONWARNINGS": "ignore"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=START_S + json.loads(task)["seconds"],
                check=False,
            )
        except subprocess.TimeoutExpired:
            return LATE, ""
        except OSError as error:
            raise ArtefactError(f"no process could be started to try the model in: {error}.") from error
    late = done.returncode in (LATE, -14, -24)  # SIGALRM, SIGXCPU
    return LATE if late else done.returncode, done.stdout[-4096:].decode("utf-8", "replace")
