"""Numbers that are no plain measurements are told: dates as digits, times since 1970, integers beyond 2**53."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from scenes import scene, write

from drivetrain.data.tables.number_targets import look_at_numbers
from drivetrain.errors import DrivetrainWarning
from drivetrain.kinds.images.images import images

DAYS = [date(2023, 12, 20) + timedelta(days=i) for i in range(30)]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([float(day.strftime("%Y%m%d")) for day in DAYS], "dates written as digits (20231220 to 20240118)"),
        ([float(day.strftime("%Y%m%d") + "2359") for day in DAYS], "dates written as digits (202312202359"),
        ([1.7e9 + i for i in range(60)], "seconds since 1970 (2023-11-14 to 2023-11-14); errors are in seconds"),
        ([1.7e12 + 7 * i for i in range(60)], "milliseconds since 1970"),
        ([1.7e18 + 256.0 * i for i in range(60)], "nanoseconds since 1970"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*beyond")
def test_dates_and_times_are_recognised(values, said):
    found = look_at_numbers(["x", "y"], [(0.5, value) for value in values])
    assert found is not None and found.reason.startswith("'y' looks like") and said in found.reason


@pytest.mark.parametrize(
    "values",
    [
        [20231220.0, 20231301.0],  # no month 13
        [20231220.0, 20231230.5],
        [10_000_000.0 + i for i in range(5)],  # the year 1000
        [151.0, 20231220.0],
        [-20231220.0, 20231220.0],
        [1990.0 + i for i in range(30)],  # years: distances are right
        [0.0, 1.0],
    ],
)
def test_other_numbers_are_not(values):
    assert look_at_numbers(["y"], [(value,) for value in values]) is None


def test_integers_that_float64_rounds_are_told():
    with pytest.warns(
        DrivetrainWarning, match=r"2 of 3 values of 'y' are whole numbers beyond 9,007,199,254,740,992"
    ) as w:
        look_at_numbers(["y"], [(float(2**53 + 2),), (float(2**60),), (5.0,)])
    assert "rounded to 256" in str(w[0].message) and "To fix:" in str(w[0].message)
    assert look_at_numbers(["y"], [(6.02e23,), (3e22,)]) is None, "a large measurement has no last digit"


def test_it_stands_among_the_decisions(tmp_path):
    for i in range(30):
        write(tmp_path / f"{i}.png", scene(i))
    cells = {"path": [f"{i}.png" for i in range(30)], "day": [int(day.strftime("%Y%m%d")) for day in DAYS]}
    pd.DataFrame(cells).to_csv(tmp_path / "days.csv", index=False)
    data = images(tmp_path / "days.csv", task="number")
    assert "dates written as digits" in data.decisions["numbers"].reason and "numbers: as numbers" in data.summary()
    assert sorted({value for (value,) in data.train.values})[0] >= 20231220.0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.1 * (i % 10) for i in range(79)] + [1e9], r"1 of 80 values of 'y' \(1e\+09\) lies so far .*\(0 to 0.9\)"),
        ([20 + 0.1 * (i % 10) for i in range(60)] + [-999] * 6, r"6 of 66 values of 'y' \(-999, -999, -999, …"),
        ([3e-9 * (i % 7) for i in range(300)] + [1.0, -1.0], r"2 of 302 values of 'y' \(-1, 1\)"),
    ],
)
def test_values_far_from_all_others_are_told(values, said):
    with pytest.warns(DrivetrainWarning, match=said):
        look_at_numbers(["x", "y"], [(0.5 + i, value) for i, value in enumerate(values)])


def test_heavy_tails_and_many_zeros_are_ordinary():
    rng = np.random.default_rng(0)
    ordinary = [
        rng.lognormal(10, 1.5, 500),  # prices
        np.where(rng.random(500) < 0.95, 0, rng.exponential(5, 500)),  # rain
        rng.standard_t(3, 500),
        rng.normal(1.7e9, 3, 500),
        np.arange(500.0),
        rng.integers(0, 2, 500).astype(float),
        np.r_[np.zeros(250), rng.normal(5, 1, 250)],
    ]
    for values in ordinary:
        assert look_at_numbers(["y"], [(float(value) + 0.25,) for value in values]) is None
