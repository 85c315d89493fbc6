"""A score for each period, and the area under them."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

import drivetrain as dt
from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation.over_time import area_under
from drivetrain.runtime.targets import CategoryTarget, NumberTarget

FRUIT = CategoryTarget(name="fruit", vocab=("fig", "kiwi", "pear"))
RNG = np.random.default_rng(0)
TRUTH, TIMES = RNG.integers(0, 3, 300), RNG.integers(0, 10, 300)
SAID = np.where(RNG.random(300) < 0.9 - 0.06 * TIMES, TRUTH, (TRUTH + 1) % 3)
PREDICTIONS = dt.Predictions(tuple(map(str, range(300))), FRUIT, TRUTH, np.eye(3)[SAID])


@pytest.mark.parametrize("periods", [2, 5, 10, 40])
def test_periods_hold_as_many_times_and_their_f1_is_that_of_scikit_learn(periods):
    found = dt.score_over_time(PREDICTIONS, TIMES, periods=periods)
    n = min(periods, 10)
    assert len(found.periods) == n and found.periods[0][0] == 0 and found.periods[-1][1] == 9
    for (low, high), score in zip(found.periods, found.scores, strict=True):
        those = (low <= TIMES) & (high >= TIMES)
        assert score.value == pytest.approx(f1_score(TRUTH[those], SAID[those], average="macro"))
        assert score.n == those.sum() and score.low < score.value < score.high
    values = [score.value for score in found.scores]
    assert found.area == pytest.approx(np.trapezoid(values) / (n - 1)) and values[0] > values[-1]
    assert f"area under F1 over time (AUT) {found.area:.3f}" in str(found)


def test_a_number_has_its_own_metric():
    size = NumberTarget(names=("cm",), mean=(0.0,), std=(1.0,))
    said = dt.Predictions(("a", "b", "c"), size, [[1.0], [2.0], [4.0]], [[1.0], [2.0], [2.0]])
    found = dt.score_over_time(said, [2024.0, 2024.0, 2025.0])
    assert [one.value for one in found.scores] == [0, 2] and found.area == 1 and found.scores[0].name == "rmse"


def test_the_area_is_that_of_tesseract():
    assert area_under([1, 0, 1, 0]) == 0.5 and area_under([0.8, 0.6, 0.1]) == pytest.approx((0.7 + 0.35) / 2)
    assert area_under([0.8]) is area_under([]) is area_under([None, 0.3]) is None


@pytest.mark.parametrize("times", [[1.0], np.zeros(300), np.full(300, np.nan), ["a"] * 300], ids=range(4))
def test_times_that_do_not_fit_are_refused(times):
    with pytest.raises(DataError, match=r"time"):
        dt.score_over_time(PREDICTIONS, times)


def test_unknown_metrics_are_refused():
    with pytest.raises(SettingError, match="rmse"):
        dt.score_over_time(PREDICTIONS, TIMES, metric="rmse")
