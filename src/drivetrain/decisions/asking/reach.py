"""Does a lever reach the objective? One that changes nothing is a mistake in a name more often than a fact."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.simulator import Simulator
from drivetrain.errors import SettingError, first_few
from drivetrain.settings import shown
from drivetrain.text import readable

ROWS = 100
"""On which it is tried."""
VALUES = 7
"""Of the lever."""
BESIDE = 6
"""Settings of the other levers."""


def some_rows(n: int, seed: int) -> NDArray[np.int64]:
    """Positions of rows on which levers are tried."""
    return np.sort(np.random.default_rng(seed).choice(n, min(n, ROWS), replace=False))


def check_reach(simulator: Simulator, *, seed: int = 0) -> None:
    """Try each lever beside some settings of the others, on all rows of a simulator of `some_rows`.

    Raises:
        SettingError: A lever changes nothing, whatever the others are.
    """
    for lever in simulator.levers:
        actions = _tries(simulator.levers, lever, seed)
        values = np.concatenate(
            [part for _, _, (part,) in simulator.over(actions, quantities=[simulator.objective.call])], axis=1
        )  # without the cost of moving
        apart = values.reshape(*values.shape[:2], -1, len(lever.values(VALUES)))
        if not (apart != apart[..., :1]).any():
            raise SettingError(_said(simulator, lever))


def _tries(levers: tuple[Lever, ...], lever: Lever, seed: int) -> dict[str, NDArray[Any]]:
    """Each value of a lever beside each of some settings of the others, at which it acts."""
    random = np.random.default_rng(seed)
    values = lever.values(VALUES)
    result: dict[str, NDArray[Any]] = {lever.name: np.tile(values, BESIDE)}
    wanted = _wanted(levers, lever)
    for other in levers:
        if other is lever:
            continue
        drawn = random.choice(other.values(VALUES), BESIDE)
        if other.name in wanted:
            drawn = np.full(BESIDE, wanted[other.name], dtype=drawn.dtype)
        result[other.name] = np.repeat(drawn, len(values))
    return result


def _wanted(levers: tuple[Lever, ...], lever: Lever) -> dict[str, Any]:
    """What others must be for a lever to act, and those for theirs."""
    by_name = {each.name: each for each in levers}
    result: dict[str, Any] = {}
    for name, values in (lever.only_if or {}).items():
        result[name] = values[0]
        result.update(_wanted(levers, by_name[name]))
    return result


def _said(simulator: Simulator, lever: Lever) -> str:
    readers = [name for name, model in simulator.models.items() if lever.name in model.columns]
    others = sorted({column for model in simulator.models.values() for column in model.columns})
    why = (
        f"the model {first_few(map(readable, readers))} reads it, but has learned no effect"
        if readers
        else f"no model reads a column of that name (they read {first_few(map(readable, others)) or 'none'})"
    )
    return (
        f"the lever {shown(lever.name)} does not reach the objective: whatever its value, the objective is the same; "
        f"{why}, and the objective does not use levers[{lever.name!r}]. Expected a lever that changes something. To "
        "fix: name it as the models' column is called, use it in the objective, or leave it out."
    )
