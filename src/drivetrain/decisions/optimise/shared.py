"""Levers that all rows share: a grid of their values, then SLSQP and finer grids between them.

All rows move together, so a setting is one action of one row whose value is the sum over all rows.

Legend: n rows, L settings, P places (members × scenarios), d numbers that move, M limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import qmc

from drivetrain.decisions.levers import Lever, acts
from drivetrain.decisions.optimise.actions import Actions, make_actions, may_do, spread_actions
from drivetrain.decisions.optimise.problem import Array, Choice, Made, Problem
from drivetrain.decisions.optimise.refining import OUTSIDE, value_of, wide_gaps
from drivetrain.decisions.optimise.risk import read_risk, solve, worst_mean
from drivetrain.decisions.optimise.solving import InfeasibleError

if TYPE_CHECKING:
    from drivetrain.decisions.optimise.choosing import Chooser

SUPPORTED = 0.95
"""Share of rows that must have been seen with a setting, or something near it, as all rows share it."""
FINER = (1.0, 0.25, 1 / 16)
"""Of the distance between the settings tried: how far a finer grid reaches to either side."""
POINTS = 64
"""Of a finer grid: Sobol's, which in one number is an even one."""
ROWS_AT_MOST = 1_000
"""Rows of which a finer grid asks; what it finds is judged on all."""
STEP = 1e-4
"""Of a slope, in shares of the range."""
ASKED = 50
"""Times that slopes are asked for at most."""
ALIKE = 0.2
"""Share of the largest slope by which one over a short way and one over a longer way may differ."""


def settings_of(chooser: Chooser) -> Actions:
    """The grid of settings."""
    levers = chooser.simulator.levers
    several = sum(not lever.is_choice for lever in levers) > 3
    return spread_actions(levers) if several else make_actions(levers, chooser.known, staying=True)


def choose_shared(chooser: Chooser, members: Sequence[int] | None) -> Made:
    """The best setting of levers that all rows share.

    Raises:
        DataError: The constraints cannot be kept.
    """
    actions = settings_of(chooser)
    table = chooser.table(actions, members, label="simulating settings")
    totals = table.values.sum(axis=-2, dtype=np.float64)[..., None, :]
    allowed = _supported(chooser, actions)
    limits = chooser.limits.totalled(table.counted, share=chooser.share)
    problem = Problem(totals, allowed, limits, chooser.risk, chooser.seed, chooser.compared(members))
    try:
        choice = solve(problem)
    except InfeasibleError as error:
        raise chooser.refusal(error) from None
    n = len(chooser.simulator.rows)
    put = actions.chosen(chooser.known, np.full(n, choice.action[0]))
    found = _refined(chooser, members, actions, choice)
    method = "grid of settings"
    if found is not None:
        setting, value, how = found
        method = f"{method}, then {how}"
        put = {name: np.full(n, one, dtype=put[name].dtype) for name, one in setting.items()}
        choice = replace(choice, value=value, bound=max(choice.bound, value), exact=False)
    counted = [value_of(chooser, put, members, quantity) for quantity in chooser.limits.quantities]
    prices = [each.price for each in choice.bindings]
    return Made(put, replace(choice, method=method), chooser.limits.bindings(counted, prices))


def _supported(chooser: Chooser, actions: Actions) -> NDArray[np.bool_] | None:
    """(1, L) which settings nearly all rows have support for; the best supported one where none has."""
    n = len(chooser.simulator.rows)
    may = may_do(actions, chooser.simulator.levers, chooser.known, n).mean(axis=0) >= SUPPORTED
    if chooser.seen is not None:
        share = np.zeros(len(actions))
        for action in range(len(actions)):
            put = actions.chosen(chooser.known, np.full(n, action))
            share[action] = (chooser.seen.each(chooser.simulator.rows, put) < OUTSIDE).mean()
        good = may & (share >= SUPPORTED)
        may = good if good.any() else may & (share >= share[may].max(initial=0))
    return None if may.all() else may[None]


def _refined(
    chooser: Chooser, members: Sequence[int] | None, actions: Actions, choice: Choice
) -> tuple[dict[str, Any], float, str] | None:
    """Something better between the settings tried, what it is worth, and how it was found; None: there is nothing."""
    start = int(choice.action[0])
    if not chooser.fine or any(stays[start] for stays in actions.stays.values()):
        return None
    setting = {name: values[start] for name, values in actions.values.items()}
    one = {name: np.array([value]) for name, value in setting.items()}
    gaps = [(lever, gap) for lever, gap in wide_gaps(chooser.simulator.levers, actions) if acts(lever, one)[0]]
    if not gaps:
        return None
    search = _Search(chooser, members, setting, [lever for lever, _ in gaps])
    at, how, value = search.start, "", choice.value
    reach = np.array([gap for _, gap in gaps])
    if not chooser.risk.startswith("loss") and search.has_slopes(reach):  # how often a plan loses has none
        at, how, value = search.better(search.by_slopes(), "SLSQP", (at, how, value))
    few = _Search(_fewer_rows(chooser), members, setting, search.moving)
    for part in FINER:
        finer = few.around(at, part * reach)
        at, how, value = search.better(finer, "a finer grid", (at, how, value))
    return (search.setting_at(at), value, how) if how else None


class _EnoughError(Exception):
    """Slopes were asked for often enough."""


class _Search:
    """The objective over a few numbers that all rows share, all else set; places x run from 0 to 1."""

    def __init__(
        self, chooser: Chooser, members: Sequence[int] | None, setting: Mapping[str, Any], moving: Sequence[Lever]
    ) -> None:
        self.chooser, self.members, self.setting, self.moving = chooser, members, dict(setting), list(moving)
        self.low = np.array([lever.ends[0] for lever in moving])
        self.range = np.array([lever.ends[1] for lever in moving]) - self.low
        self.start = (np.array([float(setting[lever.name]) for lever in moving]) - self.low) / self.range
        self.before = chooser.compared(members)

    def put(self, x: Array) -> dict[str, Array]:
        """Name of a number that moves → (L,) values at (L, d) places."""
        values = self.low + np.clip(x, 0, 1) * self.range
        return {lever.name: lever.onto_step(values[:, i]) for i, lever in enumerate(self.moving)}

    def setting_at(self, x: Array) -> dict[str, Any]:
        """Name of each lever → value at one place (d,)."""
        return {**self.setting, **{name: float(values[0]) for name, values in self.put(x[None]).items()}}

    def ask(self, x: Array) -> tuple[Array, Array]:
        """(L,) what is made large at (L, d) places, and (L, M) what is left of each limit (in its own size)."""
        n, count = len(self.chooser.simulator.rows), len(x)
        moved = self.put(x)
        levers = {
            name: np.repeat(moved[name], n) if name in moved else np.full(n * count, one, dtype=_kind(one))
            for name, one in self.setting.items()
        }
        rows = np.tile(np.arange(n), count)

        def asked(quantity: Any = None) -> NDArray[Any]:
            found = value_of(self.chooser, levers, self.members, quantity, rows=rows)
            return found.reshape(*found.shape[:-1], count, n)

        worth = asked().sum(axis=-1)
        counted = [asked(quantity).T for quantity in self.chooser.limits.quantities]
        limits = self.chooser.limits.totalled(counted, share=self.chooser.share)
        left = [(each.limit - each.uses[0]) / (abs(each.limit) or n) for each in limits]
        return self._weighed(worth), np.stack(left, axis=1) if left else np.zeros((count, 0))

    def _weighed(self, worth: Array) -> Array:
        """(L,) of (L,), or of (P, L) where the risk weighs each place."""
        if worth.ndim == 1:
            return worth
        risk = read_risk(self.chooser.risk)
        if risk.kind == "cvar":
            return np.array([worst_mean(each, risk.share) for each in worth.T])
        assert self.before is not None, "a loss is one against something"
        loses = (worth < self.before[:, None]).mean(axis=0)
        return np.where(loses <= risk.share, worth.mean(axis=0), -np.inf)

    def has_slopes(self, gaps: Array) -> bool:
        """Whether slopes lead anywhere: the same over a short way and half of that to the next settings.

        What trees say of a number goes up and down in steps, between which a slope says nothing of them.
        """
        aside = np.concatenate([STEP * np.eye(len(gaps)), np.diag(gaps / self.range / 2)])
        up, down = np.minimum(self.start + aside, 1), np.maximum(self.start - aside, 0)
        worth = self.ask(np.concatenate([up, down]))[0].reshape(2, 2, -1)  # (side, way, number)
        short, long = (worth[0] - worth[1]) / (up - down).sum(axis=1).reshape(2, -1)
        return bool(long.any() and np.abs(short - long).max() <= ALIKE * np.abs(long).max())

    def by_slopes(self) -> Array:
        """(1, d) the place to which slopes lead from the start (SLSQP: Kraft 1988)."""
        d = len(self.start)
        known: dict[bytes, tuple[Array, Array]] = {}

        def told(x: Array) -> tuple[Array, Array]:
            """Worth and what is left at x, and a little to either side in each number: one asking for all."""
            key = x.tobytes()
            if key not in known:
                if len(known) == ASKED:
                    raise _EnoughError
                aside = STEP * np.eye(d)
                up, down = np.minimum(x + aside, 1), np.maximum(x - aside, 0)
                worth, left = self.ask(np.concatenate([x[None], up, down]))
                apart = (up - down).diagonal()[:, None]
                every = np.column_stack([worth / unit, left])
                known[key] = every[0], (every[1 : d + 1] - every[d + 1 :]) / apart
            return known[key]

        unit = abs(float(self.ask(self.start[None])[0][0])) or 1.0
        limits: Any = ()
        if self.chooser.limits.limits:
            limits = [{"type": "ineq", "fun": lambda x: told(x)[0][1:], "jac": lambda x: told(x)[1].T[1:]}]
        slopes: Any = {"jac": lambda x: -told(x)[1][:, 0], "bounds": [(0, 1)] * d, "constraints": limits}
        with suppress(_EnoughError):
            minimize(lambda x: -told(x)[0][0], self.start, method="SLSQP", options={"ftol": 1e-10}, **slopes)
        kept = {key: here[0] for key, (here, _) in known.items() if (here[1:] >= -1e-9).all()}
        best = max(kept, key=lambda key: kept[key], default=self.start.tobytes())
        return np.frombuffer(best)[None]

    def around(self, x: Array, reach: Array) -> Array:
        """(L, d) the best places near x, best first, within the limits."""
        points = 2 * qmc.Sobol(len(x), scramble=False).random(POINTS) - 1
        places = np.clip(x + points * reach / self.range, 0, 1)
        worth, left = self.ask(places)
        kept = np.where((left >= -1e-9).all(axis=1), worth, -np.inf)
        return places[np.argsort(-kept, kind="stable")[:1]]

    def better(self, places: Array, how: str, best: tuple[Array, str, float]) -> tuple[Array, str, float]:
        """The first of the places and what it is worth, where that is more, within the limits and has support."""
        worth, left = self.ask(places[:1])
        more = worth[0] > best[2] + 1e-9 * abs(best[2])
        if more and (left >= -1e-9).all() and self._has_support(places[0]):
            return places[0], how, float(worth[0])
        return best

    def _has_support(self, x: Array) -> bool:
        seen, rows = self.chooser.seen, self.chooser.simulator.rows
        if seen is None:
            return True
        put = {name: np.full(len(rows), value) for name, value in self.setting_at(x).items()}
        return bool((seen.each(rows, put) < OUTSIDE).mean() >= SUPPORTED)


def _kind(value: Any) -> Any:
    return object if isinstance(value, str) else None


def _fewer_rows(chooser: Chooser) -> Chooser:
    """The same over some of the rows, where there are many."""
    n = len(chooser.simulator.rows)
    if n <= ROWS_AT_MOST or chooser.remake is None:
        return chooser
    return chooser.on(np.sort(np.random.default_rng(chooser.seed).choice(n, ROWS_AT_MOST, replace=False)))
