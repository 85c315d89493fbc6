"""The table of two lists: by prediction, of these got anyway, by effect."""

from __future__ import annotations

import pytest

from drivetrain.kinds.ratings.recommending.effect import effect_table
from drivetrain.kinds.ratings.recommending.recommender import Recommender


def test_by_the_heuristic(shop: Recommender) -> None:
    shop.scorer.known[0] = [9, 8, 7, 2, 5, 6.5]  # type: ignore[attr-defined]
    found = effect_table(shop, ["ann"], 2)
    row = found.rows[0]
    assert row.by_prediction == ("Sourcery", "Jingo")
    assert row.anyway == ("Sourcery", "Jingo")  # one Pratchett is among Ann's, so half of the others she finds
    assert row.by_effect == ("Ulysses", "Sourcery")  # .75 · 1, 1 · .5
    assert found.basis == "heuristic"
    assert found.adds == {"prediction": None, "effect": None}
    assert found.anyway["prediction"] == pytest.approx(0.5)
    assert found.same_maker == {"prediction": 1.0, "effect": 0.5}
    assert found.shared == 0.5
    assert "no measured effect" in found.verdict
    assert "recommended by effect" in str(found)


def test_by_measured_effects(shop: Recommender) -> None:
    said = {"uplift": [0, 0.0, 0.02, 0.3, 0, 0.4], "without": [1, 0.9, 0.4, 0.2, 1, 0.1]}
    found = effect_table(shop, ["ann"], 2, by=lambda *_: said)
    assert found.basis == "measured"
    assert found.rows[0].anyway == ("Sourcery",)
    assert found.rows[0].by_effect == ("Ulysses", "Dune")
    assert found.adds == pytest.approx({"prediction": 0.01, "effect": 0.35})
    assert found.anyway == pytest.approx({"prediction": 0.65, "effect": 0.15})
    assert found.as_json()["users"][0]["by_effect"] == ["Ulysses", "Dune"]


def test_where_nothing_is_left_it_says_so(shop: Recommender) -> None:
    found = effect_table(shop, ["ann"], 2, not_from=["m", "s", "j", "d", "e", "u"])
    assert found.verdict == "Nothing is left to recommend."
    assert found.shared == 1.0
