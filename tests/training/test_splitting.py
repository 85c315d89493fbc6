"""Two processes that hold a share of every weight each train what one process trains, and save the same artefact."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file
from torch import nn

import drivetrain as dt
from drivetrain.errors import SettingError
from drivetrain.runtime.artefact import open_artefact
from drivetrain.training.launching import Sharding
from drivetrain.training.splitting import blocks_of, divided, gathered

SCRIPT = """
import json, sys
import torch
import drivetrain as dt
from drivetrain.errors import DrivetrainError
from drivetrain.training import network
from drivetrain.training.fast import memory

linear_head, adamw, made = network._linear_head, torch.optim.AdamW, []
def without_norm(*sizes):  # which sees each process's own rows
    head = linear_head(*sizes)
    head[0] = torch.nn.Identity()
    return head
def noted(*args, **kwargs):
    made.append(adamw(*args, **kwargs))
    return made[-1]
if sys.argv[2] == "alike":
    network._linear_head = without_norm
torch.optim.AdamW = noted

data = dt.images(sys.argv[1], valid_pct=0.25, test_pct=0.1, seed=1)
recipe = {"batch_size": 10, "dropout": 0.0, "accumulate": 2, "clip_norm": 0.5}
learn = dt.Learner(data, "test_vit", pretrained=False, size=32, recipe=recipe, precision="fp32", metrics=["accuracy"])
before = learn.validate()  # an inference before the first gradient
learn.freeze().fit(1, lr=0.01)
learn.unfreeze().fit(2, lr=0.01, callbacks=[dt.KeepBest()])
rates = learn.place.each(learn.find_lr(steps=8).lr)
local = lambda value: value.to_local() if hasattr(value, "to_local") else value
moments = [local(value) for state in made[-1].state.values() for value in state.values()]
refused = {}
for name, call in {
    "predict": lambda: learn.predict(data.valid.inputs[0]),
    "budget": lambda: learn.fine_tune(budget="5s"),
    "unfreeze": lambda: learn.fine_tune(1, unfreeze=0.5),
    "inside": lambda: learn.look_inside(),
    "update": lambda: dt.update("none.model", sys.argv[1]),
    "lora": lambda: dt.Learner(data, "test_vit", pretrained=False, size=32, recipe={"lora": 4}).fit(1),
}.items() if learn.place.split else ():
    try:
        call()
    except DrivetrainError as error:
        refused[name] = str(error)
learn.save("m.model")
told = {
    "world": learn.place.world,
    "weights": str(learn.decisions.get("weights")),
    "history": [{k: v for k, v in row.items() if k not in ("seconds", "phase")} for row in learn.history],
    "identity": learn.identity(),
    "loss": learn.validate().loss,
    "test": learn.test().loss,
    "held": sum(local(value).numel() for value in learn.network.parameters()),
    "moments": sum(value.numel() for value in moments),
    "refused": refused,
    "rates": rates,
    "at_once": memory._at_once,
}
if learn.place.main:
    print("TOLD", json.dumps(told))
"""

LAUNCH = ("-m", "accelerate.commands.launch", "--num_processes", "2", "--main_process_port", "0")
REPEATED = Sharding()
FSDP = ("--use_fsdp", "--fsdp_version", "2")


def _train(folder: Path, squares: Path, how: str, *launcher: str) -> dict[str, Any]:
    folder.mkdir()
    (folder / "script.py").write_text(SCRIPT)
    ours = {name: value for name, value in os.environ.items() if name != "DRIVETRAIN_PROJECT"}
    done = subprocess.run(
        [sys.executable, *launcher, "script.py", str(squares), how],
        cwd=folder,
        env=ours | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = next(line for line in done.stdout.splitlines() if line.startswith("TOLD"))
    assert "weights: split over 2 processes" in done.stderr or not launcher
    return json.loads(told.removeprefix("TOLD"))


@pytest.mark.slow
def test_split_over_two_processes_as_in_one(squares: Path, tmp_path: Path) -> None:
    one = _train(tmp_path / "one", squares, "alike")
    two = _train(tmp_path / "two", squares, "alike", *LAUNCH, *FSDP)
    assert (one["world"], two["world"]) == (1, 2)
    assert two["weights"] == (
        "split over 2 processes (FSDP was asked of the launcher; gathered one at a time: 6 Block)"
    )
    for ours, theirs in zip(one["history"], two["history"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-6)
    assert one["loss"] == pytest.approx(two["loss"], rel=1e-4)
    assert one["test"] == pytest.approx(two["test"], rel=1e-4)

    assert two["rates"] == one["rates"] * 2, "one rate for all processes"

    assert (one["at_once"], two["at_once"]) == (False, True), "what was gathered is not kept when it is freed"
    half = one["held"] / 2
    assert half <= two["held"] < 1.02 * half, "what does not divide by two is padded"
    assert two["moments"] < 0.52 * one["moments"]

    ours, theirs = (load_file(tmp_path / place / "m.model" / "model.safetensors") for place in ("one", "two"))
    assert list(ours) == list(theirs)
    for name, value in ours.items():
        assert torch.allclose(value, theirs[name], rtol=1e-3, atol=2e-5), name
    saved = open_artefact(tmp_path / "two" / "m.model")
    assert saved.manifest.parameters_sha256 == two["identity"]
    assert saved.manifest.export is not None, "the same ONNX file comes of it"
    picture = next((squares / "red").iterdir())
    said = [dt.load(tmp_path / place / "m.model").predict(picture) for place in ("one", "two")]
    assert said[0].probability == pytest.approx(said[1].probability, abs=1e-4)

    assert sorted(two["refused"]) == ["budget", "inside", "lora", "predict", "unfreeze", "update"]
    for message in two["refused"].values():
        assert "expected" in message and "To fix: " in message, message
        assert "split over" in message, message


def _names(body: nn.Module, asked: Sharding = REPEATED) -> list[str]:
    there = {id(part): name for name, part in body.named_modules()}
    return [there[id(part)] for part in blocks_of(body, asked)]


@pytest.mark.parametrize(
    ("arch", "expected"),
    [
        ("test_vit", [f"blocks.{i}" for i in range(6)]),
        ("test_resnet", [f"layer{i}.0" for i in (1, 2, 4)]),
        ("test_convnext", ["stages.0", "stages.1", "stages.2", "stages.3"]),
    ],
)
def test_blocks_are_what_a_body_repeats(arch: str, expected: list[str]) -> None:
    found = _names(timm.create_model(arch))
    assert [name for name in found if name.count(".") == 1] == expected


def test_layers_of_torch_are_no_blocks_but_its_transformers_are() -> None:
    assert _names(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))) == []
    layer = nn.TransformerEncoderLayer(4, 2, 8)
    assert _names(nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)) == [f"layers.{i}" for i in range(3)]


def test_blocks_as_the_launcher_was_told() -> None:
    body = timm.create_model("test_vit")
    assert _names(body, Sharding(classes=("Attention",))) == [f"blocks.{i}.attn" for i in range(6)]
    large = _names(body, Sharding(least=40_000))
    assert "blocks.0" in large and "blocks.0.attn" not in large
    with pytest.raises(SettingError, match=r"Blocks:.*expected among.*Did you mean 'Block'.*To fix: "):
        blocks_of(body, Sharding(classes=("Blocks",)))


def test_values_of_a_whole_network_are_left_alone() -> None:
    layer = nn.Linear(2, 1)
    values = {"weight": torch.ones(1, 2), "judged": torch.zeros(3)}
    assert divided(layer, values) == values
    assert gathered(values, keep=False) == {}
    np.testing.assert_array_equal(gathered(values, keep=True)["weight"], [[1.0, 1.0]])
