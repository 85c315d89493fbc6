"""The winner's curse: how much too good the best of several looks, and what is left after the correction."""

import numpy as np
import pytest
from scipy import stats

from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation import Predictions
from drivetrain.evaluation.intervals import interval as interval_of
from drivetrain.evaluation.metrics.metrics import METRICS
from drivetrain.evaluation.record.selection import correct_selection, expect, expect_of_others
from drivetrain.runtime.targets import CategoryTarget, NumberTarget

from .tables import categories, category, ids, number

COIN = CategoryTarget(name="coin", vocab=("heads", "tails"))


def right(hits_N) -> Predictions:
    """A model that is right on these rows."""
    hits_N = np.asarray(hits_N, dtype=bool)
    output = np.where(hits_N[:, None], [0.9, 0.1], [0.1, 0.9])
    return Predictions(ids=ids(len(hits_N)), target=COIN, truth=np.zeros(len(hits_N), int), output=output)


def contest(seed, n=400, models=20, skill=0.8, shared=0.0):
    """Equally good models; `shared` of the rows are hard or easy for all alike."""
    rng = np.random.default_rng(seed)
    common = rng.random(n) < skill
    alike = rng.random(n) < shared
    return [right(np.where(alike, common, rng.random(n) < skill)) for _ in range(models)]


@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_the_raw_best_flatters_and_the_corrected_one_does_not(shared):
    """20 equally good models, 400 validation rows; the truth is 80 %."""
    found = [correct_selection(contest(seed, shared=shared), n_resamples=200, seed=seed) for seed in range(60)]
    raw = 100 * (np.mean([each.raw for each in found]) - 0.8)
    corrected = 100 * (np.mean([each.corrected for each in found]) - 0.8)
    assert raw > (3.0 if shared == 0 else 2.0)
    assert abs(corrected) < 0.7  # of 60 contests; benchmarks/selection.py has more, and less than 0.5
    inside = np.mean([each.low <= 0.8 <= each.high for each in found])
    assert inside > 0.85


def test_a_model_that_is_truly_better_is_hardly_corrected():
    rng = np.random.default_rng(0)
    tables = [right(rng.random(1000) < skill) for skill in (0.6, 0.95, 0.6, 0.6)]
    found = correct_selection(tables)
    assert found.chosen == 1 and found.trials == 4
    assert found.corrected == pytest.approx(found.raw, abs=0.003)


def test_a_choice_never_makes_the_best_better_than_it_looked():
    """On few rows the average precision of those not drawn is higher by itself, whoever was chosen."""
    rng = np.random.default_rng(1)
    truth = (rng.random(24) < 0.2).astype(int)
    said = [np.clip(rng.random(24), 0.01, 0.99) for _ in range(3)]
    tables = [
        Predictions(ids=ids(24), target=COIN, truth=truth, output=np.stack([1 - each, each], axis=1)) for each in said
    ]
    found = correct_selection(tables, "average_precision")
    assert found.corrected == found.raw == max(METRICS["average_precision"].value(table) for table in tables)


def test_one_model_is_not_corrected():
    table = category()
    found = correct_selection([table])
    assert (found.raw, found.corrected) == (METRICS["accuracy"].value(table),) * 2
    interval = interval_of(METRICS["accuracy"], table)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert "correction" not in str(found)


def test_copies_of_one_model_are_no_choice():
    found = correct_selection([category()] * 8)
    assert found.corrected == pytest.approx(found.raw, abs=0.005)


def test_who_was_not_the_best_is_corrected_for_the_place_it_took():
    tables = contest(3)
    values = [METRICS["accuracy"].value(table) for table in tables]
    order = np.argsort(values)
    best, middle, worst = (correct_selection(tables, chosen=int(order[i])) for i in (-1, 10, 0))
    assert best.raw - best.corrected > 0.02
    assert abs(middle.raw - middle.corrected) < 0.015
    assert worst.corrected - worst.raw > 0.02, "the worst was unlucky"
    rng = np.random.default_rng(0)
    unequal = [right(rng.random(400) < skill) for skill in (0.95, 0.75, 0.5)]
    for chosen, skill in enumerate((0.95, 0.75, 0.5)):
        assert correct_selection(unequal, chosen=chosen).corrected == pytest.approx(skill, abs=0.06)


@pytest.mark.parametrize(
    ("make", "metric"),
    [
        (category, "log_loss"),
        (category, "roc_auc"),
        (category, "f1"),
        (categories, "f1"),
        (number, "rmse"),
        (number, "r2"),
    ],
)
def test_any_metric_can_have_been_chosen_by(make, metric):
    tables = [make(seed=seed) for seed in range(4)]
    same_truth = [table.subset(range(len(table))) for table in tables[:1]] + [
        Predictions(ids=tables[0].ids, target=tables[0].target, truth=tables[0].truth, output=noisy(tables[0], seed))
        for seed in range(5)
    ]
    found = correct_selection(same_truth, metric, n_resamples=200)
    values = [METRICS[metric].value(table) for table in same_truth]
    best = max(values) if METRICS[metric].higher_is_better else min(values)
    assert found.raw == best
    worse = found.raw - found.corrected if METRICS[metric].higher_is_better else found.corrected - found.raw
    assert worse >= -0.02 * abs(found.raw)
    assert found.low <= found.corrected <= found.high


def noisy(table, seed):
    rng = np.random.default_rng(seed + 100)
    if table.target.kind == "number":
        return table.output + rng.normal(0, 2, table.output.shape)
    output = table.output * rng.uniform(0.7, 1.3, table.output.shape)
    return output / output.sum(axis=1, keepdims=True) if table.target.kind == "category" else np.clip(output, 0, 1)


def test_rows_in_another_order_are_the_same_rows():
    one, other = category(seed=1), category(seed=2)
    other = Predictions(ids=one.ids, target=one.target, truth=one.truth, output=other.output)
    turned = other.subset(np.arange(len(other))[::-1])
    assert correct_selection([one, turned]) == correct_selection([one, other])


def test_groups_are_drawn_whole():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 20)
    luck = rng.random((20, 20)) < 0.8  # of a model on a group: all its rows alike

    def model(i):
        table = right(luck[i][groups])
        return Predictions(ids=table.ids, target=COIN, truth=table.truth, output=table.output, groups=groups)

    grouped = correct_selection([model(i) for i in range(20)])
    single = correct_selection([right(luck[i][groups]) for i in range(20)])
    assert grouped.raw - grouped.corrected > 2 * (single.raw - single.corrected)


def test_what_cannot_be_compared_is_said():
    with pytest.raises(DataError, match="no predictions"):
        correct_selection([])
    with pytest.raises(DataError, match="different rows"):
        correct_selection([category(n=10), category(n=20)])
    two = CategoryTarget(name="coin", vocab=("tails", "heads"))
    other = Predictions(ids=ids(9), target=two, truth=np.zeros(9, int), output=np.full((9, 2), 0.5))
    with pytest.raises(DataError, match="different targets"):
        correct_selection([right(np.ones(9)), other])
    with pytest.raises(SettingError, match="accuracyy"):
        correct_selection([category()], "accuracyy")
    ages = [NumberTarget(names=("age",), mean=(m,), std=(1.0,)) for m in (40.0, 41.0)]
    truth = np.arange(9.0)[:, None]
    tables = [Predictions(ids=ids(9), target=age, truth=truth, output=truth + 1) for age in ages]
    assert correct_selection(tables).trials == 2, "what numbers were scaled by does not matter"


# ── the prediction for the test set ─────────────────────────────────────────────────────────────────────────────


def test_predictions_hold_as_often_as_they_say():
    """Validation and test rows of one kind: the test score is inside 95 times of 100, small sets included."""
    rng = np.random.default_rng(1)
    for n, n_test, skill in ((12, 12, 0.9), (100, 50, 0.7), (400, 2000, 0.95)):
        held = []
        for _ in range(150):
            table = right(rng.random(n) < skill)
            said = expect(correct_selection([table]), METRICS["accuracy"], table, n_test)
            held.append(said.low - 1e-9 <= rng.binomial(n_test, skill) / n_test <= said.high + 1e-9)
        assert np.mean(held) > 0.9, (n, n_test, skill)


def test_the_prediction_for_a_proportion_is_the_beta_binomial_one():
    table = right([True] * 90 + [False] * 10)
    said = expect(correct_selection([table]), METRICS["accuracy"], table, 50)
    drawn = stats.betabinom(50, 90.5, 10.5)
    assert (said.low, said.high) == (drawn.ppf(0.025) / 50, drawn.ppf(0.975) / 50)
    assert (said.value, said.raw, said.n, said.n_test, said.trials) == (0.9, 0.9, 100, 50, 1)


def test_the_prediction_for_other_metrics_grows_with_fewer_test_rows():
    table = number()
    chosen = correct_selection([table], "rmse")
    few, many = (expect(chosen, METRICS["rmse"], table, n_test) for n_test in (20, 20_000))
    assert few.low < many.low < many.value < many.high < few.high
    assert many.high - many.value == pytest.approx(chosen.high - chosen.corrected, rel=0.02)


@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
def test_what_is_expected_of_another_test_set_is_what_would_have_been_said_of_it(metric):
    table = category(150, 3)
    selection, measure = correct_selection([table], metric), METRICS[metric]
    said = expect(selection, measure, table, 80)
    for n_test in (20, 80, 5000):
        directly = expect(selection, measure, table, n_test)
        found = expect_of_others(said, measure, n_test, grouped=False)
        assert (found.low, found.high) == pytest.approx((directly.low, directly.high))
        assert found.n_test == n_test and found.value == said.value
