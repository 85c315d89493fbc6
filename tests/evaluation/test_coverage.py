"""95 % intervals hold the true value about 95 times in 100; benchmarks/coverage.py does the same at length.

Each test draws a few hundred sets with a fixed seed. With 300 sets a coverage of 95 % is measured as 92.5 to 97.5 %.
"""

from functools import partial

import numpy as np
import pytest

from drivetrain.evaluation import METRICS, Predictions
from drivetrain.evaluation.comparing import compare
from drivetrain.evaluation.intervals import interval as interval_of
from drivetrain.runtime.targets import CategoryTarget, NumberTarget, softmax

from . import tables

SETS = 300
TARGETS = {k: CategoryTarget(name="kind", vocab=tuple(f"k{i}" for i in range(k))) for k in (2, 3)}
NUMBER = NumberTarget(names=("y",), mean=(0.0,), std=(1.0,))


def rows_of(rng, n, k, strength, groups=None):
    truth = rng.integers(0, k, n)
    logits = 2 * rng.normal(size=(n, k))
    harder = 0.0 if groups is None else 2.0 * rng.normal(size=groups.max() + 1)[groups]
    logits[np.arange(n), truth] += 2 * strength + harder
    return Predictions(ids=tables.ids(n), target=TARGETS[k], truth=truth, output=softmax(logits), groups=groups)


def numbers_of(rng, n):
    truth = rng.normal(size=(n, 1))
    return Predictions(ids=tables.ids(n), target=NUMBER, truth=truth, output=truth + 0.5 * rng.normal(size=(n, 1)))


def coverage(names, draws, sets=SETS, big=60_000):
    """Metric → share of sets whose interval holds the value of a very large set; models are taken in turn."""
    rng = np.random.default_rng(0)
    true = [{name: METRICS[name].value(table) for name in names} for table in (draw(rng, big) for draw in draws)]
    held = dict.fromkeys(names, 0)
    for i in range(sets):
        table = draws[i % len(draws)](rng, 40)
        for name in names:
            interval = interval_of(METRICS[name], table, seed=i)
            held[name] += interval.low <= true[i % len(draws)][name] <= interval.high
    return {name: count / sets for name, count in held.items()}


@pytest.mark.parametrize(
    ("k", "strengths"), [(3, (1.2, 1.6, 2.0)), (2, (2.0, 2.4, 2.8))], ids=["usual", "near the bound"]
)
def test_bounded_metrics_of_forty_rows(k, strengths):
    """Several models: a proportion of 40 rows has 41 values, and coverage jumps from one to the next."""
    names = ["accuracy", "balanced_accuracy", "f1", "roc_auc", "average_precision"]
    found = coverage(names, [partial(rows_of, k=k, strength=strength) for strength in strengths])
    assert all(0.92 <= share <= 0.985 for share in found.values()), found


def test_losses_and_numbers_of_forty_rows(monkeypatch):
    monkeypatch.setattr("drivetrain.evaluation.metrics.metrics._WORK", 40 * 500)  # 500 resamples are enough here
    found = coverage(["rmse", "mae", "r2"], [numbers_of], sets=250)
    found |= coverage(["log_loss", "brier"], [partial(rows_of, k=3, strength=1.5)], sets=250)
    assert all(0.92 <= share <= 0.985 for share in found.values()), found


def test_rows_in_groups():
    codes = np.arange(400) // 20
    rng = np.random.default_rng(0)
    names = ["accuracy", "balanced_accuracy", "f1", "roc_auc"]
    big = rows_of(rng, 100_000, 3, 1.5, np.arange(100_000) // 20)
    true = {name: METRICS[name].value(big) for name in names}
    held, naive = dict.fromkeys(names, 0), 0
    for _ in range(200):
        table = rows_of(rng, 400, 3, 1.5, codes)
        for name in names:
            interval = interval_of(METRICS[name], table)
            held[name] += interval.low <= true[name] <= interval.high
        blind = interval_of(METRICS["accuracy"], tables.with_groups(table, None))
        naive += blind.low <= true["accuracy"] <= blind.high
    assert all(0.90 <= count / 200 <= 0.99 for count in held.values()), held
    assert naive / 200 < 0.85  # the same rows without their groups promise too much


def test_differences_of_equal_models():
    rng = np.random.default_rng(0)
    held = better = 0
    for _ in range(300):
        truth, hard = rng.integers(0, 3, 100), rng.normal(size=(100, 3))
        pair = []
        for _ in range(2):
            logits = hard + 0.7 * rng.normal(size=(100, 3)) + 1.5 * np.eye(3)[truth]
            pair.append(Predictions(ids=tables.ids(100), target=TARGETS[3], truth=truth, output=softmax(logits)))
        found = compare(*pair, n_resamples=300)
        held += found.low <= 0 <= found.high
        better += found.outcome in ("a", "b")
    assert 0.92 <= held / 300 <= 0.99
    assert better / 300 <= 0.06
