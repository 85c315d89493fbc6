"""Two processes give what one gives: no row twice, no row left out."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ARCH

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
learn.fine_tune(budget="4s", head_epochs=1)  # both must make the same plan, or they wait for ever
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


@pytest.mark.slow
def test_two_gloo_processes_get_what_one_gets(squares: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = _launch(tmp_path / "one", squares)
    two = _launch(
        tmp_path / "two", squares, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={port}"
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
