"""The verdict on training goes by validation, never by training loss."""

import pytest

from drivetrain.evaluation.fitting import NOT_OVERFITTING, judge_training


def epochs(losses, train=None, accuracy=None):
    rows = [{"epoch": i, "train_loss": 0.1, "valid_loss": loss} for i, loss in enumerate(losses, 1)]
    for name, values in (("train_loss", train), ("accuracy", accuracy)):
        for row, value in zip(rows, values or [], strict=bool(values) and len(values) == len(rows)):
            row[name] = value
    return rows


@pytest.mark.parametrize(
    ("losses", "state", "best"),
    [
        ([0.9, 0.7, 0.6, 0.5], "improving", 4),
        ([0.9, 0.5, 0.6, 0.8], "worse since", 2),
        ([0.9, 0.5, 0.499, 0.501, 0.5, 0.5], "levelled off", 3),
        ([0.9, 0.5], "improving", 2),
        ([0.5, 0.9], "worse since", 1),
        ([0.5, None, 0.4, None], "improving", 3),
        ([0.0, 0.0, 0.0], "levelled off", 1),
    ],
)
def test_states(losses, state, best):
    verdict = judge_training(epochs(losses))
    assert (verdict.state, verdict.best_epoch) == (state, best)
    assert verdict.text.endswith(".") and str(verdict).endswith(NOT_OVERFITTING)


@pytest.mark.parametrize("losses", [[], [0.5], [None, None], [float("nan"), 0.5]])
def test_too_little_to_say(losses):
    verdict = judge_training(epochs(losses))
    assert verdict.state == "unknown" and str(verdict) == verdict.text


def test_training_loss_below_validation_loss_changes_nothing():
    losses = [0.9, 0.7, 0.6, 0.5]
    far_below = judge_training(epochs(losses, train=[0.5, 0.1, 0.01, 0.0]))
    assert far_below == judge_training(epochs(losses, train=[2.0, 1.0, 0.9, 0.8]))
    assert far_below.state == "improving" and "overfits" not in far_below.text


def test_a_metric_that_still_improves_is_named():
    rows = epochs([0.9, 0.5, 0.6, 0.8], accuracy=[0.5, 0.7, 0.75, 0.8])
    assert "while accuracy still improved" in judge_training(rows, "accuracy").text
    assert "so it overfits" in judge_training(rows, "accuracy", higher_is_better=False).text
    assert "so it overfits" in judge_training(rows).text


def test_what_cannot_be_judged_is_told_for_what_it_is():
    assert "no epoch was trained" in judge_training([]).text
    assert "no epoch was validated" in judge_training([{"epoch": 1, "valid_loss": None}]).text
    assert "only one epoch was validated" in judge_training([{"epoch": 1, "valid_loss": 0.5}]).text
