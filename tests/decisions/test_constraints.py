"""Constraints: what is refused where it is written, what they are called, and what they count."""

import math

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.decisions.constraints import checked_constraints
from drivetrain.decisions.levers import Lever
from drivetrain.decisions.optimise.limits import read_limits
from drivetrain.errors import DataError, SettingError

OFFER = Lever("offer", options=["none", "letter", "call"])
ROWS = pd.DataFrame({"sex": ["f", "m", "m", None], "income": [1.0, 2.0, 3.0, 4.0]})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: dt.at_most({"offer": "letter"}, 2_000), "offer = letter at most 2,000"),
        (lambda: dt.at_most({"item": None}, 300), "each item at most 300"),
        (lambda: dt.at_least("accept", 0.3, per="mean", by="sex"), "mean accept at least 0.3 by sex"),
        (lambda: dt.at_most("claims", 0.65, over="premium"), "claims / premium at most 0.65"),
        (lambda: dt.budget(5_000, {"offer": {"letter": 1.2}}), "budget of 5,000"),
        (lambda: dt.equal_share({"offer": "call"}, "sex", within=0.1), "equal offer = call by sex, within 0.1"),
        (lambda: dt.at_most("price", 3, name="cheap"), "cheap"),
    ],
    ids=["count", "each", "mean", "ratio", "budget", "share", "named"],
)
def test_what_a_constraint_is_called(make, said):
    assert make().said == said


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: dt.at_most({}, 1), "what={}"),
        (lambda: dt.at_most({"a": 1, "b": 2}, 1), "what="),
        (lambda: dt.at_most({"offer": {}}, 1), "what="),
        (lambda: dt.at_most({"offer": {"letter": "dear"}}, 1), "'dear'"),
        (lambda: dt.at_most({"offer": ["letter"]}, 1), "what="),
        (lambda: dt.at_most(3, 1), "what=3"),
        (lambda: dt.at_most("price +", 1), "what='price +'"),
        (lambda: dt.at_most("price", math.nan), "limit=nan"),
        (lambda: dt.at_most("price", "many"), "limit='many'"),
        (lambda: dt.at_most("price", 1, per="row"), "per='row'"),
        (lambda: dt.at_most("price", 1, by=3), "by=3"),
        (lambda: dt.at_most("price", 1, above=3), "at_most() has no above"),
        (lambda: dt.budget(3, None), "spend=None"),
        (lambda: dt.equal_share("price", "sex", within=-1), "within=-1"),
    ],
)
def test_what_means_nothing_is_refused(make, said):
    with pytest.raises(SettingError, match="To fix:") as caught:
        make()
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("constraint", "said"),
    [
        (dt.at_most("income", 1, by="sax"), "Did you mean 'sex'?"),
        (dt.at_most({"ofer": "letter"}, 1), "Did you mean 'offer'?"),
        (dt.at_most({"offer": "leter"}, 1), "Did you mean 'letter'?"),
        (dt.at_most({"income": 1}, 1), "no lever"),
        (dt.budget(3, {"offer": {"post": 1}}), "'post'"),
    ],
    ids=["column", "lever", "option", "no lever", "amount"],
)
def test_what_is_not_there_is_refused(constraint, said):
    with pytest.raises(SettingError, match="To fix:") as caught:
        checked_constraints([constraint], ROWS, (OFFER,))
    assert said in str(caught.value)


COUNTED = np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
LETTERS = np.array([1, 1, 0, 1])


def linear(constraint, *counted):
    limits = read_limits([constraint], (OFFER,), ROWS)
    return limits, limits.linear(counted)


def used(constraint, *counted):
    """What the solver adds up, and its limit, when rows 0, 1 and 3 get a letter."""
    limits, made = linear(constraint, *counted)
    chosen = [part[np.arange(4), LETTERS] for part in counted]
    return limits.bindings(chosen, [0.0] * len(made)), [(each.used(LETTERS), each.limit) for each in made]


def test_a_count_a_mean_and_their_opposites():
    said, ((sum_used, most),) = used(dt.at_most({"offer": "letter"}, 2), COUNTED)
    assert (said[0].used, said[0].limit, sum_used, most) == (3, 2, 3, 2)
    said, ((sum_used, most),) = used(dt.at_most({"offer": "letter"}, 0.5, per="mean"), COUNTED)
    assert (said[0].used, said[0].limit, sum_used, most) == (0.75, 0.5, 3, 2)
    said, ((sum_used, most),) = used(dt.at_least({"offer": "letter"}, 2), COUNTED)
    assert (said[0].used, said[0].limit, sum_used, most) == (3, 2, -3, -2)


def test_each_option_and_each_group_have_limits_of_their_own():
    limits, _ = linear(dt.at_most({"offer": None}, 2), *(COUNTED,) * 3)
    assert [limit.name.rpartition(": ")[2] for limit in limits.limits] == ["'none'", "'letter'", "'call'"]
    said, pairs = used(dt.at_most({"offer": "letter"}, 0.5, per="mean", by="sex"), COUNTED)
    assert [each.name.rpartition(" (")[2] for each in said] == ["sex f)", "sex m)", "sex missing)"]
    assert [each.used for each in said] == [1, 0.5, 1]
    assert pairs == [(1, 0.5), (1, 1), (1, 0.5)]


def test_a_ratio_is_told_as_one_and_counted_as_a_difference():
    claims, premiums = np.full((4, 3), 2.0), np.full((4, 3), 5.0)
    said, ((sum_used, most),) = used(dt.at_most("claims", 0.3, over="premium"), claims, premiums)
    assert (said[0].used, said[0].limit) == (pytest.approx(0.4), 0.3)
    assert (sum_used, most) == (pytest.approx(4 * (2 - 0.3 * 5), rel=1e-6), 0)
    limits = read_limits([dt.at_most("claims", 0.3, over="premium")], (OFFER,), ROWS)
    with pytest.raises(DataError, match="adds up to 0 or less"):
        limits.bindings([np.ones(4), np.zeros(4)], [0.0])


def test_an_equal_share_compares_each_group_with_all():
    said, pairs = used(dt.equal_share({"offer": "letter"}, "sex", within=0.1), COUNTED)
    assert [round(each.used, 6) for each in said] == [0.25, 0.25, -0.25, -0.25, 0.25, 0.25]
    assert [each.limit for each in said] == [0.1, -0.1] * 3
    assert [sum_used <= most for sum_used, most in pairs] == [False, True, True, False, False, True]


def test_amounts_need_no_prediction():
    limits = read_limits([dt.budget(9, {"offer": {"letter": 1.2, "call": 8}})], (OFFER,), ROWS)
    (quantity,) = limits.quantities
    assert quantity(ROWS, {"offer": np.array(["none", "call", "letter"], dtype=object)}, {}).tolist() == [0, 8, 1.2]
