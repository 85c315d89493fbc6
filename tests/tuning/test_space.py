"""What may stand in a space: plain words, other libraries' forms, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy import stats

import drivetrain as dt
from drivetrain.errors import SettingError
from drivetrain.tuning.dimensions import Choices, Fixed, Range
from drivetrain.tuning.knobs import TREES
from drivetrain.tuning.space import Space, asked_space

ray_tune = pytest.importorskip("ray.tune")


def one(name: str, value: Any) -> Any:
    found = asked_space({name: value, "members": (1, 2)} if name != "members" else {name: value}, TREES, {}, {})
    assert isinstance(found, Space)
    return found.dimensions[name]


PLAIN = {
    "range of numbers": ("rate", (0.01, 1), Range(0.01, 1.0)),
    "by factors": ("rate", (0.01, 1, "log"), Range(0.01, 1.0, log=True)),
    "whole numbers": ("leaves", (2, 8), Range(2, 8, whole=True)),
    "whole numbers, written otherwise": ("leaves", (2.0, np.int64(8)), Range(2, 8, whole=True)),
    "numbers, written as whole ones": ("shrink", (0, 1), Range(0.0, 1.0)),
    "choices": ("pairs", [True, False], Choices((True, False))),
    "choices as a tuple": ("pairs", (True, False), Choices((True, False))),
    "each choice once": ("leaves", [8, "8", 9], Choices((8, 9))),
    "a fixed value": ("leaves", 8, Fixed(8)),
    "optuna, numbers": ("rate", FloatDistribution(0.1, 1, log=True), Range(0.1, 1.0, log=True)),
    "optuna, steps": ("rate", FloatDistribution(0.1, 1, step=0.1), Range(0.1, 1.0, step=0.1)),
    "optuna, whole": ("leaves", IntDistribution(2, 9), Range(2, 9, whole=True)),
    "optuna, choices": ("leaves", CategoricalDistribution([2, 9]), Choices((2, 9))),
    "ray, by factors": ("rate", ray_tune.loguniform(0.1, 1), Range(0.1, 1.0, log=True)),
    "ray, without the upper end": ("leaves", ray_tune.randint(2, 9), Range(2, 8, whole=True)),
    "ray, steps": ("rate", ray_tune.quniform(0.2, 1, 0.2), Range(0.2, 1.0, step=0.2)),
    "ray, choices": ("leaves", ray_tune.choice([4, 9]), Choices((4, 9))),
    "ray, a grid": ("leaves", ray_tune.grid_search([4, 9]), Choices((4, 9))),
    "scipy, by factors": ("rate", stats.loguniform(0.1, 1), Range(0.1, 1.0, log=True)),
    "scipy, from and width": ("share", stats.uniform(0.2, 0.5), Range(0.2, 0.7)),
    "scipy, without the upper end": ("leaves", stats.randint(2, 9), Range(2, 8, whole=True)),
    "numpy": ("leaves", np.array([4, 9]), Choices((4, 9))),
    "python's range": ("leaves", range(2, 5), Choices((2, 3, 4))),
    "weights and biases": ("leaves", {"values": [4, 9]}, Choices((4, 9))),
}


@pytest.mark.parametrize("title", PLAIN)
def test_forms_that_are_taken(title: str) -> None:
    name, value, expected = PLAIN[title]
    found = one(name, value)
    if isinstance(expected, Range):
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
        assert (found.whole, found.log, found.step) == (expected.whole, expected.log, expected.step)
        assert type(found.low) is (int if expected.whole else float)
    else:
        assert found == expected


REFUSED = {
    "an unknown setting": ({"leafs": (2, 8)}, "space has no leafs; expected among members"),
    "a setting of another library": ({"learning_rate": (1, 2)}, "space has learning_rate, a setting of network"),
    "tune's own": ({"budget": ["1min", "2min"]}, "expected settings of one trial"),
    "an end that the setting refuses": ({"share": (0.5, 1.5)}, "share=1.5 cannot be used: expected a number above 0"),
    "a choice that the setting refuses": ({"leaves": [2, 1]}, "leaves=1 cannot be used"),
    "half a leaf": ({"leaves": (2.5, 8)}, "leaves=2.5 cannot be used: expected a whole number"),
    "ends exchanged": ({"leaves": (8, 2)}, "expected a lower end below the upper one"),
    "no end": ({"shrink": (0.0, float("inf"))}, "expected a lower end below the upper one, both finite"),
    "factors from 0": ({"shrink": (0.0, 1.0, "log")}, "expected a lower end above 0"),
    "three numbers": ({"leaves": (2, 4, 8)}, r"leaves=\[2, 4, 8\] for choices"),
    "an unknown scale": ({"leaves": (2, 8, "lgo")}, "expected .low, high. or .low, high, 'log'."),
    "a range of flags": ({"pairs": (0, 1)}, "expected choices in a list"),
    "a set": ({"leaves": {2, 8}}, "A set has no order. To fix: write a list"),
    "no choice": ({"leaves": []}, "expected at least one choice"),
    "nothing that differs": ({"leaves": 8}, "expected at least one setting that differs"),
    "nothing": ({}, "expected at least one setting that differs"),
    "a list": (["leaves"], "expected a dict of a setting's name"),
    "scipy without ends": ({"rate": stats.norm(0, 1)}, "expected one of loguniform, reciprocal, uniform, randint"),
    "ray without ends": ({"rate": ray_tune.randn()}, "expected uniform, loguniform, randint"),
    "a sweep": ({"rate": {"min": 0.1, "max": 1}}, "expected a range in plain words"),
    "a matrix": ({"leaves": np.ones((2, 2))}, "expected one value after the other"),
}


@pytest.mark.parametrize("title", REFUSED)
def test_forms_that_are_refused_in_three_parts(title: str) -> None:
    space, said = REFUSED[title]
    with pytest.raises(SettingError, match=said) as caught:
        asked_space(space, TREES, {}, {})
    assert "expected" in str(caught.value) and "To fix" in str(caught.value)


def test_hyperopt_is_refused_by_its_name() -> None:
    foreign = type("Apply", (), {"__module__": "hyperopt.pyll.base"})()
    with pytest.raises(SettingError, match="expected a range or choices of drivetrain, Optuna, Ray Tune or scipy"):
        asked_space({"rate": foreign}, TREES, {}, {})


def test_what_stands_beside_the_space_is_no_part_of_it_as_well() -> None:
    with pytest.raises(SettingError, match="arch stands in the space and beside it"):
        asked_space({"arch": ["a", "b"]}, None, {}, {"arch": "a"})


def test_choices_of_any_object_are_told_apart() -> None:
    values = ({"strength": 1}, {"strength": 2}, "x", None, True, 1)
    found = asked_space({"leaves": list(values)}, None, {}, {})
    assert isinstance(found, Space)
    dimension = found.dimensions["leaves"]
    assert isinstance(dimension, Choices)
    assert dimension.labels == ['{"strength": 1}', '{"strength": 2}', "x", None, True, 1]
    assert [dimension.value_of(label) for label in dimension.labels] == list(values)
    assert [type(dimension.value_of(label)) for label in (True, 1)] == [bool, int]


def test_the_size_and_identity_of_a_space() -> None:
    space = asked_space({"leaves": (2, 4), "pairs": [True, False], "rate": 0.1}, TREES, {}, {})
    other = asked_space({"leaves": (2, 5), "pairs": [True, False], "rate": 0.1}, TREES, {}, {})
    assert space.n == 6
    assert space.identity != other.identity
    assert (
        space.identity == asked_space({"rate": 0.1, "pairs": [True, False], "leaves": (2, 4)}, TREES, {}, {}).identity
    )


def test_settings_of_a_network_are_checked_before_any_training(squares: Any) -> None:
    data = dt.images(squares, seed=1)
    for space, said in [
        ({"dropout": (0.0, 1.0)}, "dropout=1.0 cannot be used"),
        ({"fit": ["crop", "stretch"]}, "fit='stretch' cannot be used"),
        ({"augment": [True, "lots"]}, "augment='lots'"),
        ({"class_weights": [None, "balance"]}, "class_weights='balance'"),
        ({"epochs": (1.5, 3)}, "epochs=1.5"),
        ({"recipe": [{}]}, "its settings have names of their own"),
    ]:
        with pytest.raises(SettingError, match=said):
            dt.tune(data, space)
