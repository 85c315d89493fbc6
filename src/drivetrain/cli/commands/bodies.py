"""`drivetrain bodies`: which pretrained bodies there are, and how to add one that lies on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from drivetrain.cli.results import Answer, AsJson, answers, as_json, quoted

if TYPE_CHECKING:
    from drivetrain.kinds.images.bodies.list_bodies import Shelved

Row = tuple["Shelved", float | None]
"""A body, and pictures per second."""


def bodies(
    action: Annotated[
        Literal["list", "add"], typer.Argument(help="List what there is, or register a folder.", metavar="[list|add]")
    ] = "list",
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="To add: it holds config.json and model.safetensors; of EfficientAT the second alone.",
            metavar="[FOLDER]",
        ),
    ] = None,
    *,
    name: Annotated[
        str | None, typer.Option(help="To add: what --arch will call it.", show_default="the folder's name")
    ] = None,
    hub: Annotated[str | None, typer.Option(help="Also list those of the hub that match, such as 'resnet*'.")] = None,
    no_speed: Annotated[bool, typer.Option("--no-speed", help="Do not measure how fast they are here.")] = False,
    json: AsJson = False,
) -> None:
    """List the pretrained bodies on this machine (and with --hub on the hub), or register a timm folder as one."""
    if (action == "add") != (folder is not None):
        raise typer.BadParameter("expected `drivetrain bodies` alone, or `drivetrain bodies add FOLDER`.")
    with answers() as answer:
        if folder is not None:
            _add(folder, name, json, answer)
        else:
            _list(hub, no_speed, json, answer)


def _add(folder: Path, name: str | None, json: bool, answer: Answer) -> None:
    from drivetrain.kinds.images.bodies.local_bodies import LOCAL, keep_name, register  # noqa: PLC0415 - brings timm
    from drivetrain.kinds.sounds.bodies.audio import is_audio_body  # noqa: PLC0415

    arch = keep_name(folder, name) if is_audio_body(f"{LOCAL}{folder}") else register(folder, name)
    answer(as_json({"arch": arch, "folder": str(folder)}) if json else f"{quoted(folder)} is now --arch {arch}")


def _list(hub: str | None, no_speed: bool, json: bool, answer: Answer) -> None:
    from drivetrain.kinds.images.bodies.list_bodies import bodies_here, bodies_of_hub, speed  # noqa: PLC0415 - brings torch

    here = bodies_here()
    rows: list[Row] = [
        (body, None if no_speed or not body.ready or not body.input_px else speed(body.arch, body.input_px))
        for body in here
    ]
    found = bodies_of_hub(hub) if hub else []
    rows += [(body, None) for body in found if body.arch not in {known.arch for known in here}]
    if json:
        answer(as_json({"bodies": [_object(row) for row in rows]}))
        return
    answer(_text(rows))
    if hub and not found:
        answer(f"on the hub: none that match {hub!r}, or it cannot be reached")


def _object(row: Row) -> dict[str, Any]:
    body, pictures_per_second = row
    return {**vars(body), "pictures_per_second": pictures_per_second}


def _text(rows: list[Row]) -> str:
    ready = [row for row in rows if row[0].how is None]
    others = [
        f"{body.arch} ({body.accuracy}): {body.problem or 'not installed'}. To have it: {body.how}"
        for body, _ in rows
        if body.how is not None
    ]
    return "\n".join([_table(ready), *others])


def _table(rows: list[Row]) -> str:
    table = [("arch", "where", "size", "input", "speed here", "accuracy, as its card states it")]
    for body, pictures_per_second in rows:
        table.append(
            (
                body.arch,
                "a package" if body.place == "package" else body.place,
                "–" if body.megabytes is None else f"{body.megabytes:.1f} MB",
                "sounds" if body.input_px is None else f"{body.input_px} px",
                "–" if pictures_per_second is None else f"{pictures_per_second:,.0f} pictures/s",
                body.accuracy or "–",
            )
        )
    if not rows:
        return "none on this machine yet: drivetrain bodies add FOLDER, or --hub 'resnet*'"
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
    )
