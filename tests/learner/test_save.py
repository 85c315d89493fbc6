"""A Learner saved so that it runs without torch, and taken up again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.data.data import Data
from drivetrain.errors import ArtefactError, DataError, DrivetrainWarning, ExportError, MissingExtraError, SettingError
from drivetrain.export import exporting
from drivetrain.export.converting import convert
from drivetrain.learner.saving.reexport import export_saved
from drivetrain.runtime.artefact import MODEL, open_artefact
from drivetrain.runtime.onnx.engine import OnnxEngine
from drivetrain.training.exporting import ExportPlan
from drivetrain.training.fast.inference import TorchEngine

from .conftest import ARCH, COLOURS, MakeLearner, paint


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Enough validation rows to calibrate and to judge lower precision."""
    folder = tmp_path_factory.mktemp("many")
    rng = np.random.default_rng(3)
    for name, colour in COLOURS.items():
        (folder / name).mkdir()
        for i in range(40):
            paint(colour, rng).save(folder / name / f"{i:02}.png")
    return dt.images(folder, valid_pct=0.5, test_pct=0.1, seed=1)


@pytest.fixture(scope="module")
def saved(many: Data, tmp_path_factory: pytest.TempPathFactory) -> tuple[dt.Learner, Path]:
    learn = dt.Learner(many, ARCH, pretrained=False, size=32, precision="fp32", device="cpu")
    learn.fit(4, checkpoint=False)
    return learn, learn.save(tmp_path_factory.mktemp("saved") / "many.model")


def test_the_file_says_what_the_trained_network_says(saved: tuple[dt.Learner, Path]) -> None:
    learn, path = saved
    predictor = dt.load(path)
    assert isinstance(predictor.engine, OnnxEngine)
    record = open_artefact(path).manifest.export
    assert record is not None and (record.n, record.n_held_out) == (64, 60), "60 validation rows, then training rows"
    assert record.agreement == 1.0 and record.max_abs_difference < 1e-4
    pixels = np.stack([predictor.read(p)[0] for p in learn.data.valid.inputs.paths])
    trained = TorchEngine(learn.network, learn.place)(pixels)
    np.testing.assert_allclose(predictor.run(pixels), trained, atol=1e-4)
    assert (predictor.run(pixels).argmax(axis=1) == trained.argmax(axis=1)).all()
    assert predictor.self_test().passed


def test_answers_are_calibrated_and_scores_are_not(saved: tuple[dt.Learner, Path]) -> None:
    learn, path = saved
    predictor = dt.load(path)
    assert predictor.calibration is not None and predictor.calibration.n == 60
    bare = learn.predictions().output
    answers = list(predictor.predict_many(learn.data.valid.inputs.paths))
    said = np.array([[dict(a.top)[label] for label in learn.data.target.vocab] for a in answers])
    assert (said.argmax(axis=1) == bare.argmax(axis=1)).all()
    log_odds = np.log(said[:, 0] / said[:, 1]) * predictor.calibration.temperature
    np.testing.assert_allclose(log_odds, np.log(bare[:, 0] / bare[:, 1]), atol=1e-3)
    assert all(a.set for a in answers)
    scored = dt.evaluate(path, precision="fp32").scores["log_loss"].value
    assert scored == pytest.approx(learn.validate()["log_loss"].value, abs=1e-5)


def test_validation_is_remembered_as_the_deployed_model_saw_it(saved: tuple[dt.Learner, Path]) -> None:
    learn, path = saved
    predictor = dt.load(path)
    assert predictor.manifest is not None
    reference = predictor.manifest.reference
    assert reference is not None and reference.n == 60 and "brightness" in reference.inputs
    labels = [a.label for a in predictor.predict_many(learn.data.valid.inputs.paths)]
    assert reference.predicted == {label: labels.count(label) for label in learn.data.target.vocab}
    assert reference.confidence is not None
    sure = [a.probability for a in predictor.predict_many(learn.data.valid.inputs.paths)]
    assert reference.confidence.mean == pytest.approx(np.mean(sure), abs=1e-4)


def test_predicting_brings_no_torch(saved: tuple[dt.Learner, Path]) -> None:
    learn, path = saved
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import drivetrain as dt; model = dt.load(sys.argv[1]); print(model.predict(sys.argv[2]).label)\n"
        "assert model.self_test().passed\n"
        "heavy = {'timm', 'pandas', 'sklearn', 'scipy', 'matplotlib', 'onnx', 'huggingface_hub'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    picture = learn.data.valid.inputs.paths[0]
    command = [sys.executable, "-c", code, str(path), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == dt.load(path).predict(picture).label


def test_what_onnx_cannot_do_torch_does(saved: tuple[dt.Learner, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    learn, path = saved
    picture = learn.data.valid.inputs.paths[0]
    for settings in ({"precision": "bf16", "device": "cpu"}, {"precision": "bf16"}):
        predictor = dt.load(path, **settings)
        assert isinstance(predictor.engine, TorchEngine) and predictor.decisions["engine"].value == "torch"
        assert "bf16 was asked for" in predictor.decisions["engine"].reason
    exact = dt.load(path, device="cpu", precision="fp32")
    assert isinstance(exact.engine, OnnxEngine) and exact.decisions["precision"].value == "fp32"
    assert exact.predict(picture).label == predictor.predict(picture).label
    monkeypatch.setattr("drivetrain.runtime.loading.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"bf16 was asked for: that needs torch.*drivetrain\[train\]"):
        dt.load(path, precision="bf16")


def wrong_convert(network, signature, n_outputs, exporter) -> bytes:
    """As the exporters' silent mistakes: a file that runs, and says something else."""
    other = torch_copy(network)
    return convert(other, signature, n_outputs, exporter)


def torch_copy(network):
    import copy

    other = copy.deepcopy(network)
    other.network.head[-1].weight.data.mul_(-1)
    return other


def test_a_network_that_cannot_be_exported_is_saved_and_says_so(
    saved: tuple[dt.Learner, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn, _ = saved
    monkeypatch.setattr(exporting, "convert", wrong_convert)
    with pytest.warns(DrivetrainWarning, match=r"without model\.onnx.*: raw outputs differ.*: raw outputs differ"):
        path = learn.save(tmp_path / "m.model")
    manifest = open_artefact(path).manifest
    assert MODEL not in manifest.files and manifest.export is None and not (path / "golden").exists()
    assert "raw outputs differ" in manifest.decisions["export"].reason
    predictor = dt.load(path)
    assert isinstance(predictor.engine, TorchEngine)
    assert "raw outputs differ" in predictor.decisions["engine"].reason
    assert not predictor.self_test().passed
    with pytest.raises(ExportError, match="To fix"):
        export_saved(path, ExportPlan())
    assert MODEL not in open_artefact(path).manifest.files, "as it was"
    monkeypatch.undo()
    export_saved(path, ExportPlan())
    assert dt.load(path).self_test().passed


def test_no_onnx_where_none_was_asked_for(saved: tuple[dt.Learner, Path], tmp_path: Path) -> None:
    path = saved[0].save(tmp_path / "m.model", precision=None)
    assert open_artefact(path).manifest.decisions["export"].reason == "not asked for"
    assert isinstance(dt.load(path).engine, TorchEngine)
    with pytest.raises(SettingError, match=r"precision='int9' cannot be used.*Did you mean 'int8'"):
        saved[0].save(tmp_path / "n.model", precision="int9")
    with pytest.raises(SettingError, match="golden=65"):
        saved[0].save(tmp_path / "n.model", golden=65)
    with pytest.raises(SettingError, match=r"worst_change=2"):
        saved[0].save(tmp_path / "n.model", worst_change=2)


def test_int8_in_place_and_back(saved: tuple[dt.Learner, Path], tmp_path: Path) -> None:
    path = shutil.copytree(saved[1], tmp_path / "m.model")
    before = open_artefact(path).manifest
    record, decision = export_saved(path, ExportPlan("int8", golden=2, worst_change=0.2))
    assert decision.value == record.precision == "int8" and record.change is not None
    after = open_artefact(path).manifest
    unchanged = {"files": {}, "export": None, "decisions": {}}
    unchanged |= {"validation": {}, "calibration": None, "reference": None, "expected": None}  # of what answers
    assert after.model_copy(update=unchanged) == before.model_copy(update=unchanged)
    assert after.files[MODEL].bytes < before.files[MODEL].bytes / 2
    assert sorted(item.name for item in (path / "golden").iterdir()) == ["0.jpg", "1.jpg", "expected.json"]
    assert dt.load(path).self_test().passed and dt.load(path).decisions["precision"].value == "int8"
    export_saved(path, ExportPlan())
    assert open_artefact(path).manifest.export == record.model_copy(
        update={"precision": "fp32", "change": None, "seconds": open_artefact(path).manifest.export.seconds}
    )


def test_lower_precision_that_is_refused_is_said(make_learner: MakeLearner, tmp_path: Path) -> None:
    learn = make_learner().fit(1)
    with pytest.warns(DrivetrainWarning, match="fp32 .int8 was refused: 12 validation rows cannot tell"):
        path = learn.save(tmp_path / "m.model", precision="int8")
    assert dt.load(path).decisions["precision"].value == "fp32"


def test_a_saved_model_is_taken_up_again(saved: tuple[dt.Learner, Path], tmp_path: Path) -> None:
    learn, path = saved
    again = dt.Learner.load(path, precision="fp32", device="cpu")
    assert learn.data.seal is not None and again.data.seal is not None and again.data.seal.id == learn.data.seal.id
    assert again.data.split == learn.data.split and again.data.n_test == learn.data.n_test
    assert set(again.data.train.digests) == set(learn.data.train.digests)
    assert again.validate()["accuracy"] == learn.validate()["accuracy"]
    assert again.history == learn.history and again.kind.spec == learn.kind.spec
    loss = again.validate().loss
    again.fit(2, checkpoint=False)
    assert len(again.history) == len(learn.history) + 2 and again.validate().loss != loss
    path = again.save(tmp_path / "more.model", precision=None)
    assert open_artefact(path).manifest.split_identity == learn.data.split.identity


def test_what_the_saved_model_fixes_cannot_be_set(saved: tuple[dt.Learner, Path], tmp_path: Path) -> None:
    for name in ("arch", "size", "pretrained", "dropout"):
        with pytest.raises(SettingError, match=f"{name} cannot be given here"):
            dt.Learner.load(saved[1], **{name: 1})
    with pytest.raises(SettingError, match=r"has no epochs; expected epochs of fine_tune"):
        dt.Learner.load(saved[1], epochs=3)
    with pytest.raises(ArtefactError, match="does not exist"):
        dt.Learner.load(tmp_path / "nothing.model")


def test_rows_are_found_again_wherever_they_are(saved: tuple[dt.Learner, Path], tmp_path: Path) -> None:
    learn, path = saved
    moved = tmp_path / "moved"
    for i, file in enumerate(sorted(Path(learn.data.location or "").rglob("*.png"))):
        (moved / file.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, moved / file.parent.name / f"x{i}.png")
    again = dt.Learner.load(path, data=moved, device="cpu", precision="fp32")
    assert set(again.data.valid.digests) == set(learn.data.valid.digests)
    gone = next(p for p in again.data.train.inputs.paths)
    gone.unlink()
    with pytest.warns(DrivetrainWarning, match="1 picture that"):
        fewer = dt.Learner.load(path, data=moved, device="cpu", precision="fp32")
    assert len(fewer.data.train) == len(learn.data.train) - 1
    other = tmp_path / "other"
    for i, name in enumerate(("blue", "red")):
        (other / name).mkdir(parents=True)
        paint(COLOURS[name], np.random.default_rng(100 + i)).save(other / name / "0.png")
    with pytest.raises(DataError, match=r"none of the .* training pictures"):
        dt.Learner.load(path, data=other)


def test_the_manifest_tells_no_paths_of_the_exporter(saved: tuple[dt.Learner, Path]) -> None:
    content = (saved[1] / MODEL).read_bytes()
    assert b"site-packages" not in content and b".py" not in content
    assert json.loads((saved[1] / "manifest.json").read_text())["export"]["exporter"] in ("dynamo", "torchscript")
