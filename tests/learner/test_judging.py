"""What is judged is what ships: in the precision of the saved model, whatever it was trained in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.data.data import Data
from drivetrain.learner.saving.reexport import export_saved
from drivetrain.learner.saving.saved_model import report_saved
from drivetrain.learner.saving.validation_record import calibration_of
from drivetrain.runtime.artefact import CARD, open_artefact
from drivetrain.training.exporting import ExportPlan

from .conftest import COLOURS, MakeLearner, paint


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Pictures with a number to say: how bright they are, far from 0."""
    folder, rng = tmp_path_factory.mktemp("sizes"), np.random.default_rng(7)
    rows: list[tuple[str, float]] = []
    for i in range(60):
        picture = paint((20 + 4 * i,) * 3, rng)
        picture.save(folder / f"{i}.png")
        rows.append((str(folder / f"{i}.png"), 1_700_000_000 + float(np.asarray(picture).mean())))
    pd.DataFrame(rows, columns=["path", "light"]).to_csv(folder / "light.csv", index=False)
    return dt.images(folder / "light.csv", valid_pct=0.3, test_pct=0.2, seed=1)


@pytest.mark.parametrize("ships", ["fp32", None])
def test_the_score_is_that_of_what_is_saved(
    sizes: Data, make_learner: MakeLearner, tmp_path: Path, capsys: pytest.CaptureFixture[str], ships: str | None
) -> None:
    """Trained in bf16: validate, the report, `predict`, the saved model and `evaluate` say the same number."""
    learn = make_learner(sizes, precision="bf16", metrics=["rmse", "mae"]).fit(3)
    assert "metrics on validation, in bf16: rmse" in capsys.readouterr().err
    judged = learn.validate()["rmse"].value
    path = learn.save(tmp_path / "m.model", precision=ships)
    truth = np.array(sizes.valid.values)[:, 0]
    for predictor in (learn.predictor(), dt.load(path), dt.Learner.load(path).predictor()):
        said = np.array([found.value for found in predictor.predict_many(sizes.valid.inputs.paths)])
        assert np.sqrt(((said - truth) ** 2).mean()) == pytest.approx(judged, rel=1e-4)
    assert dt.evaluate(path).scores["rmse"].value == pytest.approx(judged, rel=1e-4)
    assert learn.history[-1]["rmse"] != pytest.approx(judged, rel=1e-6), "bf16 does differ here"
    test = learn.test()
    assert dt.evaluate(path, "test").scores["rmse"].value == pytest.approx(test["rmse"].value, rel=1e-4)


def test_a_model_in_int8_is_judged_as_it_answers(make_learner: MakeLearner, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (tmp_path / "many" / name).mkdir(parents=True)
        for i in range(60):
            paint(colour, rng).save(tmp_path / "many" / name / f"{i}.png")
    data = dt.images(tmp_path / "many", valid_pct=0.4, test_pct=0.1)
    learn = make_learner(data).fit(6)
    path = learn.save(tmp_path / "m.model", precision="int8", worst_change=0.5)
    predictor = dt.load(path)
    assert predictor.decisions["precision"].value == "int8"
    found = dt.evaluate(path)
    assert (found.precision.value, found.precision.reason) == ("int8", "as model.onnx answers")
    pixels = np.stack([predictor.read(path)[0] for path in found.predictions.names or ()])
    np.testing.assert_allclose(data.target.activate(predictor.run(pixels)), found.predictions.output, atol=1e-6)
    assert dt.evaluate(path, precision="fp32").precision.value == "fp32"
    stored = open_artefact(path)
    assert learn.saved_scores is not None
    for name, score in found.scores.items():  # what is stored and printed is of that file, too
        assert stored.manifest.validation[name].value == pytest.approx(score.value, abs=1e-9)
        assert learn.saved_scores[name].value == pytest.approx(score.value, abs=1e-9)
    assert learn.saved_scores["log_loss"].value != learn.validate()["log_loss"].value
    assert stored.manifest.calibration == calibration_of(found.predictions)
    export_saved(path, ExportPlan("fp32"))
    for name, score in learn.validate().items():  # and follows it
        assert open_artefact(path).manifest.validation[name].value == pytest.approx(score.value, abs=1e-6)
    export_saved(path, ExportPlan("int8", worst_change=0.5))
    anew = open_artefact(path)
    assert anew.manifest.model_dump(include=PART_OF_EXPORT) == stored.manifest.model_dump(include=PART_OF_EXPORT)
    said = dt.evaluate(path).scores["accuracy"].shown()[0]
    assert f"| accuracy | {said}" in anew.file(CARD).read_text()
    page = report_saved(path, tmp_path / "page.html", probe=False).read_text()
    assert said in page


PART_OF_EXPORT = {"validation", "calibration", "reference", "expected"}
