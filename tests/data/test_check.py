"""Every file is opened once; what is wrong is told, never raised."""

import os
from pathlib import Path

import pytest

from drivetrain.data.check import CheckReport, LeftOut, problems
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.errors import DrivetrainWarning
from drivetrain.kinds.images.images import images
from drivetrain.kinds.images.source import probe_pictures
from drivetrain.runtime.pictures.read import digest


@pytest.mark.parametrize("workers", [None, 1, 3])
def test_results_come_in_the_order_given(workers, put, tmp_path):
    paths = [put(f"{i}.jpg", i) for i in range(150)]
    (tmp_path / "7.jpg").write_bytes(paths[7].read_bytes()[:-20])
    paths.append(paths[3])
    checked = probe_pictures(paths, workers=workers)
    assert [found.digest for found in checked if found.problem is None] == [
        digest(path.read_bytes()) for i, path in enumerate(paths) if i != 7
    ]
    assert checked[7].problem.startswith("truncated or damaged")
    assert (checked[0].height, checked[0].width) == (8, 8)
    assert problems(Files(paths), checked) == {7: LeftOut(str(paths[7]), checked[7].problem)}


def test_each_file_is_read_once(put, monkeypatch):
    paths = [put("a.jpg", 1), put("b.jpg", 2)] * 3
    read = Path.read_bytes
    calls = []
    monkeypatch.setattr(Path, "read_bytes", lambda path: calls.append(path.name) or read(path))
    probe_pictures(paths)
    assert sorted(calls) == ["a.jpg", "b.jpg"]


def test_channels_are_checked(put):
    path = put("a.jpg", 1)
    assert probe_pictures([path], channels=1)[0].problem is None
    assert "other channels" in probe_pictures([path], channels=7)[0].problem


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
        "  5 × truncated or damaged (1; 2): a, c0, c1, … (2 more)",
        "  1 × file is missing: b",
        "not looked at: 2 × .txt files",
    ]
    assert str(CheckReport(n_rows=3)) == "3 of 3 rows can be used"


def test_the_report_names_classes_that_lost_more_than_half():
    gone = [LeftOut(f"{i}", "file is empty", "pear") for i in range(3)] + [LeftOut("x", "not a picture: text", "pear")]
    report = CheckReport(
        n_rows=20, left_out=(*gone, LeftOut("y", "file is empty", "fig")), used={"fig": 1, "apple": 14}
    )
    assert report.losses == ["class 'pear' keeps none of its 4 rows (left out: 3 × file is empty, 1 × not a picture)"]
    assert report.losses[0] in str(report)
    assert report.left_out_of_class == {"pear": {"file is empty": 3, "not a picture": 1}, "fig": {"file is empty": 1}}
    assert CheckReport(n_rows=3, notes=("two classes are nearly equal",)).deserves_warning
    assert "note: two classes are nearly equal." in str(CheckReport(n_rows=3, notes=("two classes are nearly equal",)))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [("b.jp2", b"x", "JPEG 2000 is not read"), ("b.jpg", b"", "file is empty"), ("b.heic", b"x", "not a picture")],
)
def test_a_class_that_vanishes_is_named_with_count_and_reason(name, content, reason, class_folder):
    root = class_folder(apple=6, pear=6)
    (root / "fig").mkdir()
    for i in range(3):
        (root / "fig" / f"{i}{name}").write_bytes(content)
    with pytest.warns(DrivetrainWarning, match=rf"class 'fig' keeps none of its 3 rows \(left out: 3 × {reason}"):
        data = images(root)
    assert data.report.n_rows == 15
    assert data.report.used == {"apple": 6, "pear": 6}
    assert sum(data.report.used.values()) + len(data.report.left_out) == data.report.n_rows


def test_a_class_of_files_without_suffix_is_used(class_folder):
    root = class_folder(apple=6, pear=6)
    for path in (root / "pear").iterdir():
        path.rename(path.with_suffix(""))
    assert images(root).report.used == {"apple": 6, "pear": 6}


def test_columns_of_examples_have_one_length():
    with pytest.raises(AssertionError, match="different length"):
        Examples(Files([Path("a")]), (), ())


def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert probe_pictures([tmp_path / "pipe.jpg"])[0].problem == "not a file: it is a pipe, socket or device"
