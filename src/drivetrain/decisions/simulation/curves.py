"""The objective against one lever: its best value, how flat it is there, where today lies; and in words.

Legend: n rows, L values of the lever, P places (members and scenarios).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.plan.parts import CurvePart
from drivetrain.decisions.plan.words import amount, value_said
from drivetrain.text import readable

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


def said_of(part: CurvePart) -> str:
    """The curve in words.

    Example:
        >>> at = np.array([1.0, 3.0, 2.0])
        >>> said_of(CurvePart("price", (1.0, 2.0, 3.0), at, at, at, 2.0, True, 1.0, (2.0, 2.0)))
        'Best at price 2, inside the range tried: 3 per row. Today 1: 1 per row.'
    """
    lever, best = readable(part.lever), int(np.argmax(part.mean))
    number = not isinstance(part.best, str | bool)
    where = "" if not number else ", inside the range tried" if part.interior else ", at the border of the range tried"
    said = f"Best at {lever} {value_said(part.best)}{where}: {amount(float(part.mean[best]))} per row."
    if part.flat is not None and part.flat[0] != part.flat[1]:
        said += f" Any from {value_said(part.flat[0])} to {value_said(part.flat[1])} is within 1 % of it."
    if number and not part.interior:
        said += " What lies beyond may be better, and was not tried."
    if part.today is not None:
        said += f" Today {value_said(part.today)}{_today_worth(part)}."
    return said


def _today_worth(part: CurvePart) -> str:
    if isinstance(part.today, str | bool):
        place = part.values.index(part.today) if part.today in part.values else None
        return "" if place is None else f": {amount(float(part.mean[place]))} per row"
    values = np.array(part.values, dtype=np.float64)
    if not values[0] <= part.today <= values[-1]:
        return ", outside the range tried"
    return f": {amount(float(np.interp(part.today, values, part.mean)))} per row"
