"""`drivetrain slope`: what a slope says, and what it does not."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from drivetrain.cli.checked import number_of, path_of, text_path_of, whole_of
from drivetrain.cli.results import AsJson, answers, as_json


class FamilyName(StrEnum):
    """Values of --family."""

    AUTO = "auto"
    LINEAR = "linear"
    LOGISTIC = "logistic"
    POISSON = "poisson"


class ErrorsName(StrEnum):
    """Values of --errors."""

    AUTO = "auto"
    CLASSICAL = "classical"
    HC3 = "HC3"
    CR1 = "CR1"
    CR2 = "CR2"


class MissingName(StrEnum):
    """Values of --missing."""

    DROP = "drop"
    IMPUTE = "impute"


def slope(
    table: Annotated[str, typer.Argument(help="CSV or Parquet file.", metavar="TABLE", parser=text_path_of("TABLE"))],
    *,
    outcome: Annotated[str, typer.Option(help="Column that is explained, or a function of one: log:price.")],
    of: Annotated[str, typer.Option(help="Column whose slope is wanted, or a function of one.")],
    controls: Annotated[
        str | None, typer.Option(help="Columns held fixed, with commas between, or functions of them: rh,log:gdp.")
    ] = None,
    cluster: Annotated[str | None, typer.Option(help="Column whose equal values belong together.")] = None,
    within: Annotated[str | None, typer.Option(help="Column whose values each get a level of their own.")] = None,
    weights: Annotated[str | None, typer.Option(help="Column of precisions, such as 1/variance.")] = None,
    family: Annotated[FamilyName, typer.Option(help="Kind of regression.")] = FamilyName.AUTO,
    claim: Annotated[
        float | None,
        typer.Option(help="A slope that somebody claims: is it excluded?", parser=number_of("claim"), metavar="NUMBER"),
    ] = None,
    smallest_effect_of_interest: Annotated[
        float | None,
        typer.Option(
            help="Slopes closer to zero do not matter; left out, the claim stands for it.",
            parser=number_of("smallest_effect_of_interest", above=0),
            metavar="NUMBER",
        ),
    ] = None,
    prior: Annotated[
        str | None, typer.Option(help="What was believed before: mean and sd of the slope, such as -0.02,0.01.")
    ] = None,
    level: Annotated[
        float, typer.Option(help="Of the intervals.", parser=number_of("level", above=0.5, below=1), metavar="NUMBER")
    ] = 0.95,
    errors: Annotated[ErrorsName, typer.Option(help="Kind of standard error.")] = ErrorsName.AUTO,
    missing: Annotated[MissingName, typer.Option(help="What becomes of rows with empty cells.")] = MissingName.DROP,
    note: Annotated[str, typer.Option(help="What the data are, and are not; shown on the page.")] = "",
    simulations: Annotated[
        int,
        typer.Option(help="Draws of each simulation; 0: none.", parser=whole_of("simulations", least=0), metavar="N"),
    ] = 1000,
    seed: Annotated[int, typer.Option(help="Of all draws.", parser=whole_of("seed", least=0), metavar="N")] = 0,
    html: Annotated[
        Path | None, typer.Option("--html", help="Also write the page.", parser=path_of("html"), metavar="FILE")
    ] = None,
    json: AsJson = False,
) -> None:
    """Say what the slope of one variable means, how sure it is, and what else it depends on.

    One regression and the questions around it: chance, equivalence, power, controls, hidden confounders, other sensible
    choices, beliefs before and after.
    """
    from drivetrain import slope_report  # noqa: PLC0415 - brings pandas and scipy
    from drivetrain.runtime.files.places import PAGES, file_to_write  # noqa: PLC0415

    with answers() as answer:
        if html is not None:
            file_to_write(html, "--html", over=PAGES)
        found = slope_report(
            table,
            outcome,
            of,
            controls=[] if controls is None else _names(controls),
            cluster=cluster,
            within=within,
            weights=weights,
            family=family.value,
            claim=claim,
            smallest_effect_of_interest=smallest_effect_of_interest,
            prior=None if prior is None else _names(prior),
            level=level,
            errors=errors.value,
            missing=missing.value,
            note=note,
            simulations=simulations,
            seed=seed,
        )
        if html is not None:
            found.save(html)
        answer(as_json(found.as_json()) if json else str(found))


def _names(written: str) -> list[str]:
    """Names with commas between.

    Example:
        >>> _names("rh, log:gdp,")
        ['rh', 'log:gdp']
    """
    return [name.strip() for name in written.split(",") if name.strip()]
