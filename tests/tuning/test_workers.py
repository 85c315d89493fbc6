"""Several workers take from one storage; one is killed: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

import drivetrain as dt
from drivetrain.errors import DataError
from tests.tuning import postgres
from tests.tuning.rows import rows
from tests.tuning.worker import TRIALS, tuned


def begin(storage: str, project: Path, marks: Path, *more: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "tests.tuning.worker", storage, str(project), str(marks), *more]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def fits(marks: Path, process: int | None = None) -> list[float]:
    """What was tried, in the order of time."""
    said = sorted((file.name.split() for file in marks.iterdir()), key=lambda words: words[1])
    return [float(cut) for worker, _, cut in said if process in (None, int(worker))]


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
    """A database that is new, by its address."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'runs.db'}"
        return
    pytest.importorskip("psycopg")
    with postgres.running() as host:
        yield f"postgresql://{postgres.USER}:{postgres.IN_URL}@{host}/runs"


@pytest.mark.timeout(400)
def test_a_killed_worker_loses_nothing_and_nothing_is_done_twice(storage: str, tmp_path: Path) -> None:
    project, marks = tmp_path / "project", tmp_path / "marks"
    marks.mkdir()
    doomed = begin(storage, project, marks, "slow")
    others: list[subprocess.Popen[str]] = []
    try:
        until = time.monotonic() + 120
        while not fits(marks):
            assert doomed.poll() is None, doomed.communicate()
            assert time.monotonic() < until
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

    more = tuned(storage, str(project), str(marks), trials=TRIALS + 1)  # goes on where they ended
    found = {str(trial.number): [trial.state, trial.settings["cut"], trial.value] for trial in more.trials}
    assert {number: found[number] for number in trials} == trials
    assert len(more.trials) == TRIALS + 1
    assert len(fits(marks)) == TRIALS + 2  # that of the killed worker was begun twice
    if storage.startswith("postgresql"):
        nobody_may_read_the_password(more, said, tmp_path)


def nobody_may_read_the_password(found: dt.Tuning, said: list[tuple[str, str]], folder: Path) -> None:
    """In what was printed, in all files that were written, and in the page."""
    found.page(folder / "page.html")
    assert found.decisions["trials in"].value.startswith(f"postgresql+psycopg://{postgres.USER}:***@")
    shown = [repr(said), repr(found), *(repr(file.read_bytes()) for file in folder.rglob("*") if file.is_file())]
    assert len(shown) > 10
    for secret in (postgres.PASSWORD, postgres.IN_URL, "hush"):
        assert not [text for text in shown if secret in text]


def test_what_the_server_says_is_told_without_the_password(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    data = dt.table(rows(), target="y", project=tmp_path)
    with postgres.running() as host:
        for user in (postgres.USER, "eve"):
            with pytest.raises(DataError, match="password authentication failed") as caught:
                dt.tune(data, {"leaves": (2, 9)}, trials=1, storage=f"postgresql://{user}:other-hush@{host}/runs")
            assert "hush" not in str(caught.value)
        right = f"postgresql://{postgres.USER}:{postgres.IN_URL}@{host}"
        with pytest.raises(DataError, match='database "frogs" does not exist') as caught:
            dt.tune(data, {"leaves": (2, 9)}, trials=1, storage=f"{right}/frogs")
        assert "hush" not in str(caught.value)
