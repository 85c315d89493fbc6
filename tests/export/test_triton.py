"""A model repository for Triton: its description is one of Triton's own kind, and says what the file says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest

import drivetrain as dt
from drivetrain.errors import ArtefactError, DrivetrainError, SettingError
from drivetrain.export.triton import write_triton
from tests.serving.tiny import CATEGORY, NUMBER, SEVERAL, make_artefact, picture
from tests.tuning.conftest import rows

ONNX_TYPES = {"TYPE_UINT8": "tensor(uint8)", "TYPE_INT64": "tensor(int64)", "TYPE_FP32": "tensor(float)"}


@pytest.fixture(scope="module")
def protobuf() -> ModuleType:
    """Triton's own classes, from its client; the file alone, as the rest of it needs gRPC."""
    pytest.importorskip("google.protobuf")
    found = importlib.util.find_spec("tritonclient")
    if found is None or not found.submodule_search_locations:
        pytest.skip("tritonclient is not installed")
    file = Path(found.submodule_search_locations[0]) / "grpc" / "model_config_pb2.py"
    spec = importlib.util.spec_from_file_location("model_config_pb2", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parsed(protobuf: Any, folder: Path) -> Any:
    from google.protobuf import text_format

    return text_format.Parse((folder / "config.pbtxt").read_text(encoding="utf-8"), protobuf.ModelConfig())


def same_as_the_file(protobuf: Any, folder: Path) -> Any:
    """Names, types and sides are those of model.onnx, whose first side is the batch."""
    said = parsed(protobuf, folder)
    assert (said.name, said.platform) == (folder.name, "onnxruntime_onnx")
    assert said.max_batch_size > 1 and said.HasField("dynamic_batching")
    session = onnxruntime.InferenceSession(folder / "1" / "model.onnx", providers=["CPUExecutionProvider"])
    for described, there in ((said.input, session.get_inputs()), (said.output, session.get_outputs())):
        assert [each.name for each in described] == [each.name for each in there]
        for mine, its in zip(described, there, strict=True):
            assert ONNX_TYPES[protobuf.DataType.Name(mine.data_type)] == its.type
            assert list(mine.dims) == [side if isinstance(side, int) else -1 for side in its.shape[1:]]
            assert not isinstance(its.shape[0], int)
    return said


@pytest.mark.parametrize("target", [CATEGORY, SEVERAL, NUMBER], ids=["category", "several", "number"])
def test_pictures(protobuf: Any, tmp_path: Path, target: Any) -> None:
    model = make_artefact(tmp_path, target, name="my colours")
    place = write_triton(model, tmp_path / "repository")
    assert place == tmp_path / "repository" / "my-colours"
    said = same_as_the_file(protobuf, place)
    assert [list(each.dims) for each in (*said.input, *said.output)] == [[24, 24, 3], [3]]
    assert (place / "1" / "model.onnx").read_bytes() == (model / "model.onnx").read_bytes()
    assert [each.name for each in tmp_path.joinpath("repository").iterdir()] == ["my-colours"]  # nothing half made
    assert said.output[0].label_filename == ("" if target is NUMBER else "labels.txt")
    if target is not NUMBER:
        assert (place / "labels.txt").read_text().splitlines() == ["red", "green", "blue"]


def test_what_the_comment_says_of_raw_outputs_is_true(protobuf: Any, tmp_path: Path) -> None:
    model = dt.load(make_artefact(tmp_path, calibration=None))
    place = write_triton(tmp_path / "colours.model", tmp_path)
    session = onnxruntime.InferenceSession(place / "1" / "model.onnx", providers=["CPUExecutionProvider"])
    pixels = np.stack([model.read(picture("green"))[0]])
    (raw,) = session.run(None, {"pixels": pixels})
    answer = model.predict(picture("green"))
    bare = np.exp(raw[0]) / np.exp(raw[0]).sum()
    assert answer.label == (place / "labels.txt").read_text().splitlines()[bare.argmax()] == "green"
    assert answer.probability == pytest.approx(bare.max(), rel=1e-5)


def test_rows_of_a_table_go_in_many_at_a_time(protobuf: Any, tmp_path: Path) -> None:
    line = dt.Linear(dt.table(rows(), target="y", project=tmp_path / "project"))
    place = write_triton(line.save(tmp_path / "line.model"), tmp_path / "repository")
    said = same_as_the_file(protobuf, place)
    assert said.max_batch_size == 1024
    assert len(said.input) > 0


def test_a_label_of_two_lines_stays_one(protobuf: Any, tmp_path: Path) -> None:
    odd = CATEGORY.model_copy(update={"vocab": ('two\nlines "x"', "größer", "c")})
    place = write_triton(make_artefact(tmp_path, odd), tmp_path / "repository")
    same_as_the_file(protobuf, place)
    assert (place / "labels.txt").read_text(encoding="utf-8").splitlines() == ['two\\nlines "x"', "größer", "c"]


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    model = make_artefact(tmp_path)
    write_triton(model, tmp_path / "repository")
    before = sorted(tmp_path.joinpath("repository").rglob("*"))
    with pytest.raises(SettingError, match=r"colours is there already.*To fix"):
        write_triton(model, tmp_path / "repository")
    assert sorted(tmp_path.joinpath("repository").rglob("*")) == before
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="To fix"):
        write_triton(model, tmp_path / "file")


def test_a_model_without_onnx_says_what_makes_it(tmp_path: Path) -> None:
    golden = Path(__file__).parents[1] / "golden" / "v1.model"
    with pytest.raises(ArtefactError, match=r"has no model\.onnx.*To fix: drivetrain export"):
        write_triton(golden, tmp_path)
    with pytest.raises(DrivetrainError):
        write_triton(tmp_path, tmp_path)
