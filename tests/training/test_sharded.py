"""Two processes over tar shards: each reads its own rows of every batch, none is lost, none is read twice."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .conftest import ARCH, COLOURS, paint

SCRIPT = """
import json, os, signal, sys
from pathlib import Path
import torch
import drivetrain as dt
from drivetrain.data.cache import store
from drivetrain.runtime.files import members
from drivetrain.runtime.pictures import read
from drivetrain.training.callbacks import Callback
from drivetrain.training.identity import parameters_sha256

store.MEMORY_SHARE = 0.0  # with the cache off, every row is read from its shard whenever it is needed
read_now = []
def logged(path):
    read_now.append("/".join(Path(path).parts[-2:]))
    return members.bytes_of(path)

class Log(Callback):
    def __init__(self, kill_at):
        self.kill_at, self.epochs = kill_at, []
    def on_run_start(self, run):
        read_now.clear()
    def on_step_end(self, run, loss):
        if run.step == self.kill_at and not run.main:
            os.kill(os.getpid(), signal.SIGKILL)
    def on_epoch_end(self, run):
        self.epochs.append({"epoch": run.history[-1]["epoch"], "read": sorted(read_now)})
        read_now.clear()

data = dt.images(sys.argv[1], valid_pct=0.25, test_pct=0, seed=1)
learn = dt.Learner(data, sys.argv[2], pretrained=False, size=32, precision="fp32",
                   recipe={"batch_size": 10, "dropout": 0.0, "store_activations": False})
learn.network.head[0] = torch.nn.Identity()  # no layer looks at its neighbours in the batch
learn.freeze()
read.bytes_of = logged
log = Log(int(sys.argv[3]))
learn.fit(3, lr=0.05, callbacks=[log])
told = {
    "world": learn.place.world,
    "train": sorted("/".join(Path(name).parts[-2:]) for name in data.train.inputs.names()),
    "epochs": log.epochs,
    "weights": learn.network.head[2].weight.flatten().tolist(),
    "sha256": parameters_sha256(learn.network),
}
Path(f"told-{int(os.environ.get('RANK', 0))}.json").write_text(json.dumps(told))
"""


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty pictures of three classes in four shards."""
    folder, rng = tmp_path_factory.mktemp("data") / "shards", np.random.default_rng(0)
    folder.mkdir()
    labels = [*COLOURS] * 20
    for shard in range(4):
        with tarfile.open(folder / f"{shard:04}.tar", "w") as archive:
            for i in range(15 * shard, 15 * shard + 15):
                stream = io.BytesIO()
                paint(COLOURS[labels[i]], rng).save(stream, "PNG")
                for name, content in ((f"{i:04}.png", stream.getvalue()), (f"{i:04}.cls", labels[i].encode())):
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
    return folder


def _launch(folder: Path, shards: Path, world: int, *, kill_at: int = -1) -> list[dict[str, Any]]:
    """What each process tells; none where they were killed."""
    folder.mkdir(exist_ok=True)
    (folder / "script.py").write_text(SCRIPT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = ["-m", "torch.distributed.run", f"--nproc-per-node={world}", f"--master-port={port}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "DRIVETRAIN_CACHE_GB": "0"}
    environment.pop("DRIVETRAIN_PROJECT", None)
    done = subprocess.run(
        [sys.executable, *(launcher if world > 1 else []), "script.py", str(shards), ARCH, str(kill_at)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    if kill_at > 0:
        assert done.returncode and f"{signal.SIGKILL.name}" in done.stderr
        return []
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads((folder / f"told-{rank}.json").read_text()) for rank in range(world)]


@pytest.mark.slow
def test_two_processes_read_shards(shards: Path, tmp_path: Path) -> None:
    [one] = _launch(tmp_path / "one", shards, 1)
    two = _launch(tmp_path / "two", shards, 2)
    assert [each["world"] for each in (one, *two)] == [1, 2, 2]
    train = one["train"]
    assert len(train) == 45 and two[0]["train"] == two[1]["train"] == train
    drawn: list[set[str]] = []
    for alone, first, second in zip(one["epochs"], two[0]["epochs"], two[1]["epochs"], strict=True):
        own = [[name for name in each["read"] if name in set(train)] for each in (alone, first, second)]
        assert own[0] == train, "one process reads every row once in an epoch"
        assert sorted(own[1] + own[2]) == train, "two read every row once between them"
        assert min(map(len, own[1:])) >= 20
        judged = [[name for name in each["read"] if name not in set(train)] for each in (alone, first, second)]
        assert set(judged[0]) == set(judged[1]) | set(judged[2])
        drawn.append(set(own[1]))
    assert drawn[0] != drawn[1], "which rows are whose is drawn anew"
    assert two[0]["sha256"] == two[1]["sha256"]
    assert two[0]["weights"] == pytest.approx(one["weights"], rel=1e-3, abs=1e-6)  # sums in another order

    steps = 5  # of an epoch: 45 rows in batches of 10
    _launch(tmp_path / "killed", shards, 2, kill_at=steps + 1)
    again = _launch(tmp_path / "killed", shards, 2)
    assert [each["epoch"] for each in again[0]["epochs"]] == [2, 3]
    for ours, whole in zip(again, two, strict=True):
        assert ours["epochs"] == whole["epochs"][1:], "each goes on with the very rows that came next"
        assert ours["sha256"] == whole["sha256"], "and ends bitwise where the run that was not killed ended"
