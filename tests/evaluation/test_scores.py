import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from drivetrain.errors import DataError, SettingError
from drivetrain.evaluation import METRICS, Predictions, Score, Scores, score, wilson_interval
from drivetrain.evaluation.intervals.bootstrap_t import of_mean
from drivetrain.evaluation.metrics.classification import brier_of_a_mistake, f1_ratios
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget

from . import tables

TABLES = {"category": tables.category, "categories": tables.categories, "number": tables.number}


def fitting(kind, k):
    return [m.name for m in METRICS.values() if kind in m.kinds and (m.name != "top_5_accuracy" or k > 5)]


def strict_json(value):
    return json.loads(json.dumps(value, allow_nan=False))


@pytest.mark.parametrize("kind", TABLES)
def test_every_metric_has_a_value_inside_its_interval(kind):
    table = TABLES[kind](120, 7)
    scores = score(table, fitting(kind, 7))
    assert list(scores) == fitting(kind, 7)
    for one in scores.values():
        assert one.low <= one.value <= one.high and one.low < one.high, one
        assert one.n == 120 and one.method and (one.note is None or one.note.startswith("the mean of "))
        if one.name not in ("log_loss", "rmse", "mae", "r2", "brier"):
            assert one.low >= 0 and one.high <= 1
    assert strict_json(scores.as_json())["n"] == 120


def test_every_metric_has_the_interval_that_suits_it():
    table = tables.category()
    scores = score(table, ["accuracy", "error_rate", "brier", "f1"], level=0.9, seed=4)
    hits = int((table.output.argmax(axis=1) == table.truth).sum())
    expected = wilson_interval(hits, 200, level=0.9)
    accuracy = scores["accuracy"]
    assert (accuracy.low, accuracy.high, accuracy.method, accuracy.level) == (
        expected.low,
        expected.high,
        "Wilson",
        0.9,
    )
    assert scores["error_rate"].low == pytest.approx(1 - expected.high)
    rows = ((table.output - np.eye(5)[table.truth]) ** 2).sum(axis=1)
    brier = of_mean(rows, mistake=brier_of_a_mistake(table)).interval(level=0.9, seed=4)
    assert (scores["brier"].low, scores["brier"].high) == pytest.approx((brier.low, brier.high))
    assert scores["brier"].method == "bootstrap-t, 2,000 resamples"
    f1 = f1_ratios(table).influence().interval(level=0.9)
    assert (scores["f1"].low, scores["f1"].high, scores["f1"].method) == (f1.low, f1.high, "score interval")


@pytest.mark.parametrize("kind", TABLES)
def test_rows_that_come_in_groups_are_counted_in_groups(kind):
    table = TABLES[kind](40, 3)
    copies = tables.look_alikes(table, np.repeat(np.arange(40), 10))
    wide = score(tables.with_groups(copies, np.repeat(np.arange(40), 10)), fitting(kind, 3))
    for name, naive in score(copies, fitting(kind, 3)).items():
        if name == "mean_rank":  # a share, here of numbers all above its end: its interval has nothing to widen by
            continue
        grouped = wide[name]
        assert grouped.value == naive.value and grouped.method.endswith(" of 40 groups"), grouped
        assert grouped.high - grouped.low > 2 * (naive.high - naive.low), (naive, grouped)
    alone = score(tables.with_groups(copies, np.zeros(400)), fitting(kind, 3))
    assert all(one.low is None and one.note.endswith("too few groups for an interval") for one in alone.values())


@settings(max_examples=30)
@given(data=st.data(), kind=st.sampled_from(list(TABLES)), n=st.integers(1, 7), k=st.integers(1, 3))
def test_any_small_table_gives_valid_scores(data, kind, n, k):
    grid = st.sampled_from([0.0, 0.25, 0.5, 1.0])
    numbers = st.lists(st.lists(grid, min_size=k, max_size=k), min_size=n, max_size=n)
    output = np.array(data.draw(numbers))
    if kind == "category":
        target = CategoryTarget(name="c", vocab=tuple("abc"[:k]))
        output = (output + 0.25) / (output + 0.25).sum(axis=1, keepdims=True)
        truth = data.draw(st.lists(st.integers(0, k - 1), min_size=n, max_size=n))
    elif kind == "categories":
        target = CategoriesTarget(name="c", vocab=tuple("abc"[:k]))
        truth = np.array(data.draw(numbers)) > 0.4
    else:
        target = NumberTarget(names=tuple("abc"[:k]), mean=(0.0,) * k, std=(1.0,) * k)
        truth = data.draw(numbers)
    scores = score(Predictions(ids=tables.ids(n), target=target, truth=truth, output=output), fitting(kind, k))
    for one in scores.values():
        if one.value is None:
            assert one.low is one.high is None and "undefined" in one.note
        elif one.low is None:
            assert "interval" in one.note and one.method is None
        else:
            assert one.low <= one.value <= one.high
            if one.name not in ("log_loss", "rmse", "mae", "r2", "brier"):
                assert one.low >= 0 and one.high <= 1
    strict_json(scores.as_json())
    assert str(scores) and repr(scores) and scores._repr_html_()


def test_what_cannot_be_measured_is_none_with_a_reason():
    table = tables.category(60, 2)
    one_class = table.subset(np.flatnonzero(table.truth == 1))
    auc = score(one_class, ["roc_auc"])["roc_auc"]
    assert (auc.value, auc.low, auc.high, auc.method) == (None, None, None, None)
    assert "undefined" in auc.note and "undefined" in str(auc)
    assert score(tables.number(1, 1), ["r2"])["r2"].value is None
    lonely = score(tables.number(1, 1), ["mae"])["mae"]
    assert lonely.value is not None and lonely.low is None and lonely.note == "too few rows for an interval"


def test_a_perfect_table_claims_no_certainty():
    table = tables.category(10, 2)
    perfect = Predictions(ids=table.ids, target=table.target, truth=table.truth, output=np.eye(2)[table.truth])
    scores = score(perfect, ["accuracy", "f1", "roc_auc", "average_precision", "balanced_accuracy", "log_loss"])
    for name in ("accuracy", "f1", "roc_auc", "average_precision", "balanced_accuracy"):
        assert scores[name].value == 1 == scores[name].high
        assert scores[name].low < 0.8  # ten of ten may still be three of four
    assert scores["log_loss"].low is None and "no interval" in scores["log_loss"].note


def test_functions_of_the_user_are_metrics():
    def worst(truth, output):
        return abs(truth - output).max()

    def auc(truth, output):
        return roc_auc_score(truth, output[:, 1])

    table = tables.number()
    one = score(table, [worst, "mae"])["worst"]
    assert one.value == pytest.approx(abs(table.truth - table.output).max())
    assert one.low <= one.value <= one.high and one.method == "BCa bootstrap, 400 resamples"
    assert one.higher_is_better is None
    binary = tables.category(40, 2)
    mine, ours = score(binary, [auc, "roc_auc"]).values()
    assert mine.value == pytest.approx(ours.value)
    assert (mine.low, mine.high) == pytest.approx((ours.low, ours.high), abs=0.06)


def test_functions_that_fail_are_named():
    def broken(truth, output):
        return truth["x"]

    def whole(truth, output):
        return truth

    with pytest.raises(SettingError, match=r"'broken' failed on truth of shape \(200,\).*IndexError"):
        score(tables.category(), [broken])
    with pytest.raises(SettingError, match=r"'whole' gave an array of shape \(200,\)"):
        score(tables.category(), [whole])


def test_loss_is_kept_apart_from_the_metrics():
    table = tables.category()
    scores = score(table, ["accuracy"], part="test")
    assert scores.loss == pytest.approx(table.loss.mean())
    assert list(scores) == ["accuracy"] and scores.part == "test"
    assert str(scores).splitlines()[-1].startswith("loss ") and "what the optimiser reads" in str(scores)
    bare = Predictions(ids=table.ids, target=table.target, truth=table.truth, output=table.output)
    assert score(bare, ["accuracy"]).loss is None and "loss" not in str(score(bare, ["accuracy"]))


def test_rows_and_truth_are_needed():
    table = tables.category()
    with pytest.raises(DataError, match="no rows"):
        score(table.subset([]))
    with pytest.raises(DataError, match="unlabelled"):
        score(Predictions(ids=table.ids, target=table.target, truth=None, output=table.output))


@pytest.mark.parametrize(
    ("value", "percent", "expected"),
    [
        (0.931, True, ("93.1 %", "[91.5, 94.5]")),
        (0.93149, False, ("0.931", "[0.915, 0.945]")),
        (0.0, False, ("0.000", "[0.915, 0.945]")),
        (12345.6, False, ("12,346", "[1, 1]")),
        (0.0001234, False, ("0.000123", "[0.915000, 0.945000]")),
    ],
)
def test_numbers_are_readable(value, percent, expected):
    one = Score(name="x", label="x", value=value, low=0.915, high=0.945, n=812, percent=percent)
    assert one.shown() == expected


def test_scores_print_one_line_each_and_escape_html():
    named = CategoryTarget(name="kind", vocab=("a", "b"))
    table = Predictions(
        ids=tables.ids(812), target=named, truth=[0] * 812, output=[[0.9, 0.1]] * 756 + [[0.1, 0.9]] * 56
    )
    assert str(score(table, ["accuracy"])) == "accuracy 93.1 % [91.1, 94.7], n = 812"
    page = Scores({"x": Score(name="x", label="<b>", value=1.0, n=1)}, part="test", n=1)._repr_html_()
    assert "&lt;b&gt;" in page and "<b>" not in page


def test_scores_are_deterministic():
    table = tables.number()
    assert dict(score(table)) == dict(score(table)) != dict(score(table, seed=1))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["category", "categories"])
def test_no_metric_takes_three_seconds_on_2500_rows_of_81_categories(kind):
    table = TABLES[kind](2500, 81)
    for name in fitting(kind, 81):
        start = time.process_time()
        score(table, [name])
        assert time.process_time() - start < 3, name
