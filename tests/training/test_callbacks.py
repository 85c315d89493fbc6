"""Callbacks, one by one and by contract."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.errors import MissingExtraError, SettingError
from drivetrain.training.callbacks import Callback, EarlyStopping, KeepBest, LogFile, RunView, TensorBoardLog

from .conftest import MakeLearner


class Recorder(Callback):
    def __init__(self) -> None:
        self.calls: list[str] = []

    def on_run_start(self, run: RunView) -> None:
        self.calls.append("start")

    def on_step_end(self, run: RunView, loss: float) -> None:
        self.calls.append(f"step {run.step}")

    def on_epoch_end(self, run: RunView) -> None:
        self.calls.append(f"epoch {run.history[-1]['epoch']}")

    def on_run_end(self, run: RunView) -> None:
        self.calls.append("end")


def test_hooks_are_called_in_order(make_learner: MakeLearner) -> None:
    seen = Recorder()
    make_learner(batch_size=18, callbacks=[seen]).fit(2)
    assert seen.calls == ["start", "step 1", "step 2", "epoch 1", "step 3", "step 4", "epoch 2", "end"]


def test_gradients_last_as_long_as_steps_are_taken(make_learner: MakeLearner) -> None:
    """They are as large as the network, and so is its copy that is judged after each epoch."""

    class Held(Callback):
        def __init__(self) -> None:
            self.steps: list[int] = []
            self.epochs: list[int] = []

        def on_step_end(self, run: RunView, loss: float) -> None:
            self.steps.append(sum(value.grad is not None for value in run.network.parameters()))

        def on_epoch_end(self, run: RunView) -> None:
            self.epochs.append(sum(value.grad is not None for value in run.network.parameters()))

    learn = make_learner(batch_size=18, callbacks=[held := Held()]).fit(1)
    assert held.steps == [len(list(learn.network.parameters()))] * 2 and held.epochs == [0]
    learn.find_lr(steps=2)
    assert all(value.grad is None for value in learn.network.parameters())


def test_early_stopping(make_learner: MakeLearner, capsys: pytest.CaptureFixture[str]) -> None:
    learn = make_learner()
    learn.fit(20, lr=1e-9, callbacks=[EarlyStopping(2, min_delta=1.0)])
    assert len(learn.history) == 3
    assert "has not improved for 2 epochs (best: epoch 1)" in capsys.readouterr().err


def test_early_stopping_counts_over_both_phases(make_learner: MakeLearner) -> None:
    learn = make_learner()
    learn.pretrained = True
    learn.fine_tune(5, lr=1e-9, head_epochs=2, callbacks=[EarlyStopping(2, min_delta=1.0)])
    assert [row["phase"] for row in learn.history] == ["head", "head", "all"]


@pytest.mark.parametrize("monitor", ["valid_loss", "accuracy"])
def test_monitors_know_which_way_is_better(make_learner: MakeLearner, monitor: str) -> None:
    best = KeepBest(monitor=monitor)
    learn = make_learner().fit(3, callbacks=[best])
    values = [float(row[monitor] or 0) for row in learn.history]
    assert best.best == (max(values) if monitor == "accuracy" else min(values))


def test_unknown_monitor(make_learner: MakeLearner) -> None:
    with pytest.raises(SettingError, match="Did you mean 'accuracy'"):
        make_learner().fit(1, callbacks=[KeepBest(monitor="acuracy")])


def test_a_monitor_needs_a_validation_set(squares: Path, make_learner: MakeLearner) -> None:
    """Said before training, not after the first epoch."""
    learn = make_learner(dt.images(squares, valid_pct=0, test_pct=0))
    with pytest.raises(SettingError, match="no validation set"):
        learn.fit(1, callbacks=[EarlyStopping()])
    assert learn.history == []


def test_an_undefined_metric_is_none_in_the_history(make_learner: MakeLearner, tmp_path: Path) -> None:
    def undefined(truth: np.ndarray, output: np.ndarray) -> float:
        return float("nan")

    learn = make_learner(metrics=["accuracy", undefined], callbacks=[LogFile(tmp_path / "log.jsonl")]).fit(1)
    assert learn.history[0]["undefined"] is None
    assert json.loads((tmp_path / "log.jsonl").read_text())["undefined"] is None


def test_patience_is_checked() -> None:
    with pytest.raises(SettingError, match="patience=0"):
        EarlyStopping(0)


def test_log_files(make_learner: MakeLearner, tmp_path: Path) -> None:
    logs = [LogFile(tmp_path / "new" / "log.csv"), LogFile(tmp_path / "log.jsonl")]
    learn = make_learner(callbacks=logs).fit(2)
    with (tmp_path / "new" / "log.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["train_loss"]) for row in rows] == [row["train_loss"] for row in learn.history]
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == learn.history
    with pytest.raises(SettingError, match=r"\.txt"):
        LogFile("log.txt")


def test_tensorboard(make_learner: MakeLearner, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    make_learner().fit(1, callbacks=[TensorBoardLog(tmp_path / "tb")])
    (events,) = (tmp_path / "tb").iterdir()
    assert b"metric/accuracy" in events.read_bytes()


def test_tensorboard_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard.writer", None)
    with pytest.raises(MissingExtraError, match=r"drivetrain\[log\]"):
        TensorBoardLog(tmp_path)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: EarlyStopping(),
        lambda p: KeepBest(),
        lambda p: LogFile(p / "l.csv"),
        TensorBoardLog,
        lambda p: Callback(),
    ],
)
def test_every_callback_survives_a_checkpoint(make_learner: MakeLearner, tmp_path: Path, make) -> None:
    callback = make(tmp_path)
    learn = make_learner().fit(1, callbacks=[callback])
    state, tensors = json.loads(json.dumps(callback.state())), callback.tensors()
    fresh = make(tmp_path)
    fresh.restore(state, tensors)
    assert fresh.state() == callback.state()
    assert set(fresh.tensors()) == set(tensors)
    assert learn.history


def test_a_callback_judges_each_run_on_its_own(make_learner: MakeLearner) -> None:
    """An earlier run's best is neither waited for nor brought back."""
    stopping, best = EarlyStopping(2, min_delta=1.0), KeepBest()
    learn = make_learner(callbacks=[stopping, best])
    learn.fit(9, lr=1e-9)
    learn.fit(9, lr=1e-9)
    assert [row["epoch"] for row in learn.history] == [1, 2, 3, 4, 5, 6], "three epochs each"
    assert best.best_epoch > 3


def test_a_second_run_adds_to_the_log(make_learner: MakeLearner, tmp_path: Path) -> None:
    learn = make_learner(callbacks=[LogFile(tmp_path / "log.jsonl")]).fit(2).fit(1)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows == learn.history and len(rows) == 3
