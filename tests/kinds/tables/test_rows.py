"""Rows that people hand over to be answered: every form gives what the rows one by one give."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from drivetrain.data.tables import csv_fast
from drivetrain.errors import DrivetrainWarning, InputError
from drivetrain.kinds.tables import rows
from drivetrain.kinds.tables.columns import CategoryColumn, DateColumn, NumberColumn, Pair
from drivetrain.kinds.tables.parsing import category_text
from drivetrain.kinds.tables.spec import Spec

TOWNS = ("Bern", "Zürich", "01")
SPEC = Spec(
    columns=(
        NumberColumn(name="age", center=40, scale=10),
        CategoryColumn(name="town", vocab=TOWNS, counts=(3, 2, 1)),
        DateColumn(name="since", formats=("%d.%m.%Y",), center=0, scale=1, parts=("elapsed", "month")),
        CategoryColumn(name="trade", vocab=("baker",), counts=(6,)),
    ),
    pairs=(Pair(first="town", second="trade", seen=(8, 11)),),
)
TABLE = {
    "age": [39.0, None, 50.0, 18.5, 40.0],
    "unused": ["x", "y", "z", "x", "y"],
    "town": ["Bern", "Zürich", None, "01", "Basel"],
    "since": ["02.01.1970", "01.03.1970", "2000-01-01", None, "31.12.1969"],
    "trade": ["baker", "baker", "smith", "baker", None],
}
LISTED: list[dict[str, Any]] = [dict(zip(TABLE, cells, strict=True)) for cells in zip(*TABLE.values(), strict=True)]
ONE_BY_ONE = SPEC.stack([SPEC.view(SPEC.load(row)) for row in LISTED])
FRAME = pd.DataFrame(TABLE)


def joined(given: Any, at_once: int = 2) -> tuple[Any, ...]:
    found = list(SPEC.parts(given, at_once=at_once))
    assert all(not part.errors for part in found), found
    return tuple(np.concatenate(arrays) for arrays in zip(*(part.views for part in found), strict=True))


def as_file(folder: Path, name: str) -> Path:
    path, suffix = folder / name, name.partition(".")[2]
    if suffix == "parquet":
        FRAME.to_parquet(path)
    elif suffix == "jsonl":
        FRAME.to_json(path, orient="records", lines=True)
    elif suffix == "tsv":
        FRAME.to_csv(path, sep="\t", index=False)
    elif name.startswith("excel"):
        path.write_text("sep=;\n" + FRAME.to_csv(sep=";", index=False, encoding="utf-8"), encoding="utf-16")
    else:
        FRAME.to_csv(path, index=False, encoding="utf-8-sig")
    return path


def test_what_is_read_one_by_one_is_right() -> None:
    """The rows that all forms are compared with."""
    numbers, codes = ONE_BY_ONE
    np.testing.assert_allclose(numbers[:, 0], [-0.1, np.nan, 1.0, -2.15, 0.0], rtol=1e-6)
    np.testing.assert_allclose(numbers[[0, 2, 4], 1], [1, 10957, -1])
    assert codes.tolist() == [[2, 2, 2], [3, 2, 3], [1, 0, 0], [4, 2, 0], [0, 1, 0]]


FORMS = {
    "list of dicts": lambda _: LISTED,
    "generator": lambda _: iter(LISTED),
    "JSON texts": lambda _: [json.dumps(row) for row in LISTED],
    "JSON bytes": lambda _: iter([json.dumps(row).encode() for row in LISTED]),
    "list of Series": lambda _: [FRAME.iloc[row] for row in range(5)],
    "dict of lists": lambda _: TABLE,
    "dict of arrays": lambda _: {name: FRAME[name].to_numpy() for name in FRAME},
    "dict of Series": lambda _: {name: FRAME[name] for name in FRAME},
    "DataFrame": lambda _: FRAME,
    "DataFrame of nullable types": lambda _: FRAME.convert_dtypes(),
    "DataFrame of categories": lambda _: FRAME.astype({"town": "category", "trade": "category"}),
    "DataFrame with blanks in names": lambda _: FRAME.rename(columns={"age": " age "}),
    "Polars": lambda _: pl.DataFrame(TABLE),
    "Polars categories": lambda _: pl.DataFrame(TABLE).with_columns(pl.col("town").cast(pl.Categorical)),
    "Arrow": lambda _: pa.table(TABLE),
    "Arrow dictionaries": lambda _: pa.table(TABLE).set_column(2, "town", pa.array(TABLE["town"]).dictionary_encode()),
    **{
        name: (lambda folder, name=name: as_file(folder, name))
        for name in ("rows.csv", "rows.tsv", "rows.parquet", "rows.jsonl", "excel.csv")
    },
    "path as text": lambda folder: str(as_file(folder, "rows.csv")),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "AT_ONCE", 3)
    for found, expected in zip(joined(FORMS[form](tmp_path)), ONE_BY_ONE, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_many_parts_are_in_order_and_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "AT_ONCE", 2)
    for name in ("rows.csv", "rows.parquet", "rows.jsonl"):
        path = as_file(tmp_path, name)
        told = [(part.n, part.first, part.path) for part in SPEC.parts(path, at_once=32)]
        assert told == [(2, 1, str(path)), (2, 3, str(path)), (1, 5, str(path))]


def test_a_generator_is_consumed_as_it_is_asked() -> None:
    taken: list[int] = []

    def live():
        for at, row in enumerate(LISTED):
            taken.append(at)
            yield row

    next(SPEC.parts(live(), at_once=2))
    assert taken == [0, 1]


@pytest.mark.parametrize("form", ["list", "columns", "csv"])
def test_a_row_that_cannot_be_read_has_its_reason_and_the_others_are_read(form: str, tmp_path: Path) -> None:
    odd = [LISTED[0], {**LISTED[1], "age": "old"}, {**LISTED[2], "since": "32.13.1999"}, LISTED[3]]
    given: Any = odd
    if form != "list":
        given = pd.DataFrame(odd)
    if form == "csv":
        given.to_csv(tmp_path / "odd.csv", index=False)
        given = tmp_path / "odd.csv"
    (part,) = SPEC.parts(given, at_once=32)
    assert part.n == 4 and list(part.errors) == [1, 2]
    assert part.errors[1].startswith("column 'age' holds 'old'; expected a number")
    assert part.errors[2].startswith("column 'since' holds '32.13.1999'; expected a date")
    np.testing.assert_array_equal(part.views[1], ONE_BY_ONE[1][[0, 3]])


@pytest.mark.parametrize("row", [None, 3, "{broken", b"[1]", [], {"age": 1}], ids=repr)
def test_what_is_no_row_has_its_reason(row: Any) -> None:
    (part,) = SPEC.parts([LISTED[0], row, LISTED[1]], at_once=32)
    assert list(part.errors) == [1] and "To fix" in part.errors[1]
    np.testing.assert_array_equal(part.views[1], ONE_BY_ONE[1][:2])


def test_one_row_is_a_part_of_one() -> None:
    for one in (LISTED[0], json.dumps(LISTED[0]), json.dumps(LISTED[0]).encode()):
        (part,) = SPEC.parts(one, at_once=32)
        assert part.n == 1 and part.path is None and part.first is None
        np.testing.assert_array_equal(part.views[0], ONE_BY_ONE[0][:1])


def test_nothing_gives_nothing(tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("age,town,since,trade\n")
    for none in ([], iter(()), FRAME.head(0), tmp_path / "none.csv"):
        assert list(SPEC.parts(none, at_once=32)) == []


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "frame", "columns"])
def test_a_table_that_lacks_a_column_is_refused_at_once(name: str, tmp_path: Path) -> None:
    less = FRAME.drop(columns=["town", "age"])
    if name == "rows.csv":
        less.to_csv(tmp_path / name, index=False)
    elif name == "rows.parquet":
        less.to_parquet(tmp_path / name)
    given = {"frame": less, "columns": less.to_dict("list")}.get(name, tmp_path / name)
    message = r"lacks the columns 'age', 'town'; it has .*'unused'.*Expected all 4.*To fix"
    with pytest.raises(InputError, match=message):
        SPEC.parts(given, at_once=32)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.xlsx", b"PK", r"rows\.xlsx is no table; expected a file ending in \.csv.*To fix"),
        ("rows.csv", b"", "it has no columns"),
        ("rows.csv", b"age,town,since,trade\n1,\0,,\n", "has NUL bytes"),
        ("rows.csv", b"age,age,town,since,trade\n1,1,,,\n", "two columns 'age'"),
        ("rows.csv", b"\xff\xfea", "begins like UTF-16 but is not"),
        ("rows.parquet", b"PAR1", "cannot be read as Parquet"),
        (".", None, "is no file"),
        ("missing.csv", None, r"missing\.csv cannot be read: No such file"),
    ],
)
def test_files_that_are_no_table_are_refused(name: str, content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        SPEC.parts(tmp_path / name, at_once=32)


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(InputError, match=r"'age' 1, 'town' 2.*To fix"):
        SPEC.parts({"age": [1], "town": ["Bern", "Bern"], "since": [None], "trade": [None]}, at_once=32)


def test_what_a_file_leaves_out_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("# a remark\nage,town,since,trade\n39,Bern,,baker\n,,,\n40,Bern,,baker\n")
    with pytest.warns(DrivetrainWarning, match="empty rows get no answer: 1"), pytest.warns(match="comments get no"):
        (part,) = SPEC.parts(path, at_once=32)
    assert part.n == 2


def test_latin_1_is_read_and_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("age,town,since,trade\n39,Zürich,,baker\n".encode("latin-1"))
    with pytest.warns(DrivetrainWarning, match="is not UTF-8"):
        (part,) = SPEC.parts(path, at_once=32)
    assert part.views[1][0, 0] == 3


def test_golden_rows_are_read_back_as_they_were() -> None:
    """Dates of a format of their own, names that training did not see, and gaps."""
    for row in LISTED:
        loaded = SPEC.load(row)
        again = SPEC.load(SPEC.encode(loaded)[0])
        for found, expected in zip(SPEC.view(again), SPEC.view(loaded), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_made_up_rows_are_rows() -> None:
    made = SPEC.made_up(4)
    for loaded in made:
        np.testing.assert_array_equal(SPEC.load(SPEC.encode(loaded)[0])[1], loaded[1])
    assert len({loaded[1].tobytes() for loaded in made}) == 4


ARROW = {
    "whole": pa.array([3, 1, 2, 3]),
    "small": pa.array([3, 1, 2, 3], pa.int8()),
    "gaps": pa.array([3, None, 2, 3]),
    "truth": pa.array([True, False, True, True]),
    "maybe": pa.array([True, None, True, True]),
    "texts": pa.array(["3", None, "2", "3"]),
    "words": pa.array(["a", "", "b ", "a"]),
    "dates": pa.array([datetime(2026, 11, 28, 12, 30, 15, 250001), None, datetime(1950, 1, 1), datetime(2026, 1, 1)]),
    "zoned": pa.array([datetime(2026, 11, 28, 12, tzinfo=UTC)] * 4, pa.timestamp("us", "Europe/Zurich")),
    "seconds": pa.array([datetime(2026, 11, 28)] * 4, pa.timestamp("s")),
    "nanoseconds": pa.array([datetime(2026, 11, 28)] * 4, pa.timestamp("ns")),
    "days": pa.array([date(2026, 11, 28)] * 4),
}


@pytest.mark.parametrize("name", list(ARROW))
def test_a_column_of_parquet_is_read_as_its_cells_are(name: str, tmp_path: Path) -> None:
    """Whatever the column is taken for, the file gives what the rows one by one give."""
    table = pa.table({"c": ARROW[name]})
    parquet.write_table(table, tmp_path / "rows.parquet")
    stored = parquet.read_table(tmp_path / "rows.parquet")
    rows = [{"c": cell} for cell in stored.column("c").to_pylist()]
    texts = tuple(category_text(row["c"]) for row in rows if row["c"] not in (None, ""))
    for column in (NumberColumn(name="c"), DateColumn(name="c"), CategoryColumn(name="c", vocab=tuple(set(texts)))):
        spec = Spec(columns=(column,))
        try:
            expected = [spec.view(spec.load(row)) for row in rows]
        except InputError:
            continue
        (part,) = spec.parts(tmp_path / "rows.parquet", at_once=32)
        assert not part.errors
        for row, views in enumerate(expected):
            for ours, theirs in zip(part.views, views, strict=True):
                assert np.array_equal(ours[row], theirs, equal_nan=True)


def test_a_large_plain_file_is_read_as_a_small_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = Spec(columns=(NumberColumn(name="n"), CategoryColumn(name="w", vocab=("a", "b c"))))
    text = "n,w\n" + "1.5,a\n,b c\n2e3,\nNA,z\n-inf,a\n" * 40
    (tmp_path / "rows.csv").write_text(text)
    expected = list(spec.parts(tmp_path / "rows.csv", at_once=32))
    monkeypatch.setattr(csv_fast, "LEAST_BYTES", 100)
    found = list(spec.parts(tmp_path / "rows.csv", at_once=32))
    assert [part.n for part in found] == [part.n for part in expected] == [200]
    for ours, theirs in zip(found[0].views, expected[0].views, strict=True):
        assert np.array_equal(ours, theirs, equal_nan=True)


@pytest.mark.parametrize("cell", ["1_0", "$1", "1,5", "x", "٣", " 7 ", "", "NA", "-", "1e400", "True", "0x1"])
def test_numbers_at_once_are_numbers_one_by_one(cell: str) -> None:
    spec = Spec(columns=(NumberColumn(name="n"),))
    cells = np.array(["1", cell, None, "2.5"], object)
    try:
        expected = [spec.load({"n": one})[0][0] for one in cells]
    except InputError:
        with pytest.raises(InputError):
            spec.load_many({"n": cells})
        return
    assert np.array_equal(spec.load_many({"n": cells})[0][:, 0], expected, equal_nan=True)
