"""Differences on the same rows: Tango's interval against a published example, its definition and exact coverage."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import multinomial, norm

from drivetrain.evaluation.intervals.differences import CORRELATION, paired_influences, tango_interval
from drivetrain.evaluation.intervals.score_interval import share


def by_definition(only_a, only_b, n, level):
    """The score test, its nuisance parameter found by maximising the likelihood numerically."""

    def score(delta):
        def minus_log_likelihood(down):
            shares = np.array([down + delta, down, 1 - 2 * down - delta])
            counts = np.array([only_a, only_b, n - only_a - only_b])
            return -float((counts * np.log(np.maximum(shares, 1e-300))).sum())

        bounds = (max(0.0, -delta), (1 - delta) / 2)
        down = minimize_scalar(minus_log_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
        return ((only_a - only_b) / n - delta) / math.sqrt((2 * down + delta - delta**2) / n)

    reach, measured = norm.ppf(0.5 + level / 2), (only_a - only_b) / n
    return (
        brentq(lambda delta: score(delta) - reach, -0.999, measured),
        brentq(lambda delta: score(delta) + reach, measured, 0.999),
    )


def test_tango_is_that_of_a_published_example():
    """Fagerland, Lydersen & Laake (2014), airway hyper-responsiveness (Bentur et al. 2009): 1 and 7 of 21."""
    interval, _ = tango_interval(1, 7, 21)
    assert (interval.low, interval.high) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize(("only_a", "only_b", "n"), [(5, 3, 40), (9, 2, 30), (60, 30, 800), (4, 4, 20)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_tango_is_its_definition(only_a, only_b, n, level):
    interval, _ = tango_interval(only_a, only_b, n, level=level)
    assert (interval.low, interval.high) == pytest.approx(by_definition(only_a, only_b, n, level), abs=1e-5)


def test_tango_excludes_zero_just_where_mcnemar_without_correction_does():
    for only_a in range(12):
        for only_b in range(12):
            interval, _ = tango_interval(only_a, only_b, 40)
            found = only_a != only_b and (only_a - only_b) ** 2 / (only_a + only_b) > norm.ppf(0.975) ** 2
            assert (interval.low > 0 or interval.high < 0) == found


def test_tango_turns_with_the_order_and_keeps_a_width():
    there, back = tango_interval(7, 2, 30)[0], tango_interval(2, 7, 30)[0]
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    none, all_rows = tango_interval(0, 0, 20)[0], tango_interval(20, 0, 20)[0]
    end = norm.ppf(0.975) ** 2 / (20 + norm.ppf(0.975) ** 2)
    assert (none.low, none.high) == pytest.approx((-end, end))
    assert 0 < all_rows.low < all_rows.high == 1


def test_tango_covers_what_it_promises_by_enumeration():
    """Every table of 20 rows, with its probability; averaged over how often the models differ."""
    n = 20
    ends = {(a, b): tango_interval(a, b, n)[0] for a in range(n + 1) for b in range(n + 1 - a)}
    for gap in (0.0, 0.1):
        held = [
            sum(
                multinomial.pmf([a, b, n - a - b], n, [down + gap, down, 1 - 2 * down - gap])
                for (a, b), interval in ends.items()
                if interval.low <= gap <= interval.high
            )
            for down in np.linspace(0.08, 0.3, 12)
        ]
        assert 0.94 <= np.mean(held) <= 0.965


def test_influences_join_the_ends_of_both_intervals():
    rng = np.random.default_rng(0)
    common = rng.random(200)
    a, b = (share(common + 0.3 * rng.random(200) < cut) for cut in (1.1, 0.9))
    first, second = a.influence(), b.influence()
    shared = CORRELATION * np.corrcoef(first.rows_N, second.rows_N)[0, 1]
    one, two = first.interval(), second.interval()
    down, up = first.value - one.low, two.high - second.value
    low = first.value - second.value - math.sqrt(down**2 + up**2 - 2 * shared * down * up)
    found, _ = paired_influences(first, second)
    assert found.low == pytest.approx(low, abs=1e-6)
    back, _ = paired_influences(second, first)
    assert (found.low, found.high) == pytest.approx((-back.high, -back.low))
