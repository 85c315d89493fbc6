"""From sources of every kind to divided rows; hostile tables end in data or in words of ours."""

import datetime
import sqlite3
import warnings
from contextlib import closing

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.errors import DataError, DrivetrainError, SettingError
from drivetrain.kinds.tables.fitting import describe

N = 60
Y = ["yes", "no"] * (N // 2)
X = np.random.default_rng(0).normal(size=N).round(3).tolist()


def quietly(source, **how):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dt.DrivetrainWarning)
        return dt.table(source, target=how.pop("target", "y"), **how)


def sources(folder, frame):
    pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    frame.to_csv(folder / "t.csv", index=False)
    frame.to_csv(folder / "t.tsv", index=False, sep="\t")
    frame.to_parquet(folder / "t.parquet")
    with closing(sqlite3.connect(folder / "shop.db")) as shop:
        frame.to_sql("t", shop, index=False)
        yield "CSV", folder / "t.csv"
        yield "TSV", folder / "t.tsv"
        yield "Parquet", folder / "t.parquet"
        yield "pandas", frame
        yield "Polars", pl.from_pandas(frame)
        yield "Arrow", pa.Table.from_pandas(frame)
        yield "lists", frame.to_dict("list")
        yield "rows", frame.to_dict("records")
        yield "SQLite", shop.execute("SELECT * FROM t")


def test_every_source_gives_the_same_rows(tmp_path):
    frame = pd.DataFrame({"n": X, "k": [3, 1, 2] * 20, "s": ["Bern", None, "Chur"] * 20, "y": Y})
    found = {name: quietly(source, project=tmp_path / name) for name, source in sources(tmp_path, frame)}
    digests = {name: (*data.train.digests, *data.valid.digests) for name, data in found.items()}
    assert len(set(digests.values())) == 1, {name: each[0] for name, each in digests.items()}
    assert {data.options["types"]["s"]["role"] for data in found.values()} == {"category"}


def test_a_cursor_without_rows_says_so():
    with closing(sqlite3.connect(":memory:")) as shop:
        with pytest.raises(SettingError, match="a cursor without a query"):
            dt.table(shop.execute("CREATE TABLE t (a, b)"), target="b")
        with pytest.raises(DataError, match="the query has no rows"):
            dt.table(shop.execute("SELECT * FROM t"), target="b")


def test_what_a_dataframe_states_is_believed():
    sizes = pd.Categorical([1, 2, 3] * 20, categories=[3, 1, 2], ordered=True)
    frame = pd.DataFrame({"size": sizes, "code": pd.Categorical([7, 8] * 30), "x": X, "y": Y})
    types = quietly(frame).options["types"]
    assert types["size"] == {"role": "ordered", "order": ["3", "1", "2"]} and types["code"] == {"role": "category"}
    assert quietly(frame, types={"code": "number"}).options["types"]["code"] == {"role": "number"}


def test_what_is_left_out_is_told():
    with pytest.warns(dt.DrivetrainWarning, match=r"column 'id' is left out.*it counts the rows"):
        data = dt.table({"id": list(range(N)), "x": X, "y": Y}, target="y")
    assert data.decisions["columns, left out"].value == 1
    assert [column.name for column in describe(data).columns] == ["x"]


def test_types_must_be_a_mapping():
    with pytest.raises(SettingError, match="expected a mapping of columns to types"):
        dt.table({"x": X, "y": Y}, target="y", types=["number"])


FRAME = pd.DataFrame
MOMENT = datetime.datetime(2024, 1, 1)
DAYS = [MOMENT + datetime.timedelta(days=at) for at in range(N)]
GOOD = {
    "keywords": {"class": X, "def": X[::-1], "import": ["a", "b", "c"] * 20, "None": X},
    "dots and blanks": {"a.b": X, "a..b": X[::-1], "a b": X},
    "quotes and lines": {'a"b': X, "a'b": X[::-1], "a\nb": X, "{x}": X, "%s": X, "<b>": X},
    "emoji": {"😀": X},
    "same content": {"a": X, "b": X},
    "all missing": {"x": X, "e": [None] * N},
    "a thousand digits": {"x": X, "n": [10**400 + at % 7 for at in range(N)]},
    "beyond floats": {"x": X, "n": [2**60 + at % 7 for at in range(N)]},
    "unsigned": {"x": X, "n": np.arange(N, dtype=np.uint64) % 9 + 2**63},
    "infinite": {"x": [float("inf") if at % 5 == 0 else at * 0.5 for at in range(N)], "z": X},
    "all infinite": {"x": [float("inf")] * N, "z": X},
    "both infinite": {"x": [float("inf"), float("-inf")] * 30, "z": X},
    "minus zero": {"x": [-0.0, 0.0] * 30, "z": X},
    "largest floats": {"x": [1e308 * (-1) ** at for at in range(N)], "z": X},
    "smallest floats": {"x": [5e-324 * (at % 9) for at in range(N)], "z": X},
    "mixed": {"m": [at if at % 2 else "a" for at in range(N)], "z": X},
    "lists": {"l": [[1, 2]] * N, "x": X},
    "ragged lists": {"l": [[1] * (at % 3) for at in range(N)], "x": X},
    "mappings": {"l": [{"a": at} for at in range(N)], "x": X},
    "objects": {"l": [object() for _ in range(N)], "x": X},
    "complex": {"l": [1 + 2j, 3j] * 30, "x": X},
    "zones": {"l": [day.replace(tzinfo=datetime.UTC) for day in DAYS]},
    "zones in some": {"l": [day.replace(tzinfo=datetime.UTC if at % 2 else None) for at, day in enumerate(DAYS)]},
    "year 1": {"l": [datetime.datetime(1, 1, 1) + datetime.timedelta(days=at) for at in range(N)]},
    "year 9999": {"l": [datetime.datetime(9999, 12, 31) - datetime.timedelta(days=at) for at in range(N)]},
    "no time": FRAME({"l": pd.to_datetime(["2024-01-01", None, "2024-02-01"] * 20), "x": X}),
    "periods": FRAME({"l": pd.period_range("2024-01", periods=N, freq="M"), "x": X}),
    "intervals": FRAME({"l": pd.cut(X, 4), "x": X}),
    "nullable": FRAME({"l": pd.array([1, None, 3] * 20, dtype="Int64"), "x": X}),
    "sparse": FRAME({"x": pd.arrays.SparseArray(X)}),
    "half floats": FRAME({"x": np.array(X, np.float16)}),
    "names that are numbers": FRAME({0: X, 1: X[::-1]}),
    "lone surrogate": {"s": ["\ud800a", "b", "c"] * 20, "x": X},
    "right to left": {"s": ["\u202eabc", "b", "c"] * 20, "x": X},
    "NUL": {"s": ["a\0", "b", "c"] * 20, "x": X},
    "a cell of 5 MB": {"s": ["a" * 5_000_000, *["b", "c"] * 29, "b"], "x": X},
    "blanks": {"s": [" a", "a ", "b"] * 20, "x": X},
    "hexadecimal": {"s": ["0x1F", "0xAB", "0x00"] * 20, "x": X},
    "underscores": {"s": ["1_000", "2_000"] * 30, "x": X},
    "digits of Arabic": {"s": ["١٢", "٣"] * 30, "x": X},
    "dates of digits": {"s": [20240101 + at % 28 for at in range(N)], "x": X},
    "American dates": {"s": [f"{1 + at % 12}/{1 + at % 12}/2024" for at in range(N)], "x": X},
    "wide": {f"c{at}": np.random.default_rng(at).normal(size=N) for at in range(300)},
    "one name seldom": {"s": ["a"] * 59 + ["b"], "x": X},
    "gap in every row": {"a": [None, 1.5] * 30, "b": [1.5, None] * 30, "x": X},
    "formula": {"s": ["=cmd|'/c calc'!A0", "b"] * 30, "x": X},
}


@pytest.mark.parametrize("case", GOOD)
def test_a_hostile_table_is_read_the_same_in_every_way(case):
    cells = GOOD[case]
    given = cells.assign(y=Y) if isinstance(cells, FRAME) else {**cells, "y": Y}
    data = quietly(given)
    spec = describe(data)
    many = spec.view_many(spec.load_many(data.valid.inputs.columns))
    loaded = spec.load(data.valid.inputs[0])
    for array, alone, again in zip(many, spec.view(loaded), spec.view(spec.load(spec.encode(loaded)[0])), strict=True):
        np.testing.assert_array_equal(array[0], alone)
        np.testing.assert_allclose(alone, again, rtol=1e-6)
        assert not np.isinf(array).any()


BAD = {
    "one target": ({"x": X, "y": ["a"] * N}, "nothing to tell apart"),
    "nothing but gaps": ({"e": [None] * N, "x": [1.5] * N, "y": Y}, "cannot be split"),
    "one name twice": (FRAME([*zip(X, X, Y, strict=True)], columns=["a", "a", "y"]), "more than one column named 'a'"),
    "one row": ({"x": [1.0], "y": ["a"]}, "nothing to tell apart"),
    "two rows": ({"x": [1.0, 2.0], "y": ["a", "b"]}, "cannot be split"),
    "no inputs": ({"y": Y}, "no column is left for them"),
    "nothing": ({}, "a dict with nothing in it"),
    "no columns": (FRAME(), "no rows below its header"),
    "no rows": (FRAME(columns=["x", "y"]), "no rows below its header"),
    "ragged": ({"x": X[:10], "y": Y}, "different lengths"),
    "no target": ({"x": X, "z": Y}, "no column 'y'"),
    "target of gaps": ({"x": X, "y": [None] * N}, "has no value in any row"),
    "two levels of names": (FRAME({("a", "b"): X, ("y", ""): Y}), "no column 'y'"),
    "a number": (3, "source is int"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_learnt_from_says_why(case):
    source, said = BAD[case]
    with pytest.raises(DrivetrainError, match=said) as caught:
        quietly(source)
    assert "To fix:" in str(caught.value)


def test_no_column_that_can_be_used_says_so():
    data = quietly({"id": [f"{at:030x}" for at in range(N)], "y": Y})
    with pytest.raises(DataError, match="no column is left to learn from"):
        describe(data)


def test_rows_that_somebody_else_has_sealed_are_named_by_their_number(tmp_path):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"x": rng.normal(size=120), "y": rng.choice(["a", "b"], 120)})
    theirs = dt.table(rows, target="y", project=tmp_path / "theirs", seed=1)
    (tmp_path / "their.seal.json").write_bytes(theirs.seal.as_bytes())
    with pytest.raises(dt.SealError, match=r"(?s)copies of rows that are sealed.*\n  row \d+\n.*To fix"):
        dt.table(rows, target="y", project=tmp_path / "ours", seed=2, seal=tmp_path / "their.seal.json")
