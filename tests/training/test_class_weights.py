"""What `class_weights=` means in the forms that people have it in, and what means nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from drivetrain.errors import SettingError
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget
from drivetrain.training.class_weights import asked_weights, weights_decision

PETS = CategoryTarget(name="pet", vocab=("cat", "dog", "eel"))
DIGITS = CategoryTarget(name="digit", vocab=("0", "1", "10", "2"))
TAGS = CategoriesTarget(name="tags", vocab=("ripe", "rot"))


@pytest.mark.parametrize(
    "asked",
    [
        [1, 2, 0.5],
        (1, 2, 0.5),
        np.array([1, 2, 0.5]),
        torch.tensor([1, 2, 0.5]),
        pd.Series([1, 2, 0.5]),
        pd.Series([0.5, 1, 2], index=["eel", "cat", "dog"]),
        {"eel": 0.5, "dog": 2},
        {"eel": np.float32(0.5), "cat": "1", "dog": torch.tensor(2)},
    ],
)
def test_forms_of_the_same_weights(asked: object) -> None:
    read = asked_weights(asked, PETS)
    assert isinstance(read, dict) and {"cat": 1.0} | read == {"cat": 1.0, "dog": 2.0, "eel": 0.5}


@pytest.mark.parametrize("keys", [(0, 10), (np.int64(0), 10.0), ("0", " 10")])
def test_numbers_name_the_categories_that_are_written_so(keys: tuple[object, object]) -> None:
    assert asked_weights(dict(zip(keys, (3, 4), strict=True)), DIGITS) == {"0": 3.0, "10": 4.0}


def test_an_index_of_numbers_that_are_categories_is_read_by_name_not_by_order() -> None:
    pets = CategoryTarget(name="n", vocab=("0", "1", "2"))
    assert asked_weights(pd.Series([5, 6, 7], index=[2, 0, 1]), pets) == {"0": 6.0, "1": 7.0, "2": 5.0}


def test_a_composed_letter_names_the_same_category() -> None:
    assert asked_weights({"cafe\u0301": 2}, CategoryTarget(name="p", vocab=("bar", "caf\u00e9"))) == {"caf\u00e9": 2.0}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("balance", "Did you mean 'balanced'"),
        ("Balanced", "Did you mean 'balanced'"),
        ("inverse", "expected 'balanced', category → weight"),
        (True, "class_weights=True cannot be used"),
        (2.0, "class_weights=2.0 cannot be used"),
        (np.float64(2), "cannot be used"),
        (object(), "cannot be used"),
        ({"cat", "dog", "eel"}, "in their order"),
        ([1, 2], "2 weights for 3 categories; expected one for each of cat, dog, eel"),
        ([], "0 weights for 3 categories"),
        ({}, "expected at least one"),
        (np.ones((3, 3)), r"class_weights\[0\]"),
        ([1, -1, 1], r"class_weights\[1\]=-1 cannot be used: expected a number of at least 0"),
        ({"cat": -1}, r"class_weights\['cat'\]=-1"),
        ({"cat": float("nan")}, "=nan cannot be used"),
        ({"dog": float("inf")}, "=inf cannot be used"),
        ({"dog": "heavy"}, "='heavy' cannot be used"),
        ({"dog": True}, "=True cannot be used"),
        ([0, 0, 0], "expected at least one weight above 0"),
        ({"dgo": 2}, "names 'dgo', which is no category; expected among cat, dog, eel. Did you mean 'dog'"),
        ({0: 1, 1: 5}, "names 0, which is no category"),
        ({"cat": 1, " cat": 2}, "names the category 'cat' twice"),
    ],
)
def test_the_rest_is_refused(asked: object, says: str) -> None:
    with pytest.raises(SettingError, match=says) as refused:
        asked_weights(asked, PETS)
    assert "To fix:" in str(refused.value)


def test_a_number_has_no_classes() -> None:
    target = NumberTarget(names=("age",), mean=(40.0,), std=(9.0,))
    assert asked_weights(None, target) is None
    with pytest.raises(SettingError, match="no effect"):
        asked_weights("balanced", target)


def test_what_was_decided_says_the_weights() -> None:
    asked = asked_weights([1, 3], TAGS)
    assert str(weights_decision(asked, (0.5, 1.5), TAGS)) == (
        "by category (as asked: ripe 1, rot 3; scaled to a mean of 1 over the training rows: ripe 0.5, rot 1.5)"
    )
    balanced = weights_decision("balanced", (0.6, 2.25), TAGS)
    assert balanced is not None and balanced.value == "balanced" and "ripe 0.6, rot 2.25" in balanced.reason
    assert weights_decision(None, (), TAGS) is None
