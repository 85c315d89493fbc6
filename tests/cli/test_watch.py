"""`drivetrain watch`, fed by the log that a service writes."""

import json
import time

import numpy as np
import pytest
from PIL import Image

from drivetrain.runtime.artefact import open_artefact
from drivetrain.runtime.loading import load
from drivetrain.runtime.targets import CategoryTarget
from drivetrain.serving.model import Model
from drivetrain.serving.prediction_log import PredictionLog, Sampler
from drivetrain.serving.run import make_service
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


def test_a_second_model_is_told_of(model, tmp_path, run):
    violet = CategoryTarget(name="colour", vocab=(*COLOURS, "violet"))
    weights = np.eye(3) * 12 - 4
    new = make_artefact(
        tmp_path, violet, name="new", weights=np.column_stack([weights, 1.5 * weights[:, 2]]),
        parameters_sha256="cd" * 32,
    )  # fmt: skip
    path = tmp_path / "log.jsonl"
    service = make_service(model, Settings(threads=1, log_predictions=path, shadow=new))
    service.shadow.prove()
    for seed in range(100, 120):
        service._answer_rows([picture(colour, seed) for colour in COLOURS])
    until = time.monotonic() + 30
    while path.read_text().count('"beside"') < 60 and time.monotonic() < until:
        time.sleep(0.01)
    service.shadow.close()
    service.log.close()
    done = run("watch", model, path)
    assert done.code == 0 and "left out" not in done.err, done.out + done.err
    assert "60 answers against 60 validation rows: nothing has changed" in done.out
    assert "60 comparisons: model cdcdcdcdcdcdcdcd was asked beside model abababababababab, whose answers" in done.out
    told = {name: said for name, _, said in (line.strip().partition("  ") for line in done.out.splitlines())}
    assert told["disagrees"].strip() == told["says a new class"].strip() == "33.3 % [22.7, 45.9], 20 of 60"
    assert told["blue"].strip() == "100.0 % [83.9, 100.0], 20 of 20; violet 20"  # Wilson's intervals, by statsmodels
    assert told["violet"].strip() == "gains 20"
    found = run("watch", model, path, "--json").object["shadow"]
    assert found["disagree"]["count"] == 20 and found["by_class"][0]["becomes"] == [["violet", 20]]
    assert found["only_shadow_says"]["value"] == pytest.approx(1 / 3)
    switched = run("watch", new, path)
    assert "60 answers" in switched.out and "60 comparisons" in switched.out
    assert "60 are of another model" in switched.err
    assert run("watch", model, path, "--json", "--last", "6").object["shadow"]["n"] == 6


def test_without_a_second_model_nothing_is_said_of_one(model, tmp_path, run):
    live = log(model, tmp_path / "log.jsonl", [picture(colour) for colour in COLOURS])
    assert run("watch", model, live, "--json").object["shadow"] is None
    assert "comparisons" not in run("watch", model, live).out
