"""The simulator: members, scenarios, today's values, costs and what depends on what, beside sums by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.decisions.levers import Lever
from drivetrain.decisions.models.adapting import as_models
from drivetrain.decisions.objective import as_objective
from drivetrain.decisions.simulator import Simulator
from drivetrain.errors import DataError, SettingError

ROWS = pd.DataFrame(
    {"cost": [1.0, 2.0, 3.0], "price": [4.0, 5.0, 6.0], "offer": ["none", "mail", "none"]}, index=["x", "y", "z"]
)
PRICE = Lever("price", 1, 9)
OFFER = Lever("offer", options=["none", "mail"])
DEPTH = Lever("depth", 0, 0.5, only_if={"offer": ["mail"]}, today=0.0)


def accept(slope: float) -> Any:
    return lambda rows: 1 - slope * rows["price"] + 0.1 * (rows["offer"] == "mail")


def profit(rows: Any, levers: Any, predict: Any) -> Any:
    return predict["accept"] * (levers["price"] - rows["cost"])


def made(levers: Any = (PRICE,), objective: Any = profit, models: Any = None, **more: Any) -> Simulator:
    given = {"accept": [accept(0.1), accept(0.08)]} if models is None else models
    return Simulator(as_objective(objective), more.pop("rows", ROWS), levers, as_models(given), **more)


def by_hand(slope: float, price: Any, offer: Any = ROWS["offer"]) -> np.ndarray:
    p = 1 - slope * np.asarray(price) + 0.1 * (np.asarray(offer) == "mail")
    return p * (np.asarray(price) - ROWS["cost"].to_numpy())


def over(simulator: Simulator, actions: dict[str, Any], **more: Any) -> np.ndarray:
    return np.concatenate([values for _, values, _ in simulator.over(actions, **more)], axis=1)


def test_each_member_gives_the_objective_of_each_row_at_its_own_value() -> None:
    price = np.array([2.0, 3.0, 4.0])
    np.testing.assert_allclose(made().at({"price": price}), [by_hand(0.1, price), by_hand(0.08, price)])
    np.testing.assert_allclose(made().at(made().today()), [by_hand(0.1, ROWS["price"]), by_hand(0.08, ROWS["price"])])
    np.testing.assert_allclose(made().at({}), made().at(made().today()))


def test_one_value_for_all_and_some_rows_and_members() -> None:
    full = made().at({"price": 3.0})
    some = made().at({"price": 3.0}, rows=np.array([2, 0]), members=[1])
    np.testing.assert_allclose(some, full[[1]][:, [2, 0]])


def test_over_is_at_for_every_action(monkeypatch: pytest.MonkeyPatch) -> None:
    prices = np.array([1.0, 2.5, 7.0, 2.5])
    wanted = np.stack([made().at({"price": v}) for v in prices], axis=-1)
    np.testing.assert_allclose(over(made(), {"price": prices}), wanted, rtol=1e-6)
    monkeypatch.setattr("drivetrain.decisions.simulator.BYTES_AT_ONCE", 1)  # a row at a time
    parts = list(made().over({"price": prices}))
    assert [part for part, _, _ in parts] == [slice(0, 1), slice(1, 2), slice(2, 3)]
    np.testing.assert_allclose(over(made(), {"price": prices}), wanted, rtol=1e-6)
    monkeypatch.setattr("drivetrain.decisions.simulator.ROWS_AT_ONCE", 1)  # an action at a time
    np.testing.assert_allclose(over(made(), {"price": prices}), wanted, rtol=1e-6)


def test_quantities_are_counted_beside_the_objective_without_the_cost_of_moving() -> None:
    def claims(rows: Any, levers: Any, predict: Any) -> Any:
        return predict["accept"] * rows["cost"]

    simulator = made([Lever("price", 1, 9, cost=2.0)])
    _, values, (found,) = next(simulator.over({"price": np.array([3.0])}, quantities=[claims]))
    np.testing.assert_allclose(found[:, :, 0], simulator.at({"price": 3.0}, quantity=claims), rtol=1e-6)
    np.testing.assert_allclose(found[0, :, 0], (0.7 + 0.1 * (ROWS["offer"] == "mail")) * ROWS["cost"], rtol=1e-6)
    moved = np.abs(3.0 - ROWS["price"].to_numpy())
    np.testing.assert_allclose(values[0, :, 0], by_hand(0.1, [3.0] * 3) - 2 * moved, rtol=1e-6)


COSTS: dict[str, tuple[Any, list[float]]] = {
    "per change": (5.0, [5.0, 0.0, 5.0]),
    "per option": ({"none": 0.0, "mail": 2.0}, [2.0, 2.0, 2.0]),
    "function": (lambda today, proposed: np.where(today == proposed, 0, 7.0), [7.0, 0.0, 7.0]),
}


@pytest.mark.parametrize("kind", list(COSTS))
def test_costs_of_a_choice(kind: str) -> None:
    cost, taken = COSTS[kind]
    simulator = made([PRICE, Lever("offer", options=["none", "mail"], cost=cost)])
    free = by_hand(0.1, ROWS["price"], ["mail"] * 3)
    np.testing.assert_allclose(simulator.at({"offer": "mail"})[0], free - taken)
    found = over(simulator, {"offer": np.array(["mail"], dtype=object)})[0, :, 0]
    np.testing.assert_allclose(found, free - taken, rtol=1e-5)


def discounted(rows: Any, levers: Any, predict: Any) -> Any:
    return predict["accept"] * levers["price"] * (1 - levers["depth"])


def test_a_lever_stays_at_today_where_none_is_asked_or_what_it_depends_on_does_not_hold() -> None:
    simulator = made([OFFER, DEPTH, PRICE], discounted)
    actions = {
        "offer": np.array(["none", "mail", "mail", None], dtype=object),
        "depth": np.array([0.3, 0.3, np.nan, 0.2]),
        "price": np.array([3.0, 3.0, 3.0, 3.0]),
    }
    found = over(simulator, actions)[0]
    p_none, p_mail = 0.7, 0.8
    today = np.where(ROWS["offer"] == "mail", p_mail * 3 * 0.8, p_none * 3)
    wanted = np.column_stack([[p_none * 3] * 3, [p_mail * 3 * 0.7] * 3, [p_mail * 3] * 3, today])
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    for i in range(4):
        each = {name: np.repeat(values[i : i + 1], 3) for name, values in actions.items()}
        np.testing.assert_allclose(simulator.at(each)[0], wanted[:, i], rtol=1e-6)


def test_a_lever_left_out_of_actions_stays_at_each_rows_own_value() -> None:
    simulator = made([PRICE, OFFER])
    found = over(simulator, {"offer": np.array(["none", "mail"], dtype=object)})[1]
    np.testing.assert_allclose(found[:, 1], by_hand(0.08, ROWS["price"], ["mail"] * 3), rtol=1e-6)
    stays = over(simulator, {"price": np.array([np.nan, np.nan]), "offer": np.array([None, None], dtype=object)})
    np.testing.assert_allclose(stays[:, :, 1], simulator.at({}), rtol=1e-6)


def test_scenarios_are_beside_the_members() -> None:
    def taxed(rows: Any, levers: Any, predict: Any) -> Any:
        return profit(rows, levers, predict) - predict["tax"]

    simulator = made(objective=taxed, scenarios=pd.DataFrame({"tax": [0.0, 1.0, 5.0]}))
    found = simulator.at({"price": 3.0})
    assert found.shape == (6, 3) and simulator.halves.tolist() == [-1] * 6
    np.testing.assert_allclose(found[1 * 3 + 2], by_hand(0.08, [3.0] * 3) - 5)
    np.testing.assert_allclose(over(simulator, {"price": np.array([3.0])})[:, :, 0], found, rtol=1e-6)
    np.testing.assert_allclose(simulator.at({"price": 3.0}, members=[5, 0]), found[[5, 0]])


def test_only_models_that_are_asked_for_are_computed() -> None:
    def never(rows: pd.DataFrame) -> Any:
        raise AssertionError("it was not asked for")

    made(models={"accept": accept(0.1), "other": never}).at({"price": 3.0})


def test_members_of_several_models_go_together_or_it_is_said() -> None:
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"price": random.uniform(1, 9, 80), "cost": 1.0})
    rows["sold"], rows["claim"] = random.random(80), np.where(random.random(80) < 0.5, 1.0 + random.random(80), np.nan)

    def fit(rows: pd.DataFrame) -> Any:
        return lambda new: np.full(len(new), rows["price"].mean())

    with dt.quiet():
        sold, claim, other = (
            dt.Ensemble.fit(rows, fit, outcome=o, features=["price"], n=n, seed=s)
            for o, n, s in [("sold", 4, 0), ("claim", 6, 0), ("claim", 4, 1)]
        )
    together = made(models={"accept": sold, "claim": claim}, rows=rows)
    assert together.halves.tolist() == [0, 1, 0, 1] and "first 4 of each" in together.warnings[0]
    apart = made(models={"accept": sold, "claim": other}, rows=rows)
    assert apart.halves.tolist() == [-1] * 4 and "one seed" in apart.warnings[0]
    single = made(models={"accept": sold, "claim": lambda rows: rows["cost"]}, rows=rows)
    assert single.halves.tolist() == [0, 1, 0, 1] and "one member" in single.warnings[0]
    assert made(models={"accept": sold}, rows=rows).warnings == ()


def test_an_objective_that_looks_at_other_rows_is_refused() -> None:
    def relative(rows: Any, levers: Any, predict: Any) -> Any:
        return levers["price"] - rows["cost"].sum()

    with pytest.raises(SettingError, match="each row is looked at by itself"):
        next(made(objective=relative).over({"price": np.array([1.0])}))


def test_an_objective_cannot_change_what_a_model_said() -> None:
    def changing(rows: Any, levers: Any, predict: Any) -> Any:
        said = predict["accept"]
        said *= 2
        return said

    with pytest.raises(SettingError, match="read-only"):
        made(objective=changing).at({"price": 3.0})


def nothing_said(rows: Any, levers: Any, predict: Any) -> Any:
    return predict["acept"]


def not_finite(rows: Any, levers: Any, predict: Any) -> Any:
    return np.log(levers["price"] - 3)


REFUSED: dict[str, tuple[Any, type, str]] = {
    "unknown lever": (lambda: made().at({"prise": 3.0}), SettingError, "prise is no lever"),
    "too few values": (lambda: made().at({"price": np.ones(2)}), SettingError, "one value for each row"),
    "words": (lambda: made().at({"price": np.array(["a", "b", "c"])}), SettingError, "expected numbers"),
    "place": (lambda: made().at({}, members=[2]), SettingError, "members=2"),
    "misspelt model": (lambda: made(objective=nothing_said).at({}), SettingError, "Did you mean 'accept'"),
    "log of less than 0": (lambda: made(objective=not_finite).at({"price": 2.0}), DataError, "expected finite"),
    "today unknown": (lambda: made(rows=ROWS[["cost", "offer"]]).today(), SettingError, "today=VALUE"),
    "today missing": (lambda: made(rows=ROWS.assign(price=[1, None, 2])).today(), DataError, "the first is 'y'"),
    "today in words": (lambda: made(rows=ROWS.assign(price="dear")).today(), DataError, "expected numbers"),
    "name of a model": (lambda: made(scenarios=pd.DataFrame({"accept": [1]})), SettingError, "different names"),
    "no scenario": (lambda: made(scenarios=pd.DataFrame({"tax": []})), DataError, "at least one row"),
    "empty scenario": (lambda: made(scenarios=pd.DataFrame({"tax": [1, None]})), DataError, "1 cell is empty"),
    "a number as scenarios": (lambda: made(scenarios=3), SettingError, "a scenario a row"),
    "two levers": (lambda: made([PRICE, PRICE]), SettingError, "different names"),
}


@pytest.mark.parametrize("what", list(REFUSED))
def test_what_cannot_be_is_said(what: str) -> None:
    call, error, said = REFUSED[what]
    with pytest.raises(error, match=said):
        call()


def test_missing_values_of_today_are_filled_with_the_levers_own() -> None:
    simulator = made([Lever("price", 1, 9, today=7.0)], rows=ROWS.assign(price=[1, None, 2]))
    assert simulator.today()["price"].tolist() == [1.0, 7.0, 2.0]
