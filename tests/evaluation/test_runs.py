"""The run log: every trial with what it said, and the best of them, corrected."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from drivetrain.data.seals.project import Project
from drivetrain.errors import DrivetrainWarning
from drivetrain.evaluation import Predictions
from drivetrain.evaluation.metrics.metrics import METRICS
from drivetrain.evaluation.record.runs import RunLog, selection_of
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import CategoryTarget

from .tables import category, number

METRICS_OF = {"category": ["accuracy", "log_loss"], "number": ["rmse"]}


@pytest.fixture
def log(tmp_path):
    return RunLog(Project(tmp_path / "project"))


def model(seed, strength=2.0, rows=0):
    """Another model on the same rows."""
    base = category(seed=rows)
    rng = np.random.default_rng(1000 + seed)
    logits = rng.normal(size=base.output.shape)
    logits[np.arange(len(base)), base.truth] += strength
    output = base.target.activate(logits)
    return Predictions(ids=base.ids, target=base.target, truth=base.truth, output=output, loss=base.loss)


def add(log, table, name="0", **changes):
    facts = {
        "arch": "resnet18",
        "split": "s" * 32,
        "seal": None,
        "n_train": 600,
        "parameters_sha256": name * 64,
        "history": [{"epoch": 1, "valid_loss": 0.5, "seconds": 2.5}, {"epoch": 2, "valid_loss": None, "seconds": 1}],
        "settings": {"lr": 0.01},
        "decisions": {"lr": Decision(value=0.01, reason="as asked")},
    }
    metrics = [METRICS[each] for each in METRICS_OF[table.target.kind]]
    return log.add(table, metrics, **{**facts, **changes})


def test_a_trial_comes_back_as_it_was(log):
    table = model(0)
    add(log, table)
    (run,) = log.runs()
    record = run.record
    assert record.scores == {name: METRICS[name].value(table) for name in ("accuracy", "log_loss")}
    assert record.n == {"train": 600, "valid": 200} and (record.epochs, record.seconds) == (2, 3.5)
    assert record.decisions["lr"].reason == "as asked" and record.settings == {"lr": 0.01}
    assert record.loss == pytest.approx(float(table.loss.mean()))
    assert run.predictions.ids == table.ids
    np.testing.assert_array_equal(run.predictions.output, table.output)


def test_nothing_is_written_to_list_nothing(log):
    assert log.runs() == [] and log.groups() == []
    assert not log.project.folder.exists()


def test_trials_on_the_same_rows_are_compared(log):
    for seed in range(6):
        add(log, model(seed), str(seed))
    add(log, number(), "n")
    add(log, category(n=50), "c")
    first, second, third = log.groups()
    assert [len(group.runs) for group in (first, second, third)] == [6, 1, 1]
    run, chosen = first.best()
    values = [each.record.scores["accuracy"] for each in first.runs]
    assert run.record.scores["accuracy"] == chosen.raw == max(values)
    assert chosen.trials == 6 and chosen.corrected < chosen.raw
    _, by_loss = first.best("log_loss")
    assert by_loss.metric == "log_loss" and by_loss.raw == min(each.record.scores["log_loss"] for each in first.runs)
    assert second.best()[1].metric == "rmse"


def test_trials_whose_categories_were_renamed_in_between_are_another_group(log):
    tables = [model(0), model(1)]
    vocab = tuple(f"new {label}" for label in tables[0].target.vocab)
    renamed = replace(tables[0], target=CategoryTarget(name=tables[0].target.name, vocab=vocab))
    for name, table in zip("012", [*tables, renamed], strict=True):
        add(log, table, name)
    assert [len(group.runs) for group in log.groups()] == [2, 1]
    assert log.groups()[0].best()[1].trials == 2
    everything = log.on(log.runs()[0].record.rows, tables[0].target.name)
    chosen = selection_of(tables[0], "0" * 64, everything, METRICS["accuracy"])
    assert chosen is not None and chosen.trials == 2


def test_the_same_model_twice_is_one_trial(log):
    for _ in range(3):
        add(log, model(1), "a")
    add(log, model(2), "b")
    (group,) = log.groups()
    assert len(group.runs) == 4 and len(group.distinct()) == 2
    assert group.best()[1].trials == 2


def test_a_model_is_corrected_for_the_choice_among_all_trials(log):
    for seed in range(8):
        add(log, model(seed), str(seed))
    (group,) = log.groups()
    best, _ = group.best()
    name = best.record.parameters_sha256
    found = selection_of(best.predictions, name, group, METRICS["accuracy"])
    assert found.trials == 8 and found.corrected < found.raw
    new = selection_of(model(50), "new", group, METRICS["accuracy"])
    assert new.trials == 9
    alone = selection_of(model(50), "new", log.on("other rows", "kind"), METRICS["accuracy"])
    assert alone.trials == 1 and alone.corrected == alone.raw


def test_damaged_records_are_passed_over(log):
    good, bad, cut = (add(log, model(seed), str(seed)) for seed in range(3))
    (bad.folder / "run.json").write_text("{}")
    (cut.folder / "predictions.npz").write_bytes(b"PK")
    with pytest.warns(DrivetrainWarning, match="passed over"):
        (group,) = log.groups()
    assert {run.id for run in group.runs} == {good.id, cut.id}
    assert [run.id for run in group.distinct()] == [good.id]
    shutil.rmtree(good.folder)
    shutil.rmtree(bad.folder)
    assert log.groups()[0].best() is None


def test_where_nothing_can_be_written_training_is_not_lost(log, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("drivetrain.evaluation.record.runs.add_folder", full)
    with pytest.warns(DrivetrainWarning, match=r"not on record.*No space left"):
        assert add(log, model(0)) is None


def test_outputs_that_are_too_large_are_not_kept(log, monkeypatch):
    monkeypatch.setattr("drivetrain.evaluation.record.runs.MOST_NUMBERS", 10)
    run = add(log, model(0))
    assert run.predictions is None and not (run.folder / "predictions.npz").exists()
    assert log.groups()[0].best() is None
