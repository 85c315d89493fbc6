"""Options of all commands that read data: what kind of input it is, and how a folder or a table is understood."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from inspect import signature
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from drivetrain.cli.checked import checked, whole_of
from drivetrain.notices import warn
from drivetrain.runtime.kinds import known_kind, packages

if TYPE_CHECKING:
    from drivetrain.data.data import Data
    from drivetrain.data.listing import TaskName

DATA = "What to learn from"
"""The panel of the help page they stand in."""


class TaskWord(StrEnum):
    """What a target can be."""

    CATEGORY = "category"
    MULTILABEL = "multilabel"
    NUMBER = "number"
    CATEGORIES = "categories"


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
Task = Annotated[
    TaskWord | None,
    typer.Option(
        "--task",
        help="What the target is: one label per row, several labels, or numbers.",
        metavar="category|multilabel|number",
        show_default="inferred",
        rich_help_panel=DATA,
    ),
]
Kind = Annotated[TaskWord | None, typer.Option("--kind", hidden=True)]
"""The older name of it."""
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
InputKind = Annotated[
    str,
    typer.Option(
        "--input",
        help="The kind of input: images, or one that an installed package brings.",
        parser=checked(known_kind, "input"),
        metavar="KIND",
        rich_help_panel=DATA,
    ),
]
Channels = Annotated[
    int | None,
    typer.Option(
        "--channels",
        help="Of pictures: 1 grey, 3 colour, 4 colour with transparency.",
        parser=whole_of("channels", least=1),
        metavar="N",
        show_default="3",
        rich_help_panel=DATA,
    ),
]


def open_input(input_kind: str, source: str, options: Mapping[str, Any], /, **asked: Any) -> Data:
    """Read a source: with the kind's public function where drivetrain has one, such as `drivetrain.images`.

    Args:
        input_kind: As of `drivetrain.runtime.kinds`.
        source: Folder or table.
        options: Of the kind itself; None was not asked for.
        asked: What every kind takes.

    Raises:
        SettingError: The kind has no such option, and what `open_source` raises.
    """
    import drivetrain as dt  # noqa: PLC0415 - light, but what it loads next is not
    from drivetrain.data.assemble import open_source  # noqa: PLC0415

    given = {name: value for name, value in options.items() if value is not None}
    if packages()[input_kind].startswith("drivetrain.kinds."):
        opened = getattr(dt, input_kind)
        known = signature(opened).parameters
        takes_any = any(each.kind is each.VAR_KEYWORD for each in known.values())
        asked = {name: value for name, value in asked.items() if takes_any or name in known or value is not None}
        return opened(source, **given, **asked)
    return open_source(source, input_kind, options=given, **asked)


def word_of(task: TaskWord | None, kind: TaskWord | None) -> TaskName | None:
    """What `--task` says, or `--kind`, with a warning, as `drivetrain.images` takes it.

    Raises:
        typer.BadParameter: Both are given.
    """
    if kind is None:
        return None if task is None else cast("TaskName", task.value)
    if task is not None:
        raise typer.BadParameter("--task and --kind are both given, and --kind is the older name: leave it out.")
    warn(f"--kind is called --task now, and the old name goes with the next version. To fix: {instead_of(kind)}.")
    return "multilabel" if kind is TaskWord.CATEGORIES else kind.value


def instead_of(kind: TaskWord) -> str:
    """What to write.

    Example:
        >>> instead_of(TaskWord.CATEGORIES)
        '--task multilabel'
    """
    return f"--task {'multilabel' if kind is TaskWord.CATEGORIES else kind.value}"


def one_or_several(columns: list[str] | None) -> str | list[str] | None:
    """What was named, as `drivetrain.images` takes it.

    Example:
        >>> one_or_several(["fruit"]), one_or_several([])
        ('fruit', None)
    """
    return (columns[0] if len(columns) == 1 else columns) if columns else None
