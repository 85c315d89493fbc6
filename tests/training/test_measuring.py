"""Scores beside what is reached without the model."""

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.errors import ModelError
from drivetrain.training import measuring, probing


@pytest.fixture
def features(monkeypatch):
    """The body is not loaded: what it sees is the mean colour of a picture. Counts how often it is asked."""
    asked = []

    def seen(rows, architecture, *, channels, size_px):
        asked.append(len(rows))
        from PIL import Image

        return np.array([np.asarray(Image.open(path)).mean(axis=(0, 1)) for path in rows.paths]), "mean colour"

    monkeypatch.setattr(probing, "untrained_features", seen)
    return asked


def test_baselines_are_of_the_validation_rows(make_learner, features):
    learn = make_learner()
    found = learn.baselines()
    assert list(found) == ["majority class", "linear probe"]
    assert all(scores.n == len(learn.data.valid) for scores in found.values())
    assert all(set(scores) == {metric.name for metric in learn.metrics} for scores in found.values())
    majority, probe = (scores["accuracy"].value for scores in found.values())
    assert majority <= 0.5 and probe == 1.0  # the three colours are told apart by their mean
    learn.baselines()
    assert features == [len(learn.data.train) + len(learn.data.valid)]  # kept, not computed again
    assert list(learn.baselines(probe=False)) == ["majority class"]


def test_the_probe_is_fitted_on_a_bounded_number_of_rows(make_learner, features, monkeypatch):
    monkeypatch.setattr(measuring, "PROBE_ROWS", 10)
    learn = make_learner()
    assert learn.baselines()["linear probe"]["accuracy"].value > 0.8
    (rows,) = features
    assert rows - len(learn.data.valid) <= 10


def test_without_a_body_the_probe_is_left_out_and_it_is_said(make_learner, monkeypatch, capsys):
    def gone(*args, **options):
        raise ModelError("no weights here")

    monkeypatch.setattr(probing, "untrained_features", gone)
    assert list(make_learner().baselines()) == ["majority class"]
    said = capsys.readouterr()
    assert "linear probe: left out (no weights here)" in said.out + said.err


def test_validate_and_evaluate_show_the_constant_answer(make_learner, tmp_path):
    learn = make_learner()
    scores = learn.validate()
    truth = [str(value) for value in learn.data.valid.values]
    training = [str(value) for value in learn.data.train.values]
    majority = max(learn.data.target.vocab, key=training.count)
    share = truth.count(majority) / len(truth)
    assert f"without the model: majority class {100 * share:.1f} %" in str(scores)
    model = learn.save(tmp_path / "a.model", precision=None)
    again = dt.evaluate(model, device="cpu", precision="fp32")
    assert dict(again.scores.baselines["majority class"]) == pytest.approx(dict(scores.baselines["majority class"]))
    assert "without the model: majority class" in str(again.scores)
