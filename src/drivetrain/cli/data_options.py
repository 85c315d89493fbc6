"""Options of all commands that read pictures: how a folder or a table is to be understood."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from drivetrain.cli.checked import whole_of

DATA = "What to learn from"
"""The panel of the help page they stand in."""


class TargetKind(StrEnum):
    """What a target can be."""

    CATEGORY = "category"
    CATEGORIES = "categories"
    NUMBER = "number"


TargetColumns = Annotated[
    list[str] | None,
    typer.Option(
        "--target", help="Target column; several times for several.", show_default="found", rich_help_panel=DATA
    ),
]
PathColumn = Annotated[
    str | None,
    typer.Option("--path", help="Column of the pictures' paths.", show_default="found", rich_help_panel=DATA),
]
Kind = Annotated[
    TargetKind | None,
    typer.Option("--kind", help="What the target is.", show_default="inferred", rich_help_panel=DATA),
]
LabelDelimiter = Annotated[
    str | None,
    typer.Option("--label-delim", help="What separates several labels in one cell.", rich_help_panel=DATA),
]


class LabelFolder(StrEnum):
    """Which folders name the classes."""

    TOP = "top"
    LEAF = "leaf"


LabelsFrom = Annotated[
    LabelFolder | None,
    typer.Option(
        "--labels-from",
        help="Of a folder: the outermost folder names the class, or the one that a picture is in.",
        show_default="made out",
        rich_help_panel=DATA,
    ),
]
Channels = Annotated[
    int,
    typer.Option(
        "--channels",
        help="1 grey, 3 colour, 4 colour with transparency.",
        parser=whole_of("channels", least=1),
        metavar="N",
        rich_help_panel=DATA,
    ),
]


def one_or_several(columns: list[str] | None) -> str | list[str] | None:
    """What was named, as `drivetrain.images` takes it.

    Example:
        >>> one_or_several(["fruit"]), one_or_several([])
        ('fruit', None)
    """
    return (columns[0] if len(columns) == 1 else columns) if columns else None
