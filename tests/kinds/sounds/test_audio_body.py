"""EfficientAT's body: its layout, its weights in a folder, and what the published ones hear."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models import mobilenet_v3_large
from torchvision.ops import SqueezeExcitation

from drivetrain.cli.main import main
from drivetrain.errors import ModelError
from drivetrain.kinds.sounds.bodies.audio import audio_body, audio_depths, is_audio_body, load_audio_body
from drivetrain.kinds.sounds.training import prepare
from drivetrain.training.fast.cuts import CuttableBody

PICTURE = torch.randn(2, 1, 64, 40, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    made = audio_body("efficientat_mn04")
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean)  # pyright: ignore[reportArgumentType]
    save_file({**made.state_dict(), "classifier.0.weight": torch.ones(2)}, tmp_path / "model.safetensors")
    return tmp_path


def test_the_layout_is_torchvisions_but_for_the_first_convolution_and_the_sigmoid() -> None:
    body = audio_body("efficientat_mn10").eval()
    reference = mobilenet_v3_large().eval()
    ours, theirs = body.state_dict(), {k: v for k, v in reference.state_dict().items() if k.startswith("features.")}
    assert list(ours) == list(theirs)
    different = [name for name in ours if ours[name].shape != theirs[name].shape]
    assert different == ["features.0.0.weight"] and ours[different[0]].shape == (16, 1, 3, 3)
    scales = [layer for layer in body.modules() if isinstance(layer, SqueezeExcitation)]
    assert len(scales) == 8 and all(isinstance(layer.scale_activation, nn.Sigmoid) for layer in scales)
    # the same weights under the same squeeze-excitation give the same: one channel is the sum of three equal ones
    first = reference.features[0][0].weight
    body.load_state_dict({**theirs, "features.0.0.weight": first.sum(1, keepdim=True)})
    for layer in reference.modules():
        if isinstance(layer, SqueezeExcitation):
            layer.scale_activation = nn.Sigmoid()
    with torch.no_grad():
        assert torch.allclose(body(PICTURE), reference.features(PICTURE.repeat(1, 3, 1, 1)).mean((2, 3)), atol=1e-4)


@pytest.mark.parametrize(("name", "features"), [("efficientat_mn04", 384), ("efficientat_mn05_as", 480)])
def test_widths(name: str, features: int) -> None:
    body = audio_body(name).eval()
    assert body(PICTURE).shape == (2, features)
    depth = audio_depths(body)
    assert set(depth) == {name for name, _ in body.named_parameters()}
    assert min(depth.values()) == 0 and max(depth.values()) == 1
    assert len(CuttableBody(body, PICTURE).cuts) > 10


@pytest.mark.parametrize("name", ["efficientat_mn07", "resnet34", "efficientat", ""])
def test_what_is_no_audio_body(name: str) -> None:
    with pytest.raises(ModelError, match=r"no body for sounds.*To fix"):
        audio_body(name)


def test_a_folder_of_weights_is_known_by_its_layout(folder: Path) -> None:
    arch = f"local-dir:{folder}"
    assert is_audio_body(arch)
    body = load_audio_body(arch, pretrained=True, dropout=0.2)
    assert (body.architecture.name, body.architecture.features, body.architecture.dropout) == (
        "efficientat_mn04",
        384,
        0.2,
    )
    assert body.architecture.pretrained_from == arch
    known = load_file(folder / "model.safetensors")
    assert all(torch.equal(value, known[name]) for name, value in body.module.state_dict().items())
    scratch = load_audio_body(arch, pretrained=False, dropout=0.0)
    assert scratch.architecture.pretrained_from is None
    assert not torch.equal(scratch.module.state_dict()["features.0.0.weight"], known["features.0.0.weight"])


def test_weights_that_cannot_be_had_or_are_damaged(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"not on this machine.*local-dir:FOLDER"):
        load_audio_body("efficientat_mn04_as", pretrained=True, dropout=0.0)
    weights = load_file(folder / "model.safetensors")
    weights.pop("features.5.block.0.0.weight")
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"cannot be used.*To fix"):
        load_audio_body(f"local-dir:{folder}", pretrained=True, dropout=0.0)
    (folder / "model.safetensors").write_bytes(b"broken")
    assert not is_audio_body(f"local-dir:{folder}")
    with pytest.raises(ModelError, match="holds no body for sounds"):
        load_audio_body(f"local-dir:{folder}", pretrained=True, dropout=0.0)
    assert not is_audio_body("local-dir:/no/such/folder") and not is_audio_body("resnet34")


def test_a_registered_body_is_listed_and_is_the_default_for_sounds(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DRIVETRAIN_CONFIG_DIR", str(tmp_path / "config"))
    assert main(["bodies", "add", str(folder), "--name", "ears"]) == 0
    assert main(["bodies", "--no-speed", "--json"]) == 0
    listed = {one["arch"]: one for one in json.loads(capsys.readouterr().out.splitlines()[-1])["bodies"]}
    assert listed["ears"]["input_px"] is None and listed["ears"]["place"] == "registered"
    assert main(["bodies", "--no-speed"]) == 0
    assert "sounds" in next(line for line in capsys.readouterr().out.splitlines() if line.startswith("ears"))
    data: Any = SimpleNamespace(options={"clip_s": 0.3, "recorded_hz": 8000})
    kind = prepare(data, arch=None, pretrained=True, augment=True, dropout=0.0)
    assert kind.decisions["arch"].value == "ears" and "registered here" in kind.decisions["arch"].reason
    assert kind.spec.sample_rate == 32_000
