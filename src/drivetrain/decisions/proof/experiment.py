"""What data to collect next: how many rows, which random lever values, what they cost, and who gets which.

Legend: n rows, V values that are tried, U units (rows, or groups of them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.calls import named
from drivetrain.decisions.asking.inputs import with_baseline
from drivetrain.decisions.asking.rules import read_rule
from drivetrain.decisions.levers import Lever, checked_levers
from drivetrain.decisions.models.adapting import as_models
from drivetrain.decisions.models.ensemble import Ensemble
from drivetrain.decisions.models.table import frame_of, known_column
from drivetrain.decisions.objective import as_objective
from drivetrain.decisions.proof.assigning import Experiment
from drivetrain.decisions.proof.encoding import groups_of
from drivetrain.decisions.proof.planning import power_of_options, power_of_slope, rows_needed
from drivetrain.decisions.proof.valuing import logs_of
from drivetrain.decisions.simulator import Simulator
from drivetrain.errors import DataError, SettingError
from drivetrain.notices import warn
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import choice, number, refuse, several, shown, whole
from drivetrain.text import agreeing, does, readable

Array = NDArray[np.float64]
VALUES = 5
"""Values of a number that are tried, evenly spread, unless some are named."""
NARROWER = (1.0, 0.5, 0.25)
"""Shares of the range for which rows and cost are told: a narrower one costs less a row, and needs more rows."""
IN, PROPENSITY = "in_experiment", "propensity"


@named
def experiment(
    objective: Any,
    rows: Any,
    levers: Sequence[Lever] | Lever,
    models: Any = None,
    *,
    effect: float,
    lever: str | None = None,
    values: Sequence[Any] | None = None,
    baseline: Mapping[str, Any] | None = None,
    noise: float | None = None,
    group: str | None = None,
    power: float = 0.8,
    level: float = 0.95,
    seed: int = 0,
) -> Experiment:
    """Plan an experiment: rows whose lever chance sets, enough of them to see an effect.

    Of a number, a line through the outcomes must show a difference between the smallest and the largest value; of a
    choice, an option's mean must differ from that of the first one, whichever it is (Bonferroni).

    Args:
        objective: As for `decide`.
        rows: That could take part.
        levers: As for `decide`.
        models: As for `decide`; they say what the experiment costs, and how noisy the objective is. None: neither is
            known, and `noise` is needed.
        effect: Difference of the objective per row that would change what you do.
        lever: The one that chance sets, where there are several; the others stay at the baseline.
        values: That are drawn from; None: the options, or five values evenly spread.
        baseline: Lever → value, or one for each row, of rows that do not take part, such as a plan's; None: today's.
        noise: Standard deviation of the objective that comes out, among rows alike; None: of the models' logged rows.
        group: Column of rows that get one value together (a store, a day): groups are then what is counted.
        power: Chance that the effect is seen.
        level: Of the interval that shows it.
        seed: Of the draw.

    Raises:
        DataError: Rows cannot be used, or nothing tells the noise.
        SettingError: An argument has a value that cannot be used.

    Example:
        >>> import drivetrain as dt
        >>> customers = pd.DataFrame({"price": [20.0] * 2_000})
        >>> found = dt.experiment("buys * price", customers, dt.Lever("price", 10, 30), effect=2, noise=8)
        >>> found.units, found.values, round(found.power, 2)
        (1007, (10.0, 15.0, 20.0, 25.0, 30.0), 0.8)
    """
    known = checked_levers(levers)
    table = frame_of(rows, "rows")
    if not len(table):
        raise DataError("rows is empty; expected a row for each who could take part. To fix: pass some.")
    one = _lever_of(lever, known)
    tried = _values_of(values, one)
    smallest = number("effect", effect)
    if smallest == 0:
        refuse("effect", effect, "a number other than 0")
    asked, sure = number("power", power, above=0, below=1), number("level", level, above=0, below=1)
    draw = np.random.default_rng(whole("seed", seed, least=0))
    if group is not None:
        group = known_column(table, group, "group", "the rows")
    unit_of_row = groups_of(table, group)
    rule = None if baseline is None else read_rule("baseline", baseline, known, table)
    found = {} if models is None else as_models(models)
    simulator = Simulator(as_objective(objective), with_baseline(table, known, rule), known, found)
    before = {**simulator.today(), **({} if rule is None else rule.choose(simulator, None))}
    spread, said = _noise(noise, simulator, found, group)
    trial = _Trial(simulator, one, before, abs(smallest), spread, sure, asked, models is not None)
    needed = trial.needed(tried)
    units = int(unit_of_row.max()) + 1
    taking = units if needed is None else min(units, needed)
    assignment = _assign(trial, tried, unit_of_row, taking, draw)
    per_row = trial.cost(tried)
    in_rows = int(assignment[IN].sum())
    warnings = _warnings(needed, units, group)
    for each in warnings:
        warn(each)
    return Experiment(
        lever=one.name,
        values=tuple(tried.tolist()),
        units=needed,
        assigned=taking,
        unit="row" if group is None else group,
        power=trial.power(tried, taking),
        power_asked=asked,
        effect=smallest,
        noise=spread,
        level=sure,
        cost_per_row=per_row,
        cost=None if per_row is None else per_row * in_rows,
        designs=_designs(trial, tried, len(table) / units),
        table=assignment,
        warnings=tuple(warnings),
        decisions={"noise": Decision(value=spread, reason=said)},
    )


def _lever_of(name: Any, levers: Sequence[Lever]) -> Lever:
    if name is None:
        if len(levers) > 1:
            refuse("lever", name, "the name of the lever that chance sets, as there are several")
        return levers[0]
    picked = choice("lever", name, [lever.name for lever in levers])
    return next(lever for lever in levers if lever.name == picked)


def _values_of(values: Any, lever: Lever) -> NDArray[Any]:
    """(V,) what is drawn from."""
    if values is None:
        return lever.values(VALUES)
    listed = several("values", values, "a list of at least two different values")
    found = lever.values(2) if not listed else np.array(listed, dtype=None if not lever.is_choice else object)
    if not lever.is_choice:
        found = np.array([number(f"values[{i}]", value) for i, value in enumerate(listed)], dtype=np.float64)
    if len(found) < 2 or len({str(each) for each in found.tolist()}) < len(found):
        refuse("values", values, "at least two different values")
    if not lever.may_take(found).all():
        wrong = found[~lever.may_take(found)][0]
        refuse("values", values, f"values that {readable(lever.name)!r} may take, which {shown(wrong)} is not")
    return found if lever.is_choice else np.sort(found)


def _noise(given: Any, simulator: Simulator, models: Mapping[str, Ensemble], group: str | None) -> tuple[float, str]:
    """Standard deviation of what comes out less what was predicted; of groups that of their means."""
    if given is not None:
        return number("noise", given, above=0), "as you said"
    logged = next((model.logged for model in models.values() if model.logged is not None), None)
    names = [lever.name for lever in simulator.levers]
    if logged is None or any(name not in logged.columns for name in names):
        raise SettingError(
            "nothing says how much the objective varies among rows alike; expected noise=, or models that were fitted "
            "on logged rows with the levers. To fix: pass noise= (a standard deviation), or dt.Ensemble.fit(...)."
        )
    frame = logged[logged[names].notna().all(axis=1)]
    if len(frame) < len(logged):
        raise DataError(
            f"{agreeing(len(logged) - len(frame), 'logged rows', 'lack')} a lever's value; expected one in each. To "
            "fix: fit the models without these rows, or pass noise=."
        )
    logs = logs_of(Simulator(simulator.objective, logged, simulator.levers, models))
    left = logs.realised - logs.said
    if group is not None:
        if group not in logged.columns:
            raise SettingError(
                f"group={group!r} is no column of the logged rows, so that nothing says how much groups vary; expected "
                "one, or noise=. To fix: pass noise=, the standard deviation of a group's mean."
            )
        left = pd.Series(left).groupby(groups_of(logged, group)).mean().to_numpy(dtype=np.float64)
    spread = float(np.nanstd(left))
    if not spread > 0:
        raise DataError("the objective does not vary among logged rows alike; expected some. To fix: pass noise=.")
    return (
        spread,
        f"what came out less what was predicted, in {len(left):,} logged {'rows' if group is None else group}",
    )


@dataclass(frozen=True)
class _Trial:
    """What is tried, and how sure it is to be."""

    simulator: Simulator
    lever: Lever
    before: Mapping[str, NDArray[Any]]
    effect: float
    noise: float
    level: float
    asked: float
    costed: bool

    def power(self, tried: NDArray[Any], n: float, share: float = 1.0) -> float:
        """Chance that the effect, or a share of it, is seen in n units."""
        effect = self.effect * share
        if self.lever.is_choice:
            return power_of_options(n, len(tried), effect, self.noise, self.level)
        return power_of_slope(n, tried.astype(np.float64), effect, self.noise, self.level)

    def needed(self, tried: NDArray[Any], share: float = 1.0) -> int | None:
        """Units for the power that was asked."""
        return rows_needed(lambda n: self.power(tried, n, share), self.asked, len(tried) + 1)

    def cost(self, tried: NDArray[Any]) -> float | None:
        """Objective at the baseline less that at the values drawn, mean per row; None without models."""
        if not self.costed:
            return None
        n, at = len(self.simulator.rows), self.simulator.at
        drawn = [at({**self.before, self.lever.name: np.repeat(tried[i : i + 1], n)}).mean() for i in range(len(tried))]
        return float(at(self.before).mean() - np.mean(drawn))


def _assign(
    trial: _Trial, tried: NDArray[Any], unit_of_row: NDArray[np.intp], taking: int, draw: np.random.Generator
) -> pd.DataFrame:
    """Who takes part, and what each gets: as many units of each value, or one more."""
    units = int(unit_of_row.max()) + 1
    place = np.full(units, -1, dtype=np.int64)
    place[draw.permutation(units)[:taking]] = draw.permutation(np.arange(taking) % len(tried))
    mine = place[unit_of_row]
    made: dict[str, Any] = {IN: mine >= 0}
    for each in trial.simulator.levers:
        values = np.asarray(trial.before[each.name])
        if each.name == trial.lever.name:
            drawn = np.where(mine >= 0, tried.astype(object)[np.maximum(mine, 0)], values.astype(object))
            values = drawn if each.is_choice else drawn.astype(np.float64)
        made[each.name] = values
    made[PROPENSITY] = np.where(mine >= 0, 1 / len(tried), np.nan)
    return pd.DataFrame(made, index=trial.simulator.rows.index)


def _designs(trial: _Trial, tried: NDArray[Any], rows_per_unit: float) -> pd.DataFrame:
    """Units and cost with narrower ranges, for a number: round the middle of what rows get without the experiment.

    The effect that is to be seen shrinks with the range, as a line has the same slope.
    """
    made: list[dict[str, Any]] = []
    for share in (1.0,) if trial.lever.is_choice else NARROWER:
        values = tried if share == 1 else _narrowed(trial, tried.astype(np.float64), share)
        if len(values) < 2:
            continue
        scaled = 1.0 if trial.lever.is_choice else float(np.ptp(values) / np.ptp(tried))
        units, per_row = trial.needed(values, scaled), trial.cost(values)
        total = None if units is None or per_row is None else per_row * units * rows_per_unit
        told = {"share": share, "lowest": values[0], "highest": values[-1]}
        made.append({**told, "units": units, "cost_per_row": per_row, "cost": total})
    return pd.DataFrame(made)


def _narrowed(trial: _Trial, tried: Array, share: float) -> Array:
    """The values drawn together, inside their range."""
    reach = share * float(np.ptp(tried)) / 2
    middle = float(np.median(np.asarray(trial.before[trial.lever.name], dtype=np.float64)))
    middle = min(max(middle, tried[0] + reach), tried[-1] - reach)
    return np.unique(trial.lever.onto_step(middle + share * (tried - (tried[0] + tried[-1]) / 2)))


def _warnings(needed: int | None, units: int, group: str | None) -> list[str]:
    what = "rows" if group is None else f"groups of {readable(group)}"
    if needed is None:
        return ["no number of rows would show that effect. To fix: ask for a larger one, or a wider range of values."]
    if needed > units:
        return [
            f"the experiment needs {needed:,} {what} and there {does(units, 'are')} {units:,}: all take part, and the "
            "chance to see the effect is smaller than asked. To fix: collect longer, widen the values, or ask for a "
            "larger effect."
        ]
    return []
