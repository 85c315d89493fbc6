"""Models as small as may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.objective import Objective, Quantity

Array = NDArray[np.float64]


class Draws:
    """Which rows each member drew."""

    def __init__(self, counts: NDArray[np.int64]) -> None:
        self._counts = counts

    def counts(self, member: int) -> NDArray[np.int64]:
        return self._counts[member]


@dataclass
class Toy:
    """Functions (frame) → (n,) as members."""

    name: str
    calls: Sequence[Callable[[pd.DataFrame], Array]]
    halves: NDArray[np.int64]
    columns: tuple[str, ...]
    outcome: str | None = None
    logged: pd.DataFrame | None = None
    half_of_row: NDArray[np.int64] | None = None
    is_probability: bool = False
    draws: Draws | None = None
    scores: Mapping[str, Any] = field(default_factory=dict)

    def predict(self, frame: pd.DataFrame, members: Sequence[int] | None = None) -> Array:
        which = range(len(self.calls)) if members is None else members
        return np.stack([np.asarray(self.calls[k](frame), dtype=np.float64) for k in which])

    def profile(self, frame: pd.DataFrame, levers: Mapping[str, Any], members: Any = None) -> Any:
        places = range(len(next(iter(levers.values()))))
        each = [{name: values[place] for name, values in levers.items()} for place in places]
        return np.stack([self.predict(frame.assign(**setting), members) for setting in each], axis=2)

    @classmethod
    def fit(
        cls,
        name: str,
        logged: pd.DataFrame,
        outcome: str,
        terms: Callable[[pd.DataFrame], Array],
        *,
        columns: Sequence[str],
        members: int = 10,
        seed: int = 0,
    ) -> Toy:
        """Least squares on terms, on bootstraps of halves, of the rows with an outcome."""
        random = np.random.default_rng(seed)
        half = random.permutation(len(logged)) % 2
        y = logged[outcome].to_numpy(dtype=np.float64)
        counts, calls = [], []
        for member in range(members):
            own = np.flatnonzero(half == member % 2)
            drawn = random.choice(own, len(own))
            counts.append(np.bincount(drawn, minlength=len(logged)))
            used = drawn[np.isfinite(y[drawn])]
            beta = np.linalg.lstsq(terms(logged.iloc[used]), y[used], rcond=None)[0]
            calls.append(lambda frame, beta=beta: terms(frame) @ beta)
        halves = np.arange(members) % 2
        return cls(name, calls, halves, tuple(columns), outcome, logged, half, draws=Draws(np.stack(counts)))


def objective_of(call: Quantity) -> Objective:
    return Objective("toy", call, "0", "toy")
