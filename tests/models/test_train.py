"""`drivetrain.train`: who competes on a table, what is told, what a time allows."""

import json
import warnings

import numpy as np
import pytest
from typer.testing import CliRunner

import drivetrain as dt
from drivetrain.cli.main import app
from drivetrain.data.seals.project import Project
from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation.record.runs import RunLog
from drivetrain.models import train as training
from drivetrain.models.kept import Kept
from drivetrain.models.leaderboard import BLEND, CONSTANT, LINE, NET, TREES
from drivetrain.models.net import Net
from tests.models.conftest import crossed, priced, straight

MODELS = {CONSTANT, LINE, TREES, BLEND}


@pytest.fixture(scope="module")
def of_crossed(crossed_data):
    with dt.quiet(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(training._Contest, "_net", lambda contest: None)
        return dt.train(crossed_data, budget="60s")


def test_trees_beat_the_line_where_no_line_can_tell(of_crossed):
    assert of_crossed.winner in (TREES, BLEND)
    assert of_crossed.difference["plain"].real and of_crossed.difference["plain"].other == LINE
    by_name = {one.name: one for one in of_crossed.candidates}
    assert {CONSTANT, LINE, TREES} <= by_name.keys() <= MODELS
    assert by_name[TREES].scores["accuracy"].value > 0.85 > 0.6 > by_name[LINE].scores["accuracy"].value
    assert "the plain line is beaten" in str(of_crossed)


def test_where_the_line_is_right_it_is_not_beaten(straight_data, no_net):
    with dt.quiet():
        found = dt.train(straight_data, budget="60s")
    assert not found.difference["plain"].real
    assert "the plain line is not beaten" in str(found)
    assert "not beaten" in found.decisions["winner"].reason


def test_the_winner_is_a_model_like_any_other(of_crossed, tmp_path):
    assert of_crossed.model.predict_rows(of_crossed.data.valid).ids == of_crossed.data.valid.digests
    assert of_crossed.validate() is of_crossed.model.validate()
    saved = dt.load(of_crossed.save(tmp_path / "crossed.model"))
    answer = saved.predict({"x": 1.0, "z": 1.0})
    assert answer.label == "yes" and saved.predict({"x": 1.0, "z": -1.0}).label == "no"


def test_each_candidate_but_the_constant_is_one_trial(monkeypatch, tmp_path, no_net):
    monkeypatch.setenv("DRIVETRAIN_PROJECT", str(tmp_path))
    data = dt.table(straight(), target="y")
    with dt.quiet():
        found = dt.train(data, budget="60s")
    runs = RunLog(Project.find(None)).runs()
    assert sorted(run.record.arch for run in runs) == sorted(
        one.name for one in found.candidates if one.name != CONSTANT
    )


def test_a_short_time_leaves_trees_out_and_says_so(straight_data, no_net):
    with dt.quiet(), pytest.warns(dt.DrivetrainWarning, match="boosted trees: left out"):
        found = dt.train(straight_data, budget="0.2s")
    assert TREES in found.leaderboard.left_out and found.winner == LINE
    assert TREES in str(found) and "left_out" in found.leaderboard.as_json()


def test_a_candidate_that_cannot_be_fitted_is_told_and_the_others_go_on(straight_data, monkeypatch, no_net):
    def no_memory(*_, **__):
        raise MemoryError

    monkeypatch.setattr(training, "Linear", no_memory)
    with dt.quiet(), pytest.warns(dt.DrivetrainWarning, match="plain line: left out"):
        found = dt.train(straight_data, budget="60s")
    assert found.winner == TREES and found.difference["plain"].other == CONSTANT


def test_numbers_are_compared_by_rmse(priced_data, no_net):
    with dt.quiet():
        found = dt.train(priced_data, budget="60s", metrics=None)
    assert found.leaderboard.by.name == "rmse"
    line = next(one for one in found.candidates if one.name == LINE)
    assert line.scores["rmse"].value == pytest.approx(1.0, abs=0.3)  # the noise of the prices


def test_labels_and_many_classes_compete_too(no_net):
    rng = np.random.default_rng(0)
    x = rng.normal(size=240)
    kinds = np.array(["low", "mid", "high"])[np.digitize(x, [-0.5, 0.5])]
    tags = [",".join(["a"] * int(v > 0) + ["b"] * int(v > 0.7) + ["c"]) for v in x]
    for frame, asked in (({"x": x, "y": kinds}, {}), ({"x": x, "y": tags}, {"label_delim": ","})):
        data = dt.table(frame, target="y", **asked)
        with dt.quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore", dt.DrivetrainWarning)
            found = dt.train(data, budget="60s")
        assert found.winner != CONSTANT and found.leaderboard.left_out.keys() <= {BLEND}


def test_a_network_competes_and_joins_the_blend(monkeypatch, tmp_path):
    monkeypatch.setattr(training, "NET_EPOCHS", 1)
    data = dt.table(straight(200), target="y")
    with dt.quiet():
        found = dt.train(data, budget=None)
    net = next(one for one in found.candidates if one.name == NET)
    assert net.model.history and net.predictions.ids == data.valid.digests
    blend = dt.Blend([Net(net.model), dt.Linear(data)], weights=[0.5, 0.5])
    saved = dt.load(blend.save(tmp_path / "blend.model"))
    rows = list(data.valid.inputs)[:8]
    said = blend.predictor().predict_many(rows)
    for one, other in zip(saved.predict_many(rows), said, strict=True):
        assert one.label == other.label


def interrupted_at(monkeypatch, name, data, **asked):
    """A contest that is stopped when the named candidate would be judged or begun."""
    enter = training._Contest._enter

    def stop(contest, candidate, *args):
        if candidate == name:
            raise KeyboardInterrupt
        enter(contest, candidate, *args)

    with monkeypatch.context() as patch, dt.quiet(), pytest.raises(KeyboardInterrupt):
        patch.setattr(training._Contest, "_enter", stop)
        dt.train(data, **asked)


def kept_files(project):
    return sorted(file.name for file in (project / "checkpoints").glob("*/*") if file.suffix == ".candidate")


def never(*_, **__):
    raise AssertionError("fitted again")


@pytest.mark.parametrize("make", [straight, crossed, priced], ids=["names", "numbers alone", "a number"])
def test_an_interrupted_contest_is_taken_up(monkeypatch, tmp_path, make):
    monkeypatch.setattr(training, "NET_EPOCHS", 1)
    target = "price" if make is priced else "y"
    whole = dt.table(make(), target=target, project=tmp_path / "whole")
    data = dt.table(make(), target=target, project=tmp_path)
    with dt.quiet():
        expected = dt.train(whole, budget=None)
    interrupted_at(monkeypatch, NET, data, budget=None)
    assert kept_files(tmp_path) == ["boosted-trees.candidate", "plain-line.candidate"]
    with monkeypatch.context() as patch, dt.quiet():
        patch.setattr(training.Linear, "_fit", never)
        patch.setattr(training.Trees, "_fit", never)
        found = dt.train(dt.table(make(), target=target, project=tmp_path), budget=None)
    assert kept_files(tmp_path) == []
    assert {one.name: one.scores.as_json() for one in found.candidates} == {
        one.name: one.scores.as_json() for one in expected.candidates
    }
    assert {one.name: one.model.identity() for one in found.candidates if one.name != CONSTANT} == {
        one.name: one.model.identity() for one in expected.candidates if one.name != CONSTANT
    }
    assert found.decisions.keys() == expected.decisions.keys()


def test_a_network_that_was_trained_is_taken_up(monkeypatch, tmp_path):
    monkeypatch.setattr(training, "NET_EPOCHS", 1)
    data = dt.table(straight(200), target="y", project=tmp_path)

    def stop(contest):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, dt.quiet(), pytest.raises(KeyboardInterrupt):
        patch.setattr(training._Contest, "_blend", stop)
        dt.train(data, budget=None)
    with monkeypatch.context() as patch, dt.quiet():
        patch.setattr(training.Learner, "fine_tune", never)
        found = dt.train(data, budget=None)
    net = next(one for one in found.candidates if one.name == NET)
    assert len(net.model.history) >= 1 and net.model.network is not None
    assert dt.load(net.model.save(tmp_path / "net.model")).predict({"x": 0.0, "z": 1.0, "shop": "a"}).label


@pytest.mark.parametrize(
    "asked",
    [{"seed": 1}, {"budget": "61s"}, {"metrics": "accuracy"}, {"types": {"shop": "left out"}}, {"rows": 299}],
    ids=["seed", "budget", "metric", "types", "rows"],
)
def test_another_contest_is_not_taken_up(monkeypatch, tmp_path, no_net, asked):
    usual = {"budget": "60s"}
    interrupted_at(monkeypatch, TREES, dt.table(straight(), target="y", project=tmp_path), **usual)
    rows = straight()[: asked.pop("rows", None)]
    data = dt.table(rows, target="y", types=asked.pop("types", None), project=tmp_path)
    fitted = []
    fit = training.Linear._fit
    monkeypatch.setattr(training.Linear, "_fit", lambda line, deadline: (fitted.append(1), fit(line, deadline)))
    with dt.quiet():
        dt.train(data, **usual | asked)
    assert fitted == [1]


def test_the_time_of_what_was_taken_up_is_spent(monkeypatch, tmp_path, no_net):
    """A line that took 50 of 60 s leaves trees less than 10."""
    data = dt.table(straight(), target="y", project=tmp_path)
    put = Kept.put
    with monkeypatch.context() as patch:
        patch.setattr(Kept, "put", lambda kept, name, model, seconds: put(kept, name, model, 50.0))
        interrupted_at(monkeypatch, TREES, data, budget="60s")
    asked, fit = [], training.Trees._fit

    def watched(trees, pairs, deadline, *more):
        asked.append(deadline.left)
        fit(trees, pairs, deadline, *more)

    monkeypatch.setattr(training.Trees, "_fit", watched)
    with dt.quiet():
        found = dt.train(data, budget="60s")
    assert asked[0] < 5.0
    assert next(one for one in found.candidates if one.name == LINE).seconds == 50.0


def test_a_damaged_candidate_is_fitted_anew_with_a_word(monkeypatch, tmp_path, no_net):
    data = dt.table(straight(), target="y", project=tmp_path)
    interrupted_at(monkeypatch, TREES, data, budget="60s")
    next((tmp_path / "checkpoints").glob("*/plain-line.candidate")).write_bytes(b"nothing")
    with dt.quiet(), pytest.warns(dt.DrivetrainWarning, match="damaged"):
        found = dt.train(data, budget="60s")
    assert {LINE, TREES} <= {one.name for one in found.candidates}


def test_the_leaderboard_is_printed_by_who_asks_for_it(straight_data, capsys, no_net):
    found = dt.train(straight_data, budget="60s")
    said = capsys.readouterr()
    assert said.out == "" and "on the same validation rows:" not in said.err and f"winner: {found.winner}" in said.err


def test_too_little_time_for_a_network_is_said(straight_data):
    with dt.quiet(), pytest.warns(dt.DrivetrainWarning, match="net: left out"):
        found = dt.train(straight_data, budget="4s")
    assert NET in found.leaderboard.left_out


def test_without_validation_rows_nothing_can_be_compared():
    data = dt.table(straight(), target="y", valid_pct=0)
    with pytest.raises(DataError, match="no validation rows"):
        dt.train(data)


@pytest.mark.parametrize(
    "asked",
    [{"budget": "soon"}, {"budget": 0}, {"budget": -3}, {"seed": 1.5}, {"metrics": "nonsense"}, {"data": "adult.csv"}],
    ids=["word", "zero", "minus", "seed", "metric", "data"],
)
def test_what_means_nothing_is_refused(straight_data, asked):
    with pytest.raises(SettingError):
        dt.train(**{"data": straight_data, **asked})


def test_pictures_are_fine_tuned(monkeypatch, tmp_path):
    """What comes after the choice of the Learner is its own: here it is cut short."""
    asked = {}

    class Stub:
        def __init__(self, data, arch=None, metrics=None):
            asked.update(data=data, arch=arch)

        def fine_tune(self, *, budget):
            asked["budget"] = budget
            raise InterruptedError

    class Pictures:
        kind, decisions, valid, target = "images", {}, [1], dt.CategoryTarget(name="y", vocab=("a", "b"))

    monkeypatch.setattr(training, "Learner", Stub)
    monkeypatch.setattr(training, "asked_data", lambda data: data)
    with pytest.raises(InterruptedError):
        dt.train(Pictures(), arch="resnet18", budget="5min")
    assert asked["budget"] == pytest.approx(300, abs=1) and asked["arch"] == "resnet18"
    with pytest.raises(SettingError, match="budget"):
        dt.train(Pictures(), budget=None)


def run(*words):
    return CliRunner().invoke(app, list(map(str, words)))


def test_the_command_line_saves_the_winner_and_tells_all(tmp_path, no_net):
    file = tmp_path / "crossed.csv"
    crossed(240).to_csv(file, index=False)
    out = tmp_path / "m.model"
    budget = "3h"  # of the whole process, that of these tests included
    done = run("train", file, "--input", "table", "--target", "y", "--budget", budget, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert {"artefact", "arch", "seconds", "n", "decisions", "validation", "loss"} <= said.keys()
    assert said["winner"] in {one["name"] for one in said["candidates"]} and said["arch"] == said["winner"]
    assert said["difference"]["plain"]["name"] == LINE
    assert dt.load(out).predict({"x": 1.5, "z": 1.5}).label == "yes"


@pytest.mark.parametrize("words", [("--epochs", "3"), ("--arch", "resnet18"), ("--keep-best",), ("--export", "int8")],
                         ids=["epochs", "arch", "keep-best", "export"])  # fmt: skip
def test_what_only_networks_have_is_refused_before_anything_is_read(tmp_path, words):
    done = run("train", tmp_path / "no.csv", "--input", "table", "--out", tmp_path / "m.model", *words)
    assert done.exit_code == 2 and words[0] in done.stderr and "--budget" in done.stderr
