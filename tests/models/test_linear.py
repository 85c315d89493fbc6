"""The plain line and the constant answer: the baselines that are always shown."""

import math

import numpy as np
import pytest
from scipy.special import expit

import drivetrain as dt
from drivetrain.models import linear
from drivetrain.models.constant import Constant
from drivetrain.models.deadline import Deadline
from drivetrain.models.linear import Linear
from drivetrain.models.tabular import views_of
from tests.models.conftest import straight


def test_the_weights_are_those_that_made_the_table():
    """Odds of 1.5 x − z and a step per shop, as `straight` draws them."""
    line = Linear(dt.table(straight(4000), target="y"))
    x, z = line.spec.number_names.index("x"), line.spec.number_names.index("z")
    scale = [column.scale for column in line.spec.numbers]
    assert line.weights[x, 0] / scale[x] == pytest.approx(1.5, abs=0.2)
    assert line.weights[z, 0] / scale[z] == pytest.approx(-1.0, abs=0.2)


def test_a_matrix_has_numbers_gaps_and_codes(straight_data):
    line = Linear(straight_data)
    numbers, codes = views_of(line.spec, straight_data.valid)
    numbers[0, 1], numbers[1, 0] = np.nan, 99.0
    made = line._features((numbers, codes)).toarray()
    width = 4 + sum(line.spec.n_codes)
    assert made.shape == (len(numbers), width)
    assert made[0, :4].tolist() == [pytest.approx(numbers[0, 0]), 0.0, 0.0, 1.0]
    assert made[1, 0] == linear.FARTHEST
    assert (made[:, 4:].sum(axis=1) == codes.shape[1]).all() and made[2, 4 + codes[2, 0]] == 1.0


@pytest.mark.parametrize("budget", [None, "0.001s"], ids=["any time", "no time"])
def test_what_time_does_to_it_is_told(straight_data, budget):
    line = Linear(straight_data, budget=budget)
    assert ("steps" in line.decisions) == (budget is not None)
    assert line.validate()["accuracy"].value > 0.65


def test_looking_at_the_clock_changes_nothing(straight_data):
    free, watched = Linear(straight_data), Linear(straight_data, budget="10min")
    np.testing.assert_allclose(free.predictions().output, watched.predictions().output, atol=2e-3)


def test_of_very_many_rows_some_are_enough(straight_data, monkeypatch):
    monkeypatch.setattr(linear, "MOST_ROWS", 60)
    line = Linear(straight_data)
    assert line.decisions["rows"].value in (60, 61, 62)


def test_a_label_that_all_rows_have_is_always_said():
    rng = np.random.default_rng(0)
    x = rng.normal(size=120)
    rows = {"x": x, "y": ["a,b" if v > 0 else "a" for v in x]}
    line = Linear(dt.table(rows, target="y", label_delim=","))
    said = line.predictions().output
    assert (said[:, 0] > 0.999).all() and said[:, 1].std() > 0.1


@pytest.mark.parametrize("model", [Linear, Constant])
@pytest.mark.parametrize("data", ["straight_data", "priced_data"])
def test_the_graph_says_what_the_model_says(model, data, request):
    made = model(request.getfixturevalue(data))
    session = pytest.importorskip("onnxruntime").InferenceSession(made.as_onnx())
    numbers, codes = views_of(made.spec, made.data.valid)
    said = session.run(None, {"numbers": numbers, "codes": codes})[0]
    np.testing.assert_allclose(said, made.outputs((numbers, codes)), atol=1e-5)


def test_the_constant_answer_is_the_share_of_the_training_rows(straight_data):
    made = Constant(straight_data)
    share = np.mean([value == "yes" for value in straight_data.train.values])
    np.testing.assert_allclose(made.predict_rows(straight_data.valid).output[:, 1], share, atol=1e-6)


def test_the_constant_number_is_the_mean(priced_data):
    mean = np.mean([value[0] for value in priced_data.train.values])
    np.testing.assert_allclose(Constant(priced_data).predict_rows(priced_data.valid).output, mean, rtol=1e-6)


def test_the_loss_of_each_row_is_that_of_its_answer(straight_data):
    said = Linear(straight_data).predictions()
    of_truth = said.output[np.arange(len(said)), said.truth]
    np.testing.assert_allclose(said.loss, -np.log(of_truth), rtol=1e-4)


def test_contributions_and_the_start_are_the_answer(straight_data):
    line = Linear(straight_data)
    found = line.contributions(straight_data.valid)
    raw = line.start()[None] + sum(found.values())
    np.testing.assert_allclose(expit(raw[:, 0]), line.predictions().output[:, 1], atol=1e-6)
    assert set(found) == {"x", "z", "shop"}
    for part in line.contributions(straight_data.train).values():
        assert part.mean() == pytest.approx(0, abs=1e-6)  # each is told from the mean of the training rows


def test_a_deadline_is_shared_out():
    assert Deadline(10).part(0.5).left == pytest.approx(5, abs=0.5)
    assert Deadline.of(None).never and not Deadline.of("5min").never and Deadline(-1).over
    assert math.isinf(Deadline.of(None).left)
