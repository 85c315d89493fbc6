"""Where a command finds the project folder: an option that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ProjectFolder = Annotated[
    Path | None,
    typer.Option(
        "--project",
        help="Folder that keeps seals, openings and trials.",
        metavar="DIR",
        show_default="$DRIVETRAIN_PROJECT, or .drivetrain",
    ),
]
