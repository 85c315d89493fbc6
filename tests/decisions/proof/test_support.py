import numpy as np
import pandas as pd
import pytest

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.proof.support import Seen
from drivetrain.errors import DataError

N = 4_000
LETTERS = ("a", "b", "rare", "never")


@pytest.fixture(scope="module")
def logged():
    random = np.random.default_rng(0)
    city = random.choice(["Bonn", "Ulm"], N)
    offer = random.choice(["a", "b", "rare"], N, p=[0.5, 0.48, 0.02])
    price = np.where(city == "Bonn", 10.0, 20.0) + random.uniform(-2, 2, N)
    return pd.DataFrame(
        {
            "city": city,
            "x": random.normal(size=N),
            "drawn": random.uniform(0, 100, N),
            "price": price,
            "tariff": random.choice([10, 12, 18], N),
            "offer": offer,
            "late": np.where(offer == "b", random.uniform(60, 100, N), random.uniform(0, 50, N)),
            "fixed": 7.0,
        }
    )


def words(logged, lever, columns, rows, values):
    return Seen.fit(logged, [lever], columns).words(rows, {lever.name: np.asarray(values)}).tolist()


def test_what_chance_set_is_judged_by_all_rows(logged):
    """Uniform from 0 to 100: the middle 90 % is 5 to 95, the middle 98 % 1 to 99."""
    rows = logged.head(2)
    found = words(logged, Lever("drawn", 0, 120), ["x", "city"], rows, [-1, 3, 20, 50, 80, 97, 101, 120])
    assert found == [[2, 1, 0, 0, 0, 1, 2, 2]] * 2


def test_what_follows_the_columns_is_judged_by_rows_like_it(logged):
    rows = pd.DataFrame({"city": ["Bonn", "Ulm"], "x": 0.0})
    assert words(logged, Lever("price", 5, 25), ["city", "x"], rows, [10, 20, 15]) == [[0, 2, 2], [2, 0, 2]]


def test_a_gap_that_nobody_was_seen_in_is_outside(logged):
    rows = logged.head(1)
    assert words(logged, Lever("tariff", 10, 18), ["x"], rows, [10, 11, 12, 15, 18]) == [[0, 2, 0, 2, 0]]


def test_options_by_the_share_of_rows_that_had_them(logged):
    lever = Lever("offer", options=LETTERS)
    found = words(logged, lever, ["x"], logged.head(1), np.array(LETTERS, dtype=object))
    assert found == [[0, 0, 1, 2]]


def test_values_that_were_never_seen_together_are_outside(logged):
    levers = [Lever("offer", options=LETTERS), Lever("late", 0, 100)]
    seen = Seen.fit(logged, levers, ["x"])
    actions = {"offer": np.array(["a", "b", "a", "b"], dtype=object), "late": np.array([25.0, 80.0, 80.0, 25.0])}
    assert seen.words(logged.head(1), actions).tolist() == [[0, 0, 2, 2]]


def test_rows_like_no_logged_row_are_at_the_edge_at_best(logged):
    seen = Seen.fit(logged, [Lever("drawn", 0, 100)], ["city", "x"])
    rows = pd.DataFrame({"city": ["Bonn", "Rom", "Ulm"], "x": [0.0, 0.0, 99.0]})
    support = seen.where(rows, {"drawn": np.array([50.0, 50.0, 50.0])})
    assert support.where.tolist() == ["inside", "edge", "edge"]
    assert "2 rows have a category or a number that no logged row has" in support.how
    assert support.shares == {"inside": 1 / 3, "edge": 2 / 3, "outside": 0.0}


def test_each_row_at_its_own_value_agrees_with_all_rows_at_all_values(logged):
    seen = Seen.fit(logged, [Lever("price", 5, 25)], ["city", "x"])
    rows = logged.head(300)
    grid = np.linspace(6, 24, 37)
    place = np.random.default_rng(1).integers(0, 37, 300)
    assert (seen.each(rows, {"price": grid[place]}) == seen.words(rows, {"price": grid})[np.arange(300), place]).all()


def test_many_different_values_are_judged_on_a_grid(logged):
    seen = Seen.fit(logged, [Lever("drawn", 0, 100)], ["x"])
    rows = logged.iloc[np.arange(3_000) % N]
    value = np.linspace(-20, 120, 3_000)
    found = seen.each(rows, {"drawn": value})
    assert set(found[(value > 10) & (value < 90)].tolist()) == {0}
    assert set(found[(value < -1) | (value > 101)].tolist()) == {2}


@pytest.mark.parametrize("lever", [Lever("fixed", 0, 9), Lever("fixed", options=(7.0, 8.0))], ids=["number", "choice"])
def test_a_lever_that_never_moved_says_what_to_collect(logged, lever):
    with pytest.raises(DataError, match=r"'fixed' is always '?7.* To fix: collect rows in which chance sets 'fixed'"):
        Seen.fit(logged, [lever], ["x"])


def test_without_columns_all_rows_are_alike(logged):
    seen = Seen.fit(logged, [Lever("drawn", 0, 100)], [])
    assert seen.words(pd.DataFrame(index=range(2)), {"drawn": np.array([50.0, 101.0])}).tolist() == [[0, 2], [0, 2]]
    assert seen.words(pd.DataFrame(index=range(0)), {"drawn": np.array([50.0])}).shape == (0, 1)


def test_few_logged_rows_are_enough(logged):
    found = words(logged.head(30), Lever("drawn", 0, 100), ["x"], logged.head(1), [50, 200])
    assert found == [[0, 2]]
