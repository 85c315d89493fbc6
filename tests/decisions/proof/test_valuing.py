import numpy as np
import pandas as pd
import pytest

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.proof.encoding import groups_of
from drivetrain.decisions.proof.valuing import logs_of, value_policies
from drivetrain.decisions.proof.weighing import odds_of
from drivetrain.decisions.simulator import Simulator
from drivetrain.errors import DataError
from tests.decisions.proof.toys import Toy, objective_of

OFFER = Lever("offer", options=("none", "letter"), randomised=True, propensity="chance")
NOT_RANDOM = Lever("offer", options=("none", "letter"), randomised=False, propensity="chance")
BOUGHT = objective_of(lambda rows, levers, predict: predict["bought"])


def simulator(logged, said, objective=BOUGHT, levers=(OFFER,)):
    """Two members, one of each half, that say the same; odd rows are half 1."""
    half = np.arange(len(logged)) % 2
    model = Toy("bought", [said, said], np.array([0, 1]), ("x", "offer"), "bought", logged, half)
    return Simulator(objective, logged, levers, {"bought": model})


def four_rows():
    return pd.DataFrame(
        {
            "x": [0.0, 0.0, 1.0, 1.0],
            "offer": ["letter", "none", "letter", "none"],
            "chance": [0.25, 0.75, 0.5, 0.5],
            "bought": [1.0, 0.0, 1.0, 1.0],
        }
    )


def test_values_by_hand():
    """All get the letter: weights 4, 0, 2, 0. IPS (4 + 2)/4; SNIPS 6/6; DR .5 + (4 · .5 + 2 · .5)/4."""
    rows = four_rows()
    letters = {"offer": np.array(["letter"] * 4, dtype=object)}
    proof = value_policies(
        simulator(rows, lambda frame: np.full(len(frame), 0.5)), {"letters": letters, "as it was": None}
    )
    letters_too, was = proof.policies
    assert letters_too.ips.value == pytest.approx(1.5)
    assert letters_too.snips.value == pytest.approx(1.0)
    assert letters_too.dr.value == pytest.approx(0.5 + 3 / 4)
    assert letters_too.effective_rows == pytest.approx(36 / 20)
    assert was.ips.value == was.snips.value == was.dr.value == pytest.approx(0.75)
    assert proof.propensities == "known"
    assert "Letters less that: +0.5 [" in proof.said


def world(n=4_000, seed=0):
    random = np.random.default_rng(seed)
    x = random.integers(0, 2, n)
    chance = np.where(x == 1, 0.8, 0.3)
    letter = random.random(n) < chance
    bought = random.random(n) < 0.2 + 0.1 * x + np.where(letter, 0.3 * x - 0.05, 0)
    rows = pd.DataFrame({"x": x.astype(float), "offer": np.where(letter, "letter", "none"), "bought": bought * 1.0})
    return rows.assign(chance=np.where(letter, chance, 1 - chance))


@pytest.mark.parametrize("known", [True, False], ids=["known", "estimated"])
def test_every_estimate_holds_the_truth(known):
    """The letter for x = 1 alone is worth (.2 + .55) / 2; the log itself is not."""
    rows = world()
    lever = OFFER if known else Lever("offer", options=("none", "letter"))
    policy = {"offer": np.where(rows["x"] == 1, "letter", "none").astype(object)}
    wrong = simulator(rows, lambda frame: np.full(len(frame), 0.1), levers=(lever,))
    proof = value_policies(wrong, {"plan": policy})
    assert proof.propensities == ("known" if known else "estimated")
    for worth in (proof.policies[0].ips, proof.policies[0].snips, proof.policies[0].dr):
        assert worth.low < 0.375 < worth.high
        assert worth.high - worth.low < 0.12


def test_propensities_that_are_all_missing_are_none():
    rows = world(400).assign(chance=np.nan)
    proof = value_policies(simulator(rows, lambda frame: np.full(len(frame), 0.1), levers=(NOT_RANDOM,)), {"was": None})
    assert proof.propensities == "estimated"
    assert "as far as the columns tell all" in proof.said


def test_only_rows_that_chance_set_are_weighed_where_some_are():
    rows = world(400)
    rows.loc[rows.index >= 100, "chance"] = np.nan
    proof = value_policies(simulator(rows, lambda frame: np.full(len(frame), 0.1), levers=(NOT_RANDOM,)), {"was": None})
    assert proof.propensities == "known"
    assert proof.policies[0].dr.n == 100


def test_a_policy_is_chosen_by_members_that_have_not_seen_the_row():
    rows = world(100)
    asked = []

    def choose(members):
        asked.append(list(members))
        return {"offer": np.array(["none"] * 100, dtype=object)}

    value_policies(simulator(rows, lambda frame: np.full(len(frame), 0.1)), {"plan": choose})
    assert asked == [[1], [0]]  # rows of half 0 first


def test_groups_widen_the_interval():
    rows = pd.concat([world(500)] * 4, ignore_index=True)
    rows["customer"] = np.tile(np.arange(500), 4)
    policy = {"offer": np.array(["letter"] * 2_000, dtype=object)}
    said = [
        value_policies(simulator(rows, lambda frame: np.full(len(frame), 0.3)), {"plan": policy}, group=group)
        for group in (None, "customer")
    ]
    widths = [proof.policies[0].dr.high - proof.policies[0].dr.low for proof in said]
    assert widths[1] / widths[0] == pytest.approx(2.0, rel=0.02)
    assert said[1].clustered_by == "customer"


def test_a_curved_objective_goes_along_its_tangent():
    """1 + p + p² of a probability of .5 is 1.75; of what came out (0 or 1) its mean would be 2."""
    rows = world(2_000).assign(bought=np.arange(2_000) % 2 * 1.0)
    curved = objective_of(lambda rows, levers, predict: 1 + predict["bought"] + predict["bought"] ** 2)
    logs = logs_of(simulator(rows, lambda frame: np.full(len(frame), 0.5), curved))
    assert logs.realised.mean() == pytest.approx(1.75)
    assert logs.curved == ("bought",)
    straight = logs_of(simulator(rows, lambda frame: np.full(len(frame), 0.5)))
    assert straight.curved == ()
    assert straight.realised.tolist() == rows["bought"].tolist()


def test_missing_outcomes_are_predicted():
    rows = four_rows().assign(bought=[1.0, np.nan, 1.0, np.nan])
    logs = logs_of(simulator(rows, lambda frame: np.full(len(frame), 0.5)))
    assert logs.realised.tolist() == [1.0, 0.5, 1.0, 0.5]


def test_no_outcome_in_the_rows_is_refused():
    rows = four_rows()
    asked = simulator(rows, lambda frame: np.full(len(frame), 0.5))
    asked.rows = rows.drop(columns="bought")
    with pytest.raises(DataError, match="no model knows an outcome"):
        value_policies(asked, {"plan": None})


def test_weights_of_numbers_average_one():
    """21 prices, each by chance: whatever a policy sets, the weights' mean is 1 up to chance."""
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"price": random.choice(np.arange(80.0, 281.0, 10), 5_000)})
    lever = Lever("price", 80, 280, step=10, randomised=True)
    odds = odds_of(rows, lever, [], groups_of(rows, None))
    assert odds.kernel[:-1].sum(axis=1) == pytest.approx(np.ones(21))
    for price in (80.0, 150.0, 280.0):
        assert odds.weights(np.full(5_000, price)).mean() == pytest.approx(1.0, abs=0.05)


def test_a_density_is_turned_into_the_chance_of_a_tenth():
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"price": random.uniform(10, 30, 5_000), "density": 1 / 20})
    odds = odds_of(rows, Lever("price", 10, 30, propensity="density"), [], groups_of(rows, None))
    assert odds.chance == pytest.approx(np.full(5_000, 0.1), abs=0.03)
    assert odds.weights(np.full(5_000, 20.0)).mean() == pytest.approx(1.0, abs=0.05)


def test_an_option_that_was_never_logged_weighs_nothing():
    rows = four_rows()
    odds = odds_of(rows, OFFER, [], groups_of(rows, None))
    assert odds.weights(np.array(["call"] * 4, dtype=object)).tolist() == [0.0] * 4
