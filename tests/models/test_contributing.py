"""What each column adds to what trees say: by hand, by the definition, and that the sum is the answer."""

from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.errors import DataError, InputError
from drivetrain.models.constant import Constant
from drivetrain.models.contributing import contributions, expected, leaves_of
from drivetrain.models.forests import Forest
from drivetrain.models.tabular import views_of
from drivetrain.models.trees import Trees

INNER = ("feature_idx", "num_threshold", "missing_go_to_left", "left", "right")


def forest(*trees, start=(0.0,)):
    """Trees of nodes (count, value) for a leaf, (count, feature, threshold, gap left, left, right) else."""
    nodes = [node for tree in trees for node in tree]
    arrays = {"start": np.array(start), "sizes": np.array([len(tree) for tree in trees])}
    arrays["is_leaf"] = np.array([len(node) == 2 for node in nodes])
    arrays["count"] = np.array([node[0] for node in nodes])
    arrays["value"] = np.array([node[1] if len(node) == 2 else 0.0 for node in nodes])
    for at, name in enumerate(INNER, 1):
        arrays[name] = np.array([0 if len(node) == 2 else node[at] for node in nodes])
    return Forest.of_arrays(arrays)


BOTH = [(4, 0, 0.5, False, 1, 2), (2, 0.0), (2, 1, 0.5, False, 3, 4), (1, 0.0), (1, 80.0)]
"""80 where both features are above 0.5; of four rows each combination once."""
STEP = [(10, 1, 2.0, True, 1, 2), (6, -5.0), (4, 10.0)]
"""Rows with gaps go left with six in ten."""
CHAIN = [
    (20, 0, 3.0, True, 1, 4), (12, 1, 0.0, False, 2, 3), (5, 1.0), (7, -2.0), (8, 0, 7.0, False, 5, 6), (2, 4.0),
    (6, 2, 1.0, True, 7, 8), (3, 0, 9.0, False, 9, 10), (3, -1.5), (1, 6.0), (2, 0.25),
]  # fmt: skip
"""The first feature is asked three times on one path."""
LOOSE = [
    (9, 0, 1.0, False, 1, 4), (4, 0, 2.5, False, 2, 3), (3, 1.0), (1, 7.0),
    (5, 0, -1.0, False, 5, 6), (2, 30.0), (3, 500.0),
]  # fmt: skip
"""Asked again, less strictly, on both sides."""


def added(made, rows, owned=None):
    features = np.array(rows, np.float32)
    owned = np.eye(features.shape[1]) if owned is None else owned
    return contributions(leaves_of(made), features, owned, len(made.start))


def test_two_trees_by_hand():
    """The rows' mean is 1 + 80/4 + (6·−5 + 4·10)/10 = 22."""
    made = forest(BOTH, STEP, start=(1.0,))
    assert expected(made, leaves_of(made)).tolist() == pytest.approx([22.0])
    found = added(made, [[1, 1], [1, 3], [0, 1], [1, np.nan]])[:, :, 0]
    # The first tree says 80, each feature adds (80 − 20)/2; the second says −5, which its one feature adds: −5 − 1.
    # With only the second feature: alone it lifts 20 to 40, the first takes it to 0: −(20 + 40)/2, and (20 + 0)/2.
    # A gap goes to the left in the second tree and to the right in the first.
    expectations = [[30, 24], [30, 39], [-30, 4], [30, 30 - 6]]
    np.testing.assert_allclose(found, expectations, atol=1e-12)
    np.testing.assert_allclose(22 + found.sum(axis=1), made.raw(np.array([[1, 1], [1, 3], [0, 1], [1, np.nan]]))[:, 0])


def told(nodes, row, known, at=0):
    """What a tree says of a row of which some features are told: both ways, in proportion, where one is not."""
    node = nodes[at]
    if len(node) == 2:
        return node[1]
    _, feature, threshold, gap_left, left, right = node
    if feature in known:
        to_left = gap_left if np.isnan(row[feature]) else row[feature] <= threshold
        return told(nodes, row, known, left if to_left else right)
    sides = [(nodes[side][0] / node[0], told(nodes, row, known, side)) for side in (left, right)]
    return sum(share * said for share, said in sides)


def by_definition(nodes, row):
    """Shapley (1953), over all sets of features."""
    found = []
    for feature in range(len(row)):
        others = [each for each in range(len(row)) if each != feature]
        total = 0.0
        for size in range(len(row)):
            share = factorial(size) * factorial(len(row) - size - 1) / factorial(len(row))
            for known in map(set, combinations(others, size)):
                total += share * (told(nodes, row, known | {feature}) - told(nodes, row, known))
        found.append(total)
    return found


@pytest.mark.parametrize("nodes", [BOTH, STEP, CHAIN, LOOSE], ids=["both", "step", "chain", "loose"])
def test_they_are_the_values_of_the_definition(nodes):
    rows = [
        [0.2, 0.7, 2.0],
        [2.0, 0.3, 1.0],
        [8.0, -1.0, 0.0],
        [9.5, 1.0, 0.5],
        [5.0, 2.5, 2.0],
        [np.nan, np.nan, np.nan],
        [99, 0, np.nan],
    ]
    found = added(forest(nodes), rows)[:, :, 0]
    np.testing.assert_allclose(found, [by_definition(nodes, row) for row in np.float32(rows)], atol=1e-12)


def test_a_path_of_many_features_by_definition():
    """Nine features on one path: more points of the integral, none of them left out."""
    rng, nodes = np.random.default_rng(0), []
    for at in range(9):
        nodes += [(2 ** (9 - at), at, 0.0, False, 2 * at + 1, 2 * at + 2), (2 ** (8 - at), float(rng.normal()))]
    nodes.append((1, 3.0))
    rows = rng.normal(1.0, 1.0, (6, 9)).astype(np.float32)
    found = added(forest(nodes), rows)[:, :, 0]
    np.testing.assert_allclose(found, [by_definition(nodes, row) for row in rows], atol=1e-12)


def test_a_tree_without_a_split_adds_nothing():
    made = forest([(7, 3.0)], STEP)
    assert expected(made, leaves_of(made)).tolist() == [4.0]
    assert added(made, [[0, 9]]).tolist() == [[[0.0], [9.0]]]
    assert added(made, np.zeros((0, 2))).shape == (0, 2, 1)


def test_each_output_has_its_own_trees():
    made = forest(BOTH, STEP, start=(0.5, -0.5))  # one round of two outputs
    found = added(made, [[1, 3]])
    np.testing.assert_allclose(found[0], [[30, 0], [30, 9]], atol=1e-12)
    np.testing.assert_allclose(expected(made, leaves_of(made)), [20.5, 0.5])


def test_a_feature_of_two_columns_is_divided():
    owned = np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    found = added(forest(BOTH, STEP), [[1, 3]], owned)
    np.testing.assert_allclose(found[0, :, 0], [30, 19.5, 19.5], atol=1e-12)


def test_many_rows_in_pieces_are_the_same_rows(monkeypatch):
    rows = np.random.default_rng(0).normal(2, 3, (50, 3)).astype(np.float32)
    whole = added(forest(CHAIN, BOTH), rows)
    monkeypatch.setattr("drivetrain.models.contributing.MOST_AT_ONCE", 200)
    np.testing.assert_allclose(added(forest(CHAIN, BOTH), rows), whole, atol=1e-12)


def summed(model, rows):
    return model.start()[None] + sum(model.contributions(rows).values())


@pytest.fixture(scope="module")
def many_names():
    """Columns of many names, so that their statistics and pairs are read; a date, words, gaps; three classes."""
    rng, n = np.random.default_rng(0), 500
    left, right = rng.integers(0, 40, n), rng.integers(0, 40, n)
    x = rng.normal(size=n)
    return pd.DataFrame(
        {
            "left": [f"l{at}" for at in left],
            "right": [f"r{at}" for at in right],
            "since": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 700, n), unit="D"),
            "x": np.where(rng.random(n) < 0.2, np.nan, x),
            "size": rng.choice(["S", "M", "L"], n),
            "kind": np.array(["one", "two", "three"])[((left + right) % 2 + (x > 0.5))],
        }
    )


@pytest.mark.parametrize(
    ("target", "label_delim"), [("kind", None), ("two", None), ("x", None), ("labels", ",")],
    ids=["classes", "two classes", "number", "labels"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::drivetrain.DrivetrainWarning")
def test_with_the_start_they_are_the_raw_output(many_names, target, label_delim):
    rows = many_names.assign(
        two=np.where(many_names["kind"] == "one", "no", "yes"),
        labels=np.where(many_names["kind"] == "one", "a,b", np.where(many_names["kind"] == "two", "a", "b,c")),
    )
    rows = rows.dropna(subset=["x"]) if target == "x" else rows
    rows = rows[["left", "right", "since", "size", *(["x"] if target != "x" else []), target]]
    with dt.quiet():
        data = dt.table(rows, target=target, label_delim=label_delim, seed=1)
        trees, line = Trees(data, members=2, budget="2s"), dt.Linear(data)
    assert trees.spec.pairs
    blend = dt.Blend([trees, line], weights=[0.7, 0.3])
    for model in (trees, line, blend):
        raw = model.outputs(model.spec.view_many(model.spec.load_many(data.valid.inputs.columns)))
        raw = raw[:, 1:] - raw[:, :1] if target == "two" else raw
        np.testing.assert_allclose(summed(model, data.valid), raw, atol=2e-5)
        found = model.contributions(data.valid)
        assert list(found) == [column.name for column in model.spec.columns]
        assert {part.shape for part in found.values()} == {raw.shape}


def test_what_is_read_of_a_pair_is_halved(many_names):
    with dt.quiet():
        trees = Trees(dt.table(many_names, target="kind", seed=1), members=1, budget="1s")
    owned, names = trees._owned(), [column.name for column in trees.spec.columns]
    assert owned.shape == (trees.n_features, len(names)) and (owned.sum(axis=1) == 1).all()
    halves = owned[-trees.statistics.tables[-1].shape[1] :]  # of the only pair
    assert len(trees.spec.pairs) == 1
    assert {names[at] for at in np.flatnonzero(halves[0])} == {"left", "right"} and set(halves[0]) == {0.0, 0.5}


def test_of_two_signs_that_only_count_together_each_has_half(crossed_data):
    """The paths of Saabas would give nearly all to whichever is asked last."""
    with dt.quiet():
        trees = Trees(crossed_data, members=1)
    found = {name: np.abs(part).mean() for name, part in trees.contributions(crossed_data.valid).items()}
    assert found["x"] == pytest.approx(found["z"], rel=0.25)


def test_rows_of_people_are_read_as_they_are_for_answers(straight_data, tmp_path):
    with dt.quiet():
        trees = Trees(straight_data, members=1, budget="1s")
    inputs = straight_data.valid.inputs
    rows, known = [inputs[at] for at in range(3)], trees.contributions(straight_data.valid)
    pd.DataFrame(rows).to_csv(tmp_path / "rows.csv", index=False)
    for given in (rows, pd.DataFrame(rows), tmp_path / "rows.csv", iter(rows)):
        for name, part in trees.contributions(given).items():
            np.testing.assert_allclose(part, known[name][:3], atol=1e-6)
    assert {part.shape for part in trees.contributions(rows[0]).values()} == {(1, 1)}
    assert {part.shape for part in trees.contributions([]).values()} == {(0, 1)}
    with pytest.raises(InputError, match=r"row 2: column 'x' .*expected a number"):
        trees.contributions([rows[0], {**rows[1], "x": "old"}])
    with pytest.raises(InputError, match="To fix"):
        trees.contributions(7)


def test_trees_that_were_taken_up_again_add_the_same(straight_data):
    with dt.quiet():
        trees = Trees(straight_data, members=1, budget="1s")
    again = Trees.of_learnt(straight_data, trees.spec, trees.learnt())
    for name, part in trees.contributions(straight_data.valid).items():
        np.testing.assert_array_equal(again.contributions(straight_data.valid)[name], part)


def test_who_cannot_tell_says_so(straight_data):
    constant, line = Constant(straight_data), dt.Linear(straight_data)
    for model in (constant, dt.Blend([constant, line], weights=[0.5, 0.5])):
        assert not model.has_contributions
        with pytest.raises(DataError, match=r"expected dt\.Trees.*To fix"):
            model.contributions(straight_data.valid)
        with pytest.raises(DataError, match="To fix"):
            model.start()
    assert dt.Blend([constant, line], weights=[0, 1]).has_contributions
    assert views_of(line.spec, straight_data.valid)[0].shape[1] == 2
