"""Score intervals: each row's influence against a numeric derivative, the ends against formulas and statsmodels."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import multivariate_normal, norm, t
from statsmodels.stats.proportion import proportion_confint

from drivetrain.evaluation import METRICS, Predictions
from drivetrain.evaluation.intervals import interval as interval_of
from drivetrain.evaluation.intervals.score_interval import Influence, Ratios, one_ratio, share
from drivetrain.evaluation.metrics.ranking import average_precision_influence, roc_auc_influence
from drivetrain.runtime.targets import CategoryTarget

from . import tables

BOUNDED = ["balanced_accuracy", "f1", "roc_auc", "average_precision", "accuracy_multi", "f1_micro"]
CASES = [
    (name, table)
    for table in (tables.category(300, 3), tables.category(200, 2, ties=True), tables.categories(200, 4))
    for name in BOUNDED
    if table.target.kind in METRICS[name].kinds
]


def binary(pos, neg):
    """A table whose second category has these scores."""
    scores = np.concatenate([pos, neg]).astype(float)
    truth = np.repeat([1, 0], [len(pos), len(neg)])
    target = CategoryTarget(name="ill", vocab=("no", "yes"))
    output = np.stack([1 - scores, scores], axis=1)
    return Predictions(ids=tables.ids(len(scores)), target=target, truth=truth, output=output)


@pytest.mark.parametrize(("name", "table"), CASES, ids=lambda item: item if isinstance(item, str) else repr(item))
def test_influence_is_the_derivative_by_a_rows_weight(name, table):
    metric = METRICS[name]
    influence = metric.influence(table)
    assert influence.value == pytest.approx(metric.value(table))
    statistic, n, step = metric.statistic(table), len(table), 1e-5
    weights = np.ones((n, n)) + step * np.eye(n)
    derivative = (statistic(weights) - influence.value) / step
    # judged by the other rows rather than by all, so larger by about one in the rows of a category
    assert influence.rows_N == pytest.approx(derivative, rel=0.15, abs=1e-4)


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (1, 20), (17, 20), (20, 20), (480, 500)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_with_a_design_of_one_the_interval_is_that_of_wilson(hits, n, level):
    rows = np.zeros(n)
    exact = Influence(hits / n, rows, lambda p: p * (1 - p) / n, np.zeros(n, bool))
    assert exact.design(None) == 1
    interval = exact.interval(level=level)
    low, high = proportion_confint(hits, n, alpha=1 - level, method="wilson")
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-9)


def test_the_interval_of_an_auc_solves_its_equation():
    """With the variance of Hanley & McNeil (1982), eq. 1, from exponential scores and from normal ones."""
    rng = np.random.default_rng(0)
    table = binary(0.5 + 0.3 * rng.random(12), 0.3 + 0.4 * rng.random(30))
    influence = roc_auc_influence(table)
    reach = 1.959964 * np.sqrt(influence.design(None))

    def variance(theta):
        z = norm.ppf(theta)
        q_normal = multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]]).cdf([z, z])
        q_1, q_2 = theta / (2 - theta), 2 * theta**2 / (1 + theta)
        spread = ((q_1 + q_2) / 2 + q_normal) / 2 - theta**2
        return (theta * (1 - theta) + (12 - 1 + 30 - 1) * spread) / (12 * 30)

    interval = influence.interval()
    low = brentq(lambda t: influence.value - t - reach * np.sqrt(variance(t)), 1e-9, influence.value)
    high = brentq(lambda t: t - influence.value - reach * np.sqrt(variance(t)), influence.value, 1 - 1e-12)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-5)


def test_the_variance_of_an_auc_is_that_of_delong():
    rng = np.random.default_rng(1)
    table = binary(np.round(0.45 + 0.3 * rng.random(60), 2), np.round(0.3 + 0.4 * rng.random(80), 2))
    pos, neg = table.output[table.truth == 1, 1], table.output[table.truth == 0, 1]
    wins = (pos[:, None] > neg) + 0.5 * (pos[:, None] == neg)
    variance = wins.mean(axis=1).var(ddof=1) / 60 + wins.mean(axis=0).var(ddof=1) / 80
    influence = roc_auc_influence(table)
    assert influence.value == pytest.approx(wins.mean())
    assert (influence.rows_N**2).sum() == pytest.approx(variance, rel=0.05)


def test_perfect_rows_have_an_interval_that_shrinks_with_more_of_them():
    for make in (roc_auc_influence, average_precision_influence):
        few = make(binary(np.linspace(0.6, 0.9, 10), np.linspace(0.1, 0.4, 10))).interval()
        many = make(binary(np.linspace(0.6, 0.9, 500), np.linspace(0.1, 0.4, 500))).interval()
        assert few.high == many.high == 1
        assert 0.6 < few.low < 0.9 < many.low < 1


def test_f1_and_recall_of_perfect_rows_say_what_wilson_says_of_as_many():
    table = tables.category(90, 3)
    balanced = table.subset(np.concatenate([np.flatnonzero(table.truth == k)[:20] for k in range(3)]))
    perfect = Predictions(
        ids=balanced.ids, target=balanced.target, truth=balanced.truth, output=np.eye(3)[balanced.truth]
    )
    low, _ = proportion_confint(60, 60, method="wilson")
    reach = t.ppf(0.975, 59) ** 2  # of F1, whose base depends on the answers
    for name, expected in (("balanced_accuracy", low), ("f1", 60 / (60 + reach))):
        interval = interval_of(METRICS[name], perfect)
        assert (interval.low, interval.high) == pytest.approx((expected, 1), abs=1e-6)


def test_groups_that_agree_count_as_one_row_each():
    hits = np.repeat(np.random.default_rng(0).random(60) < 0.7, 20)
    groups = np.repeat(np.arange(60), 20)
    naive = share(hits).influence().interval()
    grouped = share(hits).influence().interval(groups=groups)
    low, high = proportion_confint(hits[::20].sum(), 60, method="wilson")
    assert (grouped.low, grouped.high) == pytest.approx((low, high), abs=0.02)
    assert naive.high - naive.low < 0.4 * (grouped.high - grouped.low)
    assert grouped.method == "score interval of 60 groups"


def test_groups_that_do_not_matter_widen_little():
    hits = np.random.default_rng(0).random(1000) < 0.7
    grouped = share(hits).influence().interval(groups=np.arange(1000) % 100)
    low, high = proportion_confint(hits.sum(), 1000, method="wilson")
    assert 1 <= (grouped.high - grouped.low) / (high - low) < 1.25


def test_one_group_or_row_has_no_interval():
    assert share(np.ones(1, bool)).influence().interval() is None
    assert share(np.ones(9, bool)).influence().interval(groups=np.zeros(9, np.int64)) is None


def test_categories_of_one_row_still_vary():
    """A recall of one row is 0 or 1 and seems exact; the others say how much it varies."""
    n = 400
    hits = (np.random.default_rng(0).random(n) < 0.8).astype(float)
    lonely = Ratios(n, n, np.arange(n), np.arange(n), hits, np.ones(n), 1.0).influence().interval()
    pooled = one_ratio(hits, np.ones(n)).influence().interval()
    assert (lonely.low, lonely.high) == pytest.approx((pooled.low, pooled.high), abs=0.01)


def test_labels_wrong_together_count_less():
    right = np.random.default_rng(0).random(200) < 0.8
    together = one_ratio(4.0 * right, np.full(200, 4.0)).influence().interval()
    low, high = proportion_confint(right.sum(), 200, method="wilson")
    assert (together.low, together.high) == pytest.approx((low, high), abs=0.01)


def test_average_precision_over_categories_varies_at_least_as_simple_rows_do():
    """The rarest category makes most of the variance, and its few rows may agree by chance."""
    one, several = tables.category(60, 2, strength=3.0), tables.category(60, 4, strength=3.0)
    found = [METRICS["average_precision"].influence(table) for table in (one, several)]
    assert [influence.at_least_simple for influence in found] == [False, True]
    free = replace(found[1], at_least_simple=False)
    assert free.design(None) < 1 == found[1].design(None)
    assert found[1].interval().low < free.interval().low
