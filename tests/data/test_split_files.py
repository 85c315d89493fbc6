"""Splits that come from elsewhere: saved ones and lists of names."""

import json
from pathlib import Path

import pytest

from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.data.splitting.split import Split
from drivetrain.data.splitting.split_files import Brought, place_rows
from drivetrain.errors import DrivetrainWarning, SettingError, SplitError
from drivetrain.kinds.images.images import images


def test_a_saved_split_is_the_same_split_anywhere(class_folder, tmp_path):
    root = class_folder(apple=20, pear=20)
    data = images(root, seed=5, valid_pct=0.3)
    place = data.split.save(tmp_path / "split.json")
    moved = tmp_path / "moved"
    for i, path in enumerate(sorted(root.rglob("*.jpg"), reverse=True)):
        (moved / path.parent.name).mkdir(parents=True, exist_ok=True)
        (moved / path.parent.name / f"{i}.jpg").write_bytes(path.read_bytes())
    for split in (place, str(place), Split.load(place)):
        again = images(moved, split=split)
        assert again.split == data.split
        assert again.sealed_test.open().digests != () and set(again.valid.digests) == set(data.valid.digests)
        assert str(again.decisions["split"]) == "given (split= names training, validation, test)"
    assert str(root) not in place.read_text()


def test_a_content_that_a_split_has_twice_is_kept_from_training():
    split = Split.of(["1", "1", "2"], ["train", "test", "valid"], method="given", seed=1, valid_pct=0, test_pct=0)
    rows = Examples(Files([Path("a"), Path("b")]), ("1", "2"), ("x", "y"))
    assert place_rows(Brought(stored=split), rows, ["a", "b"]).parts == ("test", "valid")


def test_rows_that_a_saved_split_does_not_know_are_left_out(class_folder, put, tmp_path):
    root = class_folder(apple=20, pear=20)
    place = images(root, test_pct=0).split.save(tmp_path / "s.json")
    put("root/apple/new.jpg", 5000)
    (root / "pear" / "3.jpg").unlink()
    with pytest.warns(DrivetrainWarning) as caught:
        data = images(root, split=place)
    messages = [str(warning.message) for warning in caught]
    assert messages[0] == "1 of the 40 contents in the split that was given are not in these data."
    assert messages[1] == "1 of 40 rows is not in the split that was given, and left out."
    assert [row.reason for row in data.report.left_out] == ["not in the split that was given"]
    assert len(data.train) + len(data.valid) == 39 and data.n_test == 0
    other = class_folder("other", fig=5, kiwi=5)
    for path in other.rglob("*.jpg"):
        path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(SplitError, match="none of the 40 contents in the split that was given is in these data"):
        images(other, split=place)


def test_a_split_without_validation_stays_without(class_folder, tmp_path):
    root = class_folder(apple=10, pear=10)
    place = images(root, valid_pct=0, test_pct=0.2).split.save(tmp_path / "s.json")
    assert len(images(root, split=place).valid) == 0
    assert len(images(root, split=place, valid_pct=0.25).valid) == 4
    with pytest.raises(SettingError, match=r"test_pct=0\.2 was asked for, but split= already says which rows are test"):
        images(root, split=place, test_pct=0.2)


def test_lists_of_names(class_folder, tmp_path):
    root = class_folder(apple=10, pear=10)
    lists = tmp_path / "valid.txt"
    lists.write_text("apple/3.jpg\n./pear/4.jpg\n\npear/5 1\napple/6.jpg, 0, 2\n")
    tests = [str(root / "apple" / "1.jpg"), "pear/2"]
    data = images(root, split={"val": lists, "test": tests})
    assert sorted(f"{path.parent.name}/{path.name}" for path in data.valid.inputs.paths) == [
        "apple/3.jpg",
        "apple/6.jpg",
        "pear/4.jpg",
        "pear/5.jpg",
    ]
    assert sorted(path.stem for path in data.sealed_test.open().inputs.paths) == ["1", "2"]
    assert len(data.train) == 14, "without a list for training, what is in no list trains"
    train = [f"{name}/{i}.jpg" for name in ("apple", "pear") for i in range(7, 10)]
    with pytest.warns(DrivetrainWarning, match="8 of 20 rows are not in the split that was given"):
        data = images(root, split={"train": train, "valid": lists, "test": tests})
    assert len(data.train) == 6


def test_lists_that_cannot_be_followed(class_folder, tmp_path):
    root = class_folder(apple=10, pear=10)
    for split, error, says in (
        ({"valid": ["apple/1.jpg"], "test": ["apple/1.jpg"]}, SplitError, "in the validation and in the test list"),
        ({"valid": ["fig/1.jpg"]}, SplitError, "none of the 1 names"),
        ({"valid": ["1.jpg"]}, SplitError, "none of the 1 names"),  # two pictures are called so
        ({"valid": tmp_path / "no.txt"}, SplitError, "cannot be read: No such file"),
        ({"vaild": []}, SplitError, "unknown values: 'vaild'"),
        ({"valid": [], "val": []}, SettingError, "each part at most once"),
        ({}, SettingError, "names nothing"),
        ({1: ["apple/1.jpg"]}, SettingError, "expected train, valid or test → a list of names"),
        ({"valid": 3}, SettingError, r"split\['valid'\]=3 cannot be used"),
        ({"valid": {"apple/1.jpg": 1}}, SettingError, r"split\['valid'\]=.*cannot be used"),
        (5, SettingError, "split=5 cannot be used: expected a column"),
        ("part", SettingError, "leave split out"),
        (tmp_path / "no.json", SplitError, "cannot be read"),
    ):
        with pytest.raises(error, match=says):
            images(root, split=split)
    with pytest.warns(DrivetrainWarning, match="1 of the 3 names in the split that was given are not in these data"):
        images(root, split={"valid": ["apple/1.jpg", "pear/1.jpg", "gone.jpg"]})


def test_a_split_from_elsewhere_stands_above_the_sources_own(put, tmp_path):
    for part, start in (("train", 0), ("val", 100)):
        for i in range(12):
            put(f"root/{part}/{'ab'[i % 2]}/{i}.jpg", start + i)
    own = images(tmp_path / "root")
    assert len(own.valid) == 12
    data = images(tmp_path / "root", split={"valid": ["train/a/0.jpg", "train/b/1.jpg"]})
    assert len(data.valid) == 2 and len(data.train) == 22
    assert "parts" not in data.decisions


def test_damaged_files_are_refused(class_folder, tmp_path):
    split = Split.of(["1", "2"], ["train", "valid"], method="random", seed=1, valid_pct=0.5, test_pct=0)
    place = split.save(tmp_path / "s.json")
    whole = json.loads(place.read_text())
    for change, says in (
        ("{", "is not JSON"),
        ("[]", "holds no split"),
        (json.dumps({**whole, "format_version": 9}), "version 9; expected 1"),
        (json.dumps({**whole, "split": {**whole["split"], "valid": ["3"]}}), "was altered.*identity"),
        (json.dumps({**whole, "split": {**whole["split"], "more": 1}}), "was altered"),
    ):
        place.write_text(change)
        with pytest.raises(SplitError, match=says):
            Split.load(place)
    with pytest.raises(SettingError, match=r"does not end in \.json"):
        split.save(tmp_path / "s.txt")
    with pytest.raises(SettingError, match="cannot be written"):
        split.save(tmp_path / "no" / "s.json")


def test_splits_saved_before_there_were_groups_can_be_read():
    """As data.json of an early artefact has it."""
    early = {
        "method": "stratified",
        "seed": 42,
        "valid_pct": 0.2,
        "test_pct": 0.2,
        "train": ["1"],
        "valid": ["2"],
        "test": ["3"],
        "identity": Split.of(
            ["1", "2", "3"], ["train", "valid", "test"], method="given", seed=1, valid_pct=0, test_pct=0
        ).identity,
    }
    assert Split.model_validate(early).group is None


def test_names_that_several_pictures_have_lead_to_names_as_they_lie_in_the_source(class_folder):
    root = class_folder(apple=20, pear=20)
    for i, path in enumerate(sorted(root.glob("*/*.jpg"))):
        path.rename(path.with_name(f"{i % 20:02}.jpg"))
    with pytest.raises(SplitError, match=r"To fix: write names .* such as 'apple/\d\d\.jpg', not '03\.jpg'"):
        images(root, split={"valid": ["03.jpg"]})


def test_names_may_start_at_the_working_directory(class_folder, monkeypatch):
    root = class_folder(apple=20, pear=20)
    monkeypatch.chdir(root.parent)
    names = sorted(path.relative_to(root.parent).as_posix() for path in root.glob("*/*.jpg"))
    data = images(Path(root.name), split={"valid": names[::10], "test": [f"./{name}" for name in names[1::10]]})
    assert (len(data.train), len(data.valid), data.n_test) == (32, 4, 4)
