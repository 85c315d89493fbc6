"""The plan as a policy on the logged rows, beside what was done there, a prediction plus a fifth, and others.

Legend: n rows of the plan, N logged rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.asking.rules import AS_LOGGED, PLAN, Rule
from drivetrain.decisions.constraints import checked_constraints
from drivetrain.decisions.levers import Lever
from drivetrain.decisions.models.ensemble import Ensemble
from drivetrain.decisions.objective import as_objective
from drivetrain.decisions.optimise.choosing import Chooser, Setting
from drivetrain.decisions.optimise.limits import read_limits
from drivetrain.decisions.plan.parts import Proof
from drivetrain.decisions.proof.support import Seen
from drivetrain.decisions.proof.valuing import value_policies
from drivetrain.decisions.simulator import Simulator
from drivetrain.errors import DrivetrainError
from drivetrain.text import readable

FIFTH = 1.2
"""Prediction plus 20 %: what is usually done without a plan."""


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
            fine=all(lever.per_row for lever in levers),  # all logged rows are asked about each setting of others
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
            found[f"{readable(name)} + 20 %"] = Rule({}, {lever.name: call})
    return found if len(found) == 1 else {}


def _times(name: str) -> Any:
    def fifth_more(rows: pd.DataFrame, levers: Any, predict: Mapping[str, NDArray[np.float64]]) -> Any:
        return FIFTH * predict[name]

    return fifth_more


def _logged(models: Mapping[str, Ensemble], levers: Sequence[Lever]) -> pd.DataFrame | None:
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
