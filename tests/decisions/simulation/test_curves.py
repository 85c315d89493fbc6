"""Curves: the best value, how flat it is around it, what is said."""

from __future__ import annotations

import numpy as np
import pytest

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.simulation.curves import curve_part, said_of, typical

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
