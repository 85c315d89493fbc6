"""`drivetrain.train` of texts: who competes, by what was asked for."""

import json

import pytest
from typer.testing import CliRunner

import drivetrain as dt
from drivetrain.cli.main import app
from drivetrain.errors import ModelError, SettingError
from drivetrain.models.leaderboard import CONSTANT
from drivetrain.models.texts.entrants import asked_architecture, encoder_name
from drivetrain.models.texts.linear import LABELS
from tests.kinds.texts.bodies.conftest import tiny_encoder
from tests.models.conftest import straight
from tests.models.texts.conftest import frame

TERMS, STATIC, BOTH = LABELS["terms"], LABELS["static"], LABELS["both"]


@pytest.mark.parametrize(
    ("arch", "names"),
    [("tfidf", {TERMS}), ("TF-IDF", {TERMS}), ("static", {TERMS, STATIC}), (None, {TERMS, STATIC, BOTH})],
)
def test_who_competes(topics, arch, names):
    with dt.quiet():
        found = dt.train(topics, arch=arch, budget=None)
    assert {one.name for one in found.candidates} == {CONSTANT, *names}
    assert found.difference["plain"].other == TERMS
    assert found.winner in names and TERMS in found.decisions["winner"].reason


def test_an_encoder_competes_with_all_lines(topics, tmp_path):
    folder = tiny_encoder(tmp_path / "tiny")
    with dt.quiet():
        found = dt.train(topics, arch=folder, budget=None)
    assert {one.name for one in found.candidates} == {CONSTANT, TERMS, STATIC, BOTH, "tiny"}
    assert next(one for one in found.candidates if one.name == "tiny").model.history


def test_what_cannot_be_had_is_said_before_anything_is_fitted(topics, tmp_path, monkeypatch):
    monkeypatch.setattr("drivetrain.models.texts.linear.TextLinear.__init__", None)
    with pytest.raises(ModelError, match=r"there is no folder .*To fix"):
        dt.train(topics, arch=tmp_path / "none")
    with pytest.raises(SettingError, match="Did you mean 'tfidf'"):
        dt.train(topics, arch="tfifd")
    with pytest.raises(SettingError, match="arch"):
        dt.train(topics, arch=7)


def test_other_kinds_take_none():
    with dt.quiet(), pytest.raises(SettingError, match="arch='static' cannot be used"):
        dt.train(dt.table(straight(), target="y"), arch="static")


def test_time_that_is_short_leaves_the_encoder_out(topics, tmp_path, monkeypatch):
    monkeypatch.setattr("drivetrain.models.train.NET_LEAST_S", 1e6)
    folder = tiny_encoder(tmp_path / "tiny")
    with pytest.warns(dt.DrivetrainWarning, match="tiny: left out"):
        found = dt.train(topics, arch=str(folder), budget="60s")
    assert "tiny" in found.leaderboard.left_out


def test_the_command_has_the_keys_of_tables(tmp_path):
    frame().to_csv(tmp_path / "q.csv", index=False)
    words = ["train", str(tmp_path / "q.csv"), "--input", "texts", "--text", "question", "--target", "topic"]
    words += ["--arch", "tfidf", "--budget", "60s", "--out", str(tmp_path / "q.model"), "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert {"candidates", "winner", "difference", "validation", "artefact"} <= said.keys()
    assert {one["name"] for one in said["candidates"]} == {CONSTANT, TERMS} and said["winner"] == TERMS
    refused = CliRunner().invoke(app, [*words, "--epochs", "3"])
    assert refused.exit_code == 2 and "--epochs" in refused.output


def test_names():
    assert asked_architecture("Both").features == ("terms", "static", "both")
    assert asked_architecture("org/name").encoder == "org/name"
    assert encoder_name("local-dir:a/b") == "b"
