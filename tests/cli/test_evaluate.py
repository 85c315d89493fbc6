"""`drivetrain evaluate`: the validation rows again, or the sealed test set."""

import shutil

import pytest

import drivetrain as dt
from tests.cli.conftest import COLOURS, PER_CLASS

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
