"""`drivetrain seals` and `drivetrain runs`: what the project remembers."""

import json
import shutil
from pathlib import Path

import pytest

from drivetrain.cli.main import main
from tests.cli.conftest import COLOURS, PER_CLASS, TINY

HELD_OUT = len(COLOURS) * PER_CLASS // 5


@pytest.fixture(scope="module")
def desk(pictures, tmp_path_factory):
    """A working directory after one training."""
    place = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.delenv("DRIVETRAIN_PROJECT", raising=False)
        assert main(["train", str(pictures), *TINY, "--epochs", "1", "--out", "a.model"]) == 0
    return place


@pytest.fixture
def model(desk, tmp_path):
    """A model beside the project that it was trained in, in the test's own folder."""
    shutil.copytree(desk, tmp_path, dirs_exist_ok=True)
    return Path("a.model")


def test_a_project_without_anything(run):
    assert run("seals").out == ".drivetrain has no sealed test set\n"
    assert run("seals", "--json").object == {"project": ".drivetrain", "seals": []}
    assert run("runs").out == ".drivetrain has no trials on record yet\n"
    assert run("runs", "--json").object == {"project": ".drivetrain", "splits": []}
    assert not Path(".drivetrain").exists()


def test_what_is_sealed_and_how_often_it_was_opened(model, run):
    (before,) = run("seals", "--json").object["seals"]
    assert (before["n"], before["openings"], before["models"], before["retired"]) == (HELD_OUT, 0, 0, None)
    assert f"{before['id']}  {HELD_OUT} rows from" in run("seals").out and "never opened" in run("seals").out
    assert run("evaluate", model, "--test").code == 0
    (after,) = run("seals", "--json").object["seals"]
    assert (after["openings"], after["models"]) == (1, 1)
    assert "opened once" in run("seals").out


def test_the_project_can_lie_elsewhere(pictures, run):
    words = ["--epochs", "1", "--export", "none", "--out", "a.model", "--project", "shop"]
    assert run("train", pictures, *TINY, *words).code == 0
    assert run("evaluate", "a.model", "--test", "--project", "shop").code == 0
    assert not Path(".drivetrain").exists()
    (seal,) = run("seals", "--project", "shop", "--json").object["seals"]
    assert seal["openings"] == 1
    (split,) = run("runs", "--project", "shop", "--json").object["splits"]
    assert len(split["trials"]) == 1


def test_under_another_seed_the_test_set_stays_and_a_reason_gives_it_up(model, pictures, run):
    (seal,) = run("seals", "--json").object["seals"]
    words = ["train", pictures, *TINY, "--epochs", "1", "--seed", "3", "--export", "none", "--out", "b.model"]
    done = run(*words)
    assert done.code == 0 and f"sealed as test set {seal['id']} stay the test set; seed 3 divides" in done.err
    assert run("seals", "--json").object["seals"] == [seal]
    assert run(*words, "--retire", "only trying").code == 0
    old, new = sorted(run("seals", "--json").object["seals"], key=lambda seal: seal["retired"] is None)
    assert old["retired"]["reason"] == "only trying" and new["retired"] is None
    assert "given up on" in run("seals").out


def test_retire_needs_a_reason(model, run):
    assert run("seals", "retire").code == 2
    done = run("seals", "retire", "--reason", "a new camera", "--json")
    assert done.code == 0 and done.object["reason"] == "a new camera"
    again = run("seals", "retire", done.object["seal"], "--reason", "twice")
    assert again.code == 1 and "retired before" in again.err
    assert run("seals", "retire", "nothing", "--reason", "x").code == 1


def test_allow_names_files(model, pictures, run):
    assert run("seals", "allow", "--reason", "x").code == 2
    (seal,) = run("seals", "--json").object["seals"]
    picture = next((pictures / "red").iterdir())
    done = run("seals", "allow", seal["id"], picture, "--reason", "another one", "--json")
    assert done.code in {0, 1}, "a sealed picture itself cannot be allowed"
    sealed = done.code == 1
    assert ("cannot be allowed" in done.err) == sealed
    assert run("seals", "allow", seal["id"], "no-such.png", "--reason", "x").code == 1


def test_export_keeps_the_labels_apart(model, run):
    done = run("seals", "export", "--out", "theirs.json", "--labels", "labels.csv", "--json")
    assert done.code == 0 and done.object["n"] == HELD_OUT
    text = Path("theirs.json").read_text()
    assert not any(name in text for name in COLOURS)
    assert len(Path("labels.csv").read_text().splitlines()) == HELD_OUT + 1


def test_verify_finds_what_was_changed(model, run):
    assert run("evaluate", model, "--test").code == 0
    assert run("seals", "verify", model, "--json").object == {
        "log": ".drivetrain/log.jsonl",
        "lines": 5,
        "models": 1,
    }
    log = Path(".drivetrain/log.jsonl")
    whole = log.read_text()
    log.write_text(whole.replace('"count": 1', '"count": 0'))
    done = run("seals", "verify")
    assert done.code == 1 and "line 5 was changed" in done.err
    log.write_text(whole)
    shutil.move(".drivetrain", "elsewhere")
    done = run("seals", "verify", model)
    assert done.code == 1 and "another log" in done.err
    assert run("seals", "verify", model, "--project", "elsewhere").code == 0


def test_runs_lists_trials_and_corrects_the_best(pictures, run):
    for i in range(3):
        words = ["--epochs", "1", "--lr", str(0.001 * (i + 1)), "--export", "none", "--out", "a.model"]
        assert run("train", pictures, *TINY, *words).code == 0
    said = run("runs", "--json").object
    (split,) = said["splits"]
    assert split["n"]["valid"] == HELD_OUT and len(split["trials"]) == 3
    assert split["best"]["trials"] == 3 and split["best"]["metric"] == "accuracy"
    assert split["best"]["value"] == max(trial["scores"]["accuracy"] for trial in split["trials"])
    assert split["best"]["low"] <= split["best"]["corrected"] <= split["best"]["high"]
    text = run("runs").out
    assert f"3 trials on {HELD_OUT} validation rows" in text and "\nbest: " in text
    assert run("runs", "--metric", "log_loss", "--json").object["splits"][0]["best"]["metric"] == "log_loss"
    assert run("runs", "--metric", "nonsense").code == 1


def test_what_an_opening_says(model, run):
    done = run("evaluate", model, "--test", "--json")
    said = done.object["opening"]
    assert {"seal", "count", "expected", "held", "gap", "simultaneous", "entry"} <= set(said)
    assert said["expected"]["trials"] == 1 and said["expected"]["n_test"] == HELD_OUT
    line = json.loads(Path(".drivetrain/log.jsonl").read_text().splitlines()[-1])
    assert line["hash"] == said["entry"]
    text = run("evaluate", model, "--test").out
    assert "predicted from validation: accuracy" in text and "opening 2 of this test set" in text
