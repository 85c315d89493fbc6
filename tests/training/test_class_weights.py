"""What `class_weights=` means in the forms that people have it in, and what means nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from drivetrain.errors import SettingError
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget
from drivetrain.training.recipe.class_weights import asked_weights, weights_decision
from drivetrain.training.recipe.losses import make_loss

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


def best_constant(class_weights: object, label_smoothing: float) -> list[float]:
    """The probabilities that the loss likes best where outputs do not depend on the picture: 70, 25 and 5 rows."""
    rows = np.repeat([0, 1, 2], [70, 25, 5])
    read = asked_weights(class_weights, PETS)
    loss = make_loss(None, PETS, label_smoothing=label_smoothing, class_weights=read, training_rows=rows)
    logits = torch.zeros(3, requires_grad=True)
    steps = torch.optim.LBFGS([logits], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        steps.zero_grad()
        found = loss(logits.expand(100, 3), torch.from_numpy(rows)).mean()
        found.backward()
        return found

    steps.step(closure)  # pyright: ignore[reportArgumentType]
    return logits.softmax(0).tolist()


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.4])
def test_balanced_classes_have_equal_constants_also_with_smoothed_labels(label_smoothing: float) -> None:
    assert best_constant("balanced", label_smoothing) == pytest.approx([1 / 3] * 3, abs=2e-3)


def test_weights_and_smoothed_labels_are_mixed_in_their_shares() -> None:
    weighted = np.array([70, 50, 15]) / 135
    assert best_constant([1, 2, 3], 0.1) == pytest.approx(0.9 * weighted + 0.1 / 3, abs=2e-3)
    assert best_constant({"cat": 0}, 0.1) == pytest.approx([0, 0.9 * 25 / 30 + 0.05, 0.9 * 5 / 30 + 0.05], abs=5e-3)


def test_mixed_rows_weigh_as_their_parts_do() -> None:
    options = {"label_smoothing": 0.2, "class_weights": asked_weights([1, 2, 3], PETS)}
    loss = make_loss(None, PETS, training_rows=np.array([0, 1, 2]), **options)
    outputs = torch.tensor([[0.3, -0.2, 1.0]])
    parts = [loss(outputs, torch.tensor([row])) for row in (0, 2)]
    torch.testing.assert_close(loss(outputs, torch.tensor([[0.25, 0.0, 0.75]])), 0.25 * parts[0] + 0.75 * parts[1])
