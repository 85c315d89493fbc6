"""Thresholds for a cost against trying every one, and costs that are not flattered by choosing."""

import itertools
import json

import numpy as np
import pytest

from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation import Predictions
from drivetrain.evaluation.thresholds import cheapest_answers, thresholds_for_cost
from drivetrain.runtime.targets import CategoryTarget

from . import tables

ILL = CategoryTarget(name="ill", vocab=("no", "yes"))


def binary(n=300, seed=0, strength=1.0):
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < 0.3).astype(int)
    p = 1 / (1 + np.exp(-(rng.normal(size=n) + 2 * strength * truth - 1.5)))
    return Predictions(ids=tables.ids(n), target=ILL, truth=truth, output=np.stack([1 - p, p], axis=1))


def cost_of(p, truth, threshold, false_positive, false_negative):
    said = p >= threshold
    return (false_positive * (said & (truth == 0)) + false_negative * (~said & (truth == 1))).mean()


@pytest.mark.parametrize("costs", [(1, 1), (1, 9), (5, 1), (0, 1), (1, 0)])
def test_no_threshold_is_cheaper(costs):
    table = binary()
    p, truth = table.output[:, 1], table.truth
    found = thresholds_for_cost(table, false_positive=costs[0], false_negative=costs[1])
    tried = [cost_of(p, truth, threshold, *costs) for threshold in [*np.unique(p), 0.0, 1.1]]
    assert cost_of(p, truth, found.thresholds["yes"], *costs) == pytest.approx(min(tried))
    assert found.cost_chosen_on == pytest.approx(min(tried))
    assert found.cost_before == pytest.approx(cost_of(p, truth, 0.5, *costs))


def test_dear_misses_lower_the_threshold():
    table = binary()
    found = [
        thresholds_for_cost(table, false_positive=1, false_negative=cost).thresholds["yes"] for cost in (0.2, 1, 5, 25)
    ]
    assert found == sorted(found, reverse=True) and found[0] > 2 * found[-1]


def test_either_category_may_be_the_positive_one():
    table = binary()
    yes = thresholds_for_cost(table, false_positive=1, false_negative=4)
    no = thresholds_for_cost(table, false_positive=4, false_negative=1, positive="no")
    assert no.thresholds["no"] == pytest.approx(1 - yes.thresholds["yes"], abs=0.02)
    assert no.cost_chosen_on == pytest.approx(yes.cost_chosen_on)


def test_the_cost_is_measured_on_rows_that_did_not_choose():
    """Of noise nothing can be learnt: the cost where the threshold was chosen flatters, that of the folds does not."""
    flattered, honest = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        p = rng.random(40)
        table = Predictions(
            ids=tables.ids(40), target=ILL, truth=rng.integers(0, 2, 40), output=np.stack([1 - p, p], axis=1)
        )
        found = thresholds_for_cost(table, false_positive=1, false_negative=1, seed=seed)
        flattered.append(found.cost_chosen_on)
        honest.append(found.cost)
    assert np.mean(flattered) < 0.44 and np.mean(honest) > 0.48


def test_with_few_rows_like_these_the_threshold_for_calibrated_probabilities_is_taken():
    p = np.array([0.1, 0.2, 0.8, 0.9])
    table = Predictions(ids=tables.ids(4), target=ILL, truth=[0, 0, 1, 1], output=np.stack([1 - p, p], axis=1))
    assert thresholds_for_cost(table, false_positive=3, false_negative=7).thresholds["yes"] == pytest.approx(0.3)
    assert thresholds_for_cost(table, false_positive=1, false_negative=99).thresholds["yes"] == pytest.approx(0.5)


def test_every_label_has_a_threshold_of_its_own():
    table = tables.categories(300, 3)
    found = thresholds_for_cost(table, false_positive=1, false_negative=3)
    assert list(found.thresholds) == list(table.target.vocab)
    total = 0.0
    for k, name in enumerate(table.target.vocab):
        p, truth = table.output[:, k], table.truth[:, k]
        best = min(cost_of(p, truth, threshold, 1, 3) for threshold in [*np.unique(p), 1.1])
        assert cost_of(p, truth, found.thresholds[name], 1, 3) == pytest.approx(best)
        total += best
    assert found.cost_chosen_on == pytest.approx(total)
    assert found.interval.low < found.cost < found.interval.high


def test_the_cheapest_answer_has_the_lowest_expected_cost():
    table = tables.category(100, 4)
    costs = np.random.default_rng(0).random((4, 4)) * (1 - np.eye(4))
    said, found = cheapest_answers(table, costs)
    for row, answer in zip(table.output, said, strict=True):
        expected = [sum(row[k] * costs[k, j] for k in range(4)) for j in range(4)]
        assert expected[answer] == pytest.approx(min(expected))
    paid = [costs[k, j] for k, j in zip(table.truth, said, strict=True)]
    assert found.cost == pytest.approx(np.mean(paid)) and found.cost <= found.cost_before + 0.02
    assert found.thresholds == {} and "nothing was chosen" in found.note


def test_equal_costs_say_what_is_most_probable():
    table = tables.category(100, 4)
    said, found = cheapest_answers(table, 1 - np.eye(4))
    assert np.array_equal(said, table.chosen()) and found.cost == pytest.approx(1 - table.hits().mean())


def test_two_categories_agree_with_the_matrix():
    table = binary(2000)
    said, _ = cheapest_answers(table, [[0, 1], [4, 0]])
    assert np.array_equal(said == 1, table.output[:, 1] >= 0.2)


def test_groups_stay_in_one_fold_and_widen_the_interval():
    costs = []
    for seed in range(12):
        table = binary(60, seed=seed, strength=0.0)
        copies = tables.look_alikes(table, np.repeat(np.arange(60), 10))
        naive = thresholds_for_cost(copies, false_positive=1, false_negative=2)
        grouped = thresholds_for_cost(
            tables.with_groups(copies, np.repeat(np.arange(60), 10)), false_positive=1, false_negative=2
        )
        costs.append((naive.cost, grouped.cost))
    assert np.diff(costs, axis=1).mean() > 0.02  # a copy in another fold tells what is true of the row
    assert grouped.interval.high - grouped.interval.low > 2 * (naive.interval.high - naive.interval.low)


def test_what_is_printed_and_stored():
    found = thresholds_for_cost(binary(), false_positive=1, false_negative=9)
    text = str(found)
    assert "say 'yes' from 0." in text and "with the usual answer, n = 300" in text and "chosen on these rows" in text
    stored = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert stored["interval"][0] < stored["cost"] < stored["interval"][1]
    right = Predictions(ids=("a", "b"), target=ILL, truth=[0, 1], output=np.eye(2))
    free = thresholds_for_cost(right, false_positive=1, false_negative=1)
    assert free.cost_chosen_on == 0 and json.loads(json.dumps(free.as_json(), allow_nan=False))


def test_settings_that_cannot_be_used_are_refused():
    for costs in itertools.product([-1, 0], [0]):
        with pytest.raises(SettingError, match=r"false_positive.*expected"):
            thresholds_for_cost(binary(), false_positive=costs[0], false_negative=costs[1])
    with pytest.raises(SettingError, match="two categories or for several labels"):
        thresholds_for_cost(tables.category(), false_positive=1, false_negative=1)
    with pytest.raises(SettingError, match="'maybe' is no category: expected 'no' or 'yes'"):
        thresholds_for_cost(binary(), false_positive=1, false_negative=1, positive="maybe")
    with pytest.raises(SettingError, match="every label has a threshold"):
        thresholds_for_cost(tables.categories(), false_positive=1, false_negative=1, positive="t001")
    with pytest.raises(SettingError, match="needs one category per row"):
        cheapest_answers(tables.categories(), np.eye(5))
    with pytest.raises(SettingError, match=r"shape \(2, 3\)"):
        cheapest_answers(binary(), np.zeros((2, 3)))
    with pytest.raises(DataError, match="1 row: at least two"):
        thresholds_for_cost(binary().subset([0]), false_positive=1, false_negative=1)
