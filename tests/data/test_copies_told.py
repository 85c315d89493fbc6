"""Copies of one content within a part are told once, with counts and an example; none of the sealed rows is shown."""

import shutil

import pandas as pd
import pytest
from scenes import scene, write

from drivetrain.errors import DrivetrainWarning
from drivetrain.kinds.images.images import images


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copies")
    for i in range(24):
        write(folder / f"{i:02}.png", scene(i))
    return folder


def table(folder, rows):
    """A table of (file number, part) rows."""
    cells = [(f"{i:02}.png", "ab"[i % 2], part) for i, part in rows]
    pd.DataFrame(cells, columns=["path", "label", "split"]).to_csv(folder / "rows.csv", index=False)
    return folder / "rows.csv"


def test_each_row_four_times(folder):
    rows = [(i, "train" if i < 12 else "valid" if i < 18 else "test") for i in range(24)]
    with pytest.warns(DrivetrainWarning) as told:
        data = images(table(folder, rows * 4))
    said = [str(one.message) for one in told]
    assert len(said) == 1, said
    assert (
        "24 validation rows are 6 different pictures; 24 test rows are 6 different pictures (same content)" in said[0]
    )
    assert "12.png is listed twice" in said[0] and "To fix:" in said[0]
    decision = str(data.decisions["copies"])
    assert decision.startswith("count once (24 validation rows are 6 different pictures")
    assert "36 training rows are copies of others, and weigh as often as they are listed" in decision


def test_copies_under_other_names_are_named(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "all")
    shutil.copy(tmp_path / "all" / "13.png", tmp_path / "all" / "31.png")
    rows = [(i, "train" if i < 12 else "valid") for i in range(24)] + [(31, "valid")]
    with pytest.warns(
        DrivetrainWarning, match=r"13 validation rows are 12 different pictures.*\n  first: .*13.png = .*31"
    ):
        images(table(tmp_path / "all", rows))


def test_sealed_rows_are_counted_not_shown(folder):
    rows = [(i, "train" if i < 12 else "valid" if i < 18 else "test") for i in range(24)] + [(20, "test")]
    with pytest.warns(DrivetrainWarning, match="7 test rows are 6 different pictures") as told:
        images(table(folder, rows))
    assert not any(".png" in str(one.message) for one in told)


def test_copies_in_training_alone_are_no_warning(folder):
    rows = [(i, "train" if i < 12 else "valid") for i in range(24)] + [(3, "train")] * 2
    data = images(table(folder, rows))
    assert (
        data.decisions["copies"].reason == "2 training rows are copies of others, and weigh as often as they are listed"
    )
    assert "copies" not in images(table(folder, rows[:-2])).decisions


def test_two_labels_of_one_content_say_what_to_do(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "all")
    shutil.copy(tmp_path / "all" / "12.png", tmp_path / "all" / "31.png")
    rows = [(i, "train" if i < 12 else "valid") for i in range(24)] + [(31, "valid")]
    with pytest.warns(DrivetrainWarning) as told:
        images(table(tmp_path / "all", rows))
    conflict, copies = (str(one.message) for one in told)
    assert "no model can be right about both" in conflict and "12.png ('a') = " in conflict and "To fix:" in conflict
    assert "13 validation rows are 12 different pictures" in copies
