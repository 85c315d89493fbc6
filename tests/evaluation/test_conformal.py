"""Prediction sets against MAPIE, and the promise kept on new rows."""

import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from mapie.conformity_scores.sets.aps import APSConformityScore
from mapie.regression import SplitConformalRegressor
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from drivetrain.errors import DataError
from drivetrain.evaluation import Predictions
from drivetrain.evaluation.calibration import apply, calibrate
from drivetrain.evaluation.conformal import conformal_quantile, coverage_of, set_scores
from drivetrain.runtime.calibration import Calibration

from . import tables


class Said(ClassifierMixin, BaseEstimator):
    """A fitted model that says what it is given."""

    def __init__(self, k=3):
        self.k = k
        self.classes_ = np.arange(k)
        self.n_features_in_ = k

    def fit(self, x, y):
        return self

    def predict_proba(self, x):
        return np.asarray(x)

    def predict(self, x):
        return np.asarray(x).argmax(axis=1)

    def __sklearn_is_fitted__(self):
        return True


class SaidNumber(RegressorMixin, BaseEstimator):
    n_features_in_ = 1

    def fit(self, x, y):
        return self

    def predict(self, x):
        return np.asarray(x)[:, 0]

    def __sklearn_is_fitted__(self):
        return True


@pytest.mark.parametrize("coverage", [0.7, 0.9])
@pytest.mark.parametrize("n", [30, 101])
def test_sets_are_those_of_mapie(coverage, n):
    held, new = tables.category(n, 5, strength=1.5), tables.category(300, 5, seed=9, strength=1.5)
    mapie = SplitConformalClassifier(Said(5), confidence_level=coverage, conformity_score="lac", prefit=True)
    mapie.conformalize(held.output, held.truth)
    _, theirs = mapie.predict_set(new.output)
    quantile = conformal_quantile(set_scores(held.output, held.truth, "category"), coverage)
    ours = Calibration(coverage=coverage, quantile=quantile, n=n)
    for row, expected in zip(new.output, theirs[:, :, 0], strict=True):
        names = {new.target.vocab[k] for k in np.flatnonzero(expected)}
        names.add(new.target.vocab[row.argmax()])  # we never give an empty set
        assert set(ours.prediction_set(new.target, row)) == names


def test_adaptive_scores_are_those_of_mapie_before_it_randomises_them():
    table = tables.category(200, 5)
    expected, _ = APSConformityScore.get_true_label_cumsum_proba(table.truth, table.output, np.arange(5))
    scores = set_scores(table.output, table.truth, "category", "aps")
    assert scores == pytest.approx(expected[:, 0])
    fitted = calibrate(table, coverage=0.8, ranking="aps")
    held = apply(fitted, table)
    covered = [
        table.target.vocab[k] in fitted.prediction_set(table.target, row)
        for row, k in zip(held.output, table.truth, strict=True)
    ]
    assert np.mean(covered) >= 0.8


def test_intervals_of_numbers_are_those_of_mapie():
    held, new = tables.number(80, 1), tables.number(40, 1, seed=4)
    mapie = SplitConformalRegressor(SaidNumber(), confidence_level=0.9, prefit=True)
    mapie.conformalize(held.output, held.truth[:, 0])
    _, theirs = mapie.predict_interval(new.output)
    ours = calibrate(held, coverage=0.9)
    for row, (low, high) in zip(new.output, theirs[:, :, 0], strict=True):
        assert ours.interval(new.target, row)["y0"] == pytest.approx((low, high))


@pytest.mark.parametrize("n", [9, 19, 50])
def test_the_promise_is_kept_and_not_much_more(n):
    rng = np.random.default_rng(n)
    covered = [
        rng.random() <= (1.0 if (q := conformal_quantile(rng.random(n), 0.9)) is None else q) for _ in range(8000)
    ]
    assert 0.9 - 0.01 <= np.mean(covered) <= 0.9 + 1 / (n + 1) + 0.01


def test_too_few_rows_promise_nothing():
    assert conformal_quantile(np.arange(8.0), 0.9) is None
    assert conformal_quantile(np.arange(9.0), 0.9) == 8.0
    assert conformal_quantile(np.arange(99.0), 0.9) == 89.0  # the 90th of 99
    table = tables.category(5, 3)
    fitted = calibrate(table)
    assert fitted.quantile is None
    assert set(fitted.prediction_set(table.target, table.output[0])) == set(table.target.vocab)
    numbers = calibrate(tables.number(5, 2))
    assert numbers.half_widths is None and numbers.interval(tables.number(5, 2).target, np.zeros(2)) == {}
    with pytest.raises(DataError, match="no rows"):
        conformal_quantile(np.zeros(0), 0.9)


def test_new_groups_are_covered_where_rows_of_a_group_are_alike():
    rng = np.random.default_rng(0)
    rows, groups = [], []
    for _ in range(1500):
        sizes = rng.choice([1, 60], 21)  # large groups would drown the small ones
        hard = rng.exponential(size=21) * np.where(sizes == 60, 0.3, 1.0)
        codes = np.repeat(np.arange(20), sizes[:20])
        scores = hard[codes] + 0.05 * rng.random(len(codes))
        new = hard[20] + 0.05 * rng.random()
        rows.append(new <= conformal_quantile(scores, 0.8))
        groups.append(new <= conformal_quantile(scores, 0.8, codes))
    assert np.mean(rows) < 0.77 and 0.785 <= np.mean(groups) <= 0.8 + 1 / 21 + 0.02


@pytest.mark.parametrize("table", [tables.category, tables.categories, tables.number])
def test_coverage_is_checked_on_other_rows(table):
    fitted = calibrate(table(400), coverage=0.8)
    checked = coverage_of(fitted, apply(fitted, table(2000, seed=5)))
    assert checked.found == pytest.approx(0.8, abs=0.05)
    assert checked.interval.low <= checked.found <= checked.interval.high and checked.n == 2000
    assert f"found {100 * checked.found:.1f} %" in str(checked)
    assert checked.mean_size > 0


def test_sets_of_several_labels_hold_all_that_are_true():
    probs, truth = np.array([[0.9, 0.3, 0.1], [0.2, 0.1, 0.6]]), np.array([[1, 1, 0], [0, 0, 0]])
    assert set_scores(probs, truth, "categories").tolist() == pytest.approx([0.7, 0.0])
    table = tables.categories(50, 4)
    everything = Calibration(kind="categories", coverage=0.9, quantile=1.0, n=50)
    assert len(everything.prediction_set(table.target, table.output[0])) == 4
    nothing = Calibration(kind="categories", coverage=0.9, quantile=0.0, n=50)
    assert nothing.prediction_set(table.target, np.full(4, 0.99)) == ()


def test_groups_widen_the_interval_of_the_coverage():
    table = tables.category(300, 3)
    fitted = calibrate(table)
    bare = coverage_of(fitted, apply(fitted, table))
    grouped = coverage_of(fitted, apply(fitted, tables.with_groups(table, np.arange(300) // 50)))
    assert grouped.interval.high - grouped.interval.low > bare.interval.high - bare.interval.low
    with pytest.raises(DataError, match="too few rows"):
        coverage_of(calibrate(tables.number(4, 1)), tables.number(9, 1))
    assert isinstance(apply(fitted, table), Predictions)
