"""Which members go together: member k of one model with member k of another.

Legend: K members.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.models.ensemble import Ensemble
from drivetrain.errors import DataError, SettingError, first_few
from drivetrain.settings import refuse
from drivetrain.text import agreeing, counted, readable


@dataclass(frozen=True)
class Pairs:
    """How the models go together."""

    members: int
    """K."""
    halves: NDArray[np.int64]
    """(K,) half that all members of a place learned from, of the models that tell; −1 where they differ, or none
    tells."""
    warnings: tuple[str, ...]


def paired(models: Mapping[str, Ensemble]) -> Pairs:
    """As many members as the smallest model of several has; a model of one member goes with each.

    Without a model there is one place: the objective is known.
    """
    sizes = {name: len(model.halves) for name, model in models.items()}
    several = {name: size for name, size in sizes.items() if size > 1}
    said: list[str] = []
    count = min(several.values(), default=1)
    if len(set(several.values())) > 1:
        listed = ", ".join(f"{readable(name)} {size}" for name, size in several.items())
        said.append(
            f"the models have different numbers of members ({listed}): the first {count} of each are used. To fix: fit "
            "all with one n=."
        )
    single = [name for name, size in sizes.items() if size == 1]
    if single:
        said.append(
            f"{first_few(map(readable, single))} has one member: its uncertainty is unknown, is in no interval, and "
            "its errors choose and value alike. To fix: fit it with dt.Ensemble.fit."
        )
    halves = np.full(count, -1, dtype=np.int64)
    told = [name for name in several if (models[name].halves[:count] >= 0).all()]
    if told:
        if _alike(models, told, count):
            halves = models[told[0]].halves[:count].astype(np.int64)
        else:
            said.append(
                f"{first_few(map(readable, told))} were not fitted on the same rows with one seed: what one half has "
                "not seen, another model's has, and a promise cannot be cross-fitted. To fix: fit them on one table "
                "with one seed= and one group=."
            )
    unknown = [name for name in several if name not in told]
    if unknown and told:
        said.append(
            f"nobody knows which rows the members of {first_few(map(readable, unknown))} learned from: their errors "
            "choose and value alike. To fix: fit them with dt.Ensemble.fit."
        )
    return Pairs(count, halves, tuple(said))


def _alike(models: Mapping[str, Ensemble], names: list[str], count: int) -> bool:
    """Whether the halves of members, and of logged rows, are the same in all models."""
    first = models[names[0]]
    for name in names[1:]:
        other = models[name]
        if not np.array_equal(first.halves[:count], other.halves[:count]):
            return False
        mine, others = first.half_of_row, other.half_of_row
        if (mine is None) != (others is None) or (mine is not None and not np.array_equal(mine, others)):  # pyright: ignore[reportArgumentType]
            return False
    return True


def scenarios_of(given: Any, models: Mapping[str, Ensemble]) -> list[dict[str, Any]]:
    """Named values of each scenario; one without any where none are given.

    Raises:
        DataError: There is no scenario, or a value is missing.
        SettingError: It is no table, or a name is a model's too.
    """
    if given is None:
        return [{}]
    if isinstance(given, Mapping):
        try:
            given = pd.DataFrame(given)
        except ValueError:
            refuse("scenarios", given, "a table: a column for each named value, a scenario a row")
    if not isinstance(given, pd.DataFrame):
        refuse("scenarios", given, "a table: a column for each named value, a scenario a row")
    names = [str(name) for name in given.columns]
    both = [name for name in names if name in models]
    if both:
        raise SettingError(
            f"{first_few(map(readable, both))} is the name of a scenario's value and of a model; expected different "
            "names. To fix: rename the column of scenarios."
        )
    if not len(given) or not names or given.isna().to_numpy().any():
        raise DataError(
            f"scenarios has {counted(len(given), 'row')} and {counted(len(names), 'column')}, "
            f"{agreeing(int(given.isna().to_numpy().sum()), 'cells', 'are')} empty; expected at least one row, and a "
            "value in each. To fix: fill it, or leave scenarios out."
        )
    return [dict(zip(names, row, strict=True)) for row in given.itertuples(index=False, name=None)]
