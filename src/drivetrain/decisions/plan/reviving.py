"""A saved plan's simulator, made again from rows and models that are handed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from drivetrain.decisions.levers import Lever
from drivetrain.decisions.models.adapting import as_ensemble
from drivetrain.decisions.objective import Objective, as_objective
from drivetrain.decisions.simulator import Simulator
from drivetrain.errors import SettingError
from drivetrain.settings import instance, refuse
from drivetrain.text import readable


def revived(
    table: pd.DataFrame,
    levers: tuple[Lever, ...],
    kept: Objective,
    *,
    rows: Any,
    models: Any,
    objective: Any,
    scenarios: Any,
) -> tuple[Simulator, Objective]:
    """The simulator, and the objective with its function.

    Raises:
        SettingError: Rows or models are missing or not those of the plan, or the objective is another.
    """
    if rows is None or models is None:
        missing = "rows" if rows is None else "models"
        refuse(missing, None, "rows and models together", fix=f"To fix: pass {missing}=, too.")
    frame = instance("rows", rows, pd.DataFrame, "the DataFrame that the plan is for")
    if not frame.index.equals(table.index):
        raise SettingError(
            f"rows={len(frame):,} rows cannot be used: expected the {len(table):,} rows of the plan, with their index. "
            "To fix: pass the rows that dt.decide was given."
        )
    same = _same(kept, objective)
    given = instance("models", models, Mapping, "the models by the names that the objective calls them")
    members = {name: as_ensemble(name, model) for name, model in given.items()}
    return Simulator(same, frame, levers, members, scenarios=scenarios), same


def _same(kept: Objective, given: Any) -> Objective:
    if given is None:
        return kept  # of text it is whole; of a function it says itself that it is missing
    found = as_objective(given)
    if found.sha256 != kept.sha256:
        raise SettingError(
            f"objective={readable(found.name)} cannot be used: it is not the one of the plan, {readable(kept.name)} "
            f"({kept.sha256[:12]}), but {found.sha256[:12]}; expected the same source. To fix: pass the function as it "
            "was, or make the plan anew."
        )
    return found
