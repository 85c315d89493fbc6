import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.proof import cause
from drivetrain.decisions.proof.cause import cautions, effects
from drivetrain.errors import DataError

PRICE = Lever("price", 5, 15)


def market(n, seed, *, told=1.0, hidden=0.0, shops=None):
    """Demand moves price and sales; the true slope of sold on price is −2."""
    random = np.random.default_rng(seed)
    demand, unseen = random.normal(size=n), random.normal(size=n)
    shop = np.arange(n) if shops is None else random.integers(0, shops, n)
    habit = 0.0 if shops is None else random.normal(size=shops)[shop]
    price = 10 + told * demand + hidden * unseen + random.normal(size=n)
    sold = 50 + 8 * demand + 8 * hidden * unseen - 2 * price + 3 * habit + random.normal(size=n)
    return pd.DataFrame({"demand": demand, "price": price, "sold": sold, "shop": shop})


def test_habit_has_the_wrong_sign_and_is_taken_out():
    rows = market(800, 0)
    found = effects(rows, [PRICE], ["sold"], ["demand"])[0]
    naive = sm.OLS(rows["sold"], sm.add_constant(rows["price"])).fit(cov_type="HC0")
    assert found.naive.value == pytest.approx(naive.params["price"])
    assert found.naive.high - found.naive.value == pytest.approx(1.96 * naive.bse["price"], rel=0.01)
    # DoubleML 0.11.4 (DoubleMLPLR, linear regressions, 5 folds, 5 times): −2.0280, error .03154;
    # EconML 0.17.0 (LinearDML, the same): −2.0236, error .03139
    assert found.adjusted.value == pytest.approx(-2.026, abs=0.006)
    assert found.adjusted.high - found.adjusted.value == pytest.approx(1.963 * 0.0315, rel=0.02)
    assert found.predictable == pytest.approx(0.5, abs=0.05)  # variance 1 of 2
    assert not found.agree
    assert "they disagree" in found.said


def test_without_confounding_both_agree():
    found = effects(market(500, 1, told=0.0), [PRICE], ["sold"], ["demand"])[0]
    assert found.agree
    assert found.predictable < 0.02
    assert "both agree" in found.said


def test_whom_a_price_chooses_is_no_habit():
    """Chance set the price; those with a high risk buy at any price. Among buyers price and risk go together."""
    random = np.random.default_rng(2)
    risk, price = random.normal(size=2_000), random.uniform(5, 15, 2_000)
    bought = 3 * risk - (price - 10) + random.normal(size=2_000) > 0
    cost = np.where(bought, 100 + 10 * risk + random.normal(size=2_000), np.nan)
    rows = pd.DataFrame({"risk": risk, "price": price, "cost": cost})
    found = effects(rows, [PRICE], ["cost"], ["risk"])[0]
    assert found.naive.low > 1  # the dearer, the riskier who buys
    assert abs(found.adjusted.value) < 0.1
    assert found.agree
    assert "only rows with this outcome are compared" in found.said


def test_habit_is_found_where_an_outcome_is_missing_for_some():
    rows = market(800, 10)
    rows.loc[rows["price"] > 10.5, "sold"] = np.nan
    assert not effects(rows, [PRICE], ["sold"], ["demand"])[0].agree


def test_habit_smaller_than_the_error_of_what_was_logged():
    """The columns tell a tenth of the price, and move sales by a tenth of what chance does: sure, and of no account."""
    random = np.random.default_rng(3)
    demand = random.normal(size=2_000)
    price = 10 + demand / 3 + random.normal(size=2_000)
    rows = pd.DataFrame({"demand": demand, "price": price, "sold": demand / 2 - price + random.normal(0, 5, 2_000)})
    found = effects(rows, [PRICE], ["sold"], ["demand"])[0]
    assert found.agree
    assert "they differ by less than the error" in found.said


def test_chance_seldom_looks_like_habit(monkeypatch):
    """Of 40 logs of three outcomes none: one in a hundred may. Without trees, which take their time."""
    monkeypatch.setattr("drivetrain.decisions.proof.cause._trees", cause._mean_of)
    alarms = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        x = random.normal(size=(100, 3))
        rows = pd.DataFrame(x, columns=["a", "b", "c"]).assign(price=random.uniform(5, 15, 100))
        outcomes = {f"y{i}": x[:, i] * 5 - rows["price"] + random.normal(size=100) for i in range(3)}
        found = effects(rows.assign(**outcomes), [PRICE], list(outcomes), ["a", "b", "c"])
        alarms += any(not each.agree for each in found)
    assert alarms <= 1


def test_errors_are_clustered_as_statsmodels_does():
    rows = market(450, 2, shops=30)
    found = effects(rows, [PRICE], ["sold"], ["demand"], "shop")[0]
    fit = sm.OLS(rows["sold"], sm.add_constant(rows["price"])).fit(
        cov_type="cluster", cov_kwds={"groups": rows["shop"], "use_correction": False}
    )
    expected = 2.0452 * fit.bse["price"] * np.sqrt(30 / 29)  # t with 29 degrees of freedom
    assert (found.naive.high - found.naive.low) / 2 == pytest.approx(expected, rel=1e-3)


def test_chance_where_it_set_some_rows_overrules_both():
    """Something that no column tells moves both: what is adjusted is still wrong, and the rows of chance say so."""
    rows = market(2_000, 3, hidden=1.0)
    random = np.random.default_rng(1)
    by_chance = np.arange(2_000) % 4 == 0
    rows["sold"] += np.where(by_chance, 2 * rows["price"], 0)
    rows.loc[by_chance, "price"] = random.uniform(7, 13, 500)
    rows["sold"] -= np.where(by_chance, 2 * rows["price"], 0)
    rows["chance"] = np.where(by_chance, 1 / 6, np.nan)
    found = effects(rows, [Lever("price", 5, 15, randomised=False, propensity="chance")], ["sold"], ["demand"])[0]
    assert found.by_chance is not None
    assert found.by_chance.low < -2 < found.by_chance.high
    assert found.adjusted.low > -2
    assert not found.agree
    assert "something that no column tells moves both" in found.said


def test_options_are_compared_with_the_most_frequent_one():
    random = np.random.default_rng(4)
    offer = random.choice(["none", "letter", "call", "odd"], 1_500, p=[0.5, 0.3, 0.195, 0.005])
    y = 1.0 + 0.5 * (offer == "letter") - 0.25 * (offer == "call") + random.normal(0, 0.3, 1_500)
    rows = pd.DataFrame({"offer": offer, "y": y, "x": random.normal(size=1_500)})
    lever = Lever("offer", options=("none", "letter", "call", "odd"), randomised=True)
    found = effects(rows, [lever], ["y"], ["x"])
    assert [each.said.split(":")[0] for each in found[:2]] == [
        "offer on y, 'letter' instead of 'none'",
        "offer on y, 'call' instead of 'none'",
    ]
    assert [round(each.adjusted.value, 1) for each in found[:2]] == [0.5, pytest.approx(-0.2, abs=0.11)]
    assert all(each.agree for each in found)


def test_told_random_but_not():
    rows = market(400, 5)
    found = effects(rows, [Lever("price", 5, 15, randomised=True)], ["sold"], ["demand"])[0]
    assert not found.agree
    assert "told to be random, and is not" in found.said


def test_a_lever_that_the_columns_tell_exactly():
    rows = market(500, 6)
    rows["price"] = 10 + 2 * rows["demand"]
    found = effects(rows, [PRICE], ["sold"], ["demand"])[0]
    assert not found.agree
    assert found.adjusted.low is None
    assert "no two rows alike had different values" in found.said


def test_what_cannot_be_compared_is_left_out_or_refused():
    rows = market(100, 7)
    rows["rarely"] = np.where(np.arange(100) < 10, 1.0, np.nan)
    assert effects(rows, [PRICE], ["rarely"], ["demand"]) == ()
    with pytest.raises(DataError, match="no column demnd"):
        effects(rows, [PRICE], ["sold"], ["demnd"])


def test_an_outcome_in_words_and_one_that_is_missing_for_some():
    rows = market(500, 8, told=0.0)
    rows["bought"] = np.where(rows["sold"] > 30, "yes", "no")
    rows["paid"] = np.where(rows["bought"] == "yes", rows["price"], np.nan)
    lever = Lever("price", 5, 15, randomised=True)
    bought, paid = effects(rows, [lever], ["bought", "paid"], ["demand"])
    assert bought.naive.value == pytest.approx(np.polyfit(rows["price"], rows["sold"] > 30, 1)[0])
    assert paid.naive.value == pytest.approx(1.0)
    assert "only those with this outcome are compared" in paid.said


def test_cautions_name_the_lever_and_the_way_out():
    rows = market(400, 9)
    found = effects(rows, [Lever("price", 5, 15, randomised=False)], ["sold"], ["demand"])
    said = cautions(found, [Lever("price", 5, 15, randomised=False)])
    assert len(said) == 2
    assert "'price' was not set by chance" in said[0]
    assert said[1].startswith("the plan cannot be trusted: price on sold, per 1:")
    assert cautions((), [Lever("price", 5, 15, randomised=True)]) == []
