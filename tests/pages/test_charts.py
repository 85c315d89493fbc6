"""Scales, bins and words of the report."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivetrain.evaluation.calibration import reliability
from drivetrain.evaluation.report.tallies import said_and_held
from drivetrain.pages import charts
from drivetrain.pages.svg import Scale, nice_ticks, spread, tick_label, tick_labels
from drivetrain.pages.words import shortened, value_in_words
from tests.evaluation import tables

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


def test_dots_of_the_reliability_diagram_stand_where_their_bin_says():
    bins = reliability(tables.category(400, 4))
    drawn = charts.reliability(bins, "r")
    places = [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawn)]
    ideal = re.findall(r'[xy][12]="([\d.]+)"', drawn.split(' class="ideal"')[0])[-4:]
    x1, y1, x2, y2 = map(float, ideal)
    assert len(places) == len(bins)
    for (x, y), b in zip(places, bins, strict=True):
        assert (x - x1) / (x2 - x1) == pytest.approx(b.confidence, abs=0.002), "from 0 to 1: some bins are below 50 %"
        assert (y - y1) / (y2 - y1) == pytest.approx(b.right, abs=0.002)


@given(st.integers(1, 10**6), st.integers(2, 8))
def test_ticks_of_counts_are_whole(most_rows, most):
    ticks = nice_ticks(0, 1.08 * most_rows, most, whole=True)
    assert len(ticks) >= 2 and all(tick.is_integer() for tick in ticks)


def test_rows_of_a_histogram_are_counted_in_whole_numbers():
    errors = np.repeat([-1.0, 0.0, 1.0, 2.0], [3, 10, 4, 1])
    drawn = charts.residuals(errors, "errors", "weight")
    ticks = re.findall(r'class="tick end">([^<]+)<', drawn)
    assert len(ticks) > 1 and all(tick.isdecimal() for tick in ticks)


def test_ticks_of_a_narrow_range_far_from_zero_are_told_apart():
    for low, high in (
        (1.7e12, 1.7e12 + 50),
        (3.0, 3.0 + 1e-9),
        (20231220.0, 20240118.0),
        (1000.0, 1003.5),
        (1e30, 3e30),
    ):
        ticks = nice_ticks(low, high)
        labels = tick_labels(ticks)
        assert len(set(ticks)) == len(set(labels)) >= 2, (ticks, labels)
        found = [float(label.replace(",", "").replace("−", "-")) for label in labels]
        assert found == pytest.approx(ticks, rel=0, abs=(high - low) / 100)
        assert max(map(len, labels)) < 20
