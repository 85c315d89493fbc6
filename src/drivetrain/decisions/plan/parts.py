"""What a plan consists of, as plain data: filled by `decide`, drawn by the page, kept in a file.

Legend: n rows of the plan, L actions tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from drivetrain.decisions.optimise.problem import Binding
from drivetrain.decisions.worth import Worth

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Promise:
    """What the plan promises, with and without the optimiser's curse."""

    promised: Worth
    """Chosen by the members of one half of the rows, valued by those of the other (cross-fitted), corrected by logged
    outcomes where these are randomised."""
    naive: Worth
    """Chosen and valued by the same members: too high, by the luck of the errors that were picked."""
    baseline: Worth
    """Today's values, valued in the same way."""
    gain: Worth
    """promised − baseline, paired on rows and members."""
    chance_of_loss: float | None
    """Share of members under which the plan is worth less than today's values; None with one member."""
    expected: Array
    """(n,) for each row, cross-fitted; as today where the plan leaves a row as it is. Their mean is promised."""
    low: Array
    high: Array
    """(n,) over members; equal to `expected` with one member."""
    expected_today: Array
    """(n,)."""


@dataclass(frozen=True)
class Support:
    """Whether rows like each were seen with the values proposed."""

    where: NDArray[np.str_]
    """(n,) "inside", "edge" or "outside"."""
    shares: Mapping[str, float]
    """Of rows, by that word."""
    how: str
    """In words: what "rows like it" are, and where the edge lies."""


@dataclass(frozen=True)
class LeverEffect:
    """One lever's effect on one outcome: as logged, and with habit taken out."""

    lever: str
    outcome: str
    naive: Worth
    """Slope (per 1 of a number) or difference (of one option against another), from a plain regression."""
    adjusted: Worth
    """Double machine learning, cross-fitted: lever and outcome each less what the row's columns predict of them."""
    predictable: float
    """R² (number) or gain over the shares of options (choice), cross-validated, of the lever from the row's columns:
    0 where chance set it."""
    randomised: bool | None
    """What was told."""
    agree: bool
    said: str
    """The verdict in words."""
    by_chance: Worth | None = None
    """Where chance set the lever of some rows: the slope among these alone."""


@dataclass(frozen=True)
class Valued:
    """A policy on logged rows."""

    policy: str
    """"the plan", "today", "prediction + 20 %"."""
    ips: Worth
    """Inverse propensity."""
    snips: Worth
    """Self-normalised."""
    dr: Worth
    """Doubly robust, cross-fitted."""
    effective_rows: float
    """Rows that carry the weight: (Σw)²/Σw²."""


@dataclass(frozen=True)
class Proof:
    """Policies on the logged rows."""

    policies: tuple[Valued, ...]
    propensities: Literal["known", "estimated"]
    clustered_by: str | None
    said: str


@dataclass(frozen=True)
class CurvePart:
    """The objective against one lever, the others as planned: mean per row."""

    lever: str
    values: tuple[Any, ...]
    mean: Array
    low: Array
    high: Array
    """Over members."""
    best: Any
    interior: bool
    """Whether the best value lies between the smallest and the largest tried."""
    today: Any
    """Median (number) or most frequent option."""
    flat: tuple[Any, Any] | None
    """Values between these are within 1 % of the best; numbers alone."""


@dataclass(frozen=True)
class Sensitive:
    """What becomes of the plan when one number of the objective is another."""

    number: str
    factor: float
    value: float
    """Of the number."""
    promised: float
    changed: float
    """Share of rows whose levers change when the plan is made anew."""
    kept: float
    """What the plan as it stands is worth under that number."""


@dataclass(frozen=True)
class Parts:
    """All of a plan but its table."""

    promise: Promise
    support: Support
    effects: tuple[LeverEffect, ...] = ()
    proof: Proof | None = None
    bindings: tuple[Binding, ...] = ()
    curves: tuple[CurvePart, ...] = ()
    sensitivity: tuple[Sensitive, ...] = ()
    method: str = ""
    """Of the optimiser, in words."""
    gap: float = 0.0
    """Share of the value that a better choice could add at most (bound − value)/|value|."""
    warnings: tuple[str, ...] = ()
    decisions: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Name → `Decision`: what the program chose, and why."""
