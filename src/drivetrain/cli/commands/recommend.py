"""`drivetrain recommend`: the best items for a user, and why."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivetrain.cli.checked import number_of, path_of, whole_of
from drivetrain.cli.failures import complain
from drivetrain.cli.results import answers, as_json

if TYPE_CHECKING:
    from drivetrain.kinds.ratings.recommending.catalogue import Catalogue


class ByName(StrEnum):
    """Values of --by."""

    PREDICTION = "prediction"
    DISCOVERY = "discovery"


def recommend(
    model: Annotated[
        Path, typer.Argument(help="Folder that `drivetrain train` wrote.", metavar="MODEL", parser=path_of("MODEL"))
    ],
    *,
    user: Annotated[
        str | None, typer.Option(help="Name of a user of the training data; left out: somebody new, by --like.")
    ] = None,
    n: Annotated[int, typer.Option("-n", help="How many items.", parser=whole_of("n", least=1), metavar="N")] = 10,
    like: Annotated[
        list[str] | None, typer.Option(help="An item that the user likes, or ITEM=RATING; repeat it for more.")
    ] = None,
    seen: Annotated[bool, typer.Option("--seen", help="Also recommend what the user has.", show_default=False)] = False,
    diversity: Annotated[
        float,
        typer.Option(
            help="0: the best items; 1: those least like each other.",
            parser=number_of("diversity", least=0, most=1),
            metavar="NUMBER",
        ),
    ] = 0.0,
    novelty: Annotated[
        float,
        typer.Option(
            help="0: the best items; 1: the least known.",
            parser=number_of("novelty", least=0, most=1),
            metavar="NUMBER",
        ),
    ] = 0.0,
    at_most_per: Annotated[
        list[str] | None,
        typer.Option(help="COLUMN=N: at most N items of one author, or what the column says; repeat it."),
    ] = None,
    not_from: Annotated[
        list[str] | None,
        typer.Option(
            help="COLUMN: nothing whose author (…) the user knows; COLUMN=VALUE: nothing of that; or an item."
        ),
    ] = None,
    by: Annotated[
        ByName, typer.Option(help="discovery discounts what the user would find anyway: a heuristic.")
    ] = ByName.PREDICTION,
    json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON object per item and line: item, score, why.", show_default=False),
    ] = False,
) -> None:
    """Recommend items of a model of ratings or events, the best first, each with the reason."""
    import drivetrain as dt  # noqa: PLC0415 - light, but what it loads next is not
    from drivetrain.kinds.ratings.recommending.lists import line_of  # noqa: PLC0415

    with answers() as answer:
        predictor = dt.load(model)
        recommender = predictor.recommender
        catalogue: Catalogue = recommender.catalogue
        best = 1.0 if recommender.scale is None else recommender.scale[1]
        found = predictor.recommend(
            user,
            n,
            favourites=_favourites(catalogue, like, best),
            exclude_seen=not seen,
            diversity=diversity,
            novelty=novelty,
            at_most_per=_limits(at_most_per),
            not_from=_not_from(catalogue, not_from),
            by=by.value,
        )
        for one in found:
            answer(as_json(one.as_json()) if json else line_of(one))
        for name, decision in found.decisions.items():
            complain("note", f"{name}: {decision}")


def _favourites(catalogue: Catalogue, words: Sequence[str] | None, best: float) -> Any:
    """Items with ratings where there are some; an item whose own name has an equals sign is one."""
    if not words:
        return None
    told: dict[str, str | None] = {}
    for word in words:
        name, sign, rating = word.rpartition("=")
        whole = not sign or word in catalogue.item_code or word.casefold() in catalogue.by_title
        told[word if whole else name] = None if whole else rating
    if all(rating is None for rating in told.values()):
        return list(told)
    return {name: best if rating is None else rating for name, rating in told.items()}


def _limits(words: Sequence[str] | None) -> dict[str, str] | None:
    if not words:
        return None
    split = [word.rpartition("=") for word in words]
    for name, sign, _ in split:
        if not sign or not name:
            raise typer.BadParameter("expected COLUMN=N, such as author=1", param_hint="--at-most-per")
    return {name: most for name, _, most in split}


def _not_from(catalogue: Catalogue, words: Sequence[str] | None) -> Any:
    """A column, columns with values, or items: as `recommend` of a model takes them, one kind at a time."""
    if not words:
        return None
    columns = [word for word in words if word in catalogue.attributes]
    named = [word.partition("=") for word in words if word.partition("=")[0] in catalogue.attributes and "=" in word]
    if len(columns) + len(named) not in (0, len(words)) or len(columns) > 1 or (columns and named):
        raise typer.BadParameter(
            "expected one column alone, or COLUMN=VALUE, or items, not several of these at once",
            param_hint="--not-from",
        )
    if columns:
        return columns[0]
    if not named:
        return list(words)
    found: dict[str, list[str]] = {}
    for name, _, value in named:
        found.setdefault(name, []).append(value)
    return found
