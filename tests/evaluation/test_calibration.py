"""Temperatures, calibration error and abstaining: against independent optimisation, naive loops, MAPIE, simulation."""

import json
import math

import numpy as np
import pytest
from mapie.metrics.calibration import expected_calibration_error
from scipy.optimize import minimize
from scipy.stats import beta, norm

import drivetrain as dt
from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation import Predictions, score
from drivetrain.evaluation.calibration import (
    abstain_threshold,
    apply,
    calibrate,
    calibration_error,
    fit_temperature,
    recovered_logits,
    reliability,
)
from drivetrain.runtime.calibration import confidences
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, sigmoid, softmax

from . import tables


def honest(n, k=3, scale=1.0, seed=0):
    """Probabilities that mean what they say, their log odds then multiplied by `scale`."""
    rng = np.random.default_rng(seed)
    probs = softmax(1.5 * rng.normal(size=(n, k)))
    truth = (rng.random((n, 1)) > probs.cumsum(axis=1)).sum(axis=1).clip(0, k - 1)
    target = CategoryTarget(name="kind", vocab=tuple(f"k{i}" for i in range(k)))
    return Predictions(ids=tables.ids(n), target=target, truth=truth, output=softmax(scale * np.log(probs)))


def honest_labels(n, k=4, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, k)) * 1.5
    truth = (rng.random((n, k)) < sigmoid(logits)).astype(np.float32)
    target = CategoriesTarget(name="tags", vocab=tuple(f"t{i}" for i in range(k)))
    return Predictions(ids=tables.ids(n), target=target, truth=truth, output=sigmoid(scale * logits))


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("make", [honest, honest_labels])
def test_the_temperature_undoes_what_was_done_to_the_outputs(make, scale):
    assert fit_temperature(make(6000, scale=scale)) == pytest.approx(scale, rel=0.06)


@pytest.mark.parametrize("table", [honest(400, scale=2.0), honest_labels(300, scale=2.0)], ids=repr)
def test_the_temperature_has_the_lowest_log_loss(table):
    def loss(x):
        probs = table.target.activate(recovered_logits(table) * x[0])
        if table.target.kind == "category":
            return -np.log(probs[np.arange(len(table)), table.truth]).mean()
        return -np.log(np.where(table.truth == 1, probs, 1 - probs)).sum(axis=1).mean()

    best = minimize(loss, [1.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}).x[0]
    found = fit_temperature(table)
    assert 1 / found == pytest.approx(best, rel=0.01)  # the prior is worth one row in hundreds
    assert score(apply(calibrate(table), table), ["log_loss"])["log_loss"].value < loss([1.0])


def test_recovered_outputs_give_the_probabilities_back():
    for table in (honest(50, 5), honest_labels(50)):
        again = table.target.activate(recovered_logits(table))
        assert again == pytest.approx(table.output, abs=1e-12)
    certain = Predictions(ids=("a",), target=honest(1).target, truth=[0], output=[[1.0, 0.0, 0.0]])
    assert np.isfinite(recovered_logits(certain)).all()


def test_rows_that_are_all_right_do_not_make_the_model_certain():
    target = CategoryTarget(name="c", vocab=("a", "b"))
    right = Predictions(ids=tables.ids(20), target=target, truth=[0] * 20, output=[[0.9, 0.1]] * 20)
    assert 0.2 < fit_temperature(right) < 1


def test_a_temperature_changes_no_answer():
    table = honest(500, scale=3.0)
    after = apply(calibrate(table), table)
    assert np.array_equal(after.chosen(), table.chosen())
    assert after.confidence().mean() < table.confidence().mean()


def naive_error(sure, right, n_bins):
    """In bins of equal numbers, as the definition says it."""
    order = np.argsort(sure, kind="stable")
    parts = np.array_split(order, n_bins)
    return sum(len(part) / len(sure) * abs(sure[part].mean() - right[part].mean()) for part in parts)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_calibration_error_is_its_definition(scale):
    """Where a model is too sure in every bin the bins do not matter: where it is calibrated they do."""
    table = honest(600, scale=scale)
    found = calibration_error(table, n_bins=10)
    assert found.value == pytest.approx(naive_error(table.confidence(), table.hits(), 10), abs=1e-12)
    labels = honest_labels(200, scale=scale)
    expected = naive_error(labels.output.reshape(-1), (labels.truth == 1).reshape(-1), 8)
    assert calibration_error(labels, n_bins=8).value == pytest.approx(expected, abs=1e-12)


def test_calibration_error_is_that_of_mapie_where_confidences_repeat():
    """MAPIE cuts bins elsewhere; where only five confidences occur, any bins that tell them apart are the same."""
    rng = np.random.default_rng(0)
    sure = np.repeat([0.55, 0.65, 0.75, 0.85, 0.95], 40)
    right = rng.random(200) < sure - 0.1
    target = CategoryTarget(name="c", vocab=("a", "b"))
    table = Predictions(
        ids=tables.ids(200), target=target, truth=(~right).astype(int), output=np.stack([sure, 1 - sure], axis=1)
    )
    theirs = expected_calibration_error(right.astype(int), sure, num_bins=50, split_strategy="uniform")
    assert calibration_error(table, n_bins=5).value == pytest.approx(theirs)


def test_equal_confidences_stay_together_whatever_the_order_of_rows():
    rng = np.random.default_rng(0)
    sure = rng.choice([0.6, 0.7, 0.9], 200, p=[0.7, 0.2, 0.1])
    truth = rng.integers(0, 2, 200)
    target = CategoryTarget(name="c", vocab=("a", "b"))
    table = Predictions(ids=tables.ids(200), target=target, truth=truth, output=np.stack([sure, 1 - sure], axis=1))
    shuffled = table.subset(rng.permutation(200))
    assert calibration_error(table, n_bins=10).value == pytest.approx(calibration_error(shuffled, n_bins=10).value)
    assert len(reliability(table, n_bins=10)) <= 3
    assert sum(b.n for b in reliability(table, n_bins=10)) == 200


def test_the_noise_of_the_bins_is_taken_off():
    """A calibrated model has an error of 0; measured it is above, and the more so the fewer rows there are."""
    found = [calibration_error(honest(200, seed=seed), n_bins=10, n_resamples=200) for seed in range(60)]
    measured, debiased = (np.mean([getattr(one, name) for one in found]) for name in ("value", "debiased"))
    assert measured > 0.06 and debiased < 0.6 * measured
    assert np.mean([one.low <= 0.0 for one in found]) > 0.9
    biased = [calibration_error(honest(200, scale=3.0, seed=seed), n_bins=10, n_resamples=200) for seed in range(40)]
    true = calibration_error(honest(100_000, scale=3.0), n_bins=10, n_resamples=2).value
    assert np.mean([one.debiased for one in biased]) == pytest.approx(true, abs=0.015)
    assert np.mean([one.low <= true <= one.high for one in biased]) > 0.8


def test_the_interval_is_about_the_error_without_the_noise_of_the_bins():
    found = [calibration_error(honest(200, scale=3.0, seed=seed), n_bins=20, n_resamples=200) for seed in range(40)]
    noise = np.mean([one.value - one.debiased for one in found])
    middle = np.mean([(one.low + one.high) / 2 - one.debiased for one in found])
    assert noise > 0.015 and abs(middle) < 0.005


def test_groups_widen_the_interval_of_the_calibration_error():
    table, group = honest(120, scale=2.0), np.repeat(np.arange(120), 25)
    copies = tables.look_alikes(table, group)
    naive = calibration_error(copies, n_bins=2, n_resamples=500)
    grouped = calibration_error(tables.with_groups(copies, group), n_bins=2, n_resamples=500)
    assert grouped.high - grouped.low > 2 * (naive.high - naive.low)
    assert grouped.method == "debiased bootstrap, 500 resamples of 120 groups"
    wide = reliability(tables.with_groups(copies, group), n_bins=2)
    assert all(
        ours.high - ours.low > bare.high - bare.low
        for ours, bare in zip(wide, reliability(copies, n_bins=2), strict=True)
    )


def test_reliability_counts_every_row_once():
    table = honest(500, scale=2.0)
    bins = reliability(table)
    assert len(bins) == 15 and sum(b.n for b in bins) == 500
    assert [b.confidence for b in bins] == sorted(b.confidence for b in bins)
    assert all(b.low <= b.right <= b.high for b in bins)
    assert sum(b.n * b.right for b in bins) == pytest.approx(table.hits().sum())
    assert len(reliability(table.subset(range(30)))) == 1
    with pytest.raises(SettingError, match="n_bins=0"):
        reliability(table, n_bins=0)
    with pytest.raises(SettingError, match="without a probability"):
        reliability(tables.number())


def test_abstaining_keeps_the_stated_error_rate():
    """In at most one of twenty repeats is the error rate of the answers given above the stated one."""
    rng = np.random.default_rng(0)
    kept = given = 0
    for _ in range(300):
        sure = 0.4 + 0.6 * rng.random(400)
        right = rng.random(400) < sure
        threshold = abstain_threshold(sure, right, max_error=0.2)
        if threshold is not None:
            given += 1
            lowest = max(threshold, 0.4)
            kept += 1 - (lowest + 1.0) / 2 <= 0.2
    assert given > 250 and kept / given >= 0.95


def test_the_threshold_is_the_lowest_of_the_grid_that_the_bound_allows():
    sure, right = np.linspace(0.01, 1, 100), np.arange(100) >= 40
    found = abstain_threshold(sure, right, max_error=0.15)
    for share in range(20, 0, -1):
        answered = slice(100 - 5 * share, 100)
        missed = int((~right[answered]).sum())
        bound = beta.ppf(1 - 0.05 / 20, missed + 1, 5 * share - missed)
        if bound <= 0.15:
            assert found == pytest.approx(sure[100 - 5 * share])
            break
    else:
        raise AssertionError("no share holds")


def test_abstaining_knows_its_ends():
    sure = np.linspace(0.5, 1, 500)
    assert abstain_threshold(sure, np.ones(500, bool), 0.05) == 0.0
    assert abstain_threshold(sure, np.zeros(500, bool), 0.05) is None
    assert abstain_threshold(sure[:10], np.ones(10, bool), 0.01) is None  # ten rows prove nothing about 1 %
    groups = np.arange(500) // 100
    assert abstain_threshold(sure, sure > 0.6, 0.15, groups) is None  # five groups prove little


def test_calibrate_promises_what_it_says():
    table = dt.calibrate(honest(2000, scale=2.0), coverage=0.9, max_error=0.3)
    assert isinstance(table, dt.Calibration)
    new = apply(table, honest(4000, scale=2.0, seed=7))
    sure, right = confidences("category", new.output), new.hits()
    abstained = np.array([table.abstains(row) for row in new.output])
    assert np.array_equal(abstained, sure < table.abstain_below)
    assert 1 - right[~abstained].mean() <= 0.3 < 1 - right.mean()
    assert (table.n, table.coverage, table.max_error, table.kind) == (2000, 0.9, 0.3, "category")
    assert json.loads(table.model_dump_json())["temperature"] == pytest.approx(2.0, rel=0.1)


def test_calibrate_works_for_every_kind():
    labels = calibrate(honest_labels(600, scale=2.0), coverage=0.8)
    assert labels.temperature == pytest.approx(2.0, rel=0.15) and labels.kind == "categories"
    numbers = calibrate(tables.number(300, 2, noise=1.0), coverage=0.95)
    assert numbers.half_widths == pytest.approx((10 * norm.ppf(0.975), 20 * norm.ppf(0.975)), rel=0.15)
    assert (numbers.temperature, numbers.quantile, numbers.abstain_below) == (1.0, None, None)
    assert not numbers.abstains(np.zeros(2))


def test_settings_out_of_range_are_refused():
    table = honest(50)
    with pytest.raises(SettingError, match=r"coverage=1\.5"):
        calibrate(table, coverage=1.5)
    with pytest.raises(SettingError, match="max_error=0"):
        calibrate(table, max_error=0)
    with pytest.raises(DataError, match="no rows"):
        calibrate(table.subset([]))
    with pytest.raises(DataError, match="unlabelled"):
        calibrate(Predictions(ids=table.ids, target=table.target, truth=None, output=table.output))
    with pytest.raises(SettingError, match="without a probability"):
        fit_temperature(tables.number())
    assert math.isfinite(calibration_error(honest(2)).value)


def test_few_rows_get_no_interval_of_the_calibration_error():
    few, enough = calibration_error(honest(99)), calibration_error(honest(100))
    assert few.low is None and few.high is None and few.value > 0
    assert "too few rows for an interval: 100 are needed" in str(few)
    assert enough.low is not None and enough.interval().startswith("[")
