"""One boosted forest of scikit-learn's, which stops where the validation loss says so or the time is up.

Legend: N rows, F features, K trees a round.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
) -> Any:
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
    del forest._predictors[max(best, 1) :]  # the rounds of patience made it worse
    return forest


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


def trees_of(forest: Any) -> Iterator[NDArray[Any]]:
    """The nodes of each tree, round by round, in each round one tree for each raw output."""
    return (tree.nodes for one_round in forest._predictors for tree in one_round)


def raw_of(forest: Any, features: Features) -> Floats:
    """(N, K)."""
    found = forest._raw_predict(features) if hasattr(forest, "classes_") else forest.predict(features)
    return np.asarray(found, np.float64).reshape(len(features), -1)
