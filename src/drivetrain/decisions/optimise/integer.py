"""Integer programmes (HiGHS, as `scipy.optimize.milp`): small problems whole, of large ones the rows in between.

Legend: n rows, L actions, M limits.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import coo_array, csr_array, hstack, identity, vstack

from drivetrain.decisions.optimise.problem import Array, Problem

NODES = 5_000
"""Of the search tree: a limit in seconds would make the plan depend on the machine."""
GAP = 1e-6


@dataclass(frozen=True)
class Solved:
    """What the integer programme says; None where it found nothing within the limits."""

    action: NDArray[np.int64] | None
    bound: float
    exact: bool
    impossible: bool = False
    """Proved that no choice keeps the limits."""


@dataclass(frozen=True)
class Excess:
    """What would have to give, where limits cannot be kept together."""

    limit: int
    """Index of it."""
    by: float
    """More of it than allowed that is needed, in its units."""


@dataclass(frozen=True)
class _Table:
    """A problem as HiGHS reads it: a variable for each action that a row may take."""

    row: NDArray[np.int64]
    action: NDArray[np.int64]
    values: Array
    one_each: Any
    """(n, variables), sparse."""
    uses: Any
    """(M, variables), sparse."""
    """Each limit in units of the most that one row uses of it: HiGHS keeps limits to within 1e-7."""
    limits: Array
    units: Array
    """(M,)."""


def solve_whole(problem: Problem, *, gap: float = GAP, nodes: int = NODES) -> Solved:
    """The best choice, and a bound on it; `problem.values` is (n, L).

    Args:
        problem: Without risk.
        gap: Share of the value by which it may miss the best.
        nodes: Of the search tree, at most.
    """
    table = _table(problem)
    n = len(problem.values)
    scale = float(np.abs(table.values).max()) or 1.0
    with _without_debugging():
        found: Any = milp(
            -table.values / scale,
            integrality=np.ones(len(table.row)),
            bounds=Bounds(0, 1),
            constraints=[
                LinearConstraint(table.one_each, 1, 1),
                *([LinearConstraint(table.uses, -np.inf, cast("Any", table.limits))] if len(table.limits) else []),
            ],
            options={"mip_rel_gap": gap, "node_limit": nodes},
        )
    bound = np.inf if found.mip_dual_bound is None else -float(found.mip_dual_bound) * scale
    if found.x is None:
        return Solved(None, bound, exact=False, impossible=found.status == 2)
    action = np.zeros(n, dtype=np.int64)
    chosen = found.x > 0.5
    action[table.row[chosen]] = table.action[chosen]
    return Solved(action, bound, exact=found.status == 0)


def least_excess(problem: Problem) -> tuple[Excess, ...]:
    """Which limits cannot be kept, and by how much at least: a linear programme that may pass them at a price.

    Rows may be shared between actions in it, so that what it needs is the least that a choice needs. Each limit's
    excess counts as a share of its own size (elastic programming: Chinneck 2008, ch. 6).
    """
    table = _table(problem)
    n = len(problem.values)
    m, variables = table.uses.shape
    sizes = np.maximum(np.abs(table.limits), np.asarray(abs(table.uses).sum(axis=1)).ravel() / n)
    sizes[sizes == 0] = 1.0
    found: Any = linprog(
        np.concatenate([np.zeros(variables), 1 / sizes]),
        A_ub=hstack([table.uses, -identity(m)]),
        b_ub=table.limits,
        A_eq=hstack([table.one_each, csr_array((n, m))]),
        b_eq=np.ones(n),
        bounds=(0, None),
        method="highs",
    )
    over = found.x[variables:]
    return tuple(Excess(i, float(over[i] * table.units[i])) for i in range(m) if over[i] > 1e-6 * sizes[i])


@contextmanager
def _without_debugging() -> Generator[None]:
    """Some releases of HiGHS print a line of their debugging, whatever is asked; all else that is printed stays.

    It is C code that prints, so that the file itself is turned round for as long.
    """
    try:
        sys.stdout.flush()
        kept = os.dup(1)
    except (OSError, ValueError, AttributeError):  # closed, or none: there is nothing to keep clean
        yield
        return
    with tempfile.TemporaryFile() as printed:
        try:
            os.dup2(printed.fileno(), 1)
            yield
        finally:
            os.dup2(kept, 1)
            printed.seek(0)
            others = b"".join(line for line in printed if not line.startswith(b"Highs"))
            if others:
                os.write(kept, others)
            os.close(kept)


def _table(problem: Problem) -> _Table:
    n, actions = problem.values.shape
    may = np.ones((n, actions), dtype=bool) if problem.allowed is None else problem.allowed
    row, action = np.nonzero(may)
    place = np.full((n, actions), -1)
    place[row, action] = np.arange(len(row))
    one_each = coo_array((np.ones(len(row)), (row, np.arange(len(row)))), shape=(n, len(row))).tocsr()
    parts: list[Any] = []
    units = np.ones(len(problem.limits))
    for i, limit in enumerate(problem.limits):
        at = place if limit.rows is None else place[limit.rows]
        uses = np.where(at >= 0, limit.uses, 0)
        own, column = np.nonzero(uses)
        data = uses[own, column].astype(np.float64)
        units[i] = np.abs(data).max() if len(data) else 1.0
        parts.append(
            coo_array((data / units[i], (np.zeros(len(data), dtype=int), at[own, column])), shape=(1, len(row)))
        )
    uses: Any = vstack(parts).tocsr() if parts else csr_array((0, len(row)))
    limits = np.array([limit.limit for limit in problem.limits], dtype=np.float64) / units
    return _Table(row, action, problem.values[row, action].astype(np.float64), one_each, uses, limits, units)
