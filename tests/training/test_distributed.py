"""Two processes give what one gives: no row twice, no row left out, none again after they were stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from drivetrain.errors import TrainingError
from drivetrain.training.place import Place

from .conftest import ARCH, MakeLearner

SCRIPT = """
import json, sys
import torch
import drivetrain as dt
data = dt.images(sys.argv[1], valid_pct=0.25, test_pct=0, seed=1)
learn = dt.Learner(data, sys.argv[2], pretrained=False, size=32, recipe={"batch_size": 10, "dropout": 0.0},
                   precision="fp32", metrics=["accuracy", "log_loss"])
# Batch normalisation sees each process's own rows; without it, two processes compute what one does.
learn.network.head[0] = torch.nn.Identity()
learn.freeze()
learn.fit(2, lr=0.05)
told = {
    "world": learn.place.world,
    "history": [{k: v for k, v in row.items() if k not in ("seconds", "phase")} for row in learn.history],
    "scores": learn.validate().as_json(),
    "ids": sorted(learn.predictions().ids),
    "weight": learn.network.head[2].weight.flatten()[:8].tolist(),
}
learn.fine_tune(budget="10s", head_epochs=1)  # both must make the same plan, or they wait for ever
told["limited"] = len(learn.history) > 3
learn.save("m.model")
if learn.place.main:
    print(json.dumps(told))
"""


def _launch(folder: Path, squares: Path, *launcher: str) -> dict[str, object]:
    script = folder / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, *launcher, str(script), str(squares), ARCH],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def _port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.slow
def test_two_gloo_processes_get_what_one_gets(squares: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = _launch(tmp_path / "one", squares)
    two = _launch(
        tmp_path / "two", squares, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={_port()}"
    )
    assert (one["world"], two["world"]) == (1, 2)
    assert one["limited"] and two["limited"]
    assert one["ids"] == two["ids"]
    assert len(one["ids"]) == 15, "an odd number of rows over two processes"
    assert one["scores"]["n"] == two["scores"]["n"] == 15
    assert one["weight"] == pytest.approx(two["weight"], rel=1e-3, abs=1e-6)
    for ours, theirs in zip(one["history"], two["history"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-6)
    for metric, found in one["scores"]["metrics"].items():
        assert found == pytest.approx(two["scores"]["metrics"][metric], rel=1e-4, abs=1e-6)
    assert (tmp_path / "two" / "m.model" / "manifest.json").is_file()


def test_a_loss_that_is_not_finite_in_another_process_stops_this_one(
    make_learner: MakeLearner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would wait for that one's gradient for ever."""
    monkeypatch.setattr(Place, "any", lambda place, *own: tuple(True for _ in own))
    with pytest.raises(TrainingError, match=r"not finite in another process. To fix: .*clip_norm"):
        make_learner().fit(1)


STOPPED = """
import json, os, signal, sys
import drivetrain as dt
from drivetrain.training import run
from drivetrain.training.identity import parameters_sha256
run.CHECKPOINT_EVERY_S = 0.0  # after every step


class Stop(dt.Callback):
    def on_step_end(self, run, loss):
        if os.environ.get("STOP") == f"{sys.argv[3]} at {run.step}":
            os.kill(os.getpid(), getattr(signal, sys.argv[3]))


data = dt.images(sys.argv[1], valid_pct=0.25, test_pct=0, seed=1)
recipe = {"batch_size": 8, "mixup": 0.2}
learn = dt.Learner(data, sys.argv[2], pretrained=False, size=32, recipe=recipe, precision="fp32")
try:
    learn.fine_tune(3, callbacks=[Stop(), dt.KeepBest()])
except KeyboardInterrupt:
    sys.exit("left")
rows = [{k: v for k, v in row.items() if k != "seconds"} for row in learn.history]
print(json.dumps([parameters_sha256(learn.network), rows, learn.identity()]))
"""


def _two(folder: Path, squares: Path, how: str, *stops: str) -> list[tuple[int, str, str]]:
    """Exit status, output and messages of both processes, started as a launcher does; each is told where to stop."""
    folder.mkdir(exist_ok=True)
    ours = {name: value for name, value in os.environ.items() if name != "DRIVETRAIN_PROJECT"}
    together = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_port())}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", STOPPED, str(squares), ARCH, how],
            cwd=folder,
            env=ours
            | together
            | {"RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
            | ({"STOP": stops[rank]} if stops else {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        told = [process.communicate(timeout=200) for process in started]
    finally:
        for process in started:
            process.kill()
    return [(process.returncode, *said) for process, said in zip(started, told, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("split", [False, True])
def test_two_processes_stopped_within_an_epoch_go_on_to_the_same_weights(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split: bool
) -> None:
    """Killed: the second alone, or with shares of the weights both; then Ctrl-C that reaches the second alone."""
    monkeypatch.setenv("ACCELERATE_USE_FSDP", str(split).lower())
    monkeypatch.setenv("FSDP_VERSION", "2")
    whole = _two(tmp_path / "whole", squares, "SIGKILL")
    assert [code for code, *_ in whole] == [0, 0], whole[0][2][-3000:]
    assert whole[0][1] == whole[1][1] != "", "both hold the same weights, and the same statistics of batch norm"
    assert ("split over 2 processes" in whole[0][2]) == split
    stopped = tmp_path / "stopped"
    killed = _two(stopped, squares, "SIGKILL", "SIGKILL at 4" if split else "", "SIGKILL at 4")  # 6 steps an epoch
    assert [code for code, *_ in killed] == [-signal.SIGKILL if split else 1, -signal.SIGKILL], killed[0][2][-3000:]
    assert split or "TrainingError: another of the 2 processes ended" in killed[0][2], "it does not wait for ever"
    if not split:
        left = _two(stopped, squares, "SIGINT", "", "SIGINT at 8")
        assert [code for code, *_ in left] == [1, 1], left[0][2][-3000:]
        assert "3 steps are done" in left[0][2], "the last checkpoint was made before the step that was killed"
        assert "Run the same again" in left[0][2]
    done = _two(stopped, squares, "SIGKILL")
    assert f"{3 if split else 8} steps are done" in done[0][2]
    assert [code for code, *_ in done] == [0, 0], done[0][2][-3000:]
    assert [said for _, said, _ in done] == [said for _, said, _ in whole]
