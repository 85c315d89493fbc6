"""A run that was interrupted ends bitwise where the uninterrupted one does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import drivetrain as dt
from drivetrain.errors import CheckpointError
from drivetrain.training import run as run_module
from drivetrain.training.callbacks import Callback, EarlyStopping, KeepBest, RunView
from drivetrain.training.checkpoint import FILE
from drivetrain.training.identity import parameters_sha256
from drivetrain.training.place import Place

from .conftest import ARCH, MakeLearner


class Killed(Exception):
    """Stands for a power cut."""


class KillAt(Callback):
    def __init__(self, step: int) -> None:
        self.at = step

    def on_step_end(self, run: RunView, loss: float) -> None:
        if run.step == self.at:
            raise Killed


def _train(learn: dt.Learner, kill_at: int | None = None, **options: object) -> tuple[str, list[object]]:
    """Train two phases; the callback list is the same whether or not the run is killed."""
    learn.pretrained = True  # two phases
    callbacks = [KeepBest(), EarlyStopping(50), KillAt(-1 if kill_at is None else kill_at)]
    learn.fine_tune(2, head_epochs=1, callbacks=callbacks, **options)
    told = [{name: v for name, v in row.items() if name != "seconds"} for row in learn.history]
    return parameters_sha256(learn.network), told


@pytest.mark.parametrize("kill_at", [1, 4, 5, 6, 9, 12])
def test_killed_at_any_step(make_learner: MakeLearner, monkeypatch: pytest.MonkeyPatch, kill_at: int) -> None:
    monkeypatch.setattr(run_module, "CHECKPOINT_EVERY_S", 0.0)  # a checkpoint at every step
    options = {"batch_size": 8, "mixup": 0.2, "dropout": 0.3}
    whole = _train(make_learner(**options))
    with pytest.raises(Killed):
        _train(make_learner(**options), kill_at)
    assert list(Path(".drivetrain").rglob(FILE)) or kill_at == 1
    assert _train(make_learner(**options)) == whole
    assert not list(Path(".drivetrain").rglob(FILE)), "the checkpoint of a finished run is removed"


def test_without_checkpoints_within_epochs(make_learner: MakeLearner) -> None:
    whole = _train(make_learner(batch_size=8))
    with pytest.raises(Killed):
        _train(make_learner(batch_size=8), kill_at=8)
    assert _train(make_learner(batch_size=8)) == whole


def test_another_run_is_not_taken_up(make_learner: MakeLearner) -> None:
    with pytest.raises(Killed):
        _train(make_learner(), kill_at=7)
    assert list(Path(".drivetrain").rglob(FILE))
    learn = make_learner(seed=9).fit(1)
    assert [row["epoch"] for row in learn.history] == [1]
    assert list(Path(".drivetrain").rglob(FILE)), "the other run can still be resumed"


def test_no_checkpoints_on_request(make_learner: MakeLearner) -> None:
    with pytest.raises(Killed):
        _train(make_learner(), kill_at=7, checkpoint=False)
    assert not Path(".drivetrain").exists()


def test_damaged_checkpoint_is_named(make_learner: MakeLearner) -> None:
    with pytest.raises(Killed):
        _train(make_learner(), kill_at=7)
    (path,) = Path(".drivetrain").rglob(FILE)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="damaged"):
        _train(make_learner())


def test_checkpoint_that_cannot_be_written(make_learner: MakeLearner, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match="checkpoint="):
        make_learner().fit(1, checkpoint=tmp_path / "file")


@pytest.mark.parametrize(("others", "said"), [([0.0], "none in process 1"), ([7.5], "another one in each")])
def test_a_checkpoint_that_not_all_processes_find(
    make_learner: MakeLearner, monkeypatch: pytest.MonkeyPatch, others: list[float], said: str
) -> None:
    """As on machines without a common disk: one would go on, another begin anew, and both wait for ever."""
    with pytest.raises(Killed):
        _train(make_learner(), kill_at=7)
    monkeypatch.setattr(Place, "each", lambda place, own: [own, *others])
    with pytest.raises(CheckpointError, match=f"{said}.*Expected one folder.*To fix: "):
        _train(make_learner())


class PressCtrlCAfterEpoch(Callback):
    def __init__(self, epoch: int) -> None:
        self.at = epoch

    def on_epoch_end(self, run: RunView) -> None:
        if len(run.history) == self.at:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)


@pytest.mark.parametrize("epoch", [1, 2])
def test_ctrl_c_during_validation_is_not_lost(make_learner: MakeLearner, epoch: int) -> None:
    """Also after the last epoch: the user asked to stop, so nothing may go on as if it had finished."""
    with pytest.raises(KeyboardInterrupt):
        make_learner().fit(2, callbacks=[PressCtrlCAfterEpoch(epoch)])
    learn = make_learner().fit(2, callbacks=[PressCtrlCAfterEpoch(0)])
    assert [row["epoch"] for row in learn.history] == [1, 2]


class PressCtrlC(Callback):
    def __init__(self, step: int) -> None:
        self.at = step

    def on_step_end(self, run: RunView, loss: float) -> None:
        if run.step == self.at:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)


def test_ctrl_c_saves_and_says_how_to_go_on(make_learner: MakeLearner, capsys: pytest.CaptureFixture[str]) -> None:
    def train(at: int) -> str:
        learn = make_learner(batch_size=8)
        learn.fit(2, callbacks=[PressCtrlC(at)])
        return parameters_sha256(learn.network)

    whole = train(-1)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(7)
    assert "Run the same again" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before
    assert train(-1) == whole
    assert "7 steps are done" in capsys.readouterr().err


@pytest.mark.parametrize("at", [3, 7])
def test_the_same_learner_goes_on_after_ctrl_c(
    make_learner: MakeLearner, capsys: pytest.CaptureFixture[str], at: int
) -> None:
    """As in a notebook: the cell is run again, and the Learner in memory is half trained."""
    whole = make_learner(batch_size=8).fit(2, callbacks=[PressCtrlC(-1)])
    learn = make_learner(batch_size=8)
    with pytest.raises(KeyboardInterrupt):
        learn.fit(2, callbacks=[PressCtrlC(at)])
    learn.validate()  # looking is no change
    learn.fit(2, callbacks=[PressCtrlC(-1)])
    assert f"{at} steps are done" in capsys.readouterr().err
    assert parameters_sha256(learn.network) == parameters_sha256(whole.network)
    assert [row["epoch"] for row in learn.history] == [1, 2]


SCRIPT = """
import sys
import drivetrain as dt
from drivetrain.training import run
from drivetrain.training.identity import parameters_sha256
run.CHECKPOINT_EVERY_S = 0.0
data = dt.images(sys.argv[1], valid_pct=0.2, test_pct=0.2, seed=1)
learn = dt.Learner(data, sys.argv[2], pretrained=False, size=32, recipe={"batch_size": 4}, device="cpu")
learn.fine_tune(3)
print(parameters_sha256(learn.network))
"""


@pytest.mark.slow
def test_sigkill_in_a_real_process(squares: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(squares), ARCH]

    def environment(folder: str) -> dict[str, object]:
        (tmp_path / folder).mkdir()
        ours = {name: value for name, value in os.environ.items() if name != "DRIVETRAIN_PROJECT"}
        return {"cwd": tmp_path / folder, "env": {**ours, "OMP_NUM_THREADS": "1"}, "text": True}

    whole = subprocess.run(command, capture_output=True, check=True, **environment("whole"))
    place = environment("killed")
    kills = 0
    for steps in (3, 12):  # killed twice, the second time after it was resumed once
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **place)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            found = list((tmp_path / "killed").rglob(FILE))
            if found and _steps_done(found[0]) >= steps:
                process.kill()
                kills += 1
                break
            time.sleep(0.005)
        process.wait()
    assert kills == 2
    resumed = subprocess.run(command, capture_output=True, check=True, **place)
    assert "resuming the run" in resumed.stderr
    assert resumed.stdout == whole.stdout != ""


def _steps_done(path: Path) -> int:
    import json

    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as stored:
            position = json.loads(stored.metadata()["state"])["position"]
    except Exception:  # noqa: BLE001 - replaced while it was being read
        return -1
    return position["epoch"] * 9 + position["step"]


def test_best_parameters_come_back_over_both_phases(make_learner: MakeLearner) -> None:
    """The best epoch is one of the head phase here: everything after it is spoilt by a huge rate."""
    learn = make_learner()
    seen: dict[int, str] = {}

    class Remember(Callback):
        def on_epoch_end(self, run: RunView) -> None:
            seen[int(run.history[-1]["epoch"] or 0)] = parameters_sha256(run.network)

    learn.pretrained = True
    learn.fine_tune(2, lr=0.5, head_epochs=1, callbacks=[Remember(), KeepBest(monitor="valid_loss")])
    best = min(learn.history, key=lambda row: float(row["valid_loss"] or 0))
    assert parameters_sha256(learn.network) == seen[int(best["epoch"] or 0)]
    assert torch.isfinite(next(learn.network.parameters())).all()
