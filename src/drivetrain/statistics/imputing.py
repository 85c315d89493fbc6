"""Multiple imputation: cells that are empty are drawn from what the others say, several times, and the results pooled.

Source: van Buuren (2018), Flexible Imputation of Missing Data, 2nd ed.; chained equations with predictive mean matching
by statsmodels, pooled by Rubin's rules with the degrees of freedom of Barnard & Rubin (1999).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.errors import DataError, MissingExtraError
from drivetrain.notices import warn
from drivetrain.runtime.decisions import Decision
from drivetrain.statistics.fitting.covariance import Estimate
from drivetrain.statistics.fitting.rows import Control, Rows
from drivetrain.text import counted, does

Array = NDArray[np.float64]

TABLES = 20
"""Completed tables: enough for intervals unless half of the cells are empty (van Buuren 2018, section 2.8)."""
ROUNDS = 5
"""Passes over the columns between two of them."""


def completed_rows(rows: Rows, seed: int) -> list[Rows]:
    """Rows whose empty cells are filled, several times; the same rows alone where none is empty.

    Args:
        rows: What `read_rows` gave with `keep_missing`.
        seed: Of the draws.

    Raises:
        DataError: Too few rows are complete.
    """
    columns = _columns(rows)
    gone = np.isnan(columns)
    empty = gone.any(axis=1)
    if not empty.any():
        decision = Decision(value="nothing imputed", reason="no cell of a number that is used is empty")
        return [replace(rows, decisions=dict(rows.decisions) | {"missing": decision})]
    known = int((~empty).sum())
    if known < columns.shape[1] + 2:
        raise DataError(
            f"only {known:,} of {counted(len(rows), 'row')} {does(known, 'are')} complete; expected more than the "
            f"columns ({columns.shape[1]}), for the empty cells to be drawn from. To fix: leave out a column that is "
            "mostly empty."
        )
    if rows.cluster is not None or rows.within is not None:
        warn(
            "empty cells are imputed as if rows of different clusters were alike. To fix: nothing, where few cells are "
            "empty; else fill them with a model of the clusters before."
        )
    decision = Decision(
        value=f"{TABLES} completed tables",
        reason=f"asked for; {float(gone.mean()):.1%} of the cells that are used are empty, in "
        f"{counted(int(empty.sum()), 'row')}; the slope is pooled, all other numbers are of the first table",
    )
    whole = replace(rows, decisions=dict(rows.decisions) | {"missing": decision})
    return [_with(whole, table) for table in _completed(columns, seed)]


def pool(estimates: Sequence[Estimate]) -> Estimate:
    """Rubin's rules.

    Example:
        >>> found = pool([Estimate(1.0, 0.5, 40.0, 0.95, "HC3"), Estimate(1.2, 0.5, 40.0, 0.95, "HC3")])
        >>> found.value, round(found.se, 3)
        (1.1, 0.529)
    """
    m = len(estimates)
    values = np.array([each.value for each in estimates])
    inside = float(np.mean([each.se**2 for each in estimates]))
    between = float(values.var(ddof=1))
    total = inside + (1 + 1 / m) * between
    complete = float(np.mean([each.df for each in estimates]))
    lost = (1 + 1 / m) * between / total if total > 0 else 0.0
    observed = (complete + 1) / (complete + 3) * complete * (1 - lost)
    df = observed if lost == 0 else 1 / (lost**2 / (m - 1) + 1 / observed)
    return Estimate(float(values.mean()), math.sqrt(total), df, estimates[0].level, "imputed")


def _columns(rows: Rows) -> Array:
    """Outcome, variable and the controls, as they go into the regression."""
    return np.column_stack([rows.y, rows.x, *(control.columns for control in rows.controls)])


def _with(rows: Rows, table: Array) -> Rows:
    """The rows with their cells filled."""
    place = 2
    controls: list[Control] = []
    for control in rows.controls:
        width = control.columns.shape[1]
        controls.append(replace(control, columns=table[:, place : place + width], raw=None))
        place += width
    return replace(rows, y=table[:, 0], x=table[:, 1], controls=tuple(controls))


def _completed(columns: Array, seed: int) -> list[Array]:
    """Completed tables by chained equations; what is known stays."""
    try:
        from statsmodels.imputation.mice import MICEData  # noqa: PLC0415 - half a second
    except ImportError as error:
        raise MissingExtraError(
            "imputation is done by statsmodels, which is not installed. To fix: pip install 'drivetrain[statistics]'"
        ) from error
    names = [f"v{i}" for i in range(columns.shape[1])]
    found: list[Array] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of statsmodels' own insides
        data: Any = MICEData(pd.DataFrame(columns, columns=names), rng=np.random.default_rng(seed))
        for _ in range(TABLES):
            data.update_all(ROUNDS)
            found.append(data.data[names].to_numpy(dtype=np.float64).copy())
    return found
