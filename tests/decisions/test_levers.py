"""Levers: what is refused where it is written, and what a lever may take."""

import math

import numpy as np
import pytest

from drivetrain.decisions.levers import Lever, acts, checked_levers, in_order
from drivetrain.errors import SettingError


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"name": ""}, "name=''"),
        ({"name": "price"}, "low=None"),
        ({"name": "price", "low": 1}, "high=None"),
        ({"name": "price", "low": 2, "high": 2}, "above low=2"),
        ({"name": "price", "low": 3, "high": 2}, "above low=3"),
        ({"name": "price", "low": math.nan, "high": 2}, "low=nan"),
        ({"name": "price", "low": 0, "high": 2, "step": 0}, "step=0"),
        ({"name": "price", "low": 0, "high": 2, "step": 3}, "step=3"),
        ({"name": "price", "low": 0, "high": 2, "today": "cheap"}, "today='cheap'"),
        ({"name": "offer", "options": []}, "at least two"),
        ({"name": "offer", "options": ["letter"]}, "at least two"),
        ({"name": "offer", "options": ["letter", "letter"]}, "at least two"),
        ({"name": "offer", "options": ["letter", None]}, "options=None"),
        ({"name": "offer", "options": ["letter", math.nan]}, "options=nan"),
        ({"name": "offer", "options": "letter"}, "options='letter'"),
        ({"name": "offer", "options": ["a", "b"], "low": 1}, "none beside options"),
        ({"name": "offer", "options": ["a", "b"], "cost": {"c": 1}}, "is none"),
        ({"name": "price", "low": 0, "high": 2, "cost": {"c": 1}}, "cost={"),
        ({"name": "price", "low": 0, "high": 2, "cost": -1}, "cost=-1"),
        ({"name": "price", "low": 0, "high": 2, "only_if": {"price": 1}}, "only_if="),
        ({"name": "price", "low": 0, "high": 2, "only_if": {"offer": []}}, "only_if="),
        ({"name": "price", "low": 0, "high": 2, "per_row": "yes"}, "per_row='yes'"),
        ({"name": "price", "low": 0, "high": 2, "randomised": "yes"}, "randomised='yes'"),
        ({"name": "price", "low": 0, "high": 2, "propensity": 0.5}, "propensity=0.5"),
        ({"name": "price", "minimum": 0, "high": 2}, "Lever() has no minimum"),
    ],
)
def test_what_means_nothing_is_refused(settings, said):
    with pytest.raises(SettingError) as caught:
        Lever(**settings)
    assert said in str(caught.value)
    assert "To fix:" in str(caught.value)


def test_what_a_person_writes_is_read():
    lever = Lever("offer", options=np.array(["none", "letter"]), cost={"letter": "1.5"})
    assert lever.options == ("none", "letter")
    assert lever.cost == {"none": 0, "letter": 1.5}
    assert Lever("price", "100", 900, step="50").step == 50


def test_values_tried_are_those_that_may_be_set():
    assert Lever("price", 100, 900, step=300).values(50).tolist() == [100, 400, 700]  # 900 is no step
    assert Lever("price", 0, 1).values(5).tolist() == [0, 0.25, 0.5, 0.75, 1]
    thinned = Lever("price", 0, 1, step=0.01).values(11)
    assert thinned == pytest.approx(np.linspace(0, 1, 11))
    assert Lever("n", options=[3, 1]).values(50).tolist() == [3, 1]


def test_what_it_may_take():
    price = Lever("price", 0.1, 0.7, step=0.1)
    assert price.may_take(np.array([0.1, 0.3, 0.1 + 0.2, 0.35, 0.7, 0.8])).tolist() == [
        True,
        True,
        True,
        False,
        True,
        False,
    ]
    assert price.onto_step(np.array([-5, 0.34, 0.36, 9])) == pytest.approx([0.1, 0.3, 0.4, 0.7])
    assert Lever("offer", options=["a", "b"]).may_take(np.array(["b", "c"], dtype=object)).tolist() == [True, False]


def test_levers_that_depend_on_each_other_come_in_order():
    depth = Lever("depth", 0, 1, only_if={"offer": "discount"}, today=0)
    offer = Lever("offer", options=["none", "discount"])
    assert [lever.name for lever in in_order(checked_levers([depth, offer]))] == ["offer", "depth"]
    values = {"offer": np.array(["none", "discount"], dtype=object), "depth": np.zeros(2)}
    assert acts(depth, values).tolist() == [False, True]


@pytest.mark.parametrize(
    ("levers", "said"),
    [
        ([], "levers=[]"),
        ("price", "levers='price'"),
        (["price"], "levers='price'"),
        ([Lever("a", 0, 1), Lever("a", 0, 2)], "two levers"),
        ([Lever("a", 0, 1, only_if={"offr": 1}), Lever("offer", options=[1, 2])], "Did you mean 'offer'?"),
        ([Lever("a", 0, 1, only_if={"offer": 3}), Lever("offer", options=[1, 2])], "never takes"),
        ([Lever("a", 0, 1, only_if={"b": 1}), Lever("b", 0, 1, only_if={"a": 1})], "circle"),
    ],
)
def test_levers_that_do_not_go_together_are_refused(levers, said):
    with pytest.raises(SettingError, match="To fix:") as caught:
        checked_levers(levers)
    assert said in str(caught.value)


def test_one_lever_alone_is_a_list_of_one():
    price = Lever("price", 0, 1)
    assert checked_levers(price) == (price,)
