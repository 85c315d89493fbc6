"""dt.decide: a plan whose best is known, its promise, what it warns about, and what it refuses in words."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import drivetrain as dt
from drivetrain.errors import DataError, DrivetrainError, SettingError


@pytest.fixture(autouse=True)
def silent():
    with dt.quiet():
        yield


@pytest.fixture(scope="module")
def logged():
    """Prices that chance set; who buys is a straight line in the price, whatever the need."""
    random = np.random.default_rng(0)
    n = 800
    rows = pd.DataFrame({"need": random.uniform(1, 3, n), "city": random.choice(["x", "y"], n)})
    rows["price"] = random.choice(np.arange(1, 9.0), n)
    rows["buys"] = (random.random(n) < np.clip(1 - rows["price"] / 10, 0, 1)).astype(int)
    return rows


@pytest.fixture(scope="module")
def models(logged):
    with dt.quiet():
        fitted = dt.Ensemble.fit(logged, LinearRegression(), outcome="buys", features=["price", "need"], n=6)
    return {"buys": fitted}


@pytest.fixture(scope="module")
def rows(logged):
    return logged.drop(columns="buys").head(40).set_axis([f"c{i}" for i in range(40)])


PRICE = dt.Lever("price", 1, 8, step=1, randomised=True)


def test_a_plan_from_logged_rows_to_its_proof(logged, models, rows):
    plan = dt.decide("buys * price", rows, PRICE, models)
    assert plan.table.index.tolist() == rows.index.tolist()
    assert set(plan.table["price"]) <= {4.0, 5.0, 6.0}  # p (1 − p / 10) is largest at 5, and flat there
    assert (plan.table["support"] == "inside").all()
    today = float((rows["price"] * (1 - rows["price"] / 10)).mean())
    for worth, truth in ((plan.promised, 2.5), (plan.baseline, today)):  # 5 · (1 − 5 / 10)
        assert abs(worth.value - truth) < 1.5 * (worth.high - worth.value)  # within three standard errors
    assert plan.naive.value >= plan.promised.value - 0.3
    assert [valued.policy for valued in plan.proof.policies] == ["the plan", "as logged"]
    proved = plan.proof.policies[0].dr
    assert proved.low < 2.5 < proved.high
    (curve,) = plan.parts.curves
    assert (curve.interior, curve.lever) == (True, "price")
    assert curve.flat[0] <= 5 <= curve.flat[1]
    assert plan.warnings == []
    assert plan.parts.decisions["support"].value == "inside and edge"


def test_the_same_seed_gives_the_same_plan(models, rows):
    first, second = (dt.decide("buys * price", rows, PRICE, models, proof=False, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(first.table, second.table)
    assert first.parts.sensitivity == second.parts.sensitivity
    assert first.promised == second.promised


def test_other_policies_are_valued_beside_it(models, rows):
    rules = {"need times two": {"price": "2 * need"}, "six": {"price": 6}}
    plan = dt.decide("buys * price", rows, PRICE, models, policies=rules, sensitivity=False)
    found = {valued.policy: valued.dr for valued in plan.proof.policies}
    assert found["six"].low < 6 * 0.4 < found["six"].high
    assert set(found) == {"the plan", "as logged", "need times two", "six"}


def test_a_baseline_is_a_value_or_an_expression(models, rows):
    six = dt.decide("buys * price", rows, PRICE, models, baseline={"price": 6}, proof=False, sensitivity=False)
    assert (six.table["price (now)"] == 6).all()
    assert six.baseline.low < 2.4 < six.baseline.high
    twice = dt.decide("buys * price", rows, PRICE, models, baseline={"price": "2 * need"}, proof=False)
    assert twice.table["price (now)"].tolist() == (2 * rows["need"]).round().clip(1, 8).tolist()


def test_what_all_will_share_may_differ_today(models, rows):
    shared = dt.Lever("price", 1, 8, step=1, per_row=False, randomised=True)
    today = dt.decide("buys * price", rows, shared, models, sensitivity=False)
    told = dt.decide("buys * price", rows, shared, models, baseline={"price": rows["price"]}, proof=False)
    assert today.table["price"].nunique() == 1 and today.proof is not None
    assert told.baseline == today.baseline
    with pytest.raises(SettingError, match="this lever is one for all rows"):
        told.what_if(price=rows["price"])
    with pytest.raises(SettingError, match="with their index"):
        dt.decide("buys * price", rows, shared, models, baseline={"price": rows["price"].reset_index(drop=True)})
    with pytest.raises(SettingError, match="one value, or one for each"):
        dt.decide("buys * price", rows, shared, models, baseline={"price": [[1.0]] * 40})


def test_numbers_of_the_objective_are_varied():
    """A letter adds .1 · p: it is sent where that is more than its fee."""
    rows = pd.DataFrame({"price": [1.0, 2.0, 3.0, 4.0], "offer": "none"})

    def objective(rows, levers, predict, *, fee=0.26):
        letter = np.asarray(levers["offer"] == "letter", dtype=float)
        return rows["price"] * 0.1 * letter - fee * letter

    plan = dt.decide(objective, rows, dt.Lever("offer", options=["none", "letter"]), {}, proof=False)
    assert plan.table["offer"].tolist() == ["none", "none", "letter", "letter"]
    less, more = plan.parts.sensitivity
    assert (less.number, less.value, more.value) == ("fee", pytest.approx(0.208), pytest.approx(0.312))
    assert less.promised == pytest.approx((0.3 - 0.208 + 0.4 - 0.208) / 4, abs=1e-6)
    assert (less.changed, more.changed) == (0, pytest.approx(0.25))  # .3 is less than a fee of .312
    assert more.kept == pytest.approx((0.3 - 0.312 + 0.4 - 0.312) / 4, abs=1e-6)


def test_other_numbers_are_counted_from_the_promise(models, rows):
    """The objective is linear in the fee: 20 % less and 20 % more of it lie as far above and below the promise."""
    plan = dt.decide("buys * (price - 2)", rows, PRICE, models, proof=False)
    less, more = plan.parts.sensitivity
    assert (less.kept + more.kept) / 2 == pytest.approx(plan.promised.value)
    assert less.kept > plan.promised.value > more.kept


def test_a_shop_with_letters_under_a_budget():
    world = dt.simulators.shop(150, seed=0, rows=20, items=3)
    features = ["interest", "bought_of_kind", "shown"]
    made = dt.Ensemble.fit(
        world.logged, LogisticRegression(), outcome="bought", features=features, n=4, calibrate=False
    )
    models = {"bought": made}
    limits = [dt.at_most({"shown": 1}, 12)]
    plan = dt.decide(world.objective, world.rows, world.levers, models, limits, proof=False, sensitivity=False)
    assert plan.table["shown"].sum() <= 12
    assert plan.parts.bindings[0].used == plan.table["shown"].sum()


def test_an_insurer_keeps_a_loss_ratio():
    world = dt.simulators.insurance(600, seed=0, rows=60)
    objective = "accept * (price - claims - 20)"
    features = [*world.features, "price", "rise"]
    models = {
        name: dt.Ensemble.fit(world.logged, LinearRegression(), outcome=name, features=features, n=4)
        for name in ("accept", "claims")
    }
    limit = dt.at_most("accept * claims", 0.55, over="accept * price", name="loss ratio")
    free = dt.decide(objective, world.rows, world.levers[0], models, proof=False, sensitivity=False)
    plan = dt.decide(objective, world.rows, world.levers[0], models, limit, proof=False, sensitivity=False)
    (binding,) = plan.parts.bindings
    assert binding.used <= 0.55 + 1e-6
    assert binding.binds
    assert plan.naive.value < free.naive.value
    assert plan.parts.gap < 0.01


def test_where_nothing_like_it_was_seen_the_plan_stays_or_says_so(logged, models, rows):
    wide = dt.Lever("price", 1, 30, step=1, randomised=True)
    rising = lambda rows, levers, predict: predict["buys"] + levers["price"]  # noqa: E731
    inside = dt.decide(rising, rows, wide, models, proof=False, sensitivity=False)
    assert inside.table["price"].max() <= 8
    beyond = dt.decide(rising, rows, wide, models, extrapolate=True, proof=False, sensitivity=False)
    assert (beyond.table["price"] == 30).all()
    assert (beyond.table["support"] == "outside").all()
    said = " ".join(beyond.warnings)
    assert "extrapolate=True" in said
    assert "largest price" in said
    with pytest.raises(DataError, match="seen with none of values from 20 to 30"):
        dt.decide(rising, rows, dt.Lever("price", 20, 30), models)


def test_what_is_not_known_is_said(rows):
    plan = dt.decide("buys * price", rows, dt.Lever("price", 1, 8), {"buys": lambda rows: 1 - rows["price"] / 10})
    said = " ".join(plan.warnings)
    assert "support was not checked" in said
    assert "one member" in said
    assert plan.promised.low is None


def test_scenarios_make_cautious_plans_cautious(rows):
    costs = pd.DataFrame({"cost": [0.0, 0.0, 6.0]})
    model = {"buys": lambda rows: 1 - rows["price"] / 10}
    lever = dt.Lever("price", 0, 10, step=1)
    usual, worst = (
        dt.decide("buys * (price - cost)", rows, lever, model, scenarios=costs, risk=risk, proof=False)
        for risk in ("mean", "worst")
    )
    assert set(usual.table["price"]) == {6.0}  # (10 + mean cost) / 2
    assert set(worst.table["price"]) == {8.0}  # (10 + 6) / 2


def test_a_loss_that_members_see_who_did_not_choose_is_told(logged, rows):
    """What is bought has nothing to do with the price: members choose their own errors, and the others see as many."""
    noise = logged.head(200).assign(buys=np.random.default_rng(0).random(200))
    made = dt.Ensemble.fit(noise, HistGradientBoostingRegressor(max_iter=5), outcome="buys", features=["price"], n=20)
    plan = dt.decide("buys", rows, PRICE, {"buys": made}, risk="loss:0", proof=False, sensitivity=False)
    loss = plan.parts.promise.chance_of_loss
    assert loss > 0.1
    said = [each for each in plan.warnings if "did not choose it" in each]
    assert len(said) == 1 and f"those that did not choose it {loss:.0%} do" in said[0] and "at most 0% of" in said[0]


ONE = {"buys": lambda rows: 1 - rows["price"] / 10}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rows": pd.DataFrame({"price": []})}, "no rows"),
        ({"rows": pd.DataFrame({"price": [1.0, np.nan]})}, "1 of 2 rows"),
        ({"rows": pd.DataFrame({"price": ["cheap"]})}, "'cheap'"),
        ({"rows": pd.DataFrame({"need": [1.0]})}, "nothing says what 'price' is today"),
        ({"levers": dt.Lever("prize", 1, 8, today=2)}, "does not reach the objective"),
        ({"logged": pd.DataFrame({"price": [2.0] * 50})}, "never moved"),
        ({"logged": pd.DataFrame({"prize": [1.0, 2.0]})}, "no column 'price'"),
        ({"logged": pd.DataFrame({"price": []})}, "no rows"),
        ({"objective": "bys * price"}, "'bys'"),
        ({"objective": "log(price - 100)"}, "nan"),
        ({"objective": lambda rows, levers, predict: levers["price"] / rows["price"].mean()}, "for the same row"),
        ({"objective": 3}, "objective=3"),
        ({"models": {"buys": 3}}, "3"),
        ({"models": [1]}, "models=[1]"),
        ({"constraints": ["x"]}, "constraints='x'"),
        ({"constraints": [dt.at_most("price", 3, per="mean")] * 2}, "two constraints"),
        ({"constraints": [dt.at_least("buys", 0.95, per="mean")]}, "can be had"),
        ({"baseline": {"prize": 3}}, "Did you mean 'price'?"),
        ({"baseline": {"price": [1, 2, 3]}}, "one for each of the 2 rows"),
        ({"baseline": {"price": "2 *"}}, "baseline['price']"),
        ({"policies": {"x": {"prize": 3}}}, "Did you mean 'price'?"),
        ({"policies": [1]}, "policies=[1]"),
        ({"risk": "gut"}, "risk='gut'"),
        ({"group": "city"}, "group='city'"),
        ({"scenarios": pd.DataFrame({"buys": [1]})}, "scenario"),
        ({"seed": -1}, "seed=-1"),
        ({"extrapolate": 1}, "extrapolate=1"),
        ({"proof": "no"}, "proof='no'"),
        ({"sensitivity": None}, "sensitivity=None"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_used_is_refused_in_words(changed, said):
    given = {
        "objective": "buys * price",
        "rows": pd.DataFrame({"price": [2.0, 3.0]}),
        "levers": dt.Lever("price", 1, 8),
        "models": ONE,
        **changed,
    }
    with pytest.raises(DrivetrainError) as caught:
        dt.decide(given.pop("objective"), given.pop("rows"), given.pop("levers"), given.pop("models"), **given)
    assert said in str(caught.value)
    assert "To fix:" in str(caught.value)


def test_names_and_indices_of_any_kind_are_kept():
    odd = "pr ice\n\x1b[31m\"'{}"
    rows = pd.DataFrame({odd: [2.0, 3.0]}, index=pd.MultiIndex.from_tuples([("a", 1), ("a", 1)]))
    model = {"buys": lambda rows: 1 - rows[odd] / 10}
    plan = dt.decide(
        lambda rows, levers, predict: predict["buys"] * levers[odd], rows, dt.Lever(odd, 0, 10, step=1), model
    )
    assert plan.table[odd].tolist() == [5, 5]
    assert plan.table.index.equals(rows.index)
    assert len(dt.decide("buys * price", {"price": [2.0]}, dt.Lever("price", 0, 10, step=1), ONE).table) == 1


def test_a_choice_that_is_no_option_today_may_not_stay():
    rows = pd.DataFrame({"offer": ["gone", "none"]})
    lever = dt.Lever("offer", options=["none", "letter"])
    plan = dt.decide("where(offer == 'letter', 1, 2)", rows, lever, {})
    assert plan.table["offer"].tolist() == ["none", "none"]


def test_calls_say_what_they_know():
    with pytest.raises(SettingError, match="has no constraint"):
        dt.decide("x", ONE, PRICE, {}, constraint=[])


def test_empty_cells_and_strange_categories_are_told(logged, rows):
    features = ["price", "need", "city"]
    made = dt.Ensemble.fit(logged, LinearRegression(), outcome="buys", features=features, n=4)
    odd = rows.copy()
    odd.loc["c3", "need"] = np.nan
    odd.loc[["c4", "c5"], "city"] = "z"
    with pytest.warns(dt.DrivetrainWarning, match="has 1 category that the models have not seen: z"):
        plan = dt.decide("buys * price", odd, PRICE, {"buys": made}, proof=False, sensitivity=False)
    said = " ".join(plan.warnings)
    assert "1 row of 40 without 'need', which no logged row lacked" in said
    assert "2 rows of 40 with a 'city' that no logged row had" in said
    learned = logged.assign(need=logged["need"].where(logged.index % 2 == 0))
    filled = dt.Ensemble.fit(learned, LinearRegression(), outcome="buys", features=features, n=4)
    plan = dt.decide("buys * price", odd.assign(city="x"), PRICE, {"buys": filled}, proof=False, sensitivity=False)
    assert "without 'need'" not in " ".join(plan.warnings)


def test_a_lever_that_acts_at_times_is_checked_where_it_acts_and_proved():
    """Days that were drawn for those with a spa tell who has one: that is no habit."""
    random = np.random.default_rng(0)
    n = 1_500
    log = pd.DataFrame({"age": random.uniform(20, 80, n), "perk": random.choice(["none", "spa"], n)})
    log["days"] = np.where(log["perk"] == "spa", random.integers(1, 4, n), 1).astype(float)
    log["books"] = (random.random(n) < 0.3 + 0.1 * log["days"] * (log["perk"] == "spa")).astype(int)
    made = dt.Ensemble.fit(log, make_pipeline(_crossed(), LogisticRegression()), outcome="books", n=4)
    levers = [
        dt.Lever("perk", options=["none", "spa"], randomised=True),
        dt.Lever("days", 1, 3, step=1, only_if={"perk": "spa"}, randomised=True),
    ]
    rows = log.head(30).assign(perk="none", days=1.0)
    plan = dt.decide("books * 20 - 2 * where(perk == 'spa', days, 0)", rows, levers, {"books": made}, sensitivity=False)
    assert [each.agree for each in plan.effects] == [True, True]
    assert plan.effects[1].adjusted.low < 0.1 < plan.effects[1].adjusted.high
    assert plan.proof is not None
    assert not [said for said in plan.warnings if "trusted" in said or "proved" in said]


def _crossed():
    return FunctionTransformer(lambda frame: pd.DataFrame({"spa": (frame["perk"] == "spa") * frame["days"]}))


def test_a_name_that_is_elsewhere_is_pointed_to(models, rows):
    with pytest.raises(SettingError, match=r"'need', which is not there. It is there as rows\['need'\]"):
        dt.decide(lambda rows, levers, predict: levers["need"] * predict["buys"], rows, PRICE, models)


def test_a_plan_that_is_today_says_so(models, rows):
    plan = dt.decide("buys * 5 - abs(price - 5)", rows.assign(price=5.0), PRICE, models, proof=False, sensitivity=False)
    assert (plan.table["price"] == 5).all()
    assert (plan.gain.low, plan.gain.value, plan.promised) == (0, 0, plan.baseline)
    assert plan.summary().startswith("The plan is what is done today")


def test_members_that_do_not_say_what_they_learned_from_are_told(rows):
    alike = {"buys": [lambda frame: 1 - frame["price"] / 10] * 3}
    plan = dt.decide("buys * price", rows, PRICE, alike, proof=False, sensitivity=False)
    assert "nobody knows which rows the members of buys learned from" in " ".join(plan.warnings)
    assert (plan.promised.low, plan.gain.high) == (None, None)
    assert "all members say the same" in plan.promised.method
    apart = {"buys": [lambda frame, k=k: 1 - frame["price"] / k for k in (9, 10, 11)]}
    plan = dt.decide("buys * price", rows, PRICE, apart, proof=False, sensitivity=False)
    assert plan.promised.low < plan.promised.value
    assert "nobody knows" in " ".join(plan.warnings)
