"""Boosted trees: how they keep to a time, and that a graph says what they say."""

import math

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.errors import DataError, SettingError
from drivetrain.models.deadline import Deadline
from drivetrain.models.forests import MOST_RATE, USUAL_ROUNDS, Forest, Growth, faster, grow, pace, round_seconds
from drivetrain.models.tabular import views_of
from drivetrain.models.trees import Trees

GROWTH = Growth("small", 4, 5, 0.0, 1.0)


@pytest.mark.parametrize(
    ("left", "round_s", "expected"),
    [(1e9, 0.01, 1.0), (8.0, 0.01, 1.0), (4.0, 0.01, 1.0), (2.0, 0.01, 2.0), (0.4, 0.01, 10.0)],
    ids=["plenty", "two", "one", "half", "tenth"],
)
def test_steps_grow_as_the_time_shrinks(left, round_s, expected):
    assert pace(left, round_s) == pytest.approx(expected)
    assert USUAL_ROUNDS * 0.01 == 4.0  # what the numbers above stand for


def test_steps_have_an_upper_end():
    assert faster(GROWTH, 2).rate == 0.1 and faster(GROWTH, 1000).rate == MOST_RATE


def settings(deadline):
    return {"loss": None, "constraints": None, "seed": 0, "deadline": deadline}


def some(n=200):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n, 3)).astype(np.float32)
    return features, (features[:, 0] > 0).astype(int)


def test_no_round_is_begun_when_the_time_is_up():
    features, truth = some()
    forest = grow(GROWTH, features, truth, (features, truth), **settings(Deadline(0)))
    assert forest.rounds == 1
    assert grow(GROWTH, features, truth, (features, truth), **settings(Deadline(math.inf))).rounds > 50


def test_the_rounds_of_patience_are_cut_off():
    features, truth = some()
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 2, len(truth))
    forest = grow(GROWTH, features, noise, (features[::-1], noise), **settings(Deadline(math.inf)))
    so_far = [
        Forest(forest.start, forest.trees[:rounds]).raw(features[::-1])[:, 0] for rounds in range(1, forest.rounds + 1)
    ]
    losses = [float((np.logaddexp(0, raw) - raw * noise).mean()) for raw in so_far]
    assert int(np.argmin(losses)) == len(losses) - 1


def test_the_time_of_a_round_is_measured_on_every_class():
    features, truth = some(400)
    truth[:] = 0
    truth[7] = 1  # a class of one row
    assert round_seconds(GROWTH, features, truth, **settings(Deadline(math.inf))) > 0


def test_with_no_time_there_is_one_forest_and_it_is_told(crossed_data):
    with dt.quiet():
        trees = Trees(crossed_data, budget=0.05)
    assert len(trees.forests) == 1 and trees.decisions["members"].value == 1
    assert "no time" in trees.decisions["members"].reason


def test_with_time_there_are_all_members(crossed_data):
    with dt.quiet():
        trees = Trees(crossed_data, budget="10min", members=2)
    assert len(trees.forests) == 2 and trees.decisions["members"].reason == "as asked"
    assert trees.validate()["accuracy"].value > 0.85


def test_the_graph_says_what_the_trees_say(straight_data):
    with dt.quiet():
        trees = Trees(straight_data, members=2)
    session = pytest.importorskip("onnxruntime").InferenceSession(trees.as_onnx())
    numbers, codes = views_of(trees.spec, straight_data.valid)
    numbers[0, 0] = np.nan
    said = session.run(None, {"numbers": numbers, "codes": codes})[0]
    np.testing.assert_allclose(said, trees.outputs((numbers, codes)), atol=1e-5)


def test_more_area_never_lowers_the_price(priced_data):
    with dt.quiet():
        trees = Trees(priced_data, members=1, monotone={"area": 1})
    area = np.linspace(20, 120, 40)
    said = [one.values["price"] for one in trees.predict([{"area": a, "town": "Bern"} for a in area])]
    assert (np.diff(said) >= 0).all()


def test_a_quantile_lies_above_its_share_of_the_rows(priced_data):
    with dt.quiet():
        trees = Trees(priced_data, members=1, quantile=0.9)
    said = trees.predictions("train")
    assert (said.truth <= said.output).mean() == pytest.approx(0.9, abs=0.08)


@pytest.mark.parametrize(
    "asked",
    [{"members": 0}, {"quantile": 0.5}, {"monotone": {"shop": 1}}, {"monotone": {"x": 2}}, {"budget": "soon"}],
    ids=["members", "quantile", "name", "sign", "budget"],
)
def test_what_means_nothing_is_refused(straight_data, asked):
    with pytest.raises(SettingError):
        Trees(straight_data, **asked)


def test_trees_want_a_table(tmp_path):
    from PIL import Image

    for i in range(12):
        place = tmp_path / "ab"[i % 2] / f"{i}.png"
        place.parent.mkdir(exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (16, 16, 3), np.uint8)).save(place)
    with pytest.raises(DataError, match="reads tables"):
        Trees(dt.images(tmp_path))


def test_copies_of_a_row_do_not_tell_each_other_their_target():
    """Names that say nothing, each row listed four times: what a copy says of itself must not be learnt."""
    rng = np.random.default_rng(0)
    n = 400
    name, other = rng.permutation(n), rng.normal(size=n)
    y = rng.choice(["yes", "no"], n)
    rows = {"name": [f"n{v}" for v in np.tile(name // 2, 4)], "z": np.tile(other, 4), "y": np.tile(y, 4)}
    with dt.quiet(), pytest.warns(dt.DrivetrainWarning):
        data = dt.table(rows, target="y", types={"name": "category"})
        trees = Trees(data, members=1)
    told = trees._told(views_of(trees.spec, data.train), np.array(data.train.values)[:, None] == "yes", 0)[1]
    truth = np.array([value == "yes" for value in data.train.values])
    assert abs(np.corrcoef(told[:, 0], truth)[0, 1]) < 0.35  # with copies in other folds it would be near 1
