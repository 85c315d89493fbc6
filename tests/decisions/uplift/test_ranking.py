"""Qini, AUUC and the best share, against formulas written out, and against what is true."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from drivetrain.decisions.uplift.ranking import Measured, Ranking, aipw
from drivetrain.errors import SettingError

Array = NDArray[np.float64]


def alone(effect: Array, fold: NDArray[np.int64] | None = None, group: NDArray[np.int64] | None = None) -> Measured:
    n = len(effect)
    return Measured(effect, np.zeros(n, dtype=int) if fold is None else fold, np.arange(n) if group is None else group)


def ranked(score: Array, effect: Array, **more: NDArray[np.int64]) -> Ranking:
    return Ranking("it", "", score, alone(effect, **more))


def test_four_rows_by_hand() -> None:
    order = ranked(np.array([4.0, 3.0, 2.0, 1.0]), np.array([1.0, 0.5, 0.0, -0.5]))
    assert order.measured.average.value == pytest.approx(0.25)
    # gains of treating the best 0, 1, … 4 of 4 rows, per row of all: 0, .25, .375, .375, .25; area by trapezoids
    assert order.auuc.value == pytest.approx((0.25 + 0.375 + 0.375 + 0.25 / 2) / 4)
    assert order.qini.value == pytest.approx(order.auuc.value - 0.25 / 2)
    assert (
        order.uplift_at(0.25).value == 1.0 and order.uplift_at(0.5).value == 0.75 and order.uplift_at(1).value == 0.25
    )
    shares, value, _, _ = order.curve([0, 0.25, 0.5, 0.75, 1])
    assert value == pytest.approx([0, 0.25, 0.375, 0.375, 0.25]) and shares[-1] == 1


def test_equal_scores_are_in_random_order() -> None:
    effect = np.array([1.0, 0.0, 0.5, -0.5])
    tied = ranked(np.array([1.0, 1.0, 0.0, 0.0]), effect)
    both = [ranked(np.array([4.0, 3.0, 2.0, 1.0]), effect[list(o)]) for o in ((0, 1, 2, 3), (1, 0, 2, 3))]
    both += [ranked(np.array([4.0, 3.0, 2.0, 1.0]), effect[list(o)]) for o in ((0, 1, 3, 2), (1, 0, 3, 2))]
    assert tied.qini.value == pytest.approx(np.mean([order.qini.value for order in both]))
    assert tied.uplift_at(0.25).value == pytest.approx(0.5)
    chance = ranked(np.zeros(4), effect)
    assert chance.qini.value == pytest.approx(0) and chance.qini.high == pytest.approx(0)
    assert chance.uplift_at(0.3).value == pytest.approx(0.25)


def test_the_curve_is_that_of_counts_where_everything_is_known() -> None:
    """Radcliffe's curve: of the best k rows, responders treated less responders not, scaled by n_t / n_c."""
    random = np.random.default_rng(0)
    n = 200_000
    score, treated = random.normal(size=n), random.random(n) < 0.5
    outcome = (random.random(n) < 0.2 + 0.1 * treated * (score > 0)).astype(float)
    effect = aipw(outcome, treated, np.full(n, 0.5), np.full(n, 0.25), np.full(n, 0.2))
    order = np.argsort(-score)
    t, y = treated[order].cumsum(), (outcome * treated)[order].cumsum()
    c, x = (~treated)[order].cumsum(), (outcome * ~treated)[order].cumsum()
    counted = (y - x * t / np.maximum(c, 1)) / t[-1]  # per treated row
    _, value, _, _ = Ranking("it", "", score, alone(effect)).curve([0.25, 0.5, 0.75, 1.0])
    assert value == pytest.approx(counted[[n // 4 - 1, n // 2 - 1, 3 * n // 4 - 1, n - 1]], abs=0.004)


def test_rows_of_different_folds_are_not_compared() -> None:
    effect = np.array([1.0, 0.0, 1.0, 0.0])
    fold = np.array([0, 0, 1, 1])
    shifted = ranked(np.array([2.0, 1.0, 102.0, 101.0]), effect, fold=fold)
    assert shifted.qini.value == pytest.approx(ranked(np.array([2.0, 1.0, 2.0, 1.0]), effect).qini.value)
    assert shifted.uplift_at(0.5).value == 1.0


def test_rows_of_one_group_count_once() -> None:
    random = np.random.default_rng(1)
    effect, score = random.normal(size=200), random.normal(size=200)
    once = ranked(score, effect)
    copies = ranked(np.tile(score, 5), np.tile(effect, 5), group=np.tile(np.arange(200), 5))
    for mine, theirs in ((once.qini, copies.qini), (once.uplift_at(0.3), copies.uplift_at(0.3))):
        assert theirs.low is not None and mine.low is not None
        assert theirs.value == pytest.approx(mine.value, abs=1e-9)
        assert theirs.value - theirs.low == pytest.approx(mine.value - mine.low, rel=0.02)


def _trial(seed: int, n: int = 400) -> Ranking:
    random = np.random.default_rng(seed)
    x, treated = random.normal(size=n), random.random(n) < 0.5
    outcome = 0.3 + treated * (0.05 + 0.1 * x) + 0.4 * random.normal(size=n)
    score = x + 0.5 * random.normal(size=n)
    effect = aipw(outcome, treated, np.full(n, 0.5), np.full(n, 0.35), np.full(n, 0.3))
    return ranked(score, effect, fold=np.arange(n) % 5)


def test_intervals_hold_what_is_true() -> None:
    random = np.random.default_rng(9)
    x = random.normal(size=300_000)
    known = ranked(x + 0.5 * random.normal(size=len(x)), 0.05 + 0.1 * x)
    true = [known.qini.value, known.auuc.value, known.uplift_at(0.3).value]
    held = np.zeros(3)
    for seed in range(200):
        order = _trial(seed)
        found = (order.qini, order.auuc, order.uplift_at(0.3))
        held += [
            w.low is not None and w.high is not None and w.low <= t <= w.high for w, t in zip(found, true, strict=True)
        ]
    assert (held >= 183).all()  # .95 of 200 is 190; fewer than 183 come once in a thousand times


def test_errors_are_those_of_leaving_rows_out() -> None:
    random = np.random.default_rng(2)
    score, n = random.normal(size=150), 150
    effect = 3 * score + random.normal(size=n)  # much is owed to the places that a row takes from others
    for name in ("qini", "auuc"):
        without = [getattr(ranked(np.delete(score, i), np.delete(effect, i)), name).value for i in range(n)]
        jackknife = np.sqrt((n - 1) / n * np.sum((np.array(without) - np.mean(without)) ** 2))
        found = getattr(ranked(score, effect), name)
        assert (found.high - found.low) / 2 == pytest.approx(1.976 * jackknife, rel=0.03)  # t of 149


def test_differences_are_paired() -> None:
    order = _trial(3)
    nearly = Ranking("nearly", "", order.score + 1e-3 * np.arange(400) / 400, order.measured)
    paired = order.better_than(nearly)
    assert paired.low is not None and paired.high is not None and order.qini.high is not None
    assert paired.high - paired.low < 0.1 * (order.qini.high - order.qini.value)
    assert paired.value == pytest.approx(order.qini.value - nearly.qini.value)


@pytest.mark.parametrize("wrong", [0, 30, -0.1, "a", float("nan")], ids=str)
def test_no_share(wrong: object) -> None:
    with pytest.raises(SettingError, match="share"):
        _trial(0).uplift_at(wrong)  # pyright: ignore[reportArgumentType]
