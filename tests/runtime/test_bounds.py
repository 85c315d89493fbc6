"""A description has bounds: no number, text or list in it makes the reader take all memory or time."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from drivetrain.errors import ArtefactError
from drivetrain.runtime.artefact import MANIFEST, MODEL, open_artefact, write_artefact
from drivetrain.runtime.files.plain_json import read_json
from drivetrain.runtime.golden import EXPECTED
from drivetrain.runtime.loading import load
from drivetrain.runtime.trust.body_options import check_options, plain_expectations
from drivetrain.runtime.trust.known_models import CACHE_DIR

from .models import describe, light_bytes


@pytest.fixture
def strange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An artefact that another user has saved."""
    monkeypatch.setenv(CACHE_DIR, str(tmp_path / "their cache"))
    golden = {"inputs": ["0.jpg"], "outputs": [[0.0, 1.0]], "tolerance": 0.01}
    contents = {MODEL: light_bytes(), "golden/0.jpg": b"x", EXPECTED: json.dumps(golden).encode()}
    path = write_artefact(tmp_path / "theirs.model", contents, describe()).path
    monkeypatch.setenv(CACHE_DIR, str(tmp_path / "our cache"))
    return path


def put(folder: Path, where: str, text: str) -> None:
    """JSON text at a place of the manifest, valid or not."""
    manifest = json.loads((folder / MANIFEST).read_text())
    at = manifest
    *outer, last = where.split(".")
    for key in outer:
        at = at[key]
    at[last] = "@@"
    (folder / MANIFEST).write_text(json.dumps(manifest).replace('"@@"', text))


@pytest.mark.parametrize(
    ("where", "text", "message"),
    [
        ("input.crop_pct", "1e-7", "crop_pct=1e-07 makes working pictures of 40000000 px"),
        ("input.crop_pct", "0.0001", "makes working pictures of 40000 px"),
        ("input.size_px", "100000", "less than or equal to 4096"),
        ("input.channels", "1000000000", "less than or equal to 256"),
        ("input.mean", "[NaN, 0, 0]", "the number NaN"),
        ("input.mean", "[1e999, 0, 0]", "a number that is out of range: 1e999"),
        ("input.std", "[1e-300, 1, 1]", "of ordinary size"),
        ("architecture.features", "1000000000", "less than or equal to 262144"),
        ("architecture.name", '"local-dir:other/evil"', "architecture.name: String should match"),
        ("architecture.name", '"hf-hub:ada/evil"', "architecture.name: String should match"),
        ("architecture.options", '{"checkpoint_path": "other/evil.pt"}', "option 'checkpoint_path' is not one"),
        ("architecture.options", '{"act_layer": "other/evil.pt"}', "'act_layer' is no number"),
        ("target.vocab", json.dumps(["\x1b[2J", "b"]), r"'\\x1b\[2J' has a control character"),
        ("target.vocab", json.dumps(["gpj.\u202eevil", "b"]), "has a control character"),
        ("target.vocab", json.dumps(["a" * 5000, "b"]), "5,000 letters"),
        ("target.vocab", json.dumps([f"c{i}" for i in range(100_001)]), "100,001|100,002 categories"),
        ("calibration", '{"coverage": 0.9, "n": 1, "temperature": 1e-300}', "calibration.temperature"),
        ("reference", '{"n": 1, "confidence": {"edges": [], "counts": [1], "mean": 1, "std": -1}}', "std"),
        ("history", "[{}" + ",{}" * 100_000 + "]", "history"),
        ("n.train", "-1", "n.train"),
        ("created", "[" * 100 + "]" * 100, "more than 64 levels"),
        ("created", '"a", "created": "b"', "it says 'created' twice"),
        ("created", "9" * 5000, "whole number of 5000 digits"),
        ("files", json.dumps({f"f{i}": {"bytes": 0, "sha256": "0" * 64} for i in range(1001)}), "at most 1000"),
    ],
)  # fmt: skip
def test_what_is_out_of_bounds_is_refused(strange: Path, where: str, text: str, message: str) -> None:
    put(strange, where, text)
    with pytest.raises(ArtefactError, match=rf"{message}.*To fix"):
        open_artefact(strange)


def test_sizes_are_looked_at_before_contents(strange: Path) -> None:
    (strange / MANIFEST).write_bytes(b" " * (32 * 2**20 + 1))
    with pytest.raises(ArtefactError, match="33,554,433 bytes, more than 33,554,432"):
        open_artefact(strange)
    os.remove(strange / MANIFEST)  # noqa: PTH107
    os.mkfifo(strange / MANIFEST)
    with pytest.raises(ArtefactError, match=r"no manifest|link or something else"):
        open_artefact(strange)


def test_a_file_larger_than_any_is_not_hashed(strange: Path) -> None:
    with (strange / "golden" / "0.jpg").open("r+b") as stream:
        stream.truncate(2**40)  # a hole: takes no room, and hours to read
    manifest = json.loads((strange / MANIFEST).read_text())
    manifest["files"]["golden/0.jpg"]["bytes"] = 2**40
    (strange / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match="1,099,511,627,776 bytes, and the model was not saved here"):
        open_artefact(strange)


def golden(folder: Path, **changes: Any) -> None:
    said = json.loads((folder / EXPECTED).read_text()) | changes
    (folder / EXPECTED).write_text(json.dumps(said))
    manifest = json.loads((folder / MANIFEST).read_text())
    content = (folder / EXPECTED).read_bytes()
    manifest["files"][EXPECTED] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tolerance": 1e30}, r"tolerance=1e\+30 lets other answers pass: expected at most 0.1"),
        ({"tolerance": 0.2}, "lets other answers pass"),
        ({"inputs": ["0.jpg"] * 65, "outputs": [[0.0, 1.0]] * 65}, "at most 64"),
        ({"inputs": ["../manifest.json"]}, "has no golden/../manifest.json"),
        ({"outputs": [[1.0]]}, "answers with 1 numbers"),
        ({"outputs": [[1e300, 1.0]]}, "out of range"),
    ],
)
def test_golden_examples_have_bounds(strange: Path, changes: dict[str, Any], message: str) -> None:
    golden(strange, **changes)
    with pytest.raises(ArtefactError, match=message):
        load(strange)


@pytest.mark.parametrize(
    "options",
    [
        {"img_size": 96},
        {"num_features": 2048, "num_heads": [3, 6, 12, 24], "depths": [2, 2, 18, 2]},
        {"layers": [2, 2, 2, 2], "channels": [32, 64, 160, 240], "stem_width": 16, "stem_type": "deep"},
        {"pad_type": "same", "bn_eps": 0.001},
        {"patch_size": [16, 16], "qkv_bias": False, "act_layer": "gelu", "init_values": None},
    ],
)  # fmt: skip
def test_plain_options_are_taken(options: dict[str, Any]) -> None:
    check_options(options)


@pytest.mark.parametrize(
    "options",
    [
        {"pretrained": True},
        {"pretrained_cfg": {"file": "x"}},
        {"pretrained_cfg_overlay": {"file": "x"}},
        {"checkpoint_path": "x"},
        {"cache_dir": "x"},
        {"features_only": True},
        {"scriptable": True},
        {"block_args": [{"a": 1}]},
        {"img_size": "/etc/passwd"},
        {"img_size": {"a": 1}},
        {"img_size": 10**9},
        {"img_size": float("nan")},
        {"layers": [2] * 65},
        {"layers": [1000]},
        {"layers": [200, 200]},
        {"depths": [[3, 3], [64] * 4]},
        {"layers": [[[[2]]]]},
        {"act_layer": "os.system"},
        {"act_layer": "a" * 41},
        {"": 1},
    ],
)
def test_all_other_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the option"):
        check_options(options)


def test_of_a_folders_expectations_only_what_pictures_need_is_kept() -> None:
    said = {"mean": [0.5], "std": (0.5,), "input_size": [3, 96, 96], "crop_pct": 1.0, "interpolation": "bicubic"}
    dangerous = {"file": "x", "url": "x", "hf_hub_id": "x", "custom_load": True, "source": "x", "architecture": "x"}
    assert plain_expectations({**said, **dangerous}) == said
    for wrong in ({"mean": ["a"]}, {"mean": [1e300]}, {"input_size": [10**9]}, {"first_conv": "a/b"}, {"crop_pct": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            plain_expectations({**said, **wrong})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": {"a": 1}, "a": 2}', "twice"),
        (b"[-Infinity]", "-Infinity"),
        (b"[1e400]", "out of range"),
        (b"[" * 100_000, "levels"),
        (b"[" * 65 + b"]" * 65, "levels"),
        (b"[1" + b"0" * 30 + b"]", "31 digits"),
        (b'"\xff"', "utf-8"),
        (b"[1, 2", "delimiter"),
        (b" " * 101, "101 bytes"),
    ],
)
def test_json_is_read_in_one_way_only(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_json(content, most_bytes=max(100, len(content) if b"[" in content else 100))


def test_brackets_in_texts_are_no_levels() -> None:
    assert read_json(b'["' + b"[" * 500 + b'\\"[[", 1]', most_bytes=1000)[1] == 1
