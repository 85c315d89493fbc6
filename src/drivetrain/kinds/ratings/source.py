"""Ratings as the source of rows: one row for each pair of user and item."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from drivetrain.data.check import Checked, check_cells
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells
from drivetrain.data.listing import Listed, SourceSpec
from drivetrain.data.sources import Source
from drivetrain.kinds.ratings.ids import coded
from drivetrain.kinds.ratings.listing import EVENT, Roles, list_ratings
from drivetrain.runtime.targets import NumberTarget, Target, TargetValue

noun = "ratings"


def check(
    inputs: Cells,
    /,
    *,
    user: str = "",
    item: str = "",
    rating: str | None = None,
    time: str | None = None,
    weight: str | None = None,
    scale: Sequence[float] | None = None,
) -> list[Checked]:
    """The digest of each row; what is wrong with a row was found when it was listed."""
    del user, item, rating, time, weight, scale  # who is who does not change what is in the cells
    return check_cells(inputs)


def reread(source: Source, spec: SourceSpec, *, with_parts: bool) -> Listed:
    """The rows of a source as those that a model was made from were read."""
    said = spec.options
    split = spec.split if with_parts else None
    roles = Roles(said["user"], said["item"], said.get("rating"), said.get("time"), said.get("weight"), split)
    return list_ratings(source, roles, {"scale": said["scale"]} if "scale" in said else {}, tell=False)


def fit_target(names: Sequence[str], values: Sequence[TargetValue]) -> Target | None:
    """Of events, that they happened; of ratings none of its own."""
    if tuple(names) == (EVENT,) and all(value == (1.0,) for value in values):
        return NumberTarget(names=(EVENT,), mean=(0.0,), std=(1.0,))
    return None


def groupings() -> Mapping[str, Callable[[Examples], Sequence[str]]]:
    """The user and the item of each row: whole users, or whole items, are held out by them."""
    return {"user": _by("user"), "item": _by("item")}


def _by(role: str) -> Callable[[Examples], Sequence[str]]:
    def told(rows: Examples) -> Sequence[str]:
        cells = cast(Cells, rows.inputs).columns[rows.options[role]]
        names, at = coded(cells)
        return [names[one] or "" for one in at.tolist()]

    return told
