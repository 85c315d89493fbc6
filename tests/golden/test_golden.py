"""Artefacts of every format there ever was are read for ever, and answer as they did.

`v2.model` was saved by the drivetrain that brought format 2, `v1.model` by the last one that wrote format 1 (it needs
torch); both by `make.py` or its like, once. The files beside them say what was answered then.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.runtime.artefact import open_artefact
from drivetrain.runtime.onnx.engine import OnnxEngine
from drivetrain.runtime.predictor import Predictor
from drivetrain.training.fast.inference import TorchEngine

HERE = Path(__file__).parent
FORMATS = ("v1", "v2")
MOST_BYTES = 200_000


def answered(predictor: Predictor, version: str) -> None:
    expected = json.loads((HERE / f"{version}.json").read_text())
    for then, now in zip(expected, predictor.predict_many([HERE / line["path"] for line in expected]), strict=True):
        assert now.label == then["label"]
        assert dict(now.top) == pytest.approx({item["label"]: item["probability"] for item in then["top"]}, abs=0.02)
        assert list(now.set) == then.get("set", list(now.set)) and now.abstained == then.get("abstained", False)


@pytest.mark.parametrize("version", FORMATS)
def test_answers_are_as_they_were(version: str) -> None:
    answered(dt.load(HERE / f"{version}.model"), version)


def test_format_2_needs_no_torch_and_proves_itself() -> None:
    predictor = dt.load(HERE / "v2.model")
    assert isinstance(predictor.engine, OnnxEngine) and predictor.calibration is not None
    found = predictor.self_test()
    assert found.passed and found.n == 4, found.reason
    assert predictor.manifest is not None and predictor.manifest.reference is not None


def test_both_engines_of_format_2_say_the_same() -> None:
    with_onnx = dt.load(HERE / "v2.model")
    with_torch = dt.load(HERE / "v2.model", precision="bf16", device="cpu")
    assert isinstance(with_torch.engine, TorchEngine)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    spread = with_onnx.run(pixels).std()
    np.testing.assert_allclose(with_torch.run(pixels), with_onnx.run(pixels), atol=0.2 * spread)


def test_format_1_is_taken_up_with_torch() -> None:
    predictor = dt.load(HERE / "v1.model")
    assert isinstance(predictor.engine, TorchEngine)
    assert "holds no model.onnx" in predictor.decisions["engine"].reason
    assert not predictor.self_test().passed and predictor.calibration is None


@pytest.mark.parametrize("version", FORMATS)
def test_they_are_small_and_whole(version: str, tmp_path: Path) -> None:
    path = HERE / f"{version}.model"
    assert sum(item.stat().st_size for item in path.rglob("*") if item.is_file()) < MOST_BYTES
    assert open_artefact(path).manifest.format_version == int(version[1:])
    assert open_artefact(shutil.copytree(path, tmp_path / "elsewhere.model"))
