"""Copies of one content are one row: in values, intervals, n, comparisons, selections, calibration and costs."""

from dataclasses import replace

import numpy as np
import pytest

from drivetrain.evaluation import Predictions, score
from drivetrain.evaluation.calibration import calibrate, calibration_error, reliability
from drivetrain.evaluation.comparing import compare
from drivetrain.evaluation.conformal import coverage_of
from drivetrain.evaluation.confusions import count_confusions
from drivetrain.evaluation.copies import without_copies
from drivetrain.evaluation.metrics.metrics import METRICS
from drivetrain.evaluation.record.records import score_records
from drivetrain.evaluation.record.selection import correct_selection, expect
from drivetrain.evaluation.report.tallies import tallies
from drivetrain.evaluation.thresholds import cheapest_answers, thresholds_for_cost
from drivetrain.runtime.manifest import ScoreRecord
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget

from . import tables

FRUIT = CategoryTarget(name="fruit", vocab=("apple", "pear"))
TABLES = {"category": tables.category, "categories": tables.categories, "number": tables.number}


def right(n, times):
    """`n` contents, all judged right, each so many times."""
    ids, truth = tables.ids(n) * times, np.arange(n) % 2
    return Predictions(ids=ids, target=FRUIT, truth=np.tile(truth, times), output=np.tile(np.eye(2)[truth], (times, 1)))


def unevenly(table):
    """The rows in disorder, each one to five times, the copies a little otherwise rounded."""
    rng = np.random.default_rng(0)
    rows = rng.permutation(np.concatenate([np.arange(len(table)), rng.integers(0, len(table), 2 * len(table))]))
    rows = rows[np.argsort(rows, kind="stable")] if len(rows) < 5 else rows
    copies = table.subset(rows)
    output = copies.output * (1 + 1e-13 * rng.normal(size=(len(rows), 1)))
    return replace(copies, output=np.clip(output, 0, 1) if table.target.kind == "categories" else output)


def test_four_of_each_are_no_more_than_one():
    found = score(right(12, 4), ["accuracy"])["accuracy"]
    assert str(found) == "accuracy 100.0 % [75.8, 100.0], n = 12 (48 rows)"
    assert (found.n, found.units, found.method) == (48, 12, "Wilson")
    assert found.as_json() == {"value": 1.0, "low": pytest.approx(0.7575, abs=1e-4), "high": 1.0, "n": 48, "units": 12}
    once = score(right(12, 1), ["accuracy"])["accuracy"]
    assert (once.low, once.units, str(once)) == (found.low, None, "accuracy 100.0 % [75.8, 100.0], n = 12")
    assert "units" not in once.as_json()


def test_a_record_without_copies_is_as_it_always_was():
    plain, copied = (score_records(score(right(12, times), ["accuracy"]))["accuracy"] for times in (1, 4))
    assert set(plain.model_dump()) == {"value", "low", "high", "n"}
    assert copied.model_dump(mode="json")["units"] == 12
    assert ScoreRecord.model_validate_json(copied.model_dump_json()) == copied


@pytest.mark.parametrize("kind", TABLES)
def test_every_number_is_that_of_the_rows_without_copies(kind):
    table = TABLES[kind](130, 3)
    copies = unevenly(table)
    assert len(copies) == 390
    once = table.subset([table.ids.index(row_id) for row_id in dict.fromkeys(copies.ids)])
    names = [name for name, m in METRICS.items() if kind in m.kinds and not name.startswith("top_")]
    plain, found = score(once, names, baselines={"x": once}), score(copies, names, baselines={"x": copies})
    for name in names:
        assert (found[name].value, found[name].low, found[name].high) == pytest.approx(
            (plain[name].value, plain[name].low, plain[name].high), rel=1e-5, nan_ok=True
        ), name
        assert (found[name].n, found[name].units) == (390, 130)
        assert found.baselines["x"][name] == pytest.approx(plain.baselines["x"][name], rel=1e-6)
    if once.loss is not None:
        assert found.loss == pytest.approx(plain.loss)
    ours, theirs = calibrate(copies), calibrate(once)
    assert ours.n == theirs.n == 130 and ours.temperature == pytest.approx(theirs.temperature, rel=1e-5)
    assert (ours.half_widths or ours.quantile) == pytest.approx(theirs.half_widths or theirs.quantile, rel=1e-5)
    claims = [coverage_of(calibrate(once), rows) for rows in (once, copies)]
    assert claims[0].n == claims[1].n == 130 and claims[0].interval == claims[1].interval
    if kind != "number":
        assert [bin.n for bin in reliability(copies)] == [bin.n for bin in reliability(once)]
        assert calibration_error(copies, n_resamples=50).n == 130
        assert tallies(copies) == tallies(once)


def test_costs_and_confusions_count_each_content_once():
    table = tables.category(60, 2)
    copies = unevenly(table)
    assert count_confusions(copies).sum() == 60
    assert thresholds_for_cost(copies, false_positive=1, false_negative=2).n == 60
    answers, paid = cheapest_answers(copies, [[0, 1], [2, 0]])
    assert len(answers) == len(copies) and paid.n == 60
    assert paid.interval.high == pytest.approx(cheapest_answers(table, [[0, 1], [2, 0]])[1].interval.high, rel=0.2)


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "roc_auc", "balanced_accuracy"])
def test_two_models_are_compared_on_each_content_once(metric):
    a = tables.category(80, 2, seed=1)
    b = replace(a, output=tables.category(80, 2, seed=2).output)
    rows = np.tile(np.arange(80), 6)
    plain, found = compare(a, b, metric), compare(a.subset(rows), b.subset(rows[::-1]), metric)
    assert (found.low, found.high, found.n) == pytest.approx((plain.low, plain.high, 80))
    assert "on the same 80 rows (480 with copies)" in str(found) and "copies" not in str(plain)
    # where only one of two models says the same of both copies they stay two rows of one group
    torn = b.output[rows].copy()
    torn[:80] = torn[:80, ::-1]
    assert compare(a.subset(rows), replace(b.subset(rows), output=torn), metric).n_groups == 80


def test_copies_with_two_labels_are_matched_by_label():
    ids, truth = ("x", "x", "y", "z"), [0, 1, 1, 0]
    a = Predictions(ids=ids, target=FRUIT, truth=truth, output=[[0.9, 0.1]] * 2 + [[0.2, 0.8], [0.7, 0.3]])
    found = compare(a, a.subset([3, 1, 0, 2]))
    assert (found.n, found.n_groups, found.difference) == (4, 3, 0.0)
    assert str(score(a, ["accuracy"])["accuracy"]).endswith("n = 3 (4 rows)")
    assert score(a, ["accuracy"])["accuracy"].method == "score interval of 3 groups"


def test_a_choice_among_models_is_corrected_on_each_content_once():
    trials = [replace(tables.category(90, 2, seed=0), output=tables.category(90, 2, seed=s).output) for s in range(4)]
    rows = np.tile(np.arange(90), 3)
    copies = [table.subset(rows if t else rows[::-1]) for t, table in enumerate(trials)]
    plain, found = correct_selection(trials), correct_selection(copies)
    assert (found.raw, found.low, found.high, found.n, found.n_rows) == (plain.raw, *[pytest.approx(v, abs=0.02) for v
        in (plain.low, plain.high)], 90, 270)  # fmt: skip
    assert "n = 90 (270 rows)" in str(found) and plain.n_rows is None
    said, said_plain = (expect(one, METRICS["accuracy"], table, 40) for one, table in
        ((found, copies[found.chosen]), (plain, trials[plain.chosen])))  # fmt: skip
    assert said.n == 90 and (said.low, said.high) == pytest.approx((said_plain.low, said_plain.high), abs=0.05)


def test_outputs_that_differ_stay_apart_in_one_group():
    """Pictures seen from two sides under one id, say: no copies, but not independent either."""
    table = Predictions(ids=("a", "a", "b"), target=FRUIT, truth=[0, 0, 1], output=[[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    assert len(table.judged) == 3 and table.judged.groups.tolist() == [0, 0, 1] and table.units == 2
    unlabelled = replace(table, truth=None)
    assert unlabelled.units == 2


def test_copies_join_the_groups_they_are_in():
    ids = ("a", "b", "a", "c", "d", "e")
    groups = ["p", "p", "q", "q", "r", "s"]
    table = Predictions(ids=ids, target=FRUIT, truth=[0] * 6, output=[[0.9, 0.1]] * 6, groups=groups)
    judged = table.judged
    assert judged.ids == ("a", "b", "c", "d", "e")
    assert judged.groups.tolist() == [0, 0, 0, 1, 2]
    assert str(score(table, ["accuracy"])["accuracy"]).endswith("n = 3 (6 rows)")


def test_a_table_without_copies_is_not_touched():
    table = tables.category(20)
    assert without_copies([table]) == [table] and table.judged is table and table.units == 20
    tags = CategoriesTarget(name="t", vocab=("a", "b"))
    empty = Predictions(ids=(), target=tags, truth=np.zeros((0, 2)), output=np.zeros((0, 2)))
    assert empty.judged is empty and empty.units == 0
