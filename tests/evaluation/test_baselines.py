from dataclasses import replace

import numpy as np
import pytest

from drivetrain.errors import DataError
from drivetrain.evaluation import Predictions, score
from drivetrain.evaluation.baselines import baselines, constant_answer, constant_predictions
from drivetrain.runtime.targets import CategoryTarget

from . import tables


def test_the_constant_answer_is_the_majority_class_of_the_training_set():
    table = tables.category(100, 3)
    training = np.array([2] * 5 + [1] * 3 + [0] * 2)
    found = baselines(table, training, ["accuracy", "log_loss"])["majority class"]
    assert found["accuracy"].value == pytest.approx((table.truth == 2).mean())
    shares = np.array([0.2, 0.3, 0.5])
    assert found["log_loss"].value == pytest.approx(-np.log(shares[table.truth]).mean())
    assert found["accuracy"].low < found["accuracy"].value < found["accuracy"].high


def test_the_constant_answer_of_labels_and_numbers():
    labels, numbers = tables.categories(80, 4), tables.number(50, 2)
    frequencies = constant_answer(labels.target, labels.truth)
    assert frequencies == pytest.approx(labels.truth.mean(axis=0))
    assert list(baselines(labels, labels.truth)) == ["label frequencies"]
    mean = baselines(numbers, numbers.truth, ["rmse", "r2"])["mean"]
    assert mean["rmse"].value == pytest.approx(numbers.truth.std(axis=0).mean())
    assert mean["r2"].value == pytest.approx(0, abs=1e-12)


def test_no_other_constant_has_a_lower_loss_on_the_rows_it_was_fitted_on():
    table = tables.category(300, 4, seed=3)
    answer = constant_answer(table.target, table.truth)
    best = score(constant_predictions(table, answer)["majority class"], ["log_loss"])["log_loss"].value
    rng = np.random.default_rng(0)
    for other in rng.dirichlet(np.ones(4), 50):
        said = constant_predictions(table, other)["majority class"]
        assert score(said, ["log_loss"])["log_loss"].value >= best


def test_scores_say_what_is_reached_without_the_model():
    table = tables.category(200, 2)
    scores = score(table, ["accuracy", "log_loss"], baselines=constant_predictions(table, [0.5, 0.5]))
    share = (table.truth == 0).mean()
    assert f"without the model: majority class {100 * share:.1f} %" in str(scores)
    assert scores.as_json()["baselines"] == {
        "majority class": {"accuracy": pytest.approx(share), "log_loss": pytest.approx(np.log(2))}
    }
    assert "majority class" in scores._repr_html_()
    bare = score(table, ["accuracy"])
    assert "without the model" not in str(bare) and "baselines" not in bare.as_json()


def test_a_function_that_cannot_cope_with_a_constant_leaves_it_out():
    def spread(truth, output):
        if output.std(axis=0).max() == 0:
            raise ValueError("no spread")
        return output.std()

    table = tables.category(50, 2)
    scores = score(table, [spread], baselines=constant_predictions(table, [0.5, 0.5]))
    assert scores.baselines == {"majority class": {}}
    assert "majority class –" in str(scores)


def test_other_baselines_are_judged_on_the_same_rows():
    table = tables.category(60, 3)
    more = tables.category(90, 3, strength=0.5)
    probe = replace(more, truth=np.concatenate([table.truth, more.truth[60:]])).subset(range(89, -1, -1))
    found = baselines(tables.with_groups(table, np.arange(60) // 3), table.truth, ["accuracy"], others={"probe": probe})
    assert list(found) == ["majority class", "probe"] and found["probe"].n == 60
    expected = (more.output[:60].argmax(axis=1) == table.truth).mean()
    assert found["probe"]["accuracy"].value == pytest.approx(expected)
    assert found["probe"]["accuracy"].method == "score interval of 20 groups"
    with pytest.raises(DataError, match=r"'probe' does not know 31 of the 60 rows.*row0"):
        baselines(table, table.truth, others={"probe": more.subset(range(31, 90))})


def test_what_cannot_be_fitted_is_said():
    target = CategoryTarget(name="c", vocab=("a", "b"))
    with pytest.raises(DataError, match="no training rows"):
        constant_answer(target, np.zeros(0, np.int64))
    table = Predictions(ids=("x",), target=target, truth=[0], output=[[1.0, 0.0]])
    with pytest.raises(DataError, match=r"shape \(3,\), expected \(2,\)"):
        constant_predictions(table, [0.2, 0.3, 0.5])
