"""Cautious plans: against every choice there is."""

import itertools

import numpy as np
import pytest

from drivetrain.decisions.optimise.problem import Linear, Problem
from drivetrain.decisions.optimise.risk import read_risk, solve, totals, worst_mean
from drivetrain.errors import SettingError


def members(n, actions, k, seed=0):
    """Values on which members agree but for the worth of each action."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(n, actions)) + 0.8 * random.normal(size=(k, 1, actions))
    return values.astype(np.float32)


@pytest.mark.parametrize("risk", ["worst", "cvar:0.5", "cvar:0.34"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_near_the_best_of_all_choices(risk, seed):
    values = members(7, 3, 6, seed)
    share = read_risk(risk).share
    best = max(worst_mean(totals(values, np.array(choice)), share) for choice in itertools.product(range(3), repeat=7))
    found = solve(Problem(values, risk=risk))
    assert found.bound >= best - 1e-5
    assert best - found.value <= 0.35  # seven rows cannot be mixed finely; many can, below


def test_many_rows_reach_the_bound():
    values = members(2_000, 5, 20)
    for risk in ("worst", "cvar:0.2"):
        found = solve(Problem(values, risk=risk))
        assert found.bound - found.value <= 2e-3 * abs(found.bound)
        mean = solve(Problem(values))
        share = read_risk(risk).share
        assert worst_mean(totals(values, mean.action), share) < found.value


def test_limits_hold_for_cautious_plans():
    values = members(400, 4, 10)
    uses = np.broadcast_to(np.array([0.0, 1.0, 1.0, 0.0]), (400, 4))
    found = solve(Problem(values, limits=(Linear("few", uses, 60),), risk="cvar:0.1"))
    assert np.isin(found.action, (1, 2)).sum() <= 60
    assert found.bindings[0].used == np.isin(found.action, (1, 2)).sum()


def test_a_loss_is_a_loss_against_the_baseline():
    values = members(400, 5, 20, seed=1)
    mean = solve(Problem(values))
    baseline = np.full(20, np.quantile(totals(values, mean.action), 0.13))  # the plan of the mean loses in 3 of 20
    assert (totals(values, mean.action) < baseline).mean() == pytest.approx(0.15)
    found = solve(Problem(values, risk="loss:0.05", baseline=baseline))
    assert (totals(values, found.action) < baseline).mean() <= 0.05
    never = solve(Problem(values, risk="loss:0", baseline=np.full(20, 1e6)))
    assert "loses in so few" in never.notes[0]


def test_the_worst_part_by_hand():
    assert worst_mean(np.array([4.0, 1.0, 2.0, 3.0]), 0.5) == 1.5
    assert worst_mean(np.array([4.0, 1.0, 2.0, 3.0]), 0) == 1
    assert worst_mean(np.array([4.0, 1.0, 2.0, 3.0]), 1) == 2.5


@pytest.mark.parametrize("risk", ["", "median", "cvar:0", "cvar:2", "loss:1", "mean:0.5", 0.1, None])
def test_risks_that_are_none_are_refused(risk):
    with pytest.raises(SettingError, match="To fix:"):
        read_risk(risk)
