"""What a plan says about itself: curves around it, and what speaks against trusting it.

Legend: n rows, P places (members × scenarios), V values of a lever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.decisions.levers import Lever, acts
from drivetrain.decisions.models.ensemble import Ensemble
from drivetrain.decisions.models.table import is_number
from drivetrain.decisions.optimise.choosing import Chooser
from drivetrain.decisions.optimise.problem import Array
from drivetrain.decisions.optimise.risk import Risk
from drivetrain.decisions.plan.parts import CurvePart, Promise
from drivetrain.decisions.simulation.curves import curve_part
from drivetrain.errors import DataError, first_few
from drivetrain.pages.words import count_rows
from drivetrain.settings import shown
from drivetrain.text import readable

ROWS = 2_000
"""On which curves are drawn."""
VALUES = 21
MANY_AT_BORDER = 0.3
"""Share of rows at an end of the range from which the range is the answer."""


def curves(chooser: Chooser, chosen: Mapping[str, NDArray[Any]]) -> tuple[CurvePart, ...]:
    """The objective against each lever, all others as planned: mean per row, by members."""
    simulator = chooser.simulator
    n = len(simulator.rows)
    rows = np.sort(np.random.default_rng(chooser.seed).choice(n, min(n, ROWS), replace=False))
    planned = {name: values[rows] for name, values in chosen.items()}
    return tuple(_curve(chooser, lever, rows, planned) for lever in simulator.levers)


def _curve(chooser: Chooser, lever: Lever, rows: NDArray[np.int64], planned: Mapping[str, NDArray[Any]]) -> CurvePart:
    values = lever.values(VALUES)
    means: list[Array] = []
    for value in values:
        put = {**planned, lever.name: np.full(len(rows), value, dtype=values.dtype)}
        means.append(chooser.simulator.at(put, rows=rows).mean(axis=1))
    return curve_part(lever, values, np.stack(means, axis=1), chooser.known.get(lever.name))


def at_border(levers: Sequence[Lever], chosen: Mapping[str, NDArray[Any]]) -> list[str]:
    """What to say of numbers that stand at an end of their range in many rows."""
    said: list[str] = []
    for lever in levers:
        if lever.is_choice:
            continue
        acting = acts(lever, chosen)
        if not acting.any():
            continue
        values = chosen[lever.name][acting].astype(np.float64)
        low, high = lever.ends
        last = float(lever.onto_step(np.array([high]))[0])
        for end, word in ((low, "smallest"), (last, "largest")):
            share = float(np.isclose(values, end).mean())
            if share >= MANY_AT_BORDER:
                said.append(
                    f"{share:.0%} of rows get the {word} {readable(lever.name)} that is allowed, {end:g}: the range "
                    "decides, not the models. To fix: widen it where that is meant, and collect rows there."
                )
    return said


def stuck(levers: Sequence[Lever], chosen: Mapping[str, NDArray[Any]]) -> list[str]:
    """What to say of rows that stay at a value which the lever may not have, as none that it may have was seen.

    Raises:
        DataError: No row has another choice.
    """
    said: list[str] = []
    for lever in levers:
        acting = acts(lever, chosen)
        share = float((acting & ~lever.may_take(chosen[lever.name])).mean())
        if not share:
            continue
        among = "its options" if lever.is_choice else f"values from {lever.ends[0]:g} to {lever.ends[1]:g}"
        why = f"rows like them were seen with none of {among}"
        if share == 1:
            raise DataError(
                f"no row can be given a {shown(lever.name)}: {why}; expected values with support in the logged rows. "
                "To fix: choose a range that was tried, collect rows in which chance sets others (dt.experiment), or "
                "pass extrapolate=True."
            )
        said.append(
            f"{share:.1%} of rows keep a {readable(lever.name)} that it may not have, as {why}. To fix: collect rows "
            "(dt.experiment), or pass extrapolate=True."
        )
    return said


def about_members(models: Mapping[str, Ensemble]) -> list[str]:
    """What to say where no model tells what its members learned from; of some models the simulator says it."""
    several = {name: model for name, model in models.items() if len(model.halves) > 1}
    if not several or any((model.halves >= 0).all() for model in several.values()):
        return []
    return [
        f"nobody knows which rows the members of {first_few(map(readable, several))} learned from: the promise is not "
        "cross-fitted, and may be too high. To fix: fit them with dt.Ensemble.fit."
    ]


def about_loss(risk: Risk, promise: Promise) -> list[str]:
    """What to say where the members that did not choose a plan lose more often than those that chose it may."""
    loss = promise.chance_of_loss
    if risk.kind != "loss" or loss is None or loss <= risk.share:
        return []
    return [
        f"at most {risk.share:.0%} of the members that chose the plan may find it worth less than the baseline; of "
        f"those that did not choose it {loss:.0%} do. To fix: ask for a smaller chance, or log more rows."
    ]


def about_cells(models: Mapping[str, Ensemble], levers: Sequence[Lever], rows: pd.DataFrame) -> list[str]:
    """What to say of empty cells, and of categories, that no row had from which the models learned."""
    own = {lever.name for lever in levers}
    empty: dict[str, int] = {}
    strange: dict[str, int] = {}
    for model in models.values():
        for name in model.columns:
            if model.logged is None or name in own or not {name} <= set(rows.columns) & set(model.logged.columns):
                continue
            cells, learned = rows[name], model.logged[name]
            if learned.notna().all() and cells.isna().any():
                empty[name] = int(cells.isna().sum())
            if not is_number(learned) and not is_number(cells):
                known = learned.astype(str).unique()
                strange[name] = int((cells.notna() & ~cells.astype(str).isin(known)).sum())
    why = "what is said of them is a guess. To fix: {}, or collect such rows."
    said = [
        f"{count_rows(n)} of {len(rows):,} without {shown(name)}, which no logged row lacked: "
        + why.format("fill the cells")
        for name, n in empty.items()
    ]
    return said + [
        f"{count_rows(n)} of {len(rows):,} with a {shown(name)} that no logged row had: " + why.format("correct it")
        for name, n in strange.items()
        if n
    ]


def about_support(shares: Mapping[str, float], *, extrapolate: bool, checked: bool) -> list[str]:
    """What to say of values that rows like these were not seen with."""
    if not checked:
        return [
            "support was not checked, as no logged rows are known: the plan may propose what nobody has seen. To fix: "
            "pass logged=, or models that were fitted by dt.Ensemble.fit."
        ]
    outside = shares.get("outside", 0.0)
    if not outside:
        return []
    if extrapolate:
        return [f"{outside:.1%} of rows get values that rows like them were not seen with, as extrapolate=True allows."]
    return [
        f"{outside:.1%} of rows are like none that were logged at the values they have: they stay outside of what was "
        "seen, and what is said of them is a guess."
    ]
