"""`drivetrain export`, `train --export`, `push` and `pull` from the command line."""

import shutil

import numpy as np
import pytest

from drivetrain.cli.main import main
from drivetrain.runtime.artefact import open_artefact
from tests.cli.conftest import TINY
from tests.runtime.hub_double import Double, running


@pytest.fixture
def model(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "own.model")


def test_export_tells_how_it_went(run, model):
    done = run("export", model, "--json")
    assert done.code == 0, done.err
    found = done.object
    assert (found["artefact"], found["precision"], found["agreement"]) == (str(model), "fp32", 1.0)
    assert found["n"] == 36 and found["n_held_out"] == 9 and found["max_abs_difference"] < 1e-4
    text = run("export", model, "--golden", "0").out
    assert "model.onnx in fp32" in text and "100 % say the same" in text and "36 rows (9 of" in text


def test_lower_precision_is_refused_aloud(run, model):
    done = run("export", model, "--precision", "int8", "--json")
    assert done.code == 0 and done.object["precision"] == "fp32"
    assert "warning: model.onnx is in fp32 (int8 was refused: 9 validation rows" in done.err


def test_what_cannot_be_exported_leaves_the_model(run, model, pictures):
    before = open_artefact(model).manifest
    done = run("export", model, "--data", "nowhere")
    assert done.code == 1 and "nowhere" in done.err and open_artefact(model).manifest == before
    assert run("export", model, "--worst-change", "7").code == 2
    assert run("export", model, "--precision", "int4").code == 2


def test_train_without_onnx(run, pictures, tmp_path):
    words = ["train", str(pictures), *TINY, "--epochs", "1", "--export", "none", "--out", "bare.model"]
    assert main(words) == 0
    assert open_artefact(tmp_path / "bare.model").manifest.export is None
    done = run("predict", "bare.model", pictures / "red" / "00.png", "--json")
    assert done.code == 0 and done.object["label"]


@pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")  # the hub's own client
def test_push_and_pull(run, model, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # a store that the double has not
    with running(Double(token="hf_x")) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_TOKEN", "hf_x")
        pushed = run("push", model, "ada/colours", "--private", "--space", "space", "--json")
        assert pushed.code == 0, pushed.err
        assert pushed.object["commit"].startswith(hub.endpoint) and hub.private == {"ada/colours": True}
        assert {item.name for item in (tmp_path / "space").iterdir()} == {"app.py", "requirements.txt", "README.md"}
        assert "is on the hub" in run("push", model, "ada/colours").out
        pulled = run("pull", "ada/colours", "--out", "again.model")
        assert pulled.code == 0 and "drivetrain predict again.model FILE" in pulled.out
        answers = [run("predict", m, pictures / "red" / "00.png", "--json").object for m in (model, "again.model")]
        assert answers[0] == answers[1]
        monkeypatch.setenv("HF_TOKEN", "hf_other")
        refused = run("pull", "ada/colours", "--out", "third.model")
        assert refused.code == 1 and "HF_TOKEN" in refused.err and not (tmp_path / "third.model").exists()


def test_predicting_is_the_same_one_by_one_and_together(run, trained, pictures):
    files = sorted(pictures.glob("*/*.png"))[:9]
    together = run("predict", trained, *files, "--json").lines
    alone = [run("predict", trained, file, "--json").object for file in files]
    for one, other in zip(together, alone, strict=True):
        assert one["label"] == other["label"]
        np.testing.assert_allclose(one["probability"], other["probability"], atol=1e-5)
