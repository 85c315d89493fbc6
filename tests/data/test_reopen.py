"""The rows of a stored split are found again by content."""

import shutil

import pandas as pd
import pytest

from drivetrain.data.listing import SourceSpec
from drivetrain.data.reopen import Matched, Reopened, reopen
from drivetrain.data.splitting.split import Split
from drivetrain.errors import DataError, DrivetrainWarning, SettingError
from drivetrain.kinds.images.images import images
from drivetrain.runtime.pictures import read as pictures


def reopened(source, data, **changes) -> Reopened:
    spec = SourceSpec.model_validate_json(data.spec.model_dump_json()).model_copy(update=changes)
    return reopen(source, spec, data.target, split=Split.model_validate_json(data.split.model_dump_json()))


def found_again(source, data, part, **changes) -> Matched:
    found = reopened(source, data, **changes)
    return found.new() if part == "new" else found.part(part)


def every_row(source, data, **changes) -> Matched:
    return reopen(source, data.spec.model_copy(update=changes), data.target).all()


def test_moved_and_renamed_files_are_found(class_folder, tmp_path):
    root = class_folder(apple=20, pear=20)
    data = images(root)
    same, missing, _ = found_again(root, data, "valid")
    assert (same, missing) == (data.valid, 0)
    moved = tmp_path / "moved"
    for i, path in enumerate(sorted(root.rglob("*.jpg"), reverse=True)):
        (moved / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, moved / path.parent.name / f"{i:03}.jpg")
    examples, missing, _ = found_again(moved, data, "test")
    assert missing == 0
    assert set(zip(examples.digests, examples.values, strict=True)) == set(
        zip(data.sealed_test.open().digests, data.sealed_test.open().values, strict=True)
    )
    gone = next(path for path, digest in zip(examples.inputs.paths, examples.digests, strict=True) if digest)
    gone.unlink()
    fewer, missing, _ = found_again(moved, data, "test")
    assert (len(fewer), missing) == (len(examples) - 1, 1)


def test_a_table_is_read_by_the_same_columns(put):
    n = 20
    table = pd.DataFrame(
        {
            "where": [str(put(f"p/{i}.jpg", i)) for i in range(n)],
            "thumb": ["x.jpg"] * n,
            "size": [i % 2 for i in range(n)],
            "tags": ["red;big" if i % 2 else "red" for i in range(n)],
            "label": ["z"] * n,
        }
    )
    data = images(table, path="where", target="tags", label_delim=";")
    assert found_again(table, data, "valid").examples == data.valid
    renamed = table.rename(columns={"where": "w", "tags": "t"})
    with pytest.raises(DataError, match="no column 'where'"):
        found_again(renamed, data, "valid")
    assert found_again(renamed, data, "valid", path="w", target=("t",)).examples == data.valid
    numbers = images(table, path="where", target="size", task="number")
    assert found_again(table, numbers, "test").examples == numbers.sealed_test.open()
    with pytest.raises(SettingError, match="2 target columns given; the model says 1 numbers"):
        found_again(table, numbers, "test", target=("size", "tags"))


def test_copies_in_another_given_part_are_not_taken_twice(put):
    table = pd.DataFrame(
        {
            "path": [str(put(f"p/{i}.jpg", i)) for i in range(12)],
            "label": ["a", "b"] * 6,
            "split": ["train"] * 8 + ["valid"] * 4,
        }
    )
    put("p/8.jpg", 0)
    with pytest.warns(DrivetrainWarning, match="more than one part"):
        data = images(table)
    assert found_again(table, data, "valid").examples == data.valid


def test_all_rows_of_new_data(put, class_folder):
    data = images(class_folder(apple=10, pear=10))
    new = class_folder("new", pear=3, plum=2, apple=1)
    with pytest.warns(DrivetrainWarning, match="does not know: 'plum' \\(2\\)"):
        examples, unknown, _ = every_row(new, data)
    assert (sorted(examples.values), unknown) == (["apple", "pear", "pear", "pear"], 2)
    table = pd.DataFrame({"path": [str(put("p/1.jpg", 1))], "label": ["pear"], "split": ["whatever"]})
    assert len(every_row(table, data).examples) == 1
    as_trained = {"layout": "table", "path": "path", "target": ("label",), "split": "split"}
    assert len(every_row(table, data, **as_trained).examples) == 1


@pytest.fixture
def decoded(monkeypatch, tmp_path):
    """Sizes of the files whose pixels are looked at to check them."""
    sizes = []
    probe = pictures._decode

    def counted(data, how):
        sizes.append(len(data))
        return probe(data, how)

    monkeypatch.setattr(pictures, "_decode", counted)
    monkeypatch.setenv("DRIVETRAIN_CACHE_DIR", str(tmp_path / "cache"))
    return sizes


def test_what_the_split_holds_is_hashed_and_not_decoded(class_folder, decoded):
    root = class_folder(apple=10, pear=10)
    data = images(root)
    decoded.clear()
    found = found_again(root, data, "valid").examples
    assert (len(found), decoded) == (len(data.valid), [])
    assert found.signatures == data.valid.signatures
    assert len(decoded) == len(set(found.digests)), "looks are found when somebody asks, of these rows alone"


def test_new_and_broken_files_are_told_apart(class_folder, put, decoded):
    root = class_folder(apple=10, pear=10)
    data = images(root)
    lost = data.valid.inputs[0]
    lost.write_bytes(lost.read_bytes()[:-60])
    put("root/apple/new.jpg", 4000)
    decoded.clear()
    with pytest.warns(DrivetrainWarning, match=r"20 of 21 rows can be used; 1 left out:\n  1 × .*truncated"):
        found = found_again(root, data, "valid")
    assert (len(found.examples), found.n_missing) == (len(data.valid) - 1, 1)
    assert len(decoded) == 2
    lost.unlink()
    assert found_again(root, data, "valid").n_missing == 1


def test_rows_of_the_split_are_not_new(class_folder):
    root = class_folder(apple=10, pear=10)
    data = images(root)
    grown = class_folder("grown", apple=12, pear=10)  # the same twenty, and two more apples
    with pytest.warns(DrivetrainWarning, match="1 of the model's 2 classes has no row in the data.*'pear'"):
        found = found_again(grown, data, "new")
    assert found.examples.values == ("apple", "apple")
    assert len(found_again(grown, data, "valid").examples) == len(data.valid)
    with pytest.raises(DataError, match="holds no new row"):
        found_again(root, data, "new")


def test_errors(class_folder, put, tmp_path):
    data = images(class_folder(apple=10, pear=10))
    other = class_folder("other", pear=0, fig=3)
    for i in range(3):
        put(f"other/fig/{i}.jpg", 5000 + i)
    with pytest.raises(DataError, match="none of the 4 pictures of the stored validation set"):
        found_again(other, data, "valid")
    with pytest.raises(DataError, match=r"no row with a class the model knows. It has 'fig' \(3\)"):
        every_row(other, data)
    with pytest.raises(DataError, match="does not exist"):
        found_again(tmp_path / "none", data, "valid")
    number = images(
        pd.DataFrame({"path": [str(path) for path in data.train.inputs], "y": [i / 2 for i in range(len(data.train))]})
    )
    with pytest.raises(SettingError, match="task='number' cannot be read from a folder"):
        found_again(other, number, "valid")
