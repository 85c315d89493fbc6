"""Several workers take from one storage; one is killed: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tuning.worker import TRIALS, tuned


def begin(storage: str, project: Path, marks: Path, *more: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "tests.tuning.worker", storage, str(project), str(marks), *more]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def fits(marks: Path, process: int | None = None) -> list[float]:
    """What was tried, in the order of time."""
    files = sorted(marks.glob("*"), key=lambda file: file.name.split()[1])
    return [float(file.read_text()) for file in files if process in (None, int(file.name.split()[0]))]


@pytest.mark.timeout(400)
def test_a_killed_worker_loses_nothing_and_nothing_is_done_twice(tmp_path: Path) -> None:
    storage, project, marks = f"sqlite:///{tmp_path / 'runs.db'}", tmp_path / "project", tmp_path / "marks"
    marks.mkdir()
    doomed = begin(storage, project, marks, "slow")
    others: list[subprocess.Popen[str]] = []
    try:
        until = time.monotonic() + 120
        while not fits(marks) and time.monotonic() < until:
            time.sleep(0.05)
        others = [begin(storage, project, marks) for _ in range(2)]
        os.kill(doomed.pid, signal.SIGKILL)
        said = [other.communicate(timeout=200) for other in others]
    finally:
        for process in (doomed, *others):
            process.kill()
            process.communicate()
    assert [other.returncode for other in others] == [0, 0], said
    trials = json.loads(said[0][0])
    assert trials == json.loads(said[1][0])  # both waited for each other, and tell the same
    assert [state for state, *_ in trials.values()] == ["complete"] * TRIALS
    lost = fits(marks, doomed.pid)
    done = sorted(cut for other in others for cut in fits(marks, other.pid))
    assert len(lost) == 1
    assert done == sorted(cut for _, cut, _ in trials.values())  # each once, that of the killed worker too
    assert lost[0] in done
    assert all(fits(marks, other.pid) for other in others)
    assert len(list((project / "runs").glob("[0-9]*"))) == TRIALS

    again = tuned(storage, str(project), str(marks))  # the same once more: all is there already
    assert {str(trial.number): [trial.state, trial.settings["cut"], trial.value] for trial in again.trials} == trials
    assert len(fits(marks)) == TRIALS + 1
    more = tuned(storage, str(project), str(marks), trials=TRIALS + 2)  # and more go on where they ended
    assert len(more.trials) == TRIALS + 2
    assert len({trial.settings["cut"] for trial in more.trials}) == TRIALS + 2
