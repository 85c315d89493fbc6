"""What a column is: told by the cells, the name, or people; what could be otherwise is said."""

import datetime

import numpy as np
import pytest

from drivetrain.data.inputs import as_array
from drivetrain.data.tables.cells import typed
from drivetrain.errors import SettingError
from drivetrain.kinds.tables.inference.typing import decisions_of, notes_of, type_columns

N = 600
RNG = np.random.default_rng(3)


def one(cells, name="x", told=None, stated=None):
    columns = {name: as_array(typed(list(cells)))}
    return type_columns(columns, None if told is None else {name: told}, stated=stated)[name]


def recurring(values):
    """Each value in several rows, in no order."""
    return RNG.permutation(np.resize(np.asarray(values), N)).tolist()


ROLES = {
    "counts": ([3, 1, 4, 1, 5] * 9, "number"),
    "decimals": (["1.5", "2.25", "-3"] * 9, "number"),
    "commas": (["1,5", "2,250", "3"] * 9, "number"),
    "leading zero": (["01", "02", "10"] * 9, "category"),
    "yes and no": (["yes", "no", None] * 9, "number"),
    "truth": ([True, False] * 9, "number"),
    "yes among numbers": (["yes", "1", "0"] * 9, "category"),
    "percent": (["12%", "3.5%"] * 9, "number"),
    "two currencies": (["$3", "€4"] * 9, "category"),
    "sign in some": (["$3", "4"] * 9, "category"),
    "few words": ([str(i / 2) for i in range(60)] + ["unknown"] * 4, "number"),
    "many words": ([str(i) for i in range(60)] + ["unknown"] * 20, "category"),
    "words with digits": ([str(i / 2) for i in range(60)] + ["12b"], "left out"),
    "names": (["Bern", "Basel", "Chur"] * 9, "category"),
    "sizes": (["S", "L", "M", "XL"] * 9, "ordered"),
    "ages": (["18-24", "<18", "65+", "25-64"] * 9, "ordered"),
    "incomes": (["$0-10k", "$10k-20k", "$20k and more"] * 9, "ordered"),
    "iso dates": ([f"2026-01-{1 + i % 28:02}" for i in range(60)], "date"),
    "months": ([f"2026-{1 + i % 12:02}" for i in range(60)], "date"),
    "digits of dates": ([20260101 + i % 28 for i in range(60)], "date"),
    "nearly dates": (["2026-02-30", "2026-01-01"] * 30, "category"),
    "datetimes": ([datetime.datetime(2026, 1, 1 + i % 28) for i in range(60)], "date"),
    "durations": ([datetime.timedelta(hours=i) for i in range(60)], "number"),
    "hashes": ([f"{i:032x}" for i in range(60)], "left out"),
    "sentences": ([f"the customer said {i} times no" for i in range(60)], "text"),
    "nothing": ([None] * 9, "left out"),
    "words for nothing": (["NA", "?", ""] * 9, "left out"),
    "constant": ([7] * 9, "left out"),
    "constant or gap": ([7, None] * 9, "number"),
    "lists": ([[1, 2]] * 9, "left out"),
    "bytes": ([b"a", b"b"] * 9, "left out"),
    "counts the rows": (list(range(60)), "left out"),
    "counts the rows, shuffled": (RNG.permutation(60).tolist(), "left out"),
    "every tenth": (list(range(0, 600, 10)), "left out"),
    "beyond floats": ([2**60 + i % 7 for i in range(60)], "category"),
    "a thousand digits": ([10**400 + i % 7 for i in range(60)], "category"),
    "large, all different": ([2**60 + 3 * i * i for i in range(60)], "left out"),
}


@pytest.mark.parametrize("case", ROLES)
def test_the_role_follows_from_the_cells(case):
    cells, role = ROLES[case]
    assert one(cells).role == role


QUANTITIES = {
    "rounded wages": RNG.normal(60_000, 20_000, 150).round(-2),
    "years": np.arange(1950, 2020),
    "gains, mostly none": np.concatenate([np.zeros(400), RNG.integers(1000, 99_999, 40)]),
    "dense counts": RNG.integers(20_000, 20_900, 150),
    "small codes": RNG.integers(0, 900, 40),
    "decimals": RNG.normal(60_000, 20_000, 150).round(2),
    "below zero": RNG.integers(-90_000, 90_000, 60),
}


@pytest.mark.parametrize("case", QUANTITIES)
def test_quantities_stay_numbers(case):
    values = QUANTITIES[case]
    cells = [float(value) if value % 1 else int(value) for value in recurring(values)]
    assert one(cells).role == "number"


def test_numbers_that_lie_like_names_are_names_and_it_is_said():
    values = RNG.choice(300_000, 70, replace=False) + 11_000
    found = one(recurring(values), name="resource")
    assert found.role == "category" and "70 whole numbers, large, far apart" in found.reason
    assert notes_of({"resource": found}) == [
        "column 'resource': whole numbers that are large, far apart, not rounded and recur are read as names. To read "
        'quantities: types= says "number"'
    ]
    assert one(recurring(values), told="number").role == "number"


@pytest.mark.parametrize("name", ["zip", "ZIP", "user_id", "userId", "id", "ProductCode", "role_code", "EAN"])
def test_a_name_of_names_makes_small_numbers_names(name):
    assert one([1, 2, 3, 4] * 9, name=name).role == "category"


@pytest.mark.parametrize("name", ["paid", "valid", "liquid", "monkey", "barcodes_seen", "number", "idle", "no"])
def test_a_name_that_only_sounds_like_one_does_not(name):
    assert one([1, 2, 3, 4] * 9, name=name).role == "number"


def test_an_order_is_the_columns_own_words():
    assert one(["L", "S", "M"] * 9).order == ("S", "M", "L")
    assert one(["65+", "<18", "18-24"] * 9).order == ("<18", "18-24", "65+")
    assert one(["b", "a"] * 9, told=["b", "a", "c"]).order == ("b", "a", "c")
    assert one([3, 1, 2] * 9, stated={"x": [2, 1, 3]}).order == ("2", "1", "3")
    assert one([3, 1, 2] * 9, stated={"x": []}).role == "category"


def test_words_among_numbers_count_as_gaps():
    found = one([i / 2 for i in range(60)] + ["unknown", "pending"])
    assert found.gaps == ("pending", "unknown") and "counts as a gap" in found.doubt


def test_dates_that_could_be_others_are_told():
    found = one([f"{1 + i % 12:02}/{1 + i % 12:02}/2026" for i in range(60)])
    assert found.formats == ("%m/%d/%Y",) and "%d/%m/%Y as well" in found.doubt
    assert one(["13/01/2026", "01/02/2026"] * 9).formats == ("%d/%m/%Y",)
    assert not one(["13/01/2026", "01/02/2026"] * 9).doubt


def test_a_comma_that_could_be_decimal_is_told():
    assert "decimal comma" in one(["1,234", "5,678", "9"] * 9).doubt
    assert not one(["1,234.5", "5,678", "9"] * 9).doubt


@pytest.mark.parametrize(
    ("cells", "told", "said"),
    [
        (["a", "1"], "number", "a cell is 'a'; expected numbers throughout"),
        (["soon", "2026-01-01"], "date", "holds dates, but not every cell"),
        (["a", "b"], "colour", "expected 'number', 'category'"),
        (["a", "b"], ["a"], "at least two different values"),
        (["a", "b"], ["a", "a"], "at least two different values"),
        (["a", "b"], [["a"], "b"], "at least two different values"),
        ([[1], [2]], "category", "cells hold several values"),
        (["a", "b"], {"kind": "number"}, "expected one of number"),
    ],
    ids=str,
)
def test_what_is_told_must_fit(cells, told, said):
    with pytest.raises(SettingError, match=said):
        one(cells, told=told)


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(SettingError, match="Did you mean 'age'"):
        type_columns({"age": np.arange(3)}, {"agee": "number"})


@pytest.mark.parametrize("told", ["number", "category", "ordered", "text", "left out"])
def test_people_win(told):
    assert one(["01", "02", "10"] * 9, told=told).role == told


def test_what_is_kept_with_the_data_says_the_same_again():
    for cells in (["1,5", "2,250"], ["S", "M", "L"], ["28.11.2026"] * 2 + ["1.12.2026"], [1, 2, 2]):
        found = one(cells * 9)
        assert one(cells * 9, told=found.as_option()).as_option() == found.as_option()


def test_hundreds_of_columns_are_told_in_few_words():
    typed_columns = type_columns({f"c{i}": np.full(30, 1.0) for i in range(300)} | {"x": np.arange(30.0) % 7})
    assert len(notes_of(typed_columns)) == 7 and "294 more columns" in notes_of(typed_columns)[-1]
    assert decisions_of(typed_columns)["columns, left out"].value == 300
