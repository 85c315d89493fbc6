"""One boosted forest of scikit-learn's, which stops where the validation loss says so or the time is up.

Legend: N rows, F features, K trees a round.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.models.deadline import Deadline

Features = NDArray[np.float32]
Floats = NDArray[np.float64]
Held = tuple[Features, NDArray[Any]]
"""Features and truth of rows that say when to stop."""

MOST_ROUNDS = 1500
PATIENCE = 30
USUAL_ROUNDS = 400
"""That a forest takes at the usual rate, roughly: with less time than for these, the rate rises in proportion."""
MOST_RATE = 0.3
PROBED_ROWS = 100_000
"""On which the time of a round is measured."""
FIELDS = ("value", "feature_idx", "num_threshold", "missing_go_to_left", "left", "right", "is_leaf")
"""Of scikit-learn's nodes: what answers depend on."""
KEPT = (*FIELDS, "count")
"""Beside these how many training rows reached a node."""
ROWS_AT_ONCE = 2048
"""Rows that all trees answer before the next ones: so many stay in a core's cache."""


@dataclass(frozen=True)
class Forest:
    """The trees of one forest as plain arrays: what is kept of a fitted one."""

    start: Floats
    """(K,) the raw outputs of no tree."""
    trees: tuple[NDArray[Any], ...]
    """Nodes as scikit-learn has them, round by round, in each round one tree for each raw output."""

    @property
    def rounds(self) -> int:
        """How many there are."""
        return len(self.trees) // len(self.start)

    def raw(self, features: Features) -> Floats:
        """(N, K) raw outputs."""
        found = np.tile(self.start, (len(features), 1))
        nothing, nowhere = np.zeros((0, 8), np.uint32), np.zeros(features.shape[1], np.uint32)
        for first in range(0, len(features), ROWS_AT_ONCE):
            rows = slice(first, first + ROWS_AT_ONCE)
            some = np.ascontiguousarray(features[rows], np.float64)
            for at, tree in enumerate(self._predictors):
                found[rows, at % len(self.start)] += tree.predict(some, nothing, nowhere, 1)
        return found

    def as_arrays(self) -> dict[str, NDArray[Any]]:
        """What `of_arrays` takes: the nodes of all trees one after the other, field by field."""
        nodes = np.concatenate(self.trees)
        sizes = np.array([len(tree) for tree in self.trees])
        return {"start": self.start, "sizes": sizes, **{name: nodes[name].copy() for name in KEPT}}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Forest:
        """The forest of such arrays.

        Raises:
            ValueError: They are no trees: a child does not come after its parent.
        """
        from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE  # noqa: PLC0415

        nodes: Any = np.zeros(int(arrays["sizes"].sum()), PREDICTOR_RECORD_DTYPE)
        for name in KEPT:
            nodes[name] = arrays[name]
        trees: tuple[Any, ...] = tuple(np.split(nodes, np.cumsum(arrays["sizes"])[:-1]))
        for tree in trees:
            inner = np.flatnonzero(tree["is_leaf"] == 0)
            for side in ("left", "right"):
                child = tree[side][inner]
                if (child <= inner).any() or (child >= len(tree)).any():
                    raise ValueError("a child of a node lies outside its tree")
        return cls(arrays["start"], trees)

    @cached_property
    def _predictors(self) -> list[Any]:
        from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor  # noqa: PLC0415 - slow to import

        nothing = np.zeros((0, 8), np.uint32)
        return [TreePredictor(nodes, nothing, nothing) for nodes in self.trees]


@dataclass(frozen=True)
class Growth:
    """How trees are grown."""

    name: str
    leaves: int
    least_rows: int
    """In a leaf."""
    shrink: float
    """Penalty on the values of leaves."""
    share: float
    """Of the features, that each split may choose from."""
    rate: float = 0.05


def pace(left_s: float, round_s: float) -> float:
    """What the learning rate is multiplied by, so that a forest fits into a time; 1 where there is time for two.

    Args:
        left_s: Seconds there are.
        round_s: Seconds of one round of all outputs.

    Source: of shrinkage and rounds it is the product that counts, and smaller steps are better (Friedman 2001, "Greedy
    function approximation", section 5).

    Example:
        >>> pace(100, 0.01), pace(100, 0.5)
        (1.0, 2.0)
    """
    usual = USUAL_ROUNDS * round_s
    return 1.0 if usual * 2 <= left_s else max(1.0, usual / max(left_s, 1e-3))


def grow(
    growth: Growth,
    features: Features,
    truth: NDArray[Any],
    held: Held | None,
    *,
    loss: dict[str, Any] | None,
    constraints: NDArray[np.int8] | None,
    seed: int,
    deadline: Deadline,
    most_rounds: int = MOST_ROUNDS,
) -> Forest:
    """A fitted forest, cut where the held rows (or those scikit-learn holds out) were predicted best.

    Args:
        growth: How.
        features: (N, F).
        truth: (N,) classes or numbers.
        held: Rows that say when to stop.
        loss: Settings of a regressor; None: a classifier.
        constraints: (F,) −1, 0 or 1: the sign of what more of a feature does.
        seed: Of all draws.
        deadline: After it no round is begun.
        most_rounds: At most.
    """
    from sklearn.ensemble import (  # noqa: PLC0415 - slow to import
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )

    plain = HistGradientBoostingClassifier if loss is None else HistGradientBoostingRegressor

    class Timed(plain):  # pyright: ignore[reportGeneralTypeIssues, reportUntypedBaseClass] - one of two classes
        def _should_stop(self, scores: list[float]) -> bool:
            return deadline.over or bool(super()._should_stop(scores))

    forest: Any = Timed(
        learning_rate=growth.rate,
        max_iter=most_rounds,
        max_leaf_nodes=growth.leaves,
        min_samples_leaf=growth.least_rows,
        l2_regularization=growth.shrink,
        max_features=growth.share,
        early_stopping=True,
        n_iter_no_change=PATIENCE,
        monotonic_cst=constraints,
        random_state=seed,
        **(loss or {}),
    )
    if held is None:
        forest.fit(features, truth)
    else:
        forest.fit(features, truth, X_val=held[0], y_val=held[1])
    best = int(np.argmax(forest.validation_score_))  # the first is that of no tree
    kept = forest._predictors[: max(best, 1)]  # the rounds of patience made it worse
    start = np.asarray(forest._baseline_prediction, np.float64).reshape(-1)
    return Forest(start, tuple(tree.nodes for one_round in kept for tree in one_round))


def round_seconds(growth: Growth, features: Features, truth: NDArray[Any], **settings: Any) -> float:
    """How long one round takes on these rows, measured on some of them."""
    rows = np.arange(0, len(features), max(1, len(features) // PROBED_ROWS))
    if settings.get("loss") is None:  # of every class one
        rows = np.union1d(rows, np.unique(truth, return_index=True)[1])
    some, said = features[rows], truth[rows]

    def taken(rounds: int) -> float:
        began = time.monotonic()
        grow(growth, some, said, (some[:2], said[:2]), most_rounds=rounds, **settings)
        return time.monotonic() - began

    taken(1)  # what is loaded and compiled once
    return max(1e-5, (taken(6) - taken(1)) / 5) * len(features) / len(some)


def faster(growth: Growth, by: float) -> Growth:
    """The same with larger steps."""
    return replace(growth, rate=min(MOST_RATE, growth.rate * by))
