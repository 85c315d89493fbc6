"""The simulator: models put together, so that levers give values of the objective, member by member.

Legend: n rows, L actions, K members, S scenarios. A value per member and scenario: the first axis has K·S places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.models.member import Members
from drivetrain.decisions.objective import Objective, Quantity

Array = NDArray[np.float64]


class Simulator(Protocol):
    """What optimising, proving and drawing ask: objective (and what constraints count) at lever values."""

    rows: pd.DataFrame
    levers: tuple[Lever, ...]
    objective: Objective
    models: Mapping[str, Members]
    halves: NDArray[np.int64]
    """(K·S,) the half of the rows that the place's members learned from; −1: all, or unknown."""

    def today(self) -> dict[str, NDArray[Any]]:
        """Name of a lever → (n,) today's value."""
        ...

    def at(
        self,
        levers: Mapping[str, NDArray[Any]],
        *,
        rows: NDArray[np.int64] | None = None,
        members: Sequence[int] | None = None,
        quantity: Quantity | None = None,
    ) -> Array:
        """(K·S, n) the objective (or a quantity) with each row at its own lever values, cost of moving taken off.

        Members: places of the first axis, as in `halves`. A lever left out, or None, stays at today's value.
        """
        ...

    def over(
        self,
        actions: Mapping[str, NDArray[Any]],
        *,
        quantities: Sequence[Quantity] = (),
        members: Sequence[int] | None = None,
    ) -> Iterator[tuple[slice, NDArray[np.float32], tuple[NDArray[np.float32], ...]]]:
        """Chunk by chunk of rows: (slice, (K·S, rows, L) objective, one such array per quantity).

        Actions: name of a lever → (L,) values. Memory is bounded by the chunk, whatever the number of rows.
        """
        ...
