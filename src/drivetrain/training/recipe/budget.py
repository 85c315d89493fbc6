"""A plan for the time that is given: how much of the body to train, on how many views, for how many epochs."""

from __future__ import annotations

import math
from dataclasses import dataclass

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


@dataclass(frozen=True)
class BudgetPlan:
    """What fits into the time."""

    way: Way | None
    """None trains the head alone."""
    epochs: int
    views: int
    reason: str


def plan_for(seconds: float, costs: Costs, *, rows: int, steps: int, validation: float, room_bytes: int) -> BudgetPlan:
    """Choose a way to train.

    The most of the body that can be trained for `ENOUGH_STEPS`; where not even the smallest part can, the one with
    the most epochs.

    Args:
        seconds: What is left.
        costs: As measured.
        rows: Of the training set.
        steps: Of the optimiser, in an epoch.
        validation: Seconds of judging the validation set once.
        room_bytes: What may be stored.

    Raises:
        SettingError: Not even the head can be trained in this time.
    """
    usable = seconds * (1 - RESERVE) - rows * costs.forward - validation
    if usable <= 0:
        needed = (rows * costs.forward + 2 * validation) / (1 - RESERVE)
        raise SettingError(
            f"the time that is left ({seconds:.0f} s) is too short: reading {rows} rows once takes about "
            f"{needed:.0f} s here. To fix: a longer budget, a smaller size, or fewer rows."
        )
    plans = [_plan(way, usable, rows, validation, room_bytes) for way in costs.ways]
    fitting = [plan for plan in plans if plan.epochs >= 1]
    if not fitting:
        return BudgetPlan(None, 0, 1, f"in {seconds:.0f} s not one epoch of any part of the body fits: the head alone")
    wanted = min(ENOUGH_EPOCHS, max(FEWEST_EPOCHS, math.ceil(ENOUGH_STEPS / steps)))
    enough = [plan for plan in fitting if plan.epochs >= wanted]
    return enough[0] if enough else max(fitting, key=lambda plan: plan.epochs)


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
