"""Where a command finds the project folder: an option that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivetrain.cli.checked import path_of

ProjectFolder = Annotated[
    Path | None,
    typer.Option(
        "--project",
        help="Folder that keeps seals, openings and trials.",
        parser=path_of("project"),
        metavar="DIR",
        show_default="$DRIVETRAIN_PROJECT, or .drivetrain",
    ),
]
