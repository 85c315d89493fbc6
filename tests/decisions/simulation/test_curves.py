"""Curves: the best value, how flat it is around it, what is said, what is drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.models.adapting import as_models
from drivetrain.decisions.objective import as_objective
from drivetrain.decisions.simulation.curves import curve_of, curve_part, typical
from drivetrain.decisions.simulation.figure import curve_figure, said_of
from drivetrain.decisions.simulator import Simulator

PRICE = Lever("price", 0, 10)
OFFER = Lever("offer", options=["none", "mail", "call"])


def curve(mean: list[float], lever: Lever = PRICE, today: list[object] | None = None) -> object:
    values = np.linspace(0, 10, len(mean)) if lever is PRICE else np.array(lever.options, dtype=object)
    now = None if today is None else np.array(today, dtype=float if lever is PRICE else object)
    return curve_part(lever, values, np.stack([np.array(mean) - 1, np.array(mean) + 1]), now)


FLAT = {
    "a peak": ([0.0, 50.0, 100.0, 50.0, 0.0], (5.0, 5.0), True),
    "a plateau": ([0.0, 99.5, 100.0, 99.2, 0.0], (2.5, 7.5), True),
    "a dip within it": ([99.5, 90.0, 100.0, 99.5, 99.1], (5.0, 10.0), True),
    "highest at the end": ([0.0, 1.0, 2.0, 3.0, 4.0], (10.0, 10.0), False),
    "highest at the start": ([4.0, 3.99, 2.0, 1.0, 0.0], (0.0, 2.5), False),
    "losses alone": ([-300.0, -100.9, -100.0, -105.0, -300.0], (2.5, 5.0), True),
    "all the same": ([2.0] * 5, (0.0, 10.0), False),
}


@pytest.mark.parametrize("shape", list(FLAT))
def test_values_within_one_per_cent_around_the_best(shape: str) -> None:
    mean, flat, interior = FLAT[shape]
    part = curve(mean)
    assert (part.flat, part.interior) == (flat, interior)


def test_the_band_is_that_of_the_members() -> None:
    part = curve([1.0, 2.0])
    np.testing.assert_allclose(part.low, np.array([1.0, 2.0]) - 0.95)
    np.testing.assert_allclose(part.high, np.array([1.0, 2.0]) + 0.95)


def test_today_is_the_median_or_the_most_frequent_option() -> None:
    assert typical(PRICE, np.array([1.0, 2.0, 9.0])) == 2.0
    assert typical(OFFER, np.array(["mail", "none", "mail"], dtype=object)) == "mail"
    assert typical(Lever("n", options=[1, 2]), np.array([2, 2, 1], dtype=object)) == 2


def test_what_is_said() -> None:
    assert "at the border" in said_of(curve([0.0, 1.0, 2.0])) and "was not tried" in said_of(curve([0.0, 1.0, 2.0]))
    assert "Today 5: 50 per row" in said_of(curve([0.0, 50.0, 0.0], today=[5]))
    assert "outside the range tried" in said_of(curve([0.0, 50.0, 0.0], today=[11]))
    assert said_of(curve([1, 2, 0], OFFER, ["none"])) == "Best at offer mail: 2 per row. Today none: 1 per row."


@pytest.mark.parametrize("lever", [PRICE, OFFER], ids=["number", "choice"])
def test_the_picture_shows_the_best_and_today(lever: Lever) -> None:
    part = curve([1.0, 2.0, 0.0], lever, [5.0] if lever is PRICE else ["none"])
    drawn = curve_figure(part, "c")
    assert "best" in drawn and "today" in drawn and said_of(part) in drawn
    assert "nan" not in drawn.lower().replace("finance", "")


def test_names_are_escaped_in_the_picture() -> None:
    part = curve_part(Lever("<b>", 0, 1), np.array([0.0, 1.0]), np.array([[1.0, 2.0]]), None)
    assert "<b>" not in curve_figure(part, "c")


def test_a_curve_keeps_the_other_levers_as_planned() -> None:
    rows = pd.DataFrame({"price": [1.0, 2.0], "offer": ["none", "none"]})
    models = as_models({"accept": lambda r: 1 - r["price"] / 10 + 0.5 * (r["offer"] == "mail")})
    profit = as_objective(lambda rows, levers, predict: predict["accept"] * levers["price"])
    simulator = Simulator(profit, rows, [PRICE, OFFER], models)
    at = np.array([0.0, 2.5, 5.0, 7.5, 10.0])
    planned = {"offer": np.array(["mail", "mail"], dtype=object), "price": np.array([9.0, 9.0])}
    np.testing.assert_allclose(curve_of(simulator, "price", planned=planned, points=5).mean, (1.5 - at / 10) * at)
    np.testing.assert_allclose(curve_of(simulator, "price", points=5).mean, (1 - at / 10) * at)
    offers = curve_of(simulator, "offer", planned=planned)
    np.testing.assert_allclose(offers.mean, [0.9, 5.4, 0.9])
    assert offers.best == "mail" and offers.today == "none" and offers.flat is None
