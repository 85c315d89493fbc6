"""What else the number depends on: the same slope under other sensible choices, and what so many looks are worth.

Legend: S specifications, L looks (specifications × covariances), G clusters or rows, B draws.

Source: Simonsohn, Simmons & Nelson (2020), Nature Human Behaviour 4, 1208-1214, for the curve; Westfall & Young (1993)
for the smallest of several p-values that are not independent.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from drivetrain.errors import DataError
from drivetrain.statistics.fitting.bootstrap import FEW, WEBB
from drivetrain.statistics.fitting.covariance import Estimate, Kind, scores_of, slope_of
from drivetrain.statistics.fitting.fits import Fit, fit_rows
from drivetrain.statistics.fitting.rows import Control, Rows
from drivetrain.statistics.fitting.terms import Term

Array = NDArray[np.float64]

ALL_SUBSETS = 5
"""Controls; of more, each is taken alone and left out in turn."""
MANY_ROWS = 20_000
"""Beyond it controls vary, and nothing else: a look takes a tenth of a second."""
WIDE = 10.0
"""Largest over smallest value of a control from which its logarithm is a sensible choice."""
CHUNK = 2_000_000


@dataclass(frozen=True)
class Look:
    """One way to look at the data, and what it gives."""

    controls: tuple[str, ...]
    scale: str
    """"as asked", or "logs swapped": logarithms where there were none, and the other way round."""
    rows: str
    """"all", or "without influential"."""
    within: str
    """Column whose levels are held fixed; empty: none."""
    estimate: Estimate
    asked: bool = False
    """The one that was asked for."""

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "controls": list(self.controls),
            "scale": self.scale,
            "rows": self.rows,
            "within": self.within,
            "asked": self.asked,
            **self.estimate.as_json(),
        }


@dataclass(frozen=True)
class Choices:
    """All looks, ordered by their slope."""

    looks: tuple[Look, ...]
    n_significant: int
    n_same_sign: int
    """Looks whose slope has the sign of the one that was asked for."""
    smallest_p: float
    corrected_p: float | None
    """Chance that the smallest of so many p-values is as small without a relationship; None without draws."""
    bonferroni_p: float
    draws: int

    @property
    def n(self) -> int:
        """Looks."""
        return len(self.looks)

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "n": self.n,
            "n_significant": self.n_significant,
            "n_same_sign": self.n_same_sign,
            "lowest": self.looks[0].estimate.value,
            "highest": self.looks[-1].estimate.value,
            "smallest_p": self.smallest_p,
            "corrected_p": self.corrected_p,
            "bonferroni_p": self.bonferroni_p,
            "looks": [look.as_json() for look in self.looks],
        }


def choices_of(rows: Rows, flagged: NDArray[np.intp], *, level: float, draws: int, seed: int) -> Choices | None:
    """Fit every specification; None where nothing can be varied, or no look could be fitted.

    Args:
        rows: As asked for.
        flagged: Rows that are left out where "without influential" is looked at.
        level: Of the intervals.
        draws: Of the correction; 0: none.
        seed: Of the draws.
    """
    kinds: tuple[Kind, ...] = ("HC3",) if rows.cluster is None else ("HC3", "CR2")
    units = np.arange(len(rows)) if rows.cluster is None else rows.cluster
    looks: list[Look] = []
    scores: list[Array] = []
    for subset, swapped, cut, within in _specifications(rows, flagged):
        made = _rows_of(rows, subset, swapped, within)
        kept = np.arange(len(rows))
        if cut:
            kept = np.setdiff1d(kept, flagged)
            made = made.take(kept)
        try:
            fit = fit_rows(made, quiet=True)
        except DataError:
            continue
        whole = len(subset) == len(rows.controls) and not swapped and not cut and within == bool(rows.within_column)
        for kind in kinds:
            if kind == "CR2" and made.n_clusters < 2:
                continue
            estimate = slope_of(fit, kind, level)
            if not (np.isfinite(estimate.se) and estimate.se > 0 and estimate.df > 0):
                continue
            looks.append(
                Look(
                    tuple(str(rows.controls[i].term) for i in subset)
                    if not swapped
                    else tuple(str(c.term) for c in made.controls),
                    "logs swapped" if swapped else "as asked",
                    "without influential" if cut else "all",
                    _within_name(rows) if within else "",
                    estimate,
                    whole and kind == kinds[-1],
                )
            )
            if draws:
                scores.append(_scores(fit, kind, kept, units))
    if len(looks) < 2:
        return None
    return _judged(looks, scores, level, draws, seed)


def _judged(looks: list[Look], scores: list[Array], level: float, draws: int, seed: int) -> Choices:
    ps = np.array([look.estimate.p for look in looks])
    corrected = None
    if draws:
        corrected = _corrected([look.estimate for look in looks], np.stack(scores), float(ps.min()), draws, seed)
    asked = next((look.estimate.value for look in looks if look.asked), looks[0].estimate.value)
    return Choices(
        tuple(sorted(looks, key=lambda look: look.estimate.value)),
        int(np.sum(ps < 1 - level)),
        sum(look.estimate.value * asked > 0 for look in looks),
        float(ps.min()),
        corrected,
        float(min(1.0, ps.min() * len(looks))),
        draws,
    )


def _corrected(estimates: Sequence[Estimate], scores_LG: Array, smallest: float, draws: int, seed: int) -> float:
    """Share of draws, the observed one included, in which the smallest p is as small.

    In a draw every cluster (or row) changes its sign, the same in all looks, which keeps their dependence. Each look's
    sum over its error is compared with the normal quantile of the smallest p, so that looks with few degrees of freedom
    count by their p-values too.
    """
    random = np.random.default_rng(seed)
    n_units = scores_LG.shape[1]
    z_LG = scores_LG / np.array([each.se for each in estimates])[:, None]
    crit = float(stats.norm.isf(smallest / 2)) * (1 - 1e-12)
    large, step = 0, max(1, CHUNK // n_units)
    for start in range(0, draws, step):
        size = (n_units, min(step, draws - start))
        v = random.integers(0, 2, size, dtype=np.int8) * 2.0 - 1
        if n_units < FEW:
            v = v * random.choice(WEBB, size)
        large += int(np.sum((np.abs(z_LG @ v) >= crit).any(axis=0)))
    return (large + 1) / (draws + 1)


def _scores(fit: Fit, kind: Kind, kept: NDArray[np.intp], units: NDArray[np.intp]) -> Array:
    """(G,) what each cluster, or row, adds to the slope's error."""
    size = int(units.max()) + 1
    if kind == "HC3":
        return np.bincount(units[kept], scores_of(fit, kind), minlength=size).astype(np.float64)
    made = np.zeros(size)
    made[np.unique(units[kept])] = scores_of(fit, kind)
    return made


def _specifications(rows: Rows, flagged: NDArray[np.intp]) -> list[tuple[tuple[int, ...], bool, bool, bool]]:
    """(controls, logs swapped, without influential rows, levels held fixed) of each."""
    n = len(rows.controls)
    everything = tuple(range(n))
    if n <= ALL_SUBSETS and len(rows) <= MANY_ROWS:
        subsets = [c for size in range(n + 1) for c in itertools.combinations(everything, size)]
    else:
        left_out = [tuple(i for i in everything if i != out) for out in everything]
        subsets = list(dict.fromkeys([(), *((i,) for i in everything), *left_out, everything]))
    many = len(rows) > MANY_ROWS
    swaps = [i for i, control in enumerate(rows.controls) if _other(control) is not None] if not many else []
    cuts = (False, True) if 0 < len(flagged) < len(rows) / 2 and not many else (False,)
    levels = (False, True) if not many and _can_be_fixed(rows) else (bool(rows.within_column),)
    return [
        (subset, swapped, cut, within)
        for subset in subsets
        for swapped in ((False, True) if any(i in swaps for i in subset) else (False,))
        for cut in cuts
        for within in levels
    ]


def _can_be_fixed(rows: Rows) -> bool:
    """Whether levels of a column may be held fixed or not."""
    return rows.within_column != "" or (
        rows.cluster is not None and rows.family == "linear" and rows.n_clusters < len(rows) / 2
    )


def _within_name(rows: Rows) -> str:
    return rows.within_column or rows.cluster_column


def _rows_of(rows: Rows, subset: tuple[int, ...], swapped: bool, within: bool) -> Rows:
    controls = [rows.controls[i] for i in subset]
    if swapped:
        controls = [_other(control) or control for control in controls]
    if not within:
        return replace(rows, controls=tuple(controls), within=None, within_column="", within_names=())
    if rows.within_column:
        return replace(rows, controls=tuple(controls))
    return replace(
        rows,
        controls=tuple(controls),
        within=rows.cluster,
        within_column=rows.cluster_column,
        within_names=rows.cluster_names,
    )


def _other(control: Control) -> Control | None:
    """The control with its logarithm undone, or taken; None where there is no sensible other."""
    if control.raw is None:
        return None
    if control.term.transform in ("log", "log2", "log10", "log1p"):
        term = Term(control.term.column)
        return Control(term, control.raw[:, None], (str(term),), control.raw)
    if not control.term.transform and control.raw.min() > 0 and control.raw.max() > WIDE * control.raw.min():
        term = Term(control.term.column, "log")
        return Control(term, np.log(control.raw)[:, None], (str(term),), control.raw)
    return None
