"""Which rows each member learns from: a bootstrap of one half of them.

Legend: N rows, U units (groups, or rows where there are none), K members.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.errors import DataError
from drivetrain.text import does

Counts = NDArray[np.int64]
HALVES, MEMBERS = 0, 1
"""What random numbers are for: each use has a stream of its own."""


@dataclass(frozen=True)
class Draws:
    """Halves of the rows, and a bootstrap of one of them for each member.

    All follow from seed, number of rows and groups: models of one table that are fitted with one seed have the same.

    Example:
        >>> draws = Draws.of(6, members=2, seed=0)
        >>> draws.half_of_row.tolist(), draws.counts(0).tolist()
        ([0, 1, 1, 0, 1, 0], [0, 0, 0, 1, 0, 2])
    """

    unit_of_row: Counts
    """(N,) number of the unit that the row belongs to."""
    half_of_unit: Counts
    """(U,) 0 or 1."""
    members: int
    seed: int

    @classmethod
    def of(cls, n: int, *, members: int, seed: int, group: pd.Series[Any] | None = None) -> Draws:
        """Halves drawn by unit: as many units in one as in the other, or one more.

        Raises:
            DataError: There are fewer than two units, so that one half would be empty.
        """
        units = np.arange(n) if group is None else group_numbers(group)
        count = int(units.max()) + 1 if n else 0
        if count < 2:
            what = "rows" if group is None else "groups"
            raise DataError(
                f"there {does(count, 'are')} {count} of the {what} that members learn from; expected at least 2, since "
                "each member learns from one half of them. To fix: pass more rows."
            )
        half = np.empty(count, dtype=np.int64)
        half[np.random.default_rng([seed, HALVES]).permutation(count)] = np.arange(count) % 2
        return cls(units.astype(np.int64), half, members, seed)

    @property
    def halves(self) -> Counts:
        """(K,) the half that each member learns from: 0 and 1 by turns."""
        return np.arange(self.members, dtype=np.int64) % 2

    @property
    def half_of_row(self) -> Counts:
        """(N,)."""
        return self.half_of_unit[self.unit_of_row]

    def counts(self, member: int) -> Counts:
        """(N,) how often each row is drawn: whole units of the member's half, with replacement."""
        mine = np.flatnonzero(self.half_of_unit == member % 2)
        drawn = np.random.default_rng([self.seed, MEMBERS, member]).integers(len(mine), size=len(mine))
        times = np.zeros(len(self.half_of_unit), dtype=np.int64)
        times[mine] = np.bincount(drawn, minlength=len(mine))
        return times[self.unit_of_row]


def group_numbers(group: pd.Series[Any]) -> Counts:
    """(N,) the group of each row as a number; a row without one is a group of its own.

    Example:
        >>> group_numbers(pd.Series(["a", None, "a", None])).tolist()
        [0, 1, 0, 2]
    """
    codes = pd.factorize(group)[0].astype(np.int64)
    alone = codes < 0
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(int(alone.sum()))
    return codes
