"""Options of `drivetrain train` that only networks have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer


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
            f"{', '.join(given)} cannot be used with --input table or ratings: models of several sorts compete there, "
            f"such as boosted trees, or factors. Expected --budget, --metric and what says how data are read. To fix: "
            f"leave {'it' if one else 'them'} out."
        )
