"""What target columns set as a task, the values of their rows, and that every library and file gives the same."""

import json
import math
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from drivetrain.data.tables.cells import column_of
from drivetrain.data.tables.frames import table_of
from drivetrain.data.tables.reading import read_table
from drivetrain.data.tables.target_values import values_of
from drivetrain.data.tables.task import settle
from drivetrain.errors import DataError, SettingError


def task_of(cells, *, name="t", kind=None, delim=None, **more):
    return settle([column_of(name, cells)], kind, delim, **more)


def read(columns, *, kind=None, delim=None):
    """The task, the values, and why rows have none."""
    found = [column_of(name, cells) for name, cells in columns.items()]
    task = settle(found, kind, delim)
    values = values_of(found, task)
    return task, list(values.values), values.faults, (*task.notes, *values.notes)


# ── the same values from everywhere ────────────────────────────────────────────────────────────────────────────────

COLUMNS = {
    "flags with a gap": ([0, 1, None, 1, 0, 1], "category", ["0", "1", None, "1", "0", "1"]),
    "floats with a gap": ([0.0, 1.0, None, 1.0], "category", ["0", "1", None, "1"]),
    "bools with a gap": ([True, False, None, True], "category", ["True", "False", None, "True"]),
    "codes with a gap": ([3, 1, 2, None], "category", ["3", "1", "2", None]),
    "decimals": ([1.5, 0.25, None, 2.0], "number", [(1.5,), (0.25,), None, (2.0,)]),
    "integers": ([*range(100, 130), None], "number", [*((float(i),) for i in range(100, 130)), None]),
    "as written": (["1.10", "1.1", "1.2", "1.10", "1.1", "1.2"], "category", ["1.10", "1.1", "1.2"] * 2),
    "leading zeros": (["007", "7", "07"], "category", ["007", "7", "07"]),
    "E in codes": (["1E2", "2E2", "1E2", "2E2"], "category", ["1E2", "2E2"] * 2),
    "signs": (["+5", "-5", "+5"], "category", ["+5", "-5", "+5"]),
    "underscores": (["1_000", "2_000"], "category", ["1_000", "2_000"]),
    "hexadecimal": (["0x10", "0x1F"], "category", ["0x10", "0x1F"]),
    "long digits": (["12345678901234567890", "12345678901234567891"], "category", None),
    "sodium": (["Na", "K", "NA", "Na", None], "category", ["Na", "K", "NA", "Na", None]),
    "decimal commas": (["1,25", "0,5", "12,75"], "number", [(1.25,), (0.5,), (12.75,)]),
    "a dash": ([*map(str, range(30)), "-"], "number", [*((float(i),) for i in range(30)), None]),
    "thousands": (["1 234", "987", "12 000"] + [f"{i} 500" for i in range(1, 25)], "number", None),
    "lists as text": (["['a', 'b']", "['b']", "[]"], "categories", [("a", "b"), ("b",), ()]),
    "JSON lists": (['["x y"]', '["z", "x y"]'], "categories", [("x y",), ("z", "x y")]),
    "bars": (["a|b", "b", None, "c|a"], "categories", [("a", "b"), ("b",), (), ("c", "a")]),
    "never split": (["rock, paper", "AC/DC", "pop"], "category", ["rock, paper", "AC/DC", "pop"]),
    "decomposed": (["cafe\u0301", "caf\u00e9", "tea"], "category", ["caf\u00e9", "caf\u00e9", "tea"]),
    "blanks": ([" cat", "cat\u00a0", "\u200bdog"], "category", ["cat", "cat", "dog"]),
}


class OnlyInterchange:
    """A table of a library that offers no more than the interchange protocol."""

    def __init__(self, table):
        self.table = table

    def __dataframe__(self, **options):
        return self.table.__dataframe__(**options)


class OnlyStream(OnlyInterchange):
    """Likewise, of Arrow's protocol."""

    __dataframe__ = None

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


class OnlyPandas:
    """Likewise, of a method."""

    def __init__(self, table):
        self.table = table

    def to_pandas(self):
        return self.table.to_pandas()


def text_file(sep):
    def write(cells, folder):
        path = folder / ("t.csv" if sep != "\t" else "t.tsv")
        pd.DataFrame({"p": "x", "t": pd.Series(cells, dtype=object)}).to_csv(path, sep=sep, index=False)
        return read_table(path)[0]

    return write


def parquet(cells, folder):
    pd.DataFrame({"t": cells}).to_parquet(folder / "t.parquet")
    return read_table(folder / "t.parquet")[0]


def nullable(cells, _):
    return table_of(pd.DataFrame({"t": cells}).convert_dtypes())


def arrow_backed(cells, _):
    return table_of(pa.table({"t": cells}).to_pandas(types_mapper=pd.ArrowDtype))


def categorical(cells, _):
    if task_of(cells).kind == "number":
        pytest.skip("a categorical column of numbers says that they are classes")
    return table_of(pd.DataFrame({"t": pd.Series(cells, dtype=object).astype("category")}))


def polars(cells, _):
    return table_of(pytest.importorskip("polars").DataFrame({"t": cells}))


SOURCES = {
    "csv": text_file(","),
    "semicolons": text_file(";"),
    "tsv": text_file("\t"),
    "parquet": parquet,
    "pandas": lambda cells, _: table_of(pd.DataFrame({"t": cells})),
    "pandas object": lambda cells, _: table_of(pd.DataFrame({"t": pd.Series(cells, dtype=object)})),
    "pandas nullable": nullable,
    "pandas on Arrow": arrow_backed,
    "pandas categorical": categorical,
    "polars": polars,
    "Arrow": lambda cells, _: table_of(pa.table({"t": cells})),
    "Arrow dictionary": lambda cells, _: (
        categorical(cells, _) and table_of(pa.table({"t": pa.array(cells).dictionary_encode()}))
    ),
    "Arrow stream": lambda cells, _: table_of(OnlyStream(pa.table({"t": cells}))),
    "interchange": lambda cells, _: table_of(OnlyInterchange(pa.table({"t": cells}))),
    "to_pandas": lambda cells, _: table_of(OnlyPandas(pa.table({"t": cells}))),
    "dict": lambda cells, _: table_of({"t": cells}),
    "dict of arrays": lambda cells, _: table_of({"t": np.array(cells, dtype=object)}),
    "rows": lambda cells, _: table_of([{"t": cell} for cell in cells]),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", COLUMNS)
def test_the_same_values_are_the_same_task_from_everywhere(name, source, tmp_path):
    cells, kind, values = COLUMNS[name]
    table = SOURCES[source](cells, tmp_path)
    column = column_of("t", table.columns["t"], stated="t" in table.stated)
    task, plain = settle([column]), task_of(cells)
    assert task == plain
    assert task.kind == kind
    assert values_of([column], task) == values_of([column_of("t", cells)], plain)
    if values is not None:
        assert list(values_of([column], task).values) == values


def test_a_categorical_column_of_numbers_holds_classes():
    cells = [i % 30 for i in range(60)]
    for table in (
        table_of(pd.DataFrame({"t": pd.Categorical(cells)})),
        table_of(pa.table({"t": pa.array(cells).dictionary_encode()})),
    ):
        task = settle([column_of("t", table.columns["t"], stated="t" in table.stated)])
        assert (task.kind, task.reason.split(";")[0]) == ("category", "30 categories, as the table declares")


# ── one column ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["x", "y", None], "category"),
        ([True, False], "category"),
        ([1, 2, 1], "category"),
        (list(range(20)), "category"),
        (list(range(21)), "number"),
        ([1.5, None], "number"),
        ([1.0, 2.0], "category"),  # the same values as 1 and 2
        ([Decimal("1.5")], "number"),
        ([1, "x"], "category"),
        ([["x"], []], "categories"),
        ([np.array(["x"])], "categories"),
        ([(1, 2), (3,)], "categories"),
    ],
)
def test_the_task_of_one_column(cells, kind):
    task = task_of(cells)
    assert task.kind == kind
    assert task.reason


def test_numbered_classes_are_known_by_the_name_of_their_column():
    codes = [i % 30 for i in range(60)]
    assert task_of(codes, name="Class_ID").kind == "category"
    assert "pass task='number'" in task_of(codes, name="label").reason
    assert task_of(range(60), name="label").kind == "number"  # none occurs twice
    found = task_of(codes, name="n")
    assert found.kind == "number"
    assert found.notes == (
        "target 'n' has the integers 0 to 29, each about 2 times: taken as numbers. If they are codes of classes, pass "
        "task='category'; if not, task='number' says so.",
    )
    assert task_of([i % 30 + 40 for i in range(60)], name="n").notes == ()  # ages
    assert task_of(codes, name="n", kind="number").notes == ()


DECIMALS = [i + 0.5 for i in range(30)]


def test_text_among_many_decimals_is_named_and_makes_no_class_of_each():
    for cells in ([*DECIMALS, "heavy"], [*map(str, DECIMALS), "heavy", None]):
        with pytest.raises(DataError, match=r"target 't' .*30 of 31 cells, such as 0.5.*text, such as 'heavy'.*task="):
            task_of(cells)
        for kind in ("number", "category"):
            assert task_of(cells, kind=kind).kind == kind
    assert task_of([*DECIMALS, math.inf, math.nan]).kind == "number"
    assert task_of([*DECIMALS[:3] * 9, "beta"]).kind == "category"
    assert task_of([[number] for number in DECIMALS]).kind == "categories"
    found = task_of([*range(30), "unknown"])
    assert found.kind == "category"
    assert "holds 30 different numbers and 'unknown' (1 cell): taken as classes" in found.notes[0]


@pytest.mark.parametrize(
    ("cells", "numbers", "says"),
    [
        (["1,25", "-0,5", "3"], [1.25, -0.5, 3.0], "decimal commas"),
        (["1,234,567", "12,000", "5"], [1234567.0, 12000.0, 5.0], "commas between thousands"),
        (["1.234.567", "12.000", "5"], [1234567.0, 12000.0, 5.0], "points between thousands"),
        (["1.234,5", "12,25", "5"], [1234.5, 12.25, 5.0], "points between thousands"),
        (["1 234,5", "12", "5"], [1234.5, 12.0, 5.0], "blanks or apostrophes"),
        (["1'234.5", "12", "5"], [1234.5, 12.0, 5.0], "blanks or apostrophes"),
        (["1\u202f234", "1\u00a0000", "5"], [1234.0, 1000.0, 5.0], "blanks or apostrophes"),
    ],
)
def test_numbers_are_read_as_a_column_writes_them(cells, numbers, says):
    more = [cells[0][:-1] + str(i) for i in range(10)] * 3  # many enough to be numbers
    task, values, _, notes = read({"w": cells + more}, kind=None if says == "decimal commas" else "number")
    assert task.kind == "number"
    assert says in task.reason
    assert [value[0] for value in values[:3]] == numbers
    assert notes == ()


def test_a_comma_that_may_separate_labels_is_told():
    task = task_of(["1,2", "2", "1,3", "3"] * 3)
    assert task.kind == "number"
    assert "If it separates labels, pass label_delim=','" in task.notes[0]
    assert task_of(["1,2", "2", "1,3", "3"] * 3, kind="number").notes == ()
    assert task_of(["1,25", "2,5", "1,3"] * 3).notes == ()


def test_a_comma_that_may_mean_two_things_is_told():
    task, values, _, _ = read({"w": [f"{i},250" for i in range(1, 30)]})
    assert (task.kind, values[0]) == ("number", (1250.0,))
    assert task.notes[0].startswith("target 'w' has cells such as")
    assert "If it stands before decimals, write '" in task.notes[0]
    assert read({"w": ["0,250", *(f"{i},250" for i in range(1, 30))]})[1][1] == (
        1.25,
    )  # a thousand has no leading zero


@pytest.mark.parametrize("word", ["-", "n.a.", "NA", "N/A", "?", "null", "None", "#N/A", "--"])
def test_a_word_among_numbers_is_a_gap_and_told(word):
    task, values, faults, _ = read({"w": [*map(str, range(40)), word, word]})
    assert task.kind == "number"
    assert values[-2:] == [None, None]
    assert faults == {40: "target is missing: w", 41: "target is missing: w"}
    assert task.notes == (
        f"2 cells of target 'w' are {word!r}: taken as no value, as the other cells are numbers. To keep it as a "
        "class, pass task='category'.",
    )
    assert read({"w": [*map(str, range(5)), word]}, kind="category")[1][-1] == (None if word == "#N/A" else word)


@pytest.mark.parametrize(
    "dates",
    [
        [datetime(2024, 1, 1 + i % 28, i % 24) for i in range(40)],
        [date(2024, 1, 1 + i % 28) for i in range(40)],
        [pd.Timestamp("2024-01-31 10:00", tz="UTC") + timedelta(hours=i) for i in range(40)],
        [f"2024-02-{1 + i % 28:02}" for i in range(40)],
        [f"{1 + i % 28}.3.2024" for i in range(40)],
        [f"3/{1 + i % 28}/24" for i in range(40)],
        [f"2024:01:{1 + i % 28:02} 10:20:30" for i in range(40)],
        [f"2024-01-31T10:{i:02}:00Z" for i in range(40)],
        [*(f"2024/01/{1 + i % 28:02}" for i in range(39)), "NA"],
        [timedelta(minutes=i) for i in range(40)],
    ],
    ids=range(10),
)
def test_dates_are_no_target(dates):
    for kind in (None, "number", "categories"):
        with pytest.raises(
            DataError, match=r"target column 't' holds .* dates or times, such as .*To fix: make a column"
        ):
            task_of(dates, kind=kind)
    assert task_of(dates, kind="category").kind == "category"
    assert task_of(["16:9", "4:3", "16:10"]).kind == "category"
    assert task_of(["1.2.3", "1.2.4"]).kind == "category"


@pytest.mark.parametrize(
    ("form", "unit"), [("{} kg", "kg"), ("{}.5%", "%"), ("$ {}", "$"), ("{},5 cm²", "cm²"), ("<{}", "<")]
)
def test_numbers_with_a_unit_are_told(form, unit):
    task = task_of([form.format(i) for i in range(30)])
    assert task.kind == "category"
    assert f"If they are numbers, remove {unit!r}; if not, pass task='category'" in task.notes[0]
    assert task_of([f"{i}{'ab'[i % 2]}" for i in range(30)]).notes == ()  # house numbers
    assert task_of([f"class {i}" for i in range(30)]).notes == ()


def test_lists_of_measurements_are_told():
    for cells in ([[i, i + 0.5, 3 * i] for i in range(30)], [f"[{i}, {i + 40}]" for i in range(30)]):
        assert "numbers each: every number is taken as a label" in task_of(cells).notes[0]
    assert task_of([[i % 5, i % 7] for i in range(30)]).notes == ()


@pytest.mark.parametrize(
    "cells",
    [
        [[0, 1, 1], [1, 0, 0], [0, 0, 0]],
        [np.array([True, False, True]), np.array([False, False, True])],
        ["[0, 1, 1]", "[1, 0, 0]"],
        ["[0 1 1]", "[1 0 0]"],
        ["0|1|1", "1|0|0"],
        ["1 0 0 1", "0 0 0 1"],
        ["1,0,0,1", "0,0,0,1"],
    ],
)
def test_rows_of_zeros_and_ones_are_no_labels(cells):
    with pytest.raises(DataError, match=r"holds [34] zeros and ones in each cell; expected the names of labels"):
        task_of(cells)
    assert task_of([["0", "1"], ["1", "2"], ["0", "0", "1"]]).kind == "categories"
    assert task_of([[0, 1], [1, 0], [0, 1]]).kind == "categories"


def test_one_number_written_in_two_ways_tells_codes():
    assert task_of(["1.0", "1", "2"] * 5).kind == "category"
    assert read({"t": ["1.0", "1", "2"] * 5})[1][:3] == ["1.0", "1", "2"]
    assert "'1.1' and '1.10' differ" in task_of(["1.1", "1.10"] * 5).reason
    assert task_of([f"{i / 10:.2f}" for i in range(40)] + ["0.1"]).kind == "number"  # measurements
    assert task_of(["1e-05", "2.5", "3.0"] * 3).kind == "number"
    assert read({"t": ["1e400", "1.5"]})[2] == {0: "target is not finite: t is 1e400"}


def test_words_that_may_mean_nothing_are_told_with_their_count():
    task, values, _, _ = read({"t": ["NA", "EU", "NA", "None", "none", None]})
    assert values == ["NA", "EU", "NA", "None", "none", None]
    assert task.notes == (
        "2 cells of target 't' are 'NA': taken as the label 'NA'. If it means no value, empty the cells.",
        "1 cell of target 't' is 'None': taken as the label 'None'. If it means no value, empty the cells.",
    )
    task, values, _, _ = read({"t": ["nan", "wheat", "<NA>"]})
    assert values == [None, "wheat", None]
    assert [note.split(":")[0] for note in task.notes] == [
        "1 cell of target 't' is '<NA>'",
        "1 cell of target 't' is 'nan'",
    ]
    found = task_of(["NA", "a", "b"], gap_words={"NA": "age"})
    assert found.missing == ("NA",)
    assert "taken as no value, as it is in column 'age'" in found.notes[0]
    for nothing in ([None], ["nan", "NaN"], [math.nan], [pd.NaT]):
        with pytest.raises(DataError, match="target column 't' has no value in any row"):
            task_of(nothing)


# ── several labels ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["['a', 'b']", "['b']"], [("a", "b"), ("b",)]),
        (['["a", "b"]', "[]"], [("a", "b"), ()]),
        (["['a' 'b']", "['b']"], [("a", "b"), ("b",)]),  # an array of numpy
        (["[a, b]", "[b]"], [("a", "b"), ("b",)]),
        (["{a,b}", "{b}"], [("a", "b"), ("b",)]),  # a database
        (["('a', 'b')", "('b',)"], [("a", "b"), ("b",)]),
        (["[1 2]", "[2]"], [("1", "2"), ("2",)]),
        (["[1, 2]", "[2]"], [("1", "2"), ("2",)]),
        (["[np.str_('a'), np.str_('b')]", "['it\\'s']"], [("a", "b"), ("it's",)]),
        (["['a', None]", "[null]"], [("a",), ()]),
        (["{'a', 'b'}", "set()"], [("a", "b"), ()]),
        (["frozenset({'a'})", "frozenset()"], [("a",), ()]),
        (["array(['a', 'b'], dtype=object)", "array([], dtype=object)"], [("a", "b"), ()]),
        ([json.dumps(["caf\u00e9"]), "['cafe\u0301']"], [("caf\u00e9",), ("caf\u00e9",)]),
    ],
)
def test_lists_written_as_text(cells, labels):
    task, values, _, _ = read({"t": cells})
    assert (task.kind, values) == ("categories", labels)
    assert task.bracketed
    assert "lists written as text" in task.reason
    assert read({"t": cells}, kind="category")[0].kind == "category"


@pytest.mark.parametrize("cells", [["[a]x[b]", "y"], ["(a)", "(b)"], ["{'a': 1}", "{'b': 2}"], ["[[1], [2]]", "[[3]]"]])
def test_brackets_that_are_no_lists(cells):
    assert task_of(cells).kind == "category"


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "cell",
    [
        f'[a{" " * 200_000}b"]',
        "\u200c" * 200_000 + "a",
        "[" + "'" * 200_001 + "]",
        "[" + "a," * 100_000 + "'",
        "1" * 200_000 + "x",
        "1 " * 100_000,
        " " * 200_000 + "5" + " " * 200_000 + "k9",
        "[" + "9" * 10_000 + "]",
        10**6000,
    ],
    ids=range(9),
)
def test_no_cell_takes_long(cell):
    assert task_of([cell, "pear"]).kind in ("category", "categories")
    read({"t": [cell, "1.5"]}, kind="number")


def test_nothing_that_is_written_in_a_cell_is_run(tmp_path):
    evil = f"[__import__('pathlib').Path({str(tmp_path / 'x')!r}).touch()]"
    assert task_of([evil, "[" * 5000, "b"]).kind == "category"
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("texts", "sign"),
    [
        (["red;round", "red", "round;small"], ";"),
        (["a|b", "a|c", "b|c"], "|"),
        (["sea, sky", "sky", "beach, sea"], ","),
        (["cat dog", "dog"], None),  # names may have blanks
        (["a; b", "c; d", "e"], None),
        (["Paris, France", "Lyon, France", "Bonn, Germany"], None),
        (["salt & pepper", "fish & chips"], None),
    ],
)
def test_separators_are_known_by_parts_that_recur(texts, sign):
    task = task_of(texts)
    assert task.delim == sign
    assert task.kind == ("category" if sign is None else "categories")
    assert task_of(texts, kind="category").notes == ()


def test_a_separator_that_is_not_sure_is_suggested():
    for texts, sign in (
        (["a; b", "c; d"], ";"),
        (["Paris, France", "Lyon, France"], ","),
        (["clear primary", "clear", "haze primary water", "haze", "water", "clear primary water"], " "),
        (["car person", "person", "dog person", "dog", "car", "car dog"], " "),
    ):
        task = task_of(texts)
        assert task.kind == "category"
        assert f"pass label_delim={sign!r}" in task.notes[0]
    for texts in (["rock, paper", "pop"], ["AC/DC", "Guns N' Roses"], ["red apple", "green apple", "red pear"]):
        assert task_of(texts).notes == ()


def test_a_row_without_labels_is_valid_and_told():
    for cells, delim in ((["a;b", None, "b"], ";"), ([["a"], None, ["b"]], None), (["a;b", "  ", "b"], ";")):
        _, values, faults, notes = read({"t": cells}, delim=delim)
        assert (values[1], faults) == ((), {})
        assert notes == (
            "1 of 3 rows has an empty target: taken as rows without any label (negatives). To leave them out, remove "
            "these rows from the table.",
        )
    _, values, faults, notes = read({"t": [["a"], None, [], ["b"]]})  # an empty list says that there is none
    assert (values[2], notes) == ((), ())
    assert faults == {1: "target is missing: t (rows without labels have an empty list)"}


def test_labels_in_a_cell():
    assert read({"t": ["b; a;b;"]}, delim=";")[1] == [("b", "a")]
    assert read({"t": [["b", "a", "b"], {"b", "a"}, np.array(["c"]), ("d", None)]})[1] == [
        ("b", "a"),
        ("a", "b"),
        ("c",),
        ("d",),
    ]
    assert read({"t": ["x;y"]}, kind="categories")[1] == [("x;y",)]
    assert "stands in no cell of 't', such as 'a,b'" in task_of(["a,b"], delim=";").notes[0]
    with pytest.raises(SettingError, match="has no effect with task='category'"):
        task_of(["x"], kind="category", delim=";")
    for kind in ("category", "number"):
        with pytest.raises(SettingError, match="cannot read cells that are lists, in 't'"):
            task_of([["x"]], kind=kind)


# ── several columns ────────────────────────────────────────────────────────────────────────────────────────────────

YES_NO = {
    "0/1": (1, 0),
    "0.0/1.0": (1.0, 0.0),
    "bool": (True, False),
    "text": ("True", "False"),
    "yes/no": ("yes", "no"),
    "Y/N": ("Y", "N"),
    "TRUE": ("TRUE", "FALSE"),
    "-1/1": (1, -1),
}


def test_a_word_for_no_value_among_yes_and_no_of_one_column():
    task, values, _, _ = read({"t": ["yes", "no", "NA"]})
    assert values == ["yes", "no", None]
    assert "1 cell of target 't' is 'NA': taken as no value, as the other cells are yes or no. To keep" in task.notes[0]
    assert read({"t": ["yes", "no", "NA"]}, kind="category")[1] == ["yes", "no", "NA"]


@pytest.mark.parametrize("pair", YES_NO)
def test_columns_of_yes_and_no_are_labels_named_by_column(pair):
    yes, no = YES_NO[pair]
    task, values, faults, notes = read({"rot": [yes, no, yes, no], "scab": [yes, yes, no, no]})
    assert (task.kind, task.flags) == ("categories", ("rot", "scab"))
    assert values == [("rot", "scab"), ("scab",), ("rot",), ()]
    assert (faults, notes) == ({}, ())
    gaps = read({"rot": [yes, no, None, None], "scab": [no, yes, yes, None], "wet": [yes, no, no, None]})
    assert gaps[1] == [("rot", "wet"), ("scab",), ("scab",), None]
    assert gaps[2] == {3: "target is missing: rot, scab, wet"}  # nobody looked
    assert gaps[3][0].startswith("1 of 4 rows has an empty cell in some of the target columns: taken as no.")


@pytest.mark.parametrize("pair", YES_NO)
def test_one_hot_columns_are_one_category(pair):
    yes, no = YES_NO[pair]
    columns = {"cat": [yes, no, no], "dog": [no, yes, no], "fox": [no, no, yes]}
    task, values, _, _ = read(columns)
    assert (task.kind, values) == ("category", ["cat", "dog", "fox"])
    assert "exactly one of 3 columns of yes and no is true in every row" in task.reason
    assert "pass task='multilabel'" in task.reason
    assert read(columns, kind="categories")[1] == [("cat",), ("dog",), ("fox",)]
    few = {name: [*columns[name], no] for name in columns}
    assert read(few)[1] == [("cat",), ("dog",), ("fox",), ()]  # a row with none: no coding of one category
    assert read(columns, kind="number")[1][0] == ((1.0, -1.0, -1.0) if no == -1 else (1.0, 0.0, 0.0))


def test_one_category_of_columns_of_which_none_or_several_are_true():
    task, values, faults, _ = read({"a": [1, 1, 0], "b": [0, 1, 0]}, kind="category")
    assert values == ["a", None, None]
    assert faults == {1: "several target columns are true: a, b", 2: "no target column is true"}
    assert "2 rows have none or several of the 2 target columns true" in task.notes[0]


def test_ones_and_gaps_say_yes_and_no():
    _, values, faults, notes = read({"rot": [1, None, None], "scab": [1, 1, None]})
    assert (values, faults) == ([("rot", "scab"), ("scab",), ()], {})
    assert len(notes) == 2


@pytest.mark.parametrize("pair", [("ja", "nein"), ("WAHR", "FALSCH"), ("Oui", "Non"), ("да", "нет"), ("sí", "no")])
def test_yes_and_no_in_other_languages(pair):
    yes, no = pair
    task, values, _, notes = read({"rot": [yes, no, no], "scab": [yes, yes, no]})
    assert (task.flags, values, notes) == (("rot", "scab"), [("rot", "scab"), ("scab",), ()], ())
    assert task_of([yes, no, yes]).kind == "category"


def test_measurements_among_labels_are_told():
    task, _, _, notes = read({"age": list(range(20, 60)), "sex": ["m", "f"] * 20})
    assert task.kind == "categories"
    assert "target 'age' holds 40 different numbers and is taken as labels such as 'age=20'" in notes[0]
    assert read({"age": [1, 2] * 20, "sex": ["m", "f"] * 20})[3] == ()


def test_ranges_are_classes():
    bins = ["[0, 9]", "[10, 19]", "[20, 29]"]
    assert read({"age": bins})[1] == bins
    assert task_of(["(0, 10]", "(10, 20]", "(20, 30]"]).kind == "category"
    assert task_of(["[1, 5]", "[2, 7]", "[3, 4]"]).kind == "categories"


def test_marks_beside_empty_cells_say_yes():
    _, values, faults, _ = read({"rot": ["x", None, ""], "scab": ["X", "✓", None]} | {"scab": ["x", "x", None]})
    assert (values, faults) == ([("rot", "scab"), ("scab",), ()], {})
    assert read({"a": ["x", "-"], "b": ["x", None]})[1] == [("a=x", "b=x"), ("a=-",)]  # as before: not all are marks


def test_a_word_for_no_value_among_yes_and_no():
    task, values, _, _ = read({"rot": ["yes", "NA", "no"], "scab": ["yes", "yes", "no"]})
    assert (task.kind, values) == ("categories", [("rot", "scab"), ("scab",), ()])
    assert "1 cell of target 'rot' is 'NA': taken as no value" in task.notes[0]


def test_columns_of_few_numbers_are_told():
    task, values, _, _ = read({"a": [1, 0, -1], "b": [0, -1, 1]})
    assert (task.kind, values[0]) == ("number", (1.0, 0.0))
    assert task.notes[0].startswith("target 'a' holds only -1, 0, 1: taken as numbers. If they say yes and no")
    assert read({"a": [1, 0, -1], "b": [0, -1, 1]}, kind="number")[0].notes == ()


def test_other_columns():
    assert read({"a": [1.5, 2.5], "b": [2, 3]})[1] == [(1.5, 2.0), (2.5, 3.0)]
    assert read({"a": ["1", "0"], "b": ["1,5", "2,5"]})[1] == [(1.0, 1.5), (0.0, 2.5)]
    assert read({"a": ["x", None], "b": ["y", "z"]})[1] == [("a=x", "b=y"), ("b=z",)]
    assert read({"colour": ["red"], "tags": ["big;new"]}, delim=";")[1] == [("colour=red", "tags=big", "tags=new")]
    assert read({"rot": [True, False], "colour": ["red", "blue"]})[1] == [("rot", "colour=red"), ("colour=blue",)]
    with pytest.raises(DataError, match=r"'w' holds numbers.*'label' text, such as 'pear'.*columns of one kind"):
        read({"label": ["pear"] * 30, "w": DECIMALS})
    with pytest.raises(SettingError, match="task='category' needs one target column, got 2: 'a', 'b'"):
        read({"a": ["x"], "b": ["y"]}, kind="category")


def test_numbers_that_were_asked_for():
    _, values, faults, _ = read({"w": ["007", "x", None, 10**400, "1.5"]}, kind="number")
    assert (values[0], values[4]) == ((7.0,), (1.5,))
    assert faults[1] == "target is not a number: w is 'x'"
    assert faults[2] == "target is missing: w"
    assert faults[3].startswith("target is not finite: w is 1000")
    assert read({"w": [True, False, None]}, kind="number")[1] == [(1.0,), (0.0,), None]


def test_every_choice_tells_how_to_change_it():
    for cells in ([1, 2], [1.5, 2.5], list(range(30)), ["a|b", "a"], ["['a']", "[]"], ["1E2", "2E2"] * 2):
        assert "pass task=" in task_of(cells).reason
