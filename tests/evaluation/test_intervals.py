import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, bootstrap, norm, poisson, skew, t
from statsmodels.stats.proportion import proportion_confint

from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation.intervals.core import (
    _acceleration,
    bca_quantiles,
    bootstrap_interval,
    group_codes,
    mean_of,
    proportion_interval,
    resamples,
    wilson_interval,
)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [1, 2, 3, 10, 812, 100_000])
def test_wilson_is_that_of_statsmodels(n, level):
    for hits in {0, 1, n // 3, n - 1, n}:
        ours = wilson_interval(hits, n, level=level)
        low, high = proportion_confint(hits, n, alpha=1 - level, method="wilson")
        assert (ours.low, ours.high) == pytest.approx((low, high), abs=1e-12)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.01, 0.999))
def test_wilson_holds_the_proportion_within_its_range(hits_n, level):
    hits, n = hits_n
    interval = wilson_interval(hits, n, level=level)
    assert 0 <= interval.low <= hits / n <= interval.high <= 1


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (-1, 3), (4, 3)])
def test_wilson_refuses_impossible_counts(hits, n):
    with pytest.raises(DataError, match="at least one row"):
        wilson_interval(hits, n)


@pytest.mark.parametrize(("rarer", "n"), [(2, 20), (2, 50), (3, 51), (3, 400)])
def test_near_its_bounds_the_end_of_a_proportion_is_that_of_a_poisson_rate(rarer, n):
    few, many = proportion_interval(rarer, n), proportion_interval(n - rarer, n)
    assert poisson.sf(rarer - 1, few.low * n) == pytest.approx(0.05)
    assert (many.low, many.high) == pytest.approx((1 - few.high, 1 - few.low))
    assert few.high == wilson_interval(rarer, n).high and few.method == "modified Wilson"


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (1, 20), (3, 50), (4, 51), (50, 100), (2, 3), (100, 100)])
def test_elsewhere_the_interval_of_a_proportion_is_wilsons(hits, n):
    assert proportion_interval(hits, n) == wilson_interval(hits, n)


@pytest.mark.parametrize("n", [20, 50, 200])
def test_proportions_near_one_are_covered_by_enumeration(n):
    hits = np.arange(n + 1)
    ends = [proportion_interval(int(x), n) for x in hits]
    for shares in (np.linspace(0.97, 0.998, 57), np.linspace(0.7, 0.97, 55)):
        held = [
            sum(binom.pmf(x, n, p) for x, i in zip(hits, ends, strict=True) if i.low <= p <= i.high) for p in shares
        ]
        assert 0.94 <= np.mean(held) <= 0.972


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_is_a_fraction(level):
    with pytest.raises(SettingError, match=r"such as 0\.95"):
        wilson_interval(1, 2, level=level)
    with pytest.raises(SettingError, match=r"such as 0\.95"):
        bootstrap_interval(mean_of(np.arange(5.0)), 5, level=level)


def test_resamples_draw_rows_evenly_with_replacement():
    blocks = list(resamples(1500, 3000, seed=3))
    counts = np.concatenate(blocks)
    assert len(blocks) > 1 and counts.shape == (3000, 1500)
    assert (counts.sum(axis=1) == 1500).all()
    assert counts.var() == pytest.approx(1 - 1 / 1500, rel=0.01)  # binomial(n, 1/n)
    assert counts.mean(axis=0).std() == pytest.approx(1 / np.sqrt(3000), rel=0.1)
    assert not np.array_equal(counts[0], counts[1])
    assert not np.array_equal(blocks[0][0], blocks[1][0])


def test_the_same_seed_gives_the_same_interval():
    rows = np.random.default_rng(0).exponential(size=50)
    first, again, other = (bootstrap_interval(mean_of(rows), 50, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_bootstrap_of_a_mean_agrees_with_theory():
    rows = np.random.default_rng(0).normal(size=400)
    interval = bootstrap_interval(mean_of(rows), 400, n_resamples=10_000)
    half = 1.966 * rows.std(ddof=1) / 20  # t with 399 degrees of freedom
    assert (interval.low, interval.high) == pytest.approx((rows.mean() - half, rows.mean() + half), abs=0.005)


def test_a_wider_level_gives_a_wider_interval():
    rows = np.random.default_rng(0).normal(size=30)
    widths = [
        interval.high - interval.low
        for interval in (bootstrap_interval(mean_of(rows), 30, level=level) for level in (0.5, 0.8, 0.95, 0.99))
    ]
    assert widths == sorted(widths) and widths[0] < 0.5 * widths[-1]


@pytest.mark.parametrize(("skewed", "least"), [(False, 0.92), (True, 0.88)])
@pytest.mark.parametrize("n", [8, 40])
def test_bootstrap_covers_the_truth_about_as_often_as_it_says(n, skewed, least):
    rng = np.random.default_rng(n)
    covered = 0
    for seed in range(300):
        rows = rng.exponential(size=n) if skewed else 1 + rng.normal(size=n)
        interval = bootstrap_interval(mean_of(rows), n, n_resamples=300, seed=seed)
        covered += interval.low <= 1 <= interval.high
    assert least - (0.06 if skewed and n < 10 else 0) <= covered / 300 <= 0.99


def test_tiny_and_constant_tables_behave():
    assert bootstrap_interval(mean_of(np.array([1.0])), 1) is None
    two = bootstrap_interval(mean_of(np.array([1.0, 3.0])), 2)
    assert (two.low, two.high) == (1.0, 3.0)
    constant = bootstrap_interval(mean_of(np.full(7, 0.1)), 7)
    assert (constant.low, constant.high) == (0.1, 0.1)


def test_a_statistic_that_is_mostly_undefined_has_no_interval():
    assert bootstrap_interval(lambda counts: np.where(counts[:, 0] > 0, 1.0, np.nan), 20) is None
    rare = bootstrap_interval(lambda counts: np.where(counts[:, 0] < 4, counts[:, 0], np.nan), 20)
    assert rare is not None and rare.high <= 3


def test_ten_thousand_rows_take_less_than_two_seconds():
    rows = np.random.default_rng(0).normal(size=10_000)
    start = time.process_time()
    bootstrap_interval(mean_of(rows), 10_000)
    assert time.process_time() - start < 2


def variance_of(rows):
    """A skewed statistic: its bootstrap needs both corrections."""
    square = mean_of(rows**2)
    mean = mean_of(rows)
    return lambda counts: square(counts) - mean(counts) ** 2


def test_bca_is_that_of_scipy():
    rows = np.random.default_rng(3).exponential(size=40)
    statistic = variance_of(rows)
    found = bootstrap(
        (rows,), lambda x, axis: x.var(axis=axis), n_resamples=20_000, method="BCa", rng=np.random.default_rng(0)
    )
    acceleration = _acceleration(statistic, 40, None)
    drawn = found.bootstrap_distribution
    quantiles = bca_quantiles(drawn, rows.var(), acceleration, (norm.ppf(0.975), norm.ppf(0.975)))
    ends = np.quantile(drawn, quantiles)
    assert ends == pytest.approx(tuple(found.confidence_interval), rel=0.01)
    plain = np.quantile(drawn, [0.025, 0.975])
    assert abs(ends - plain).min() > 0.05  # the corrections matter here


def test_the_interval_with_few_rows_is_that_of_scipy_widened():
    """By Student's t and by 2/n on both sides, and on the skewed one by 4/n besides."""
    rows = np.random.default_rng(3).exponential(size=12)
    ours = bootstrap_interval(variance_of(rows), 12, n_resamples=20_000)
    theirs = bootstrap(
        (rows,), lambda x, axis: x.var(axis=axis), n_resamples=20_000, method="BCa", rng=np.random.default_rng(0)
    )
    reach = np.sqrt(12 / 11) * t.ppf(0.975, 11) * (1 + 2 / 12)
    acceleration = _acceleration(variance_of(rows), 12, None)
    assert acceleration > 0
    drawn = theirs.bootstrap_distribution
    ends = np.quantile(drawn, bca_quantiles(drawn, rows.var(), acceleration, (reach, reach * (1 + 4 / 12))))
    assert (ours.low, ours.high) == pytest.approx(tuple(ends), rel=0.05)
    assert ours.low < theirs.confidence_interval.low and ours.high > theirs.confidence_interval.high


@pytest.mark.parametrize("n", [30, 200, 5000])
def test_acceleration_is_the_sixth_of_the_skewness_also_by_blocks(n):
    rows = np.random.default_rng(n).exponential(size=n)
    exact = skew(rows) / (6 * np.sqrt(n))  # of the jackknife of a mean
    assert _acceleration(mean_of(rows), n, None) == pytest.approx(exact, abs=1e-9 if n <= 200 else 0.004)


def test_groups_are_drawn_together():
    groups = np.array([0, 0, 0, 1, 2, 2])
    counts = np.concatenate(list(resamples(6, 500, seed=1, groups=groups)))
    assert counts.shape == (500, 6)
    for group in range(3):
        members = counts[:, groups == group]
        assert (members == members[:, :1]).all()
    assert (counts[:, [0, 3, 4]].sum(axis=1) == 3).all()  # three groups are drawn, whatever their size


def test_rows_that_repeat_within_groups_count_once():
    values = np.random.default_rng(0).normal(size=40)
    single = bootstrap_interval(mean_of(values), 40, n_resamples=4000)
    repeated = np.repeat(values, 10)
    grouped = bootstrap_interval(mean_of(repeated), 400, n_resamples=4000, groups=np.repeat(np.arange(40), 10))
    naive = bootstrap_interval(mean_of(repeated), 400, n_resamples=4000)
    assert (grouped.low, grouped.high) == pytest.approx((single.low, single.high), abs=1e-9)
    assert naive.high - naive.low < 0.5 * (grouped.high - grouped.low)
    assert grouped.method == "BCa bootstrap, 4,000 resamples of 40 groups"


def test_groups_of_any_type_become_numbers():
    assert group_codes(None) is None
    assert group_codes(np.array(["a", "b", "c"])) is None  # every row on its own: no groups
    assert group_codes(np.array([7.5, 7.5, -1.0])).tolist() == [1, 1, 0]
    assert bootstrap_interval(mean_of(np.arange(4.0)), 4, groups=np.zeros(4, int)) is None


def test_ten_thousand_rows_in_groups_take_less_than_two_seconds():
    rows = np.random.default_rng(0).normal(size=10_000)
    start = time.process_time()
    bootstrap_interval(mean_of(rows), 10_000, groups=np.arange(10_000) // 10)
    assert time.process_time() - start < 2
