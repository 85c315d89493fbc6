"""The objective over a grid of lever values, with its band: the best of them, how flat it is there, and today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.decisions.levers import Lever, checked_levers
from drivetrain.decisions.models.adapting import as_models
from drivetrain.decisions.models.table import frame_of
from drivetrain.decisions.objective import as_objective
from drivetrain.decisions.optimise.actions import STAYS, combined
from drivetrain.decisions.page.figures import curve
from drivetrain.decisions.plan.parts import CurvePart
from drivetrain.decisions.simulation.curves import OUTSIDE, curve_part, said_of
from drivetrain.decisions.simulation.effective import as_values, known_levers
from drivetrain.decisions.simulation.outcomes import drawn_totals, undrawn
from drivetrain.decisions.simulator import Simulator
from drivetrain.decisions.worth import Worth, of_members
from drivetrain.notices import warn
from drivetrain.pages.chart import Chart, Panel, panels
from drivetrain.progress import track
from drivetrain.settings import refuse, whole
from drivetrain.text import counted, in_digits, readable

Array = NDArray[np.float64]
POINTS = 50
"""Values of one lever; of several, as many of each as make `USUAL` combinations."""
USUAL, MOST = 2_500, 20_000
"""Combinations: tried unless asked otherwise, and at most."""


@dataclass(frozen=True, repr=False)
class Simulation:
    """The objective over a grid of lever values, the same for all rows.

    Printing it says what was found; the last line of a notebook cell shows the picture.
    """

    table: pd.DataFrame
    """A combination a row: lever values, `mean` of the objective per row of the portfolio, `low` and `high` (95 % of
    the members)."""
    curves: tuple[CurvePart, ...]
    """One for each lever: the others are at their best."""
    best: Mapping[str, Any]
    """Lever → its value in the best combination."""
    at_best: Worth
    """What that is worth: where members come from two halves, chosen by one and valued by the other, both ways."""
    at_today: Worth | None
    """What today's values are worth, row by row; None where nothing tells them."""
    chance_of_loss: float | None
    """Share of members under which the best is worth less than today's; None with one member, or without today's."""
    rows: int
    members: int
    totals: pd.DataFrame | None = None
    """A draw a row: total over all rows with drawn outcomes, at the `best` and at `today`; see `outcomes=`."""
    warnings: tuple[str, ...] = ()
    scenarios: int = 1
    objective: str = field(default="objective")

    @property
    def chart(self) -> Chart:
        """The picture: the objective against each lever."""
        drawn = [curve(part, f"curve{i}", self.objective) for i, part in enumerate(self.curves)]
        if len(drawn) == 1:
            return Chart(drawn[0])
        title = f"{self.objective} against {', '.join(readable(part.lever) for part in self.curves)}"
        said = " ".join(said_of(part) for part in self.curves)
        return Chart(panels([Panel(each) for each in drawn], title, said, most_columns=2))

    @property
    def flat(self) -> Mapping[str, tuple[Any, Any] | None]:
        """Lever → the values between which the objective is within 1 % of the best; None of a choice."""
        return {part.lever: part.flat for part in self.curves}

    @property
    def interior(self) -> Mapping[str, bool]:
        """Lever → whether its best value lies inside the range tried; at its border, the best may lie beyond."""
        return {part.lever: part.interior for part in self.curves}

    @property
    def today(self) -> Mapping[str, Any]:
        """Lever → today's median, or most frequent option; None where nothing tells it."""
        return {part.lever: part.today for part in self.curves}

    def __str__(self) -> str:
        lines = [said_of(part) for part in self.curves]
        lines.append(f"{readable(self.objective)} per row at the best: {self.at_best}; {self.at_best.method}")
        if self.at_today is not None:
            lines.append(f"as today: {self.at_today}")
        if self.chance_of_loss is not None:
            lines.append(f"worse than today under {100 * self.chance_of_loss:.0f} % of the members")
        if self.totals is not None:
            lines += [_total_line(name, self.totals[name].to_numpy()) for name in self.totals.columns]
        return "\n".join([*lines, *(f"note: {each}" for each in self.warnings)])

    def __repr__(self) -> str:
        rows, tried = counted(self.rows, "row"), counted(len(self.table), "combination")
        return f"Simulation({rows}, {tried}, {counted(self.members, 'member')})\n{self}"

    def _repr_html_(self) -> str:
        """As notebooks ask for it."""
        shown = self.chart
        return shown._repr_html_()  # pyright: ignore[reportPrivateUsage] - a name that notebooks give


def _total_line(name: str, totals: Array) -> str:
    low, high = np.percentile(totals, OUTSIDE)
    return (
        f"total over all rows, {name}: {in_digits(totals.mean())}, 95 % of draws [{in_digits(low)}, {in_digits(high)}]"
    )


@named
def simulate(
    objective: Any,
    rows: Any,
    levers: Lever | Sequence[Lever],
    models: Any,
    *,
    values: Mapping[str, Sequence[Any]] | None = None,
    points: int | None = None,
    scenarios: Any = None,
    outcomes: int = 0,
    seed: int = 0,
) -> Simulation:
    """Evaluate the objective over a grid of lever values, every row at the same values.

    Args:
        objective: A function (rows, levers, predict) → (n,) values, or arithmetic as text.
        rows: The portfolio, a table; a column with a lever's name is its value today.
        levers: One or several.
        models: Name → model: ensembles, fitted models, functions of rows; or one ensemble.
        values: Lever → the values to be tried; of others a grid between their ends, or their options.
        points: Values of a number on that grid; None: 50 of one lever, fewer of several.
        scenarios: A table of named values, a scenario a row, all equally likely; `predict` has them.
        outcomes: How often the outcomes of all rows are drawn, for `totals`: what may happen rather than what is
            expected. 0: not at all.
        seed: Of these draws.

    Raises:
        DataError: The rows cannot be used, or the objective is not finite somewhere.
        SettingError: An argument has a value that cannot be used.

    Example:
        >>> rows = pd.DataFrame({"cost": [1.0, 2.0], "price": [2.0, 2.0]})
        >>> found = simulate(
        ...     lambda rows, levers, predict: predict["accept"] * (levers["price"] - rows["cost"]),
        ...     rows,
        ...     Lever("price", 1, 5, step=0.5),
        ...     {"accept": [lambda rows: 1 - rows["price"] / 5, lambda rows: 1 - rows["price"] / 4.8]},
        ... )
        >>> found.best, found.interior, found.flat
        ({'price': 3.0}, {'price': True}, {'price': (3.0, 3.0)})
    """
    chosen = checked_levers(levers)
    frame = frame_of(rows, "rows")
    if points is not None:
        points = whole("points", points, least=2, most=MOST)
    draws, seed = whole("outcomes", outcomes, least=0, most=1_000_000), whole("seed", seed, least=0)
    simulator = Simulator(as_objective(objective), frame, chosen, as_models(models), scenarios=scenarios)
    actions = _combinations(chosen, _grids(chosen, values, points))
    means = _means(simulator, actions)
    return _simulation(simulator, actions, means, draws, seed)


def _simulation(
    simulator: Simulator, actions: Mapping[str, NDArray[Any]], means: Array, draws: int, seed: int
) -> Simulation:
    """What is made of (P, L) means."""
    best = int(np.argmax(means.mean(axis=0)))
    setting = {name: values.tolist()[best] for name, values in actions.items()}
    n = len(simulator.rows)
    notes = list(simulator.warnings)
    knows = all(simulator.knows_today(lever.name) for lever in simulator.levers)
    now = simulator.at({}).mean(axis=1) if knows else None
    several = means.shape[0] > 1
    low, high = np.percentile(means, OUTSIDE, axis=0)
    table = pd.DataFrame({**actions, "mean": means.mean(axis=0), "low": low, "high": high})
    curves = tuple(_curve(simulator, lever, actions, means, best) for lever in simulator.levers)
    totals = None
    if draws:
        said = undrawn(simulator.models)
        notes += [said] if said else []
        settings: dict[str, Mapping[str, NDArray[Any]]] = {
            "best": {lever.name: as_values(lever, setting[lever.name], n) for lever in simulator.levers}
        }
        if knows:
            settings["today"] = {}
        totals = pd.DataFrame(drawn_totals(simulator, settings, draws, seed))
    for note in notes:
        warn(note)
    return Simulation(
        table=table,
        curves=curves,
        best=setting,
        at_best=_worth(means, simulator.halves, n),
        at_today=None if now is None else of_members(now, n, "today's values, row by row"),
        chance_of_loss=float((means[:, best] < now).mean()) if now is not None and several else None,
        rows=n,
        members=simulator.members,
        totals=totals,
        warnings=tuple(notes),
        scenarios=len(simulator.scenarios),
        objective=simulator.objective.name,
    )


def _grids(
    levers: tuple[Lever, ...], values: Mapping[str, Sequence[Any]] | None, points: int | None
) -> dict[str, NDArray[Any]]:
    """Lever → the values to be tried."""
    given = {} if values is None else known_levers(values, levers)
    numbers = sum(not lever.is_choice and lever.name not in given for lever in levers)
    fixed = 1
    for lever in levers:
        if lever.is_choice or lever.name in given:
            fixed *= len(given[lever.name]) if lever.name in given and hasattr(given[lever.name], "__len__") else 1
            fixed *= len(lever.options) if lever.name not in given else 1
    usual = POINTS if numbers == 1 else max(3, int((USUAL / max(fixed, 1)) ** (1 / max(numbers, 1))))
    found: dict[str, NDArray[Any]] = {}
    for lever in levers:
        if lever.name not in given:
            found[lever.name] = lever.values(points or min(usual, POINTS))
            continue
        array = as_values(lever, given[lever.name])
        if not len(array) or pd.isna(array).any():
            refuse(f"values[{readable(lever.name)!r}]", given[lever.name], "at least one value, none of them empty")
        found[lever.name] = array if lever.is_choice else np.unique(array)
    return found


def _combinations(levers: tuple[Lever, ...], grids: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """All combinations; a lever whose `only_if` does not hold has one value, None: that of each row today."""
    made = combined(levers, {name: values.tolist() for name, values in grids.items()}, MOST)
    each = {lever.name: [None if one[lever.name] is STAYS else one[lever.name] for one in made] for lever in levers}
    return {lever.name: as_values(lever, each[lever.name]) for lever in levers}


def _means(simulator: Simulator, actions: Mapping[str, NDArray[Any]]) -> Array:
    """(P, L) mean of the objective per row."""
    count = len(next(iter(actions.values())))
    total = np.zeros((len(simulator.halves), count))
    with track("simulating rows", len(simulator.rows)) as advance:
        for part, values, _ in simulator.over(actions):
            total += values.sum(axis=1, dtype=np.float64)
            advance(part.stop - part.start)
    return total / len(simulator.rows)


def _curve(
    simulator: Simulator, lever: Lever, actions: Mapping[str, NDArray[Any]], means: Array, best: int
) -> CurvePart:
    """Along one lever through the best combination."""
    frame = pd.DataFrame(dict(actions))
    same = np.ones(len(frame), dtype=bool)
    for name in actions:
        if name != lever.name:
            value = frame[name].iloc[best]
            same &= frame[name].isna().to_numpy() if pd.isna(value) else (frame[name] == value).to_numpy()
    same &= frame[lever.name].notna().to_numpy() | (np.arange(len(frame)) == best)
    which = np.flatnonzero(same)
    today = simulator.today_of()[lever.name] if simulator.knows_today(lever.name) else None
    return curve_part(lever, actions[lever.name][which], means[:, which], today)


def _worth(means: Array, halves: NDArray[np.int64], n: int) -> Worth:
    """Of the best combination: chosen by the members of one half, valued by those of the other, where that is known."""
    if (halves < 0).any() or len(np.unique(halves)) < 2:
        return of_members(means[:, int(np.argmax(means.mean(axis=0)))], n, "chosen and valued by the same members")
    parts: list[Array] = []
    for half in (0, 1):
        chosen = int(np.argmax(means[halves == half].mean(axis=0)))
        parts.append(means[halves != half, chosen])
    value = float(np.mean([part.mean() for part in parts]))
    low, high = np.percentile(np.concatenate(parts), OUTSIDE)
    return Worth(value, float(low), float(high), n, "chosen by the members of one half, valued by those of the other")


Simulation.__module__ = "drivetrain"  # where people find it, so that messages and help say so
