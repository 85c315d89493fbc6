"""`drivetrain train`: what it passes on, what it answers, and that it can be interrupted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import drivetrain as dt
from drivetrain.errors import ModelError
from drivetrain.learner import fitting
from tests.cli.conftest import COLOURS, PER_CLASS, TINY

ROWS = len(COLOURS) * PER_CLASS


@pytest.fixture
def passed_on(monkeypatch):
    """What `images`, `Learner` and `fine_tune` are called with; nothing is trained."""
    calls = {}
    real_images = dt.images

    class Recorder:
        def __init__(self, data, arch, **options):
            calls["Learner"] = {"arch": arch, **options}

        def fine_tune(self, *epochs, **options):
            calls["spent"] = fitting._spent.get()
            calls["fine_tune"] = {**({"epochs": epochs[0]} if epochs else {}), **options}
            raise ModelError("enough")

    def images(source, **options):
        calls["images"] = {"source": source, **options}
        return real_images(source, seed=1)

    monkeypatch.setattr(dt, "images", images, raising=False)
    monkeypatch.setattr(dt, "Learner", Recorder, raising=False)
    return calls


def test_defaults_are_those_of_the_functions(passed_on, pictures, run):
    assert run("train", pictures, "--arch", "resnet18", "--out", "a.model").code == 1
    nothing = dict.fromkeys(
        [
            *("target", "path", "split", "group", "time", "gap", "review", "valid_pct", "test_pct"),
            *("task", "label_delim", "labels_from", "seal", "retire", "project"),
        ]
    )
    assert passed_on["images"] == {"source": str(pictures), **nothing, "seed": 42}
    assert passed_on["Learner"].pop("recipe").asked() == {}
    assert passed_on["Learner"] == {
        "arch": "resnet18",
        "metrics": None,
        "pretrained": True,
        "size": None,
        "fit": None,
        "device": "auto",
        "precision": "auto",
        "callbacks": [],
    }
    assert passed_on["fine_tune"] == {
        "epochs": 5,
        "head_epochs": None,
        "lr": None,
        "unfreeze": None,
        "statistics": None,
    }


def test_every_option_arrives(passed_on, pictures, run):
    words = (
        "--arch local-dir:body --epochs 3 --target one --target two --path file --split part --task number "
        "--label-delim ; --valid-pct 0.3 --test-pct 0.1 --seed 7 --size 64 --batch-size 4 --lr 0.01 --head-epochs 0 "
        "--from-scratch --metric mae --metric r2 --channels 1 --device cpu --precision bf16 --keep-best --patience 2 "
        "--unfreeze 0.4 --no-activation-cache --seal theirs.json --retire why --project shop "
        "--group speaker --time day --gap 7d --review review.json --labels-from leaf --fit pad --statistics batch"
    )
    assert run("train", pictures, "--out", "a.model", *words.split()).code == 1
    assert passed_on["images"] == {
        "source": str(pictures),
        "target": ["one", "two"],
        "path": "file",
        "split": "part",
        "group": "speaker",
        "time": "day",
        "gap": "7d",
        "review": Path("review.json"),
        "valid_pct": 0.3,
        "test_pct": 0.1,
        "seed": 7,
        "task": "number",
        "label_delim": ";",
        "channels": 1,
        "labels_from": "leaf",
        "seal": [Path("theirs.json")],
        "retire": "why",
        "project": Path("shop"),
    }
    best, stop = passed_on["Learner"].pop("callbacks")
    assert isinstance(best, dt.KeepBest)
    assert isinstance(stop, dt.EarlyStopping) and stop.patience == 2
    assert passed_on["Learner"].pop("recipe").asked() == {"batch_size": 4, "store_activations": False}
    assert passed_on["Learner"] == {
        "arch": "local-dir:body",
        "metrics": ["mae", "r2"],
        "pretrained": False,
        "size": 64,
        "fit": "pad",
        "device": "cpu",
        "precision": "bf16",
    }
    assert passed_on["fine_tune"] == {"epochs": 3, "head_epochs": 0, "lr": 0.01, "unfreeze": 0.4, "statistics": "batch"}


def test_a_budget_arrives_with_what_was_spent_of_it(passed_on, pictures, run):
    assert run("train", pictures, "--arch", "resnet18", "--out", "a.model", "--budget", "1.5h").code == 1
    assert 0 < sum(passed_on["spent"].values()) < 5400
    assert fitting._spent.get() == {}
    assert passed_on["fine_tune"] == {
        "budget": 5400,
        "head_epochs": None,
        "lr": None,
        "unfreeze": None,
        "statistics": None,
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--budget soon", "expected a time"),
        ("--budget 5min --epochs 3", "both"),
        ("--valid-pct 20", "Did you mean 0.2?"),
        ("--test-pct 15%", "Did you mean 0.15?"),
        ("--valid-pct nan", "at least 0 and below 1"),
        ("--lr inf", "expected a number above 0"),
        ("--batch-size 8.5", "To fix: --batch-size 8."),
        ("--unfreeze 7", "above 0 and of at most 1"),
        ("--statistics pretrained", "'fixed', 'batch'"),
        ("--size 4", "from 8 to 2048"),
        ("--seed -1", "at least 0"),
        ("--patience 0", "at least 1"),
        ("--project=", "expected a path"),
        ("--review=", "expected a path"),
    ],
)
def test_values_that_cannot_be_used_are_wrong_usage_before_anything_is_read(pictures, run, words, said):
    done = run("train", pictures, "--arch", "resnet18", "--out", "a.model", *words.split())
    assert done.code == 2
    assert said in " ".join(done.err.replace("│", " ").split())


def test_object_has_these_fields(pictures, run):
    done = run("train", pictures, *TINY, "--epochs", "1", "--out", "a.model", "--json")
    assert done.code == 0, done.err
    said = done.object
    assert list(said) == ["artefact", "arch", "seconds", "n", "decisions", "validation", "loss"]
    assert said["artefact"] == "a.model" and Path("a.model").is_dir()
    assert said["arch"] == "test_resnet"
    assert 0 < said["seconds"] < 60
    assert said["n"] == {"train": ROWS * 3 // 5, "valid": ROWS // 5, "test": ROWS // 5}
    assert {"device", "precision", "split", "lr", "batch_size", "arch", "size"} <= set(said["decisions"])
    assert all(decision.keys() == {"value", "reason"} for decision in said["decisions"].values())
    assert said["decisions"]["precision"] == {"value": "fp32", "reason": "as asked"}
    assert set(said["validation"]) == {"accuracy", "log_loss"}
    for score in said["validation"].values():
        assert score.keys() == {"value", "low", "high", "n"}
        assert score["low"] <= score["value"] <= score["high"] and score["n"] == ROWS // 5
    assert said["loss"]["validation"] > 0


def test_text_says_how_good_it_is_and_what_to_type_next(pictures, run):
    done = run("train", pictures, *TINY, "--epochs", "1", "--out", "my fruit.model", "--metric", "error_rate")
    assert done.code == 0, done.err
    assert done.out.startswith("validation set\n  error rate ")
    assert f"n = {ROWS // 5}\n" in done.out
    assert "  loss " in done.out and "(what the optimiser reads)" in done.out
    assert "saved to 'my fruit.model' after" in done.out
    assert "drivetrain evaluate 'my fruit.model' --test" in done.out
    assert f"{ROWS * 3 // 5} training, {ROWS // 5} validation, {ROWS // 5} test rows (sealed)" in done.err
    assert "precision: fp32 (as asked)" in done.err
    assert "epoch 1/1" in done.err


def test_without_held_out_rows_nothing_is_claimed(pictures, run):
    words = [*TINY, "--epochs", "1", "--valid-pct", "0", "--test-pct", "0"]
    done = run("train", pictures, *words, "--out", "a.model", "--json")
    assert done.code == 0, done.err
    assert (done.object["validation"], done.object["loss"]) == ({}, {})
    text = run("train", pictures, *words, "--out", "a.model")
    assert "no validation set" in text.out and "--test" not in text.out
    assert "a.model holds a model; it is replaced" in text.err


@pytest.mark.parametrize(
    ("target", "metrics"),
    [("brightness", {"rmse", "mae", "r2"}), ("tags", {"exact_match", "f1", "roc_auc"})],
)
def test_tables_with_numbers_or_labels(target, metrics, table, run):
    words = ["--target", target, *(["--label-delim", ";"] if target == "tags" else [])]
    chosen = [word for metric in sorted(metrics) for word in ("--metric", metric)]
    done = run("train", table, *words, *TINY, *chosen, "--epochs", "1", "--out", "a.model", "--json")
    assert done.code == 0, done.err
    assert set(done.object["validation"]) == metrics


def test_a_place_that_cannot_be_written_to_is_refused_before_the_data_are_read(run, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    done = run("train", "no-such-data", "--arch", "resnet18", "--out", "full")
    assert done.code == 1
    assert done.err.startswith("error: cannot save a model to full: it is a folder with other files")


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["no-such-data", "--arch", "resnet18"], "no-such-data does not exist"),
        (["PICTURES", "--arch", "resnet81"], "--arch resnet81 is not known. Did you mean 'resnet"),
        (["PICTURES", *TINY, "--metric", "acuracy"], "Did you mean 'accuracy'?"),
    ],
)
def test_errors_are_one_line_after_the_progress(words, cause, pictures, run):
    words = [str(pictures) if word == "PICTURES" else word for word in words]
    done = run("train", *words, "--out", "a.model", "--json")
    assert (done.code, done.out) == (1, "")
    assert [line for line in done.err.splitlines() if line.startswith("error: ")] == done.err.splitlines()[-1:]
    assert cause in done.err.splitlines()[-1]
    assert not Path("a.model").exists()


def test_broken_pictures_are_named_in_one_line(run, pictures, tmp_path):
    (tmp_path / "data").mkdir()
    for name in COLOURS:
        (tmp_path / "data" / name).symlink_to(pictures / name)
    (tmp_path / "data" / "odd").mkdir()
    (tmp_path / "data" / "odd" / "broken.png").write_bytes(b"")
    done = run("train", "data", *TINY, "--epochs", "1", "--out", "a.model")
    lines = [line for line in done.err.splitlines() if line.startswith("warning: ")]
    assert len(lines) == 1, done.err
    assert "broken.png" in lines[0]


def test_interrupted_then_run_again_ends_in_the_same_model(pictures, tmp_path, run, monkeypatch):
    """Ctrl-C ends with 1 and says so; the same command again gives bit for bit what an uninterrupted run gives."""
    words = ["train", str(pictures), *TINY, "--epochs", "20", "--export", "none", "--out", "a.model", "--json"]
    command = [sys.executable, "-m", "drivetrain.cli.main", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    places = {name: tmp_path / name for name in ("interrupted", "straight")}
    for place in places.values():
        place.mkdir()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=places["interrupted"], env=environment, **pipes) as stopped:
        for line in stopped.stderr:
            if line.startswith("epoch 2/20"):
                stopped.send_signal(signal.SIGINT)
                break
        out, err = stopped.communicate(timeout=60)
    assert (stopped.returncode, out) == (1, "")
    assert err.splitlines()[-1].startswith("error: interrupted: a.model was not written. The same command goes on")
    assert not (places["interrupted"] / "a.model").exists()

    ended = {}
    for name, place in places.items():
        monkeypatch.chdir(place)
        ended[name] = run(*words)
    assert [done.code for done in ended.values()] == [0, 0], ended["interrupted"].err
    assert "resuming the run" in ended["interrupted"].err
    assert "resuming the run" not in ended["straight"].err
    weights = [(place / "a.model" / "model.safetensors").read_bytes() for place in places.values()]
    assert weights[0] == weights[1]
    objects = [done.object for done in ended.values()]
    assert objects[0]["validation"] == objects[1]["validation"]
