"""`drivetrain watch`, fed by the log that a service writes."""

import json

import numpy as np
import pytest
from PIL import Image

from drivetrain.runtime.artefact import open_artefact
from drivetrain.runtime.loading import load
from drivetrain.serving.model import Model
from drivetrain.serving.prediction_log import PredictionLog, Sampler
from drivetrain.serving.service import Service
from drivetrain.serving.settings import Limits, Settings
from tests.serving.tiny import COLOURS, encoded, make_artefact, paint, picture


@pytest.fixture
def model(tmp_path):
    return make_artefact(tmp_path)


def log(model, path, pictures):
    """What a service writes about these pictures."""
    served = Model(load(model, threads=1), name="c", sha256="0" * 64, limits=Limits(), watched=True)
    written = PredictionLog(path, served.manifest.parameters_sha256)
    for data in pictures:
        written.write(served.answer(data), None)
    written.close()
    return path


def test_pictures_like_those_of_validation_raise_no_alarm(model, tmp_path, run):
    live = log(model, tmp_path / "log.jsonl", [picture(colour, seed) for seed in range(100, 130) for colour in COLOURS])
    done = run("watch", model, live)
    assert done.code == 0, done.out
    assert "90 answers against 60 validation rows: nothing has changed" in done.out and "ALARM" not in done.out
    assert "at most 1 % of such runs alarm" in done.out


def test_other_light_and_other_shares_raise_alarms(model, tmp_path, run):
    dark = [encoded(paint("red", seed).point(lambda value: value * 0.7)) for seed in range(80)]
    live = log(model, tmp_path / "log.jsonl", dark)
    done = run("watch", model, live, "--json")
    assert done.code == 1 and done.object["alarm"] is True and done.object["n"] == 80
    checks = {check["name"]: check for check in done.object["checks"]}
    assert checks["predicted"]["alarm"] and checks["input brightness"]["alarm"] and not checks["input aspect"]["alarm"]
    assert checks["predicted"]["low"] <= 2 / 3 <= checks["predicted"]["high"] + 0.01
    assert "red 33.3 % → 100.0 %" in checks["predicted"]["detail"]
    assert run("watch", model, live, "--last", "5", "--json").object["n"] == 5
    assert run("watch", model, live, "--least", "1").code == 0


def test_lines_hold_no_picture_and_no_name(model, tmp_path):
    live = log(model, tmp_path / "log.jsonl", [picture("red")])
    row = json.loads(live.read_text())
    assert row.keys() == {"time", "model", "label", "confidence", "abstained", "set", "inputs"}
    assert row["model"] == open_artefact(model).manifest.parameters_sha256[:16]
    assert len(live.read_text()) < 500


def test_lines_of_others_are_left_out_and_said(model, tmp_path, run):
    live = log(model, tmp_path / "log.jsonl", [picture(colour) for colour in COLOURS])
    with live.open("a") as stream:
        stream.write('{"model": "other", "label": "red"}\n{"cut off')
    done = run("watch", model, live)
    assert done.code == 0 and "1 are of another model, 1 cannot be read" in done.err


def test_what_cannot_be_compared(model, tmp_path, run):
    (tmp_path / "empty.jsonl").write_text("")
    assert "holds no answers" in run("watch", model, tmp_path / "empty.jsonl").err
    assert "cannot be read" in run("watch", model, tmp_path / "missing.jsonl").err
    bare = make_artefact(tmp_path, reference=None)
    assert "does not say what validation looked like" in run("watch", bare, tmp_path / "empty.jsonl").err


def test_a_sample_is_kept_only_where_asked_and_never_more_than_asked(model, tmp_path):
    predictor = load(model, threads=1)
    folder = tmp_path / "kept"
    settings = Settings(
        threads=1, log_predictions=tmp_path / "log.jsonl", sample_dir=folder, sample_pct=1.0, sample_most=5
    )
    service = Service(Model(predictor, name="c", sha256="0" * 64, limits=Limits(), watched=True), settings)
    sent = [picture("green", seed, "JPEG") for seed in range(12)]
    for data in [sent[0], *sent, b"no picture"]:
        service.answer(data)
    service.log.close()
    kept = sorted(path.read_bytes() for path in folder.iterdir())
    assert kept == sorted(sent[:5])
    named = [
        row["sample"] for row in map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines()) if "sample" in row
    ]
    assert sorted(named) == sorted(path.name for path in folder.iterdir())
    assert all(np.asarray(Image.open(folder / name)).any() for name in named)
    again = Sampler(folder, 1.0, 5)
    assert again.offer(service.model.answer(sent[9]).admitted) is None
    assert Service(service.model, Settings(threads=1)).sampler is None


def test_a_full_disk_stops_no_answer(model, tmp_path, monkeypatch):
    settings = Settings(threads=1, log_predictions=tmp_path / "log.jsonl")
    service = Service(Model(load(model, threads=1), name="c", sha256="0" * 64, limits=Limits(), watched=True), settings)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(service.log, "write", full)
    assert service.answer(picture("red")).said.prediction.label == "red"
    assert b"drivetrain_log_lines_lost_total 1.0" in service.metrics.page()
    service.log.close()
