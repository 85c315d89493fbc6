"""Cells read as numbers, dates and names: the right value for each way of writing."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pytest

from drivetrain.kinds.tables.parsing import category_text, date_seconds, is_gap, number_of_cell


@pytest.mark.parametrize(
    ("cell", "style", "value"),
    [
        ("1,234.5", "1,234.5", 1234.5),
        ("-1.234,5", "1.234,5", -1234.5),
        ("1 234,5", "1 234.5", 1234.5),
        ("1'234.5", "1 234.5", 1234.5),
        ("12 %", "plain", 12.0),
        ("-$1,200.50", "1,234.5", -1200.5),
        ("7€", "plain", 7.0),
        ("Yes", "plain", 1.0),
        ("false", "plain", 0.0),
        (True, "plain", 1.0),
        (np.bool_(False), "plain", 0.0),
        (Decimal("2.50"), "plain", 2.5),
        (timedelta(hours=1), "plain", 3600.0),
        (time(1, 2, 3), "plain", 3723.0),
        (np.timedelta64(2, "m"), "plain", 120.0),
        ("1e3", "plain", 1000.0),
    ],
    ids=str,
)
def test_a_number_is_read_as_it_is_meant(cell, style, value):
    assert number_of_cell(cell, style) == value


@pytest.mark.parametrize("cell", [float("inf"), "-inf", 10**400, "1e999"], ids=lambda cell: str(cell)[:8])
def test_what_is_not_finite_is_a_gap(cell):
    assert np.isnan(number_of_cell(cell))


@pytest.mark.parametrize("cell", ["1_000", "", "a", "0x1F", "1,5", [1], None], ids=str)
def test_what_is_no_number_is_refused(cell):
    with pytest.raises(ValueError):
        number_of_cell(cell)


@pytest.mark.parametrize(
    ("cell", "formats", "day"),
    [
        ("2026-11-28", ("iso",), date(2026, 11, 28)),
        ("28.11.2026", ("%d.%m.%Y",), date(2026, 11, 28)),
        (20261128, ("%Y%m%d", "iso"), date(2026, 11, 28)),
        (20261128.0, ("%Y%m%d",), date(2026, 11, 28)),
        (date(1960, 2, 29), ("iso",), date(1960, 2, 29)),
        (np.datetime64("1850-01-01"), ("iso",), date(1850, 1, 1)),
        (datetime(2026, 11, 28, tzinfo=UTC), ("iso",), date(2026, 11, 28)),
    ],
    ids=str,
)
def test_a_date_is_seconds_since_1970(cell, formats, day):
    assert date_seconds(cell, formats) == (day - date(1970, 1, 1)).days * 86400.0


@pytest.mark.parametrize("cell", ["2026-02-30", "soon", 20261128, True, None], ids=str)
def test_what_is_no_iso_date_is_refused(cell):
    with pytest.raises(ValueError):
        date_seconds(cell)


def test_names_are_the_same_in_every_spelling_of_a_number():
    assert [category_text(cell) for cell in (3, 3.0, np.int64(3), "3", " 3 ")] == ["3"] * 5
    assert [category_text(cell) for cell in (True, np.True_, 0.5, "01")] == ["true", "true", "0.5", "01"]


def test_gaps_are_told_from_values():
    gaps = [None, float("nan"), np.float32("nan"), np.datetime64("NaT"), "", "NA", " null ", "?"]
    assert all(map(is_gap, gaps)) and not any(map(is_gap, [0, False, "0", "nobody", [], "none of these"]))
