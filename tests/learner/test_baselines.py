"""Scores beside what is reached without the model."""

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.auditing import shortcut
from drivetrain.data.data import Sealed
from drivetrain.errors import ModelError
from drivetrain.learner.report import card_of, report_parts
from drivetrain.training import probing


@pytest.fixture
def features(monkeypatch):
    """The body is not loaded: what it sees is the mean colour of a picture. Counts how often it is asked."""
    asked = []

    def seen(rows, architecture, *, size_px):
        asked.append(len(rows))
        from PIL import Image

        return np.array([np.asarray(Image.open(path)).mean(axis=(0, 1)) for path in rows.inputs.paths]), "mean colour"

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
    monkeypatch.setattr(probing, "MOST_ROWS", 10)
    learn = make_learner()
    assert learn.baselines()["linear probe"]["accuracy"].value > 0.8
    (rows,) = features
    assert rows - len(learn.data.valid) <= 10


def test_report_and_baselines_show_one_probe(make_learner, features, monkeypatch):
    """There were two of that name, fitted on other rows: the report's on all of them."""
    monkeypatch.setattr(probing, "MOST_ROWS", 7)
    learn = make_learner(metrics=["error_rate", "log_loss"])
    shown = {score.label: score for score in report_parts(learn, probe=True).baselines}
    own = learn.baselines()["linear probe"]["error_rate"]
    assert own.value is not None and own.low is not None
    assert (shown["linear probe"].value, shown["linear probe"].low) == (own.value, own.low) and len(features) == 1
    n = len(learn.data.train)
    assert f"features of mean colour, fitted on 6 of {n} training rows" in (shown["linear probe"].note or "")


def test_metadata_alone_stand_beside_the_model(make_learner, tmp_path, monkeypatch):
    """The squares are told apart by their mean colours, which metadata hold."""
    monkeypatch.setattr(shortcut, "FEWEST_ROWS", 30)
    learn = make_learner()
    found = learn.baselines(probe=False)
    assert list(found) == ["majority class", "metadata alone"]
    alone = learn.metadata_alone()["metadata alone"]
    assert alone.ids == learn.data.valid.digests
    assert found["metadata alone"]["accuracy"].value == pytest.approx(alone.hits().mean()) and alone.hits().mean() > 0.8
    assert learn.metadata_alone()["metadata alone"] is alone  # kept, not computed again
    page = learn.report(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "metadata alone" in page and "a small forest on file size" in page
    assert "metadata alone" not in card_of(learn, "squares", []), "a card is written at every save"


def test_metadata_are_fitted_on_training_rows_and_no_test_row_is_opened(make_learner, monkeypatch):
    monkeypatch.setattr(shortcut, "FEWEST_ROWS", 30)
    monkeypatch.setattr(shortcut, "MOST_ROWS", 31)
    fitted = []
    real = shortcut.out_of_fold

    def watched(columns, target, truth, folds, **options):
        fitted.append((len(columns), [(len(fit), len(asked)) for fit, asked in folds]))
        return real(columns, target, truth, folds, **options)

    monkeypatch.setattr(shortcut, "out_of_fold", watched)
    monkeypatch.setattr(Sealed, "open", lambda self: pytest.fail("the test rows were opened"))
    data = make_learner().data
    assert shortcut.metadata_baseline(data).target == data.target
    assert fitted == [(31 + 12, [(31, 12)])]


def test_an_audit_of_the_same_rows_is_not_done_again(make_learner, monkeypatch):
    learn = make_learner()
    found = dt.audit(learn.data)
    monkeypatch.setattr(shortcut, "metadata_baseline", lambda data: pytest.fail("fitted again"))
    assert learn.metadata_alone(found)["metadata alone"].ids == learn.data.valid.digests


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
