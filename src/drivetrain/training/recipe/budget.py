"""A plan for the time that is given: how much of the body to train, on how many views, for how many epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from drivetrain.errors import SettingError
from drivetrain.runtime.decisions import Decision
from drivetrain.training.fast.costs import Costs, Way
from drivetrain.training.recipe.plan import MOST_EPOCHS

ENOUGH_STEPS = 450
"""More of the body is trained only where about this many steps of it fit: fewer leave it half way to the new task."""
FEWEST_EPOCHS, ENOUGH_EPOCHS = 3, 20
"""Of many rows and of few, that many epochs are enough whatever the steps."""
EPOCHS_PER_VIEW = 2
"""Each stored view is seen about this often."""
MOST_VIEWS = 12
FEWEST_VIEWS = 2
RESERVE = 0.06
"""Share of the time kept back for what was not measured."""
HEAD_PASSES = 3
MARGIN = 1.1
"""Of the least time that is told: another run takes a little longer or shorter."""
SAID_S = 0.05


@dataclass(frozen=True)
class BudgetPlan:
    """What fits into the time."""

    way: Way | None
    """None trains the head alone."""
    epochs: int
    views: int
    reason: str


Used = Mapping[str, float]
"""What seconds of a budget are for that no plan has: such as "loading the body" → 3.2."""


def plan_for(
    seconds: float,
    costs: Costs,
    *,
    rows: int,
    steps: int,
    validation: float,
    room_bytes: int,
    used: Used = MappingProxyType({}),
) -> BudgetPlan:
    """Choose a way to train.

    The most of the body that can be trained for `ENOUGH_STEPS`; where not even the smallest part can, the one with
    the most epochs.

    Args:
        seconds: What is left; below 0 where more is gone than there was.
        costs: As measured.
        rows: Of the training set.
        steps: Of the optimiser, in an epoch.
        validation: Seconds of judging the validation set once.
        room_bytes: What may be stored.
        used: Where the rest of the budget goes.

    Raises:
        SettingError: Not even the head can be trained in this time.
    """
    usable = seconds * (1 - RESERVE) - rows * costs.forward - validation
    if usable <= 0:
        raise _too_short(seconds, (rows * costs.forward + 2 * validation) / (1 - RESERVE), rows, used)
    plans = [_plan(way, usable, rows, validation, room_bytes) for way in costs.ways]
    fitting = [plan for plan in plans if plan.epochs >= 1]
    if not fitting:
        return BudgetPlan(None, 0, 1, f"in {seconds:.0f} s not one epoch of any part of the body fits: the head alone")
    wanted = min(ENOUGH_EPOCHS, max(FEWEST_EPOCHS, math.ceil(ENOUGH_STEPS / steps)))
    enough = [plan for plan in fitting if plan.epochs >= wanted]
    return enough[0] if enough else max(fitting, key=lambda plan: plan.epochs)


def _too_short(left: float, needed: float, rows: int, used: Used) -> SettingError:
    """Where the time goes, and how much would do."""
    gone = sum(used.values())
    parts = sorted(((took, what) for what, took in used.items() if took >= SAID_S), reverse=True)
    where = f"{', '.join(f'{_seconds(took)} go to {what}' for took, what in parts)}, and " if parts else ""
    least = math.ceil(MARGIN * (gone + needed))
    return SettingError(
        f"a budget of {_seconds(gone + left)} is too short: {where}reading {rows} rows once takes about "
        f"{_seconds(needed)} here. Expected at least {least} s, for the head alone. "
        f"To fix: budget='{least}s' or more, a smaller size, or fewer rows."
    )


def _seconds(value: float) -> str:
    return f"{value:,.0f} s" if value >= 10 else f"{value:.1f} s"


def _plan(way: Way, usable: float, rows: int, validation: float, room_bytes: int) -> BudgetPlan:
    epoch = rows * way.step + validation
    if way.cut is None:
        epochs = min(MOST_EPOCHS, int(usable / epoch))
        return BudgetPlan(way, epochs, 0, f"there is time for {epochs} epochs of all layers")
    most = min(MOST_VIEWS, room_bytes // max(1, way.row_bytes * rows))
    epochs = int(usable / (epoch + rows * way.store / EPOCHS_PER_VIEW))
    views = max(FEWEST_VIEWS, round(epochs / EPOCHS_PER_VIEW))
    if most < FEWEST_VIEWS:
        return BudgetPlan(way, 0, 0, "no room to store activations")
    views = min(views, most)
    epochs = min(MOST_EPOCHS, int((usable - views * rows * way.store) / epoch))
    reason = (
        f"the first {way.cut.below:.0%} of the body (by its work) stay as pretrained, computed once for {views} views "
        f"of each row; so {epochs} epochs of the rest fit"
    )
    return BudgetPlan(way, epochs, views, reason)


def as_decision(plan: BudgetPlan) -> Decision:
    """How much of the body is trained, and why."""
    share = 0.0 if plan.way is None else plan.way.trained
    return Decision(value=round(share, 2), reason=plan.reason)
