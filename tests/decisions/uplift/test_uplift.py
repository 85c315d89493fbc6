"""`dt.uplift` by use: what it finds where the truth is known, what it says where it does not pay, what it refuses."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.tree import DecisionTreeRegressor

import drivetrain as dt
from drivetrain.decisions.uplift.result import Uplift
from drivetrain.decisions.uplift.uplift import uplift
from drivetrain.errors import DataError, DrivetrainWarning, SettingError

LINEAR: dict[str, Any] = {"make": LogisticRegression(), "make_effect": Ridge()}


def letters(n: int = 3_000, seed: int = 0, share: float = 0.5) -> pd.DataFrame:
    """A letter moves the young, and those who are not keen; the keen buy anyway."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"age": random.uniform(20, 80, n), "keen": random.normal(size=n), "town": random.choice(["a", "b"], n)}
    )
    frame["letter"] = (random.random(n) < share).astype(int)
    p = 0.5 / (1 + np.exp(-(1.5 * frame["keen"] - 1)))
    frame["bought"] = (random.random(n) < p + frame["letter"] * moved(frame)).astype(int)
    return frame


def moved(frame: pd.DataFrame) -> pd.Series[float]:
    """What the letter does to each row's probability."""
    return 0.25 * (frame["age"] < 50) + 0.25 * (frame["keen"] < 0)


@pytest.fixture(scope="module")
def found() -> Uplift:
    return uplift(letters(), "letter", "bought", **LINEAR)


def test_it_finds_who_is_moved(found: Uplift) -> None:
    assert found.found == "uplift" and "finds who is moved" in found.verdict
    top = found.uplift_at(0.3)
    assert top.low is not None and top.high is not None and found.effect.high is not None
    assert top.low > found.effect.high
    assert top.low < moved(letters()).loc[found.rank.index[:900]].mean() < top.high
    assert found.better["response model"].low is not None and found.better["response model"].low > 0
    assert found.baselines["response model"].qini.value < found.qini.value
    assert found.baselines["random order"].uplift_at(0.3).value == pytest.approx(found.effect.value)
    assert found.baselines["one column"].said == "age, low first (5 of 5 folds)"


def test_rank_is_indexed_as_the_table_and_says_what_was_measured(found: Uplift) -> None:
    rank = found.rank
    assert sorted(rank.index) == list(range(3_000))
    assert rank["tenth"].is_monotonic_increasing and rank["tenth"].value_counts().between(290, 310).all()
    assert (rank["low"] <= rank["measured"]).all() and (rank["measured"] <= rank["high"]).all()
    assert rank["uplift"].iloc[:300].mean() > rank["uplift"].iloc[-300:].mean() + 0.1
    assert found.tenths["measured"].iloc[0] > found.tenths["measured"].iloc[-1]


def test_no_row_is_scored_by_a_model_that_has_seen_it() -> None:
    frame = letters(200)
    frame["bought"] = np.random.default_rng(99).random(200)  # nothing to be found
    found = uplift(frame, "letter", "bought", make=DecisionTreeRegressor, make_effect=DecisionTreeRegressor)
    assert found.found == "nothing" and "cannot be told from random order" in found.verdict
    assert np.corrcoef(found.with_treatment, frame["bought"])[0, 1] < 0.5  # a grown tree knows its own rows by heart


def test_where_the_response_model_does_as_well_that_is_said() -> None:
    frame = letters(4_000)
    p = 0.05 + 0.4 * (frame["keen"] > 0)  # the treatment doubles what is there
    frame["bought"] = (np.random.default_rng(1).random(4_000) < p * (1 + 0.9 * frame["letter"])).astype(int)
    found = uplift(frame, "letter", "bought", **LINEAR)
    assert found.found == "a simpler order"
    assert "not told apart from" in found.verdict and "response model" in found.verdict


def test_harm_is_said() -> None:
    frame = letters(3_000)

    def upside_down(rows: pd.DataFrame) -> Callable[[pd.DataFrame], Any]:
        return lambda some: some["age"].to_numpy()

    found = uplift(frame, "letter", "bought", make=LogisticRegression(), make_effect=upside_down)
    assert found.found == "harm" and "worse than random order" in found.verdict


@pytest.mark.parametrize("learner", ["s", "t", "x", "dr"])
def test_every_learner_gets_a_linear_effect_right(learner: str) -> None:
    random = np.random.default_rng(0)
    n = 4_000
    frame = pd.DataFrame({"x": random.normal(size=n), "z": random.normal(size=n), "t": random.random(n) < 0.3})
    frame["spent"] = 10 + 3 * frame["z"] + frame["t"] * (2 + 1.5 * frame["x"]) + random.normal(size=n)
    if learner == "s":
        frame["tx"] = 0.0  # one linear model cannot have the product of x and t: trees can
        found = uplift(frame.drop(columns="tx"), "t", "spent", learner="s")
        assert np.corrcoef(found.ours.score, frame["x"])[0, 1] > 0.9
    else:
        found = uplift(frame, "t", "spent", make=LinearRegression, make_effect=LinearRegression, learner=learner)
        said = found.predict(pd.DataFrame({"x": [-1.0, 0.0, 1.0], "z": [0.0, 5.0, 0.0]}))
        assert said["uplift"].to_numpy() == pytest.approx([0.5, 2.0, 3.5], abs=0.25)
        assert said["without"].to_numpy() == pytest.approx([10, 25, 10], abs=0.3)
    assert found.effect.value == pytest.approx(2, abs=0.15)
    # of x standard normal, E[x (F(x) − ½)] = 1 / (2 √π)
    assert found.qini.value == pytest.approx(1.5 / (2 * np.sqrt(np.pi)), abs=0.08)


def test_the_best_one_column_is_chosen_on_other_rows_than_it_is_judged_on() -> None:
    random = np.random.default_rng(5)
    frame = pd.DataFrame(random.normal(size=(400, 12)), columns=[f"c{i}" for i in range(12)])
    frame["t"], frame["y"] = random.random(400) < 0.5, random.normal(size=400)
    found = uplift(frame, "t", "y", make=LinearRegression, make_effect=LinearRegression, propensity=0.5)
    low = found.baselines["one column"].qini.low
    assert low is not None and low < 0
    asked = uplift(frame, "t", "y", make=LinearRegression, make_effect=LinearRegression, propensity=0.5, rule="c3")
    assert asked.baselines["one column"].said.startswith("c3, ")


def test_words_and_groups() -> None:
    frame = letters(1_000).assign(letter=lambda f: f["letter"].map({0: "control", 1: "letter B"}))
    frame["bought"] = frame["bought"].map({0: "no", 1: "yes"})
    frame["who"] = np.arange(1_000) // 2
    found = uplift(frame, "letter", "bought", group="who", **LINEAR)
    assert found.trial.treated.mean() == pytest.approx(0.5, abs=0.05) and found.trial.is_yes_no
    assert "who" not in found.trial.features
    fold = found.measured.fold
    assert (fold[::2] == fold[1::2]).all()
    turned = uplift(frame, "letter", "bought", group="who", treated="control", **LINEAR)
    assert turned.effect.value == pytest.approx(-found.effect.value, abs=0.01)


def test_a_file_and_other_libraries_say_what_the_frame_says(tmp_path: Path) -> None:
    frame = letters(400)
    frame.to_csv(tmp_path / "letters.csv", index=False)
    meant = uplift(frame, "letter", "bought", rule="age", **LINEAR)
    assert meant.trial.features == ("age", "keen", "town")
    for source in (tmp_path / "letters.csv", frame.to_dict("list")):
        found = uplift(source, "letter", "bought", rule="age", **LINEAR)
        assert found.trial.features == meant.trial.features and found.trial.is_yes_no
        assert found.qini.value == pytest.approx(meant.qini.value)


def test_the_same_seed_gives_the_same(found: Uplift) -> None:
    again = uplift(letters(), "letter", "bought", **LINEAR)
    assert again.as_json() == found.as_json()


# ---------------------------------------------------------------------------------------------- propensities


def test_a_treatment_that_columns_tell_is_told() -> None:
    frame = letters(3_000)
    random = np.random.default_rng(2)
    frame["letter"] = (random.random(3_000) < 1 / (1 + np.exp(-frame["keen"]))).astype(int)
    frame["bought"] = (random.random(3_000) < 1 / (1 + np.exp(-(1.5 * frame["keen"] - 1)))).astype(int)  # no effect
    with pytest.warns(DrivetrainWarning, match="columns tell who was treated") as told:
        found = uplift(frame, "letter", "bought", **LINEAR)
    assert "propensity=" in str(told[0].message)
    naive = frame.groupby("letter")["bought"].mean().diff().iloc[1]
    assert naive > 0.1 and abs(found.effect.value) < 0.05
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked = uplift(frame, "letter", "bought", propensity="estimate", **LINEAR)
    assert asked.effect.value == pytest.approx(found.effect.value)


def test_propensities_that_were_told_are_used_and_checked() -> None:
    frame = letters(3_000)
    p = np.where(frame["keen"] > 0, 0.8, 0.3)
    random = np.random.default_rng(3)
    frame["letter"] = (random.random(3_000) < p).astype(int)
    frame["bought"] = (random.random(3_000) < 0.2 + 0.3 * (frame["keen"] > 0)).astype(int)  # no effect
    frame["drawn"] = np.where(frame["letter"] == 1, p, 1 - p)
    found = uplift(frame, "letter", "bought", propensity="drawn", **LINEAR)
    assert abs(found.effect.value) < 0.05 and "drawn" not in found.trial.features
    with pytest.raises(DataError, match=r"They fit if 'of_being_treated' is the probability of being treated"):
        uplift(frame.assign(of_being_treated=p), "letter", "bought", propensity="of_being_treated", **LINEAR)
    with pytest.raises(DataError, match=r"cannot be right.*times all rows"):
        uplift(frame, "letter", "bought", propensity=0.2, **LINEAR)
    with pytest.raises(DataError, match="no probability between 0 and 1 in 1 of"):
        uplift(frame.assign(drawn=[1.0, *frame["drawn"][1:]]), "letter", "bought", propensity="drawn", **LINEAR)
    half = uplift(letters(), "letter", "bought", propensity=0.5, **LINEAR)
    assert half.decisions["propensity"].value == 0.5


# ---------------------------------------------------------------------------------------------- rows and items


@pytest.fixture(scope="module")
def pairs() -> Uplift:
    logged = dt.simulators.shop(400, seed=1).logged
    return uplift(
        logged, "shown", "bought", group="customer", propensity="propensity", learner="t", make=LogisticRegression()
    )


def test_one_item_for_each_customer(pairs: Uplift) -> None:
    picked = pairs.recommend()
    assert picked.by == "customer" and picked.n_groups == 400
    assert picked.table["picked_by"].isin(["both", "uplift", "response model"]).all()
    ours = picked.table[picked.table["picked_by"] != "response model"]
    assert ours["customer"].is_unique and len(ours) == 400
    best = pd.Series(pairs.ours.score).groupby(pairs.trial.group).max().to_numpy()  # in the table's order of customers
    assert ours["uplift"].to_numpy() == pytest.approx(best)
    assert picked.anyway["response model"] > 1.5 * picked.anyway["uplift"]
    assert picked.bought_anyway["without"].is_monotonic_decreasing
    assert not picked.bought_anyway.index.isin(ours.index).any()
    chance = picked.added["random order"]
    assert chance.value == pytest.approx(pairs.effect.value, abs=1e-9)  # each customer has 12 rows: one of them
    paired = picked.more["response model"]
    assert paired.value == pytest.approx(picked.added["uplift"].value - picked.added["response model"].value)
    more = pairs.recommend(3)
    assert more.added["random order"].value == pytest.approx(3 * chance.value)
    assert pairs.recommend(2, by="kind").n_groups == 4


def test_equal_items_are_not_picked_twice() -> None:
    frame = letters(600)
    frame["who"], frame["age"], frame["keen"] = np.arange(600) // 6, np.arange(600) // 3 % 2, 0.0  # three alike, twice
    found = uplift(frame, "letter", "bought", group="who", features="age", learner="t", **LINEAR)
    table = found.recommend(2).table
    assert (table[table["picked_by"] != "response model"].groupby("who").size() == 2).all()
    assert (table[table["picked_by"] != "uplift"].groupby("who").size() == 2).all()


def test_what_cannot_be_picked(pairs: Uplift, found: Uplift) -> None:
    with pytest.raises(DataError, match="no customer has more than 12 rows"):
        pairs.recommend(12)
    with pytest.raises(SettingError, match="by was not told"):
        found.recommend()
    with pytest.raises(SettingError, match="by="):
        pairs.recommend(by="colour")
    with pytest.raises(SettingError, match="n="):
        pairs.recommend(0)


def test_treating_where_it_pays(found: Uplift) -> None:
    free, dear = found.policy(), found.policy(worth=1, cost=0.1)
    best = np.maximum(moved(letters()) - 0.1, 0).mean()
    assert dear.low is not None and dear.high is not None and dear.low < best < dear.high
    assert free.value > dear.value and found.policy(cost=10).value == 0
    all_of_them = found.policy(worth=100, cost=-1000)
    assert all_of_them.value == pytest.approx(100 * found.effect.value + 1000)


# ---------------------------------------------------------------------------------------------- the page


def test_the_page_shows_what_comes_anyway(pairs: Uplift, tmp_path: Path) -> None:
    said = pairs.report(tmp_path / "uplift.html").read_text(encoding="utf-8")
    for words in (
        "What comes anyway",
        "Beside what is simpler",
        "response model",
        "one column",
        "random order",
        "shown = 1",
    ):
        assert words in said
    first = pairs.recommend().bought_anyway.iloc[0]
    assert str(first["customer"]) in said and "http" not in said.replace("http-equiv", "")
    assert str(pairs.chart()).startswith("What treating the best share of rows adds to bought")
    with pytest.raises(SettingError, match="path"):
        pairs.report(tmp_path)


def test_names_of_columns_cannot_break_the_page(tmp_path: Path) -> None:
    bad = '<script>alert("1")</script>\n\u202e'
    frame = letters(300).rename(columns={"age": bad, "bought": f"{bad}!"})
    found = uplift(frame, "letter", f"{bad}!", **LINEAR)
    said = found.report(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script>alert" not in said and "\u202e" not in said
    assert "\n" not in found.verdict
    assert found.summary()


# ---------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("change", "asked", "says"),
    [
        (lambda f: f.head(0), {}, "no rows"),
        (lambda f: f.head(1), {}, "has 1 value "),
        (lambda f: f.assign(letter=1), {}, "has 1 value "),
        (lambda f: f.assign(letter=np.nan), {}, "has 0 values .all cells are empty"),
        (lambda f: f.assign(letter=np.arange(len(f)) % 3), {}, "has 3 values.*dt.decide"),
        (lambda f: f.assign(letter=np.where(f["letter"] == 1, "A", "B")), {}, "cannot be told.*treated='"),
        (lambda f: f.assign(bought=1), {}, "is 1 in all 300 rows"),
        (lambda f: f.assign(bought="maybe"), {}, "expected numbers, or yes and no"),
        (lambda f: f.assign(bought=np.where(f["bought"] == 1, np.inf, 0)), {}, "infinite"),
        (lambda f: f.assign(letter=(np.arange(len(f)) < 9).astype(int)), {}, "9 rows have 'letter' = 1"),
        (lambda f: f[["letter", "bought"]], {}, "no column is left"),
        (lambda f: f, {"treatment": "leter"}, "Did you mean 'letter'"),
        (lambda f: f, {"outcome": "letter"}, "another column than treatment"),
        (lambda f: f, {"features": ["age", "bought"]}, "neither treatment"),
        (lambda f: f, {"group": "town"}, "has 2 values"),
        (lambda f: f, {"treated": 2}, "the value of 'letter' that says treated"),
        (lambda f: f, {"rule": "bought"}, "known before the treatment"),
        (lambda f: f, {"propensity": 1.5}, "propensity=1.5"),
        (lambda f: f, {"learner": "r"}, "'s', 't', 'x' or 'dr'"),
        (lambda f: f, {"make_effect": LogisticRegression()}, "predicts numbers, as effects are"),
        (lambda f: f.assign(bought=f["age"]), {}, "predicts numbers. To fix: pass a regressor"),
        (lambda f: f, {"make": lambda: 3}, "has no fit"),
    ],
    ids=range(22),
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_words(
    change: Callable[[pd.DataFrame], pd.DataFrame], asked: dict[str, Any], says: str
) -> None:
    settings: dict[str, Any] = {"treatment": "letter", "outcome": "bought", **LINEAR, **asked}
    with pytest.raises((DataError, SettingError), match=f"(?s){says}") as error:
        uplift(change(letters(300)), **settings)
    assert "To fix" in str(error.value)


def test_columns_that_are_no_properties_are_left_out_and_told() -> None:
    frame = letters(300)
    frame["id"], frame["day"] = [f"customer {i}" for i in range(300)], pd.Timestamp("2026-01-01")
    frame["nothing"] = np.nan
    frame["far"] = np.where(np.arange(300) == 5, np.inf, 1.0)
    with pytest.warns(
        DrivetrainWarning, match=r"id .it names rows.*day .it holds times.*nothing .it is empty.*far"
    ) as told:
        found = uplift(frame, "letter", "bought", **LINEAR)
    assert len(told) == 1 and found.trial.features == ("age", "keen", "town")


def test_rows_without_treatment_or_outcome_are_left_out_and_told() -> None:
    frame = letters(400).astype({"letter": float, "bought": float})
    frame.loc[3, "letter"] = frame.loc[7, "bought"] = np.nan
    frame.loc[9, "age"] = np.nan  # of a feature: kept
    with pytest.warns(DrivetrainWarning, match="2 of 400 rows have no value"):
        found = uplift(frame, "letter", "bought", **LINEAR)
    assert len(found.trial) == 398 and set(found.rank.index) == set(range(400)) - {3, 7}


def test_new_rows_are_predicted_and_unknown_ones_are_told(found: Uplift) -> None:
    said = found.predict(letters(5, seed=8))
    assert list(said.columns) == ["uplift", "with_treatment", "without"] and len(said) == 5
    assert said["uplift"].between(-1, 1).all()
    with pytest.warns(DrivetrainWarning, match="that the models have not seen"):
        found.predict(letters(5).assign(town="Ulm"))
    with pytest.raises(DataError, match="no column keen"):
        found.predict(letters(5).drop(columns="keen"))
