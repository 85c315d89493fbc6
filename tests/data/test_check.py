"""Every file is opened once; what is wrong is told, never raised."""

import os
from pathlib import Path

import pytest

from drivetrain.data.check import CheckReport, LeftOut, check_pictures, problems
from drivetrain.data.examples import Examples
from drivetrain.runtime.pictures import digest


@pytest.mark.parametrize("workers", [None, 1, 3])
def test_results_come_in_the_order_given(workers, put, tmp_path):
    paths = [put(f"{i}.jpg", i) for i in range(150)]
    (tmp_path / "7.jpg").write_bytes(paths[7].read_bytes()[:-20])
    paths.append(paths[3])
    checked = check_pictures(paths, workers=workers)
    assert [found.digest for found in checked if found.problem is None] == [
        digest(path.read_bytes()) for i, path in enumerate(paths) if i != 7
    ]
    assert checked[7].problem.startswith("truncated or damaged")
    assert (checked[0].height, checked[0].width) == (8, 8)
    assert problems(paths, checked) == [LeftOut(str(paths[7]), checked[7].problem)]


def test_each_file_is_read_once(put, monkeypatch):
    paths = [put("a.jpg", 1), put("b.jpg", 2)] * 3
    read = Path.read_bytes
    calls = []
    monkeypatch.setattr(Path, "read_bytes", lambda path: calls.append(path.name) or read(path))
    check_pictures(paths)
    assert sorted(calls) == ["a.jpg", "b.jpg"]


def test_channels_are_checked(put):
    path = put("a.jpg", 1)
    assert check_pictures([path], channels=1)[0].problem is None
    assert "other channels" in check_pictures([path], channels=7)[0].problem


def test_the_report_groups_by_reason():
    report = CheckReport(
        n_rows=10,
        left_out=(
            LeftOut("a", "truncated or damaged: 1"),
            LeftOut("b", "file is missing"),
            *[LeftOut(f"c{i}", "truncated or damaged: 2") for i in range(4)],
        ),
        ignored={".txt files": 2},
    )
    assert str(report).splitlines() == [
        "4 of 10 rows can be used; 6 left out:",
        "  5 × truncated or damaged (such as 1): a, c0, c1, … (2 more)",
        "  1 × file is missing: b",
        "not looked at: 2 × .txt files",
    ]
    assert str(CheckReport(n_rows=3)) == "3 of 3 rows can be used"


def test_columns_of_examples_have_one_length():
    with pytest.raises(AssertionError, match="different length"):
        Examples((Path("a"),), (), ())


def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert check_pictures([tmp_path / "pipe.jpg"])[0].problem == "not a file: it is a pipe, socket or device"
