"""Bodies: from the hub's cache, from a local folder, of every family."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models._registry import _model_to_module  # pyright: ignore[reportPrivateUsage]

from drivetrain.errors import ModelError
from drivetrain.kinds.images.bodies import load as bodies
from drivetrain.kinds.images.bodies.load import load_body, parameter_depths, rebuild_body

TINY = "test_resnet"


def body(arch: str = TINY, *, pretrained: bool = False, channels: int = 3, size_px: int | None = None) -> bodies.Body:
    return load_body(arch, pretrained=pretrained, channels=channels, size_px=size_px, dropout=0.1)


@pytest.fixture
def weights(tmp_path: Path) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {k: v.contiguous() for k, v in timm.create_model(TINY, num_classes=7).state_dict().items()}


@pytest.fixture
def local_folder(tmp_path: Path, weights: dict[str, torch.Tensor]) -> Path:
    folder = tmp_path / "local"
    folder.mkdir()
    save_file(weights, folder / "model.safetensors")
    config = {
        "architecture": TINY,
        "num_classes": 7,
        "pretrained_cfg": {"mean": [0.1, 0.2, 0.3], "input_size": [3, 96, 96]},
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_local_folder(local_folder: Path, weights: dict[str, torch.Tensor]) -> None:
    found = body(f"local-dir:{local_folder}", pretrained=True)
    assert torch.equal(found.module.state_dict()["conv1.0.weight"], weights["conv1.0.weight"])
    assert tuple(found.config["mean"]) == (0.1, 0.2, 0.3) and found.config["input_size"] == (3, 96, 96)
    assert found.architecture.name == TINY and found.architecture.pretrained_from == f"local-dir:{local_folder}"
    scratch = body(f"local-dir:{local_folder}")
    assert not torch.equal(scratch.module.state_dict()["conv1.0.weight"], weights["conv1.0.weight"])


def _fake_cache(home: Path, weights: dict[str, torch.Tensor]) -> None:
    """The layout that the hub's client leaves behind after a download."""
    repository = timm.get_pretrained_cfg(TINY).hf_hub_id
    folder = home / ("models--" + repository.replace("/", "--"))
    snapshot = folder / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("a" * 40)
    classes = {k: v for k, v in weights.items() if not k.startswith("fc.")}
    save_file(
        {**classes, "fc.weight": torch.zeros(1000, weights["fc.weight"].shape[1]), "fc.bias": torch.zeros(1000)},
        snapshot / "model.safetensors",
    )


def test_cached_weights_need_no_network(
    tmp_path: Path, weights: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake_cache(tmp_path, weights)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(bodies, "hub_answers", lambda: pytest.fail("the network was asked"))
    found = body(pretrained=True)
    assert torch.equal(found.module.state_dict()["conv1.0.weight"], weights["conv1.0.weight"])


@pytest.mark.parametrize("offline", [True, False])
def test_an_unreachable_hub_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: bool) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    for proxy in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    with pytest.raises(ModelError, match=r"local-dir:FOLDER.*pretrained=False") as caught:
        body(pretrained=True)
    assert ("HF_HUB_OFFLINE" in str(caught.value)) == offline


def test_a_download_that_fails_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(bodies, "hub_answers", lambda: True)

    def fail(*_: object) -> str:
        raise OSError("connection reset")

    monkeypatch.setattr(bodies, "hf_hub_download", fail)
    with pytest.raises(ModelError, match=r"connection reset.*local-dir"):
        body(pretrained=True)


def test_what_cannot_be_loaded(tmp_path: Path, local_folder: Path) -> None:
    with pytest.raises(ModelError, match="Did you mean 'resnet18'"):
        body("resnt18")
    with pytest.raises(ModelError, match="timm folder"):
        body(f"local-dir:{tmp_path}/nowhere", pretrained=True)
    (local_folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (local_folder / "model.safetensors").rename(local_folder / "other")
    with pytest.raises(ModelError, match="never pickles"):
        body(f"local-dir:{local_folder}", pretrained=True)
    (local_folder / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="architecture"):
        body(f"local-dir:{local_folder}")
    with pytest.raises(ModelError, match="Did you mean 'a1_in1k'"):
        body("resnet18.a1_in2k")
    unpublished = next(n for n in timm.list_models() if not getattr(timm.get_pretrained_cfg(n), "hf_hub_id", None))
    with pytest.raises(ModelError, match="no pretrained weights"):
        body(unpublished, pretrained=True)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_other_numbers_of_channels(local_folder: Path, channels: int) -> None:
    found = body(f"local-dir:{local_folder}", pretrained=True, channels=channels)
    assert found.module(torch.zeros(2, channels, 64, 64)).shape == (2, found.architecture.features)


@pytest.mark.parametrize("arch", ["test_vit", "test_resnet", "test_convnext", "test_efficientnet", "test_mambaout"])
@pytest.mark.parametrize("size_px", [None, 96])
def test_families_are_rebuilt_alike_at_any_size(arch: str, size_px: int | None) -> None:
    found = body(arch, size_px=size_px)
    again = rebuild_body(found.architecture, 3)
    again.load_state_dict(found.module.state_dict())
    again.eval()
    pictures = torch.rand(2, *found.config["input_size"])
    assert size_px is None or pictures.shape[-1] == size_px
    with torch.inference_mode():
        torch.testing.assert_close(again(pictures), found.module(pictures))


def _families() -> dict[str, str]:
    """One small architecture of each family that timm knows."""
    members: dict[str, list[str]] = defaultdict(list)
    for name in timm.list_models():
        members[_model_to_module[name]].append(name)
    small = ("test_", "tiny", "nano", "atto", "pico", "small", "_s", "18", "_t", "xxs", "b0")
    return {f: min(names, key=lambda n: (not any(s in n for s in small), len(n))) for f, names in members.items()}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_rates_reach_every_family_layer_by_layer() -> None:
    """Built without memory for their parameters: 98 families in a few seconds."""
    families = _families()
    assert len(families) > 80
    shallow: list[str] = []
    for family, name in families.items():
        with torch.device("meta"):
            module = timm.create_model(name, num_classes=0)
        depths = parameter_depths(module)
        assert set(depths) == {n for n, _ in module.named_parameters()}, family
        assert min(depths.values()) >= 0 and max(depths.values()) == 1, family
        if len(set(depths.values())) < 4:
            shallow.append(f"{family}: {name}")
    assert shallow == []


def test_depth_falls_back_on_the_order_of_layers() -> None:
    plain = torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(4)))
    depths = parameter_depths(plain)
    assert depths["0.weight"] == 0 and depths["3.bias"] == 1
    assert list(depths.values()) == sorted(depths.values())
