"""`drivetrain demo`: the whole way on handwriting."""

import os
from pathlib import Path

import pytest
from sklearn import datasets

from drivetrain.cli.commands import demo


@pytest.fixture
def few_digits(monkeypatch):
    """A hundred and twenty digits and one epoch: all the steps, in seconds."""
    digits = datasets.load_digits()
    digits.images, digits.target = digits.images[:120], digits.target[:120]
    monkeypatch.setattr(datasets, "load_digits", lambda: digits)
    monkeypatch.setattr(demo, "EPOCHS", 1)


def test_object_has_these_fields(few_digits, run):
    done = run("demo", "--out", "here", "--json")
    assert done.code == 0, done.err
    said = done.object
    assert list(said) == [
        "artefact",
        "arch",
        "seconds",
        "n",
        "decisions",
        "validation",
        "loss",
        "test",
        "prediction",
        "report",
    ]
    assert sum(said["n"].values()) == 120
    assert said["validation"].keys() == said["test"].keys() == {"accuracy", "log_loss"}
    assert said["prediction"]["label"] in "0123456789"
    page = Path(said["report"]).read_text(encoding="utf-8")
    assert "digits" in page and "never opened" not in page
    assert sorted(path.name for path in Path("here").iterdir()) == [
        ".drivetrain",
        "digits",
        "digits.model",
        "report.html",
    ]
    assert not Path(".drivetrain").exists()


def test_text_ends_with_what_to_type_next_and_runs_twice_anywhere(few_digits, run):
    for folder in ("here", "here", "there"):  # what one demo has sealed is nothing to another
        done = run("demo", "--out", folder)
        assert done.code == 0, done.err
        assert "warning" not in done.err and "in another project" not in done.err
    assert not Path(os.environ["DRIVETRAIN_INDEX_DIR"]).exists()
    assert "validation set\n  accuracy " in done.out and "test set\n  accuracy " in done.out
    assert done.out.splitlines()[-1].startswith("  drivetrain train YOUR_FOLDER --out your.model ")
    words = done.out.splitlines()[-3].split("   ")[0].split()[1:]
    assert run(*words).code == 0


def test_pictures_of_others_are_left_alone(few_digits, run, tmp_path):
    (tmp_path / "here" / "digits" / "cats").mkdir(parents=True)
    (tmp_path / "here" / "digits" / "cats" / "tom.png").write_bytes(b"meow")
    done = run("demo", "--out", "here", "--json")
    assert (done.code, done.out) == (1, "")
    assert "holds tom.png, which the demo did not write" in done.err
    assert [path.name for path in (tmp_path / "here" / "digits").iterdir()] == ["cats"]


@pytest.mark.slow
def test_the_demo_keeps_its_promise(run):
    said = run("demo", "--out", "here", "--json").object
    assert said["test"]["accuracy"]["value"] >= 0.97
    assert said["test"]["accuracy"]["n"] == said["n"]["test"] == 359
    assert said["prediction"]["label"] == Path(said["prediction"]["path"]).parent.name
    assert said["seconds"] < 120
