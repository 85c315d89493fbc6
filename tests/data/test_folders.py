"""Folders per class, with and without parts."""

from collections import Counter

import pytest

from drivetrain.data.folders import read_folder
from drivetrain.errors import DataError, SplitError


def test_pictures_at_any_depth_belong_to_the_class_folder(put, tmp_path):
    put("root/pear/1.jpg", 1)
    put("root/pear/deep/er/2.JPG", 2)
    put("root/apple/3.png", 3)
    listed = read_folder(tmp_path / "root")
    rows = {(path.name, value) for path, value in zip(listed.rows.inputs.paths, listed.rows.values, strict=True)}
    assert rows == {("1.jpg", "pear"), ("2.JPG", "pear"), ("3.png", "apple")}
    assert listed.parts is None
    assert all(path.is_absolute() for path in listed.rows.inputs.paths)


def test_other_files_are_counted(put, tmp_path):
    put("root/pear/1.jpg", 1)
    for name in ("pear/notes.txt", "pear/.hidden.jpg", "pear/.git/2.jpg", "loose.jpg", "top.txt"):
        put(f"root/{name}", 2)
    (tmp_path / "root/pear/README").write_text("about pears")
    listed = read_folder(tmp_path / "root")
    assert len(listed.rows.inputs.paths) == 1
    assert listed.ignored == {
        ".txt files": 2,
        "no-suffix files": 1,
        "hidden files": 2,
        "pictures outside class folders": 1,
    }


@pytest.mark.parametrize("valid_name", ["valid", "val", "Validation", "dev"])
def test_parts(valid_name, put, tmp_path):
    for part, n in (("train", 3), (valid_name, 2), ("test", 1), ("extra", 4)):
        for i in range(n):
            put(f"root/{part}/pear/{i}.jpg", i)
    listed = read_folder(tmp_path / "root")
    assert Counter(listed.parts) == {"train": 3, "valid": 2, "test": 1}
    assert set(listed.rows.values) == {"pear"}
    assert listed.ignored == {"folder 'extra' beside train": 1}
    assert listed.notes == ("folder extra with 4 pictures is not used: its name is that of no part",)
    assert listed.decisions["parts"].value == "given"
    assert valid_name in listed.decisions["parts"].reason


def test_a_class_may_be_called_train(put, tmp_path):
    for name in ("bus", "car", "train"):
        put(f"root/{name}/deep/1.jpg", 1)
    listed = read_folder(tmp_path / "root")
    assert listed.parts is None
    assert sorted(listed.rows.values) == ["bus", "car", "train"]


def test_a_lone_train_folder_is_a_part(put, tmp_path):
    put("root/train/pear/1.jpg", 1)
    listed = read_folder(tmp_path / "root")
    assert listed.parts == ("train",)
    assert listed.rows.values == ("pear",)


def test_parts_without_training(put, tmp_path):
    put("root/valid/pear/1.jpg", 1)
    put("root/test/pear/1.jpg", 2)
    with pytest.raises(SplitError, match="has test, valid but no folder train"):
        read_folder(tmp_path / "root")


@pytest.mark.parametrize(
    ("files", "mend"),
    [
        ([], "check the path"),
        (["1.jpg", "2.jpg"], "sort the pictures into one sub-folder per class; if this folder is itself one class"),
        (["labels.csv", "1.jpg"], "pass the table in it: .*labels.csv"),
        (["pear/notes.txt"], "check the path"),
    ],
)
def test_a_folder_without_classes_says_how_to_go_on(files, mend, put, tmp_path):
    (tmp_path / "root").mkdir()
    for name in files:
        put(f"root/{name}", 1)
    with pytest.raises(DataError, match=mend):
        read_folder(tmp_path / "root")


def test_links(put, tmp_path):
    """A link to elsewhere is followed once; links up, across and in circles are not."""
    put("root/pear/1.jpg", 1)
    put("root/apple/2.jpg", 2)
    put("elsewhere/3.jpg", 3)
    pear = tmp_path / "root/pear"
    (pear / "more").symlink_to(tmp_path / "elsewhere")
    (pear / "again").symlink_to(tmp_path / "elsewhere")
    (pear / "up").symlink_to(tmp_path / "root")
    (pear / "self").symlink_to(pear)
    (pear / "across").symlink_to(tmp_path / "root/apple")
    (pear / "circle").symlink_to(pear / "circle")
    (pear / "4.jpg").symlink_to(tmp_path / "nowhere.jpg")
    listed = read_folder(tmp_path / "root")
    rows = sorted((path.name, value) for path, value in zip(listed.rows.inputs.paths, listed.rows.values, strict=True))
    assert rows == [("1.jpg", "pear"), ("2.jpg", "apple"), ("3.jpg", "pear"), ("4.jpg", "pear")]
    assert listed.ignored["links to a folder that was read already"] == 4
    assert listed.ignored["no-suffix files"] == 1


def test_a_folder_that_cannot_be_listed(put, tmp_path, monkeypatch):
    put("root/pear/1.jpg", 1)
    put("root/apple/2.jpg", 2)
    import os

    scandir = os.scandir

    def denied(path):
        if str(path).endswith("apple"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("os.scandir", denied)
    listed = read_folder(tmp_path / "root")
    assert listed.rows.values == ("pear",)
    assert listed.left_out[0].reason == "folder cannot be read: Permission denied"
    monkeypatch.setattr("os.scandir", lambda path: denied("apple"))
    with pytest.raises(DataError, match="Permission denied"):
        read_folder(tmp_path / "root")


def test_the_order_of_the_rows_does_not_depend_on_the_file_system(class_folder):
    listed = read_folder(class_folder(b=3, a=2))
    assert list(listed.rows.values) == ["a", "a", "b", "b", "b"]
    assert list(listed.rows.inputs.paths) == sorted(listed.rows.inputs.paths)
