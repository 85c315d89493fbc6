"""The truth of each simulator is what its draws come to; what the issue of each world is, is there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from drivetrain.decisions.simulators import World, broken, insurance, shop
from drivetrain.errors import SettingError

MAKE = {"insurance": insurance, "shop": shop, "broken": broken}


@pytest.fixture(scope="module", params=sorted(MAKE))
def world(request: pytest.FixtureRequest) -> World:
    return MAKE[request.param](300, seed=3, rows=200)


def test_columns_are_those_that_are_named(world: World) -> None:
    levers = [lever.name for lever in world.levers]
    assert set(world.features) | set(levers) <= set(world.rows)
    assert set(world.features) | set(levers) | set(world.outcomes) <= set(world.logged)
    assert not set(world.outcomes) & set(world.rows)
    for name in levers:
        assert world.logged[name].isin(world.grid[name]).all()
        assert world.rows[name].isin(world.grid[name]).all()


def test_a_seed_says_it_all_and_more_rows_change_no_others(world: World) -> None:
    again = MAKE[world.name](300, seed=3, rows=200)
    pd.testing.assert_frame_equal(again.logged, world.logged)
    longer = MAKE[world.name](300, seed=3, rows=400)
    pd.testing.assert_frame_equal(longer.logged, world.logged)
    assert not MAKE[world.name](300, seed=4, rows=200).logged.equals(world.logged)


@pytest.mark.parametrize("name", sorted(MAKE))
def test_the_expected_objective_is_the_mean_of_what_is_drawn(name: str) -> None:
    world = MAKE[name](10, seed=0, rows=60)
    truth, rows = world.truth, pd.concat([world_rows := world.rows.head(60)] * 4_000, ignore_index=True)
    levers = {lever.name: world.grid[lever.name][len(world.grid[lever.name]) // 2] for lever in world.levers}
    drawn = truth.draw(rows, levers, seed=1)
    spread = {lever: np.full(len(rows), value) for lever, value in levers.items()}
    realised = truth.objective(rows, spread, {n: drawn[n].fillna(0).to_numpy() for n in world.outcomes})
    means = realised.reshape(4_000, 60)
    error = means.std(axis=0, ddof=1) / np.sqrt(4_000)
    off = (means.mean(axis=0) - truth.value(world_rows, levers)) / np.maximum(error, 1e-9)
    assert np.abs(off).max() < 4.5
    for outcome in world.outcomes:
        seen = drawn[outcome].mean() if drawn[outcome].notna().all() else None
        if seen is not None:
            expected = truth.predict(world_rows, levers)[outcome].mean()
            assert seen == pytest.approx(expected, rel=0.02)


def test_outcomes_of_insurance_belong_to_those_who_accepted() -> None:
    logged = insurance(4_000, seed=0).logged
    accepted = logged["accept"] == 1
    assert 0.25 < accepted.mean() < 0.5
    for name in ("claims", "years", "renewed"):
        assert logged.loc[accepted, name].notna().all() and logged.loc[~accepted, name].isna().all()
    assert logged["years"].dropna().between(1, 5).all()
    assert ((logged["years"] > 1) == (logged["renewed"] == 1))[accepted].all()
    truth = insurance(4_000, seed=0).truth.predict(logged, {})
    for name, expected in (("claims", truth["claims"]), ("years", truth["years"]), ("renewed", truth["renewed"])):
        assert logged.loc[accepted, name].mean() == pytest.approx(expected[accepted].mean(), rel=0.05)


def test_the_best_price_lies_inside_and_beats_one_rule_for_all() -> None:
    world = insurance(10, seed=1, rows=1_000)
    truth, rows = world.truth, world.rows
    best = truth.best(rows, {"price": world.grid["price"]})
    assert best.value == pytest.approx(truth.value(rows, best.levers))
    assert np.isin(best.levers["price"], world.grid["price"][1:-1]).mean() > 0.98
    multiples = [truth.value(rows, {"price": rows["market"] * m}).mean() for m in np.linspace(0.7, 1.4, 36)]
    plus_20 = truth.value(rows, {"price": truth.predict(rows, {})["claims"] * 1.2}).mean()
    assert best.value.mean() > 1.05 * max(multiples) > 1.2 * truth.value(rows, {}).mean()
    assert plus_20 < 0
    both = truth.best(rows, world.grid)
    assert (both.value >= best.value).all() and set(both.levers) == {"price", "rise"}


def test_logged_levers_of_insurance_are_chance_alone() -> None:
    logged = insurance(20_000, seed=0).logged
    assert logged["price"].value_counts(normalize=True).to_numpy() == pytest.approx(1 / 21, abs=0.006)
    assert np.abs(logged[["age", "mileage", "market", "claims_before"]].corrwith(logged["price"])).max() < 0.03
    assert logged["propensity"].unique() == pytest.approx([1 / 21])


def test_demand_makes_dear_look_good_and_the_columns_tell_but_a_part() -> None:
    logged = broken(20_000, seed=0).logged
    price, sold = np.log(logged["price"]), np.log(logged["sold"] + 0.5)
    assert np.polyfit(price, sold, 1)[0] > 0.2

    def adjusted(rows: pd.DataFrame) -> float:
        columns = pd.get_dummies(rows[["product", "day", "holiday", "season", "temperature"]], dtype=float)
        design = np.column_stack([np.log(rows["price"]), columns])
        return float(np.linalg.lstsq(design, np.log(rows["sold"] + 0.5), rcond=None)[0][0])

    assert -1.5 < adjusted(logged) < 0
    assert adjusted(broken(20_000, seed=0, hidden=0).logged) == pytest.approx(-2.5, abs=0.2)
    by_chance = broken(20_000, seed=0, randomised=0.5).logged.query("randomised")
    assert len(by_chance) == pytest.approx(10_000, rel=0.05)
    assert by_chance["propensity"].unique() == pytest.approx([1 / 21])
    assert adjusted(by_chance) == pytest.approx(-2.5, abs=0.1)


def test_the_best_price_is_the_markup_of_the_true_elasticity() -> None:
    world = broken(10, seed=0, rows=400)
    best = world.truth.best(world.rows, world.grid).levers["price"]
    exact = (world.rows["cost"] + 0.2) * 2.5 / 1.5  # cost · ε / (ε − 1)
    assert np.abs(best - exact).max() <= 0.4


def test_who_buys_anyway_is_not_who_is_moved() -> None:
    world = shop(50, seed=0, rows=2_000)
    anyway, shown = (world.truth.predict(world.rows, {"shown": s})["bought"] for s in (0, 1))
    frame = world.rows.assign(effect=shown - anyway, anyway=anyway, response=shown)
    by_effect = frame.loc[frame.groupby("customer")["effect"].idxmax()]
    by_response = frame.loc[frame.groupby("customer")["response"].idxmax()]
    assert by_effect["effect"].mean() > 1.8 * by_response["effect"].mean() > 1.8 * frame["effect"].mean()
    assert by_response["anyway"].mean() > 5 * by_effect["anyway"].mean()
    assert (frame["effect"] < 0).any()


def test_chance_shows_items() -> None:
    logged = shop(2_000, seed=0).logged
    assert logged["shown"].mean() == pytest.approx(0.3, abs=0.01)
    assert (logged["propensity"] == np.where(logged["shown"] == 1, 0.3, 0.7)).all()
    assert len(logged) == 2_000 * 12 and not logged.duplicated(["customer", "item"]).any()


@pytest.mark.parametrize("name", sorted(MAKE))
@pytest.mark.parametrize("wrong", [{"n": 0}, {"n": "many"}, {"seed": -1}, {"rows": 1.5}, {"n": True}, {"size": 3}])
def test_what_is_no_number_of_rows_is_refused(name: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="To fix"):
        MAKE[name](**wrong)


def test_levers_of_another_length_are_refused() -> None:
    world = broken(10, rows=5)
    with pytest.raises(SettingError, match=r"levers\['price'\].*5 rows"):
        world.truth.value(world.rows, {"price": [1.0, 2.0]})
    with pytest.raises(SettingError, match="To fix"):
        broken(10, randomised=20)
