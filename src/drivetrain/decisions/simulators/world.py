"""What a simulator gives: rows that were logged, rows to decide on, and the truth about both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.objective import Array, Levers, Quantity
from drivetrain.settings import refuse, whole
from drivetrain.text import counted

Expected = Callable[[pd.DataFrame, Levers], dict[str, Array]]
"""Rows, levers → name of an outcome → (n,) its expectation."""
Drawn = Callable[[pd.DataFrame, Levers, np.random.Generator], pd.DataFrame]
"""Rows, levers, random numbers → one outcome a row and column."""


@dataclass(frozen=True)
class Best:
    """The best values of levers, row by row, when the truth is known."""

    levers: dict[str, NDArray[Any]]
    """Name → (n,) values."""
    value: Array
    """(n,) true expected objective at them."""


@dataclass(frozen=True)
class Truth:
    """What nobody knows outside a simulator.

    A lever that is not named in `levers` stays at the value in the rows' column of its name.
    """

    expected: Expected
    objective: Quantity
    drawn: Drawn

    def predict(self, rows: pd.DataFrame, levers: Mapping[str, Any]) -> dict[str, Array]:
        """Name of an outcome → (n,) its true expectation (of a yes or no: probability) at these lever values."""
        return self.expected(rows, _spread(rows, levers))

    def value(self, rows: pd.DataFrame, levers: Mapping[str, Any]) -> Array:
        """(n,) true expected objective at these lever values: a number each, or (n,) values."""
        spread = _spread(rows, levers)
        return self.objective(rows, spread, self.expected(rows, spread))

    def best(self, rows: pd.DataFrame, grid: Mapping[str, Sequence[Any] | NDArray[Any]]) -> Best:
        """Among all combinations of the grid's values, the best of each row.

        Args:
            rows: (n) rows.
            grid: Name of a lever → its values.
        """
        value, place = np.full(len(rows), -np.inf), np.zeros(len(rows), dtype=np.int64)
        actions = list(product(*grid.values()))
        for at, action in enumerate(actions):
            here = self.value(rows, dict(zip(grid, action, strict=True)))
            better = here > value
            value[better], place[better] = here[better], at
        return Best({name: np.asarray([action[i] for action in actions])[place] for i, name in enumerate(grid)}, value)

    def draw(self, rows: pd.DataFrame, levers: Mapping[str, Any], seed: int = 0) -> pd.DataFrame:
        """One outcome of each kind a row, indexed as the rows; NaN where it does not come about (no sale, no claim)."""
        return self.drawn(rows, _spread(rows, levers), np.random.default_rng(whole("seed", seed, least=0)))


@dataclass(frozen=True)
class World:
    """A simulator's rows and truth."""

    name: str
    logged: pd.DataFrame
    """Rows with lever values as they were set then, and outcomes. `propensity`: the probability with which chance drew
    the lever values, NaN where chance did not."""
    rows: pd.DataFrame
    """Rows to decide on: no outcomes; lever columns have today's values."""
    levers: tuple[Lever, ...]
    grid: dict[str, NDArray[Any]]
    """Name of a lever → all values it may take."""
    features: tuple[str, ...]
    """Columns that describe a row: what models read beside the levers."""
    outcomes: tuple[str, ...]
    """What models are to predict: columns of `logged`, and the names by which the objective asks."""
    objective: Quantity
    truth: Truth

    def __repr__(self) -> str:
        levers = ", ".join(lever.name for lever in self.levers)
        logged = counted(len(self.logged), "logged row")
        return f"World({self.name}: {logged}, {len(self.rows):,} to decide on, levers {levers})"


def sizes(n: Any, seed: Any, rows: Any) -> tuple[int, np.random.Generator, int, np.random.Generator]:
    """How many rows to log and to decide on, and random numbers for each: more of one leave the other alone."""
    seed = whole("seed", seed, least=0)
    n, rows = whole("n", n, least=1), whole("rows", rows, least=1)
    return n, np.random.default_rng([seed, 0]), rows, np.random.default_rng([seed, 1])


def chance(logit: Array) -> Array:
    """Probability of a logit."""
    return 1 / (1 + np.exp(-logit))


def column(rows: pd.DataFrame, levers: Levers, name: str) -> Array:
    """(n,) the lever's values, or the rows' where it is none."""
    return np.asarray(levers[name] if name in levers else rows[name], dtype=np.float64)


def _spread(rows: pd.DataFrame, levers: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    spread = {name: np.asarray(value) for name, value in levers.items()}
    for name, value in spread.items():
        if value.ndim > 1 or (value.ndim == 1 and len(value) != len(rows)):
            refuse(
                f"levers[{name!r}]",
                levers[name],
                f"one value, or one for each of the {len(rows):,} rows",
                fix="To fix: give such values.",
            )
    return {name: np.broadcast_to(value, len(rows)) for name, value in spread.items()}
