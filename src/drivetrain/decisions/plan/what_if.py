"""What if a lever were set so? The rest stays as planned.

Legend: n rows, K members.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.levers import Lever, values_for
from drivetrain.decisions.plan.words import share, value_said, with_interval
from drivetrain.decisions.simulator import Simulator
from drivetrain.decisions.worth import Worth, of_members
from drivetrain.errors import DrivetrainError, SettingError, did_you_mean
from drivetrain.settings import refuse, shown
from drivetrain.text import counted, readable

Array = NDArray[np.float64]


@dataclass(frozen=True)
class WhatIf:
    """Levers set by hand, and what they would be worth."""

    levers: Mapping[str, str]
    """Name → value, in words."""
    worth: Worth
    """Of these values, the other levers as planned."""
    over_today: Worth | None
    """None where today's values are not known."""
    under_plan: Worth
    """What the plan is worth more than this."""
    support: Mapping[str, float]
    """Share of rows "inside", "edge" and "outside" of what rows like them were seen with; empty where not known."""
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = ", ".join(f"{readable(name)} = {value}" for name, value in self.levers.items())
        lines = [
            f"With {said}: {with_interval(self.worth)} per row",
            *([f"  {with_interval(self.over_today, sign=True)} against today"] if self.over_today else []),
            f"  {with_interval(Worth(-self.under_plan.value, *_turned(self.under_plan)), sign=True)} against the plan",
        ]
        if self.support:
            parts = ", ".join(f"{share(part)} {word}" for word, part in self.support.items() if part)
            lines.append(f"  seen in rows like these: {parts}")
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "levers": dict(self.levers),
            "worth": self.worth.as_json(),
            "over_today": None if self.over_today is None else self.over_today.as_json(),
            "under_plan": self.under_plan.as_json(),
            "support": dict(self.support),
            "notes": list(self.notes),
        }


def what_if(
    simulator: Simulator, planned: Mapping[str, NDArray[Any]], values: Mapping[str, Any], check: Any = None
) -> WhatIf:
    """Levers at other values than planned.

    Args:
        simulator: Of the plan.
        planned: Name of a lever → (n,) values of the plan.
        values: Name of a lever → one value, or one for each row.
        check: A function (rows, proposed) → `Support`; None: not known.

    Raises:
        SettingError: A name is no lever, or a value is none that the lever can take.
    """
    if not values:
        refuse("what_if", dict(values), "a lever and its value, such as price=450", fix="To fix: name one.")
    levers = {lever.name: lever for lever in simulator.levers}
    n = len(simulator.rows)
    proposed = dict(planned)
    notes: list[str] = []
    for name, value in values.items():
        lever = levers.get(name)
        if lever is None:
            near = did_you_mean(str(name), levers)
            refuse(f"what_if: {shown(name)}", value, f"one of the levers {', '.join(map(shown, levers))}", fix=near)
        proposed[name] = values_for(lever, value, simulator.rows, f"what_if: {readable(lever.name)}")
        if not lever.per_row and len(set(proposed[name].tolist())) > 1:
            refuse(f"what_if: {readable(name)}", "several values", "one value: this lever is one for all rows")
        if _beyond(lever, proposed[name]):
            low, high = (value_said(end) for end in (lever.low, lever.high))
            notes.append(f"{readable(name)} leaves the range that the plan may use, {low} to {high}")

    def valued(values: Array) -> Worth:  # (K, n)
        return of_members(values.mean(axis=1), n, counted(len(values), "member"))

    new, plan = (simulator.at(each) for each in (proposed, dict(planned)))
    try:
        over_today = valued(new - simulator.at(simulator.today()))
    except DrivetrainError:
        over_today = None
    support = {} if check is None else dict(check(simulator.rows, proposed).shares)
    notes.append("limits are not checked, and these values are valued by all members, as nobody chose them by these")
    said = {name: _in_words(value) for name, value in values.items()}
    return WhatIf(said, valued(new), over_today, valued(plan - new), support, tuple(notes))


def _beyond(lever: Lever, values: NDArray[Any]) -> bool:
    if lever.is_choice:
        return False
    low = -np.inf if lever.low is None else lever.low
    high = np.inf if lever.high is None else lever.high
    return bool(((values < low) | (values > high)).any())


def _turned(worth: Worth) -> tuple[float | None, float | None]:
    return (None if worth.high is None else -worth.high), (None if worth.low is None else -worth.low)


def _in_words(value: Any) -> str:
    if isinstance(value, pd.Series | np.ndarray | list | tuple):
        return "one for each row"
    return value_said(value)


def no_simulator() -> SettingError:
    """What is wrong where a plan was loaded without its models."""
    return SettingError(
        "what_if() cannot be answered: this plan was loaded without its models; expected the plan of dt.decide, or "
        "rows and models with the saved one. To fix: dt.load_plan(folder, rows=rows, models=models)."
    )
