"""A model from elsewhere is tried in a process of its own, once; what this user saved is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from drivetrain.errors import ArtefactError, SettingError
from drivetrain.runtime.artefact import MODEL, open_artefact, update_manifest, write_artefact
from drivetrain.runtime.loading import load
from drivetrain.runtime.trust import quarantine
from drivetrain.runtime.trust.known_models import CACHE_DIR, identity, is_known, remember
from drivetrain.runtime.trust.quarantine import TRIAL, ensure_tried

from .models import describe, light_bytes, light_model

PALE = np.full((9, 9, 3), 250, np.uint8)


def wide_model(n: int) -> bytes:
    """As `light_model`, and n × n numbers on the way, whatever the picture."""
    model = light_model()
    ones = np.ones((n, 1), np.float32)
    model.graph.initializer.extend([numpy_helper.from_array(ones, "c"), numpy_helper.from_array(ones.T.copy(), "r")])
    nodes = [
        helper.make_node("Cast", ["outputs"], ["again"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["again"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["c", "mean"], ["scaled"]),  # so that it cannot be folded away
        helper.make_node("MatMul", ["scaled", "r"], ["wide"]),
        helper.make_node("ReduceMax", ["wide"], ["most"], keepdims=0),
        helper.make_node("Mul", ["most", "nothing"], ["zero"]),
        helper.make_node("Add", ["outputs", "zero"], ["final"]),
    ]
    model.graph.initializer.append(numpy_helper.from_array(np.array(0, np.float32), "nothing"))
    model.graph.node.extend(nodes)
    model.graph.output[0].name = "final"
    return model.SerializeToString()


def strange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes = b"") -> Path:
    """An artefact that another user has saved."""
    monkeypatch.setenv(CACHE_DIR, str(tmp_path / "their cache"))
    path = write_artefact(tmp_path / "theirs.model", {MODEL: content or light_bytes()}, describe()).path
    monkeypatch.setenv(CACHE_DIR, str(tmp_path / "our cache"))
    return path


def test_a_model_from_elsewhere_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = strange(tmp_path, monkeypatch)
    tasks: list[str] = []
    run = quarantine._run
    monkeypatch.setattr(quarantine, "_run", lambda task: (tasks.append(task), run(task))[1])
    assert load(path).predict(PALE).label == "pale"
    assert len(tasks) == 1 and is_known(open_artefact(path).manifest, "tried with onnxruntime")
    shutil.copytree(path, tmp_path / "copy.model")
    assert load(tmp_path / "copy.model").predict(PALE).label == "pale"
    assert len(tasks) == 1
    (tmp_path / "our cache" / "models.txt").unlink()
    load(path)
    assert len(tasks) == 2


def test_what_this_user_saved_is_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "_run", lambda task: pytest.fail("it was tried"))
    artefact = write_artefact(tmp_path / "ours.model", {MODEL: light_bytes()}, describe())
    assert is_known(artefact.manifest, "saved")
    assert load(artefact.path).predict(PALE).label == "pale"
    changed = update_manifest(artefact, metrics=("f1",))
    assert identity(changed.manifest) == identity(artefact.manifest)
    load(artefact.path)


@pytest.mark.parametrize(
    ("content", "bounds", "message"),
    [
        (wide_model(60_000), "60,1", "cannot answer|no more memory|cannot be run"),  # 14 GB
        (wide_model(20_000), "0.05,8", "took longer than that"),
    ],
)
def test_a_model_that_takes_too_much_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, bounds: str, message: str
) -> None:
    path = strange(tmp_path, monkeypatch, content)
    monkeypatch.setenv(TRIAL, bounds)
    with pytest.raises(ArtefactError, match=rf"({message})(.|\n)*To fix"):
        load(path)
    assert not is_known(open_artefact(path).manifest, "tried with onnxruntime")


def answering(*nodes: onnx.NodeProto, **constants: np.ndarray) -> bytes:
    """As `light_model`, its outputs changed by nodes that give `final`."""
    model = light_model()
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items())
    model.graph.output[0].name = "final"
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (answering(helper.make_node("Log", ["outputs"], ["final"])), "1 of 1 rows with numbers that are not f"),
        (
            answering(helper.make_node("Mul", ["outputs", "odd"], ["final"]), odd=np.float32([np.inf, 1])),
            "1 of 1 rows with numbers that are not finite",
        ),
        (
            answering(helper.make_node("Concat", ["outputs", "outputs"], ["final"], axis=0)),
            r"answered numbers of shape \(2, 2\): expected \(1, 2\)",
        ),
        (
            answering(helper.make_node("Slice", ["outputs", "a", "a"], ["final"]), a=np.array([0])),
            r"answered numbers of shape \(0, 2\)",
        ),
    ],
)  # fmt: skip
def test_numbers_that_are_no_answer_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    """In the trial, and, for what this user has saved, when it is asked."""
    ours = write_artefact(tmp_path / "ours.model", {MODEL: content}, describe()).path
    with pytest.raises(ArtefactError, match=message):
        load(ours).predict(PALE * 0)
    path = strange(tmp_path, monkeypatch, content)
    with pytest.raises(ArtefactError, match="the network answered"):
        load(path)


def test_the_bounds_are_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artefact = open_artefact(strange(tmp_path, monkeypatch))
    monkeypatch.setattr(quarantine, "_run", lambda task: pytest.fail("it was tried"))
    monkeypatch.setenv(TRIAL, "off")
    ensure_tried(artefact, "onnxruntime")
    for wrong in ("on", "1", "1,2,3", "-1,2", "nan,1", "1,inf"):
        monkeypatch.setenv(TRIAL, wrong)
        with pytest.raises(SettingError, match=f"{TRIAL}=.*expected 'off'.*To fix"):
            ensure_tried(artefact, "onnxruntime")


def test_without_a_cache_it_is_tried_every_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artefact = open_artefact(strange(tmp_path, monkeypatch))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(CACHE_DIR, str(tmp_path / "file" / "cache"))
    remember(artefact.manifest, "saved")
    assert not is_known(artefact.manifest, "saved")


@pytest.mark.parametrize(("cpu_s", "tries"), [(2.0, 2), (19.0, 1)])
def test_a_trial_is_late_only_where_it_had_a_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpu_s: float, tries: int
) -> None:
    tasks: list[float] = []
    used = iter([0.0, cpu_s])
    monkeypatch.setattr(quarantine, "_cpu_s_of_children", lambda: next(used))

    def run(task: str) -> tuple[int, str]:
        tasks.append(json.loads(task)["seconds"])
        return (quarantine.LATE, "") if len(tasks) == 1 else (0, '"passed"')

    monkeypatch.setattr(quarantine, "_run", run)
    artefact = open_artefact(write_artefact(tmp_path / "theirs.model", {MODEL: light_bytes()}, describe()).path)
    if tries == 1:
        with pytest.raises(ArtefactError, match="took longer"):
            quarantine._try(artefact, "onnxruntime", 20.0, 1.5)
    else:
        quarantine._try(artefact, "onnxruntime", 20.0, 1.5)
    assert tasks == [20.0, 100.0][:tries]
