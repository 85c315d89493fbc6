"""Is a straight line all there is? A restricted cubic spline beside it, and a test of its departure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from drivetrain.errors import DataError
from drivetrain.statistics.fitting.covariance import contrasts, wald
from drivetrain.statistics.fitting.fits import SLOPE, fit_rows
from drivetrain.statistics.fitting.rows import Control, Rows
from drivetrain.statistics.fitting.terms import Term

Array = NDArray[np.float64]

KNOTS = {3: (0.10, 0.50, 0.90), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.5, 0.725, 0.95)}
"""Quantiles of the knots (Harrell 2015, Regression Modeling Strategies, table 2.3)."""
GRID = 41
CURVED = "its curve"


@dataclass(frozen=True)
class Shape:
    """The spline and its test."""

    p: float
    """That the line is right."""
    f: float
    q: int
    df: float
    p_rows: float
    """The same with rows as independent (HC3): what it would be if clusters had nothing in common."""
    x: Array
    """Grid, from the 2nd to the 98th percentile."""
    curve: Array
    """What the spline says there, less its value at the mean of the variable."""
    low: Array
    high: Array
    line: Array
    r2_gain: float
    """What the spline explains more than the line, as a share of the line's residual."""
    knots: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "p": self.p,
            "f": self.f,
            "q": self.q,
            "df": self.df,
            "p_rows": self.p_rows,
            "r2_gain": self.r2_gain,
            "knots": list(self.knots),
            "x": self.x.tolist(),
            "curve": self.curve.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "line": self.line.tolist(),
        }


def spline(x: Array, knots: tuple[float, ...]) -> Array:
    """The terms that bend: (n, knots − 2), linear beyond the outer knots (Harrell 2015, eq. 2.25).

    Example:
        >>> spline(np.array([0.0, 1.0, 2.0]), (0.0, 1.0, 2.0)).round(2).tolist()
        [[0.0], [0.25], [1.5]]
    """
    t = np.asarray(knots)
    last, before = t[-1], t[-2]

    def cube(at: float) -> Array:
        return np.maximum(x - at, 0.0) ** 3

    columns = [
        cube(knot) - cube(before) * (last - knot) / (last - before) + cube(last) * (before - knot) / (last - before)
        for knot in t[:-2]
    ]
    return np.stack(columns, axis=1) / (last - t[0]) ** 2


def shape_of(rows: Rows, *, clustered: bool, level: float) -> Shape | None:
    """Fit a spline of the variable beside everything else; None where it has too few different values."""
    n_knots = 5 if len(rows) >= 100 else 4 if len(rows) >= 30 else 3
    knots: tuple[float, ...] = ()
    while n_knots >= 3:
        found = tuple(np.quantile(rows.x, KNOTS[n_knots]).tolist())
        if len(set(found)) == n_knots and len(np.unique(rows.x)) > n_knots:
            knots = found
            break
        n_knots -= 1
    if not knots:
        return None
    bends = spline(rows.x, knots)
    term = Term(CURVED)
    control = Control(term, bends, tuple(f"{CURVED} {i + 1}" for i in range(bends.shape[1])))
    try:
        bent = replace(rows, controls=(control, *rows.controls))
        fit, straight = fit_rows(bent, quiet=True), fit_rows(rows, quiet=True)
    except DataError:
        return None
    places = dict(fit.design.groups).get(CURVED)
    if not places or len(places) < bends.shape[1]:
        return None
    test = wald(fit, places, clustered=clustered)
    by_rows = wald(fit, places, clustered=False)
    start, end = np.quantile(rows.x, (0.02, 0.98)).tolist()
    grid = np.linspace(start, end, GRID)
    rows_of = np.zeros((GRID, fit.Xw.shape[1]))
    rows_of[:, SLOPE] = grid - rows.x.mean()
    rows_of[:, list(places)] = spline(grid, knots) - spline(np.array([rows.x.mean()]), knots)
    curve = rows_of @ fit.coef
    se = np.sqrt(np.maximum(np.diag(contrasts(fit, rows_of, clustered=clustered)), 0))
    df = rows.n_clusters - 1 if clustered else fit.df
    reach = float(stats.t.ppf(0.5 + level / 2, df))
    before, after = float(straight.ew @ straight.ew), float(fit.ew @ fit.ew)
    line = straight.slope * (grid - rows.x.mean())
    gain = max(0.0, 1 - after / before) if before > 0 else 0.0
    return Shape(
        test.p,
        test.f,
        test.q,
        test.df,
        by_rows.p,
        grid,
        curve,
        curve - reach * se,
        curve + reach * se,
        line,
        gain,
        knots,
    )
