"""Columns that are read as arrays are the columns that would be read cell by cell."""

import datetime
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from drivetrain.data.inputs import Cells
from drivetrain.data.sources import read_source
from drivetrain.data.tables import csv_fast
from drivetrain.data.tables.cells import written
from drivetrain.data.tables.frames import as_cells, of_arrow, table_of
from drivetrain.data.tables.reading import _text as slowly
from drivetrain.data.tables.reading import read_table

MOMENT = datetime.datetime(2026, 11, 28, 12)
COLUMNS = {
    "numbers": pa.array([1.5, -0.0, None, float("nan"), float("inf")]),
    "single": pa.array([1.1, 2.2, None, 0.0, -0.0], pa.float32()),
    "whole": pa.array([1, 2, 3, 4, -5]),
    "small": pa.array([1, 2, 3, 4, -5], pa.int8()),
    "unsigned": pa.array([1, 2, 3, 4, 2**64 - 1], pa.uint64()),
    "gaps": pa.array([1, None, 3, 4, 5]),
    "large": pa.array([2**60 + 1, None, 3, 4, 5]),
    "larger": pa.array([2**60 + 1, 1, 3, 4, 5]),
    "nothing": pa.array([None] * 5, pa.float64()),
    "nowhere": pa.array([None] * 5, pa.int64()),
    "truth": pa.array([True, False, True, True, False]),
    "maybe": pa.array([True, None, True, True, False]),
    "texts": pa.array(["a", " ", None, "a ", ""]),
    "written": pa.array(["1", "2", "NA", "1", None]),
    "decimal": pa.array(["1.5", "2.0", "-", "1.5", ""]),
    "zeros": pa.array(["01", "2", "3", "1", "1"]),
    "blank": pa.array(["", " ", "", "", " "]),
    "named": pa.array(["a", "b", None, "b", "a"]).dictionary_encode(),
    "dates": pa.array([MOMENT, None, MOMENT, MOMENT, MOMENT]),
    "lists": pa.array([["a"], [], None, ["b", "c"], ["a"]]),
}


def all_as_cells(columns):
    return {name: as_cells(cells) for name, cells in columns.items()}


@pytest.mark.parametrize("name", list(COLUMNS))
@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "in parts"])
def test_an_array_is_what_the_list_would_be(name, chunked):
    column = COLUMNS[name]
    given = pa.chunked_array([column[:2], column[2:]]) if chunked else column
    table = pa.table({"c": given})
    lists, arrays = of_arrow(table).columns, of_arrow(table, arrays=True).columns
    assert len(arrays["c"]) == 5 and written(list(arrays["c"])) == written(list(lists["c"]))
    found, expected = all_as_cells(arrays)["c"], all_as_cells(lists)["c"]
    assert found.dtype == expected.dtype and repr(found.tolist()) == repr(expected.tolist())
    assert Cells({"c": found}).digests() == Cells({"c": expected}).digests()


@pytest.mark.parametrize("dtype", ["float64", "int64", "bool", "Int64", "float32", "object", "str"])
def test_columns_of_pandas_are_the_same_too(dtype):
    frame = pd.DataFrame({"c": pd.Series([0, 1, 1], dtype=dtype)})
    lists, arrays = table_of(frame).columns, table_of(frame, arrays=True).columns
    assert list(arrays["c"]) == list(lists["c"]) and all_as_cells(arrays)["c"].dtype == all_as_cells(lists)["c"].dtype


@pytest.fixture(autouse=True)
def files_of_a_few_rows(monkeypatch):
    monkeypatch.setattr(csv_fast, "LEAST_BYTES", 10_000)


def many(n=1_000):
    rng = np.random.default_rng(0)
    when = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 9999, n), unit="h")
    return pd.DataFrame(
        {
            "x": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "town": rng.choice(["Bern", "Zürich", "", "NA", "Chur "], n),
            "n": rng.integers(0, 99, n),
            "when": when,
            "zip": [f"{i:05d}" for i in rng.integers(0, 9999, n)],
        }
    )


def as_csv(frame, **how):
    stream = io.StringIO()
    frame.to_csv(stream, index=False, **how)
    return stream.getvalue()


@pytest.mark.parametrize("sep", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tabulator", "bar"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "mark"])
def test_a_plain_file_is_read_fast_and_the_same(tmp_path, sep, ends, mark):
    text = mark + as_csv(many(), sep=sep).replace("\n", ends)
    (tmp_path / "t.csv").write_bytes(text.encode())
    assert csv_fast.read_plain(text.encode(), ",", frozenset()) is not None
    table, decisions = read_table(tmp_path / "t.csv", arrays=True)
    expected, told = slowly(text.encode(), ".csv", "t.csv", frozenset())
    assert dict(table.columns) == dict(expected.columns) and decisions == told
    ours, theirs = all_as_cells(table.columns), all_as_cells(expected.columns)
    assert Cells(ours).digests() == Cells(theirs).digests()


PLAIN = as_csv(many())
HEADER, _, ROWS = PLAIN.partition("\n")


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("Bern", '"Bern, BE"', 1),
        PLAIN.replace("\n", "\n\n", 1),
        PLAIN + "# the end,,,,\n",
        PLAIN + ",,,,\n",
        PLAIN + f"{HEADER}\n" + ROWS[:1000].rpartition("\n")[0],
        f"sep=,\n{PLAIN}",
        f"# a table\n{PLAIN}",
        PLAIN.replace("Bern,", "Bern, ", 1),
        PLAIN + "1.0,Bern\n",
        PLAIN.replace(HEADER, "x,town,n,when,", 1),
        PLAIN.replace(HEADER, "x,town,x,when,zip", 1),
        PLAIN.replace("Zürich", "Z\rürich", 1),
        PLAIN[:1000].rpartition("\n")[0],
    ],
    ids=["quoted", "blank line", "comment", "empty row", "header again", "sep", "comment on top", "blank", "narrow",
         "no name", "one name twice", "return", "small"],
)  # fmt: skip
def test_what_needs_judgement_is_left_to_the_other_reader(text):
    assert csv_fast.read_plain(text.encode(), ",", frozenset()) is None


def test_latin_1_and_paths_are_left_to_it_too():
    assert csv_fast.read_plain(PLAIN.encode("latin-1"), ",", frozenset()) is None
    assert csv_fast.read_plain(PLAIN.replace(HEADER, "a.jpg,b,c,d,e").encode(), ",", frozenset({".jpg"})) is None


def test_a_large_file_says_what_a_small_one_says(tmp_path):
    """Words for a gap in a column that is no target are known for the target as well."""
    frame = many().assign(y=np.where(np.arange(1_000) % 3, "yes", "no"))
    frame.to_csv(tmp_path / "t.csv", index=False)
    fast = read_source(tmp_path / "t.csv", target="y", input_kind="table")
    slow = read_source(frame, target="y", input_kind="table")
    assert fast.spec == slow.spec and fast.rows.values == slow.rows.values
    assert fast.rows.inputs.columns["zip"].tolist() == slow.rows.inputs.columns["zip"].tolist()
