"""Trees over lever values: pruned by hand, categories and gaps, and trees that LightGBM wrote down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from drivetrain.decisions.models.profiles.lightgbm_trees import read_dump, trees_of_lightgbm
from drivetrain.decisions.models.profiles.trees import trees_of


def made(categorical: list[int] | None) -> tuple[np.ndarray, Any]:
    random = np.random.default_rng(0)
    X = np.column_stack([random.normal(size=(600, 2)), random.integers(0, 40, 600), random.normal(size=600)])
    X[random.random(600) < 0.1, 1] = np.nan
    y = X[:, 0] * X[:, 3] + np.sin(X[:, 2]) + np.nan_to_num(X[:, 1])
    return X, HistGradientBoostingRegressor(max_iter=10, categorical_features=categorical).fit(X, y)


@pytest.mark.parametrize("categorical", [None, [2], [0]], ids=["numbers", "a category", "another column first"])
def test_raw_scores_are_those_of_the_library_for_every_value(categorical: list[int] | None) -> None:
    if categorical == [0]:  # scikit-learn puts categories first: columns change their places
        X, _ = made(None)
        X[:, 0] = np.random.default_rng(1).integers(0, 5, len(X))
        model = HistGradientBoostingRegressor(max_iter=10, categorical_features=[0, 2]).fit(X, X[:, 0] + X[:, 3])
    else:
        X, model = made(categorical)
    levers = {2: np.array([0.0, 7.0, 33.0, np.nan, 7.0]), 1: np.array([-1.0, np.nan, 0.5, 2.0, 0.0])}
    found = trees_of(model).raw(X[:50], levers)
    for a in range(5):
        moved = X[:50].copy()
        moved[:, 2], moved[:, 1] = levers[2][a], levers[1][a]
        np.testing.assert_allclose(found[a], model.predict(moved), rtol=1e-5, atol=1e-5)


def test_a_tree_is_asked_once_between_its_own_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    X, model = made(None)
    trees, asked = trees_of(model), []
    monkeypatch.setattr(type(trees), "_asked", lambda self, nodes, p, X: asked.append(len(nodes)) or np.zeros(len(X)))
    trees.raw(X[:5], {0: np.linspace(-3, 3, 200)})
    splits = [
        len(np.unique(t.nodes["num_threshold"][(t.nodes["feature_idx"] == 0) & (t.nodes["is_leaf"] == 0)]))
        for t in trees.predictors
    ]
    assert 10 < len(asked) <= sum(n + 1 for n in splits) < 200  # two splits may lie between neighbours of the 200


def test_several_classes_and_other_models_are_not_taken() -> None:
    X, model = made(None)
    three = HistGradientBoostingClassifier(max_iter=2).fit(X, np.arange(len(X)) % 3)
    assert trees_of(three) is None and trees_of(3) is None and trees_of_lightgbm(model) is None


def leaf(value: float) -> dict[str, Any]:
    return {"leaf_index": 0, "leaf_value": value}


def split(feature: int, threshold: Any, left: Any, right: Any, **more: Any) -> dict[str, Any]:
    usual = {"decision_type": "<=", "missing_type": "None", "default_left": True}
    places = {"split_feature": feature, "threshold": threshold, "left_child": left, "right_child": right}
    return {**usual, **places, **more}


def dumped(*roots: Any, **more: Any) -> dict[str, Any]:
    return {"num_tree_per_iteration": 1, "tree_info": [{"tree_structure": root} for root in roots], **more}


def test_what_lightgbm_wrote_down_is_read() -> None:
    inner = split(1, 2.0, leaf(1.0), leaf(10.0), missing_type="NaN", default_left=False)
    trees = read_dump(dumped(split(0, 0.5, inner, leaf(100.0)), leaf(1000.0)), 2)
    X = np.array([[0.5, 2.0], [0.4, 3.0], [0.6, 0.0], [np.nan, np.nan]])  # a gap in column 0 counts as 0
    assert trees.raw(X, {1: np.array([2.0, 2.1, np.nan])}).tolist() == [
        [1001.0, 1001.0, 1100.0, 1001.0],
        [1010.0, 1010.0, 1100.0, 1010.0],
        [1010.0, 1010.0, 1100.0, 1010.0],
    ]
    np.testing.assert_allclose(trees.raw(X, {0: np.array([0.0])})[0], [1001.0, 1010.0, 1001.0, 1010.0])


@pytest.mark.parametrize(
    "more",
    [{"decision_type": "=="}, {"missing_type": "Zero"}],
    ids=["a category", "nothing is missing"],
)
def test_splits_of_another_kind_are_not_read(more: dict[str, Any]) -> None:
    assert read_dump(dumped(split(0, 0.5, leaf(0.0), leaf(1.0), **more)), 1) is None


def test_several_scores_per_row_are_not_read() -> None:
    assert read_dump(dumped(leaf(0.0), num_tree_per_iteration=3), 1) is None
