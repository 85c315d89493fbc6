"""How a model's answers move with one column, all else as it is: partial dependence, and the curve of each row (ICE).

Source: Friedman (2001), "Greedy function approximation", section 8.2; Goldstein et al. (2015), "Peeking inside the
black box".

Legend: R rows, G values of the column, K outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells
from drivetrain.kinds.tables.spec import DAY_S, CategoryColumn, Column, DateColumn
from drivetrain.kinds.tables.understanding.importance import Say, one_each
from drivetrain.runtime.targets import NumberTarget

Floats = NDArray[np.float64]

MOST_ROWS = 200
MOST_VALUES = 13
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Dependence:
    """The answers of some rows for each value of a column."""

    column: str
    values: tuple[Any, ...]
    """(G,) cells: numbers rising, dates, or the most frequent names."""
    at: Floats
    """(G,) where each lies on an axis: numbers as they are, dates in days since 1970, names 0, 1, 2, …"""
    answers: Floats
    """(R, G) of each row: a probability, or a number in your units."""
    output: str
    """What is answered: the class whose probability it is, or the name of the number."""
    percent: bool

    @property
    def mean(self) -> Floats:
        """(G,) partial dependence: the mean of all rows."""
        return self.answers.mean(axis=0)

    @property
    def is_named(self) -> bool:
        """Whether the values are names, which have no order."""
        return bool(self.values) and isinstance(self.values[0], str)


def dependence(say: Say, rows: Examples, column: Column, *, seed: int = 0) -> Dependence | None:
    """How the answers move with a column; None where it takes fewer than two values.

    Of several outputs the one that moves most is shown; of two classes the second. Values that do not occur with the
    rest of a row are asked for as well: where columns hang together, read it with care.

    Args:
        say: The model.
        rows: Held-out rows; of more than 200 some, by chance.
        column: As the training rows fitted it.
        seed: Of the rows.
    """
    values, at = _values(column)
    if len(values) < 2:
        return None
    rows = one_each(rows, MOST_ROWS, seed)
    n, cells = len(rows), cast(Cells, rows.inputs)
    repeated = np.tile(np.arange(n), len(values))
    changed = np.empty(n * len(values), object)
    changed[:] = [value for value in values for _ in range(n)]
    if all(isinstance(value, float) for value in values):
        changed = changed.astype(np.float64)
    asked = rows.subset(repeated)
    inputs = Cells({**cells.take(repeated).columns, column.name: changed})
    asked = Examples(inputs, inputs.digests(), asked.values, kind=rows.kind, options=rows.options)
    said = say(asked)
    answers = said.output.reshape(len(values), n, -1).transpose(1, 0, 2)  # (R, G, K)
    moves = np.ptp(answers.mean(axis=0), axis=0)
    shown = 1 if len(moves) == 2 and said.target.kind == "category" else int(np.argmax(moves))
    percent = not isinstance(said.target, NumberTarget)
    return Dependence(
        column.name, values, at, answers[:, :, shown].astype(np.float64), said.target.output_names[shown], percent
    )


def _values(column: Column) -> tuple[tuple[Any, ...], Floats]:
    if isinstance(column, CategoryColumn):
        names = column.vocab[:MOST_VALUES]  # the most frequent come first
        if column.ordered:
            picked = np.unique(np.linspace(0, len(column.vocab) - 1, MOST_VALUES).round().astype(int))
            names = tuple(column.vocab[place] for place in picked.tolist()) if column.vocab else ()
        return names, np.arange(len(names), dtype=np.float64)
    knots = np.array(column.knots) * column.scale + column.center
    if not len(knots):
        return (), knots
    picked = knots[np.unique(np.linspace(0, len(knots) - 1, MOST_VALUES).round().astype(int))]
    if isinstance(column, DateColumn):
        return tuple(EPOCH + timedelta(seconds=round(day * DAY_S)) for day in picked.tolist()), picked
    return tuple(picked.tolist()), picked
