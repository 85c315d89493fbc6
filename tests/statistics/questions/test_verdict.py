"""Verdict, claim and equivalence against published figures and by simulation."""

import numpy as np
import pytest
from scipy import stats

from drivetrain.statistics.fitting.covariance import Estimate, slope_of
from drivetrain.statistics.fitting.fits import fit_rows
from drivetrain.statistics.fitting.rows import read_rows
from drivetrain.statistics.questions.verdict import equivalence, judge_claim, verdict_of


def slope(value: float, se: float = 1.0, df: float = 200.0) -> Estimate:
    return Estimate(value, se, df, 0.95, "HC3")


def two_groups() -> tuple[np.ndarray, np.ndarray]:
    """Two groups with the means and standard deviations of Lakens (2017), to the last digit."""
    groups = []
    for n, mean, sd in ((95, 5.25, 0.95), (89, 5.22, 0.83)):
        shape = stats.norm.ppf((np.arange(n) + 0.5) / n)
        groups.append(mean + sd * (shape - shape.mean()) / shape.std(ddof=1))
    return np.concatenate(groups), np.repeat([1.0, 0.0], (95, 89))


def test_equivalence_is_that_of_r():
    """R's TOSTER, `TOSTtwo(m1=5.25, m2=5.22, sd1=0.95, sd2=0.83, n1=95, n2=89, low_eqbound_d=-0.43,
    high_eqbound_d=0.43, var.equal=FALSE)`, the example of Lakens (2017): t(181.1) = −2.69, p = .004 for the upper
    bound. Rows as clusters of one give Welch's error."""
    y, group = two_groups()
    table = {"y": y, "group": group, "row": [f"r{i}" for i in range(len(y))]}
    welch = slope_of(fit_rows(read_rows(table, outcome="y", of="group", cluster="row")), "CR2")
    assert welch.se == pytest.approx(np.sqrt(0.95**2 / 95 + 0.83**2 / 89))
    margin = 0.43 * np.sqrt((0.95**2 + 0.83**2) / 2)
    tested = equivalence(welch, margin)
    assert round(tested.t_high, 2) == -2.69
    assert round(tested.p, 3) == 0.004
    assert tested.equivalent and verdict_of(welch, tested) == "none"


def test_both_tests_reject_exactly_where_the_narrow_interval_lies_inside():
    for value in np.linspace(-3, 3, 41):
        one = slope(float(value), 0.7, 11.0)
        tested = equivalence(one, 2.0)
        assert tested.equivalent == (tested.low > -2.0 and tested.high < 2.0)


@pytest.mark.parametrize(
    ("value", "se", "margin", "verdict"),
    [
        (5.0, 1.0, 2.0, "effect"),
        (-5.0, 1.0, 2.0, "effect"),
        (5.0, 1.0, 4.0, "cannot_tell"),  # something is there; whether it matters is open
        (0.5, 0.1, 2.0, "too_small"),
        (-0.5, 0.1, 2.0, "too_small"),
        (0.1, 0.3, 2.0, "none"),
        (0.1, 3.0, 2.0, "cannot_tell"),
        (1.9, 1.0, 2.0, "cannot_tell"),
        (5.0, 1.0, None, "effect"),
        (0.1, 1.0, None, "cannot_tell"),
    ],
)
def test_the_verdict_is_one_of_four(value, se, margin, verdict):
    one = slope(value, se)
    assert verdict_of(one, None if margin is None else equivalence(one, margin)) == verdict


def test_a_claim_is_excluded_exactly_where_the_interval_does_not_hold_it():
    one = slope(1.0, 0.5, 30.0)
    for claim in np.linspace(-1, 3, 33):
        assert judge_claim(one, float(claim)).excluded == (not one.low <= claim <= one.high)


@pytest.mark.parametrize("n_clusters", [0, 20])
def test_equivalence_is_concluded_in_at_most_5_percent_where_the_slope_is_the_margin(n_clusters):
    """With a true slope of exactly the margin; 400 tables, so that 5 % is 20 ± 4.4."""
    random = np.random.default_rng(5)
    wrong = 0
    for _ in range(400):
        n = 60
        group = np.arange(n) % max(n_clusters, 1)
        x = random.normal(size=n) + (random.normal(size=max(n_clusters, 1))[group] if n_clusters else 0)
        noise = random.normal(size=n) + (random.normal(size=max(n_clusters, 1))[group] if n_clusters else 0)
        table = {"x": x, "y": 0.5 * x + noise, "g": [f"g{g}" for g in group]}
        fit = fit_rows(read_rows(table, outcome="y", of="x", cluster="g" if n_clusters else None))
        wrong += equivalence(slope_of(fit, "CR2" if n_clusters else "HC3"), 0.5).equivalent
    assert wrong <= 20 + 3 * 4.4
