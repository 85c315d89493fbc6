"""The bootstrap-t against the same thing done row by row, and gradients against differences."""

import time
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2, poisson, t

from drivetrain.evaluation import METRICS, Predictions
from drivetrain.evaluation.intervals import interval as interval_of
from drivetrain.evaluation.intervals import resamples
from drivetrain.evaluation.intervals.bootstrap_t import (
    LOG,
    LOG_OF_REST,
    PLAIN,
    UNSEEN,
    gamma_end,
    mean_interval,
    of_mean,
)
from drivetrain.evaluation.metrics.regression import r2_means, rmse_means
from drivetrain.runtime.targets import CategoryTarget

from . import tables


def drawn_rows(n, n_resamples, seed=0):
    for block in resamples(n, n_resamples, seed):
        for counts in block:
            yield np.repeat(np.arange(n), counts.astype(int))


@pytest.mark.parametrize("scale", [PLAIN, LOG], ids=["plain", "log"])
def test_a_mean_is_the_bootstrap_t_done_row_by_row(scale):
    rows = np.random.default_rng(0).exponential(size=30)
    at, spread = (np.log if scale is LOG else np.array)(rows.mean()), rows.std(ddof=1) / np.sqrt(30)
    spread = spread / rows.mean() if scale is LOG else spread
    ratios = []
    for drawn in drawn_rows(30, 500):
        mean, error = rows[drawn].mean(), rows[drawn].std(ddof=1) / np.sqrt(30)
        moved = np.log(mean) if scale is LOG else mean
        ratios.append((moved - at) / (error / mean if scale is LOG else error))
    below, above = np.quantile(ratios, [0.025, 0.975])
    below *= 1 + 2 / 30  # widened for few rows: towards large errors
    above *= 1 if scale is LOG else 1 + 2 / 30
    ends = np.array([at - above * spread, at - below * spread])
    expected = np.exp(ends) if scale is LOG else ends
    found = mean_interval(rows, n_resamples=500, scale=scale)
    assert (found.low, found.high) == pytest.approx(tuple(expected), rel=1e-9)
    assert found.method == "bootstrap-t, 500 resamples"


@pytest.mark.parametrize(("name", "end"), [("rmse", "high"), ("mae", "high"), ("r2", "low")])
def test_few_rows_widen_the_end_of_large_errors_alone(name, end):
    means = METRICS[name].means(tables.number(20, 1))
    alone, found = replace(means, widening=0.0, tail=0.0).interval(), means.interval()
    other = {"high": "low", "low": "high"}[end]
    assert getattr(found, other) == getattr(alone, other)
    wide, narrow = (abs(getattr(interval, end) - getattr(alone, other)) for interval in (found, alone))
    assert wide > 1.1 * narrow


def test_few_rows_do_not_show_that_errors_have_no_tail():
    """Equal errors but for their sign: the standard error found is nearly 0, that of a heavy tail is not."""
    table = tables.number(20, 1)
    errors = np.where(np.arange(20) % 2, 1.0, -1.1)[:, None]
    table = Predictions(ids=table.ids, target=table.target, truth=table.truth, output=table.truth + errors)
    found = interval_of(METRICS["rmse"], table)
    value = METRICS["rmse"].value(table)
    spread = rmse_means(table).error()
    tail = np.sqrt((20 * spread**2 * 20 + 2 * 8 / 4) / 22 / 20)
    alone = replace(rmse_means(table), tail=0.0).interval()
    assert tail > 5 * spread
    assert np.log(found.high / value) == pytest.approx(np.log(alone.high / value) * tail / spread)
    many = rmse_means(tables.number(2000, 1))
    assert many.interval().high == pytest.approx(replace(many, tail=0.0).interval().high, rel=1e-3)


def test_groups_are_sums_over_groups():
    rng = np.random.default_rng(1)
    codes = np.repeat(np.arange(30), rng.integers(1, 6, 30))
    rows = rng.exponential(size=len(codes))
    sums, sizes = np.bincount(codes, rows), np.bincount(codes)

    def error(chosen):
        mean = sums[chosen].sum() / sizes[chosen].sum()
        lost = sums[chosen] - mean * sizes[chosen]
        return mean, np.sqrt((lost**2).sum() * 30 / 29) / sizes[chosen].sum()

    mean, spread = error(np.arange(30))
    ratios = [(found[0] - mean) / found[1] for found in map(error, drawn_rows(30, 400))]
    below, above = np.quantile(ratios, [0.025, 0.975]) * (1 + 2 / 30)
    found = mean_interval(rows, n_resamples=400, scale=PLAIN, groups=codes)
    assert (found.low, found.high) == pytest.approx((mean - above * spread, mean - below * spread), rel=1e-9)
    assert found.method == "bootstrap-t, 400 resamples of 30 groups"


@pytest.mark.parametrize("make", [rmse_means, r2_means])
@pytest.mark.parametrize("d", [1, 3])
def test_gradients_are_the_differences_of_the_value(make, d):
    statistic = make(tables.number(40, d))
    means = statistic.columns_NJ[:15].mean(axis=0)[None]  # of a resample: the mean truth is not that of all rows
    step = 1e-6 * abs(means).max(axis=0)
    moved = [(statistic.value(means + s) - statistic.value(means - s)) / (2 * s.sum()) for s in np.diag(step)]
    assert statistic.gradient(means)[0] == pytest.approx(np.concatenate(moved), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("name", ["rmse", "r2"])
def test_the_standard_error_is_that_of_the_jackknife(name):
    table = tables.number(300, 2)
    statistic = METRICS[name].means(table)
    n = len(table)
    left_out = statistic.statistic()(np.ones((n, n)) - np.eye(n))
    jackknife = np.sqrt((n - 1) * left_out.var())
    interval = statistic.interval(n_resamples=4000)
    scaled = statistic.scale.to(np.array([interval.low, interval.high]))
    at = statistic.scale.to(np.array([METRICS[name].value(table)]))
    error = jackknife * abs(statistic.scale.slope(np.array([METRICS[name].value(table)])))
    assert (scaled - at) / error == pytest.approx(np.array([-1.97, 1.97]), abs=0.25)


@pytest.mark.parametrize("scale", [LOG, LOG_OF_REST, PLAIN], ids=["log", "rest", "plain"])
def test_scales_undo_themselves(scale):
    x = np.array([0.1, 0.5, 0.9])
    assert [scale.back(float(y)) for y in scale.to(x)] == pytest.approx(x)
    step = 1e-6
    assert scale.slope(x) == pytest.approx((scale.to(x + step) - scale.to(x - step)) / (2 * step), rel=1e-5)


def test_few_rows_take_students_t_on_the_same_scale():
    rows = np.array([1.0, 2.0, 4.0])
    found = mean_interval(rows)
    reach = t.ppf(0.975, 2) * rows.std(ddof=1) / np.sqrt(3) / rows.mean()
    assert (found.low, found.high) == pytest.approx((rows.mean() * np.exp(-reach), rows.mean() * np.exp(reach)))
    assert found.method == "Student's t"


def test_nothing_that_varies_has_no_width_and_one_row_no_interval():
    same = mean_interval(np.full(20, 0.1))
    assert same.low == same.high == 0.1
    zero = mean_interval(np.zeros(20))
    assert zero.low == zero.high == 0
    assert mean_interval(np.array([1.0])) is None
    assert mean_interval(np.arange(4.0), groups=np.zeros(4, np.int64)) is None


def test_large_values_lose_no_precision():
    rows = np.random.default_rng(0).normal(size=60)
    near = mean_interval(rows, scale=PLAIN, n_resamples=300)
    far = mean_interval(rows + 1e9, scale=PLAIN, n_resamples=300)
    assert (far.low - 1e9, far.high - 1e9) == pytest.approx((near.low, near.high), abs=1e-5)


def test_one_row_with_nearly_all_of_the_loss_does_not_blow_up_the_interval():
    rows = np.array([0.01] * 19 + [3.0]) * np.linspace(0.9, 1.1, 20)
    found = mean_interval(rows)
    spread = rows.std(ddof=1) / np.sqrt(20) / rows.mean()
    assert found.high <= rows.mean() * np.exp(3.0 * t.ppf(0.975, 19) * spread) * (1 + 1e-9)


def test_where_no_row_is_wrong_the_upper_end_leaves_room_for_a_mistake():
    """Twenty sure rows, all right: the bootstrap alone would end at what such rows cost."""
    target = CategoryTarget(name="ill", vocab=("no", "yes"))
    sure = np.linspace(0.9, 0.99, 20)
    table = Predictions(
        ids=tables.ids(20), target=target, truth=np.zeros(20, int), output=np.stack([sure, 1 - sure], 1)
    )
    wrong = 1 - sure
    for name, losses in (("log_loss", -np.log(wrong)), ("brier", 2 * sure**2)):
        means = METRICS[name].means(table)
        assert means.mistake == pytest.approx((wrong * losses).sum() / wrong.sum())
        alone, found = replace(means, mistake=0.0).interval(), means.interval()
        rows = means.columns_NJ[:, 0] / 20
        room = UNSEEN * 20 / (20 + 60) * means.mistake / 20
        mean, variance = rows.sum() + room, rows.var(ddof=1) * 20 + room**2
        end = variance / (2 * mean) * chi2.ppf(0.975, 2 * mean**2 / variance)  # Fay & Feuer (1997), eq. 4
        assert found.high == pytest.approx(max(alone.high, end))
        assert found.high > alone.high and found.low == alone.low
    labels = tables.categories(50)
    assert METRICS["log_loss"].means(labels).mistake == 0.0


def test_one_mistake_does_not_make_the_interval_of_a_loss_endless():
    """Nineteen sure rows and a mistake: at most what Fay & Feuer's interval with room for one more says."""
    rows = np.array([0.01] * 19 + [3.0])
    alone, found = of_mean(rows).interval(), of_mean(rows, mistake=2.0).interval()
    mean, variance = rows.mean() + 3.0 / 20, (rows**2).sum() / 400 + (3.0 / 20) ** 2
    assert found.high == pytest.approx(variance / (2 * mean) * chi2.ppf(0.975, 2 * mean**2 / variance))
    assert found.high < alone.high


@pytest.mark.parametrize("events", [1, 3, 20])
def test_of_equal_weights_the_gamma_interval_is_that_of_a_poisson_rate(events):
    low, high = gamma_end(events, events, 0.0, 0.025), gamma_end(events, events, 1.0, 0.975)
    assert poisson.sf(events - 1, low) == pytest.approx(0.025)
    assert poisson.cdf(events, high) == pytest.approx(0.025)


def test_bounds_are_kept():
    rows = np.array([0.0] * 9 + [2.0])
    assert mean_interval(rows, most=2.0).high <= 2.0
    assert of_mean(rows, most=1.0).interval().high <= 1.0


@pytest.mark.parametrize("name", ["log_loss", "brier", "accuracy", "f1", "balanced_accuracy", "roc_auc"])
@pytest.mark.parametrize("groups", [False, True], ids=["rows", "groups"])
def test_ten_thousand_rows_take_less_than_two_seconds(name, groups):
    table = tables.category(10_000, 5)
    if groups:
        table = tables.with_groups(table, np.arange(10_000) // 10)
    start = time.process_time()
    interval = interval_of(METRICS[name], table)
    assert time.process_time() - start < 2
    assert interval.low < METRICS[name].value(table) < interval.high


@pytest.mark.parametrize("name", ["rmse", "mae", "r2"])
def test_ten_thousand_numbers_take_less_than_two_seconds(name):
    table = tables.number(10_000, 2)
    start = time.process_time()
    interval_of(METRICS[name], table)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "f1"])
def test_two_thousand_resamples_of_ten_thousand_rows_take_less_than_two_seconds(name):
    """What comparing two models draws; binary, so that no resamples are saved."""
    table = tables.category(10_000, 2)
    statistic = METRICS[name].statistic(table)
    assert METRICS[name].n_resamples(table) == 2000
    start = time.process_time()
    for counts in resamples(10_000, 2000, 0):
        statistic(counts)
    assert time.process_time() - start < 4  # about half of that on an idle machine
