"""Scales, bins and words of the report."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivetrain.evaluation.report import charts
from drivetrain.evaluation.report.svg import Scale, nice_ticks, spread, tick_label
from drivetrain.evaluation.report.tallies import equal_mass_bins, expected_calibration_error, said_and_held
from drivetrain.evaluation.report.words import shortened, value_in_words

from . import tables

FINITE = st.floats(-1e9, 1e9, allow_nan=False)


@given(FINITE, st.floats(1e-6, 1e9), st.integers(2, 9))
def test_ticks_are_few_round_and_inside(low, width, most):
    high = low + width
    if not high > low or width < 1e-9 * abs(low):
        return
    ticks = nice_ticks(low, high, most)
    assert 2 <= len(ticks) <= max(most, 2)
    room = 1e-6 * width + 1e-9 * abs(low)
    assert ticks == sorted(ticks) and ticks[0] >= low - room and ticks[-1] <= high + room


def test_scales_map_ends_to_ends():
    scale = Scale(2, 4, 100, 50)
    assert (scale.at(2), scale.at(4), scale.at(3)) == (100, 50, 75)
    assert Scale(1, 1, 0, 10).at(1) == 5
    assert spread(3, 3)[0] < 3 < spread(3, 3)[1]
    assert tick_label(-1234.0) == "−1,234"


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200), st.integers(1, 15))
def test_bins_hold_every_row_once(rows, most):
    confidence, held = (np.array(column) for column in zip(*rows, strict=True))
    bins = equal_mass_bins(confidence.astype(float), held.astype(bool), most)
    assert 1 <= len(bins) <= most
    assert sum(b.n for b in bins) == len(rows) and sum(b.hits for b in bins) == held.sum()
    assert all(b.n for b in bins)
    assert [b.confidence for b in bins] == sorted(b.confidence for b in bins)
    assert sum(b.n * b.confidence for b in bins) == pytest.approx(confidence.sum())


def test_bins_of_different_confidences_are_of_equal_mass():
    confidence = np.random.default_rng(0).permutation(np.linspace(0.3, 1, 100))
    bins = equal_mass_bins(confidence, confidence > 0.5, 10)
    assert [b.n for b in bins] == [10] * 10


def test_calibration_error_of_honest_and_of_false_confidence():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 20_000)
    honest = equal_mass_bins(confidence, rng.random(20_000) < confidence)
    assert expected_calibration_error(honest) < 0.015
    boastful = equal_mass_bins(confidence, rng.random(20_000) < confidence - 0.2)
    assert expected_calibration_error(boastful) == pytest.approx(0.2, abs=0.015)


def test_labels_of_several_categories_are_judged_one_by_one():
    table = tables.categories(30, 4)
    confidence, held = said_and_held(table)
    assert len(confidence) == len(held) == 120
    assert held.sum() == table.truth.sum()


def test_curves_join_epochs_that_were_validated():
    history = [{"epoch": e, "train_loss": 1 / e, "valid_loss": v} for e, v in [(1, 3.0), (2, None), (1, 1.5), (2, 2.0)]]
    drawn = charts.curve(
        history, {"train_loss": "training", "valid_loss": "validation"}, name="c", title="t", y_name="loss", best=False
    )
    assert drawn is not None
    assert "lowest validation 1.5 in epoch 3 (ringed)" in drawn, "epochs are counted on"
    assert drawn.count('class="accent"') == 3, "three epochs were validated"
    assert charts.curve(history, {"f1": "F1"}, name="c", title="t", y_name="F1") is None
    assert charts.curve([], {"f1": "F1"}, name="c", title="t", y_name="F1") is None


def test_heat_map_of_many_categories_is_small():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 2, (200, 200)) + np.diag(rng.integers(1, 50, 200))
    assert len(charts.heat_map(counts, "m")) < 1_500_000


def test_scatter_thins_out_many_points():
    truth = np.linspace(0, 1, 10_000)
    assert charts.scatter(truth, truth, "s", "g").count("<circle") == charts.MOST_POINTS


def test_long_names_keep_both_ends():
    assert shortened("x" * 100, 21).count("x") == 20 and len(shortened("x" * 100, 21)) == 21
    assert shortened("short") == "short"
    assert value_in_words((1.0, 2.5)) == "1, 2.5"
