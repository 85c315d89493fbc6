"""`drivetrain evaluate`: the validation rows again, or the sealed test set."""

import shutil

import numpy as np
import pytest

import drivetrain as dt
from tests.cli.conftest import COLOURS, PER_CLASS, paint

HELD_OUT = len(COLOURS) * PER_CLASS // 5


@pytest.fixture
def model(trained, tmp_path):
    """A copy whose test set is still sealed."""
    return shutil.copytree(trained, tmp_path / "colours.model")


def test_validation_object_has_these_fields(model, run):
    done = run("evaluate", model, "--json")
    assert done.code == 0, done.err
    said = done.object
    assert list(said) == ["artefact", "part", "n", "not_found", "validation"]
    assert (said["artefact"], said["part"], said["n"], said["not_found"]) == (str(model), "validation", HELD_OUT, 0)
    assert set(said["validation"]) == {"accuracy", "log_loss"}
    assert said["validation"]["accuracy"].keys() == {"value", "low", "high", "n"}
    assert said["validation"]["accuracy"]["value"] > 0.8


def test_test_set_is_opened_counted_and_recorded(model, run):
    first = run("evaluate", model, "--test", "--json")
    assert first.code == 0, first.err
    assert list(first.object) == ["artefact", "part", "n", "not_found", "test", "test_openings", "opening"]
    assert (first.object["part"], first.object["n"], first.object["test_openings"]) == ("test", HELD_OUT, 1)
    assert "opened" not in first.err
    again = run("evaluate", model, "--test")
    assert again.code == 0
    assert again.out.startswith("test set\n  accuracy ")
    assert "warning: this test set was opened 2 times, counted over all models" in again.err
    assert run("evaluate", model, "--test", "--json").object["test_openings"] == 3


def test_validation_opens_nothing(model, run):
    before = (model / "manifest.json").read_bytes()
    assert run("evaluate", model).code == 0
    assert (model / "manifest.json").read_bytes() == before


def test_rows_that_are_gone_are_counted(model, pictures, run, tmp_path):
    for name in COLOURS:
        for path in sorted((pictures / name).glob("*.png"))[: PER_CLASS * 2 // 3]:
            (tmp_path / "moved" / name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / "moved" / name / f"renamed-{path.name}")
    done = run("evaluate", model, "--data", tmp_path / "moved", "--json")
    assert done.code == 0, done.err
    said = done.object
    assert 0 < said["not_found"] < HELD_OUT
    assert said["n"] + said["not_found"] == HELD_OUT
    assert f"warning: {said['not_found']} of {HELD_OUT} rows of the validation set could not be found" in done.err


def test_metrics_can_be_chosen(model, run):
    done = run("evaluate", model, "--metric", "error_rate", "--metric", "f1", "--json")
    assert list(done.object["validation"]) == ["error_rate", "f1"]


def test_data_of_another_kind_is_an_error(model, run, tmp_path):
    (tmp_path / "empty").mkdir()
    done = run("evaluate", model, "--data", "empty", "--json")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-1].startswith("error: ")


def test_what_a_library_prints_is_no_result(model, run, monkeypatch):
    evaluate = dt.evaluate

    def talkative(*arguments, **options):
        print("chatter")
        return evaluate(*arguments, **options)

    monkeypatch.setattr(dt, "evaluate", talkative)
    done = run("evaluate", model, "--json")
    assert done.object["n"] == HELD_OUT
    assert "chatter\n" in done.err


@pytest.fixture
def new(tmp_path):
    """Pictures taken later: all classes, one more, and one fewer in a folder of its own."""
    rng = np.random.default_rng(7)
    for name, colour in {**COLOURS, "pink": (250, 150, 150)}.items():
        for i in range(6):
            paint(tmp_path / "new" / name / f"{i}.png", colour, rng)
    return tmp_path / "new"


def test_data_that_hold_none_of_its_rows_are_judged_as_new(model, new, run):
    done = run("evaluate", model, "--data", new, "--json")
    assert done.code == 0, done.err
    assert (done.object["part"], done.object["n"], done.object["not_found"]) == ("new", 18, 0)
    assert done.object["new"]["accuracy"]["n"] == 18
    assert "judged: 18 rows of folder" in done.err and "never seen" in done.err
    assert "classes that the model does not know: 'pink' (6). 6 rows are therefore not judged" in done.err
    for name in ("blue", "pink"):
        shutil.rmtree(new / name)
    fewer = run("evaluate", model, "--data", new)
    assert fewer.out.startswith("new data\n")
    assert "1 of the model's 3 classes has no row in the data" in fewer.err and "'blue'" in fewer.err


def test_what_the_model_was_made_with_is_not_new(model, new, pictures, run, tmp_path):
    shutil.rmtree(new / "pink")
    grown = shutil.copytree(pictures, tmp_path / "grown")
    for name in COLOURS:
        for path in (new / name).iterdir():
            shutil.copy(path, grown / name / f"new-{path.name}")
    validation = run("evaluate", model, "--data", grown, "--json")
    assert (validation.object["part"], validation.object["n"]) == ("validation", HELD_OUT)
    assert "holds 18 pictures that the model was not made with, and that the score leaves out" in validation.err
    judged = run("evaluate", model, "--data", grown, "--new", "--json")
    assert (judged.object["part"], judged.object["n"]) == ("new", 18)
    assert f"{HELD_OUT} of its test set" in judged.err and f"{HELD_OUT} of its validation set" in judged.err
    for words, said in (
        (("--data", pictures, "--new"), "holds no new row"),
        (("--new",), "pass them as data (--data)"),
        (("--data", new, "--test"), "new to it, --new."),
    ):
        refused = run("evaluate", model, *words)
        assert refused.code == 1 and said in refused.err, refused.err


def test_other_classes_are_named(model, new, run):
    for path in list(new.iterdir()):
        path.rename(new / path.name.upper())
    done = run("evaluate", model, "--data", new)
    assert done.code == 1
    assert "It has 'BLUE' (6), 'GREEN' (6), 'PINK' (6), 'RED' (6); the model knows 'blue', 'green', 'red'" in done.err


def test_a_table_of_new_data_without_some_labels(model, new, run):
    rows = [
        f"{path.relative_to(new.parent)},{path.parent.name if path.stem != '0' else ''}" for path in new.rglob("*.png")
    ]
    (new.parent / "new.csv").write_text("\n".join(["file,colour", *rows]))
    done = run("evaluate", model, "--data", "new.csv", "--json")
    assert done.code == 0, done.err
    assert (done.object["part"], done.object["n"]) == ("new", 15)
    assert "target is missing" in done.err
