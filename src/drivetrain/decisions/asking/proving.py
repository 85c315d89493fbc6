"""The plan as a policy on the logged rows, beside what was done there, a prediction plus a fifth, and others.

Legend: n rows of the plan, N logged rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.constraints import checked_constraints
from drivetrain.decisions.levers import Lever
from drivetrain.decisions.models.member import Members
from drivetrain.decisions.objective import Quantity, as_objective
from drivetrain.decisions.optimise.choosing import Chooser, Setting
from drivetrain.decisions.optimise.limits import read_limits
from drivetrain.decisions.plan.parts import Proof
from drivetrain.decisions.proof.support import Seen
from drivetrain.decisions.proof.valuing import value_policies
from drivetrain.decisions.simulator import Simulator
from drivetrain.errors import DrivetrainError, SettingError, did_you_mean
from drivetrain.settings import choice, number, refuse, shown
from drivetrain.text import readable

AS_LOGGED, PLAN = "as logged", "the plan"
FIFTH = 1.2
"""Prediction plus 20 %: what is usually done without a plan."""


@dataclass(frozen=True)
class Rule:
    """Lever → a value for all rows, or an expression of rows and predictions: what somebody would do without a plan."""

    levers: Mapping[str, float | str | Quantity]

    def choose(self, simulator: Simulator, members: Sequence[int] | None) -> Setting:
        """Lever → (n,) values by these members; numbers are brought to what the lever may be set to."""
        n = len(simulator.rows)
        result: Setting = {}
        for lever in simulator.levers:
            if lever.name not in self.levers:
                continue
            value = self.levers[lever.name]
            if callable(value):
                stay = {each.name: _any_value(simulator, each) for each in simulator.levers}
                said = simulator.at(stay, members=members, quantity=value).mean(axis=0)
                result[lever.name] = lever.onto_step(said)
            else:
                result[lever.name] = np.full(n, value, dtype=lever.values(2).dtype)
        return result


def read_policies(policies: Any, levers: Sequence[Lever]) -> dict[str, Rule]:
    """Name → rule, as people write them: ``{"claims + 20 %": {"price": "1.2 * claims"}}``.

    Raises:
        SettingError: One is none, or names what is no lever.
    """
    expected = 'rules by name, such as {"claims + 20 %": {"price": "1.2 * claims"}}'
    if policies is None:
        return {}
    if not isinstance(policies, Mapping):
        refuse("policies", policies, expected)
    result: dict[str, Rule] = {}
    for name, rule in cast("Mapping[Any, Any]", policies).items():
        if not isinstance(name, str) or not name.strip() or name in (AS_LOGGED, PLAN):
            refuse("policies", name, f"names that are text, other than {AS_LOGGED!r} and {PLAN!r}")
        result[name] = read_rule(f"policies[{shown(name)}]", rule, levers)
    return result


def read_rule(setting: str, rule: Any, levers: Sequence[Lever]) -> Rule:
    """Lever → value or expression.

    Raises:
        SettingError: It names no lever, or a value that a lever cannot have.
    """
    if not isinstance(rule, Mapping) or not rule:
        refuse(setting, rule, 'a value or an expression for a lever, such as {"price": "1.2 * claims"}')
    by_name = {lever.name: lever for lever in levers}
    made: dict[str, float | str | Quantity] = {}
    for name, value in cast("Mapping[Any, Any]", rule).items():
        if name not in by_name:
            near = did_you_mean(str(name), by_name)
            raise SettingError(
                f"{setting} names {shown(name)}, which is no lever.{near} Expected among "
                f"{', '.join(map(readable, by_name))}. To fix: name one of them."
            )
        lever, where = by_name[name], f"{setting}[{name!r}]"
        if lever.is_choice:
            made[name] = choice(where, value, lever.options)
        elif isinstance(value, str) or callable(value):
            made[name] = as_objective(value, setting=where).call
        else:
            made[name] = number(where, value)
    return Rule(made)


def by_expression(compared: Setting | None, baseline: Any, simulator: Simulator) -> Setting | None:
    """What a plan is compared with, and in it what was written as an expression of rows and predictions."""
    if compared is None:
        return None
    numbers = [lever.name for lever in simulator.levers if not lever.is_choice]
    written = {
        name: value
        for name, value in baseline.items()
        if name in numbers and (isinstance(value, str) or callable(value))
    }
    if not written:
        return compared
    rule = read_rule("baseline", written, simulator.levers)
    return {**compared, **rule.choose(simulator, None)}


def prove(
    chooser: Chooser, seen: Seen | None, rules: Mapping[str, Rule], group: str | None
) -> tuple[Proof | None, str]:
    """The plan and others on the rows that the models were fitted on, and why not where that cannot be done."""
    logged = _logged(chooser.simulator.models, chooser.simulator.levers)
    if logged is None:
        return None, "no model knows logged rows with all levers"
    levers = tuple(replace(lever, cost=None) for lever in chooser.simulator.levers)
    simulator = chooser.simulator
    try:
        over = Simulator(simulator.objective, logged, levers, simulator.models, scenarios=_scenarios(simulator))
        constraints = checked_constraints(chooser.constraints, logged, levers)
        there = Chooser(
            over,
            read_limits(constraints, levers, logged),
            "mean",
            seen,
            chooser.seed,
            today=_today(over),
            share=len(logged) / max(1, len(simulator.rows)),
            constraints=constraints,
        )
        policies: dict[str, Any] = {PLAN: there, AS_LOGGED: None}
        for name, rule in {**_usual(over), **rules}.items():
            policies[name] = _of_rule(rule, over)
        return value_policies(over, policies, group=group, seed=chooser.seed), ""
    except DrivetrainError as error:
        return None, str(error)


def _of_rule(rule: Rule, over: Simulator) -> Any:
    def choose(members: Sequence[int]) -> Setting:
        return rule.choose(over, members)

    return choose


def _usual(over: Simulator) -> dict[str, Rule]:
    """A prediction plus 20 %, where there is one number to set and one model whose predictions could be that number."""
    numbers = [lever for lever in over.levers if not lever.is_choice]
    if len(numbers) != 1:
        return {}
    lever = numbers[0]
    found: dict[str, Rule] = {}
    low, high = lever.ends
    for name, model in over.models.items():
        if model.is_probability or lever.name == name:
            continue
        middle = float(np.median(model.predict(over.rows.iloc[:500]).mean(axis=0))) * FIFTH
        if low <= middle <= high:
            call = as_objective(_times(name), name=f"{name} + 20 %").call
            found[f"{readable(name)} + 20 %"] = Rule({lever.name: call})
    return found if len(found) == 1 else {}


def _times(name: str) -> Any:
    def fifth_more(rows: pd.DataFrame, levers: Any, predict: Mapping[str, NDArray[np.float64]]) -> Any:
        return FIFTH * predict[name]

    return fifth_more


def _logged(models: Mapping[str, Members], levers: Sequence[Lever]) -> pd.DataFrame | None:
    tables = [model.logged for model in models.values() if model.logged is not None and model.outcome is not None]
    fitting = [table for table in tables if all(lever.name in table.columns for lever in levers)]
    return max(fitting, key=len) if fitting else None


def _scenarios(simulator: Any) -> pd.DataFrame | None:
    scenarios: list[dict[str, Any]] = simulator.scenarios
    return pd.DataFrame(scenarios) if scenarios and scenarios[0] else None


def _today(over: Simulator) -> Setting:
    """Lever → (N,) what it is where it does not act, and of those whose value today is one for all."""
    n = len(over.rows)
    told = {
        each.name: np.full(n, each.today, dtype=each.values(2).dtype) for each in over.levers if each.today is not None
    }
    logged = {each.name for each in over.levers if each.only_if and over.knows_today(each.name)}
    return {**told, **{name: over.today_of()[name] for name in logged if name not in told}}


def _any_value(simulator: Simulator, lever: Lever) -> NDArray[Any]:
    """(n,) what a lever stands at: in the rows where these tell it, otherwise its first value."""
    if simulator.knows_today(lever.name):
        return simulator.today()[lever.name]
    values = lever.values(2)
    return np.full(len(simulator.rows), values[0], dtype=values.dtype)
