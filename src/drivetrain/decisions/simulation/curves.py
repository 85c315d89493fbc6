"""The objective against one lever: its best value, how flat it is there, where today lies.

Legend: n rows, L values of the lever, P places (members and scenarios).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.plan.parts import CurvePart
from drivetrain.decisions.simulator import Simulator

Array = NDArray[np.float64]
FLAT = 0.01
"""Values whose objective lies within this share of the best are as good."""
OUTSIDE = 2.5, 97.5
"""Per cent of members below and above which the band leaves out."""


def curve_part(lever: Lever, values: NDArray[Any], means: Array, today: NDArray[Any] | None) -> CurvePart:
    """A curve from what each member says.

    Args:
        lever: Whose values they are.
        values: (L,) in order.
        means: (P, L) mean of the objective per row.
        today: (n,) today's values; None where they are not known.

    Example:
        >>> means = np.array([[1.0, 3.0, 2.99, 0.0], [1.0, 3.2, 3.18, 0.0]])
        >>> part = curve_part(Lever("price", 1, 4), np.arange(1.0, 5.0), means, np.array([1.0, 1.0, 3.0]))
        >>> part.best, part.interior, part.flat, part.today
        (2.0, True, (2.0, 3.0), 1.0)
    """
    mean = means.mean(axis=0)
    low, high = np.percentile(means, OUTSIDE, axis=0)
    best = int(np.argmax(mean))
    flat = None
    if not lever.is_choice:
        as_good = mean >= mean[best] - FLAT * abs(mean[best])
        first = best - int(np.argmin(np.append(as_good[best::-1], False))) + 1
        last = best + int(np.argmin(np.append(as_good[best:], False))) - 1
        flat = (values[first].item(), values[last].item())
    return CurvePart(
        lever=lever.name,
        values=tuple(values.tolist()),
        mean=mean,
        low=low,
        high=high,
        best=values.tolist()[best],
        interior=lever.is_choice or 0 < best < len(values) - 1,
        today=None if today is None else typical(lever, today),
        flat=flat,
    )


def typical(lever: Lever, today: NDArray[Any]) -> Any:
    """Median of numbers, most frequent option of a choice."""
    if not lever.is_choice:
        return float(np.median(today))
    options, counts = np.unique(today.astype(str), return_counts=True)
    wanted = options[np.argmax(counts)]
    return next(value for value in today.tolist() if str(value) == wanted)


def curve_of(
    simulator: Simulator,
    name: str,
    *,
    planned: Mapping[str, NDArray[Any]] | None = None,
    points: int = 25,
    at_most: int = 5_000,
) -> CurvePart:
    """The curve of one lever, the others of each row as planned.

    Args:
        simulator: Objective, rows and models.
        name: Of the lever.
        planned: Name → (n,) values of the others; None: today's.
        points: Values of a number.
        at_most: Rows that are looked at, evenly spread; each costs a prediction for every value.
    """
    lever = next(each for each in simulator.levers if each.name == name)
    values = lever.values(points)
    n = len(simulator.rows)
    index = np.unique(np.linspace(0, n - 1, min(n, at_most)).astype(np.int64))
    others = {key: np.asarray(cells)[index] for key, cells in (planned or {}).items() if key != name}
    means = [simulator.at({**others, name: _same(value, len(index))}, rows=index).mean(axis=1) for value in values]
    today = simulator.today_of()[name] if simulator.knows_today(name) else None
    return curve_part(lever, values, np.stack(means, axis=1), today)


def _same(value: Any, n: int) -> NDArray[Any]:
    return np.full(n, value, dtype=object if isinstance(value, str) else None)
