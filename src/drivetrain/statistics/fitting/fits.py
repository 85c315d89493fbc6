"""Least squares, logistic and Poisson regression, in one form that every covariance reads.

Legend: n rows, k columns of the design. A fit is least squares of weighted rows: those of a logistic or Poisson
regression carry the weights of its last iteration, so that one formula of a covariance serves all.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from drivetrain.errors import DataError
from drivetrain.notices import warn
from drivetrain.statistics.fitting.design import Design, demeaned, design_of
from drivetrain.statistics.fitting.rows import Codes, Family, Rows
from drivetrain.text import does

Array = NDArray[np.float64]

FAR = 15.0
"""Log-odds that no finite table gives a reason for: separation is looked for beyond."""
SLOPE = 1
"""The variable's place in a design."""


@dataclass(frozen=True)
class Fit:
    """A regression that was fitted."""

    design: Design
    coef: Array
    """(k,)"""
    Xw: Array
    """(n, k) rows times the root of their weight."""
    ew: Array
    """(n,) residuals times the root of their weight; of logistic and Poisson regressions, Pearson's."""
    inverse: Array
    """(k, k) inverse of Xw'Xw."""
    fitted: Array
    """(n,) in the outcome's units."""
    cluster: Codes | None
    family: Family

    @property
    def slope(self) -> float:
        """Of the variable."""
        return float(self.coef[SLOPE])

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.ew)

    @property
    def df(self) -> int:
        """Rows less parameters."""
        return self.n - self.design.k

    @cached_property
    def leverage(self) -> Array:
        """(n,) of each row, in 0 … 1."""
        return np.clip(np.sum((self.Xw @ self.inverse) * self.Xw, axis=1), 0.0, 1.0)

    @cached_property
    def pull(self) -> Array:
        """(n,) what a residual of 1 in a row does to the slope."""
        return self.Xw @ self.inverse[SLOPE]

    @cached_property
    def own_part(self) -> Array:
        """(n,) weighted values of the variable less what the other columns say of it."""
        return self.pull / self.inverse[SLOPE, SLOPE]


def fit_rows(rows: Rows, *, quiet: bool = False) -> Fit:
    """Fit the regression of rows.

    Raises:
        DataError: As `design_of`; or yes and no are separated by the columns, so that no slope is largest.

    Example:
        >>> from drivetrain.statistics.fitting.rows import read_rows
        >>> round(fit_rows(read_rows({"x": [1, 2, 3, 4], "y": [2.0, 4.1, 6.0, 7.9]}, outcome="y", of="x")).slope, 2)
        1.96
    """
    design = design_of(rows, quiet=quiet)
    return fit_linear(rows, design) if rows.family == "linear" else fit_glm(rows, design)


def fit_linear(rows: Rows, design: Design) -> Fit:
    """Least squares, weighted by precision."""
    y = rows.y if design.absorbed is None else demeaned(rows.y, design.absorbed, rows.weights) + rows.y.mean()
    root = None if rows.weights is None else np.sqrt(rows.weights / rows.weights.mean())
    Xw = design.X if root is None else design.X * root[:, None]
    yw = y if root is None else y * root
    back = np.linalg.inv(np.linalg.qr(Xw, mode="r"))
    inverse: Array = back @ back.T
    coef: Array = inverse @ (Xw.T @ yw)
    for _ in range(2):  # seminormal equations, corrected: as accurate as with the other factor (Björck 1987)
        coef += inverse @ (Xw.T @ (yw - Xw @ coef))
    ew = yw - Xw @ coef
    fitted = rows.y - (ew if root is None else ew / root)
    return Fit(design, coef, Xw, ew, inverse, fitted, rows.cluster, "linear")


def fit_glm(rows: Rows, design: Design) -> Fit:
    """Logistic or Poisson regression, by statsmodels."""
    import statsmodels.api as sm  # noqa: PLC0415 - half a second, and a straight line does not need it

    family = sm.families.Binomial() if rows.family == "logistic" else sm.families.Poisson()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is looked at below
        try:
            weights = None if rows.weights is None else rows.weights / rows.weights.mean()
            model = sm.GLM(rows.y, design.X, family=family, var_weights=weights)
            found = model.fit(maxiter=100, tol=1e-10)
        except Exception as error:  # LinAlgError, PerfectSeparationError, ...
            _check_separation(rows, design)
            raise DataError(
                f"the {rows.family} regression of {rows.outcome} has no solution "
                f"({type(error).__name__}). To fix: take "
                "fewer controls, or family='linear'."
            ) from error
    eta = design.X @ np.asarray(found.params)
    if not np.isfinite(eta).all() or not found.converged or np.abs(eta).max() > FAR:
        _check_separation(rows, design)
        if not found.converged:
            warn(
                f"the {rows.family} regression did not settle in 100 steps; its numbers are rough. To "
                "fix: take fewer controls."
            )
    fitted = np.asarray(found.fittedvalues)
    variance = np.clip(fitted * (1 - fitted) if rows.family == "logistic" else fitted, 1e-300, None)
    w = variance if weights is None else variance * weights
    Xw = design.X * np.sqrt(w)[:, None]
    ew = (rows.y - fitted) / variance * np.sqrt(w)
    return Fit(
        design,
        np.asarray(found.params),
        Xw,
        ew,
        np.linalg.pinv(Xw.T @ Xw).astype(np.float64),
        fitted,
        rows.cluster,
        rows.family,
    )


def _check_separation(rows: Rows, design: Design) -> None:
    """Raise a DataError where some combination of columns tells rows of yes from rows of no.

    A linear program looks for it (Konis 2007): the largest sum of signed margins, none of them negative.
    """
    if rows.family == "logistic":
        signed = design.X * (2 * rows.y - 1)[:, None]
    else:  # counts of 0 can be pushed towards zero without end
        zero = rows.y == 0
        if not zero.any():
            return
        signed = -design.X[zero]
    scale = np.abs(design.X).max(axis=0)
    signed = signed / np.where(scale > 0, scale, 1.0)
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1), method="highs")
    if rows.family == "poisson" and found.status == 0:
        held = design.X[rows.y > 0] / np.where(scale > 0, scale, 1.0)
        found = linprog(
            -signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), A_eq=held, b_eq=np.zeros(len(held)),
            bounds=(-1, 1), method="highs",
        )  # fmt: skip
    if found.status == 0 and -found.fun > 1e-6:
        used = [name for name, b in zip(design.names, found.x, strict=True) if abs(b) > 1e-6 and name != "(intercept)"]
        said = ", ".join(map(repr, used[:3])) or "the columns"
        raise DataError(
            f"{said} {does(len(used), 'tell')} some rows with {rows.outcome} = "
            f"{'1 from those with 0' if rows.family == 'logistic' else '0 from the others'} without a "
            "mistake (separation), so that "
            "the slope grows without end; expected columns that overlap. To fix: take fewer controls "
            "or coarser categories, leave within= "
            "out, or pass family='linear'."
        )
