"""Prices on the limits: the Lagrangian dual, whose every row decides for itself.

With a price on each limit, a row takes the action whose value less the price of what it uses is largest; the prices are
those at which all rows together use what is allowed. Their value is a bound that no choice can pass (Everett 1963;
Fisher 1981). It is a sum of maxima, with corners; made smooth by a temperature (log-sum-exp, Nesterov 2005), which is
lowered, it is minimised by L-BFGS-B.

Legend: n rows, L actions, M limits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from drivetrain.decisions.optimise.problem import Array, Linear, Problem

CHUNK = 2**18
"""Numbers that are worked on at a time: they stay in a core's cache."""
SAMPLE = 20_000
"""Rows on which prices are looked for first, where there are many more."""
TEMPERATURES = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)
"""In standard deviations of the values within a row."""
NEVER = np.float32(-1e30)
"""Value of an action that is not allowed: less than any other, and its products are still finite."""


@dataclass(frozen=True)
class Prices:
    """Where the dual is smallest."""

    prices: Array
    """(M,) of one unit of each limit."""
    bound: float
    """No choice within the limits is worth more."""
    temperature: float
    """The last one, in units of the values."""


def find_prices(problem: Problem) -> Prices:
    """The prices at which rows that decide for themselves keep the limits, and the bound that they prove.

    `problem.values` is (n, L). Prices are found on a sample first where there are many rows.
    """
    n = len(problem.values)
    start = np.zeros(len(problem.limits))
    temperatures = TEMPERATURES
    if n > 2 * SAMPLE:
        few = sample(problem, SAMPLE)
        start = _descend(_Dual(few), start, TEMPERATURES, most=60)
        temperatures = TEMPERATURES[-2:]
    dual = _Dual(problem)
    prices = _descend(dual, start, temperatures, most=60 if n <= 2 * SAMPLE else 15)
    candidates = [prices] if n > 2 * SAMPLE else [prices, start]
    bounds = [dual.smooth(each, 0.0)[0] for each in candidates]
    best = int(np.argmin(bounds))
    return Prices(candidates[best], bounds[best], TEMPERATURES[-1] * dual.spread)


def shares(problem: Problem, prices: Array, temperature: float, rows: slice) -> NDArray[np.float32]:
    """(rows, L) how much of each row takes each action: all of it the best one, but where two are worth the same."""
    left = lagrangian(problem, prices, rows)
    left -= left.max(axis=1, keepdims=True)
    np.exp(left / np.float32(temperature), out=left)
    left /= left.sum(axis=1, keepdims=True)
    return left


def lagrangian(problem: Problem, prices: Array, rows: slice) -> NDArray[np.float32]:
    """(rows, L) values less the price of what each action uses; a new array."""
    left = np.array(problem.values[rows], dtype=np.float32)
    first, last, _ = rows.indices(len(problem.values))
    same = np.zeros(left.shape[1])
    for limit, price in zip(problem.limits, prices, strict=True):
        if not price:
            continue
        if limit.rows is not None:
            low, high = np.searchsorted(limit.rows, (first, last))
            left[limit.rows[low:high] - first] -= np.float32(price) * limit.uses[low:high]
        elif limit.uses.strides[0] == 0:
            same += price * limit.uses[0]
        else:
            left -= np.float32(price) * limit.uses[rows]
    if same.any():
        left -= same.astype(np.float32)
    if problem.allowed is not None:
        left[~problem.allowed[rows]] = NEVER
    return left


def chunks(n: int, actions: int) -> list[slice]:
    """Rows, few enough at a time to stay in a core's cache."""
    size = max(1, CHUNK // max(1, actions))
    return [slice(first, min(first + size, n)) for first in range(0, n, size)]


def sample(problem: Problem, size: int) -> Problem:
    """The same problem with some of its rows, drawn by its seed, and as much less of each limit."""
    n = len(problem.values)
    random = np.random.default_rng(problem.seed)
    rows = np.sort(random.choice(n, size=min(size, n), replace=False))
    shares = [len(rows) / n if each.rows is None else np.isin(each.rows, rows).mean() for each in problem.limits]
    return problem.part(rows, [each.limit * float(one) for each, one in zip(problem.limits, shares, strict=True)])


class _Dual:
    """The dual of one problem, and the scales in which its prices are of order one."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.n, self.actions = problem.values.shape
        self.limits = np.array([limit.limit for limit in problem.limits])
        few = np.linspace(0, self.n - 1, min(self.n, 2_000)).astype(int)
        allowed = None if problem.allowed is None else problem.allowed[few]
        self.spread = _within_rows(problem.values[few], allowed) or 1.0
        self.scales = np.array([self._scale(limit) for limit in problem.limits])

    def _scale(self, limit: Linear) -> float:
        """Of a price: the spread of values over that of uses, and larger for a limit that few rows share."""
        rows = len(limit.uses)
        few = np.linspace(0, rows - 1, min(rows, 2_000)).astype(int) if rows else np.zeros(0, dtype=int)
        spread = _within_rows(limit.uses[few], None) if rows else 0.0
        share = np.sqrt(max(rows, 1) / self.n)
        return float(self.spread / (spread * share)) if spread else 0.0

    def smooth(self, prices: Array, temperature: float) -> tuple[float, Array]:
        """The dual and its gradient, smoothed by a temperature in units of the values; 0: as it is."""
        total, used = 0.0, np.zeros(len(self.limits))
        by_action = np.zeros(self.actions)
        for rows in chunks(self.n, self.actions):
            left = lagrangian(self.problem, prices, rows)
            top = left.max(axis=1, keepdims=True)
            total += float(top.sum(dtype=np.float64))
            left -= top
            if temperature:
                left /= np.float32(temperature)
                np.exp(left, out=left)
                sums = left.sum(axis=1, keepdims=True)
                total += temperature * float(np.log(sums).sum(dtype=np.float64))
                left /= sums
            else:
                best = left.argmax(axis=1)
                left[:] = 0
                left[np.arange(len(best)), best] = 1
            by_action += left.sum(axis=0, dtype=np.float64)
            self._add_uses(used, left, rows)
        for place, limit in enumerate(self.problem.limits):
            if limit.rows is None and limit.uses.strides[0] == 0:
                used[place] = float(by_action @ limit.uses[0])
        return total + float(prices @ self.limits), self.limits - used

    def _add_uses(self, used: Array, taken: NDArray[np.float32], rows: slice) -> None:
        for place, limit in enumerate(self.problem.limits):
            if limit.rows is not None:
                low, high = np.searchsorted(limit.rows, (rows.start, rows.stop))
                own = taken[limit.rows[low:high] - rows.start]
                used[place] += float(np.einsum("ij,ij->", own, limit.uses[low:high], dtype=np.float64))
            elif limit.uses.strides[0]:
                used[place] += float(np.einsum("ij,ij->", taken, limit.uses[rows], dtype=np.float64))


def _descend(dual: _Dual, start: Array, temperatures: tuple[float, ...], *, most: int) -> Array:
    """Prices where the dual is smallest, from high temperatures to low ones."""
    live = dual.scales > 0
    if not live.any():
        return np.zeros_like(start)
    scales = dual.scales[live]
    found = start[live] / scales
    per_row = dual.n * dual.spread

    for temperature in temperatures:

        def value(x: Array, at: float = temperature * dual.spread) -> tuple[float, Array]:
            prices = np.zeros_like(start)
            prices[live] = x * scales
            total, slope = dual.smooth(prices, at)
            return total / per_row, slope[live] * scales / per_row

        options = {"maxiter": most, "ftol": 1e-12, "gtol": 1e-7}
        found = minimize(value, found, jac=True, method="L-BFGS-B", bounds=[(0, 1e6)] * len(scales), options=options).x
    result = np.zeros_like(start)
    result[live] = found * scales
    return result


def _within_rows(values: NDArray[np.float32] | Array, allowed: NDArray[np.bool_] | None) -> float:
    """Standard deviation of the actions of a row, over rows."""
    found = np.array(values, dtype=np.float64)
    if allowed is not None:
        found[~allowed] = np.nan
        found -= np.nanmean(found, axis=1, keepdims=True)
    else:
        found -= found.mean(axis=1, keepdims=True)
    spread = float(np.sqrt(np.nanmean(found**2)))
    return spread if np.isfinite(spread) else 0.0
