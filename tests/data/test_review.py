"""Decisions of a review: written so that nothing is lost, applied before the split."""

import json
import subprocess
import sys
import threading

import pandas as pd
import pytest

from drivetrain.data.reopen import reopen
from drivetrain.data.review import read_review, record
from drivetrain.errors import DataError, DrivetrainWarning, SettingError
from drivetrain.kinds.images.images import images


@pytest.fixture
def place(tmp_path):
    return tmp_path / "review.json"


def test_the_last_decision_holds(place):
    record(place, "00", "relabel", "pear")
    record(place, "11", "remove")
    record(place, "00", "keep")
    found = read_review(place)
    assert {digest: one.action for digest, one in found.items()} == {"00": "keep", "11": "remove"}
    assert found["00"].label is None and found["00"].when.startswith("20")
    assert len(place.read_text().splitlines()) == 4, "nothing is written over"


def test_a_line_that_a_crash_cut_short_costs_that_line_alone(place):
    record(place, "00", "remove")
    for cut in ('{"digest": "1', "\xff", '{"digest"'):
        with place.open("ab") as stream:
            stream.write(cut.encode("latin-1"))
        record(place, "22", "keep")
    with pytest.warns(DrivetrainWarning, match="lines 3, 5, 7 are no decisions"):
        assert set(read_review(place)) == {"00", "22"}


def test_a_killed_writer_leaves_every_decision_it_made(place):
    code = (
        "import os, sys; from drivetrain.data.review import record\n"
        f"for i in range(5): record({str(place)!r}, f'{{i:02}}', 'keep')\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert done.returncode == -9
    assert set(read_review(place)) == {f"{i:02}" for i in range(5)}


def test_several_writers_at_once(place):
    threads = [
        threading.Thread(target=lambda n=n: [record(place, f"{n}-{i}", "keep") for i in range(10)]) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_review(place)) == 40


def test_a_file_written_by_hand_is_read_and_added_to(place):
    decisions = {"00": {"action": "relabel", "label": "pear"}, "11": {"action": "remove", "when": "2024-01-31"}}
    place.write_text(json.dumps({"version": 1, "decisions": decisions}, indent=2))
    assert read_review(place)["00"].label == "pear"
    record(place, "22", "keep")
    found = read_review(place)
    assert set(found) == {"00", "11", "22"} and found["11"].when == "2024-01-31"
    assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize(
    ("action", "label", "says"),
    [
        ("delete", None, "expected|'keep', 'relabel' or 'remove'"),
        ("relabel", None, "'relabel' needs a label"),
        ("keep", "pear", "'keep' has no label"),
    ],
)
def test_what_cannot_be_recorded(place, action, label, says):
    with pytest.raises(SettingError, match=says):
        record(place, "00", action, label)
    assert not place.exists()


def test_files_that_are_no_review(place, tmp_path):
    for text, says in (
        ("", "is no review"),
        ("path,label\na.jpg,pear\n", "is no review"),
        ('{"format": "drivetrain review", "version": 9}\n', "version 9; expected 1"),
        ('{"format": "drivetrain review", "version": 1}\n{"action": "keep"}\n', "line 2: there is no digest"),
        ('{"format": "drivetrain review", "version": 1}\n{"digest": "0", "action": "x"}\n', "line 2: action"),
        (
            '{"version": 1, "decisions": {"0": {"action": "keep", "label": "x"}}}',
            "0: Value error, action 'keep' has no",
        ),
    ):
        place.write_text(text)
        with pytest.raises(DataError, match=says):
            read_review(place)
        if says.startswith("is no") and text:
            with pytest.raises(DataError, match="is no review"):
                record(place, "00", "keep")
            assert place.read_text() == text
    with pytest.raises(DataError, match="cannot be written"):
        record(tmp_path / "no" / "review.json", "00", "keep")


@pytest.fixture
def fruit(put):
    labels = ["apple", "pear"] * 15
    return pd.DataFrame({"path": [str(put(f"p/{i}.jpg", i)) for i in range(30)], "label": labels})


def digests_by_name(table, **options):
    data = images(table, test_pct=0, **options)
    return {
        path.stem: digest
        for rows in (data.train, data.valid)
        for path, digest in zip(rows.inputs.paths, rows.digests, strict=True)
    }


def test_a_review_is_applied_before_the_split(fruit, place):
    digests = digests_by_name(fruit)
    record(place, digests["0"], "relabel", "pear")
    record(place, digests["1"], "remove")
    record(place, digests["2"], "keep")
    record(place, "f" * 32, "remove")
    data = images(fruit, review=place, test_pct=0)
    value_of = {
        path.stem: value
        for rows in (data.train, data.valid)
        for path, value in zip(rows.inputs.paths, rows.values, strict=True)
    }
    assert value_of["0"] == "pear" and value_of["2"] == "apple" and "1" not in value_of
    assert (len(data.train), len(data.valid)) == (23, 6)
    assert [row.reason for row in data.report.left_out] == ["removed in review"]
    assert str(data.decisions["review"]) == (
        "review.json (1 row kept, 1 relabelled, 1 removed; 1 decision is about pictures that are not here)"
    )
    found = reopen(fruit, data.spec, data.target).all()
    assert found.examples.values[0] == "pear", "a saved model is judged by the labels it was trained with"


def test_other_kinds_of_target(fruit, place):
    fruit["tags"] = ["red;round", "green"] * 15
    fruit["weight"] = [i / 7 for i in range(30)]
    digests = digests_by_name(fruit, target="label")
    record(place, digests["0"], "relabel", ("green", "round"))
    data = images(fruit, target="tags", label_delim=";", review=place, test_pct=0)
    assert ("green", "round") in (*data.train.values, *data.valid.values)
    place.unlink()
    record(place, digests["0"], "relabel", 5.5)
    data = images(fruit, target="weight", review=place, test_pct=0)
    assert (5.5,) in (*data.train.values, *data.valid.values)
    place.unlink()
    record(place, digests["0"], "relabel", "heavy")
    with pytest.raises(DataError, match="the label is 'heavy'; expected 1 finite numbers"):
        images(fruit, target="weight", review=place)


def test_a_label_that_the_data_do_not_have_is_named(fruit, place):
    digests = digests_by_name(fruit)
    record(place, digests["3"], "relabel", "paer")
    with pytest.raises(
        DataError, match=r"review.json, picture \w+: 'paer' is none of the 2 labels.*Did you mean 'pear'"
    ):
        images(fruit, review=place)
    with pytest.raises(DataError, match="cannot be read: No such file"):
        images(fruit, review=place.with_name("no.json"))
