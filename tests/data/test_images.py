"""images(): from every kind of source to Data, with its errors and warnings."""

import itertools
import os
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

import drivetrain.kinds.images.images as module
from drivetrain.data.listing import TASK_NAMES, SourceSpec
from drivetrain.errors import DataError, DrivetrainWarning, SettingError, SplitError
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget

NUMBERS = itertools.count()


def images(source, **options):
    """Every split in a project of its own: what sealing forbids is tested with the seals."""
    return module.images(source, project=Path(os.environ["DRIVETRAIN_PROJECT"], str(next(NUMBERS))), **options)


@pytest.fixture
def frame(put):
    """frame(n, **columns) is a DataFrame of n pictures, each column a list of n cells."""

    def make(n: int, **columns) -> pd.DataFrame:
        return pd.DataFrame({"path": [str(put(f"p/{i}.jpg", i)) for i in range(n)], **columns})

    return make


def test_a_folder_per_class(class_folder):
    root = class_folder(apple=20, pear=10, fig=10)
    data = images(root, seed=3)
    assert (len(data.train), len(data.valid), data.n_test) == (24, 8, 8)
    for rows, counts in ((data.valid, (4, 2, 2)), (data.sealed_test.open(), (4, 2, 2)), (data.train, (12, 6, 6))):
        assert Counter(rows.values) == dict(zip(("apple", "pear", "fig"), counts, strict=True))
    assert data.target == CategoryTarget(name="class", vocab=("apple", "fig", "pear"))
    assert data.kind == "images"
    assert data.split.method == "stratified"
    assert data.split.find("test") == set(data.sealed_test.open().digests)
    assert data.spec == SourceSpec(layout="folder", options={"channels": 3})
    assert {path.parent.name for path in data.train.inputs.paths} == {"apple", "pear", "fig"}
    every = [*data.train.inputs.paths, *data.valid.inputs.paths, *data.sealed_test.open().inputs.paths]
    assert sorted(every) == sorted(root.rglob("*.jpg"))
    for words in ("24 rows", "sealed", "apple", "stratified", "40 of 40 rows can be used"):
        assert words in repr(data)


def test_the_same_pictures_elsewhere_split_alike(class_folder, tmp_path):
    root = class_folder(apple=20, pear=20)
    first = images(root)
    moved = tmp_path / "moved"
    for i, path in enumerate(sorted(root.rglob("*.jpg"), reverse=True)):
        (moved / path.parent.name / "deep").mkdir(parents=True, exist_ok=True)
        shutil.copy(path, moved / path.parent.name / "deep" / f"{i:03}.jpg")
    table = pd.DataFrame({"path": map(str, sorted(moved.rglob("*.jpg")))})
    table["label"] = [Path(path).parent.parent.name for path in table["path"]]
    for again in (images(moved), images(table.sample(frac=1, random_state=1))):
        assert again.split == first.split
    assert images(root, seed=43).split.identity != first.split.identity


def test_parts_as_folders(put, tmp_path):
    for part, n in (("train", 4), ("val", 2), ("test", 3)):
        for name, start in (("apple", 0), ("pear", 100)):
            for i in range(n):
                put(f"root/{part}/{name}/{i}.jpg", 10 * n + start + i)
    data = images(tmp_path / "root")
    assert (len(data.train), len(data.valid), data.n_test) == (8, 4, 6)
    assert data.split.method == "given"
    assert "training, validation, test" in data.decisions["split"].reason
    for setting in ("valid_pct", "test_pct"):
        with pytest.raises(SettingError, match=f"{setting}=0.2 was asked for, but the source already says"):
            images(tmp_path / "root", **{setting: 0.2})


def test_what_a_given_split_leaves_open(frame):
    labels = ["a", "b"] * 20
    train_test = frame(40, label=labels, split=["train"] * 30 + ["test"] * 10)
    data = images(train_test)
    assert (len(data.train), len(data.valid), data.n_test) == (24, 6, 10)
    assert "validation (0.2) drawn from its training rows, stratified" in data.decisions["split"].reason
    assert len(images(train_test, valid_pct=0.5).valid) == 15
    assert len(images(train_test, valid_pct=0).valid) == 0
    train_valid = frame(40, label=labels, split=["train"] * 30 + ["valid"] * 10)
    assert images(train_valid).n_test == 0
    assert images(train_valid, test_pct=0.2).n_test == 6
    train_only = frame(40, label=labels, split=["train"] * 40)
    data = images(train_only)
    assert (len(data.train), len(data.valid), data.n_test) == (32, 8, 0)
    with pytest.raises(SplitError, match="training set has no usable row"):
        images(frame(4, label=labels[:4], split=["test"] * 4))


def test_a_split_column_is_found_named_or_refused(frame):
    table = frame(20, label=["a", "b"] * 10, fold=["train"] * 18 + ["valid", "valid"])
    with pytest.warns(DrivetrainWarning, match="column 'fold' says train, valid and was not followed.*split='fold'"):
        assert images(table, target="label").split.method == "stratified"
    assert len(images(table, target="label", split="fold").valid) == 2
    with pytest.raises(SplitError, match=r"column 'label' has 2 unknown values: 'a', 'b'; expected train"):
        images(table.assign(y=["c", "d"] * 10), target="y", split="label")
    with pytest.raises(DataError, match="named by split="):
        images(table, split="part")


def test_tables_on_disk(put, tmp_path, monkeypatch):
    rows = [(f"pics/{i}.jpg", "ab"[i % 2]) for i in range(20)]
    for i, (name, _) in enumerate(rows):
        put(f"deep/{name}", i)
    table = pd.DataFrame(rows, columns=["file", "fruit"])
    table.to_csv(tmp_path / "deep/t.csv", index=False)
    table.to_csv(tmp_path / "deep/t.tsv", index=False, sep="\t")
    table.to_parquet(tmp_path / "deep/t.parquet")
    monkeypatch.chdir(tmp_path)
    found = [images(f"deep/t.{suffix}") for suffix in ("csv", "tsv", "parquet")]
    monkeypatch.chdir(tmp_path / "deep")
    found.append(images(table))
    assert len({data.split.identity for data in found}) == 1
    assert all(path.exists() for data in found for path in data.train.inputs.paths)
    assert found[0].spec == SourceSpec(layout="table", path="file", target=("fruit",), options={"channels": 3})
    assert found[0].decisions["target"].reason == "the only column left"


def test_kinds_of_target(frame):
    table = frame(
        30,
        few=[i % 3 for i in range(30)],
        many=list(range(30)),
        real=[i / 10 for i in range(30)],
        tags=["red;round" if i % 2 else "red" for i in range(30)],
        lists=[["a"] if i % 2 else ["b", "c"] for i in range(30)],
        word=["x" if i % 2 else "y" for i in range(30)],
    )
    for target, options, kind, vocab in (
        ("few", {}, "category", ("0", "1", "2")),
        ("few", {"task": "number"}, "number", None),
        ("many", {}, "number", None),
        ("tags", {}, "categories", ("red", "round")),
        ("tags", {"label_delim": ";"}, "categories", ("red", "round")),
        ("tags", {"task": "category"}, "category", ("red", "red;round")),
        ("lists", {}, "categories", ("a", "b", "c")),
        (["real", "many"], {}, "number", None),
        (["word", "few"], {}, "categories", ("few=0", "few=1", "few=2", "word=x", "word=y")),
    ):
        data = images(table, target=target, **options)
        assert data.target.kind == kind and data.decisions["task"].value == TASK_NAMES[kind]
        assert data.spec.kind == kind
        if vocab:
            assert data.target.vocab == vocab
    data = images(table, target=["real", "many"])
    assert isinstance(data.target, NumberTarget)
    assert data.target.names == ("real", "many")
    assert data.split.method == "random"
    assert data.target.mean[1] == pytest.approx(sum(value[1] for value in data.train.values) / len(data.train))


def test_the_target_is_fitted_on_training_rows_alone(frame):
    table = frame(30, y=[float(i) for i in range(30)], split=["train"] * 10 + ["valid"] * 10 + ["test"] * 10)
    assert images(table).target.mean == (4.5,)


def test_rows_without_path_target_or_file_are_left_out_and_named(frame, tmp_path):
    table = frame(30, label=["a", "b"] * 15)
    table.loc[0, "path"] = None
    table.loc[1, "label"] = None
    table.loc[2, "path"] = str(tmp_path / "gone.jpg")
    table.loc[3, "path"] = "https://example.org/x.jpg"
    Path(table.loc[4, "path"]).write_bytes(b"")
    with pytest.warns(DrivetrainWarning) as caught:
        data = images(table)
    text = str(caught[0].message)
    for words in (
        "25 of 30 rows can be used; 5 left out",
        "row 1",
        "target is missing",
        "gone.jpg",
        "web address",
        "empty",
    ):
        assert words in text
        assert words in data.summary()
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert len(data.train) + len(data.valid) + data.n_test == 25
    assert {row.reason.split(":")[0] for row in data.report.left_out} == {
        "path is missing",
        "target is missing",
        "file is missing",
        "path is a web address",
        "file is empty",
    }
    with pytest.raises(DataError, match=r"broken='error'.*"):
        images(table, broken="error")
    images(table.loc[5:], broken="error")
    with pytest.warns(DrivetrainWarning, match="target is missing"):
        images(table.loc[[1, *range(5, 30)]], broken="error")  # a missing label is no broken file


def test_numbers_that_are_not_finite_are_left_out(frame):
    values = [float(i) for i in range(20)]
    values[3], values[4], values[5] = float("inf"), float("-inf"), float("nan")
    with pytest.warns(DrivetrainWarning, match="3 left out"):
        data = images(frame(20, y=values))
    assert len(data.report.left_out) == 3


def test_sources_with_nothing_to_learn(frame, tmp_path, class_folder, put):
    (tmp_path / "empty").mkdir()
    put("alone/pear/1.jpg", 1)
    put("alone/pear/2.jpg", 2)
    for source, options, says in (
        (tmp_path / "none", {}, "does not exist"),
        (tmp_path / "empty", {}, "is empty; expected one sub-folder per class"),
        (tmp_path / "alone", {}, "the same 'class': 'pear'; there is nothing to tell apart"),
        (frame(4, y=[None] * 4), {}, "target column 'y' has no value"),
        (frame(4, y=["x"] * 4), {}, "the same 'y': 'x'; there is nothing to tell apart"),
        (frame(4, y=[["x"]] * 4), {}, "nothing to tell apart"),
        (frame(4, y=[[]] * 4), {}, "nothing to tell apart"),
        (frame(10, y=[1.5] * 10), {}, "the same value in all"),
        (frame(4, y=["x"] * 4), {"task": "number"}, "no usable row.*not a number"),
        (
            pd.DataFrame({"path": ["no.jpg", "ne.jpg"], "y": ["a", "b"]}),
            {},
            r"no usable row.*2 × file is missing.*as written",
        ),
    ):
        with pytest.raises(DataError, match=f"(?s){says}"):
            images(source, **options)
    with pytest.raises(SplitError, match="4 distinct rows cannot be split"), pytest.warns(DrivetrainWarning):
        images(frame(4, y=list("abcd")))


def test_settings(class_folder, frame):
    root = class_folder(a=5, b=5)
    for options, says in (
        ({"valid_pct": 20}, r"Did you mean 0\.2\?"),
        ({"valid_pct": 0.5, "test_pct": 0.5}, "leave nothing to train on"),
        ({"valid_pct": 0.9}, "leave nothing to train on"),
        ({"kind": "categry"}, "Did you mean 'category'"),
        ({"broken": "ignore"}, "expected 'leave out' or 'error'"),
        ({"channels": 0}, "channels=0 cannot be used"),
        ({"seed": None}, "seed=None cannot be used"),
        ({"valid_pct": "20%"}, r"Did you mean 0\.2\?"),
        ({"target": "x"}, "target='x' names something in a table"),
        ({"path": "x"}, "leave path out"),
        ({"split": "x"}, "leave split out"),
        ({"label_delim": ";"}, "leave label_delim out"),
        ({"task": "number"}, "cannot be read from a folder"),
    ):
        with pytest.raises(SettingError, match=says):
            images(root, **options)
    with pytest.raises(SettingError, match="label_delim="):
        images(frame(4, y=list("abab")), label_delim="")
    with pytest.raises(SettingError, match="source is int"):
        images(5)


def test_a_class_that_is_never_trained_is_left_out_of_the_other_parts(frame):
    labels = ["a", "b"] * 5 + ["new", "a", "b", "new", "newer", "a", "b"]
    table = frame(17, label=labels, split=["train"] * 10 + ["valid"] * 3 + ["test"] * 4)
    with pytest.warns(DrivetrainWarning) as caught:
        data = images(table)
    messages = [str(warning.message) for warning in caught]
    assert messages[0].startswith("1 class is in the validation set but not in the training set: 'new' (1)")
    assert messages[1].startswith("2 classes are in the test set but not in the training set: 'new' (1), 'newer' (1)")
    assert data.target.vocab == ("a", "b")
    assert (len(data.valid), data.n_test) == (2, 2)
    assert len(data.split.valid) == 2
    assert sum("not in the training set" in row.reason for row in data.report.left_out) == 3
    table["split"] = ["train"] * 10 + ["test"] * 3 + ["valid"] * 4
    table.loc[13:, "label"] = "new"
    with pytest.warns(DrivetrainWarning), pytest.raises(SplitError, match="validation set has no usable row"):
        images(table)


def test_classes_that_validation_cannot_judge(frame):
    table = frame(12, label=["a", "b", "c"] * 4, split=["train"] * 9 + ["valid", "valid", "test"])
    table["label"] = ["a", "b", "c"] * 3 + ["a", "b", "c"]
    with pytest.warns(
        DrivetrainWarning, match="1 of 3 classes has no validation row.*: c.*add pictures to the validation"
    ):
        images(table)


def test_equal_content(frame, put):
    table = frame(20, label=["a", "b"] * 10)
    put("p/1.jpg", 0)  # the same as 0.jpg, which has another label
    with pytest.warns(
        DrivetrainWarning,
        match=r"(?s)1 picture has the content of another but a different target.*0\.jpg \('a'\) = .*1\.jpg \('b'\)",
    ):
        data = images(table)
    assert len(data.split.train) + len(data.split.valid) + len(data.split.test) == 19
    table = frame(20, label=["a", "b"] * 10, split=["train"] * 12 + ["valid"] * 4 + ["test"] * 4)
    put("p/18.jpg", 0)
    with pytest.warns(
        DrivetrainWarning, match=r"(?s)1 picture is in more than one part.*0\.jpg \(training\) = .*18\.jpg \(test\)"
    ):
        data = images(table)
    assert data.n_test == 4


def test_rare_labels_stay_in_training(frame):
    tags = [["common"] for _ in range(40)]
    for i in range(10):
        tags[i] = ["common", f"rare{i}"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = images(frame(40, tags=tags))
    assert isinstance(data.target, CategoriesTarget)
    assert len(data.target.vocab) == 11
    assert not data.report.left_out


def test_channels(frame):
    table = frame(10, label=["a", "b"] * 5)
    assert images(table, channels=1).options == {"channels": 1}
    with pytest.raises(DataError, match="10 × other channels"):
        images(table, channels=6)


def test_data_needs_no_torch_and_pictures_need_no_pandas():
    code = (
        "import sys, drivetrain.runtime.pictures.read; assert not {'pandas', 'torch'} & set(sys.modules);"
        "import drivetrain.data.reopen; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("older", "says", "kind"),
    [
        ({"kind": "number"}, r"kind= is called task= now, .* To fix: pass task='number'", "number"),
        ({"kind": "categories"}, "To fix: pass task='multilabel'", "categories"),
        (
            {"task": "categories"},
            "'categories' is called 'multilabel' now, .* pass task='multilabel'",
            "categories",
        ),
    ],
)
def test_older_words_for_the_task_are_understood_with_a_warning(frame, older, says, kind):
    target = [str(i % 3) for i in range(30)]
    with pytest.warns(DrivetrainWarning, match=says) as caught:
        data = images(frame(30, t=target), target="t", **older)
    assert data.target.kind == data.spec.kind == kind
    assert sum("next version" in str(each.message) for each in caught) == 1


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"task": "multi"}, "task='multi' cannot be used: expected None, 'category', 'multilabel' or 'number'"),
        ({"kind": "colour"}, "kind='colour' cannot be used: expected None, 'category', 'multilabel' or 'number'"),
        ({"task": "number", "kind": "number"}, "both given; expected task= alone, .* To fix: leave kind= out"),
    ],
)
def test_what_is_no_task_is_refused(frame, asked, says):
    with pytest.raises(SettingError, match=says):
        images(frame(30, t=["a", "b"] * 15), target="t", **asked)
