import numpy as np
import pandas as pd
import pytest

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.proof.correcting import Terms, errors_of, outcome_of, unseen_of
from tests.decisions.proof.toys import Draws, Toy


def toy(**changes):
    logged = pd.DataFrame({"price": [1.0, 2.0, 3.0, 4.0], "y": [1.0, 2.0, np.nan, 4.0]})
    settings = {
        "name": "y", "calls": [lambda frame: np.zeros(len(frame)), lambda frame: np.ones(len(frame))],
        "halves": np.array([0, 1]), "columns": ("price",), "outcome": "y", "logged": logged,
        "half_of_row": np.array([0, 0, 1, 1]),
    }  # fmt: skip
    return Toy(**{**settings, **changes})


def test_a_member_has_not_seen_the_rows_of_its_half_that_it_did_not_draw():
    drew = Draws(np.array([[2, 0, 0, 0], [0, 0, 1, 1]]))
    assert unseen_of(toy(draws=drew), [0, 1]).tolist() == [[False, True, False, False], [False] * 4]


def test_without_draws_it_has_not_seen_the_other_half():
    assert unseen_of(toy(), [0, 1]).tolist() == [[False, False, True, True], [True, True, False, False]]


def test_errors_are_those_of_unseen_rows_with_an_outcome():
    found = errors_of(toy(), [Lever("price", 0, 5)], [0])
    assert found is not None
    assert found.places.tolist() == [3]
    assert found.residual.tolist() == [4.0]
    assert errors_of(toy(logged=None), [Lever("price", 0, 5)], [0]) is None


def test_outcomes_in_words_are_1_for_the_class_that_is_answered():
    words = toy(logged=pd.DataFrame({"price": 1.0, "y": ["yes", "no", None, "yes"]}), is_probability=True)
    assert outcome_of(words).tolist() == [1.0, 0.0, pytest.approx(np.nan, nan_ok=True), 1.0]


def test_terms_shrink_with_the_rows():
    """1, number and square, two options' zeros and ones but the frequent one's; then columns; then products."""
    rows = pd.DataFrame({"price": [1.0, 2.0, 3.0], "offer": ["a", "a", "b"], "x": [0.0, 1.0, 2.0]})
    levers = [Lever("price", 0, 5), Lever("offer", options=("a", "b"))]
    terms = Terms.fit(rows, levers, ["x"])
    values = {name: rows[name].to_numpy() for name in ("price", "offer")}
    assert [terms.of(rows, values, size).shape[1] for size in (0, 1, 2)] == [4, 5, 7]
    assert terms.of(rows, values, 0)[:, 3].tolist() == [0.0, 0.0, 1.0]
