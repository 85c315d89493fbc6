"""Platt's map, beside scikit-learn's logistic regression on the same log-odds."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from drivetrain.decisions.models.calibrating import AS_IT_IS, FEWEST_EVENTS, Map, fit_map, log_odds, mapped


def made(n: int = 3000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    z = random.normal(0, 2, n)
    truth = (random.random(n) < 1 / (1 + np.exp(-(0.3 + 0.5 * z)))).astype(float)
    return 1 / (1 + np.exp(-z)), truth


def test_one_member_is_mapped_as_logistic_regression_with_platts_targets_does() -> None:
    p, truth = made()
    above, below = (truth == 1).sum(), (truth == 0).sum()
    target = np.where(truth == 1, (above + 1) / (above + 2), 1 / (below + 2))
    z = log_odds(p)[:, None]
    oracle = LogisticRegression(C=np.inf, tol=1e-10).fit(
        np.r_[z, z], np.r_[np.ones(len(z)), np.zeros(len(z))], sample_weight=np.r_[target, 1 - target]
    )
    found = fit_map(p[None], truth)
    assert found is not None
    assert found.shift == pytest.approx(float(oracle.intercept_[0]), abs=1e-3)
    assert found.scale == pytest.approx(float(oracle.coef_[0, 0]), abs=1e-3)


def test_the_mean_of_several_is_made_right_not_each() -> None:
    """Members that are right alone differ by chance: their mean is not sure enough, and the map makes it surer."""
    random = np.random.default_rng(1)
    z = random.normal(0, 1.5, 6000)
    truth = (random.random(len(z)) < 1 / (1 + np.exp(-z))).astype(float)
    noisy = z + random.normal(0, 1.5, (5, len(z)))
    each = np.stack([mapped(1 / (1 + np.exp(-row)), fit_map(1 / (1 + np.exp(-row))[None], truth)) for row in noisy])
    found = fit_map(each, truth)
    assert found is not None and found.scale > 1.2


def test_what_a_member_has_seen_does_not_count() -> None:
    p, truth = made()
    first = np.arange(len(p)) < 1500
    said = np.stack([np.where(first, p, np.nan), np.where(first, np.nan, p)])  # each row by the one that is new to it
    alone = fit_map(p[None], truth)
    assert fit_map(said, truth) == pytest.approx(alone, abs=1e-6)
    assert fit_map(np.where(np.isnan(said), truth, said), truth) != pytest.approx(alone, abs=0.1)


def test_few_events_give_no_map_and_zero_counts_as_half_the_least() -> None:
    truth = np.r_[np.ones(FEWEST_EVENTS - 1), np.zeros(100)]
    assert fit_map(np.full((1, len(truth)), 0.2), truth) is None
    p, truth = made()
    found = fit_map(np.round(p * 10)[None] / 10, truth)
    assert found is not None and found.floor == pytest.approx(0.05)
    assert np.isfinite(mapped(np.array([0.0, 1.0]), found)).all()
    np.testing.assert_array_equal(mapped(np.array([0.0, 0.3]), AS_IT_IS), [0.0, 0.3])
    assert mapped(np.array([0.0]), Map(1.0, 1.0))[0] < 1e-8
