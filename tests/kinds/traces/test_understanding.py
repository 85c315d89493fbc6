"""What stands beside a model of traces: metadata alone, and the same traces as other devices write them."""

from __future__ import annotations

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.auditing import shortcut
from drivetrain.evaluation.verification import metadata_pairs
from drivetrain.kinds.traces.source import described
from drivetrain.kinds.traces.understanding import CHANGES, PLACES, report_sections, shifted
from drivetrain.runtime.targets import CategoryTarget
from tests.kinds.traces.made import people, trace, write
from tests.reading import without_tags


@pytest.fixture
def data(tmp_path):
    return dt.traces(people(tmp_path / "traces"))


def by_place(rows):
    """Says by where the pointer is and how often it reports, as no model should."""
    spec = described(rows.options)
    points = [spec.load(one)[0] for one in rows.inputs]
    chance = np.array([[0.9, 0.1] if one[:, 1].max() > 500 and len(one) > 100 else [0.1, 0.9] for one in points])
    return dt.Predictions.of(rows, CategoryTarget(name="class", vocab=tuple(sorted(set(rows.values)))), chance)


def test_metadata_alone_read_the_traces(data, monkeypatch):
    """Those of one class last longer, and none of them is a picture."""
    monkeypatch.setattr(shortcut, "FEWEST_ROWS", 10)
    read = []
    real = shortcut.read_columns
    monkeypatch.setattr(shortcut, "read_columns", lambda *asked: read.append(real(*asked)) or read[-1])
    said = shortcut.metadata_baseline(data)
    assert {"seconds", "events per second", "x high"} <= {column.name for column in read[0]}
    assert said is not None and said.hits().mean() == 1.0


def test_metadata_alone_stand_beside_every_score(tmp_path, monkeypatch):
    monkeypatch.setattr(shortcut, "FEWEST_ROWS", 10)
    data = dt.traces(people(tmp_path / "traces"))
    learn = dt.Learner(data, "areas", size=16, device="cpu", precision="fp32").fine_tune(1, checkpoint=False)
    assert learn.validate().baselines["metadata alone"]["accuracy"] == 1.0
    assert "What another device does to it" in learn.report(tmp_path / "r.html", probe=False).read_text()
    model = learn.save(tmp_path / "a.model")
    assert dt.evaluate(model).scores.baselines["metadata alone"]["accuracy"] == 1.0
    assert "metadata alone 100.0 %" in str(dt.evaluate(model, "test"))


def test_what_another_device_changes_is_measured(data):
    found = {one.said.name: one for one in shifted(by_place, data.valid)}
    assert list(found) == list(CHANGES)
    assert found["twice the screen"].said.n == len(data.valid)
    assert found["half the screen"].said.changed > 0 and found["half as many reports a second"].said.changed > 0
    assert found["a clock that ticks every 16 ms"].said.changed == 0
    said = without_tags(str(report_sections(by_place, data)))
    assert "half the screen" in said and "ROC AUC before" in said


def test_a_screen_of_another_size_changes_no_picture(data):
    spec, seen = described(data.options), []

    def watched(rows):
        seen.append([spec.view(spec.load(one))[0] for one in rows.inputs])
        return by_place(rows)

    shifted(watched, data.valid)
    before, twice = seen[0], seen[1 + list(CHANGES).index("twice the screen")]
    for one, other in zip(before, twice, strict=True):
        np.testing.assert_array_equal(one, other)


def test_spans_of_a_file_stay_spans(tmp_path):
    rows = []
    for i in range(12):
        path = write(tmp_path / f"{i}.csv", trace(i, pause_ms=(20, 400)[i % 2]))
        rows += [{"path": str(path), "a": a, "b": a + 1.2, "pace": "hs"[i % 2], "trial": i} for a in (0.0, 1.2)]
    data = dt.traces(rows, target="pace", start="a", end="b", group="trial")
    for one in shifted(by_place, data.valid):
        assert one.said.n == len(data.valid)


def test_traces_too_short_to_be_changed_are_left_out(tmp_path):
    for i in range(24):
        write(tmp_path / "ab"[i % 2] / f"{i}.csv", [[i + 20 * k, 3 * k, (k * i) % 7, "move"] for k in range(9)])
    found = {one.said.name for one in shifted(by_place, dt.traces(tmp_path).valid)}
    assert found == {*CHANGES} - {"half as many reports a second"}


def test_traces_without_times_are_changed_in_place_alone(tmp_path):
    for i in range(24):
        rows = [row[1:3] for row in trace(i)]
        write(tmp_path / "ab"[i % 2] / f"{i}.csv", rows, header=("x", "y"))
    assert {one.said.name for one in shifted(by_place, dt.traces(tmp_path).valid)} == set(PLACES)


def test_metadata_alone_verify_by_the_nearest_of_those_enrolled(tmp_path):
    """Everybody's screen has a size of its own, so that nothing but that has to be looked at."""
    rows = []
    for person in range(8):
        for number in range(3):
            path = tmp_path / f"{person}-{number}.csv"
            write(path, trace(number, scale=1 + person))
            rows.append({"path": str(path), "who": f"p{person}", "part": "train" if number else "valid"})
    data = dt.traces(rows, target="who", split="part")
    names = [f"p{person}" for person in range(8)]
    pairs = metadata_pairs(data, names)
    assert len(pairs) == 64
    best = {who: max((score, claimed) for score, one, claimed in pairs if one == who)[1] for who in names}
    assert sum(who == one for who, one in best.items()) >= 6
