"""Options of `drivetrain train` that only networks have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from drivetrain.cli.checked import whole_of

ExemplarsPerClass = Annotated[
    int | None,
    typer.Option(
        "--exemplars",
        help="Training rows of each class that travel with the model, for `drivetrain update`: whoever has the model "
        "can see them.",
        parser=whole_of("exemplars", least=0, most=1000),
        metavar="N",
        show_default="0",
    ),
]


def refuse_options_of_networks(asked: Mapping[str, Any]) -> None:
    """Refuse what only a network of pictures has, before anything is read and sealed.

    Args:
        asked: Option → its value, or None or False where it was not given.

    Raises:
        typer.BadParameter: One was given.

    Example:
        >>> refuse_options_of_networks({"--arch": None, "--keep-best": False})
    """
    given = [name for name, value in asked.items() if value is not None and value is not False]
    if given:
        one = len(given) == 1
        raise typer.BadParameter(
            f"{', '.join(given)} cannot be used with --input table, ratings or texts: models of several sorts compete "
            "there, such as boosted trees, factors, or lines on terms. Expected --budget, --metric and what says how "
            f"data are read. To fix: leave {'it' if one else 'them'} out."
        )
