import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import CubicSpline

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.proof.correcting import Errors, Terms, errors_of, outcome_of, spline, unseen_of
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
    """1, number and its bend, two options' zeros and ones but the frequent one's; then columns; then products."""
    rows = pd.DataFrame({"price": [1.0, 2.0, 3.0], "offer": ["a", "a", "b"], "x": [0.0, 1.0, 2.0]})
    levers = [Lever("price", 0, 5), Lever("offer", options=("a", "b"))]
    terms = Terms.fit(rows, levers, ["x"])
    values = {name: rows[name].to_numpy() for name in ("price", "offer")}
    assert [terms.of(rows, values, size).shape[1] for size in (0, 1, 2, 3)] == [4, 5, 7, 8]
    assert terms.of(rows, values, 0)[:, 3].tolist() == [0.0, 0.0, 1.0]


def test_a_spline_is_the_one_that_scipy_draws_through_the_knots():
    knots, values = np.array([0.0, 1.0, 3.0, 4.0]), np.linspace(0, 4, 30)
    drawn = CubicSpline(knots, np.eye(4), bc_type="natural")(values)
    ours = np.column_stack([np.ones(30), spline(values, knots)])
    assert ours @ np.linalg.lstsq(ours, drawn, rcond=None)[0] == pytest.approx(drawn, abs=1e-12)
    beyond = spline(np.array([5.0, 6.0, 7.0]), knots)
    assert beyond[2] - beyond[1] == pytest.approx(beyond[1] - beyond[0])


@pytest.mark.parametrize("at", [8.0, 11.2, 12.4, 13.6])
def test_an_error_that_bends_and_grows_with_demand_is_found_at_the_border_too(at):
    """Sales fall with price^−2.5, in proportion to demand, and the members say 0: a parabola is 9 to 16 % off here."""
    random = np.random.default_rng(0)
    price, demand = random.choice(np.arange(6, 14.1, 0.4), 600), random.normal(size=600)

    def sold(price, demand):
        return 30 * np.exp(0.3 * demand) * (price / 10) ** -2.5

    logged = pd.DataFrame({"price": price, "demand": demand, "y": sold(price, demand)})
    model = toy(columns=("price", "demand"), logged=logged, half_of_row=np.zeros(600, dtype=int))
    terms = Terms.fit(logged, [Lever("price", 6, 14)], ["demand"])
    errors = Errors(model, terms, np.arange(600), logged["y"].to_numpy())
    rows = pd.DataFrame({"demand": random.normal(size=400)})
    (found,) = errors.read_off([({"price": np.full(400, at)}, np.ones(400))], rows)
    assert found.rows.mean() == pytest.approx(sold(at, rows["demand"]).mean(), rel=0.065)
