"""`drivetrain tune`: what is typed becomes a space, and the result is printed as text or JSON."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import typer

from drivetrain.cli.commands.tune import space_of_words
from drivetrain.cli.data_options import DATA, RATINGS
from drivetrain.cli.main import app
from tests.tuning.conftest import rows


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["lr=1e-4:1e-2:log"], {"lr": (1e-4, 1e-2, "log")}),
        (["head-epochs=0:3", "size=64"], {"head_epochs": (0, 3), "size": 64}),
        (["arch=local-dir:weights/a,resnet18"], {"arch": ["local-dir:weights/a", "resnet18"]}),
        (["class_weights=none,balanced", "p=True,false"], {"class_weights": [None, "balanced"], "p": [True, False]}),
        ([], None),
    ],
    ids=["factors", "whole numbers", "a path", "words", "nothing"],
)  # fmt: skip
def test_what_is_typed(typed, meant):
    assert space_of_words(typed) == meant


@pytest.mark.parametrize(
    "typed", [["lr"], ["=3"], ["lr="], ["lr=1:2", "lr=2:3"]], ids=["bare", "no name", "no values", "twice"]
)
def test_what_cannot_be_read_is_a_usage_error(typed):
    with pytest.raises(typer.BadParameter):
        space_of_words(typed)


def test_a_tuning_of_a_table(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame(rows()).to_csv("rows.csv", index=False)
    words = [
        "tune",
        "rows.csv",
        "--input",
        "table",
        "--target",
        "y",
        "--space",
        "leaves=2:31:log",
        "--space",
        "members=1",
    ]
    done = run(*words, "--space", "pairs=false", "--trials", "2", "--html", "tuning.html", "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert [trial["state"] for trial in said["trials"]] == ["complete", "complete"]
    assert said["value"] == max(trial["value"] for trial in said["trials"])
    assert said["corrected"]["models"] <= 2
    assert Path("tuning.html").is_file()
    again = run(*words, "--space", "pairs=false", "--trials", "2", "--out", "best.model")
    assert again.code == 0, again.err
    assert "best: trial" in again.out
    assert Path("best.model", "manifest.json").is_file()
    refused = run(*words, "--space", "leafs=2:8")
    assert refused.code == 1
    assert "space has no leafs" in refused.err


@pytest.mark.parametrize(
    ("space", "told"),
    [
        ("leaves=31:4", "--space leaves=31:4 cannot be used: expected a lower end below the upper one"),
        ("rate=0:0.2:log", "--space rate=0:0.2:log cannot be used"),
        ("leaves=4:9:lgo", "--space leaves=4,9,lgo for choices, or --space leaves=4:9 for a range"),
        ("share=2:3", "--space share=2 cannot be used"),
        ("lr=0.001:0.1", "a setting of network; expected settings of the model that is tuned: members,"),
        ("learning_rate=0.001:0.1", "a setting of network; expected settings of the model that is tuned: members,"),
    ],
    ids=["exchanged", "from 0", "an unknown scale", "outside", "another model's", "another library's"],
)  # fmt: skip
def test_what_is_wrong_with_a_space_is_told_as_it_is_typed(run, tmp_path, monkeypatch, space, told):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame(rows()).to_csv("rows.csv", index=False)
    done = run("tune", "rows.csv", "--input", "table", "--target", "y", "--space", space, "--trials", "1")
    assert done.code == 1
    assert told in done.err
    assert "for Python alone" not in done.err


def test_rows_are_read_by_the_options_of_train():
    """So that a tuning and the training that takes what it found have the same rows."""
    commands = typer.main.get_command(app).commands
    reads = {
        name: {
            (param.opts[0], param.help)
            for param in commands[name].params
            if getattr(param, "rich_help_panel", None) in (DATA, RATINGS) and not getattr(param, "hidden", False)
        }
        for name in ("train", "tune")
    }
    own = {"--seed"}  # of what else is drawn by it, the two help texts differ
    assert {each for each in reads["train"] if each[0] not in own} == {
        each for each in reads["tune"] if each[0] not in own
    }


def test_a_tuning_leaves_out_what_a_review_says_and_a_gap_in_time(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame(rows(120))
    table["day"] = pd.date_range("2026-01-01", periods=120).astype(str)
    table.to_csv("rows.csv", index=False)
    words = ["tune", "rows.csv", "--input", "table", "--target", "y", "--time", "day", "--space", "leaves=4:8"]
    words += ["--space", "members=1", "--space", "pairs=false", "--trials", "1", "--json"]
    done = [run(*words), run(*words, "--gap", "10d")]
    assert [each.code for each in done] == [0, 0], done[1].err
    n_train = [int(re.search(r"(\d+) training", each.err)[1]) for each in done]
    assert n_train == [72, 54], "a row a day: nine lie too near each of the two borders"
    refused = run(*words, "--review", "none.jsonl")
    assert refused.code == 1
    assert "none.jsonl" in refused.err
