"""Objectives from functions and text: named, hashed, their numbers found, their failures told."""

import functools

import numpy as np
import pandas as pd
import pytest

from drivetrain.decisions.objective import Objective, as_objective
from drivetrain.errors import DataError, SettingError

ROWS = pd.DataFrame({"cost": [1.0, 2.0]}, index=["x", "y"])
LEVERS = {"price": np.array([10.0, 20.0])}
PREDICT = {"accept": np.array([0.5, 0.1])}
RATE = 3.0


def profit(rows, levers, predict, *, fee=2.0, years=5, name="n", on=True):
    return predict["accept"] * (levers["price"] - rows["cost"] - fee) * years


def of_outside(rows, levers, predict):
    return levers["price"] * RATE


class Callable:
    def __call__(self, rows, levers, predict):
        return levers["price"]


def call(source, **numbers):
    objective = as_objective(source)
    quantity = objective.with_numbers(numbers) if numbers else objective.call
    return quantity(ROWS, LEVERS, PREDICT).tolist()


def test_a_function():
    objective = as_objective(profit)
    assert (objective.name, dict(objective.numbers)) == ("profit", {"fee": 2.0, "years": 5.0})
    assert objective.said.startswith("def profit(") and len(objective.sha256) == 64
    assert call(profit) == [17.5, 8.0] and call(profit, fee=0, years=1) == [4.5, 1.8]
    assert as_objective(objective) is objective


def test_text():
    objective = as_objective("fee = 2; accept * (price - cost - fee)", name="margin")
    assert (objective.name, objective.said) == ("margin", "fee = 2; accept * (price - cost - fee)")
    assert (
        as_objective("fee = 2; margin = price - fee").name == "margin" and as_objective("price - 1").name == "objective"
    )
    assert call(objective) == [3.5, 1.6] and call(objective, fee=0) == [4.5, 1.8]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (lambda rows, levers, predict: levers["price"], [10, 20]),
        (lambda r, lv, p: pd.Series(lv["price"], index=r.index), [10, 20]),
        (lambda *given: list(given[1]["price"]), [10, 20]),
        (lambda rows, levers, predict: 7, [7, 7]),
        (Callable(), [10, 20]),
        (functools.partial(profit, fee=0.0, years=1), [4.5, 1.8]),
        (of_outside, [30, 60]),
    ],
    ids=["lambda", "series", "star", "one for all", "object", "partial", "global"],
)
def test_whatever_can_be_called_with_the_three(source, expected):
    assert call(source) == expected


def test_what_a_function_reads_from_around_counts_in_its_hash(monkeypatch):
    def made(factor):
        return lambda rows, levers, predict: levers["price"] * factor

    hashes = [as_objective(made(factor)).sha256 for factor in (1.0, 1.0, 2.0)]
    assert hashes[0] == hashes[1] != hashes[2]
    before = as_objective(of_outside).sha256
    monkeypatch.setitem(globals(), "RATE", 4.0)
    assert as_objective(of_outside).sha256 != before
    assert (
        as_objective(functools.partial(profit, fee=1.0)).sha256
        != as_objective(functools.partial(profit, fee=2.0)).sha256
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (3, "a function of"),
        (None, "a function of"),
        (dict, "a function of"),
        (lambda rows: 3, "cannot be called with the three"),
        (lambda rows, levers, predict, fee: 3, "cannot be called with the three"),
        (lambda rows, levers, predict, *, fee: 3, "cannot be called with the three"),
        ("price +", "invalid syntax"),
    ],
    ids=["number", "none", "class", "one", "four", "no default", "text"],
)
def test_what_is_none(source, said):
    with pytest.raises(SettingError, match=said) as caught:
        as_objective(source)
    assert "To fix:" in str(caught.value)


@pytest.mark.parametrize(
    ("source", "error", "said"),
    [
        (lambda r, lv, p: p["acept"], SettingError, "Did you mean 'accept'"),
        (lambda r, lv, p: r["Cost"], SettingError, "Did you mean 'cost'"),
        (lambda r, lv, p: 1 / 0, SettingError, "ZeroDivisionError"),
        (lambda r, lv, p: "x", SettingError, "no numbers"),
        (lambda r, lv, p: lv["price"].sum(keepdims=True), SettingError, r"shape \(1,\) for 2 rows"),
        (lambda r, lv, p: np.zeros((2, 2)), SettingError, "shape"),
        (lambda r, lv, p: lv["price"] * np.array([1, np.nan]), DataError, "1 of 2 rows, the first of them 'y'"),
        ("log(price - 10)", DataError, "1 of 2 rows, the first of them 'x'"),
        ("prize * 2", SettingError, "Did you mean 'price'"),
    ],
    ids=["prediction", "column", "fails", "words", "sum", "square", "nan", "log", "text"],
)
def test_failures_are_told_in_three_parts(source, error, said):
    with pytest.raises(error, match=said) as caught:
        call(source)
    assert "xpected" in str(caught.value) and "To fix:" in str(caught.value)


def test_numbers_that_it_does_not_have():
    with pytest.raises(SettingError, match="Did you mean 'fee'"):
        as_objective(profit).with_numbers({"fees": 3})
    with pytest.raises(SettingError, match="expected a number"):
        as_objective(profit).with_numbers({"fee": "much"})


def test_a_function_whose_source_is_not_there_is_known_by_its_code():
    space = {}
    for i, body in enumerate(("levers['price']", "levers['price'] * 2")):
        exec(f"def f{i}(rows, levers, predict):\n    return {body}", space)
    one, two = (as_objective(space[name]) for name in ("f0", "f1"))
    assert isinstance(one, Objective) and one.sha256 != two.sha256 and "cannot be read" in one.said
