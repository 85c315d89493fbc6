"""Models that answer together: their log odds averaged, their weights from validation rows, one graph."""

import numpy as np
import pytest
from scipy.special import expit, logit

import drivetrain as dt
from drivetrain.errors import DataError, SettingError
from drivetrain.models.blend import grid, mixed
from drivetrain.models.constant import Constant
from drivetrain.models.tabular import views_of
from tests.models.conftest import straight


@pytest.fixture(scope="module")
def members(straight_data):
    return dt.Trees(straight_data, members=1), dt.Linear(straight_data)


def test_answers_are_the_weighted_mean_of_log_odds(members, straight_data):
    blend = dt.Blend(list(members), weights=[1, 3])
    first, second = (model.predictions().output[:, 1] for model in members)
    assert blend.weights == (0.25, 0.75)
    expected = expit(0.25 * logit(first) + 0.75 * logit(second))
    np.testing.assert_allclose(blend.predictions().output[:, 1], expected, atol=1e-6)


def test_weights_are_those_of_least_loss(members):
    blend = dt.Blend(list(members))
    tables = [model.predictions() for model in members]
    losses = {weights: dt.score(mixed(tables, weights), ["log_loss"])["log_loss"].value for weights in grid(2)}
    assert losses[blend.weights] == pytest.approx(min(losses.values()))
    assert "11 ways" in blend.decisions["weights"].reason


def test_numbers_are_averaged_in_their_units(priced_data):
    models = [dt.Trees(priced_data, members=1), dt.Linear(priced_data)]
    blend = dt.Blend(models, weights=(0.5, 0.5))
    expected = sum(model.predictions().output for model in models) / 2
    np.testing.assert_allclose(blend.predictions().output, expected, rtol=1e-6)


def test_three_models_share_one_hundred_percent():
    assert len(grid(3)) == 21 and all(sum(way) == pytest.approx(1) for way in grid(3))
    assert (0.2, 0.2, 0.6) in grid(3)


def test_the_graph_says_what_the_blend_says(members, straight_data, tmp_path):
    blend = dt.Blend(list(members), weights=[0.4, 0.6])
    session = pytest.importorskip("onnxruntime").InferenceSession(blend.as_onnx())
    numbers, codes = views_of(blend.spec, straight_data.valid)
    said = session.run(None, {"numbers": numbers, "codes": codes})[0]
    np.testing.assert_allclose(said, blend.outputs((numbers, codes)), atol=1e-5)
    np.testing.assert_allclose(blend.data.target.activate(said), blend.predictions().output, atol=1e-5)
    row = straight_data.valid.inputs[0]
    saved = dt.load(blend.save(tmp_path / "blend.model"))
    assert saved.predict(row).label == blend.predict(row).label


def test_pairs_of_one_member_are_found_by_it_alone(tmp_path):
    """Trees read a pair of columns that the line does not: each gets the codes it was fitted on."""
    rng = np.random.default_rng(0)
    n = 900
    a, b = rng.integers(0, 40, n), rng.integers(0, 40, n)
    odd = (a // 20 + b // 20) % 2
    y = np.where(rng.random(n) < np.where(odd == 1, 0.9, 0.1), "yes", "no")
    frame = {"a": [f"a{v}" for v in a], "b": [f"b{v}" for v in b], "noise": rng.normal(size=n), "y": y.tolist()}
    data = dt.table(frame, target="y")
    trees, line = dt.Trees(data, members=1), dt.Linear(data)
    assert trees.spec.pairs and not line.spec.pairs
    blend = dt.Blend([line, trees], weights=[0.5, 0.5])
    views = blend.spec.view_many(blend.spec.load_many(data.valid.inputs.columns))
    alone = line.outputs(line.spec.view_many(line.spec.load_many(data.valid.inputs.columns)))
    other = trees.outputs(trees.spec.view_many(trees.spec.load_many(data.valid.inputs.columns)))
    np.testing.assert_allclose(blend.outputs(views), (alone + other) / 2, atol=1e-6)


def test_another_weight_is_another_model(members):
    one, other = (dt.Blend(list(members), weights=weights).identity() for weights in ([1, 1], [1, 2]))
    assert one != other and one == dt.Blend(list(members), weights=[2, 2]).identity()


@pytest.mark.parametrize(
    ("weights", "word"),
    [([1], "numbers"), ([0, 0], "not all 0"), ([-1, 2], "at least 0"), ("xy", "weights"), ([np.nan, 1], "weights")],
    ids=["one", "none", "negative", "text", "nan"],
)
def test_weights_that_mean_nothing_are_refused(members, weights, word):
    with pytest.raises(SettingError, match=word):
        dt.Blend(list(members), weights=weights)


def test_models_that_do_not_belong_together_are_refused(members):
    other = Constant(dt.table(straight(seed=5), target="y"))
    with pytest.raises(DataError, match="different data"):
        dt.Blend([members[0], other])
    with pytest.raises(SettingError, match="two or more"):
        dt.Blend([members[0]])
    with pytest.raises(SettingError, match="models"):
        dt.Blend([members[0], "trees"])
