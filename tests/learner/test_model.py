"""A model that is no torch network, wrapped in a few lines, goes the way of a Learner."""

import hashlib
import html
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from typer.testing import CliRunner

import drivetrain as dt
from drivetrain.cli.main import app
from drivetrain.data.seals.project import Project
from drivetrain.errors import ArtefactError, DataError, SettingError
from drivetrain.evaluation.record.runs import RunLog
from drivetrain.learner.model import Model


class Forest(dt.ModelBase):
    """Twenty lines: what the wrapper of an estimator takes."""

    label = "random forest"

    def __init__(self, data, trees=20):
        super().__init__(data, metrics=["accuracy", "log_loss"])
        self.forest = RandomForestClassifier(trees, random_state=0)
        self.forest.fit(self.features(data.train), data.target.encode(data.train.values))

    def features(self, rows):
        return [np.asarray(Image.open(path).resize((4, 4))).ravel() for path in rows.inputs]

    def predict_rows(self, rows):
        return dt.Predictions.of(rows, self.data.target, self.forest.predict_proba(self.features(rows)))

    def identity(self):
        return hashlib.sha256(pickle.dumps(self.forest)).hexdigest()


@pytest.fixture
def sealed(squares, make_learner):
    assert make_learner, "the project is in the test's own folder"
    return dt.images(squares, valid_pct=0.3, test_pct=0.3, seed=3)


@pytest.fixture
def forest(sealed):
    return Forest(sealed)


def test_it_is_a_model_and_so_is_a_learner(forest, make_learner):
    models: list[Model] = [forest, make_learner()]
    for model in models:
        assert model.predict_rows(model.data.valid).ids == model.data.valid.digests
        assert model.identity() == model.identity() and len(model.identity()) == 64
    assert [sorted(model.artefact_files()) for model in models] == [[], ["model.safetensors"]]
    assert [model.label for model in models] == ["random forest", "test_resnet"]


def test_it_is_judged_with_intervals_beside_the_constant_answer(forest):
    scores = forest.validate()
    truth = forest.data.target.encode(forest.data.valid.values)
    said = forest.forest.predict_proba(forest.features(forest.data.valid))
    assert scores["accuracy"].value == (said.argmax(axis=1) == truth).mean()
    assert scores["log_loss"].value == pytest.approx(-np.log(np.clip(said[range(len(truth)), truth], 1e-15, 1)).mean())
    assert scores["accuracy"].low < scores["accuracy"].value <= scores["accuracy"].high <= 1
    assert "without the model: majority class" in str(scores)
    assert forest.validate() is scores


def test_each_model_is_one_run_on_record(forest, make_learner, sealed):
    forest.validate()
    forest.validate()
    Forest(sealed).validate()  # the same forest again
    Forest(sealed, trees=5).validate()
    make_learner(sealed).fit(1)
    runs = RunLog(Project.find(None)).runs()
    assert [run.record.arch for run in runs] == ["random forest", "random forest", "test_resnet"]
    assert runs[0].record.scores["accuracy"] == forest.validate()["accuracy"].value
    shown = CliRunner().invoke(app, ["runs"], catch_exceptions=False).output
    assert shown.count("random forest") >= 2 and "test_resnet" in shown
    assert forest.expected_test_score().trials == 3, "its validation score is corrected for all three"


def test_it_is_compared_with_a_learner(forest, make_learner, sealed):
    learn = make_learner(sealed).fit(1)
    found = dt.compare(forest, learn)
    assert found.names == ("random forest", "test_resnet")
    tables = dt.compare(forest.predictions(), learn.predictions(), names=("random forest", "test_resnet"))
    assert found == tables


def test_its_test_set_is_opened_on_record(forest, sealed, capsys):
    expected = forest.expected_test_score()
    scores = forest.test()
    assert scores.n == sealed.n_test == forest.test_openings[0].scores["accuracy"].n == 18
    assert (
        forest.test_openings[0].expected == expected and forest.test_openings[0].parameters_sha256 == forest.identity()
    )
    with pytest.warns(UserWarning, match="opened 1 time"):
        Forest(sealed, trees=5).test()
    assert "opening 2 of this test set" in "".join(capsys.readouterr())


def test_it_is_reported_with_baselines(forest, monkeypatch):
    monkeypatch.setattr("drivetrain.training.probing.untrained_features", _mean_colours)
    page = html.unescape(forest.report("forest.html").read_text(encoding="utf-8"))
    for said in ("random forest", "majority class", "linear probe", "mean colours", "data:image/jpeg"):
        assert said in page, said
    assert forest.validate()["accuracy"].shown()[0] in page


def _mean_colours(rows, architecture, *, size_px):
    assert architecture is None
    return np.array([np.asarray(Image.open(path)).mean(axis=(0, 1)) for path in rows.inputs]), "mean colours"


def test_it_is_reviewed_and_shown(forest, monkeypatch):
    monkeypatch.setattr("drivetrain.training.probing.untrained_features", _mean_colours)
    found = forest.review()
    assert found.judges == ("the model", "a probe")
    assert {found.part(row) for item in found.items["losses"] for row in item.rows} == {"validation"}
    assert forest.plot_top_losses(4).svg.count("<image") == 4 and forest.plot_confusion().svg


def test_it_cannot_be_saved_and_says_why(forest):
    with pytest.raises(ArtefactError, match=r"random forest cannot be saved: .*no spec, no outputs.*exp.*To fix"):
        forest.save("forest.model")
    assert not Path("forest.model").exists()
    for answer in (forest.predictor, lambda: forest.predict("a.png"), lambda: forest.predict_many(["a.png"])):
        with pytest.raises(ArtefactError, match=r"random forest cannot answer inputs of unknown target: .*no as_onnx"):
            answer()
    forest.spec, forest.outputs = object(), lambda views: views
    with pytest.raises(ArtefactError, match=r"its class has no as_onnx; expected"):
        forest.save("forest.model")


def test_numbers_too(tmp_path, monkeypatch):
    monkeypatch.setenv("DRIVETRAIN_PROJECT", str(tmp_path / "project"))
    rng = np.random.default_rng(0)
    rows = []
    for i in range(40):
        level = int(rng.integers(20, 230))
        Image.fromarray(np.full((8, 8, 3), level, dtype=np.uint8)).save(tmp_path / f"{i}.png")
        rows.append((tmp_path / f"{i}.png", level / 10))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # plain pictures look alike
        data = dt.images(rows, valid_pct=0.3, test_pct=0.0, task="number")

    class Line(dt.ModelBase):
        def __init__(self, data):
            super().__init__(data)
            self.line = Ridge().fit(self.level(data.train), data.target.encode(data.train.values))

        def level(self, rows):
            return np.array([[np.asarray(Image.open(path)).mean()] for path in rows.inputs])

        def predict_rows(self, rows):
            return dt.Predictions.of(rows, self.data.target, self.line.predict(self.level(rows)).reshape(-1, 1))

        def identity(self):
            return str(self.line.coef_)

    line = Line(data)
    assert line.label == "Line" and line.validate()["mae"].value < 0.1
    with pytest.raises(DataError, match="no test set"):
        line.test()


def _without_truth(rows, target):
    return dt.Predictions(ids=rows.digests, target=target, truth=None, output=[[1.0, 0.0, 0.0]] * len(rows))


@pytest.mark.parametrize(
    "said",
    [
        lambda rows, target: np.ones((len(rows), 3)),
        lambda rows, target: dt.Predictions.of(rows.subset([0]), target, [[1.0, 0.0, 0.0]]),
        _without_truth,
    ],
    ids=["an array", "other rows", "no truth"],
)
def test_what_a_model_says_is_checked(forest, said):
    forest.predict_rows = lambda rows: said(rows, forest.data.target)
    with pytest.raises(SettingError, match=r"predict_rows\(\).* expected .*To fix: return dt\.Predictions\.of"):
        forest.validate()


def test_another_answer_is_another_model(forest, sealed):
    before = forest.validate()["log_loss"].value
    forest.forest = Forest(sealed, trees=3).forest
    assert forest.validate()["log_loss"].value != before
