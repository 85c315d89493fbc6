"""Models whose raw score is a sum, asked over many lever values at once: boosted trees, and linear models.

Each is tried first: on some rows it must answer as the library itself does, or the library is asked.

Legend: n rows, A combinations of lever values, p columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.decisions.models.calibrating import AS_IT_IS, Map, log_odds, logistic
from drivetrain.decisions.models.profiles.lightgbm_trees import trees_of_lightgbm
from drivetrain.decisions.models.profiles.trees import trees_of

Array = NDArray[np.float64]
Raw = Callable[[Array, Mapping[int, Array]], NDArray[np.float32]]
"""(n, p) matrix, column → (A,) values ↦ (A, n)."""
ALMOST = 1e-4
"""How far an answer may be off the library's own, as a share of the largest: sums in float32, in another order."""
ROWS_TRIED = 40


@dataclass(frozen=True)
class Quick:
    """A model's raw score over lever values, and how it becomes an answer."""

    raw: Raw
    inverse: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None
    """From raw score to number; None: it is the log-odds of a probability."""

    def answer(self, given: Array, levers: Mapping[int, Array], by: Map) -> NDArray[np.float32]:
        """(A, n) answers, probabilities mapped."""
        raw = self.raw(given, levers)
        if self.inverse is not None:
            return self.inverse(raw)
        if by != AS_IT_IS:
            edge = float(log_odds(np.array(1 - by.floor), by.floor))
            np.clip(raw, -edge, edge, out=raw)
            raw *= np.float32(by.scale)
            raw += np.float32(by.shift)
        return logistic(raw).astype(np.float32, copy=False)


def quick_of(model: Any, *, is_probability: bool) -> list[Quick]:
    """What may be quicker for a model, to be tried; nothing for most."""
    raw: Raw | None = None
    trees = trees_of(model) or trees_of_lightgbm(model)
    if trees is not None:
        raw = trees.raw
    elif is_linear(model):
        raw = _linear(np.asarray(model.coef_, dtype=np.float64).reshape(-1), np.asarray(model.intercept_).reshape(-1))
    if raw is None:
        return []
    if is_probability:
        return [Quick(raw, None)]
    return [Quick(raw, lambda z: z), Quick(raw, np.exp)]


def is_linear(model: Any) -> bool:
    """Whether it is a linear model of scikit-learn with one score per row."""
    coef = getattr(model, "coef_", None)
    known = type(model).__module__.startswith(("sklearn.linear_model", "sklearn.svm._classes"))
    return known and isinstance(coef, np.ndarray) and (coef.ndim == 1 or coef.shape[0] == 1)


def _linear(coef: Array, intercept: Array) -> Raw:
    def raw(given: Array, levers: Mapping[int, Array]) -> NDArray[np.float32]:
        columns = list(levers)
        rest = np.setdiff1d(np.arange(len(coef)), columns)
        fixed = given[:, rest] @ coef[rest] + float(intercept[0] if len(intercept) else 0.0)
        moved = np.stack([levers[column] for column in columns], axis=1) @ coef[columns]
        return (moved[:, None] + fixed[None, :]).astype(np.float32)

    return raw


def is_right(found: NDArray[np.float32], wanted: NDArray[np.floating[Any]]) -> bool:
    """Whether answers are those of the library, but for rounding."""
    scale = max(float(np.abs(wanted).max(initial=0.0)), 1e-12)
    return bool(np.isfinite(found).all()) and float(np.abs(found - wanted).max(initial=0.0)) <= ALMOST * scale
