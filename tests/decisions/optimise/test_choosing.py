"""Plans whose best is known: grids and what lies between, levers that depend on others, levers that all rows share."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize, minimize_scalar

import drivetrain as dt
from drivetrain.decisions.models.adapting import as_models
from drivetrain.decisions.objective import as_objective
from drivetrain.decisions.optimise.actions import make_actions
from drivetrain.decisions.optimise.choosing import Chooser
from drivetrain.decisions.optimise.limits import read_limits
from drivetrain.decisions.simulator import Simulator
from drivetrain.errors import DataError, SettingError


@pytest.fixture(autouse=True)
def silent():
    with dt.quiet():
        yield


class Only:
    """Support of prices up to a number that differs from row to row."""

    def __init__(self, highest):
        self.highest = np.asarray(highest)

    def words(self, rows, actions):
        return np.where(actions["price"][None] <= self.highest[: len(rows), None], 0, 2).astype(np.int8)

    def each(self, rows, proposed):
        return np.where(proposed["price"] <= self.highest[: len(rows)], 0, 2).astype(np.int8)


def chooser(objective, rows, levers, models=None, constraints=(), **settings):
    levers = (levers,) if isinstance(levers, dt.Lever) else tuple(levers)
    simulator = Simulator(as_objective(objective), rows, levers, as_models(models or {}))
    known = {lever.name: simulator.today()[lever.name] for lever in levers if simulator.knows_today(lever.name)}
    limits = read_limits(constraints, levers, rows)
    return Chooser(simulator, limits, today=known, constraints=tuple(constraints), **settings)


ROWS = pd.DataFrame({"need": [1.0, 2.0, 3.0, 4.0], "price": 2.0})
BUYS = "max(1 - price / (4 * need), 0) * price"
"""Largest at a price of twice the need, where it is the need."""


def test_every_step_is_tried():
    made = chooser(BUYS, ROWS, dt.Lever("price", 0, 10, step=1)).choose()
    assert made.levers["price"].tolist() == [2, 4, 6, 8]
    assert made.choice.value == pytest.approx(10)
    assert made.choice.exact


def test_between_the_values_tried_it_comes_nearer():
    made = chooser(BUYS, ROWS, dt.Lever("price", 0, 9.7)).choose()
    assert made.levers["price"] == pytest.approx([2, 4, 6, 8], abs=9.7 / 49 / 8 + 1e-9)


def test_it_stays_where_rows_like_each_were_seen():
    made = chooser(BUYS, ROWS, dt.Lever("price", 0, 10, step=1), seen=Only([3, 3, 3, 9])).choose()
    assert made.levers["price"].tolist() == [2, 3, 3, 8]
    between = chooser(BUYS, ROWS, dt.Lever("price", 0, 10), seen=Only([3, 3, 3, 9])).choose()
    assert (between.levers["price"] <= [3, 3, 3, 9]).all()


def test_a_row_without_any_support_stays_as_it_is():
    made = chooser(BUYS, ROWS, dt.Lever("price", 1, 10, step=1), seen=Only([0, 3, 3, 9])).choose()
    assert made.levers["price"].tolist() == [2, 3, 3, 8]


def test_moving_costs_so_that_some_stay():
    made = chooser(BUYS, ROWS, dt.Lever("price", 0, 10, step=0.1, cost=0.15)).choose()
    # by hand: p (1 − p / 4n) − .15 |p − 2| is largest at 2n (1 − .15) where that is above 2, else at 2
    best = [max(2.0, 2 * need * 0.85) for need in (1, 2, 3, 4)]
    assert made.levers["price"] == pytest.approx(best, abs=0.051)
    assert made.levers["price"][0] == 2


def test_a_value_of_today_beside_the_steps_is_left_where_it_may_not_stay():
    rows = ROWS.assign(price=[2.0, 4.0, 5.9, 8.0], need=[1.0, 2.0, 2.95, 4.0])  # 5.9 would be best, were it a step
    assert chooser(BUYS, rows, dt.Lever("price", 0, 10, step=2)).choose().levers["price"].tolist() == [2, 4, 6, 8]


OFFERS = (
    dt.Lever("depth", 0.1, 0.4, step=0.1, only_if={"offer": "discount"}, today=0),
    dt.Lever("offer", options=["none", "letter", "discount"], today="none"),
)


def test_a_lever_that_does_not_act_stays():
    actions = make_actions(OFFERS, {"depth": np.zeros(3), "offer": np.full(3, "none", dtype=object)})
    pairs = zip(actions.values["offer"], actions.values["depth"].round(6).tolist(), strict=True)
    assert sorted(pairs) == [("discount", depth) for depth in (0.1, 0.2, 0.3, 0.4)] + [("letter", 0), ("none", 0)]
    objective = "where(offer == 'letter', 0.3, where(offer == 'discount', need * depth - 2 * depth * depth, 0.1))"
    made = chooser(objective, ROWS[["need"]], OFFERS).choose()
    assert made.levers["offer"].tolist() == ["letter", "discount", "discount", "discount"]
    assert made.levers["depth"] == pytest.approx([0, 0.4, 0.4, 0.4])


def test_a_lever_that_stays_keeps_each_rows_own_value():
    rows = ROWS[["need"]].assign(depth=[0.1, 0.2, 0.3, 0.4], offer="none")
    levers = [dt.Lever("depth", 0, 0.5, only_if={"offer": "discount"}), OFFERS[1]]
    made = chooser("where(offer == 'letter', 1, 0) + 0 * depth", rows, levers).choose()
    assert made.levers["depth"].tolist() == [0.1, 0.2, 0.3, 0.4]


def test_letters_within_a_budget_go_where_they_add_most():
    rows = pd.DataFrame({"gain": np.arange(40.0), "offer": "none"})
    levers = dt.Lever("offer", options=["none", "letter"])
    limit = [dt.at_most({"offer": "letter"}, 7)]
    made = chooser("where(offer == 'letter', gain, 0)", rows, levers, constraints=limit).choose()
    assert np.flatnonzero(made.levers["offer"] == "letter").tolist() == list(range(33, 40))
    (binding,) = made.bindings
    assert (binding.used, binding.limit, binding.binds) == (7, 7, True)
    assert 32 <= binding.price <= 33


def test_a_ratio_is_kept_and_told_as_one():
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"need": random.uniform(1, 3, 300), "cost": random.uniform(0.2, 1.5, 300), "price": 2.0})
    accept = "max(1 - price / (4 * need), 0)"
    limit = [dt.at_most(f"{accept} * cost", 0.17, over=f"{accept} * price")]
    free = chooser(f"{accept} * (price - cost)", rows, dt.Lever("price", 1, 12, step=0.5)).choose()
    made = chooser(f"{accept} * (price - cost)", rows, dt.Lever("price", 1, 12, step=0.5), constraints=limit).choose()
    price, need, cost = made.levers["price"], rows["need"], rows["cost"]
    share = np.maximum(1 - price / (4 * need), 0)
    assert (share * cost).sum() / (share * price).sum() <= 0.17 + 1e-6
    assert made.bindings[0].used == pytest.approx((share * cost).sum() / (share * price).sum(), rel=1e-5)
    assert 0.97 * free.choice.value < made.choice.value < free.choice.value
    assert made.choice.bound - made.choice.value < 1e-3 * made.choice.value


def test_constraints_that_cannot_be_kept_are_named_with_what_can_be_had():
    limit = [dt.at_least("max(1 - price / (4 * need), 0)", 0.9, per="mean", name="share who buy")]
    with pytest.raises(DataError) as caught:
        chooser(BUYS, ROWS, dt.Lever("price", 1, 10, step=1), constraints=limit).choose()
    can_be_had = np.mean(1 - 1 / (4 * np.arange(1.0, 5)))
    assert f"share who buy: at most {can_be_had:.4g} can be had" in str(caught.value)
    assert "To fix:" in str(caught.value)


def sales(k):
    def said(rows):
        tv, web = np.log1p(rows["tv"] / (10 + k)), np.log1p(rows["web"] / (5 + k))
        return (rows["season"] * (10 * tv + 6 * web)).to_numpy()

    return said


WEEKS = pd.DataFrame({"season": 1 + 0.3 * np.sin(np.arange(12)), "tv": 30.0, "web": 30.0})
CHANNELS = [dt.Lever("tv", 0, 200, per_row=False), dt.Lever("web", 0, 200, per_row=False)]


def test_a_budget_over_two_channels_is_that_of_scipy_alone():
    models = {"sales": [sales(k) for k in range(3)]}
    limit = [dt.at_most("tv + web", 100, per="mean")]
    made = chooser("sales", WEEKS, CHANNELS, models, limit).choose()
    best = minimize_scalar(
        lambda tv: -np.mean([sales(k)(WEEKS.assign(tv=tv, web=100 - tv)).mean() for k in range(3)]),
        bounds=(0, 100),
        method="bounded",
    )
    assert made.levers["tv"] == pytest.approx(np.full(12, best.x), abs=0.01)
    assert made.levers["tv"] + made.levers["web"] == pytest.approx(np.full(12, 100))


def test_the_worst_member_decides_where_that_is_asked():
    models = {"sales": [sales(k) for k in range(3)]}
    made = chooser("sales - 0.3 * (tv + web)", WEEKS, CHANNELS, models, risk="worst").choose()

    def loss(x):
        return -min(sales(k)(WEEKS.assign(tv=x[0], web=x[1])).mean() for k in range(3)) + 0.3 * sum(x)

    best = minimize(loss, [30, 30], method="Nelder-Mead").x
    assert [made.levers["tv"][0], made.levers["web"][0]] == pytest.approx(best, abs=0.1)


def test_five_shared_numbers_share_a_budget_as_calculus_says():
    names = [f"c{i}" for i in range(5)]
    levers = [dt.Lever(name, 0, 10, per_row=False, today=1) for name in names]
    objective = " + ".join(f"{i + 1} * log(1 + {name})" for i, name in enumerate(names))
    limit = [dt.at_most(" + ".join(names), 20, per="mean")]
    made = chooser(objective, WEEKS[["season"]], levers, constraints=limit).choose()
    best = [(i + 1) * 25 / 15 - 1 for i in range(5)]  # (i + 1) / (1 + c) is the same in all, the sum is 20
    assert [made.levers[name][0] for name in names] == pytest.approx(best, abs=0.02)


def test_one_fee_for_all_beside_an_offer_for_each():
    rows = pd.DataFrame({"keen": [0.1, 0.9, 0.5], "fee": 1.0, "offer": "none"})
    levers = [dt.Lever("fee", 1, 3, step=1, per_row=False), dt.Lever("offer", options=["none", "letter"])]
    objective = "fee * (3.5 - fee) + where(offer == 'letter', keen * fee - 0.8, 0)"
    made = chooser(objective, rows, levers).choose()
    assert made.levers["fee"].tolist() == [2, 2, 2]
    assert made.levers["offer"].tolist() == ["none", "letter", "letter"]


def test_too_many_combinations_are_refused():
    levers = [dt.Lever(f"l{i}", options=list(range(9)), today=0) for i in range(4)]
    with pytest.raises(SettingError, match="more than 4,000 combinations"):
        chooser("l0 + l1 + l2 + l3", ROWS, levers).choose()


def test_members_of_a_half_choose_by_themselves_and_are_asked_once():
    class Halves:
        """Members that believe in the price of their half."""

        name, columns, outcome, logged, half_of_row = "m", ("price",), None, None, None
        is_probability, scores, asked = False, {}, 0
        halves = np.array([0, 1])

        def predict(self, frame, members=None):
            best = np.array([3.0, 7.0])[list(range(2)) if members is None else list(members)]
            return -((frame["price"].to_numpy()[None] - best[:, None]) ** 2)

        def profile(self, frame, levers, members=None):
            self.asked += 1
            best = np.array([3.0, 7.0])[list(range(2)) if members is None else list(members)]
            flat = -((levers["price"][None] - best[:, None]) ** 2)
            return np.repeat(flat[:, None], len(frame), axis=1).astype(np.float32)

    model = Halves()
    made = chooser("m", ROWS, dt.Lever("price", 0, 10, step=1), {"m": model})
    assert made.choose().levers["price"].tolist() == [5] * 4
    before = model.asked
    assert made([0])["price"].tolist() == [3] * 4
    assert made([1])["price"].tolist() == [7] * 4
    assert model.asked == before


def test_steps_of_trees_are_searched_on_finer_grids():
    def sold(rows):  # flat almost everywhere, so that slopes tell nothing
        return (40 - np.floor(np.abs(rows["tv"] - 64.2) / 2) - np.floor(np.abs(rows["web"] - 35.8) / 2)).to_numpy()

    made = chooser("sold", WEEKS, CHANNELS, {"sold": sold}).choose()
    assert made.choice.value == pytest.approx(12 * 40)  # the values of the grid lie 14 apart
