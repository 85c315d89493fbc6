"""Options of an architecture never reach files: of a saved model, and of a timm folder that somebody handed over."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from drivetrain.errors import ModelError
from drivetrain.kinds.images.bodies.load import load_body, rebuild_body
from drivetrain.kinds.images.bodies.local_bodies import embedded_folder
from drivetrain.runtime.manifest import Architecture

TINY = "test_resnet"


class Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """A checkpoint that runs code when it is unpickled."""
    place = tmp_path / "evil.pt"
    place.write_bytes(pickle.dumps(Evil(tmp_path / "ran")))
    return place


def options_with(evil: Path) -> list[dict[str, Any]]:
    return [
        {"checkpoint_path": str(evil)},
        {"pretrained": True, "pretrained_cfg": {"file": str(evil)}},
        {"pretrained_cfg_overlay": {"file": str(evil)}},
        {"cache_dir": str(evil.parent)},
        {"features_only": True},
    ]


def test_options_that_name_files_are_refused(evil: Path, tmp_path: Path) -> None:
    for options in options_with(evil):
        with pytest.raises(ValidationError, match="is not one that a description may give"):
            Architecture(name=TINY, options=options, pretrained_from=None, features=8, dropout=0)
        folder = tmp_path / f"body{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"architecture": TINY, "model_args": options}))
        with pytest.raises(ModelError, match=r"config\.json cannot be used: the option .*To fix"):
            load_body(f"local-dir:{folder}", pretrained=False, channels=3, size_px=32, dropout=0)
    assert not (tmp_path / "ran").exists()


def test_files_that_a_folder_names_are_not_opened(evil: Path, tmp_path: Path) -> None:
    folder = tmp_path / "body"
    folder.mkdir()
    config = {"file": str(evil), "url": f"file://{evil}", "custom_load": True, "input_size": [3, 32, 32]}
    (folder / "config.json").write_text(json.dumps({"architecture": TINY, "pretrained_cfg": config}))
    body = load_body(f"local-dir:{folder}", pretrained=False, channels=3, size_px=None, dropout=0)
    assert body.config["input_size"] == (3, 32, 32)
    assert body.module.pretrained_cfg.get("file") is None and not body.module.pretrained_cfg.get("custom_load")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "config",
    [
        {"model_args": []},
        {"pretrained_cfg": []},
        {"pretrained_cfg": {"mean": "x"}},
        {"pretrained_cfg": {"input_size": [3, 10**9, 10**9]}},
        {"model_args": {"layers": [10**9]}},
        {"model_args": {"channels": [float("nan")]}},
    ],
)
def test_a_folder_that_says_nonsense_is_refused(config: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architecture": TINY, **config}))
    with pytest.raises(ModelError, match=r"config\.json cannot be (used|read)"):
        load_body(f"local-dir:{tmp_path}", pretrained=False, channels=3, size_px=32, dropout=0)


def test_where_a_body_came_from_is_text(tmp_path: Path, evil: Path) -> None:
    described = Architecture(name=TINY, pretrained_from=f"local-dir:{evil}", features=8, dropout=0)
    assert rebuild_body(described, 3) is not None
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name", ["local-dir:other/x", "hf-hub:ada/x", "resnet18.other/x", "../resnet18", "resnet18.a.b"]
)
def test_names_that_are_no_architectures_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="name"):
        Architecture(name=name, pretrained_from=None, features=8, dropout=0)


def test_the_embedded_body_is_plain() -> None:
    body = load_body("embedded", pretrained=True, channels=3, size_px=32, dropout=0)
    args = json.loads((embedded_folder() / "config.json").read_text())["model_args"]
    assert body.architecture.options == args
