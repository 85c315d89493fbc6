"""A source as rows: what is decided and told, and the same reading again for an evaluation."""

import os
import unicodedata
import warnings
from collections import Counter

import pandas as pd
import pytest

from drivetrain.data.reopen import reopen
from drivetrain.data.sources import read_source, reread_source
from drivetrain.errors import DataError, DrivetrainWarning, SettingError
from drivetrain.kinds.images.images import images

N = 24


@pytest.fixture
def table(put, tmp_path, monkeypatch):
    """table(**columns) is a dict of lists with a column of paths; the working directory is where they start."""
    monkeypatch.chdir(tmp_path)
    for i in range(N):
        put(f"im/{i}.jpg", i)

    def make(**columns):
        return {"path": [f"im/{i}.jpg" for i in range(N)], **columns}

    return make


def cycle(*cells):
    return [cells[i % len(cells)] for i in range(N)]


def told(call, *arguments, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = call(*arguments, **options)
    return found, [str(each.message) for each in caught]


@pytest.mark.parametrize(
    ("columns", "target", "values"),
    [
        ({"rot": cycle(1, 0), "scab": cycle(1, 0, 1)}, ["rot", "scab"], {("rot", "scab"), ("rot",), ("scab",), ()}),
        ({"cat": cycle(True, False), "dog": cycle(False, True)}, ["cat", "dog"], {"cat", "dog"}),
        ({"t": cycle("['a', 'b']", "['b']")}, "t", {("a", "b"), ("b",)}),
        ({"t": cycle("a|b", "b", "c|a")}, "t", {("a", "b"), ("b",), ("c", "a")}),
        ({"t": cycle("1.10", "1.1")}, "t", {"1.10", "1.1"}),
        ({"t": cycle(1.0, 0.0, None)}, "t", {"1", "0"}),
        ({"t": cycle("nan", "b", "c")}, "t", {"b", "c"}),
    ],
)
def test_an_evaluation_reads_as_the_training_did(table, columns, target, values):
    source = table(**columns)
    listed, _ = told(read_source, source, target=target)
    assert set(listed.rows.values) == values
    again = reread_source(source, listed.spec)
    assert (again.rows.values, again.rows.inputs.paths) == (listed.rows.values, listed.rows.inputs.paths)
    first = source["path"].index(os.path.relpath(listed.rows.inputs.paths[0]))
    few = {name: cells[first : first + 1] for name, cells in source.items()}  # one row does not tell of its column
    assert reread_source(few, listed.spec).rows.values == listed.rows.values[:1]


def test_one_hot_columns_all_the_way(table):
    source = table(cat=cycle(1, 0, 0), dog=cycle(0, 1, 0), fox=cycle(0, 0, 1))
    data = images(source, target=["cat", "dog", "fox"])
    assert data.target.vocab == ("cat", "dog", "fox")
    assert data.decisions["task"].value == "category"
    rows = reopen(source, data.spec, data.target, split=data.split).part("valid")
    assert Counter(rows.examples.values) == Counter(data.valid.values)


def test_labels_by_column_all_the_way(table):
    data = images(table(rot=cycle(1, 0, 0), scab=cycle(0, 1, 1, 0)), target=["rot", "scab"])
    assert (data.target.kind, data.target.vocab) == ("categories", ("rot", "scab"))
    assert () in {*data.train.values, *data.valid.values, *data.sealed_test.open().values}


@pytest.mark.parametrize(
    ("columns", "n_valid", "n_test"),
    [
        ({"is_valid": [i >= 18 for i in range(N)]}, 6, 0),
        ({"is_valid": ["True" if i >= 18 else "False" for i in range(N)]}, 6, 0),
        ({"is_valid": cycle(0, 0, 1), "is_test": cycle(0, 1, 0)}, 8, 8),
        ({"split": cycle("train", "train", "val")}, 8, 0),
    ],
)
def test_the_split_that_the_table_brings_is_used(table, columns, n_valid, n_test):
    source = table(label=cycle("a", "b", "a", "b", "b"), **columns)
    data = images(source)
    assert (len(data.valid), data.n_test, data.split.method) == (n_valid, n_test, "given")
    assert "to draw a split, drop" in data.decisions["split column"].reason
    again = reread_source(source, data.spec)
    assert Counter(again.parts)["valid"] == n_valid
    assert again.rows.columns == {}


def test_folds_are_told_and_refused_by_name(table):
    source = table(label=cycle("a", "b", "c"), fold=cycle(0, 1, 2, 3))
    with pytest.warns(DrivetrainWarning, match="column 'fold' looks like 4 folds and was not followed"):
        assert images(source).split.method == "stratified"
    with pytest.raises(DataError, match=r"column 'fold' has 4 folds .*To fix"):
        images(source, split="fold")
    assert images(source, group="fold", project="by-fold").split.method == "stratified grouped"  # no word: it is used
    images(source, split={"valid": source["path"][:5]}, project="by-names")


def test_what_a_label_is_written_like_is_told(table):
    cells = cycle("café", "cafe\u0301", "Cat", "cat", "cat ", "NA")
    listed, said = told(read_source, table(label=cells))
    assert set(listed.rows.values) == {"café", "Cat", "cat", "NA"}
    assert [any(word in each for each in said) for word in ("'cafe\\u0301' 4 times", "'cat ' 4 times")] == [True, True]
    assert any("4 cells of target 'label' are 'NA': taken as the label" in each for each in said)
    assert any("'cat' (8) and 'Cat' (4)" in each for each in said)


def test_class_folders_have_composed_names(put, tmp_path):
    for part, form in (("train", "NFC"), ("val", "NFD")):
        for i in range(3):
            put(f"root/{part}/{unicodedata.normalize(form, 'café')}/{i}.jpg", i)
            put(f"root/{part}/tea/{i}.jpg", i + 10)
    listed = read_source(tmp_path / "root")
    assert Counter(listed.rows.values) == {"café": 6, "tea": 6}
    assert all(path.exists() for path in listed.rows.inputs.paths)


def test_paths_are_found_by_one_rule_and_told(table, tmp_path):
    source = {"id": list(range(N)), "label": cycle("a", "b")}
    listed = read_source(source)
    assert [path.name for path in listed.rows.inputs.paths[:2]] == ["0.jpg", "1.jpg"]
    assert str(listed.decisions["paths"]) == (
        "in the folder 'im', with '.jpg' behind the name (finds 24 of 24 files; as written: 0)"
    )
    assert listed.decisions["path"].value == "id"
    os.chdir(tmp_path.parent)
    (tmp_path / "sub").mkdir()
    pd.DataFrame(table(label=cycle("a", "b"))).to_csv(tmp_path / "sub" / "t.csv", index=False)
    os.chdir(tmp_path)
    listed = read_source(tmp_path / "sub" / "t.csv")  # paths start at the working directory
    assert all(path.exists() for path in listed.rows.inputs.paths)
    assert listed.decisions["paths"].value == f"in {tmp_path}"


def test_nothing_found_lists_what_was_tried(table):
    source = {"path": [f"gone/{i}.png" for i in range(N)], "label": cycle("a", "b")}
    with pytest.raises(
        DataError, match=r"(?s)24 × file is missing.*'gone/0.png', for example, was .*Tried.*as written; .*'im'"
    ):
        images(source)


def test_other_sources_are_refused_in_three_parts(tmp_path):
    for source, says in (
        ("https://example.org/fruit.zip", "is a web address; .*never fetched.*To fix: download"),
        ("s3://bucket/fruit", "is a web address"),
        (str(tmp_path / "none"), "does not exist; expected a folder.*To fix"),
    ):
        with pytest.raises(DataError, match=says):
            read_source(source)
    for source in (5, None, object(), b"fruit", [], "\0"):
        with pytest.raises((SettingError, DataError), match=r"expected .*To fix"):
            read_source(source)


def test_columns_are_named_by_text_or_by_the_number_that_pandas_gives(table):
    source = pd.DataFrame({0: table()["path"], 1: cycle("a", "b"), 2: cycle("c", "d")})
    assert set(read_source(source, path=0, target=1).rows.values) == {"a", "b"}
    assert set(read_source(source, target=(1, 2)).rows.values) == {("1=a", "2=c"), ("1=b", "2=d")}
    for setting, value in (("target", 1.5), ("target", [None]), ("path", True), ("split", b"x"), ("label_delim", 5)):
        with pytest.raises(SettingError, match=f"{setting}=.* cannot be used: expected .*To fix"):
            read_source(source, **{setting: value})
    with pytest.raises(SettingError, match="expected one or more different column names"):
        read_source(source, target=[])
    with pytest.raises(SettingError, match="label_delim='' cannot be used"):
        read_source(source, label_delim="")
