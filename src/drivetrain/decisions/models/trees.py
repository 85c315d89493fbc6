"""Boosted trees over many lever values: each tree is asked once for each stretch of values between its own splits.

A tree that splits a lever at 7 values answers at most 8 different things for a row, whatever the number of values that
are tried. So it is asked 8 times, its splits on levers taken out, instead of 50 times; one that does not split a lever
is asked once.

Legend: n rows, A combinations of lever values, p columns, T trees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROWS_AT_ONCE = 16_384
"""So few that what is added up stays in the cache, so many that threads seldom wait for each other."""


@dataclass(frozen=True)
class Trees:
    """Trees whose answers are added up, as arrays of nodes that scikit-learn's compiled code reads."""

    predictors: Sequence[Any]
    """T of scikit-learn's `TreePredictor`."""
    base: float
    """What is there before the first tree."""
    known: Any
    index: Any
    """Known categories, as that code reads them."""
    place: NDArray[np.int64]
    """(p,) where each column of the matrix stands among those that nodes name."""
    order: NDArray[np.int64]
    """(p,) the other way round."""
    kept: dict[Any, Any] = field(default_factory=dict[Any, Any], compare=False, repr=False)
    """Levers → pruned trees, of the last call: chunk after chunk of rows meets the same values."""

    def raw(self, given: Array, levers: Mapping[int, Array]) -> NDArray[np.float32]:
        """(A, n) sums over all trees, the columns of levers set.

        Args:
            given: (n, p) matrix.
            levers: Column of the matrix → (A,) values.
        """
        X = np.ascontiguousarray(given[:, self.order], dtype=np.float64)
        count, n = len(next(iter(levers.values()))), len(given)
        pruned = self._pruned({int(self.place[column]): values for column, values in levers.items()}, count)
        found = np.empty((count, n), dtype=np.float32)
        for start in range(0, n, ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            some = X[rows]
            total = np.full((count, len(some)), self.base, dtype=np.float32)
            for predictor, trees in zip(self.predictors, pruned, strict=True):
                for nodes, which in trees:
                    total[which] += self._asked(nodes, predictor, some).astype(np.float32)
            found[:, rows] = total
        return found

    def _pruned(self, levers: Mapping[int, Array], count: int) -> list[list[tuple[Any, Any]]]:
        key = tuple((column, values.tobytes()) for column, values in levers.items())
        if key not in self.kept:
            self.kept.clear()
            self.kept[key] = [_pruned(predictor, levers, count) for predictor in self.predictors]
        return self.kept[key]

    def _asked(self, nodes: Any, predictor: Any, X: Array) -> Array:
        tree = type(predictor)(nodes, predictor.binned_left_cat_bitsets, predictor.raw_left_cat_bitsets)
        return tree.predict(X, known_cat_bitsets=self.known, f_idx_map=self.index, n_threads=1)


def _pruned(predictor: Any, levers: Mapping[int, Array], count: int) -> list[tuple[Any, Any]]:
    """The tree without its splits on levers, once for each group of combinations that go the same ways, and which."""
    nodes = predictor.nodes
    inner = nodes["is_leaf"] == 0
    mine = np.flatnonzero(inner & np.isin(nodes["feature_idx"], list(levers)))
    if not len(mine):
        return [(nodes, slice(None))]
    left = np.stack([_goes_left(predictor, nodes[at], levers[int(nodes["feature_idx"][at])]) for at in mine])
    ways, group = np.unique(left.T, axis=0, return_inverse=True)
    return [(_without(nodes, mine, way), _places(group.reshape(-1) == i)) for i, way in enumerate(ways)]


def _places(chosen: NDArray[np.bool_]) -> Any:
    """Where it is true, as a slice if that is in one piece: values in order mostly are, and slices are quick."""
    places = np.flatnonzero(chosen)
    together = places[-1] - places[0] + 1 == len(places)
    return slice(int(places[0]), int(places[-1]) + 1) if together else places


def _goes_left(predictor: Any, node: Any, values: Array) -> NDArray[np.bool_]:
    """(A,) whether a row with each value of the lever goes left at a node."""
    missing = np.isnan(values)
    if node["is_categorical"]:
        codes = np.where(missing, 0, values).astype(np.int64)
        words = predictor.raw_left_cat_bitsets[node["bitset_idx"]]
        inside = (words[codes // 32] >> (codes % 32).astype(np.uint32)) & 1 == 1
        return np.where(missing, bool(node["missing_go_to_left"]), inside)
    return np.where(missing, bool(node["missing_go_to_left"]), values <= node["num_threshold"])


def _without(nodes: Any, mine: NDArray[np.int64], left: NDArray[np.bool_]) -> Any:
    """A copy in which every way leads past the splits on levers."""
    target = np.arange(len(nodes))
    target[mine] = np.where(left, nodes["left"][mine], nodes["right"][mine])
    while True:
        further = target[target]
        if (further == target).all():
            break
        target = further
    found = nodes.copy()
    found["left"], found["right"] = target[nodes["left"]], target[nodes["right"]]
    found[0] = found[target[0]]
    return found


def trees_of(model: Any) -> Trees | None:
    """The trees of scikit-learn's histogram-based boosting with one score per row; None of anything else.

    It reads what that library does not promise to keep: `profile` tries the result against the library's own first.
    """
    if not type(model).__name__.startswith("HistGradientBoosting") or getattr(model, "n_trees_per_iteration_", 0) != 1:
        return None
    try:
        categorical = model.is_categorical_
        p = int(model.n_features_in_)
        order = np.arange(p)
        if categorical is not None:
            order = np.concatenate([np.flatnonzero(categorical), np.flatnonzero(~np.asarray(categorical))])
        known, index = model._bin_mapper.make_known_categories_bitsets()
        predictors = [trees[0] for trees in model._predictors]
        base = float(np.asarray(model._baseline_prediction).reshape(-1)[0])
    except (AttributeError, IndexError, TypeError, ValueError):
        return None
    return Trees(predictors, base, known, index, np.argsort(order), order)
