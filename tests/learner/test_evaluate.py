"""The artefact: saved, loaded without the data, evaluated on rows found again, refused when altered."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import drivetrain as dt
from drivetrain.data.data import Data
from drivetrain.errors import ArtefactError, DataError, DrivetrainWarning, SettingError
from drivetrain.runtime.artefact import CARD, DATA, GOLDEN, MANIFEST, MODEL, WEIGHTS, open_artefact

from .conftest import ARCH, MakeLearner


@pytest.fixture(scope="module")
def saved(squares: Path, data: Data, tmp_path_factory: pytest.TempPathFactory) -> tuple[dt.Learner, Path]:
    learn = dt.Learner(data, ARCH, pretrained=False, size=32, precision="fp32", device="cpu")
    learn.fit(4, checkpoint=False)
    return learn, learn.save(tmp_path_factory.mktemp("saved") / "squares.model")


def test_loads_without_the_training_data(saved: tuple[dt.Learner, Path], data: Data, tmp_path: Path) -> None:
    learn, path = saved
    moved = shutil.copytree(path, tmp_path / "elsewhere.model")
    predictor = dt.load(moved, precision="fp32", device="cpu")
    pictures = [p.read_bytes() for p in data.valid.inputs.paths]
    ours = list(learn.predict_many(pictures))
    theirs = list(predictor.predict_many(pictures))
    for mine, other in zip(ours, theirs, strict=True):  # batch norm is folded in a loaded model: rounding differs
        assert dict(other.top) == pytest.approx(dict(mine.top), abs=1e-6)
    assert predictor.predict(pictures[0]).label == ours[0].label


def test_prediction_and_validation_read_pictures_alike(saved: tuple[dt.Learner, Path], data: Data) -> None:
    """One piece of code prepares pictures for both, so the same picture gets the same probabilities."""
    learn, _ = saved
    table = learn.predictions()
    for row, prediction in enumerate(learn.predict_many(data.valid.inputs.paths, batch_size=64)):
        probabilities = dict(prediction.top)
        expected = dict(zip(data.target.vocab, table.output[row].tolist(), strict=True))
        assert probabilities == pytest.approx(expected, abs=1e-6)


def test_files_are_plain(saved: tuple[dt.Learner, Path]) -> None:
    _, path = saved
    assert {item.name for item in path.iterdir()} >= {MANIFEST, WEIGHTS, DATA, MODEL, CARD, GOLDEN}
    assert {item.suffix for item in path.rglob("*") if item.is_file()} == {
        ".json",
        ".safetensors",
        ".onnx",
        ".md",
        ".jpg",
    }
    manifest = json.loads((path / MANIFEST).read_text())
    assert manifest["format_version"] == 2
    assert manifest["n"] == {"train": 36, "valid": 12, "test": 12}
    assert set(manifest["validation"]["accuracy"]) == {"value", "low", "high", "n"}
    assert manifest["test_openings"] == []
    assert manifest["metrics"] == ["accuracy", "log_loss"]
    assert manifest["decisions"]["batch_size"]["reason"]


def test_evaluate_finds_the_rows_by_content(saved: tuple[dt.Learner, Path], squares: Path, tmp_path: Path) -> None:
    learn, path = saved
    renamed = tmp_path / "renamed"
    for i, file in enumerate(sorted(squares.rglob("*.png"))):
        (renamed / file.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, renamed / file.parent.name / f"new-{i:03}.png")
    found = dt.evaluate(path, data=renamed, precision="fp32")
    assert found.not_found == 0
    assert found.scores["accuracy"] == learn.validate()["accuracy"]
    assert sorted(found.predictions.ids) == sorted(learn.data.valid.digests)
    gone = next(f for f in renamed.rglob("*.png") if f.read_bytes() == learn.data.valid.inputs.paths[0].read_bytes())
    gone.unlink()
    fewer = dt.evaluate(path, data=renamed, precision="fp32")
    assert fewer.not_found == 1 and fewer.scores["accuracy"].n == 11


def test_evaluate_remembers_where_the_data_were(saved: tuple[dt.Learner, Path]) -> None:
    assert dt.evaluate(saved[1]).scores["accuracy"].n == 12


def test_opening_the_test_set_is_recorded_in_the_artefact(saved: tuple[dt.Learner, Path], tmp_path: Path) -> None:
    path = shutil.copytree(saved[1], tmp_path / "m.model")
    before = open_artefact(path).manifest
    found = dt.evaluate(path, "test")
    assert sorted(found.predictions.ids) == sorted(saved[0].data.sealed_test.open().digests)
    scores = found.scores
    assert scores.part == "test" and scores["accuracy"].n == 12
    dt.evaluate(path, "test")
    after = open_artefact(path).manifest
    assert len(after.test_openings) == 2
    assert after.test_openings[0].scores["accuracy"].value == scores["accuracy"].value
    assert after.test_openings[0].parameters_sha256 == before.parameters_sha256


def test_evaluate_explains_what_it_cannot_do(saved: tuple[dt.Learner, Path], tmp_path: Path) -> None:
    path = saved[1]
    with pytest.raises(SettingError, match="'valid', 'test' or 'new'"):
        dt.evaluate(path, "train")
    other = tmp_path / "other"
    for name in ("blue", "red"):
        (other / name).mkdir(parents=True)
        Image.fromarray((np.arange(192, dtype=np.uint8) + len(name)).reshape(8, 8, 3)).save(other / name / "x.png")
    with pytest.raises(DataError, match=r"none of the 12 .*part='new'"):
        dt.evaluate(path, "test", data=other)
    with pytest.raises(SettingError, match="pass them as data"):
        dt.evaluate(path, "new")
    with pytest.warns(DrivetrainWarning, match="1 of the model's 3 classes has no row in the data.*'green'"):
        found = dt.evaluate(path, data=other)  # none of its validation rows: these are new
    assert (found.scores.part, found.scores.n, found.not_found) == ("new", 2, 0)


def test_a_model_trained_from_a_frame_names_what_is_needed(
    make_learner: MakeLearner, data: Data, tmp_path: Path
) -> None:
    rows = [(str(p), v) for p, v in zip(data.train.inputs.paths, data.train.values, strict=True)]
    frame = pd.DataFrame(rows, columns=["path", "label"])
    path = make_learner(dt.images(frame, test_pct=0)).fit(1).save(tmp_path / "m.model")
    with pytest.raises(DataError, match="pass data"):
        dt.evaluate(path)
    assert dt.evaluate(path, data=frame).not_found == 0
    with pytest.raises(DataError, match="without a test set"):
        dt.evaluate(path, "test", data=frame)


def _flip_a_byte(path: Path) -> None:
    content = bytearray((path / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (path / WEIGHTS).write_bytes(content)


def _edit(change: Callable[[dict[str, object]], None]) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        manifest = json.loads((path / MANIFEST).read_text())
        change(manifest)
        (path / MANIFEST).write_text(json.dumps(manifest))

    return edit


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_flip_a_byte, "content has changed"),
        (lambda p: (p / WEIGHTS).write_bytes((p / WEIGHTS).read_bytes()[:-9]), "content has changed"),
        (lambda p: (p / WEIGHTS).unlink(), "lacks model.safetensors"),
        (lambda p: (p / "extra.pkl").write_bytes(b"cos\nsystem"), "extra.pkl"),
        (lambda p: (p / MANIFEST).unlink(), "not a drivetrain artefact"),
        (lambda p: (p / MANIFEST).write_text("{"), "JSON"),
        (lambda p: (p / MANIFEST).write_text("[]"), "format version None"),
        (_edit(lambda m: m.update(format_version=99)), "format version 99"),
        (_edit(lambda m: m.update(surprise=1)), "surprise"),
        (_edit(lambda m: m["target"].update(vocab=["a", "a"])), "target"),
        (_edit(lambda m: m["files"].update({"../x": {"bytes": 1, "sha256": "0" * 64}})), "outside itself"),
        (_edit(lambda m: m["target"].update(vocab=["a", "b"])), "its manifest describes"),
    ],
)
def test_damaged_artefacts_are_refused(
    saved: tuple[dt.Learner, Path], tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    path = shutil.copytree(saved[1], tmp_path / "m.model")
    damage(path)
    with pytest.raises(ArtefactError, match=message):
        dt.load(path)


def test_parameters_that_do_not_fit_the_manifest_are_refused(saved: tuple[dt.Learner, Path], tmp_path: Path) -> None:
    for i, change in enumerate(
        (lambda m: m["architecture"].update(name="test_vit"), lambda m: m["target"]["vocab"].pop())
    ):
        path = shutil.copytree(saved[1], tmp_path / f"{i}.model")
        _edit(change)(path)
        with pytest.raises(ArtefactError, match=r"does not fit|features"):
            dt.load(path, precision="bf16", device="cpu")  # with torch


def test_places_where_no_artefact_can_be(saved: tuple[dt.Learner, Path], tmp_path: Path) -> None:
    learn, _ = saved
    (tmp_path / "file").write_text("x")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "dear.jpg").write_text("x")
    for place, message in (
        ("file", "is a file"),
        ("photos", "other files"),
        ("file/m.model", "is a file, not a folder"),
        ("file/a/b/m.model", "is a file, not a folder"),
        ("long" * 100, "File name too long"),
    ):
        with pytest.raises(ArtefactError, match=message):
            learn.save(tmp_path / place)
    assert (tmp_path / "photos" / "dear.jpg").read_text() == "x"
    for place, message in (
        ("nothing.model", "does not exist"),
        ("long" * 100, "File name too long"),
        ("file", "is a file, not a folder"),
        ("", r"no manifest\.json. To fix: give the folder"),
    ):
        with pytest.raises(ArtefactError, match=message):
            dt.load(tmp_path / place)


def test_folders_above_an_artefact_are_made_and_litter_is_no_content(
    saved: tuple[dt.Learner, Path], tmp_path: Path
) -> None:
    learn, _ = saved
    assert dt.load(learn.save(tmp_path / "new" / "models" / "m.model"))
    (tmp_path / "seen").mkdir()
    (tmp_path / "seen" / ".DS_Store").write_bytes(b"x")
    assert dt.load(learn.save(tmp_path / "seen"))
    for wrong, near in ((tmp_path / "new/models", "m.model"), (tmp_path / "seen" / MANIFEST, "seen")):
        with pytest.raises(ArtefactError, match=f"To fix: give .*{near}"):
            dt.load(wrong)


def test_saving_again_replaces_the_artefact_whole(saved: tuple[dt.Learner, Path], tmp_path: Path) -> None:
    learn, path = saved
    place = shutil.copytree(path, tmp_path / "m.model")
    learn.save(place)
    assert dt.load(place).predict(learn.data.valid.inputs.paths[0]).label
    assert [item.name for item in tmp_path.iterdir()] == ["m.model"], "nothing temporary is left behind"


def test_a_failed_save_leaves_the_old_artefact(
    saved: tuple[dt.Learner, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn, path = saved
    place = shutil.copytree(path, tmp_path / "m.model")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("drivetrain.runtime.artefact.write_durably", full)
    with pytest.raises(ArtefactError, match="No space left"):
        learn.save(place)
    monkeypatch.undo()
    assert dt.load(place)
    assert [item.name for item in tmp_path.iterdir()] == ["m.model"]


def test_evaluate_uses_the_metrics_of_the_training(make_learner: MakeLearner, tmp_path: Path) -> None:
    def own(truth: np.ndarray, output: np.ndarray) -> float:
        return 0.5

    learn = make_learner(metrics=["f1", "top_2_accuracy", own]).fit(1)
    path = learn.save(tmp_path / "m.model")
    assert list(dt.evaluate(path).scores) == ["f1", "top_2_accuracy"]
    assert list(dt.evaluate(path, metrics=["accuracy"]).scores) == ["accuracy"]


def test_openings_outlive_a_retrained_model(make_learner: MakeLearner, tmp_path: Path) -> None:
    path = make_learner().fit(1).save(tmp_path / "m.model", precision=None)
    dt.evaluate(path, "test")
    again = make_learner(seed=8).fit(1)
    again.save(path, precision=None)
    assert len(open_artefact(path).manifest.test_openings) == 1
    with pytest.warns(DrivetrainWarning, match="opened 1 time"):
        again.test()
    again.save(path, precision=None)
    again.save(path, precision=None)
    assert len(open_artefact(path).manifest.test_openings) == 2
