"""The rule that somebody would make without a model: one column, from one end to the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.models.columns import categories_of
from drivetrain.decisions.models.table import as_numbers, is_number
from drivetrain.decisions.uplift.learners import halves
from drivetrain.decisions.uplift.ranking import Measured, Ranking
from drivetrain.decisions.uplift.trial import Trial
from drivetrain.text import readable

Array = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Rule:
    """An order by one column."""

    column: str
    low_first: bool = False
    order: Mapping[str, float] | None = None
    """Of a column of categories: each one's effect in the rows that were learned from."""
    middle: float = 0.0
    """What stands for an empty cell, or a category that is not known."""

    def score(self, frame: pd.DataFrame) -> Array:
        """(n,) the higher, the earlier."""
        cells = frame[self.column]
        if self.order is not None:
            known = self.order
            return np.array([known.get(cell, self.middle) for cell in categories_of(cells)], dtype=np.float64)
        numbers = as_numbers(cells)
        numbers = np.where(np.isnan(numbers), self.middle, numbers)
        return -numbers if self.low_first else numbers

    def __str__(self) -> str:
        if self.order is not None:
            return f"{readable(self.column)}, by the effect in each category"
        return f"{readable(self.column)}, {'low' if self.low_first else 'high'} first"


def best_rule(trial: Trial, rows: Rows, share: Array, columns: Sequence[str], seed: int) -> Rule:
    """The rule with the largest Qini on some rows; each is made on one half of them and judged on the other.

    Args:
        trial: The rows.
        rows: Places of those that are learned from.
        share: (n,) each row's probability of being treated.
        columns: Among which.
        seed: Of the halves.
    """
    changed = crude(trial, rows, share)
    half = halves(trial, rows, seed)
    frame = trial.frame.iloc[rows]
    judged = [_alone(changed[half == side]) for side in (0, 1)]
    best, most = columns[0], -np.inf
    for name in columns:
        gained = 0.0
        for side in (0, 1):
            rule = _rule(frame.loc[:, name].iloc[half != side], changed[half != side], name)
            score = rule.score(frame.iloc[half == side])
            gained += Ranking(name, "", score, judged[side]).qini.value
        if gained > most:
            best, most = name, gained
    return _rule(frame[best], changed, best)


def crude(trial: Trial, rows: Rows, share: Array) -> Array:
    """(N,) effects without a model: outcomes less their mean, weighed by who was treated. Noisy, right on average."""
    y, e = trial.y[rows], share[rows]
    return (y - y.mean()) * (trial.treated[rows] - e) / (e * (1 - e))


def _rule(cells: pd.Series[Any], changed: Array, name: str) -> Rule:
    if not is_number(cells):
        means = pd.Series(changed).groupby(pd.Series(categories_of(cells)), dropna=True).mean()
        return Rule(name, order={str(k): float(v) for k, v in means.items()}, middle=float(changed.mean()))
    numbers = as_numbers(cells)
    known = ~np.isnan(numbers)
    if not known.any():
        return Rule(name)
    middle = float(np.median(numbers[known]))
    filled = np.where(known, numbers, middle)
    place = Ranking(name, "", filled, _alone(changed)).place
    return Rule(name, low_first=bool((changed * (0.5 - place)).sum() < 0), middle=middle)


def _alone(changed: Array) -> Measured:
    """Rows that stand alone, all in one fold."""
    n = len(changed)
    return Measured(changed, np.zeros(n, dtype=np.int64), np.arange(n, dtype=np.int64))
