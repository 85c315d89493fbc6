"""What would be set without a plan: values, or expressions of rows and predictions.

Legend: n rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.levers import Lever, values_for
from drivetrain.decisions.objective import Quantity, as_objective
from drivetrain.decisions.simulator import Simulator
from drivetrain.errors import SettingError, did_you_mean, first_few
from drivetrain.settings import refuse, shown
from drivetrain.text import readable

AS_LOGGED, PLAN = "as logged", "the plan"
Setting = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Rule:
    """Values of levers, and expressions of others."""

    told: Mapping[str, NDArray[Any]]
    """Lever → (n,) values, or (1,) of one for all."""
    computed: Mapping[str, Quantity]

    def choose(self, simulator: Simulator, members: Sequence[int] | None) -> Setting:
        """Lever → (n,) values by these members; what is computed is brought to what the lever may be set to."""
        n = len(simulator.rows)
        result = {name: values if len(values) == n else np.repeat(values, n) for name, values in self.told.items()}
        for lever in simulator.levers:
            if lever.name in self.computed:
                stay = {each.name: _any_value(simulator, each) for each in simulator.levers}
                said = simulator.at(stay, members=members, quantity=self.computed[lever.name])
                result[lever.name] = lever.onto_step(said.mean(axis=0))
        return result


def read_rule(setting: str, rule: Any, levers: Sequence[Lever], rows: pd.DataFrame | None = None) -> Rule:
    """Lever → a value for all rows, or for each where there are rows; or an expression for a number.

    Raises:
        SettingError: It names no lever, or a value that a lever cannot have.
    """
    if not isinstance(rule, Mapping) or not rule:
        refuse(setting, rule, 'a value or an expression for a lever, such as {"price": "1.2 * claims"}')
    by_name = {lever.name: lever for lever in levers}
    told: Setting = {}
    computed: dict[str, Quantity] = {}
    for name, value in cast("Mapping[Any, Any]", rule).items():
        if name not in by_name:
            near = did_you_mean(str(name), by_name)
            raise SettingError(
                f"{setting} has a value of {shown(name)}, which is no lever.{near} Expected among "
                f"{first_few(map(readable, by_name))}. To fix: name one of them."
            )
        lever, where = by_name[name], f"{setting}[{name!r}]"
        if not lever.is_choice and (isinstance(value, str) or callable(value)):
            computed[name] = as_objective(value, setting=where).call
        else:
            told[name] = values_for(lever, value, pd.DataFrame(index=range(1)) if rows is None else rows, where)
    return Rule(told, computed)


def read_policies(policies: Any, levers: Sequence[Lever]) -> dict[str, Rule]:
    """Name → rule, as people write them: ``{"claims + 20 %": {"price": "1.2 * claims"}}``.

    Raises:
        SettingError: One is none, or names what is no lever.
    """
    if policies is None:
        return {}
    if not isinstance(policies, Mapping):
        refuse("policies", policies, 'rules by name, such as {"claims + 20 %": {"price": "1.2 * claims"}}')
    result: dict[str, Rule] = {}
    for name, rule in cast("Mapping[Any, Any]", policies).items():
        if not isinstance(name, str) or not name.strip() or name in (AS_LOGGED, PLAN):
            refuse("policies", name, f"names that are text, other than {AS_LOGGED!r} and {PLAN!r}")
        result[name] = read_rule(f"policies[{shown(name)}]", rule, levers)
    return result


def _any_value(simulator: Simulator, lever: Lever) -> NDArray[Any]:
    """(n,) what a lever stands at: in the rows where these tell it, otherwise its first value."""
    if simulator.knows_today(lever.name):
        return simulator.today()[lever.name]
    values = lever.values(2)
    return np.full(len(simulator.rows), values[0], dtype=values.dtype)
