"""Bodies with a name on this machine: the embedded one, those registered, those of the hub's cache."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from drivetrain.cli.main import main
from drivetrain.errors import ModelError, SettingError
from drivetrain.kinds.images.bodies import list_bodies as shelf
from drivetrain.kinds.images.bodies import load as bodies
from drivetrain.kinds.images.bodies.load import choose_arch, load_body
from drivetrain.kinds.images.bodies.local_bodies import EMBEDDED, embedded_folder, register, registered, registry_file

TINY = "test_resnet"


@pytest.fixture(autouse=True)
def _own_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIVETRAIN_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(shelf, "PACKAGED", ())  # test_packaged looks at those, and measuring one takes a while


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    folder = tmp_path / "mine"
    folder.mkdir()
    save_file(
        {k: v.contiguous() for k, v in timm.create_model(TINY).state_dict().items()}, folder / "model.safetensors"
    )
    config = {"architecture": TINY, "pretrained_cfg": {"input_size": [3, 48, 48]}, "drivetrain": {"accuracy": "90 %"}}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def body(arch: str, *, pretrained: bool = True, channels: int = 3) -> bodies.Body:
    return load_body(arch, pretrained=pretrained, channels=channels, size_px=None, dropout=0.0)


def test_the_embedded_body_is_small_and_loads_what_its_file_holds() -> None:
    weights = load_file(embedded_folder() / "model.safetensors")
    assert (embedded_folder() / "model.safetensors").stat().st_size <= 6_000_000
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
    loaded = body(EMBEDDED)
    state = loaded.module.state_dict()
    assert all(torch.equal(state[name], tensor.float()) for name, tensor in weights.items())
    assert set(state) - set(weights) == {name for name in state if name.endswith("num_batches_tracked")}
    assert loaded.architecture.pretrained_from == EMBEDDED
    assert loaded.config["input_size"] == (3, 96, 96)


def test_the_embedded_body_reads_grey_pictures_and_other_sizes() -> None:
    grey = load_body(EMBEDDED, pretrained=True, channels=1, size_px=96, dropout=0.0)
    assert grey.module(torch.zeros(2, 1, 96, 96)).shape == (2, grey.architecture.features)


def test_the_embedded_body_says_what_it_is() -> None:
    card = (embedded_folder() / "README.md").read_text()
    for word in ("research", "recipes/embedded_body.py", "seed", "not good for"):
        assert word in card


def test_with_its_weights_at_hand_the_usual_body_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_hub_weights", Path)
    assert choose_arch(None, pretrained=True).value == bodies.DEFAULT_ARCH
    assert choose_arch("resnet18", pretrained=True).value == "resnet18"


def test_a_registered_body_loads_by_its_name(folder: Path) -> None:
    assert register(folder) == "mine"
    assert register(folder, "other name") == "other name"
    assert registered() == {"mine": folder, "other name": folder}
    weights = load_file(folder / "model.safetensors")
    assert torch.equal(body("mine").module.state_dict()["conv1.0.weight"], weights["conv1.0.weight"])
    assert body("mine").architecture.pretrained_from == "mine"
    scratch = body("mine", pretrained=False)
    assert not torch.equal(scratch.module.state_dict()["conv1.0.weight"], weights["conv1.0.weight"])


def test_what_cannot_be_registered(folder: Path, tmp_path: Path) -> None:
    for name in (EMBEDDED, "resnet18", "local-dir:x"):
        with pytest.raises(SettingError, match="another body"):
            register(folder, name)
    with pytest.raises(ModelError, match="timm folder"):
        register(tmp_path / "nowhere")
    (folder / "config.json").write_text('{"architecture": "no_such_net"}')
    with pytest.raises(ModelError, match="no_such_net"):
        register(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="safetensors"):
        register(folder)
    assert registered() == {}


def test_a_damaged_list_is_named(folder: Path) -> None:
    register(folder)
    registry_file().write_text("{")
    with pytest.raises(ModelError, match=r"bodies\.json.*delete it"):
        registered()


def test_the_list_tells_what_there_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bodies", "add", str(folder), "--name", "my-body"]) == 0
    assert main(["bodies", "--json"]) == 0
    found = {row["arch"]: row for row in json.loads(capsys.readouterr().out.splitlines()[-1])["bodies"]}
    assert found[EMBEDDED]["place"] == "embedded" and found["my-body"]["place"] == "registered"
    assert found["my-body"]["input_px"] == 48 and found["my-body"]["accuracy"] == "90 %"
    assert found["my-body"]["megabytes"] == pytest.approx((folder / "model.safetensors").stat().st_size / 1e6)
    assert found["my-body"]["pictures_per_second"] > 0
    assert main(["bodies", "--no-speed", "--hub", "resnet*"]) == 0
    text = capsys.readouterr().out
    assert "my-body" in text and "cannot be reached" in text


def test_the_hubs_cache_is_listed(tmp_path: Path, folder: Path) -> None:
    snapshot = tmp_path / "hub" / "models--timm--resnet18.a1_in1k" / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("a" * 40)
    (snapshot / "model.safetensors").write_bytes(b"12345678")
    cached = [row for row in shelf.bodies_here() if row.place == "cached"]
    assert [(row.arch, row.megabytes, row.input_px) for row in cached] == [("resnet18.a1_in1k", 8e-6, 224)]


def test_the_hub_is_asked_for_names_only_where_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shelf.bodies_of_hub("resnet18*") == []
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(shelf, "hub_answers", lambda: True)
    assert "resnet18.a1_in1k" in {row.arch for row in shelf.bodies_of_hub("resnet18*")}
