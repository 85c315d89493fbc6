"""The network of a table from its rows to an artefact and back."""

import numpy as np
import pytest

import drivetrain as dt
from tests.kinds.tables.test_network import COPIES, rows


@pytest.fixture(scope="module")
def learn(tmp_path_factory):
    table = rows(600)
    data = dt.table(table, target="ill", project=tmp_path_factory.mktemp("project"))
    return dt.Learner(data, device="cpu", precision="fp32").fine_tune(6, checkpoint=False)


def test_it_learns_numbers_and_names(learn):
    assert learn.validate()["roc_auc"].value > 0.85
    assert learn.decisions["head_epochs"].value == 0


def test_it_ends_with_its_best_epoch(learn):
    best = min(row["valid_loss"] for row in learn.history)
    assert learn.predictions().loss.mean() == pytest.approx(best, abs=1e-4)


def test_what_is_saved_answers_as_what_was_trained(learn, tmp_path):
    model = learn.save(tmp_path / "ill.model")
    predictor = dt.load(model)
    row = {"town": "t7", "trade": "never seen", "age": None}
    assert (model / "model.onnx").is_file()
    assert predictor.predict(row).label == learn.predict(row).label
    assert predictor.manifest.export.max_abs_difference < 1e-4
    again = dt.Learner.load(model, data=rows(600), project=learn.data.project, device="cpu", precision="fp32")
    assert np.allclose(again.predictions().output, learn.predictions().output, atol=1e-6)
    again.fit(1, checkpoint=False)
    assert len(again.history) == len(learn.history) + 1
    assert again.kind._tables.shape == learn.kind._tables.shape


@COPIES
def test_numbers_are_learnt_in_their_units(forgetful):
    table = rows(500)
    age = np.nan_to_num(np.array(table["age"]))
    pay = 1000.0 * (np.array(table["town"]) == "t7") + 20 * age + np.random.default_rng(1).normal(0, 5, 500)
    table = {"town": table["town"], "age": table["age"], "pay": pay.tolist()}
    learn = dt.Learner(dt.table(table, target="pay"), device="cpu", precision="fp32").fit(12, checkpoint=False)
    assert learn.validate()["r2"].value > 0.8


def test_the_report_and_baselines_of_a_table_are_made(learn, tmp_path):
    assert "majority class" in learn.baselines()
    page = learn.report(tmp_path / "report.html")
    assert "tabular" in page.read_text(encoding="utf-8")


@COPIES
def test_several_classes_and_labels(forgetful):
    table = rows(300)
    many = {"town": table["town"], "kind": [one[-1] for one in table["town"]]}
    learn = dt.Learner(dt.table(many, target="kind"), device="cpu", precision="fp32").fit(3, checkpoint=False)
    assert learn.kind.architecture.options["dim_out"] == 9  # eight of ten classes, and how many rows
    labels = {"town": table["town"], "tags": [f"{one[-1]};{one[1]}" for one in table["town"]]}
    data = dt.table(labels, target="tags", task="multilabel", label_delim=";")
    assert dt.Learner(data, device="cpu", precision="fp32").fit(1, checkpoint=False).validate()
