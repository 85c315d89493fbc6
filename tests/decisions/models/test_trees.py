"""Trees over lever values: pruned by hand, with categories and gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from drivetrain.decisions.models.trees import trees_of


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
    X, _ = made(None)
    three = HistGradientBoostingClassifier(max_iter=2).fit(X, np.arange(len(X)) % 3)
    assert trees_of(three) is None and trees_of(3) is None
