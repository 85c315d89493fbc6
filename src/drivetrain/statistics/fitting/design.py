"""The matrix of a regression: what is in it, and what cannot be.

Legend: n rows, k columns (intercept, the variable, controls, levels of `within`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import DataError, first_few
from drivetrain.notices import warn
from drivetrain.statistics.fitting.rows import Codes, Rows
from drivetrain.text import counted, does

Array = NDArray[np.float64]

SAME = 1e-7
"""What is left of a column, of its length, once others are taken out: less is nothing but rounding."""
MOST_LEVELS = 300
"""Of `within` in a logistic or Poisson regression."""
MOST_CELLS = 3_000_000
"""Rows × levels of `within` that stand as columns; more are taken out as means, which gives the same slopes."""


@dataclass(frozen=True)
class Design:
    """Columns without the constant ones and those that others say already."""

    X: Array
    """(n, k); the first column is 1, the second the variable; all others are centred."""
    names: tuple[str, ...]
    groups: tuple[tuple[str, tuple[int, ...]], ...]
    """Control → its columns."""
    dropped: tuple[str, ...] = ()
    absorbed: Codes | None = None
    """Groups whose means are taken out of everything instead of standing as columns."""
    n_absorbed: int = 0

    @property
    def k(self) -> int:
        """Parameters, absorbed levels included."""
        return self.X.shape[1] + self.n_absorbed


def design_of(rows: Rows, *, quiet: bool = False) -> Design:
    """The design of a linear, logistic or Poisson regression.

    Args:
        rows: What `read_rows` gave.
        quiet: Say nothing of controls that are left out.

    Raises:
        DataError: The variable or the outcome does not vary, or others determine it; or there are too few rows.
    """
    _check_varies(rows)
    columns: list[Array] = [np.ones(len(rows)), rows.x - rows.x.mean()]
    names = ["(intercept)", str(rows.of)]
    spans: list[tuple[str, list[int]]] = []
    for control in rows.controls:
        places: list[int] = []
        for name, column in zip(control.names, control.columns.T, strict=True):
            places.append(len(columns))
            columns.append(column - column.mean())
            names.append(name)
        spans.append((str(control.term), places))
    absorbed, n_absorbed = None, 0
    if rows.within is not None:
        levels, codes = np.unique(rows.within, return_inverse=True)
        if rows.family != "linear" and len(levels) > MOST_LEVELS:
            raise DataError(
                f"within={rows.within_column!r} has {len(levels):,} levels; expected at most "
                f"{MOST_LEVELS} in a {rows.family} "
                "regression. To fix: pass family='linear', or a coarser column."
            )
        if rows.family == "linear" and len(levels) * len(rows) > MOST_CELLS:
            absorbed, n_absorbed = codes.astype(np.intp), len(levels) - 1
        else:
            for place in range(1, len(levels)):
                column = (codes == place).astype(np.float64)
                columns.append(column - column.mean())
                names.append(f"{rows.within_column}={rows.within_names[levels[place]]}")
    X = np.column_stack(columns)
    if absorbed is not None:
        X[:, 1:] = demeaned(X[:, 1:], absorbed, rows.weights)
    if len(rows) <= X.shape[1] + n_absorbed:
        raise DataError(
            f"{counted(len(rows), 'row')} cannot determine {X.shape[1] + n_absorbed:,} numbers (intercept, slope"
            f"{', controls' if rows.controls else ''}{', levels' if rows.within is not None else ''}); "
            "expected more rows than that. "
            "To fix: take fewer controls, or more rows."
        )
    return _without_repeats(rows, X, names, spans, absorbed=absorbed, n_absorbed=n_absorbed, quiet=quiet)


def demeaned(values: Array, codes: Codes, weights: Array | None = None) -> Array:
    """Each column less its (weighted) mean in every group."""
    w = np.ones(len(codes)) if weights is None else weights
    total = np.bincount(codes, w)
    flat = values[:, None] if values.ndim == 1 else values
    means = np.stack([np.bincount(codes, w * column) / total for column in flat.T], axis=1)
    out = flat - means[codes]
    return out[:, 0] if values.ndim == 1 else out


def _check_varies(rows: Rows) -> None:
    for name, values, setting in ((rows.of, rows.x, "of"), (rows.outcome, rows.y, "outcome")):
        if _constant(values):
            raise DataError(
                f"{name} is {values[0]:g} in all {len(values):,} rows that are used; expected values that differ. "
                f"To fix: name another column with {setting}=, or pass rows in which it differs."
            )


def _constant(values: Array) -> bool:
    return bool(np.ptp(values) <= 1e-12 * np.abs(values).max())


def _without_repeats(
    rows: Rows,
    X: Array,
    names: list[str],
    spans: list[tuple[str, list[int]]],
    *,
    absorbed: Codes | None,
    n_absorbed: int,
    quiet: bool,
) -> Design:
    """Leave out what others say already; the variable itself must remain."""
    order = [0, *range(2, X.shape[1]), 1]  # the variable last: is it said by all others together?
    scaled = X * (np.ones(len(X)) if rows.weights is None else np.sqrt(rows.weights))[:, None]
    lengths = np.linalg.norm(scaled, axis=0)
    if _all_different(scaled[:, order], lengths[order]):
        return Design(X, tuple(names), _groups(spans, {i: i for i in order}), (), absorbed, n_absorbed)
    kept: list[int] = []
    basis = np.zeros((len(X), X.shape[1]))
    dropped: list[str] = []
    for place in order:
        column = scaled[:, place] / lengths[place] if lengths[place] > 0 else scaled[:, place]
        known = basis[:, : len(kept)]
        left = column - known @ (known.T @ column)
        left -= known @ (known.T @ left)  # twice is enough (Giraud et al. 2005)
        length = float(np.linalg.norm(left))
        constant = place >= 2 and lengths[place] <= 1e-12 * np.sqrt(len(X)) * max(1.0, float(np.abs(X[:, place]).max()))
        if length <= SAME or constant:
            if place == 1:
                raise DataError(_said_of(rows, X, names, kept))
            dropped.append(names[place])
            continue
        basis[:, len(kept)] = left / length
        kept.append(place)
    if dropped and not quiet:
        warn(
            f"{first_few(map(repr, dropped))} {does(len(dropped), 'are')} left out of the regression: constant, or "
            "already said exactly by the other columns. To fix: leave out one of those that say the same."
        )
    keep = sorted(kept)
    groups = _groups(spans, {old: new for new, old in enumerate(keep)})
    return Design(X[:, keep], tuple(names[i] for i in keep), groups, tuple(dropped), absorbed, n_absorbed)


def _all_different(scaled: Array, lengths: Array) -> bool:
    """Whether no column is a combination of those before it: one triangular factor tells, which is quick."""
    if lengths.min() <= 1e-9 * np.sqrt(len(scaled)):  # nearly constant ones are looked at one by one
        return False
    left = np.abs(np.diag(np.linalg.qr(scaled / lengths, mode="r")))
    return bool(left.min() > SAME)


def _groups(spans: list[tuple[str, list[int]]], place_of: dict[int, int]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Controls that have columns left, and where these are."""
    groups = [(name, tuple(place_of[i] for i in places if i in place_of)) for name, places in spans]
    return tuple((name, places) for name, places in groups if places)


def _said_of(rows: Rows, X: Array, names: list[str], kept: list[int]) -> str:
    """Why the variable has no slope of its own."""
    if rows.within is not None and _alone(rows):
        return (
            f"{rows.of} does not differ within any {rows.within_column!r}, so that within= leaves "
            "nothing of it; expected "
            "values that differ there. To fix: leave within= out, or pass it as cluster=."
        )
    alone = [names[place] for place in kept if place >= 2 and abs(np.corrcoef(X[:, 1], X[:, place])[0, 1]) > 1 - SAME]
    by = f"{alone[0]!r}" if alone else "the controls together"
    return (
        f"{rows.of} is said exactly by {by}: it cannot vary while they are held fixed, and so has no slope; expected "
        "controls that leave something of it. To fix: leave out of controls= what says the same."
    )


def _alone(rows: Rows) -> bool:
    assert rows.within is not None
    _, codes = np.unique(rows.within, return_inverse=True)
    return _constant_length(demeaned(rows.x, codes.astype(np.intp)), rows.x)


def _constant_length(left: Array, whole: Array) -> bool:
    return bool(np.linalg.norm(left) <= SAME * np.linalg.norm(whole - whole.mean()))
