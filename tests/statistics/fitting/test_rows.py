"""What a table may hold, and what is said of what it may not."""

import warnings

import numpy as np
import pandas as pd
import pytest

from drivetrain.errors import DataError, DrivetrainWarning, SettingError
from drivetrain.statistics.fitting.fits import fit_rows
from drivetrain.statistics.fitting.rows import read_rows

RANDOM = np.random.default_rng(1)
N = 40
FRAME = pd.DataFrame(
    {
        "x": RANDOM.normal(size=N),
        "z": RANDOM.normal(size=N),
        "y": RANDOM.normal(size=N),
        "three": 3.0,
        "zone": ["a", "b", "c", "d"] * 10,
        "one": "here",
        "id": [f"city {i}" for i in range(N)],
        "yes": np.where(RANDOM.random(N) < 0.5, "yes", "no"),
    }
)


def fitted(frame=FRAME, outcome="y", of="x", **words):
    return fit_rows(read_rows(frame, outcome=outcome, of=of, **words))


@pytest.mark.parametrize(
    ("change", "words", "said"),
    [
        ({}, {"of": "three"}, "three is 3 in all 40 rows"),
        ({}, {"outcome": "three"}, "three is 3 in all 40 rows"),
        ({"w": lambda f: 2 * f.x - 1}, {"controls": ["w"]}, "said exactly by 'w'"),
        ({"w": lambda f: f.x - f.z}, {"controls": ["w", "z"]}, "said exactly by the controls together"),
        ({"m": lambda f: f.groupby("zone").x.transform("mean")}, {"of": "m", "within": "zone"}, "within any 'zone'"),
        ({"x": lambda f: f.x.where(f.index != 4, np.inf)}, {}, "infinite in 1 row, the first is row 5"),
        ({"y": lambda f: f.y.where(f.index < 38, -np.inf)}, {}, "infinite in 2 rows, the first is row 39"),
        ({}, {"of": "zone"}, "holds text such as 'a'"),
        ({}, {"controls": ["id"]}, "40 different values"),
        ({}, {"controls": ["log:x"]}, "needs numbers above 0"),
        ({}, {"of": "square:zone"}, "holds text such as 'a'"),
        ({"x": lambda _: None}, {}, "no row has a value"),
        ({}, {"of": "xx"}, "no column 'xx'"),
        ({}, {"family": "logistic"}, "yes and no"),
        ({}, {"family": "poisson"}, "counts of at least 0"),
        ({"w": -1.0}, {"weights": "w"}, "values below 0"),
        ({"x": lambda f: np.where(f.yes == "yes", 1 + f.x.abs(), -1 - f.x.abs())}, {"outcome": "yes"}, "separation"),
        ({"w": lambda f: (f.yes == "yes") & (f.index < 9)}, {"outcome": "yes", "controls": ["w"]}, "separation"),
    ],
)
def test_what_cannot_be_used_is_said_in_words(change, words, said):
    frame = FRAME.assign(**change)
    with pytest.raises(DataError, match=said) as caught:
        fitted(frame, **words)
    assert "To fix:" in str(caught.value)


def test_too_few_rows_are_said():
    with pytest.raises(DataError, match="3 rows cannot determine 3 numbers"):
        fitted(FRAME.head(3), controls=["z"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"of": "lg:x"}, "log:"),
        ({"of": "y"}, "is the outcome"),
        ({"controls": ["x"]}, "whose slope is wanted"),
        ({"controls": ["z", "z"]}, "twice"),
        ({"controls": [3]}, "the name of a column"),
    ],
)
def test_names_that_mean_nothing_are_refused(words, said):
    with pytest.raises(SettingError, match=said):
        fitted(**words)


@pytest.mark.parametrize("more", [{"w": lambda f: 2 * f.z - 1}, {"w": 7.0}], ids=["says the same", "constant"])
def test_controls_that_say_nothing_more_are_left_out_with_a_word(more):
    with pytest.warns(DrivetrainWarning, match="'w' is left out"):
        found = fitted(FRAME.assign(**more), controls=["z", "w"])
    assert found.slope == pytest.approx(fitted(controls=["z"]).slope)


def test_rows_with_empty_cells_are_left_out_and_counted():
    frame = FRAME.assign(x=FRAME.x.where(FRAME.index > 4), z=FRAME.z.where(FRAME.index % 10 != 0))
    with pytest.warns(DrivetrainWarning, match="8 of 40 rows are left out"):
        rows = read_rows(frame, outcome="y", of="x", controls=["z"])
    assert len(rows) == 32
    assert rows.left_out == {"no value in 'x'": 5, "no value in 'z'": 4}


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1.5", "2", None, "3"], [1.5, 2.0, 3.0]),
        (["1,5", "2,25", "", "3,0"], [1.5, 2.25, 3.0]),
        (["1e3", "2", "NA", "4"], [1000.0, 2.0, 4.0]),
        (["yes", "no", "no", None], [1.0, 0.0, 0.0]),
        ([True, False, None, True], [1.0, 0.0, 1.0]),
        (["-1.5", "+2", "n/a", "0"], [-1.5, 2.0, 0.0]),
    ],
)
def test_numbers_are_read_as_people_write_them(cells, values):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = read_rows({"x": cells, "y": [1.0, 2.0, 3.0, 5.0]}, outcome="y", of="x")
    assert rows.x.tolist() == values


def test_functions_of_columns():
    frame = FRAME.assign(g=np.exp(FRAME.z))
    assert fitted(frame, controls=["log:g"]).slope == pytest.approx(fitted(controls=["z"]).slope)
    assert (
        fitted(frame.rename(columns={"g": "log:g"}), controls=["log:g"]).design.names[2] == "log:g"
    )  # a column of that name


def test_texts_are_categories_against_the_most_frequent():
    frame = FRAME.assign(zone=["a"] * 20 + ["b"] * 12 + ["c"] * 8)
    rows = read_rows(frame, outcome="y", of="x", controls=["zone"])
    assert rows.controls[0].names == ("zone=b", "zone=c")
    assert "compared with 'a'" in rows.decisions["control zone"].reason
    as_codes = frame.assign(zone=frame.zone.map({"a": 1, "b": 2, "c": 3}))
    assert fitted(as_codes, controls=["category:zone"]).slope == pytest.approx(fit_rows(rows).slope)
    assert fitted(as_codes, controls=["zone"]).slope != pytest.approx(fit_rows(rows).slope)


def test_yes_and_no_in_words_are_logistic_and_0_and_1_are_not():
    assert read_rows(FRAME, outcome="yes", of="x").family == "logistic"
    as_numbers = FRAME.assign(yes=(FRAME.yes == "yes").astype(int))
    found = read_rows(as_numbers, outcome="yes", of="x")
    assert found.family == "linear" and "family='logistic'" in found.decisions["family"].reason


def test_rows_are_called_by_the_column_that_tells_them_apart():
    assert read_rows(FRAME, outcome="y", of="x").names[:2] == ("city 0", "city 1")
    assert read_rows(FRAME.drop(columns="id"), outcome="y", of="x").names[:2] == ("row 1", "row 2")


def test_a_file_is_the_same_as_its_frame(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    one = fitted(tmp_path / "t.csv", controls=["z", "zone"])
    assert one.slope == pytest.approx(fitted(controls=["z", "zone"]).slope, rel=1e-12)


def test_an_offset_and_a_unit_change_nothing_but_the_unit():
    moved = FRAME.assign(x=1.7e9 + 1e-3 * FRAME.x, y=1e6 * FRAME.y)
    assert fitted(moved, controls=["z"]).slope == pytest.approx(1e9 * fitted(controls=["z"]).slope, rel=1e-3)


def test_nullable_columns_of_pandas_are_read():
    frame = FRAME.assign(
        x=FRAME.x.where(FRAME.index > 1).astype("Float64"), c=pd.array([None, *range(39)], dtype="Int64") % 5
    )
    with pytest.warns(DrivetrainWarning, match="2 of 40 rows"):
        rows = read_rows(frame, outcome="y", of="x", cluster="c")
    assert len(rows) == 38 and rows.n_clusters == 5 and set(rows.cluster_names) == {"0", "1", "2", "3", "4"}


def test_copies_of_rows_are_told():
    copies = pd.concat([FRAME.head(8)] * 5, ignore_index=True)
    with pytest.warns(DrivetrainWarning, match="32 of 40 rows repeat another row"):
        read_rows(copies, outcome="y", of="x")
    read_rows(copies.assign(id=range(40)), outcome="y", of="x")  # a number of its own: other rows
    read_rows(copies.assign(y=copies.y.round() + [0, 1] * 20), outcome="y", of="x")  # whole numbers repeat
