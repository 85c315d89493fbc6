"""The phases of a fine-tuning, by epochs or by the time there is."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from drivetrain.errors import SettingError
from drivetrain.progress import say
from drivetrain.runtime.artefact import write_durably
from drivetrain.runtime.decisions import Decision
from drivetrain.training.fast.costs import Costs, measure_costs
from drivetrain.training.fast.starting import Starts
from drivetrain.training.place import Place
from drivetrain.training.recipe import defaults
from drivetrain.training.recipe.budget import EPOCHS_PER_VIEW, FEWEST_VIEWS, BudgetPlan, Used, as_decision, plan_for
from drivetrain.training.recipe.plan import ALL, BATCH, FEATURES, FIXED, HEAD, PICTURES, PLAN, SETTLE, TOP, Phase, Rates
from drivetrain.training.splitting import refuse_split
from drivetrain.training.trainer import Trainer

DISK_SHARE = 0.5
"""Of the free disk, for stored activations."""
MEMORY_ROOM = 2**30
"""Where there is no folder to store them in."""

Planned = tuple[list[Phase], dict[str, Decision]]


@dataclass(frozen=True)
class Recipe:
    """What is decided before the phases are."""

    lr: float
    rates: Rates
    head_epochs: Decision | None
    """As asked; None chooses."""
    unfreeze: float | None
    """Share of the body to train, as asked; None chooses."""
    statistics: str = BATCH
    """Of the body's batch normalisation while it is trained."""

    def of_body(self, name: str, epochs: int, cut: str = PICTURES, views: int = 0) -> Phase:
        """The phase that trains the body above a cut, or all of it."""
        return Phase(name, epochs, False, self.rates, cut, views, statistics=self.statistics, start_div=5.0)


def choose_rates(learner: Trainer, lr: float, statistics: str | None, *, solved: bool = False) -> tuple[Rates, str]:
    """Rates and statistics of a run that trains the body; both decisions are the Learner's."""
    body, pretrained = learner.network.body, learner.pretrained
    chosen = defaults.choose_statistics(statistics, body, pretrained)
    kept = str(chosen.value)
    rates, decision = defaults.choose_rates(lr, body, pretrained, solved=solved, statistics=kept)
    learner.decisions |= {"lr": decision, "statistics": chosen}
    return rates, kept


def rates_of_fit(learner: Trainer, lr: float, statistics: str | None = None) -> tuple[Rates, str]:
    """The same for a run that trains what is not frozen."""
    if not learner.network.body_frozen:
        return choose_rates(learner, lr, statistics)
    learner.decisions["lr"] = Decision(value=lr, reason="the head's; the body is frozen")
    return Rates(lr, 0.0, 0.0), FIXED


def epochs_plan(learner: Trainer, epochs: int, recipe: Recipe) -> Planned:
    """The new head first, then everything, or the share asked for, for some epochs.

    Raises:
        ModelError: A part of the body is to stay frozen, and the body cannot be cut.
        SettingError: No epochs were asked for, and the head is not trained alone.
    """
    head = _head(learner, recipe)
    if epochs == 0:
        return _head_alone(learner, head, recipe)
    if recipe.unfreeze in (None, 1):
        asked = "the default without a budget" if recipe.unfreeze is None else "as asked"
        whole = Decision(value=1.0, reason=f"all of the body is trained: {asked}")
        return _with_head(learner, head, recipe, recipe.of_body(ALL, epochs)), {"head_epochs": head, "unfreeze": whole}
    refuse_split(learner.place, f"unfreeze={recipe.unfreeze:g}", "leave it out; or freeze() and fit() train the head.")
    cuts = Starts(learner.network, learner.kind, learner.feeder, learner.place, None).body.cuts
    cut = min(cuts, key=lambda cut: abs(1 - cut.below - (recipe.unfreeze or 1)))
    views = max(FEWEST_VIEWS, math.ceil(epochs / EPOCHS_PER_VIEW)) if stores(learner) else 0
    rest = recipe.of_body(TOP, epochs, cut.name, views)
    share = Decision(value=round(1 - cut.below, 2), reason=f"{recipe.unfreeze:g} was asked for: cut at {cut.name}")
    return _with_head(learner, head, recipe, rest), {"head_epochs": head, "unfreeze": share}


def _head_alone(learner: Trainer, head: Decision, recipe: Recipe) -> Planned:
    if not head.value:
        raise SettingError(
            f"epochs=0 trains the head alone, and here it is not: {head.reason}. Expected at least 1. To fix: "
            "fine_tune(4), or say head_epochs=."
        )
    alone = Decision(value=0.0, reason="no epochs of the body were asked for: the head alone")
    return _with_head(learner, head, recipe, None), {"head_epochs": head, "unfreeze": alone}


def budget_plan(learner: Trainer, seconds: float, recipe: Recipe, folder: Path | None, used: Used) -> Planned:
    """What the time allows; what it costs here is measured first.

    Args:
        learner: What is trained.
        seconds: The whole budget.
        recipe: What is decided.
        folder: For what is stored.
        used: Seconds of the budget that go elsewhere, by what for.

    Raises:
        SettingError: Not even the head can be trained in this time.
    """
    refuse_split(learner.place, "budget=", "say how many epochs.")
    began = time.monotonic()
    say("measuring what training costs here")
    learner.network.fix_statistics(recipe.statistics == FIXED)
    costs = measure_costs(learner.network, learner.kind, learner.feeder, learner.place, cut=stores(learner))
    if recipe.unfreeze is not None:
        asked = recipe.unfreeze
        costs = replace(costs, ways=(min(costs.ways, key=lambda way: abs(way.trained - asked)),))
    rows, steps, room = len(learner.data.train), learner.feeder.steps, _room(learner, folder)
    judging = len(learner.data.valid) * costs.forward
    spent = {**used, "measuring what training costs": time.monotonic() - began, "judging": judging}
    if (left := learner.place.first(seconds - sum(spent.values()))) <= 0:  # said before time goes into judging, too
        plan_for(left, costs, rows=rows, steps=steps, validation=judging, room_bytes=room, used=spent)
    if len(learner.data.valid):
        learner.predictions()
    validation = learner.judging_seconds
    if len(learner.data.valid) and learner.judges_twice:
        before = time.monotonic()
        learner.quick_predictions()
        validation = time.monotonic() - before
    head = _head(learner, recipe)
    # The features that a solved head needs are of rows as they are judged.
    if solves_head(learner, recipe.head_epochs) and len(learner.data.valid):
        costs = replace(costs, forward=max(costs.forward, validation / len(learner.data.valid)))
    last = learner.judging_seconds if len(learner.data.valid) and learner.judges_twice else 0.0
    judging = validation * int(head.value or 0) + last
    if solves_head(learner, recipe.head_epochs):  # and once more at the end
        judging += len(learner.data.train) * costs.forward + validation
    used = {**used, "measuring what training costs": time.monotonic() - began, "judging": judging}
    left = seconds - sum(used.values())
    costs, left, validation = _agree(learner.place, costs, left, validation)
    plan = plan_for(left, costs, rows=rows, steps=steps, validation=validation, room_bytes=room, used=used)
    decisions = {"head_epochs": head, "unfreeze": as_decision(plan)}
    return _with_head(learner, head, recipe, _body_phase(plan, recipe)), decisions


def _agree(place: Place, costs: Costs, left: float, validation: float) -> tuple[Costs, float, float]:
    """The same numbers in all processes, so that all make the same plan."""
    ways = tuple(replace(way, store=place.first(way.store), step=place.first(way.step)) for way in costs.ways)
    return Costs(place.first(costs.forward), ways), place.first(left), place.first(validation)


def _body_phase(plan: BudgetPlan, recipe: Recipe) -> Phase | None:
    if plan.way is None:
        return None
    if plan.way.cut is None:
        return recipe.of_body(ALL, plan.epochs)
    return recipe.of_body(TOP, plan.epochs, plan.way.cut.name, plan.views)


def _head(learner: Trainer, recipe: Recipe) -> Decision:
    solved = solves_head(learner, recipe.head_epochs)
    return recipe.head_epochs or defaults.choose_head_epochs(learner.feeder.steps, learner.pretrained, solved=solved)


def solves_head(learner: Trainer, head_epochs: Decision | None) -> bool:
    """Whether the head's weights are solved for: where nothing was asked, on features that are stored."""
    asked = head_epochs is None and learner.pretrained and learner.network.solvable
    return asked and stores(learner) and learner.loss.built_in


def _with_head(learner: Trainer, head: Decision, recipe: Recipe, rest: Phase | None) -> list[Phase]:
    start, views = (FEATURES, 1) if stores(learner) else (PICTURES, 0)
    rates, solved = Rates(recipe.lr, 0.0, 0.0), solves_head(learner, recipe.head_epochs)
    first = Phase(HEAD, int(head.value or 0), True, rates, start, views, solved)
    last = Phase(SETTLE, int(solved and rest is not None), True, rates, start, views, solved)
    return [phase for phase in (first, rest, last) if phase is not None and phase.epochs > 0]


def stores(learner: Trainer) -> bool:
    """Whether activations can take the place of pictures: in one process, and where pictures are not blended."""
    return learner.store_activations and learner.place.world == 1 and learner.mix is None


def _room(learner: Trainer, folder: Path | None) -> int:
    if not stores(learner):
        return 0
    if folder is None:
        return MEMORY_ROOM
    place = next(parent for parent in folder.absolute().parents if parent.exists())
    return int(shutil.disk_usage(place).free * DISK_SHARE)


def keep_plan(folder: Path | None, place: Place, make: Callable[[], Planned]) -> Planned:
    """The plan of a run that was stopped, or a new one, kept beside the checkpoints.

    Measured again, it would come out otherwise. All processes take the same of the two ways.
    """
    file = None if folder is None else folder / PLAN
    if file is not None and place.first(file.is_file()):
        return _read_plan(file)
    phases, decisions = make()
    if file is not None and place.main:
        plan = {
            "phases": [asdict(phase) for phase in phases],
            "decisions": {name: decision.model_dump() for name, decision in decisions.items()},
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        write_durably(file, json.dumps(plan, indent=1).encode())
    return phases, decisions


def _read_plan(file: Path) -> Planned:
    plan: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    phases = [Phase(rates=Rates(**phase.pop("rates")), **phase) for phase in plan["phases"]]
    return phases, {name: Decision.model_validate(value) for name, value in plan["decisions"].items()}
