"""The page of a tuning: its numbers are those of the result, and nothing that it shows can break it."""

from __future__ import annotations

from pathlib import Path

import pytest

import drivetrain as dt
from drivetrain.data.data import Data
from drivetrain.errors import SettingError
from tests.tuning.test_tune import Guess


def test_the_page_shows_both_scores_and_a_test_that_was_opened(table: Data, tmp_path: Path) -> None:
    found = dt.tune(table, {"seed": (0, 10_000)}, model=Guess, trials=8, name="<b>mine</b>")
    assert found.selection is not None
    assert found.tests == {}
    page = found.page(tmp_path / "tuning.html").read_text(encoding="utf-8")
    assert f"{100 * found.selection.raw:.1f} % as measured" in page
    assert f"<strong>{100 * found.selection.corrected:.1f}" in page
    assert "The sealed test rows were not read" in page
    assert "test set" not in str(found.chart())
    assert "<b>mine" not in page
    assert "&lt;b&gt;mine" in page
    gap = 100 * (found.selection.raw - found.selection.corrected)
    assert f"The choice among 8 models explains {gap:.1f} points" in page
    scores = found.learn().test()
    assert found.tests == {found.best_trial.number: scores["accuracy"].value}
    assert f"test set {100 * (scores['accuracy'].value or 0):.1f} %" in str(found.chart())
    assert "The test set was opened on the record" in found.page(tmp_path / "tuning.html").read_text(encoding="utf-8")


def test_a_metric_that_is_better_lower(table: Data, tmp_path: Path) -> None:
    found = dt.tune(table, {"seed": (0, 10_000)}, model=Guess, trials=6, metric="log_loss")
    assert found.selection is not None
    assert found.selection.corrected > found.selection.raw
    assert "The upper line takes the luck away" in found.page(tmp_path / "tuning.html").read_text(encoding="utf-8")


def test_a_page_is_written_over_pages_alone(table: Data, tmp_path: Path) -> None:
    found = dt.tune(table, {"seed": (0, 99)}, model=Guess, trials=1)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SettingError, match="cannot be written"):
        found.page(tmp_path / "notes.txt")
