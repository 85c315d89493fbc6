"""Rows and clusters that the slope hangs on, and what it is without them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import DataError
from drivetrain.statistics.fitting.covariance import Estimate, Kind, slope_of
from drivetrain.statistics.fitting.fits import SLOPE, Fit, fit_rows
from drivetrain.statistics.fitting.rows import Rows

Array = NDArray[np.float64]

NAMED = 8
"""Rows and clusters that are named."""


@dataclass(frozen=True)
class Left:
    """A row or a cluster, and the slope without it."""

    name: str
    slope: float
    change: float
    n: int = 1

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class Influence:
    """What the slope hangs on."""

    rows: tuple[Left, ...]
    """The most influential ones, the first moves the slope most."""
    n_flagged: int
    """Rows whose DFBETAS is beyond 2/√n (Belsley, Kuh & Welsch 1980)."""
    flagged: NDArray[np.intp]
    without: Estimate | None
    """The slope without all of these."""
    clusters: tuple[Left, ...]
    """The most influential clusters."""
    flips: bool
    """The sign, or whether zero is excluded, changes without the flagged rows."""

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "rows": [each.as_json() for each in self.rows],
            "n_flagged": self.n_flagged,
            "without": None if self.without is None else self.without.as_json(),
            "clusters": [each.as_json() for each in self.clusters],
            "flips": self.flips,
        }


def influence_of(rows: Rows, fit: Fit, kind: Kind, estimate: Estimate) -> Influence:
    """Leave out each row, each cluster, and all flagged rows together."""
    change = -fit.pull * fit.ew / np.maximum(1 - fit.leverage, 1e-10)  # slope without the row − slope
    scale = float(np.sqrt(np.sum(fit.ew**2) / fit.df * fit.inverse[SLOPE, SLOPE]))
    flagged = np.flatnonzero(np.abs(change) > 2 / np.sqrt(fit.n) * scale) if scale > 0 else np.zeros(0, np.intp)
    order = np.argsort(-np.abs(change), kind="stable")[:NAMED]
    named = tuple(
        Left(rows.names[i] if rows.names else f"row {i + 1}", fit.slope + float(change[i]), float(change[i]))
        for i in order.tolist()
    )
    without = None
    if 0 < len(flagged) < fit.n / 2:
        keep = np.ones(fit.n, dtype=bool)
        keep[flagged] = False
        try:
            left = rows.take(keep)
            without = slope_of(fit_rows(left, quiet=True), kind if left.n_clusters != 1 else "HC3", estimate.level)
        except DataError:
            without = None
    flips = without is not None and (
        (without.value * estimate.value < 0 and (without.p < 1 - without.level or estimate.p < 1 - estimate.level))
        or (without.p < 1 - without.level) != (estimate.p < 1 - estimate.level)
    )
    return Influence(named, len(flagged), flagged, without, _clusters(rows, fit), flips)


def _clusters(rows: Rows, fit: Fit) -> tuple[Left, ...]:
    """The slope of a linear fit without each cluster, from the sums of the others."""
    if fit.cluster is None or fit.family != "linear":
        return ()
    whole = fit.Xw.T @ fit.Xw
    order = np.argsort(fit.cluster, kind="stable")
    starts = np.flatnonzero(np.diff(fit.cluster[order], prepend=-1)).tolist()
    found: list[Left] = []
    for start, end in zip(starts, [*starts[1:], fit.n], strict=True):
        members = order[start:end]
        Xg, eg = fit.Xw[members], fit.ew[members]
        rest = whole - Xg.T @ Xg
        inverse = np.linalg.pinv(rest, hermitian=True)
        if abs((inverse @ rest)[SLOPE, SLOPE] - 1) > 1e-6:
            continue  # no slope without it
        change = float((inverse @ (rest @ fit.coef - Xg.T @ eg))[SLOPE]) - fit.slope
        name = rows.cluster_names[int(fit.cluster[members[0]])] if rows.cluster_names else str(start)
        found.append(Left(name, fit.slope + change, change, len(members)))
    return tuple(sorted(found, key=lambda left: -abs(left.change))[:NAMED])
