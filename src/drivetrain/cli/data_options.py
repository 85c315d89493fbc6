"""Options of all commands that read data: what kind of input it is, and how a folder or a table is understood."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from inspect import signature
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from drivetrain.cli.checked import checked, number_of, path_of, whole_of
from drivetrain.errors import SettingError, did_you_mean
from drivetrain.notices import warn
from drivetrain.runtime.kinds import known_kind, packages

if TYPE_CHECKING:
    from drivetrain.data.data import Data
    from drivetrain.data.listing import TaskName

COMPETING = ("table", "ratings", "texts")
"""Kinds of input for which models of several sorts compete."""
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
    typer.Option("--path", help="Column of the paths of files.", show_default="found", rich_help_panel=DATA),
]
SplitColumn = Annotated[
    str | None,
    typer.Option(
        "--split",
        help="Column that says train, valid or test, or a .json file with a split that was saved.",
        show_default="found",
        rich_help_panel=DATA,
    ),
]
GroupBy = Annotated[
    str | None,
    typer.Option(
        "--group",
        help="What rows belong to; no group is in two parts: a column, folder, near-duplicates, camera, day, or a "
        "regular expression with a (group) for the path.",
        show_default="none",
        rich_help_panel=DATA,
    ),
]
TakenAt = Annotated[
    str | None,
    typer.Option(
        "--time",
        help="When a row was taken; what is later validates and tests: a column, or a regular expression.",
        show_default="none",
        rich_help_panel=DATA,
    ),
]
Gap = Annotated[
    str | None,
    typer.Option(
        "--gap", help="Time left out between the parts, such as 7d.", show_default="none", rich_help_panel=DATA
    ),
]
Review = Annotated[
    Path | None,
    typer.Option(
        "--review",
        help="Decisions that `drivetrain review` wrote.",
        parser=path_of("review"),
        metavar="FILE",
        show_default="none",
        rich_help_panel=DATA,
    ),
]
Seals = Annotated[
    list[Path] | None,
    typer.Option(
        "--seal",
        help="Test set that somebody else sealed; none of it is trained on.",
        parser=path_of("seal"),
        metavar="FILE",
        rich_help_panel=DATA,
    ),
]
Retire = Annotated[
    str | None,
    typer.Option(
        "--retire",
        help="Reason to give up a sealed test set that this split would train on.",
        rich_help_panel=DATA,
    ),
]
ValidPct = Annotated[
    float | None,
    typer.Option(
        "--valid-pct",
        help="Fraction held out for validation.",
        parser=number_of("valid_pct", least=0, below=1),
        metavar="FRACTION",
        show_default="0.2, or as given",
        rich_help_panel=DATA,
    ),
]
TestPct = Annotated[
    float | None,
    typer.Option(
        "--test-pct",
        help="Fraction sealed for the test.",
        parser=number_of("test_pct", least=0, below=1),
        metavar="FRACTION",
        show_default="0.2, or as given",
        rich_help_panel=DATA,
    ),
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
        help="Of a folder: the outermost folder names the class, or the one that a file is in.",
        show_default="made out",
        rich_help_panel=DATA,
    ),
]
InputKind = Annotated[
    str,
    typer.Option(
        "--input",
        help="The kind of input: images, texts, sounds, traces, binaries, table, ratings, or one that an installed "
        "package brings.",
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


TextColumns = Annotated[
    list[str] | None,
    typer.Option(
        "--text",
        help="Of texts: the column that holds them; several times for several, read one after the other.",
        show_default="found",
        rich_help_panel=DATA,
    ),
]


RATINGS = "Of ratings"
User = Annotated[
    str | None,
    typer.Option("--user", help="Column of users.", show_default="user", rich_help_panel=RATINGS),
]
Item = Annotated[
    str | None,
    typer.Option("--item", help="Column of items.", show_default="item", rich_help_panel=RATINGS),
]
Weight = Annotated[
    str | None,
    typer.Option("--weight", help="Column that says how much a row counts.", rich_help_panel=RATINGS),
]
UserTable = Annotated[
    str | None,
    typer.Option("--users", help="Table of what is known of users, by their id.", rich_help_panel=RATINGS),
]
ItemTable = Annotated[
    str | None,
    typer.Option("--items", help="Table of what is known of items, by their id.", rich_help_panel=RATINGS),
]
HoldOut = Annotated[
    str | None,
    typer.Option(
        "--hold-out",
        help="How rows are drawn: time, chance, or within user.",
        show_default="time, where given",
        rich_help_panel=RATINGS,
    ),
]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        help="A setting of the kind of input, as its function in Python takes it: session=trial, x=left (traces), ...; "
        "several times for several.",
        metavar="NAME=VALUE",
        show_default="none",
        rich_help_panel=DATA,
    ),
]


def options_of_kind(said: list[str] | None) -> dict[str, Any]:
    """Name → value of what `--option` says; numbers as numbers, true and false as such.

    Raises:
        typer.BadParameter: One is no NAME=VALUE, or a name is given twice.

    Example:
        >>> options_of_kind(["session=trial", "window_s=1.5", "span=False"])
        {'session': 'trial', 'window_s': 1.5, 'span': False}
    """
    found: dict[str, Any] = {}
    for one in said or []:
        name, sign, value = one.partition("=")
        name = name.strip().replace("-", "_")
        if not sign or not name or not value.strip():
            raise typer.BadParameter(f"--option {one!r} is no NAME=VALUE: write such as --option session=trial.")
        if name in found:
            raise typer.BadParameter(f"--option {name} is given twice: give it once.")
        found[name] = _as_value(value.strip())
    return found


def _as_value(value: str) -> bool | int | float | str:
    if value in ("true", "True", "false", "False"):
        return value in ("true", "True")
    for kind in (int, float):
        try:
            number = kind(value)
        except ValueError:
            continue
        if isfinite(number):
            return number
    return value


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
    if input_kind == "ratings":
        given["rating"] = asked.pop("target", None)  # what is said of a pair; None: each row is an event
    if packages()[input_kind].startswith("drivetrain.kinds."):
        opened = getattr(dt, input_kind)
        known = signature(opened).parameters
        takes_any = any(each.kind is each.VAR_KEYWORD for each in known.values())
        for name in given:
            if name not in known and not takes_any:
                raise SettingError(
                    f"{input_kind} have no option {name!r}.{did_you_mean(name, known)} To fix: leave it out, or name "
                    f"an argument of drivetrain.{input_kind}."
                )
            if name in asked:
                raise SettingError(
                    f"{name} has an option of its own. To fix: write --{name.replace('_', '-')} instead."
                )
        asked = {name: value for name, value in asked.items() if takes_any or name in known or value is not None}
        return opened(source, **given, **asked)
    return open_source(source, input_kind, options=given, **asked)


def say_what_was_read(data: Data) -> None:
    """Tell the parts, what was passed over, and the target, before anything is trained."""
    from drivetrain.data.data import describe_target  # noqa: PLC0415
    from drivetrain.progress import say  # noqa: PLC0415

    sealed = " (sealed)" if data.n_test else ""
    say(f"{data.source}: {len(data.train)} training, {len(data.valid)} validation, {data.n_test} test rows{sealed}")
    if data.report.ignored:
        say("not looked at: " + ", ".join(f"{n} × {what}" for what, n in sorted(data.report.ignored.items())))
    say(f"target: {describe_target(data.target)}")


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
