"""A row becomes numbers and codes: the same alone, among many, and out of its own encoding."""

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.errors import InputError
from drivetrain.kinds.tables.fitting import describe, with_pairs
from drivetrain.kinds.tables.spec import CategoryColumn, DateColumn, NumberColumn, Spec


@pytest.fixture(scope="module")
def data(customers):
    return dt.table(customers, target="buys")


@pytest.fixture(scope="module")
def spec(data):
    return describe(data)


def test_what_is_fitted_comes_from_the_training_rows_alone(data, spec):
    train = data.train.inputs.columns
    age, town, wage, size, since = spec.columns
    assert (age.center, age.low, age.high) == (np.median(train["age"]), train["age"].min(), train["age"].max())
    low, high = np.quantile(train["age"], (0.25, 0.75))
    assert age.scale == (high - low) / 2
    assert wage.missing == pytest.approx(np.isnan(train["wage"]).mean())
    counts = pd.Series(train["town"]).value_counts()
    assert town.vocab[0] == counts.index[0] and town.counts == tuple(sorted(counts, reverse=True))
    assert size.vocab == ("S", "M", "L") and size.ordered
    assert set(since.parts) == {"elapsed", "month", "weekday", "day of year"}


def test_a_row_alone_is_read_as_among_many(data, spec):
    rows = data.valid.inputs
    together = spec.view_many(spec.load_many(rows.columns))
    for at, row in enumerate(rows):
        for array, many in zip(spec.view(spec.load(row)), together, strict=True):
            np.testing.assert_array_equal(array, many[at])


def test_a_row_comes_back_out_of_its_encoding(data, spec):
    for row in data.valid.inputs:
        loaded = spec.load(row)
        encoded, suffix = spec.encode(loaded)
        assert suffix == ".json"
        for array, again in zip(loaded, spec.load(encoded), strict=True):
            np.testing.assert_array_equal(array, again)


@pytest.mark.parametrize("formats", [("%m/%d/%Y",), ("%d.%m.%Y",), ("%Y%m%d",), ("iso",)])
def test_a_date_comes_back_whatever_its_format(formats):
    spec = Spec(columns=(DateColumn(name="day", formats=formats),))
    loaded = spec.load({"day": pd.Timestamp("2026-02-03")})
    assert loaded[0][0] == pd.Timestamp("2026-02-03").timestamp()
    assert spec.load(spec.encode(loaded)[0])[0][0] == loaded[0][0]


def test_the_parts_of_a_date_are_those_of_the_calendar():
    parts = ("month", "weekday", "day of year", "hour")
    spec = Spec(columns=(DateColumn(name="day", parts=parts),))
    (read,) = spec.view(spec.load({"day": "2026-11-28T18:00"}))
    np.testing.assert_allclose(read, [10 / 5.5 - 1, 5 / 3 - 1, 331 / 182.5 - 1, 0.5], atol=1e-6)


def test_unseen_and_missing_names_are_told_apart(spec):
    row = {"age": 30, "town": "Zug", "wage": None, "size": None, "since": None}
    raw, codes = spec.load(row)
    assert codes.tolist() == [0, 1] and np.isnan(raw[1:]).all()


def test_words_that_count_as_gaps_are_gaps_in_both_ways():
    spec = Spec(columns=(NumberColumn(name="n", gaps=("unknown",)),))
    assert np.isnan(spec.load({"n": " unknown "})[0][0])
    assert np.isnan(spec.load_many({"n": np.array(["1", "unknown"], object)})[0][1, 0])
    with pytest.raises(InputError, match="'n' holds 'lost'"):
        spec.load({"n": "lost"})


def test_pairs_know_what_occurred_together():
    town = CategoryColumn(name="town", vocab=("Bern", "Chur"))
    trade = CategoryColumn(name="trade", vocab=("cook", "smith"))
    cells = {"town": np.array(["Bern", "Chur"], object), "trade": np.array(["cook", "smith"], object)}
    spec = with_pairs(Spec(columns=(town, trade)), [("town", "trade")], cells)
    codes = [spec.view(spec.load({"town": a, "trade": b}))[0].tolist() for a in town.vocab for b in trade.vocab]
    assert codes == [[2, 2, 2], [2, 3, 0], [3, 2, 0], [3, 3, 3]]
    assert spec.code_names == ("town", "trade", "town × trade")


ROWS = {
    "no row": (3, "expected a mapping of column names"),
    "no JSON": (b"{", "expected JSON"),
    "a list in JSON": (b"[1]", "expected a mapping"),
    "a column too few": ({"town": "Bern"}, "column 'age' is not there"),
    "a name that is near": ({"Age": 3, "town": "Bern"}, "Did you mean 'Age'"),
    "no number": ({"age": "old", "town": "Bern"}, "column 'age' holds 'old'; expected a number"),
    "a list": ({"age": [3], "town": "Bern"}, "column 'age' holds"),
    "several names": ({"age": 3, "town": ["Bern"]}, "column 'town' holds .* expected one value"),
    "a mapping in a cell": ({"age": 3, "town": {"a": 1}}, "column 'town' holds"),
}


@pytest.mark.parametrize("case", ROWS)
def test_what_is_wrong_names_the_column(case):
    row, said = ROWS[case]
    spec = Spec(columns=(NumberColumn(name="age"), CategoryColumn(name="town", vocab=("Bern",))))
    with pytest.raises(InputError, match=said):
        spec.load(row)


def test_the_first_row_that_is_wrong_is_named():
    spec = Spec(columns=(NumberColumn(name="age"),))
    with pytest.raises(InputError, match="row 2: column 'age' holds 'x'"):
        spec.load_many({"age": np.array(["1", "x", "y"], object)})


def test_a_long_cell_is_not_repeated_whole():
    with pytest.raises(InputError) as caught:
        Spec(columns=(NumberColumn(name="n"),)).load({"n": "x" * 10_000_000})
    assert len(str(caught.value)) < 300


def test_a_million_names_are_read():
    names = np.array([f"n{at}" for at in range(100_000)] * 2, object)
    spec = Spec(columns=(CategoryColumn(name="c", vocab=tuple(names[:100_000])),))
    codes = spec.load_many({"c": names})[1][:, 0]
    assert codes[0] == 2 and codes[-1] == 100_001 and spec.n_codes == (100_002,)
