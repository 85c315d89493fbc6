"""Columns of the logged rows in their roles: outcome, features, weights.

Legend: N logged rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.models.table import as_numbers, is_number
from drivetrain.errors import DataError, SettingError, first_few
from drivetrain.notices import warn
from drivetrain.settings import shown
from drivetrain.text import counted, readable

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """What is predicted."""

    numbers: Array
    """(N,): 1 where the outcome is the positive one of two, or the number itself; NaN where it is missing."""
    is_binary: bool
    positive: Any = 1
    """The value that counts as 1."""
    said: str = ""
    """What was decided about it; empty where there was nothing to decide."""


def outcome_of(cells: pd.Series[Any], name: str, positive: Any, *, classifier: bool, label: str) -> Outcome:
    """The outcome as numbers.

    Raises:
        DataError: It has no value, one alone, infinite ones, or more than two kinds where two are needed.
        SettingError: `positive` is none of its values.
    """
    there = cells[cells.notna()]
    values = sorted(pd.unique(there).tolist(), key=lambda v: (str(type(v)), v) if is_number(cells) else str(v))
    if len(values) < 2:
        raise DataError(
            f"the outcome {readable(name)!r} has {counted(len(values), 'different value')} in "
            f"{counted(len(cells), 'row')} ({first_few(map(shown, values))}); expected at least two. To fix: pass rows "
            "in which it differs."
        )
    binary = len(values) == 2
    number = is_number(cells)
    if not number and not binary:
        raise DataError(
            f"the outcome {readable(name)!r} has {len(values):,} kinds ({first_few(map(shown, values))}); expected "
            "numbers, or two kinds. To fix: make a column of 0 and 1 for each kind that the objective asks about."
        )
    if classifier and not binary:
        raise DataError(
            f"the outcome {readable(name)!r} has {len(values):,} different numbers, and {label} is a classifier; "
            "expected two. To fix: take a regressor, such as HistGradientBoostingRegressor()."
        )
    if positive is not None and not (binary and any(_same(v, positive) for v in values)):
        raise SettingError(
            f"positive={shown(positive)} cannot be used: expected one of two values of {readable(name)!r}, which has "
            f"{first_few(map(shown, values))}. To fix: pass one of them, or leave positive out."
        )
    if binary and (classifier or not number or set(map(float, values)) == {0.0, 1.0}):
        chosen = values[1] if positive is None else next(v for v in values if _same(v, positive))
        numbers = np.where(cells.notna(), (cells == chosen).to_numpy(dtype=bool, na_value=False), np.nan)
        plain = number and set(map(float, values)) == {0.0, 1.0} and float(chosen) == 1.0
        why = "asked for" if positive is not None else f"the second of {shown(values[0])} and {shown(values[1])}"
        return Outcome(numbers.astype(np.float64), True, chosen, "" if plain else f"it counts as 1: {why}")
    numbers = as_numbers(cells)
    if np.isinf(numbers).any():
        raise DataError(
            f"the outcome {readable(name)!r} is infinite in {counted(int(np.isinf(numbers).sum()), 'row')}; expected "
            "finite numbers. To fix: leave these rows out."
        )
    return Outcome(numbers, False)


def _same(value: Any, other: Any) -> bool:
    return bool(value == other) or str(value) == str(other)


def weights_of(cells: pd.Series[Any], name: str) -> Array:
    """(N,) what each row counts, at least 0.

    Raises:
        DataError: One is negative, missing, or no number.
    """
    numbers = as_numbers(cells) if is_number(cells) else np.full(len(cells), np.nan)
    wrong = ~(np.isfinite(numbers) & (numbers >= 0))
    if wrong.any() or not numbers.any():
        raise DataError(
            f"the weights {readable(name)!r} hold {shown(cells[wrong].iloc[0]) if wrong.any() else 'zeros alone'}; "
            "expected numbers of at least 0, some of them above. To fix: correct the column, or leave weights out."
        )
    return numbers


def usual_features(frame: pd.DataFrame, outcome: str, taken: Sequence[str]) -> tuple[list[str], str]:
    """All columns but those that have a role; warns of one that is known only after the outcome.

    Such a column is empty exactly where a yes-or-no outcome is no: the claims of those who accepted.
    """
    found = [str(name) for name in frame.columns if name not in taken]
    cells = frame[outcome]
    kinds = pd.factorize(cells)[0]
    late: list[str] = []
    if kinds.max(initial=-1) == 1:
        for name in found:
            there = frame[name].notna().to_numpy()
            if there.any() and not there.all() and ((there == (kinds == 1)).all() or (there == (kinds == 0)).all()):
                late.append(name)
    if late:
        warn(
            f"{first_few(map(readable, late))} has a value exactly where {readable(outcome)!r} has one of its two: it "
            "is known only afterwards, and is left out. To fix: name the columns to be read with features=."
        )
        found = [name for name in found if name not in late]
    return found, "all columns but " + ", ".join(map(readable, [*taken, *late]))
