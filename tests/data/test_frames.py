"""Tables in memory, of any library and form."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from drivetrain.data.tables.frames import is_table, table_of
from drivetrain.errors import DataError, SettingError

COLUMNS = {"path": ["a.jpg", "b.jpg"], "label": ["pear", None]}


@pytest.mark.parametrize(
    "source",
    [
        pd.DataFrame(COLUMNS),
        pd.DataFrame({"label": ["pear", " "]}, index=pd.Index(["a.jpg", "b.jpg"], name="path")),
        pd.DataFrame({"label": ["pear", None]}, index=["a.jpg", "b.jpg"]),
        pd.Series(["pear", ""], index=["a.jpg", "b.jpg"], name="label"),
        pa.table(COLUMNS),
        pa.RecordBatch.from_pydict(COLUMNS),
        COLUMNS,
        {name: tuple(cells) for name, cells in COLUMNS.items()},
        {name: np.array(cells, dtype=object) for name, cells in COLUMNS.items()},
        {name: pd.Series(cells) for name, cells in COLUMNS.items()},
        {name: pa.array(cells) for name, cells in COLUMNS.items()},
        {"a.jpg": "pear", "b.jpg": ""},
        [{"path": "a.jpg", "label": "pear"}, {"path": "b.jpg"}],
        [("a.jpg", "pear"), ("b.jpg", None)],
        (["a.jpg", "pear"], ["b.jpg", None]),
        [("pear", "a.jpg"), (None, "b.jpg")],
    ],
    ids=range(16),
)
def test_one_table_in_many_forms(source):
    assert is_table(source)
    table = table_of(source, suffixes=frozenset({".jpg"}))
    assert sorted(table.columns) == ["label", "path"]
    assert table.columns["path"] == COLUMNS["path"]
    assert [None if pd.isna(cell) else cell for cell in table.columns["label"]] == COLUMNS["label"]


def test_names_of_columns_are_in_one_spelling():
    assert list(table_of(pd.DataFrame({" cafe\u0301": [1], "b\u200b": [2], 3: [4]})).columns) == ["caf\u00e9", "b", "3"]
    assert list(table_of({"label": [1], "label ": [2]}).columns) == ["label", "label "]  # both are needed
    with pytest.raises(DataError, match="more than one column named '1'"):
        table_of(pd.DataFrame([[1, 2]], columns=[1, "1"]))


def test_cells_of_every_kind():
    frame = pd.DataFrame(
        {
            "n": pd.array([1, None], dtype="Int64"),
            "c": pd.Categorical(["x", None]),
            "t": [pd.Timestamp(0), pd.NaT],
            "l": [["x"], None],
            "f": np.array([0.1, np.nan], dtype="float32"),
        }
    )
    table = table_of(frame)
    assert table.columns["n"] == [1, None]
    assert table.columns["t"] == [pd.Timestamp(0), None]
    assert table.columns["l"] == [["x"], None]
    assert str(table.columns["f"][0]) == "0.1"
    assert table.stated == {"c"}


class Lazy:
    def collect(self):
        raise AssertionError("it may take hours")

    def to_dict(self):
        return {}


class Broken:
    def __dataframe__(self, **options):
        raise RuntimeError("no\nsuch luck")


def test_pairs_and_messages_name_what_they_begin_with():
    assert list(table_of([("where is it", "a"), ("who", "b")], first="text").columns) == ["text", "label"]
    assert list(table_of([("a.jpg", "a")], suffixes=frozenset({".jpg"}), first="text").columns) == ["path", "label"]
    with pytest.raises(SettingError, match=r"expected \(text, label\) pairs.*pass list\(zip\(texts, labels\)\)"):
        table_of(["where is it", "who"], first="text")
    with pytest.raises(SettingError, match=r"expected column → list of cells.*\{'text': \[...\], 'label'"):
        table_of({"where is it": "a"}, first="text")


def test_a_dict_of_tables_for_the_parts_is_one_table_with_a_column_of_parts():
    own = {"train": pd.DataFrame({"t": ["a", "b"], "n": [1, 2]}), "Validation": {"t": ["c"], "n": [3]}}
    found = table_of({**own, "test": pa.table({"t": ["d"]})})
    assert found.columns == {
        "t": ["a", "b", "c", "d"],
        "n": [1, 2, 3, None],
        "split": ["train", "train", "Validation", "test"],
    }
    assert table_of({"train": [1, 2], "test": [3, 4]}).columns == {"train": [1, 2], "test": [3, 4]}  # are columns
    with pytest.raises(SettingError, match=r"'unsupervised' is no part; expected train, valid and test.*To fix: leave"):
        table_of({**own, "unsupervised": {"t": ["e"]}})
    with pytest.raises(SettingError, match=r"a column 'split' in them says so too.*To fix: drop"):
        table_of({"train": {"split": ["a"]}, "test": {"split": ["b"]}})


@pytest.mark.parametrize(
    ("source", "error", "says"),
    [
        ([], SettingError, "without anything in it; expected .path, label. pairs"),
        (["a.jpg", "b.jpg"], SettingError, "a list of 2, the first 'a.jpg'; expected .path, label. pairs"),
        ([("a", "b", "c")], SettingError, "expected .path, label. pairs"),
        ({}, SettingError, "a dict with nothing in it; expected column → list of cells"),
        ({"path": "a.jpg"}, SettingError, "expected column → list of cells"),
        ({"a": [1, 2], "b": [1]}, DataError, "different lengths: 'a' 2, 'b' 1"),
        ({"a": []}, DataError, "has no rows below its header"),
        (pd.DataFrame({"a": []}), DataError, "has no rows below its header"),
        (Lazy(), SettingError, "test_frames.Lazy, whose rows are not computed yet.*source.collect"),
        (Broken(), DataError, "test_frames.Broken, which cannot be read as a table: .*such luck.*pandas DataFrame"),
        (SimpleNamespace(), SettingError, "source is types.SimpleNamespace; expected a folder, a table file"),
    ],
)
def test_what_is_no_table_is_refused_in_three_parts(source, error, says):
    with pytest.raises(error, match=f"(?s)(?=.*To fix).*{says}"):
        table_of(source)
