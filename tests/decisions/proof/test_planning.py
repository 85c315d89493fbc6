import numpy as np
import pytest
from statsmodels.stats.power import TTestIndPower

from drivetrain.decisions.proof.planning import power_of_options, power_of_slope, rows_needed

TWO = np.array([0.0, 1.0])


@pytest.mark.parametrize("size", [0.2, 0.5, 0.8])
def test_two_values_are_the_t_test_of_two_groups(size):
    """Cohen (1988), table 2.4.1: 64 and 26 a group for .5 and .8 at a power of .8; 394 for .2 (the table says 393)."""
    needed = rows_needed(lambda n: power_of_slope(n, TWO, size, 1.0, 0.95), 0.8, 3)
    oracle = TTestIndPower().solve_power(effect_size=size, alpha=0.05, power=0.8)
    assert needed == int(np.ceil(2 * oracle))
    assert {0.2: 394, 0.5: 64, 0.8: 26}[size] == int(np.ceil(needed / 2))


def test_power_of_a_line_is_what_draws_give():
    random = np.random.default_rng(0)
    values = np.array([10.0, 20.0, 30.0])
    x = np.tile(values, 40)
    shown = 0
    for _ in range(2_000):
        y = 0.05 * x + 2 * random.normal(size=120)
        centred = x - x.mean()
        slope = centred @ y / (centred @ centred)
        error = np.sqrt(np.sum((y - y.mean() - slope * centred) ** 2) / 118 / (centred @ centred))
        shown += abs(slope / error) > 1.9803
    assert power_of_slope(120, values, 1.0, 2.0, 0.95) == pytest.approx(shown / 2_000, abs=0.025)


def test_options_share_the_level():
    alone = power_of_options(128, 2, 0.5, 1.0, 0.95)
    assert alone == pytest.approx(TTestIndPower().power(0.5, 64, 0.05), abs=1e-6)
    three = power_of_options(192, 3, 0.5, 1.0, 0.95)
    assert three == pytest.approx(TTestIndPower().power(0.5, 64, 0.025), abs=0.005)


def test_an_effect_too_small_to_be_found():
    assert rows_needed(lambda n: power_of_slope(n, TWO, 1e-9, 1.0, 0.95), 0.8, 3) is None
