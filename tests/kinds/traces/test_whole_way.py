"""Traces go from a folder, a table of files or a table of points to a saved model and its answers."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.data.kind import source_kind
from drivetrain.errors import DataError, DrivetrainWarning, SettingError
from drivetrain.kinds.traces.serve import admit, explain
from drivetrain.kinds.traces.show import show, show_source
from drivetrain.kinds.traces.source import described
from drivetrain.serving.model import Model
from drivetrain.serving.settings import Limits
from tests.kinds.traces.made import people, trace, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return people(tmp_path_factory.mktemp("traces"))


@pytest.fixture(scope="module")
def made(tmp_path_factory, folder):
    """A model that has learnt for an instant, and where it is saved."""
    place = tmp_path_factory.mktemp("model")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRIVETRAIN_PROJECT", str(place / "project"))
        data = dt.traces(folder)
        learn = dt.Learner(data, "test_resnet", pretrained=False, size=32, device="cpu", precision="fp32")
        learn.fine_tune(1, checkpoint=False)
        learn.save(place / "a.model")
        yield learn, place / "a.model"


def points(folder):
    """All traces as one table of points, with other names."""
    frames = []
    for path in sorted(folder.rglob("*.csv")):
        frame = pd.read_csv(path).rename(columns={"t_ms": "clock", "x": "left", "y": "top"})
        frames.append(frame.assign(trial=path.stem, pace=path.parent.name, n=range(len(frame))))
    return pd.concat(frames, ignore_index=True)


def test_a_folder_is_read_and_what_was_decided_is_told(folder):
    data = dt.traces(folder)
    assert data.target.vocab == ("hasty", "slow") and len(data.train) + len(data.valid) + data.n_test == 24
    assert str(data.decisions["time"]) == "ms (the name of the column)"
    assert data.decisions["windows"].value.startswith("movements, ")
    assert data.decisions["columns"].value == "event = event, t = t_ms, x = x, y = y"
    assert "click" in data.decisions["channels"].value


@pytest.mark.parametrize("form", ["memory", "csv", "parquet"])
def test_a_table_of_points_is_read_like_its_files(folder, form, tmp_path):
    table = points(folder)
    source = table
    if form != "memory":
        source = tmp_path / f"points.{form}"
        table.to_csv(source, index=False) if form == "csv" else table.to_parquet(source)
    data = dt.traces(source, session="trial", t="clock", x="left", y="top", target="pace")
    assert len(data.train) + len(data.valid) + data.n_test == 24 and data.target.vocab == ("hasty", "slow")
    said = data.decisions["session"]
    assert said.value == "trial" and "24 sessions" in said.reason and "'n' change within sessions" in said.reason
    spec = described(data.options)
    one = data.train.inputs[0]
    name = one.stem.partition("_")[2]
    file = next(folder.rglob(f"{name}.csv"))
    np.testing.assert_array_equal(spec.load(one)[0], type(spec)().load(file)[0])


def test_a_session_column_is_found_by_its_name(folder):
    table = points(folder).rename(columns={"clock": "t", "left": "x", "top": "y"})
    data = dt.traces(table, target="pace")
    assert data.decisions["session"].value == "trial"
    with pytest.raises(DataError, match=r"a table of points.*none is called session.*To fix: pass session="):
        dt.traces(table.drop(columns="trial"), target="pace")
    with pytest.raises(DataError, match=r"named by session="):
        dt.traces(table, target="pace", session="tria1")
    with pytest.raises(DataError, match=r"no columns of x and y are found"):
        dt.traces(table.rename(columns={"x": "a", "y": "b"}), target="pace", session="trial")


def test_a_table_of_points_is_evaluated_again(folder, tmp_path):
    path = tmp_path / "points.csv"
    points(folder).to_csv(path, index=False)
    data = dt.traces(path, session="trial", t="clock", x="left", y="top", target="pace")
    learn = dt.Learner(data, "test_resnet", pretrained=False, size=32, device="cpu", precision="fp32")
    learn.fine_tune(1, checkpoint=False)
    learn.save(tmp_path / "points.model")
    known = learn.validate()["accuracy"].value
    assert dt.evaluate(tmp_path / "points.model").scores["accuracy"].value == known
    assert dt.evaluate(tmp_path / "points.model", data=path).scores["accuracy"].value == known


def test_it_answers_alike_from_file_bytes_and_arrays(made, folder):
    learn, place = made
    model = dt.load(place)
    path = folder / "slow" / "slow0.csv"
    table = pd.read_csv(path)
    answers = [model.predict(each) for each in (path, path.read_bytes(), table.to_dict("list"))]
    assert answers[0].top == answers[1].top == answers[2].top
    assert model.self_test().passed and model.manifest.export is not None
    known = learn.predictions()
    found = [dict(one.top) for one in model.predict_many(learn.data.valid.inputs)]
    np.testing.assert_allclose([[one[name] for name in known.target.vocab] for one in found], known.output, atol=1e-5)
    assert dt.Learner.load(place, device="cpu", precision="fp32").validate()["accuracy"].n == len(learn.data.valid)


def test_rows_may_be_spans_of_files(folder):
    rows = [
        {"path": str(path), "start": start, "end": start + 0.6, "pace": path.parent.name}
        for path in folder.rglob("*.csv")
        for start in (0.0, 0.7)
    ]
    data = dt.traces(rows, target="pace", start="start", end="end", group=r"(\d+)$")
    assert data.decisions["windows"].reason == "each row is a short span, and one window"
    with pytest.raises(SettingError, match="only one is given"):
        dt.traces(rows, start="start")


def test_losses_are_told_and_broken_files_left_out(tmp_path):
    people(tmp_path, n=6)
    rows = trace(50)
    rows[4][1:3] = [65535, 65535]
    write(tmp_path / "hasty" / "sentinel.csv", rows)
    (tmp_path / "slow" / "empty.csv").write_bytes(b"")
    (tmp_path / "slow" / "still.csv").write_text("t_ms,x,y\n" + "\n".join(f"{i},5,5" for i in range(20)))
    with pytest.warns(DrivetrainWarning) as said:
        data = dt.traces(tmp_path)
    text = " ".join(str(one.message) for one in said)
    assert "1 points at a place that stands for none in 1 trace" in text
    assert "file is empty" in text and "nothing moves in it" in text
    assert len(data.report.left_out) == 2


def test_windows_are_cut_as_asked(folder):
    assert dt.traces(folder, window_events=40).decisions["windows"].reason == "40 events each, as asked"
    assert dt.traces(folder, window_s=1.5).options["reading"]["size"] == 1.5
    with pytest.raises(SettingError, match="both given"):
        dt.traces(folder, window_s=1.5, window_events=40)


def test_mixed_units_and_missing_times_are_told(tmp_path):
    people(tmp_path, n=6)
    for path in list((tmp_path / "slow").iterdir())[:2]:
        table = pd.read_csv(path)
        pd.DataFrame({"x": table.x, "y": table.y}).to_csv(path, index=False)
    for path in list((tmp_path / "hasty").iterdir())[:3]:
        table = pd.read_csv(path)
        table.assign(t_s=table.t_ms / 1000).drop(columns="t_ms").to_csv(path, index=False)
    with pytest.warns(DrivetrainWarning, match="no column of times, which the other traces have"):
        data = dt.traces(tmp_path)
    assert str(data.decisions["time"]) == "ms (the name of the column; others: 3 in s)"


def test_devices_group_traces_and_metadata_name_them(folder, tmp_path):
    for path in folder.rglob("*.csv"):
        rows = [list(row) for row in pd.read_csv(path).itertuples(index=False)]
        half = int(path.stem.strip("abcdefghijklmnopqrstuvwxyz")) % 2
        write(tmp_path / path.parent.name / path.name, [[t, x + 0.5 * half, y, e] for t, x, y, e in rows])
    data = dt.traces(tmp_path, group="device", test_pct=0)
    assert len(set(data.train.groups)) == len(set(data.valid.groups)) == 1
    assert not set(data.train.groups) & set(data.valid.groups)
    told = source_kind("traces").metadata(data.train)
    assert {"x low", "events per second", "whole pixels", "clicks"} <= set(told)
    assert set(told["whole pixels"]) <= {"whole", "parts of"}


def test_a_trace_is_shown_with_its_path_and_views_with_their_channels(made, folder):
    learn, _ = made
    drawn = show_source(folder / "slow" / "slow0.csv", alt="a trace", reading={}, unit=None)
    assert "<svg" in drawn and 'aria-label="a trace"' in drawn and drawn.count("<circle") > 3
    assert "<img" in show((np.zeros((1, 5, 32, 32), np.uint8),), alt="channels")
    assert learn.show_batch(2).svg


def test_a_service_says_what_each_movement_says(made, folder):
    _, place = made
    model = Model(dt.load(place), name="a", sha256="0", limits=Limits())
    content = (folder / "slow" / "slow0.csv").read_bytes()
    found = explain(model, content, until=float("inf"))
    assert found.prediction.label == found.of and len(found.movements) >= 6
    assert found.movements[0]["start"] == 0 and all(0 <= one["says"] <= 1 for one in found.movements)
    assert admit(b'{"points": []}', Limits(), None).suffix == ".json" and json.dumps(found.as_json())


def test_areas_need_no_weights_and_tell_the_hasty_from_the_slow(folder, tmp_path):
    data = dt.traces(folder)
    learn = dt.Learner(data, "areas", device="cpu", precision="fp32").fine_tune(1, checkpoint=False)
    assert learn.validate()["accuracy"].value == 1.0 and learn.kind.architecture.label == "areas"
    learn.save(tmp_path / "areas.model")
    model = dt.load(tmp_path / "areas.model")
    found = [answer.label for answer in model.predict_many(learn.data.valid.inputs)]
    assert found == list(learn.data.valid.values) and model.manifest.export is not None
    assert dt.Learner.load(tmp_path / "areas.model", device="cpu").validate()["accuracy"].value == 1.0
    assert "majority class" in learn.baselines()


def test_a_trace_in_another_unit_of_time_is_refused_and_not_read_as_thousand_times_faster(tmp_path):
    header = ("t", "x", "y", "event")
    for i in range(24):
        write(tmp_path / "a" / "ab"[i % 2] / f"{i}.csv", trace(i, pause_ms=(20, 400)[i % 2]), header=header)
    seconds = [[row[0] / 1000, *row[1:]] for row in trace(50)]
    odd = write(tmp_path / "a" / "b" / "seconds.csv", seconds, header=header)
    with pytest.warns(DrivetrainWarning, match=r"24 of 25 rows can be used; 1 left out[\s\S]*t_s if it is s"):
        data = dt.traces(tmp_path / "a")
    assert len(data.train) + len(data.valid) + data.n_test == 24 and data.decisions["time"].value == "ms"
    spec = described(data.options)
    with pytest.raises(dt.InputError, match="cannot be ms, as the other traces have; name the column t_s if it is s"):
        spec.load(odd)
    named = spec.load(write(tmp_path / "named.csv", seconds, header=("t_s", "x", "y", "event")))
    np.testing.assert_allclose(named[0], spec.load(write(tmp_path / "ms.csv", trace(50), header=header))[0])
    asked = described({**data.options, "unit": "ms", "reading": {**data.options["reading"], "guessed": False}})
    assert asked.load(odd)[0][-1, 0] < 0.01
